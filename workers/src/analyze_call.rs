//! After the call: intent tags, captured information and the process hang-up point, by rules.

use apalis::prelude::{BoxDynError, Data};
use dialog::insight::{self, Insight};
use dialog::transcript::Line;
use jobs::AnalyzeCall;
use outbound::Time;
use storage::records::{self, Analysis};

use crate::Environment;

pub async fn analyze_call(job: AnalyzeCall, env: Data<Environment>) -> Result<(), BoxDynError> {
    let started_at =
        Time::from_timestamp_millis(job.started_at_ms).ok_or("the job's time can't be read")?;
    let Some(subject) = records::to_analyze(&env.store, job.attempt, started_at).await? else {
        return Ok(());
    };
    let transcript: Vec<Line> = serde_json::from_value(subject.transcript)?;
    let found = Insight {
        intent_tags: subject.found.intent_tags,
        captures: subject.found.captures,
        process_hangup_point: subject.found.process_hangup_point,
    };
    let insight = insight::analyze(&subject.content, &transcript, found);
    let analysis = Analysis {
        intent_tags: insight.intent_tags,
        captures: insight.captures,
        process_hangup_point: insight.process_hangup_point,
    };
    records::set_analysis(&env.store, job.attempt, subject.started_at, &analysis).await?;
    Ok(())
}
