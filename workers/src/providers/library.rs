//! The documents of an enterprise, for robots that look things up.

use async_trait::async_trait;
use outbound::ids::EnterpriseId;
use speech::SpeechError;
use speech::agents::{Excerpt, Library};
use storage::{Store, knowledge};

/// Passages that a robot is given.
const EXCERPTS_MAX: u32 = 5;

pub(super) struct Documents {
    pub(super) store: Store,
    pub(super) enterprise: EnterpriseId,
}

#[async_trait]
impl Library for Documents {
    async fn find(&self, bases: &[String], question: &str) -> Result<Vec<Excerpt>, SpeechError> {
        let found =
            knowledge::find(&self.store, self.enterprise, bases, question, EXCERPTS_MAX).await;
        let found = found.map_err(SpeechError::failed)?;
        let excerpts = found.into_iter();
        Ok(excerpts.map(|one| Excerpt { source: one.document, text: one.passage }).collect())
    }
}
