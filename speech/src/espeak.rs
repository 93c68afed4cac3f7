//! Speech by `espeak-ng`, a program that needs no network. Each text is a process of its own, which ends when nobody listens
//! any more. The text goes in through a pipe, so that nobody reads it in the list of processes.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use outbound::provider::LocalService;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{ChildStdin, ChildStdout, Command};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::failure::SpeechError;
use crate::synthesis::{EagerSink, RATE, SpeechWish, SpokenStream, Synthesiser, silent};
use crate::synthesisers::pcm::Pcm;

const PROGRAM: &str = "espeak-ng";
/// Processes at a time; other texts wait.
const AT_ONCE_MAX: usize = 4;
/// The first samples may take so long, where nothing else is configured.
const FIRST_MAX: Duration = Duration::from_secs(5);
/// A text of the longest length takes a part of this.
const TIME_MAX: Duration = Duration::from_secs(20);
/// Bytes that are read at a time.
const READ_BYTES: usize = 16 << 10;

/// The synthesiser. Clones share the limit of processes.
#[derive(Debug, Clone)]
pub struct Espeak {
    running: Arc<Semaphore>,
    voice: String,
    first_max: Duration,
}

impl Default for Espeak {
    fn default() -> Self {
        let running = Arc::new(Semaphore::new(AT_ONCE_MAX));
        Self { running, voice: String::new(), first_max: FIRST_MAX }
    }
}

impl Espeak {
    /// It with the settings of a provider: the voice where a wish names none, and the time until the first samples.
    pub fn configured(&self, service: &LocalService, timeout_ms: u32) -> Self {
        Self {
            running: Arc::clone(&self.running),
            voice: service.voice.clone().unwrap_or_default(),
            first_max: Duration::from_millis(timeout_ms.into()),
        }
    }

    /// The voice that reads a text: the one that is wished for or configured; else the one of the language; else Mandarin for
    /// text with Han characters, and English for other text.
    fn voice<'a>(&'a self, wish: &'a SpeechWish) -> &'a str {
        let named = [&wish.voice, &self.voice].into_iter().find(|voice| !voice.is_empty());
        match (named, wish.language()) {
            (Some(voice), _) => voice,
            (None, Some("zh")) => "cmn",
            (None, Some("en") | None) => "en-us",
            (None, Some(language)) => language,
        }
    }
}

#[async_trait]
impl Synthesiser for Espeak {
    async fn speak(&self, wish: &SpeechWish) -> Result<SpokenStream, SpeechError> {
        let Some(text) = wish.words()? else { return Ok(SpokenStream::of(Vec::new())) };
        let voice = self.voice(wish).to_owned();
        // A voice may be told by a path, too, and that of a tenant must lead nowhere.
        if !voice.chars().all(|c| c.is_ascii_alphanumeric() || "-_+".contains(c)) {
            return Err(SpeechError::failed("its voices have names of letters, digits, - _ and +"));
        }
        let (text, running) = (text.to_owned(), Arc::clone(&self.running));
        let speech = SpokenStream::eager(|sink| async move {
            let _place = running.acquire_owned().await.map_err(SpeechError::failed)?;
            timeout(TIME_MAX, run(&voice, &text, sink)).await.map_err(|_| SpeechError::TimedOut)?
        });
        timeout(self.first_max, speech.begun()).await.map_err(|_| SpeechError::TimedOut)?
    }
}

async fn run(voice: &str, text: &str, mut sink: EagerSink) -> Result<(), SpeechError> {
    let mut child = Command::new(PROGRAM)
        .args(["-v", voice, "--stdin", "--stdout"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| SpeechError::Failed(format!("{PROGRAM} does not start: {error}")))?;
    if let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) {
        tokio::try_join!(write(stdin, text), read(stdout, &mut sink))?;
    }
    let ended = child.wait().await.map_err(SpeechError::failed)?;
    if !ended.success() {
        return Err(SpeechError::Failed(format!("{PROGRAM} ended with {ended}")));
    }
    if sink.is_empty() { Err(silent()) } else { Ok(()) }
}

async fn write(mut stdin: ChildStdin, text: &str) -> Result<(), SpeechError> {
    match stdin.write_all(text.as_bytes()).await {
        // It ended before it read the text. Its status tells why.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(SpeechError::failed),
    }
}

/// Its output is a WAV, which tells its rate.
async fn read(mut stdout: ChildStdout, sink: &mut EagerSink) -> Result<(), SpeechError> {
    let mut pcm = Pcm::new(RATE);
    let mut bytes = vec![0; READ_BYTES];
    loop {
        let read = stdout.read(&mut bytes).await.map_err(SpeechError::failed)?;
        if read == 0 {
            break;
        }
        sink.add(pcm.add(&bytes[..read])?)?;
    }
    sink.add(pcm.finish()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthesis::TEXT_MAX;

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
        let seconds = long.len() as f32 / RATE as f32;
        assert!((2.0..6.0).contains(&seconds), "{seconds} s");
        assert!(short.len() * 2 < long.len());
        assert!(loudness(&long) > 300, "{}", loudness(&long));
    }

    #[tokio::test]
    async fn chinese_is_read_as_mandarin_and_not_spelled() {
        let text = "您好，我是客服中心。";
        let spoken = spoken(text).await.unwrap();
        let seconds = spoken.len() as f32 / RATE as f32;
        assert!((1.0..6.0).contains(&seconds), "{seconds} s");
    }

    #[test]
    fn the_voice_is_the_wished_one_or_the_configured_one_or_told_from_language_and_text() {
        let configured = LocalService { voice: Some("fr".into()) };
        let configured = Espeak::default().configured(&configured, 5_000);
        for (text, voice, language, own, with_voice) in [
            ("Hello", "", "", "en-us", "fr"),
            ("您好", "", "", "cmn", "fr"),
            ("Hello", "de", "zh", "de", "de"),
            ("Hello", "", "zh", "cmn", "fr"),
            ("您好", "", "en", "en-us", "fr"),
            ("Hallo", "", "de", "de", "fr"),
        ] {
            let [text, voice, language] = [text, voice, language].map(str::to_owned);
            let wish = SpeechWish { text, voice, language };
            assert_eq!(Espeak::default().voice(&wish), own, "{wish:?}");
            assert_eq!(configured.voice(&wish), with_voice, "{wish:?}");
        }
    }

    #[tokio::test]
    async fn a_voice_that_is_not_there_or_is_a_path_is_an_error() {
        for voice in ["klingonese", "../../etc/passwd", "-x y"] {
            let wish = SpeechWish { text: "Hi".into(), voice: voice.into(), ..Default::default() };
            let error = Espeak::default().speak(&wish).await.unwrap_err();
            assert!(matches!(error, SpeechError::Failed(_)), "{voice}: {error}");
        }
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
