//! The part of the configuration that robots hear and speak with.

use std::path::Path;

use workers::providers::SpeechSetup;

use super::Reader;

/// What this machine has for robots. Folders that are not there are told of when something of them is needed.
pub(super) fn speech(reader: &mut Reader<'_>, data: &Path) -> SpeechSetup {
    let private_hosts = reader.text("CALLWRIGHT_PRIVATE_HOSTS").unwrap_or_default();
    let private_hosts = private_hosts.split(',').map(str::trim).filter(|host| !host.is_empty());
    SpeechSetup {
        private_hosts: private_hosts.map(str::to_owned).collect(),
        models: reader.path("CALLWRIGHT_MODELS").unwrap_or_else(|| data.join("models")),
        piper_python: reader
            .path("CALLWRIGHT_PIPER")
            .unwrap_or_else(|| data.join("piper/bin/python")),
        piper_voices: reader
            .path("CALLWRIGHT_PIPER_VOICES")
            .unwrap_or_else(|| data.join("piper/voices")),
    }
}
