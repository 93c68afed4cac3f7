//! Bring a recording from the spool to the object store, in the format that it is kept in, and only then let go of it.
//!
//! The row counts the tries: a file that can't be read, one that the store does not take, or one that ends the
//! worker fails after a few. The file stays in the spool folder then, as it is the only one there is.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jobs::{Delivery, UploadRecording};
use outbound::ids::AttemptId;
use outbound::recording::RecordingFormat;
use storage::StoreError;
use storage::recordings::{self, Recording};
use storage::work::{TRIES_MAX, Try, gave_up};
use telephony::recording::opus;

use crate::Environment;
use crate::work::{Failure, Work};

/// A recording that nobody has written to for so long will not become whole any more.
const WRITTEN_WITHIN: Duration = Duration::from_secs(300);

impl Work for UploadRecording {
    const CONCURRENCY: usize = 4;
    const DELIVERIES_MAX: u32 = 100;

    /// The recordings of this machine's spool folder; nobody else can read them.
    fn queue_of(env: &Environment) -> String {
        Self::queue_of_spool(env.spool.id())
    }

    async fn run(self, env: Environment, _: Delivery) -> Result<(), Failure> {
        upload(&env, self.attempt).await
    }
}

async fn upload(env: &Environment, attempt: AttemptId) -> Result<(), Failure> {
    let Some(recording) = recordings::take(&env.store, attempt).await? else { return Ok(()) };
    if recording.tries > TRIES_MAX {
        return fail(env, &recording, &gave_up(recording.trouble.as_deref())).await;
    }
    let path = env.spool.path(attempt);
    // Looked at first: a file that becomes whole meanwhile is found under its name.
    let being_written = is_being_written(&path).await;
    if let Err(error) = tokio::fs::metadata(&path).await
        && error.kind() == ErrorKind::NotFound
    {
        if being_written {
            recordings::give_back(&env.store, attempt, Try::NoFault).await?;
            return Err(Failure::Broken("the disk is still busy with a recording".to_owned()));
        }
        // It is lost: the record says so, and nobody waits for it any more.
        return fail(env, &recording, "its file is not in the spool folder").await;
    }
    let format = RecordingFormat::of_name(&recording.object_key);
    let kept = match format {
        RecordingFormat::Wav => path.clone(),
        RecordingFormat::Opus => match encode(path.clone()).await {
            Ok(kept) => kept,
            Err(error) => {
                let told = format!("it can't be made Opus: {error}");
                recordings::give_back(&env.store, attempt, Try::Failed(&told)).await?;
                return Err(Failure::Broken(told));
            }
        },
    };
    let bytes = match env.objects.put_file(&recording.object_key, format.media_type(), &kept).await
    {
        Ok(bytes) => bytes,
        Err(error) => return again(env, &recording, error).await,
    };
    recordings::mark_ready(&env.store, attempt, bytes).await?;
    metrics::counter!("callwright_recordings_uploaded_total").increment(1);
    if kept != path {
        tokio::fs::remove_file(&kept).await?;
    }
    tokio::fs::remove_file(&path).await?;
    Ok(())
}

/// Whether a line may still finish the recording. A process that died has left such a file, too; it grows no more.
async fn is_being_written(path: &Path) -> bool {
    let part = tokio::fs::metadata(path.with_extension("part")).await;
    let written = part.and_then(|part| part.modified());
    written.is_ok_and(|at| at.elapsed().is_ok_and(|ago| ago < WRITTEN_WITHIN))
}

/// Make the file beside it that is kept; one that a broken-off upload has left is made anew. It takes some milliseconds of
/// a processor for each second of the call, which is why it is not done while the call is up.
async fn encode(wav: PathBuf) -> std::io::Result<PathBuf> {
    let encoded = tokio::task::spawn_blocking(move || {
        let kept = wav.with_extension(RecordingFormat::Opus.extension());
        opus::from_wav(&wav, &kept).map(|_| kept)
    });
    encoded.await.unwrap_or_else(|error| Err(std::io::Error::other(error)))
}

/// The queue delivers it again.
async fn again(env: &Environment, recording: &Recording, error: StoreError) -> Result<(), Failure> {
    let told = error.to_string();
    let tried = if error.is_passing() { Try::NoFault } else { Try::Failed(&told) };
    recordings::give_back(&env.store, recording.attempt, tried).await?;
    Err(error.into())
}

/// Nobody tries again: the record says that there is no recording.
async fn fail(env: &Environment, recording: &Recording, trouble: &str) -> Result<(), Failure> {
    metrics::counter!("callwright_recordings_failed_total").increment(1);
    tracing::error!(attempt = %recording.attempt, trouble, "a recording is not uploaded");
    Ok(recordings::mark_failed(&env.store, recording.attempt, trouble).await?)
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::time::SystemTime;

    use super::*;

    #[tokio::test]
    async fn a_recording_that_the_disk_is_still_busy_with_is_waited_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("call.wav");
        assert!(!is_being_written(&path).await);
        let part = File::create(path.with_extension("part")).expect("a file");
        assert!(is_being_written(&path).await);
        // Its process has died.
        part.set_modified(SystemTime::now() - WRITTEN_WITHIN * 2).expect("a time");
        assert!(!is_being_written(&path).await);
    }
}
