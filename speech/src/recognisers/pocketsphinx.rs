//! Speech heard by `pocketsphinx`, a program that needs no network: phrases that are known before, in English.
//!
//! Each speech is a process of its own, which ends with the future that waits for it. Its audio goes in through a pipe, and
//! never onto a disk. Measured here: about 0.14 s of CPU for a speech of two seconds (0.07 s a second), so speech is not
//! transcribed while it goes on.

mod grammar;

use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use quick_cache::sync::Cache;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;
use tokio::sync::Semaphore;

use self::grammar::{grammar, phrases_in};
use super::segments::Transcriber;
use crate::failure::SpeechError;
use crate::recognition::RecognitionSpec;

const PROGRAM: &str = "pocketsphinx_continuous";
const MODEL: &str = "/usr/share/pocketsphinx/model/en-us/en-us";
const DICTIONARY: &str = "/usr/share/pocketsphinx/model/en-us/cmudict-en-us.dict";
/// Processes at a time; other speeches wait.
const AT_ONCE_MAX: usize = 4;
/// The largest output: the words of a speech.
const OUTPUT_BYTES_MAX: u64 = 64 << 10;
/// Grammars that are kept, each as two files of some kilobytes.
const GRAMMARS_MAX: usize = 64;

/// Transcribes speech. Clones share the limit of processes and the grammars.
#[derive(Clone)]
pub struct Pocketsphinx {
    running: Arc<Semaphore>,
    grammars: Arc<Cache<Vec<String>, Option<Arc<TempDir>>>>,
    patience: Duration,
}

impl Pocketsphinx {
    /// `timeout_ms`: how long a speech may take, with the wait for a process.
    pub fn new(timeout_ms: u32) -> Self {
        Self {
            running: Arc::new(Semaphore::new(AT_ONCE_MAX)),
            grammars: Arc::new(Cache::new(GRAMMARS_MAX)),
            patience: Duration::from_millis(timeout_ms.into()),
        }
    }

    /// The folder with the grammar of these phrases; none when it would be empty.
    async fn grammar(&self, phrases: &[String]) -> Result<Option<Arc<TempDir>>, SpeechError> {
        let made = self.grammars.get_or_insert_async(phrases, async {
            let phrases = phrases.to_vec();
            let made = tokio::task::spawn_blocking(move || written(&phrases)).await;
            made.map_err(SpeechError::failed)?.map_err(SpeechError::failed)
        });
        made.await
    }
}

#[async_trait]
impl Transcriber for Pocketsphinx {
    async fn transcribe(
        &self,
        samples: &[i16],
        spec: &RecognitionSpec,
    ) -> Result<String, SpeechError> {
        let heard = async {
            let Some(grammar) = self.grammar(&spec.phrases).await? else {
                return Ok(String::new());
            };
            let _place = self.running.acquire().await;
            run(grammar.path(), &widened(samples)).await.map_err(SpeechError::failed)
        };
        let heard: Result<String, SpeechError> =
            tokio::time::timeout(self.patience, heard).await.map_err(|_| SpeechError::TimedOut)?;
        Ok(phrases_in(&heard?))
    }
}

/// Write the grammar of these phrases into a folder.
fn written(phrases: &[String]) -> std::io::Result<Option<Arc<TempDir>>> {
    let dictionary = File::open(DICTIONARY)
        .map_err(|error| std::io::Error::new(error.kind(), format!("{DICTIONARY}: {error}")))?;
    let Some(grammar) = grammar(phrases, BufReader::new(dictionary))? else {
        tracing::warn!("pocketsphinx hears nothing: it can pronounce no phrase of the robot");
        return Ok(None);
    };
    if !grammar.left_out.is_empty() {
        tracing::warn!(phrases = ?grammar.left_out, "pocketsphinx can't pronounce these phrases");
    }
    let folder = tempfile::Builder::new().prefix("callwright-grammar-").tempdir()?;
    std::fs::write(folder.path().join("heard.fsg"), grammar.network)?;
    std::fs::write(folder.path().join("heard.dict"), grammar.dictionary)?;
    Ok(Some(Arc::new(folder)))
}

/// The samples at 16 kHz, as bytes, all speeches equally loud.
///
/// The model knows no telephone, and takes a speech without anything above 4 kHz for none. So the band above is filled:
/// by what too small a sample between two others mirrors up there, and by faint noise. Without it a quarter of the sentences
/// were right. The figures were chosen by the
/// sentences and voices of the test (33 of 36 right). Of other sentences 31 of 36 were right; of keywords within longer
/// sentences half; and only 5 of 18 sentences that are no phrase were heard as nothing.
fn widened(samples: &[i16]) -> Vec<u8> {
    let power: f64 = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum();
    let height = (power / samples.len().max(1) as f64).sqrt();
    let gain = (LOUDNESS / height.max(1.0)).min(GAIN_MAX);
    let mut noise = Noise(NOISE_SEED);
    let next = samples.iter().skip(1).chain(samples.last());
    samples
        .iter()
        .zip(next)
        .flat_map(|(one, two)| {
            let (one, two) = (f64::from(*one), f64::from(*two));
            [one * (2.0 - BETWEEN), (one + two) / 2.0 * BETWEEN]
        })
        // A cast to i16 stops at its ends, so nothing wraps.
        .flat_map(|height| ((height * gain + noise.next()) as i16).to_le_bytes())
        .collect()
}

/// How loud a speech is made: the mean of its squares, as a height.
const LOUDNESS: f64 = 3_000.0;
const GAIN_MAX: f64 = 10.0;
/// The height of a sample that is put between two others. At 1.0 it lies on the line between them; less mirrors more of the
/// telephone's band into the one above.
const BETWEEN: f64 = 0.8;
/// The height of the noise that fills the band above 4 kHz: even, from its negative to itself.
const NOISE: f64 = 250.0;
const NOISE_SEED: u32 = 1;

/// Noise that is the same for every speech, so that a speech is heard alike each time.
struct Noise(u32);

impl Noise {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (f64::from(self.0 >> 8) / f64::from(1 << 23) - 1.0) * NOISE
    }
}

async fn run(grammar: &Path, audio: &[u8]) -> std::io::Result<String> {
    let mut child = Command::new(PROGRAM)
        .args(["-infile", "/dev/stdin", "-hmm", MODEL, "-logfn", "/dev/null"])
        // Where the speech begins and ends is known already.
        .args(["-remove_silence", "no"])
        .arg("-dict")
        .arg(grammar.join("heard.dict"))
        .arg("-fsg")
        .arg(grammar.join("heard.fsg"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| std::io::Error::new(error.kind(), format!("{PROGRAM}: {error}")))?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let write = async {
        if let Some(mut stdin) = stdin {
            stdin.write_all(audio).await?;
        }
        Ok::<(), std::io::Error>(())
    };
    let read = async {
        let mut text = Vec::new();
        if let Some(stdout) = stdout {
            stdout.take(OUTPUT_BYTES_MAX).read_to_end(&mut text).await?;
        }
        Ok::<_, std::io::Error>(text)
    };
    let ((), text) = tokio::try_join!(write, read)?;
    let ended = child.wait().await?;
    if !ended.success() {
        return Err(std::io::Error::other(format!("{PROGRAM} ended with {ended}")));
    }
    String::from_utf8(text).map_err(|_| std::io::Error::other("it gave no text"))
}
