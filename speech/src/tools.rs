//! Calls to the systems of an enterprise, which a language model or an `http` node asks for.
//!
//! A system's address was set by a person who may; models, customers and variables only fill paths below it, and values that
//! are sent. See [`address`] for what they can't do.

pub mod address;
pub mod arguments;
mod http;

use std::collections::BTreeMap;

use async_trait::async_trait;
use dialog::llm::Tool;
use serde_json::{Map, Value};

use crate::failure::SpeechError;

pub use http::{ANSWER_BYTES_MAX, HttpAnswer, HttpTools};

/// Calls tools for a language model.
#[async_trait]
pub trait Toolbox: Send + Sync {
    /// What the tool answers. The arguments are those of [`arguments::read`].
    async fn call(
        &self,
        tool: &Tool,
        arguments: Map<String, Value>,
        variables: &BTreeMap<String, String>,
    ) -> Result<String, SpeechError>;
}
