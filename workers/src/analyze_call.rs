//! After the call: intent tags, captured information and the process hang-up point, by rules.
//!
//! The conversation's row counts the tries: one that can't be read, or that ends the worker, is given up after a
//! few, and says so.

use dialog::insight::{self, Insight};
use dialog::transcript::Line;
use jobs::{AnalyzeCall, Delivery};
use outbound::Time;
use outbound::ids::AttemptId;
use storage::StoreError;
use storage::records::{self, Analysis};
use storage::work::{TRIES_MAX, Try, gave_up};
use tokio::task::spawn_blocking;

use crate::work::{Failure, Work};
use crate::{Environment, faults};

impl Work for AnalyzeCall {
    const CONCURRENCY: usize = 4;
    const DELIVERIES_MAX: u32 = 20;

    async fn run(self, env: Environment, _: Delivery) -> Result<(), Failure> {
        let unreadable = || Failure::Broken("the job's time can't be read".into());
        let started_at = Time::from_timestamp_millis(self.started_at_ms).ok_or_else(unreadable)?;
        let Err(error) = analyze(&env, self.attempt, started_at).await else { return Ok(()) };
        let told = error.to_string();
        let tried = if error.is_passing() { Try::NoFault } else { Try::Failed(&told) };
        records::not_analyzed(&env.store, self.attempt, started_at, tried).await?;
        Err(error.into())
    }
}

async fn analyze(env: &Environment, id: AttemptId, started_at: Time) -> Result<(), StoreError> {
    let Some(subject) = records::to_analyze(&env.store, id, started_at).await? else {
        return Ok(());
    };
    if subject.tries > TRIES_MAX {
        faults::tell_of("analysis", id, gave_up(subject.trouble.as_deref()));
        return Ok(());
    }
    let transcript: Vec<Line> = serde_json::from_value(subject.transcript)
        .map_err(|error| StoreError::Damaged(format!("the transcript: {error}")))?;
    let found = Insight {
        intent_tags: subject.found.intent_tags,
        captures: subject.found.captures,
        process_hangup_point: subject.found.process_hangup_point,
    };
    // The patterns of a script are compiled for it: not on the threads that everything else runs on.
    let content = subject.content;
    let analyzed = spawn_blocking(move || insight::analyze(&content, &transcript, found)).await;
    let insight = analyzed.map_err(|error| StoreError::Damaged(error.to_string()))?;
    let analysis = Analysis {
        intent_tags: insight.intent_tags,
        captures: insight.captures,
        process_hangup_point: insight.process_hangup_point,
    };
    records::set_analysis(&env.store, id, subject.started_at, &analysis).await
}
