//! The job that moves one recording from a spool folder to the object store.

use outbound::ids::AttemptId;
use serde::{Deserialize, Serialize};

use crate::Job;

/// Upload the recording of a call.
///
/// The file lies in one machine's spool folder, so each folder has a queue of its own, and only
/// workers that see the folder subscribe to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadRecording {
    pub attempt: AttemptId,
    /// The id of the spool folder.
    pub spool: String,
}

impl UploadRecording {
    /// The queue of the recordings in a spool folder.
    pub fn queue_of_spool(spool: &str) -> String {
        format!("{}.{spool}", Self::KIND)
    }
}

impl Job for UploadRecording {
    const KIND: &'static str = "upload";

    fn id(&self) -> String {
        self.attempt.to_string()
    }

    fn queue(&self) -> String {
        Self::queue_of_spool(&self.spool)
    }
}
