//! The passwords of a trunk, apart from its configuration.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::TrunkConfig;
use crate::secret::{clear, reunite};

/// The secrets of a trunk, apart from its configuration, as they are stored. They serialise in the clear.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrunkSecrets {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sip_password: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    asterisk_password: Option<String>,
}

impl fmt::Debug for TrunkSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrunkSecrets").finish_non_exhaustive()
    }
}

impl TrunkConfig {
    /// What must be stored beside the configuration, which serialises without it.
    pub fn secrets(&self) -> TrunkSecrets {
        let sip = self.sip.as_ref().and_then(|sip| sip.password.as_ref());
        let asterisk = self.asterisk.as_ref().map(|asterisk| &asterisk.password);
        TrunkSecrets {
            sip_password: sip.and_then(clear),
            asterisk_password: asterisk.and_then(clear),
        }
    }

    /// Put secrets in where the configuration has only their mask: as it was read from storage, or written back by a
    /// person who has seen no more.
    pub fn reunite(&mut self, secrets: &TrunkSecrets) {
        let sip = self.sip.as_mut().and_then(|sip| sip.password.as_mut());
        let asterisk = self.asterisk.as_mut().map(|asterisk| &mut asterisk.password);
        reunite(sip, secrets.sip_password.as_ref());
        reunite(asterisk, secrets.asterisk_password.as_ref());
    }
}
