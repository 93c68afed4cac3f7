//! Numbers as people look at them: a list, one by its phone, one with everything it went through.

use std::collections::BTreeMap;

use outbound::Time;
use outbound::ids::{AttemptId, BatchId, CallerIdId, EnterpriseId, NumberId, TaskId};
use outbound::number::NumberState;
use outbound::outcome::CallResult;
use outbound::phone::Phone;
use sqlx::types::{Json, Uuid};

use crate::rows::{Listed, Page, phone, phone_column};
use crate::{Store, StoreError, lanes, tasks};

/// An imported number, and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Number {
    pub id: NumberId,
    pub task: TaskId,
    pub batch: BatchId,
    /// Import order, unique in the task.
    pub seq: i64,
    pub phone: Phone,
    pub backups: Vec<Phone>,
    pub priority: u32,
    pub caller_id: Option<CallerIdId>,
    pub variables: BTreeMap<String, String>,
    pub province: String,
    pub city: String,
    pub state: NumberState,
    /// The round it is in, waits for, or ended in.
    pub round: u16,
    pub attempts: u32,
    /// How its last call ended.
    pub last_status: Option<CallResult>,
    pub first_called_at: Option<Time>,
    pub last_called_at: Option<Time>,
}

struct Row {
    id: Uuid,
    task_id: Uuid,
    batch_id: Uuid,
    seq: i64,
    phone: i64,
    backups: Vec<i64>,
    priority: i32,
    caller_id: Option<Uuid>,
    variables: Json<BTreeMap<String, String>>,
    province: String,
    city: String,
    state: String,
    round: i16,
    attempts: i32,
    last_status: Option<String>,
    first_called_at: Option<Time>,
    last_called_at: Option<Time>,
}

impl TryFrom<Row> for Number {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id.into(),
            task: row.task_id.into(),
            batch: row.batch_id.into(),
            seq: row.seq,
            phone: phone(row.phone),
            backups: row.backups.into_iter().map(phone).collect(),
            priority: row.priority.unsigned_abs(),
            caller_id: row.caller_id.map(CallerIdId::from),
            variables: row.variables.0,
            province: row.province,
            city: row.city,
            state: lanes::word(NumberState::from_word(&row.state), "a number's state", &row.state)?,
            round: row.round.unsigned_abs(),
            attempts: row.attempts.unsigned_abs(),
            last_status: row.last_status.as_deref().and_then(CallResult::from_word),
            first_called_at: row.first_called_at,
            last_called_at: row.last_called_at,
        })
    }
}

macro_rules! number_rows {
    ($rest:tt, $($argument:expr),*) => {
        sqlx::query_as!(
            Row,
            r#"select id, task_id, batch_id, seq, phone, backups, priority, caller_id,
                      variables as "variables: Json<BTreeMap<String, String>>", province, city, state,
                      round, attempts, last_status, first_called_at, last_called_at
                 from number "# + $rest,
            $($argument),*
        )
    };
}

/// Which numbers a list shows; what is `None` does not narrow it.
#[derive(Debug, Clone, Copy, Default)]
pub struct NumberFilter {
    pub batch: Option<BatchId>,
    pub state: Option<NumberState>,
    /// The number itself; backups are not looked at.
    pub phone: Option<Phone>,
}

/// Numbers of a task in import order; the page goes on from an import sequence. Locks nothing.
pub async fn list(
    store: &Store,
    enterprise: EnterpriseId,
    task: TaskId,
    filter: NumberFilter,
    page: Page<i64>,
) -> Result<Listed<Number, i64>, StoreError> {
    tasks::must_be_of(store, enterprise, task).await?;
    let rows = rows(store, task, filter, page).await?;
    let numbers = rows.into_iter().map(Number::try_from).collect::<Result<Vec<_>, _>>()?;
    Ok(page.cut(numbers, |number| number.seq))
}

/// By the index that serves the narrowest of the conditions.
async fn rows(
    store: &Store,
    task: TaskId,
    filter: NumberFilter,
    page: Page<i64>,
) -> Result<Vec<Row>, StoreError> {
    let (batch, state) = (filter.batch.map(BatchId::uuid), filter.state.map(NumberState::word));
    let (task, after, limit) = (task.uuid(), page.after.unwrap_or(-1), page.fetched());
    let rows = match (filter.phone, batch) {
        (Some(phone), _) => {
            number_rows!(
                "where task_id = $1 and phone = $2 and seq > $3
                   and ($4::uuid is null or batch_id = $4) and ($5::text is null or state = $5)
                 order by seq limit $6",
                task,
                phone_column(phone),
                after,
                batch,
                state,
                limit
            )
            .fetch_all(&store.api)
            .await?
        }
        (None, Some(batch)) => {
            number_rows!(
                "where batch_id = $1 and task_id = $2 and seq > $3
                   and ($4::text is null or state = $4)
                 order by seq limit $5",
                batch,
                task,
                after,
                state,
                limit
            )
            .fetch_all(&store.api)
            .await?
        }
        (None, None) => {
            number_rows!(
                "where task_id = $1 and seq > $2 and ($3::text is null or state = $3)
                 order by seq limit $4",
                task,
                after,
                state,
                limit
            )
            .fetch_all(&store.api)
            .await?
        }
    };
    Ok(rows)
}

/// A phone's numbers in all tasks of an enterprise, the newest first. Locks nothing.
pub async fn search(
    store: &Store,
    enterprise: EnterpriseId,
    phone: Phone,
    page: Page<NumberId>,
) -> Result<Listed<Number, NumberId>, StoreError> {
    let rows = number_rows!(
        "where enterprise_id = $1 and phone = $2 and ($3::uuid is null or id < $3)
         order by id desc limit $4",
        enterprise.uuid(),
        phone_column(phone),
        page.after.map(NumberId::uuid),
        page.fetched()
    )
    .fetch_all(&store.api)
    .await?;
    let numbers = rows.into_iter().map(Number::try_from).collect::<Result<Vec<_>, _>>()?;
    Ok(page.cut(numbers, |number| number.id))
}

/// One number. Locks nothing.
pub async fn get(
    store: &Store,
    enterprise: EnterpriseId,
    number: NumberId,
) -> Result<Number, StoreError> {
    let row =
        number_rows!("where id = $1 and enterprise_id = $2", number.uuid(), enterprise.uuid())
            .fetch_optional(&store.api)
            .await?;
    row.ok_or(StoreError::NotFound("number"))?.try_into()
}

/// What a number waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberWait {
    /// `redial`, `phone_busy`, `frequency_cap`, `callee_window` or `trunk_refused`.
    pub reason: String,
    pub due_at: Time,
}

/// The call that a number has up, or is about to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveAttempt {
    pub attempt: AttemptId,
    pub phone: Phone,
    pub chain_index: u16,
    /// The begin, in business time; `None`: no worker has begun it yet.
    pub started_at: Option<Time>,
}

/// A number with everything it went through: the calls that ended, oldest first, and what comes next.
#[derive(Debug, Clone, PartialEq)]
pub struct Journey {
    pub number: Number,
    pub calls: Vec<JourneyCall>,
    pub live: Option<LiveAttempt>,
    pub waits: Option<NumberWait>,
}

/// A call that ended.
#[derive(Debug, Clone, PartialEq)]
pub struct JourneyCall {
    pub attempt: AttemptId,
    pub round: u16,
    pub chain_index: u16,
    pub phone: Phone,
    pub started_at: Time,
    pub ended_at: Time,
    pub result: CallResult,
    pub cause: String,
    /// The redial policy that was in force when it was triggered.
    pub policy_id: i64,
}

/// Locks nothing; its parts are read one after another.
pub async fn journey(
    store: &Store,
    enterprise: EnterpriseId,
    id: NumberId,
) -> Result<Journey, StoreError> {
    let number = get(store, enterprise, id).await?;
    let rows = sqlx::query!(
        "select id, round, chain_index, customer_number, started_at, ended_at, result, cause, policy_id
           from call_record where number_id = $1 order by started_at, id",
        id.uuid()
    )
    .fetch_all(&store.api)
    .await?;
    let call =
        |row_result: &str| lanes::word(CallResult::from_word(row_result), "a result", row_result);
    let mut calls = Vec::with_capacity(rows.len());
    for row in rows {
        calls.push(JourneyCall {
            attempt: row.id.into(),
            round: row.round.unsigned_abs(),
            chain_index: row.chain_index.unsigned_abs(),
            phone: phone(row.customer_number),
            started_at: row.started_at,
            ended_at: row.ended_at,
            result: call(&row.result)?,
            cause: row.cause,
            policy_id: row.policy_id,
        });
    }
    let live = sqlx::query!(
        "select id, phone, chain_index, started_at from attempt where task_id = $1 and number_id = $2",
        number.task.uuid(),
        id.uuid()
    )
    .fetch_optional(&store.api)
    .await?;
    let waits = sqlx::query!("select reason, due_at from waiting where number_id = $1", id.uuid())
        .fetch_optional(&store.api)
        .await?;
    Ok(Journey {
        number,
        calls,
        live: live.map(|row| LiveAttempt {
            attempt: row.id.into(),
            phone: phone(row.phone),
            chain_index: row.chain_index.unsigned_abs(),
            started_at: row.started_at,
        }),
        waits: waits.map(|row| NumberWait { reason: row.reason, due_at: row.due_at }),
    })
}
