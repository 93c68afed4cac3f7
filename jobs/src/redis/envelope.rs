//! The payload of a job in Redis: its kind, itself, and the trace that it goes on with.

use serde::{Deserialize, Serialize};

use crate::Job;
use crate::error::QueueError;

#[derive(Serialize)]
struct Sealed<'a, J> {
    kind: &'static str,
    job: &'a J,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace: Option<&'a str>,
}

#[derive(Deserialize)]
struct Kind<'a> {
    #[serde(borrow)]
    kind: std::borrow::Cow<'a, str>,
}

#[derive(Deserialize)]
pub(crate) struct Opened<J> {
    pub(crate) job: J,
    #[serde(default)]
    pub(crate) trace: Option<String>,
}

pub(crate) fn seal<J: Job>(job: &J, trace: Option<&str>) -> Result<Vec<u8>, QueueError> {
    let sealed = Sealed { kind: J::KIND, job, trace };
    serde_json::to_vec(&sealed).map_err(|error| QueueError::Unwritable(error.to_string()))
}

/// The reason is for the dead letter: it says what kind it is or where it can't be read, and quotes
/// nothing else of it.
pub(crate) fn open<J: Job>(payload: &[u8]) -> Result<Opened<J>, String> {
    let unreadable = |error: serde_json::Error| {
        format!("unreadable: {:?} at {}:{}", error.classify(), error.line(), error.column())
    };
    let Kind { kind } = serde_json::from_slice(payload).map_err(unreadable)?;
    if kind != J::KIND {
        return Err(format!("unreadable: a job of another kind than {}", J::KIND));
    }
    serde_json::from_slice(payload).map_err(unreadable)
}
