//! What `check-journal` compares the journal with, and what the database must be in itself.
//!
//! All of it is read from one snapshot: a check of a running installation sees one moment.

mod faults;
mod restored;

use chrono_tz::Tz;
use outbound::Time;
use outbound::hours::Hours;
use outbound::ids::{AttemptId, BatchId, EnterpriseId, NumberId, TaskId, TrunkId};
use outbound::outcome::CallResult;
use outbound::phone::Phone;
use outbound::redial::RedialPolicy;
use outbound::task::TaskState;
use sqlx::types::{Json, Uuid};
use sqlx::{Postgres, Transaction};

use crate::records::RecordCursor;
use crate::rows::phone;
use crate::{Store, StoreError};

pub use faults::{Astray, Faults};
pub use restored::{Restored, existing, note_restored};

/// Records of one page.
const RECORDS_PAGE: i64 = 5_000;

/// What a concurrency limit counts over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    Enterprise(EnterpriseId),
    Trunk(TrunkId),
    Task(TaskId),
}

/// A value that a limit had from a moment on; `None`: no limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitChange {
    pub scope: Scope,
    pub at: Time,
    pub value: Option<u32>,
}

/// Which limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitKind {
    Concurrency,
    CallsPerSecond,
}

/// A timed step that was due, and how often it was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepTaken {
    pub task: TaskId,
    /// `start`, `end` or `edge`.
    pub step: String,
    pub due_at: Time,
    pub times: u32,
}

/// A change of a task's state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskEvent {
    pub task: TaskId,
    pub at: Time,
    pub event: String,
    pub state: TaskState,
    pub actor: String,
}

/// The windows that a task had from a moment on.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskPlan {
    pub task: TaskId,
    pub at: Time,
    pub hours: Hours,
}

/// A redial policy that was in force.
#[derive(Debug, Clone, PartialEq)]
pub struct PolicyRow {
    pub id: i64,
    pub task: TaskId,
    pub policy: RedialPolicy,
    pub created_at: Time,
}

/// What a check needs of a call record.
#[derive(Debug, Clone, PartialEq)]
pub struct BriefRecord {
    pub id: AttemptId,
    pub enterprise: EnterpriseId,
    pub task: TaskId,
    pub batch: BatchId,
    pub number: NumberId,
    pub trunk: TrunkId,
    pub round: u16,
    pub chain_index: u16,
    pub policy_id: i64,
    pub customer_number: Phone,
    pub result: CallResult,
    pub cause: String,
    pub started_at: Time,
    pub answered_at: Option<Time>,
    pub ended_at: Time,
    pub callback_at: Option<Time>,
}

/// A call that was placed to a person, for a customer who was to be transferred.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransferLegBrief {
    /// Its name in the journal.
    pub id: AttemptId,
    pub attempt: AttemptId,
    /// None: it is open.
    pub ended_at: Option<Time>,
    /// It ended without its worker.
    pub lost: bool,
}

/// An attempt that is live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveAttempt {
    pub id: AttemptId,
    pub enterprise: EnterpriseId,
    pub task: TaskId,
    pub number: NumberId,
    pub trunk: TrunkId,
    pub phone: Phone,
    /// Begun: its INVITE may have left.
    pub begun: bool,
    /// When it was begun.
    pub started_at: Option<Time>,
    pub token: i64,
}

/// One moment of the whole database, over all enterprises.
pub struct Snapshot {
    tx: Transaction<'static, Postgres>,
}

impl Snapshot {
    /// It holds a connection of the pool for long reads, and locks nothing.
    pub async fn take(store: &Store) -> Result<Self, StoreError> {
        let begin = "begin isolation level repeatable read read only";
        let mut tx = store.long.begin_with(begin).await?;
        // The first statement takes the snapshot, not the begin.
        sqlx::query_scalar!("select 1").fetch_one(&mut *tx).await?;
        Ok(Self { tx })
    }

    /// Every value that every limit of a kind had, in the order of the changes.
    pub async fn limits(&mut self, kind: LimitKind) -> Result<Vec<LimitChange>, StoreError> {
        let what = match kind {
            LimitKind::Concurrency => "concurrency",
            LimitKind::CallsPerSecond => "calls_per_second",
        };
        let rows = sqlx::query!(
            "select scope, scope_id, at, value from limit_change where what = $1 order by id",
            what
        )
        .fetch_all(&mut *self.tx)
        .await?;
        rows.into_iter()
            .map(|row| {
                let scope = match row.scope.as_str() {
                    "enterprise" => Scope::Enterprise(row.scope_id.into()),
                    "trunk" => Scope::Trunk(row.scope_id.into()),
                    "task" => Scope::Task(row.scope_id.into()),
                    other => return Err(StoreError::Damaged(format!("`{other}` is no scope"))),
                };
                Ok(LimitChange { scope, at: row.at, value: row.value.map(i32::unsigned_abs) })
            })
            .collect()
    }

    /// Every change of state of every task, in order.
    pub async fn events(&mut self) -> Result<Vec<TaskEvent>, StoreError> {
        let rows = sqlx::query!(
            "select task_id, at, event, state, reason, actor from task_event order by id"
        )
        .fetch_all(&mut *self.tx)
        .await?;
        rows.into_iter()
            .map(|row| {
                let state = TaskState::from_words(&row.state, row.reason.as_deref())
                    .ok_or_else(|| StoreError::Damaged(format!("`{}` is no state", row.state)))?;
                Ok(TaskEvent {
                    task: row.task_id.into(),
                    at: row.at,
                    event: row.event,
                    state,
                    actor: row.actor,
                })
            })
            .collect()
    }

    /// When pauses and ends that somebody asked for were answered, in the order of the answers.
    pub async fn acknowledgements(&mut self) -> Result<Vec<(TaskId, Time)>, StoreError> {
        let rows = sqlx::query!(
            "select target, at from audit_entry where action in ('task.pause', 'task.end') order by at"
        )
        .fetch_all(&mut *self.tx)
        .await?;
        rows.into_iter()
            .map(|row| match row.target.parse() {
                Ok(task) => Ok((task, row.at)),
                Err(_) => Err(StoreError::Damaged(format!("`{}` is no task", row.target))),
            })
            .collect()
    }

    /// Timed steps that were taken more than once, or were due by `now` and are still to be taken: all of
    /// them, three a task at most unless steps are taken again and again.
    pub async fn steps_not_once(&mut self, now: Time) -> Result<Vec<StepTaken>, StoreError> {
        let rows = sqlx::query!(
            r#"select task_id as "task!", step as "step!", due_at as "due_at!", n as "n!" from (
                   select task_id, step, due_at, count(*) as n from task_step
                    group by task_id, step, due_at having count(*) > 1
                   union all
                   select id, 'start', scheduled_start_at, 0 from task
                    where scheduled_start_at <= $1 and deleted_at is null
                   union all
                   select id, 'end', scheduled_end_at, 0 from task
                    where scheduled_end_at <= $1 and deleted_at is null
                   union all
                   select id, 'edge', next_edge_at, 0 from task
                    where next_edge_at <= $1 and deleted_at is null) steps
                order by due_at"#,
            now
        )
        .fetch_all(&mut *self.tx)
        .await?;
        let step = |times: i64| u32::try_from(times).unwrap_or(u32::MAX);
        Ok(rows
            .into_iter()
            .map(|row| StepTaken {
                task: row.task.into(),
                step: row.step,
                due_at: row.due_at,
                times: step(row.n),
            })
            .collect())
    }

    /// The time zones that the callee of an attempt may be in, where its task ever went by them.
    pub async fn callee_zones(&mut self) -> Result<Vec<(AttemptId, &'static [Tz])>, StoreError> {
        let rows = sqlx::query!(
            r#"with by_callee as (
                   select distinct task_id from task_plan where hours->>'callee_local_time' <> 'off')
               select id as "id!", phone as "phone!" from (
                   select r.id, r.customer_number as phone from call_record r
                     join by_callee using (task_id)
                   union all
                   select a.id, a.phone from attempt a join by_callee using (task_id)) calls"#
        )
        .fetch_all(&mut *self.tx)
        .await?;
        let zones = |digits| phone(digits).time_zones();
        Ok(rows.into_iter().map(|row| (row.id.into(), zones(row.phone))).collect())
    }

    /// The windows of every task, in the order that they came into force.
    pub async fn plans(&mut self) -> Result<Vec<TaskPlan>, StoreError> {
        let rows = sqlx::query!(
            r#"select task_id, at, hours as "hours: Json<Hours>" from task_plan order by id"#
        )
        .fetch_all(&mut *self.tx)
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| TaskPlan { task: row.task_id.into(), at: row.at, hours: row.hours.0 })
            .collect())
    }

    /// Every redial policy that was ever in force.
    pub async fn policies(&mut self) -> Result<Vec<PolicyRow>, StoreError> {
        let rows = sqlx::query!(
            r#"select id, task_id, policy as "policy: Json<RedialPolicy>", created_at
                 from redial_policy order by id"#
        )
        .fetch_all(&mut *self.tx)
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| PolicyRow {
                id: row.id,
                task: row.task_id.into(),
                policy: row.policy.0,
                created_at: row.created_at,
            })
            .collect())
    }

    /// A page of records in the order of their starts, behind `after`; an empty one is the end.
    pub async fn records(
        &mut self,
        after: Option<RecordCursor>,
    ) -> Result<Vec<BriefRecord>, StoreError> {
        let (at, id) = after
            .map_or((Time::UNIX_EPOCH, Uuid::nil()), |after| (after.started_at, after.id.uuid()));
        let rows = sqlx::query!(
            "select id, enterprise_id, task_id, batch_id, number_id, trunk_id, round, chain_index,
                    policy_id, customer_number, result, cause, started_at, answered_at, ended_at,
                    callback_at
               from call_record where (started_at, id) > ($1, $2)
              order by started_at, id limit $3",
            at,
            id,
            RECORDS_PAGE
        )
        .fetch_all(&mut *self.tx)
        .await?;
        rows.into_iter()
            .map(|row| {
                let result = CallResult::from_word(&row.result)
                    .ok_or_else(|| StoreError::Damaged(format!("`{}` is no result", row.result)))?;
                Ok(BriefRecord {
                    id: row.id.into(),
                    enterprise: row.enterprise_id.into(),
                    task: row.task_id.into(),
                    batch: row.batch_id.into(),
                    number: row.number_id.into(),
                    trunk: row.trunk_id.into(),
                    round: row.round.unsigned_abs(),
                    chain_index: row.chain_index.unsigned_abs(),
                    policy_id: row.policy_id,
                    customer_number: phone(row.customer_number),
                    result,
                    cause: row.cause,
                    started_at: row.started_at,
                    answered_at: row.answered_at,
                    ended_at: row.ended_at,
                    callback_at: row.callback_at,
                })
            })
            .collect()
    }

    /// All calls to people. There are as many as transfers in the time for which records are kept.
    pub async fn transfer_legs(&mut self) -> Result<Vec<TransferLegBrief>, StoreError> {
        let rows = sqlx::query!("select id, attempt_id, ended_at, lost from transfer_leg")
            .fetch_all(&mut *self.tx)
            .await?;
        let legs = rows.into_iter().map(|row| TransferLegBrief {
            id: row.id.into(),
            attempt: row.attempt_id.into(),
            ended_at: row.ended_at,
            lost: row.lost,
        });
        Ok(legs.collect())
    }

    /// Attempts that are live; as many as there are calls up at most.
    pub async fn live(&mut self) -> Result<Vec<LiveAttempt>, StoreError> {
        let rows = sqlx::query!(
            "select id, enterprise_id, task_id, number_id, trunk_id, phone, phase, token,
                    started_at
               from attempt order by id"
        )
        .fetch_all(&mut *self.tx)
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| LiveAttempt {
                id: row.id.into(),
                enterprise: row.enterprise_id.into(),
                task: row.task_id.into(),
                number: row.number_id.into(),
                trunk: row.trunk_id.into(),
                phone: phone(row.phone),
                begun: row.phase == "begun",
                started_at: row.started_at,
                token: row.token,
            })
            .collect())
    }
}
