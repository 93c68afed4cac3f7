//! A process that speaks with one Piper voice: `piper_voice.py`, which is part of this program, run by the Python that has
//! Piper. Loading a voice takes a second or two, so a process speaks many texts, one at a time.
//!
//! It ends when it is dropped, and when its owner dies, as its standard input ends then.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use bytes::{Buf, Bytes, BytesMut};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::failure::SpeechError;

/// What runs in the process.
const SCRIPT: &str = include_str!("piper_voice.py");
/// The largest frame; the script gives smaller ones.
const FRAME_BYTES_MAX: usize = 64 << 10;
/// A frame's letter and length.
const FRAME_HEAD_BYTES: usize = 5;
/// The kind of an error that a frame tells, in characters.
const KIND_CHARS_MAX: usize = 40;

/// Piper on this machine.
#[derive(Debug, Clone)]
pub struct PiperProgram {
    /// A Python that has the package `piper-tts`, as `target/tools/piper/bin/python`.
    pub python: PathBuf,
    /// A folder of voices: `NAME.onnx` with `NAME.onnx.json` beside it.
    pub voices: PathBuf,
}

impl PiperProgram {
    /// Where a voice is; whether it is there is another thing.
    pub(super) fn model(&self, voice: &str) -> PathBuf {
        self.voices.join(format!("{voice}.onnx"))
    }

    fn missing(&self, what: &Path) -> SpeechError {
        SpeechError::Failed(format!(
            "Piper is not installed: there is no {}; `pip install piper-tts`, and put a voice's .onnx and .onnx.json files into {}",
            what.display(),
            self.voices.display(),
        ))
    }
}

/// A process that is ready for a text, or speaks one.
#[derive(Debug)]
pub(super) struct VoiceProcess {
    child: Child,
    stdin: ChildStdin,
    stdout: ChildStdout,
    received: BytesMut,
    /// Samples a second.
    pub rate: u32,
    /// The number of the last text.
    text: u64,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum State {
    Ready,
    Speaking,
    /// It can't be used any more: what it reads or gives is no longer whole.
    Broken,
}

enum Frame {
    Ready(u32),
    Samples(Bytes),
    End,
    Failed(String),
}

impl VoiceProcess {
    /// Start a process and wait until its voice is loaded.
    pub async fn start(program: &PiperProgram, voice: &str) -> Result<Self, SpeechError> {
        let model = program.model(voice);
        for file in [&program.python, &model] {
            if !tokio::fs::try_exists(file).await.unwrap_or(false) {
                return Err(program.missing(file));
            }
        }
        let mut child = Command::new(&program.python)
            .args(["-c", SCRIPT])
            .arg(&model)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| SpeechError::Failed(format!("Piper does not start: {error}")))?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(SpeechError::failed("Piper starts without pipes"));
        };
        let (received, state) = (BytesMut::new(), State::Broken);
        let mut process = Self { child, stdin, stdout, received, rate: 0, text: 0, state };
        match process.frame().await? {
            Frame::Ready(rate) if (8_000..=48_000).contains(&rate) => process.rate = rate,
            _ => return Err(rubbish()),
        }
        process.state = State::Ready;
        Ok(process)
    }

    pub fn state(&self) -> State {
        self.state
    }

    /// It has ended by itself, or was killed.
    pub fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Give it a text. Its samples are read by [`VoiceProcess::next`].
    pub async fn begin(&mut self, text: &str) -> Result<(), SpeechError> {
        self.text += 1;
        self.write(&json!({"text": text, "id": self.text})).await
    }

    /// Bytes of samples; none at the end of the text, when it is ready for another. Cancel safe.
    pub async fn next(&mut self) -> Result<Option<Bytes>, SpeechError> {
        match self.frame().await {
            Ok(Frame::Samples(bytes)) => Ok(Some(bytes)),
            Ok(Frame::End) => {
                self.state = State::Ready;
                Ok(None)
            }
            Ok(Frame::Failed(kind)) => {
                self.state = State::Ready;
                Err(SpeechError::Failed(format!("Piper can't speak a text: {kind}")))
            }
            Ok(Frame::Ready(_)) => {
                self.state = State::Broken;
                Err(rubbish())
            }
            Err(error) => {
                self.state = State::Broken;
                Err(error)
            }
        }
    }

    /// End the text, and wait until the process is ready for another.
    pub async fn stop(&mut self) -> Result<(), SpeechError> {
        self.write(&json!({"stop": self.text})).await?;
        while self.next().await?.is_some() {}
        Ok(())
    }

    async fn write(&mut self, line: &Value) -> Result<(), SpeechError> {
        // Should this be cancelled, the line may be half written.
        self.state = State::Broken;
        let written = self.stdin.write_all(format!("{line}\n").as_bytes()).await;
        written.map_err(|_| ended())?;
        self.state = State::Speaking;
        Ok(())
    }

    async fn frame(&mut self) -> Result<Frame, SpeechError> {
        loop {
            if let Some(frame) = frame(&mut self.received)? {
                return Ok(frame);
            }
            let read = self.stdout.read_buf(&mut self.received).await;
            if read.map_err(SpeechError::failed)? == 0 {
                return Err(ended());
            }
        }
    }
}

fn ended() -> SpeechError {
    SpeechError::failed(
        "the process of Piper ended; is the package `piper-tts` there, and is the voice whole?",
    )
}

fn rubbish() -> SpeechError {
    SpeechError::failed("the process of Piper gives something else than speech")
}

/// Take the next frame out of what was received; none while it is not whole.
fn frame(received: &mut BytesMut) -> Result<Option<Frame>, SpeechError> {
    let Some([letter, a, b, c, d]) = received.get(..FRAME_HEAD_BYTES) else { return Ok(None) };
    let (letter, length) = (*letter, u32::from_le_bytes([*a, *b, *c, *d]) as usize);
    if length > FRAME_BYTES_MAX || !b"rsef".contains(&letter) {
        return Err(rubbish());
    }
    if received.len() < FRAME_HEAD_BYTES + length {
        return Ok(None);
    }
    received.advance(FRAME_HEAD_BYTES);
    let body = received.split_to(length).freeze();
    match (letter, &body[..]) {
        (b'r', [a, b, c, d]) => Ok(Some(Frame::Ready(u32::from_le_bytes([*a, *b, *c, *d])))),
        (b's', _) => Ok(Some(Frame::Samples(body))),
        (b'e', []) => Ok(Some(Frame::End)),
        (b'f', kind) => {
            let kind = String::from_utf8_lossy(kind);
            let word = |c: &char| c.is_ascii_alphanumeric();
            Ok(Some(Frame::Failed(kind.chars().filter(word).take(KIND_CHARS_MAX).collect())))
        }
        _ => Err(rubbish()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_taken_when_they_are_whole_and_rubbish_is_refused() {
        let mut received = BytesMut::new();
        let whole =
            [&b"r\x04\0\0\0\x22\x56\0\0s\x02\0\0\0ab"[..], b"e\0\0\0\0f\x03\0\0\0O s"].concat();
        let mut seen = Vec::new();
        for byte in whole {
            received.extend_from_slice(&[byte]);
            seen.extend(frame(&mut received).unwrap().map(|frame| match frame {
                Frame::Ready(rate) => rate.to_string(),
                Frame::Samples(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
                Frame::End => "end".to_owned(),
                Frame::Failed(kind) => kind,
            }));
        }
        assert_eq!(seen, ["22050", "ab", "end", "Os"]);
        for rubbish in [&b"Traceback"[..], b"s\xff\xff\xff\x7f", b"r\0\0\0\0", b"e\x01\0\0\0x"] {
            assert!(frame(&mut BytesMut::from(rubbish)).is_err());
        }
    }
}
