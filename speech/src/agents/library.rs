//! Where an agent looks things up.

use async_trait::async_trait;

use crate::failure::SpeechError;

/// The documents of one enterprise.
#[async_trait]
pub trait Library: Send + Sync {
    /// Passages of these knowledge bases that fit a question, the best first. A base that does not exist holds nothing.
    async fn find(&self, bases: &[String], question: &str) -> Result<Vec<Excerpt>, SpeechError>;
}

/// A passage of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt {
    /// The document, as people name it.
    pub source: String,
    pub text: String,
}
