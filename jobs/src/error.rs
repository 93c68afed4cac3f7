//! What can go wrong with the queue, by what the caller can do about it.

use ::redis::RedisError;

#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// Redis can't be reached or did not answer: try again later. What was pushed may be queued.
    #[error("the queue is not available: {0}")]
    Unavailable(#[from] RedisError),
    /// Redis can't be used as it is configured, or is not there: mend what `why` names.
    #[error("{server}: {why}")]
    Unreachable { server: String, why: String },
    /// The address is not one of a Redis server: mend the configuration.
    #[error("not an address of a Redis server: {0}")]
    Address(RedisError),
    /// The job can't be written as JSON: a defect.
    #[error("a job can't be written: {0}")]
    Unwritable(String),
}
