//! Bring a recording from the spool to the object store, and only then let go of it.

use std::io::ErrorKind;

use apalis::prelude::{BoxDynError, Data};
use jobs::UploadRecording;
use storage::recordings;

use crate::Environment;

pub async fn upload_recording(
    job: UploadRecording,
    env: Data<Environment>,
) -> Result<(), BoxDynError> {
    let Some(recording) = recordings::find(&env.store, job.attempt).await? else { return Ok(()) };
    if recording.state != "pending" {
        return Ok(());
    }
    let path = env.spool.path(job.attempt);
    let bytes = match tokio::fs::metadata(&path).await {
        Ok(data) => data.len(),
        // The disk lost it: the record says so, and nobody waits for it any more.
        Err(error) if error.kind() == ErrorKind::NotFound => {
            metrics::counter!("callwright_recordings_failed_total").increment(1);
            tracing::error!(attempt = %job.attempt, "a recording is not in its spool folder");
            recordings::mark_failed(&env.store, job.attempt).await?;
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    env.objects.put_file(&recording.object_key, "audio/wav", &path).await?;
    recordings::mark_ready(&env.store, job.attempt, bytes).await?;
    metrics::counter!("callwright_recordings_uploaded_total").increment(1);
    tokio::fs::remove_file(&path).await?;
    Ok(())
}
