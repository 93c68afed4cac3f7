//! What an error of the HTTP client means. Its own text holds the address, and with it what customers said or who they are.

use std::error::Error;

use crate::failure::SpeechError;

/// The failure, without the address, a header or a body.
pub(crate) fn failure(error: reqwest::Error) -> SpeechError {
    let mut cause = error.source();
    while let Some(inner) = cause {
        // The way out has refused the host's address.
        if let Some(refused) = inner.downcast_ref::<SpeechError>() {
            return refused.clone();
        }
        cause = inner.source();
    }
    let why = match error {
        _ if error.is_timeout() => return SpeechError::TimedOut,
        _ if error.is_builder() => "its address or its key can't be sent",
        _ if error.is_connect() => "it can't be reached",
        _ => "the connection broke off",
    };
    SpeechError::Failed(why.to_owned())
}
