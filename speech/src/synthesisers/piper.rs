//! Speech by Piper on this machine: a neural voice that needs no network, and makes a second of speech in a tenth of a second.

use std::time::Duration;

use async_trait::async_trait;
use outbound::provider::LocalService;
use tokio::time::timeout;

use super::pcm::Pcm;
use super::piper_pool::Working;
pub use super::piper_pool::{PROCESSES_MAX, PiperProcesses};
pub use super::piper_process::PiperProgram;
use crate::failure::SpeechError;
use crate::synthesis::{EagerSink, SpeechWish, SpokenStream, Synthesiser, silent};

/// Between two parts of a speech may pass so long: a long sentence is made as a whole.
const STALL_MAX: Duration = Duration::from_secs(15);
/// A text may take so long.
const TIME_MAX: Duration = Duration::from_secs(120);
/// Voices that a folder may have.
const VOICES_MAX: usize = 10_000;

/// The synthesiser. Texts wait for a process, of which there are [`PROCESSES_MAX`].
#[derive(Debug, Clone)]
pub struct Piper {
    processes: PiperProcesses,
    voice: String,
    first_max: Duration,
}

impl Piper {
    /// `processes` are shared by all providers of this kind. `timeout_ms`: until the first samples. A voice is a file's name
    /// without `.onnx`, as `en_US-joe-medium`; where neither the wish nor the configuration names one, it is the first that
    /// has the language.
    pub fn new(processes: &PiperProcesses, service: &LocalService, timeout_ms: u32) -> Self {
        Self {
            processes: processes.clone(),
            voice: service.voice.clone().unwrap_or_default(),
            first_max: Duration::from_millis(timeout_ms.into()),
        }
    }

    async fn voice(&self, wish: &SpeechWish) -> Result<String, SpeechError> {
        let named = [&wish.voice, &self.voice].into_iter().find(|voice| !voice.is_empty());
        let Some(voice) = named else {
            return first_voice(self.processes.program(), wish.language().unwrap_or_default())
                .await;
        };
        let right = |c: char| c.is_ascii_alphanumeric() || "-_+".contains(c);
        if !voice.chars().all(right) {
            return Err(SpeechError::failed("its voices have names of letters, digits, - _ and +"));
        }
        Ok(voice.clone())
    }
}

#[async_trait]
impl Synthesiser for Piper {
    async fn speak(&self, wish: &SpeechWish) -> Result<SpokenStream, SpeechError> {
        let Some(text) = wish.words()? else { return Ok(SpokenStream::of(Vec::new())) };
        let begun = async {
            let voice = self.voice(wish).await?;
            let working = self.processes.of(&voice).await?;
            let text = text.to_owned();
            let speech = SpokenStream::eager(|sink| async move {
                let spoken = timeout(TIME_MAX, spoken(working, &text, sink)).await;
                spoken.map_err(|_| SpeechError::TimedOut)?
            });
            speech.begun().await
        };
        timeout(self.first_max, begun).await.map_err(|_| SpeechError::TimedOut)?
    }
}

async fn spoken(mut working: Working, text: &str, mut sink: EagerSink) -> Result<(), SpeechError> {
    let process = working.process()?;
    process.begin(text).await?;
    let mut pcm = Pcm::new(process.rate);
    loop {
        let bytes =
            timeout(STALL_MAX, process.next()).await.map_err(|_| SpeechError::TimedOut)??;
        let Some(bytes) = bytes else { break };
        sink.add(pcm.add(&bytes)?)?;
    }
    sink.add(pcm.finish()?)?;
    if sink.is_empty() { Err(silent()) } else { Ok(()) }
}

/// The first voice with this language, by name: names begin as `en_US-`. Without a language it is the first of all.
async fn first_voice(program: &PiperProgram, language: &str) -> Result<String, SpeechError> {
    let none = || {
        let of = if language.is_empty() { "" } else { " of this language" };
        let folder = program.voices.display();
        SpeechError::Failed(format!(
            "Piper has no voice{of}: put an .onnx and its .onnx.json into {folder}"
        ))
    };
    let mut files = tokio::fs::read_dir(&program.voices).await.map_err(|_| none())?;
    let mut voices = Vec::new();
    while let Some(file) = files.next_entry().await.map_err(SpeechError::failed)? {
        let name = file.file_name();
        let voice = name.to_str().and_then(|name| name.strip_suffix(".onnx"));
        let speaks = |voice: &&str| {
            let rest = voice.strip_prefix(language);
            rest.is_some_and(|rest| language.is_empty() || rest.starts_with(['_', '-']))
        };
        voices.extend(voice.filter(speaks).map(str::to_owned));
        if voices.len() >= VOICES_MAX {
            break;
        }
    }
    voices.into_iter().min().ok_or_else(none)
}
