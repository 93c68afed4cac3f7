//! Speech by `espeak-ng`, a program that needs no network. Each text is a process of its own, which ends with the future
//! that waits for it. The text goes in through a pipe, so that nobody reads it in the list of processes.

use std::io::Cursor;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;
use tokio::sync::Semaphore;

use crate::failure::SpeechError;
use crate::resample::to_telephone;
use crate::synthesis::{SpeechWish, SpokenStream, Synthesiser, TEXT_MAX};

const PROGRAM: &str = "espeak-ng";
/// Processes at a time; other texts wait.
const AT_ONCE_MAX: usize = 4;
/// A text of the longest length takes a part of this.
const TIME_MAX: Duration = Duration::from_secs(20);
/// The largest output: [`TEXT_MAX`] characters are some minutes at 22,050 samples a second.
const WAV_BYTES_MAX: u64 = 32 << 20;
/// The length that a WAV of unknown length states in its header; hound reads up to the end of the file then.
const HEADER_BYTES: usize = 44;

/// The synthesiser. Clones share the limit of processes.
#[derive(Debug, Clone)]
pub struct Espeak {
    running: Arc<Semaphore>,
}

impl Default for Espeak {
    fn default() -> Self {
        Self { running: Arc::new(Semaphore::new(AT_ONCE_MAX)) }
    }
}

#[async_trait]
impl Synthesiser for Espeak {
    async fn speak(&self, wish: &SpeechWish) -> Result<SpokenStream, SpeechError> {
        let characters = wish.text.chars().count();
        if characters > TEXT_MAX {
            return Err(SpeechError::TooLong(characters));
        }
        let spoken = async {
            let _place = self.running.acquire().await;
            run(wish).await
        };
        let wav = tokio::time::timeout(TIME_MAX, spoken).await;
        let wav = wav.map_err(|_| SpeechError::TimedOut)?.map_err(SpeechError::failed)?;
        let samples = tokio::task::spawn_blocking(move || samples(wav));
        Ok(SpokenStream::of(samples.await.map_err(SpeechError::failed)??))
    }
}

/// The voice that reads a text: the one that is wished for; else Mandarin for text with Han characters, and English for
/// other text.
fn voice(wish: &SpeechWish) -> &str {
    let han = |c: char| ('\u{3400}'..='\u{9fff}').contains(&c);
    match &wish.voice {
        voice if !voice.is_empty() => voice,
        _ if wish.text.chars().any(han) => "cmn",
        _ => "en-us",
    }
}

async fn run(wish: &SpeechWish) -> std::io::Result<Vec<u8>> {
    let mut child = Command::new(PROGRAM)
        .args(["-v", voice(wish), "--stdin", "--stdout"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| std::io::Error::new(error.kind(), format!("{PROGRAM}: {error}")))?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let write = async {
        if let Some(mut stdin) = stdin {
            stdin.write_all(wish.text.as_bytes()).await?;
        }
        Ok::<(), std::io::Error>(())
    };
    let read = async {
        let mut wav = Vec::new();
        if let Some(stdout) = stdout {
            stdout.take(WAV_BYTES_MAX).read_to_end(&mut wav).await?;
        }
        Ok::<_, std::io::Error>(wav)
    };
    let ((), wav) = tokio::try_join!(write, read)?;
    let ended = child.wait().await?;
    if ended.success() {
        Ok(wav)
    } else {
        Err(std::io::Error::other(format!("{PROGRAM} ended with {ended}")))
    }
}

/// What a WAV holds, at the telephone's rate.
fn samples(wav: Vec<u8>) -> Result<Vec<i16>, SpeechError> {
    if wav.len() <= HEADER_BYTES {
        return Ok(Vec::new());
    }
    let mut reader = hound::WavReader::new(Cursor::new(wav)).map_err(SpeechError::failed)?;
    let spec = reader.spec();
    if spec.channels != 1 || spec.bits_per_sample != 16 {
        return Err(SpeechError::Failed(format!(
            "{PROGRAM} gave {} channels of {} bits, not one of 16",
            spec.channels, spec.bits_per_sample
        )));
    }
    // The header of a stream states more than there is: it ends with the last whole sample.
    let read: Vec<i16> = reader.samples::<i16>().map_while(Result::ok).collect();
    to_telephone(&read, spec.sample_rate).map_err(SpeechError::failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How loud a stretch is, as the mean of the samples' heights.
    fn loudness(samples: &[i16]) -> u32 {
        let sum: u64 = samples.iter().map(|sample| u64::from(sample.unsigned_abs())).sum();
        u32::try_from(sum / samples.len().max(1) as u64).unwrap()
    }

    async fn spoken(text: &str) -> Result<Vec<i16>, SpeechError> {
        let wish = SpeechWish { text: text.to_owned(), ..SpeechWish::default() };
        let mut stream = Espeak::default().speak(&wish).await?;
        let mut samples = Vec::new();
        while let Some(piece) = stream.next().await {
            samples.extend_from_slice(&piece?);
        }
        Ok(samples)
    }

    #[tokio::test]
    async fn a_text_becomes_speech_at_the_telephones_rate() {
        let short = spoken("Hello.").await.unwrap();
        let long = spoken("Hello, this is the garage. Your car is ready.").await.unwrap();
        let seconds = long.len() as f32 / crate::synthesis::RATE as f32;
        assert!((2.0..6.0).contains(&seconds), "{seconds} s");
        assert!(short.len() * 2 < long.len());
        assert!(loudness(&long) > 300, "{}", loudness(&long));
    }

    #[tokio::test]
    async fn chinese_is_read_as_mandarin_and_not_spelled() {
        let text = "您好，我是客服中心。";
        let spoken = spoken(text).await.unwrap();
        let seconds = spoken.len() as f32 / crate::synthesis::RATE as f32;
        assert!((1.0..6.0).contains(&seconds), "{seconds} s");
        let wish = |text: &str, voice: &str| SpeechWish {
            text: text.into(),
            voice: voice.into(),
            ..SpeechWish::default()
        };
        let wishes = [wish(text, ""), wish("Hello", ""), wish("Hello", "de")];
        assert_eq!(wishes.each_ref().map(voice), ["cmn", "en-us", "de"]);
    }

    #[tokio::test]
    async fn a_text_that_is_an_option_of_the_program_is_spoken() {
        assert!(!spoken("--version").await.unwrap().is_empty());
        assert_eq!(spoken("").await.unwrap().len(), 0);
    }

    #[tokio::test]
    async fn a_text_that_is_too_long_is_refused_and_not_quoted() {
        let error = spoken(&"a".repeat(TEXT_MAX + 1)).await.unwrap_err();
        assert_eq!(error.to_string(), "a text of 2001 characters is too long");
    }
}
