//! Rows for an export: all that a query asks for, from one snapshot, a chunk at a time.
//!
//! The snapshot is a read-only repeatable-read transaction that lives as long as the stream: what is
//! written meanwhile is not seen, and memory holds one chunk. Chunks go by key, so that a broken one
//! costs nothing but itself.

use outbound::export::Content;
use outbound::ids::EnterpriseId;
use outbound::record::CallRecord;
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Postgres, Row, Transaction};

use super::read::{Conversation, RecordCursor, analysis_problem};
use super::row::RecordRow;
use super::select::{RecordQuery, select, select_count, select_variables};
use crate::{Store, StoreError};

/// Rows of one chunk.
pub const CHUNK_ROWS: i64 = 2_000;
/// Rows of one chunk when they carry conversations, which are long.
const CHUNK_CONVERSATIONS: i64 = 200;

/// A record as lists and exports have it.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordView {
    pub record: CallRecord,
    /// With [`RecordQuery::words`].
    pub conversation: Option<Conversation>,
    /// With [`Content::Recordings`]: the recording's object.
    pub recording_key: Option<String>,
}

/// The rows of an export, newest first.
pub struct RecordStream {
    snapshot: Transaction<'static, Postgres>,
    enterprise: EnterpriseId,
    query: RecordQuery,
    after: Option<RecordCursor>,
    /// Rows that there are.
    pub total: u64,
    ended: bool,
}

impl RecordStream {
    /// Take the snapshot, and count. It holds a connection of the pool for long reads.
    pub async fn open(
        store: &Store,
        enterprise: EnterpriseId,
        query: RecordQuery,
    ) -> Result<Self, StoreError> {
        let mut snapshot =
            store.long.begin_with("begin isolation level repeatable read read only").await?;
        let mut sql = select_count(enterprise, &query, None)?;
        let total: i64 =
            sql.build_query_scalar().persistent(false).fetch_one(&mut *snapshot).await?;
        let total = total.unsigned_abs();
        Ok(Self { snapshot, enterprise, query, after: None, total, ended: false })
    }

    /// Names of the variables that the rows have, those of most rows first, `most` of them; and how many names
    /// there are. Reads all rows once.
    pub async fn variables(&mut self, most: usize) -> Result<(Vec<String>, u64), StoreError> {
        let mut sql = select_variables(self.enterprise, &self.query, most)?;
        let rows = sql.build().persistent(false).fetch_all(&mut *self.snapshot).await?;
        let names = rows.iter().map(|row| row.try_get("name")).collect::<Result<Vec<_>, _>>()?;
        let all: i64 = rows.first().map_or(Ok(0), |row| row.try_get("names"))?;
        Ok((names, all.unsigned_abs()))
    }

    /// Leave out all records up to this one.
    pub const fn go_on_behind(&mut self, record: RecordCursor) {
        self.after = Some(record);
    }

    /// The next chunk; an empty one is the end.
    pub async fn next(&mut self) -> Result<Vec<RecordView>, StoreError> {
        if self.ended {
            return Ok(Vec::new());
        }
        let limit = if self.query.words { CHUNK_CONVERSATIONS } else { CHUNK_ROWS };
        let mut sql = select(self.enterprise, &self.query, self.after, limit)?;
        let rows = sql.build().persistent(false).fetch_all(&mut *self.snapshot).await?;
        self.ended = (rows.len() as i64) < limit;
        let views = rows.iter().map(|row| view(&self.query, row)).collect::<Result<Vec<_>, _>>()?;
        if let Some(last) = views.last() {
            let record = &last.record;
            self.after = Some(RecordCursor { started_at: record.started_at, id: record.id });
        }
        Ok(views)
    }
}

/// A row that a query selected.
pub(super) fn view(query: &RecordQuery, row: &PgRow) -> Result<RecordView, StoreError> {
    let record = RecordRow::from_row(row)?.try_into()?;
    let conversation = if query.words { words(row)? } else { None };
    let recording_key = match query.content {
        Content::Recordings => Some(row.try_get("object_key")?),
        Content::CallRecords | Content::Conversations => None,
    };
    Ok(RecordView { record, conversation, recording_key })
}

fn words(row: &PgRow) -> Result<Option<Conversation>, StoreError> {
    let Some(transcript) = row.try_get("transcript")? else { return Ok(None) };
    let (log, analyzed) = (row.try_get("log")?, row.try_get("analyzed")?);
    let problem = analysis_problem(analyzed, row.try_get("tries")?, row.try_get("trouble")?);
    Ok(Some(Conversation { transcript, log, analyzed, problem }))
}
