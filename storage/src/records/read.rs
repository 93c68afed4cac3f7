//! Records one at a time and by the page, their conversations, and what is found out of them later.

use std::collections::BTreeMap;

use dialog::navigation::Published;
use outbound::Time;
use outbound::ids::{AttemptId, EnterpriseId};
use outbound::record::CallRecord;
use serde::{Deserialize, Serialize};
use sqlx::types::{Json, Uuid};

use super::select::{COUNT_MAX, RecordQuery, select, select_count};
use super::stream::{RecordView, view};
use crate::rows::{Listed, Page};
use crate::work::{TRIES_MAX, Try, gave_up};
use crate::{Store, StoreError};

/// Where a page of records starts: newest first, and of one instant by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordCursor {
    pub started_at: Time,
    pub id: AttemptId,
}

/// The words of a call.
#[derive(Debug, Clone, PartialEq)]
pub struct Conversation {
    /// `[dialog::transcript::Line]`
    pub transcript: serde_json::Value,
    /// `[dialog::transcript::Entry]`
    pub log: serde_json::Value,
    /// The analysis after the call was made.
    pub analyzed: bool,
    /// Why it never will be.
    pub problem: Option<String>,
}

/// Records that a query asks for, steady while new ones come in. Locks nothing.
pub async fn list(
    store: &Store,
    enterprise: EnterpriseId,
    query: &RecordQuery,
    page: Page<RecordCursor>,
) -> Result<Listed<RecordView, RecordCursor>, StoreError> {
    let mut sql = select(enterprise, query, page.after, page.fetched())?;
    let rows = sql.build().persistent(false).fetch_all(&store.api).await?;
    let views = rows.iter().map(|row| view(query, row)).collect::<Result<Vec<_>, _>>()?;
    let cursor =
        |record: &CallRecord| RecordCursor { started_at: record.started_at, id: record.id };
    Ok(page.cut(views, |view| cursor(&view.record)))
}

/// How many there are, counted up to [`COUNT_MAX`] + 1. Locks nothing.
pub async fn count(
    store: &Store,
    enterprise: EnterpriseId,
    query: &RecordQuery,
) -> Result<u64, StoreError> {
    let mut sql = select_count(enterprise, query, Some(COUNT_MAX + 1))?;
    let count: i64 = sql.build_query_scalar().persistent(false).fetch_one(&store.api).await?;
    Ok(count.unsigned_abs())
}

/// One record, with what was said. Locks nothing.
pub async fn get(
    store: &Store,
    enterprise: EnterpriseId,
    id: AttemptId,
) -> Result<RecordView, StoreError> {
    let query = RecordQuery { id: Some(id), words: true, ..RecordQuery::default() };
    let mut sql = select(enterprise, &query, None, 1)?;
    let row = sql.build().fetch_optional(&store.api).await?;
    view(&query, &row.ok_or(StoreError::NotFound("call record"))?)
}

/// What was said in a call. `NotFound` when there is no such record, or nothing was said. Locks
/// nothing.
pub async fn conversation(
    store: &Store,
    enterprise: EnterpriseId,
    id: AttemptId,
) -> Result<Conversation, StoreError> {
    let row = sqlx::query!(
        "select c.transcript, c.log, c.analyzed, c.tries, c.trouble
           from call_record r join conversation c on c.id = r.id and c.started_at = r.started_at
          where r.id = $1 and r.enterprise_id = $2",
        id.uuid(),
        enterprise.uuid()
    )
    .fetch_optional(&store.api)
    .await?
    .ok_or(StoreError::NotFound("conversation"))?;
    let problem = analysis_problem(row.analyzed, row.tries, row.trouble.as_deref());
    let (transcript, log) = (row.transcript, row.log);
    Ok(Conversation { transcript, log, analyzed: row.analyzed, problem })
}

/// Why a conversation will not be analysed any more.
pub(super) fn analysis_problem(
    analyzed: bool,
    tries: i32,
    trouble: Option<&str>,
) -> Option<String> {
    (!analyzed && tries > tries_max()).then(|| gave_up(trouble))
}

/// [`TRIES_MAX`] as the database counts.
fn tries_max() -> i32 {
    i32::try_from(TRIES_MAX).unwrap_or(i32::MAX)
}

/// A call whose conversation is to be looked through.
#[derive(Debug, Clone)]
pub struct Subject {
    /// When the call started, to the microsecond.
    pub started_at: Time,
    /// `[dialog::transcript::Line]`
    pub transcript: serde_json::Value,
    /// What the call ran.
    pub content: Published,
    /// What the call itself found.
    pub found: Analysis,
    /// Times that it was taken, this one included, without those that a server's absence broke off.
    pub tries: u32,
    /// What went wrong at the last try that failed.
    pub trouble: Option<String>,
}

/// Take a conversation that is not analysed yet, by its call's start to the millisecond, and count the try;
/// none when it is analysed, or is gone. Locks the row.
pub async fn to_analyze(
    store: &Store,
    id: AttemptId,
    started_at: Time,
) -> Result<Option<Subject>, StoreError> {
    let row = sqlx::query!(
        r#"update conversation c set tries = tries + 1
             from call_record r, navigation_version v
            where r.id = c.id and r.started_at = c.started_at
              and v.navigation_id = c.navigation_id and v.number = c.navigation_version
              and c.id = $1 and not c.analyzed
              and c.started_at >= $2 and c.started_at < $2 + interval '1 millisecond'
        returning c.started_at, c.transcript, c.tries, c.trouble, v.content as "content: Json<Published>",
                  r.intent_tags, r.captures as "captures: Json<BTreeMap<String, String>>",
                  r.process_hangup_point"#,
        id.uuid(),
        started_at
    )
    .fetch_optional(&store.long)
    .await?;
    Ok(row.map(|row| Subject {
        started_at: row.started_at,
        transcript: row.transcript,
        content: row.content.0,
        found: Analysis {
            intent_tags: row.intent_tags,
            captures: row.captures.0,
            process_hangup_point: row.process_hangup_point,
        },
        tries: row.tries.unsigned_abs(),
        trouble: row.trouble,
    }))
}

/// A try to analyse that did not end it, by its call's start to the millisecond: the next one goes on, while
/// there are any. Locks the row.
pub async fn not_analyzed(
    store: &Store,
    id: AttemptId,
    started_at: Time,
    tried: Try<'_>,
) -> Result<(), StoreError> {
    let (off, trouble) = tried.columns();
    sqlx::query!(
        "update conversation set tries = greatest(tries - $3, 0), trouble = coalesce($4, trouble)
          where id = $1 and not analyzed
            and started_at >= $2 and started_at < $2 + interval '1 millisecond'",
        id.uuid(),
        started_at,
        off,
        trouble
    )
    .execute(&store.long)
    .await?;
    Ok(())
}

/// What the analysis after a call found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Analysis {
    pub intent_tags: Vec<String>,
    pub captures: BTreeMap<String, String>,
    pub process_hangup_point: String,
}

/// Write what the analysis found: twice is once. Locks the record and its conversation.
pub async fn set_analysis(
    store: &Store,
    id: AttemptId,
    started_at: Time,
    analysis: &Analysis,
) -> Result<(), StoreError> {
    let analyzed = sqlx::query!(
        "with analyzed as (
             update conversation set analyzed = true where id = $1 and started_at = $2
          returning id, started_at)
         update call_record r
            set intent_tags = $3, captures = $4, process_hangup_point = $5
           from analyzed a where r.id = a.id and r.started_at = a.started_at",
        id.uuid(),
        started_at,
        &analysis.intent_tags,
        Json(&analysis.captures) as _,
        analysis.process_hangup_point
    )
    .execute(&store.long)
    .await?;
    if analyzed.rows_affected() == 0 {
        return Err(StoreError::NotFound("conversation"));
    }
    Ok(())
}

/// Conversations since `since` that were not analysed yet and not tried too often, behind `after`: an analysis
/// job that was lost is pushed again from here. Locks nothing.
pub async fn unanalyzed(
    store: &Store,
    since: Time,
    after: Option<RecordCursor>,
    limit: u32,
) -> Result<Vec<RecordCursor>, StoreError> {
    let (at, id) = after.map_or((since, Uuid::nil()), |after| (after.started_at, after.id.uuid()));
    let rows = sqlx::query!(
        "select id, started_at from conversation
          where not analyzed and tries <= $5 and started_at >= $1 and (started_at, id) > ($2, $3)
          order by started_at, id limit $4",
        since,
        at,
        id,
        i64::from(limit),
        tries_max()
    )
    .fetch_all(&store.long)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| RecordCursor { started_at: row.started_at, id: row.id.into() })
        .collect())
}
