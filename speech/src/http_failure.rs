//! What went wrong with a request by HTTP. The client's own text holds the address, and with it what customers said or who
//! they are; so does the body of an answer.

use std::error::Error;

use reqwest::StatusCode;

use crate::failure::SpeechError;

/// The failure of the client, without the address, a header or a body.
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

/// The failure that an answer's status tells of.
pub(crate) fn refusal(status: StatusCode) -> SpeechError {
    let why = match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => "it refuses the key",
        StatusCode::NOT_FOUND => "it has nothing at this address",
        StatusCode::TOO_MANY_REQUESTS => "it is asked too often",
        _ if status.is_redirection() => "it sends elsewhere, which is not followed",
        _ if status.is_client_error() => "it refuses the request",
        _ => "it has a fault of its own",
    };
    SpeechError::Failed(format!("{why} (status {})", status.as_u16()))
}
