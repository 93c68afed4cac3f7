//! What a job is: a persisted wake-up that names a row.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Something to be done at least once, that names the row which decides whether it is still to do.
///
/// A job carries identifiers and no facts: whoever runs it reads the truth from the database.
pub trait Job: Serialize + DeserializeOwned + Clone + Send + Sync + Unpin + 'static {
    /// The word for this kind in queue names, envelopes, metrics and commands.
    const KIND: &'static str;

    /// Derived from what the job names, so that pushing it twice is once while it is queued, delayed
    /// or in flight.
    fn id(&self) -> String;

    /// The queue it goes into. Kinds have queues of their own, so that no kind delays another.
    fn queue(&self) -> String {
        Self::KIND.into()
    }
}
