//! How a task stands, for whoever watches it: a handful of counters and short index reads, whatever
//! the size of the task.

use std::collections::{BTreeMap, HashMap};

use chrono_tz::Tz;
use outbound::Time;
use outbound::hours::Hours;
use outbound::ids::{EnterpriseId, TaskId};
use outbound::number::NumberState;
use outbound::phone::Phone;
use outbound::task::TaskState;
use outbound::wait::WaitReason;

use super::get;
use super::plan::{PlannedStep, Step};
use crate::lanes::word;
use crate::{Store, StoreError};

/// Waiting numbers that are looked at to tell what they wait for, the next due first.
pub const WAITING_SEEN_MAX: i64 = 10_000;

/// How a task stands at one moment.
#[derive(Debug, Clone)]
pub struct Progress {
    pub state: TaskState,
    /// Its numbers are moving to a new call order.
    pub reordering: bool,
    /// Every state is there, also with nothing in it.
    pub numbers: BTreeMap<NumberState, u64>,
    /// Calls that are up, by their round; an attempt that was claimed and not begun counts.
    pub live_by_round: BTreeMap<u16, u64>,
    /// Calls that may be up: the task's limit, or the enterprise's where that is lower.
    pub limit: u32,
    /// Attempts that ended.
    pub calls: u64,
    /// Those of them that were answered.
    pub answered: u64,
    /// Milliseconds of talk over all answered calls.
    pub talk_ms: u64,
    /// What its waiting numbers wait for; the sum is held to [`WAITING_SEEN_MAX`].
    pub waiting: Vec<Waiting>,
    /// What the task does next by itself.
    pub next_step: Option<PlannedStep>,
    /// Business time when it was looked at.
    pub at: Time,
    /// The enterprise's time zone.
    pub zone: Tz,
}

/// Numbers that wait for one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    pub reason: WaitReason,
    pub numbers: u64,
    /// When the first of them may be called: it is due, and the window is open.
    pub next_due_at: Time,
}

impl Progress {
    pub fn total(&self) -> u64 {
        self.numbers.values().sum()
    }

    pub fn live(&self) -> u64 {
        self.live_by_round.values().sum()
    }

    /// Answered calls to calls; `None` before the first.
    pub fn connect_rate(&self) -> Option<f64> {
        (self.calls > 0).then(|| self.answered as f64 / self.calls as f64)
    }
}

/// How a task stands now. Locks nothing; its parts are read one after another.
pub async fn progress(
    store: &Store,
    enterprise: EnterpriseId,
    task: TaskId,
    now: Time,
) -> Result<Progress, StoreError> {
    let found = get(store, enterprise, task).await?;
    let (calls, answered, talk_ms) = calls(store, task).await?;
    let steps = found.steps();
    let next_step =
        steps.into_iter().min_by_key(|planned| (planned.at, planned.step == Step::Edge));
    let settings = crate::enterprises::get(store, enterprise).await?.settings;
    let hours = super::plan::hours_of(&mut *store.api.acquire().await?, task).await?;
    Ok(Progress {
        state: found.state,
        reordering: found.reordering,
        numbers: numbers(store, task).await?,
        live_by_round: live(store, task).await?,
        limit: found.config.concurrency.min(settings.concurrency_limit),
        calls,
        answered,
        talk_ms,
        waiting: waiting(store, task, &hours, now).await?,
        next_step,
        at: now,
        zone: settings.time_zone,
    })
}

async fn numbers(store: &Store, task: TaskId) -> Result<BTreeMap<NumberState, u64>, StoreError> {
    let rows = sqlx::query!(
        r#"select state, sum(n)::bigint as "n!" from number_count where task_id = $1 group by state"#,
        task.uuid()
    )
    .fetch_all(&store.api)
    .await?;
    let mut numbers: BTreeMap<_, _> = NumberState::ALL.map(|state| (state, 0)).into();
    for row in rows {
        let state = NumberState::from_word(&row.state)
            .ok_or_else(|| StoreError::Damaged(format!("number state {}", row.state)))?;
        numbers.insert(state, row.n.unsigned_abs());
    }
    Ok(numbers)
}

async fn live(store: &Store, task: TaskId) -> Result<BTreeMap<u16, u64>, StoreError> {
    let rows = sqlx::query!(
        r#"select round, count(*) as "n!" from attempt where task_id = $1 group by round"#,
        task.uuid()
    )
    .fetch_all(&store.api)
    .await?;
    Ok(rows.into_iter().map(|row| (row.round.unsigned_abs(), row.n.unsigned_abs())).collect())
}

async fn calls(store: &Store, task: TaskId) -> Result<(u64, u64, u64), StoreError> {
    let row = sqlx::query!(
        r#"select coalesce(sum(calls), 0)::bigint as "calls!",
                  coalesce(sum(calls) filter (where result = 'answered'), 0)::bigint as "answered!",
                  coalesce(sum(talk_ms), 0)::bigint as "talk_ms!"
             from call_count where task_id = $1"#,
        task.uuid()
    )
    .fetch_one(&store.api)
    .await?;
    Ok((row.calls.unsigned_abs(), row.answered.unsigned_abs(), row.talk_ms.unsigned_abs()))
}

/// Numbers that wait for one reason and share their windows.
struct Alike {
    numbers: u64,
    /// The first of them.
    due: Time,
    /// One of them, where windows go by the callee's clock.
    phone: Option<Phone>,
}

async fn waiting(
    store: &Store,
    task: TaskId,
    hours: &Hours,
    now: Time,
) -> Result<Vec<Waiting>, StoreError> {
    let rows = sqlx::query!(
        r#"select reason, phone, count(*) as "n!", min(due_at) as "due!"
             from (select w.reason, w.due_at,
                          case when $3 then (select phone from number where id = w.number_id) end as phone
                     from waiting w where w.task_id = $1
                    order by w.due_at limit $2) next
            group by reason, phone"#,
        task.uuid(),
        WAITING_SEEN_MAX,
        hours.callee_local_time.is_on()
    )
    .fetch_all(&store.api)
    .await?;
    // Phones that may be in the same zones share their windows: the first due of them tells for all.
    let mut alike: HashMap<(WaitReason, &'static [Tz]), Alike> = HashMap::new();
    for row in rows {
        let phone = row.phone.map(crate::rows::phone);
        let zones = phone.map(Phone::time_zones).unwrap_or_default();
        let first = Alike { numbers: 0, due: row.due, phone };
        let reason = word(WaitReason::from_word(&row.reason), "a reason to wait", &row.reason)?;
        let known = alike.entry((reason, zones)).or_insert(first);
        known.numbers += row.n.unsigned_abs();
        known.due = known.due.min(row.due);
    }
    let mut waiting: Vec<Waiting> = Vec::new();
    for ((reason, _), Alike { numbers, due, phone }) in alike {
        let due = callable(hours, due, phone, now);
        match waiting.iter_mut().find(|known| known.reason == reason) {
            Some(known) => {
                known.numbers += numbers;
                known.next_due_at = known.next_due_at.min(due);
            }
            None => waiting.push(Waiting { reason, numbers, next_due_at: due }),
        }
    }
    waiting.sort_by_key(|waiting| waiting.next_due_at);
    Ok(waiting)
}

/// When a number that is due at `due` may be called: then, or when the window opens after that. One that was due
/// before waits from now on; a window that never opens changes nothing.
fn callable(hours: &Hours, due: Time, callee: Option<Phone>, now: Time) -> Time {
    if due <= now && hours.may_call(now, callee).is_ok() {
        return due;
    }
    hours.next_open(due.max(now), callee).unwrap_or(due)
}
