//! A number as the API shows it.

use std::collections::BTreeMap;

use outbound::Time;
use outbound::ids::{AttemptId, BatchId, CallerIdId, NumberId, TaskId};
use outbound::number::NumberState;
use outbound::outcome::CallResult;
use schemars::JsonSchema;
use serde::Serialize;
use storage::numbers::{Cancelled, Journey, JourneyCall, LiveAttempt, Number};

use crate::auth::Numbers;

/// An imported number, and where it stands.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Number")]
pub(super) struct NumberView {
    id: NumberId,
    task: TaskId,
    batch: BatchId,
    /// Import order, unique in the task.
    seq: i64,
    /// Masked without `see_full_numbers`.
    phone_number: String,
    backup_numbers: Vec<String>,
    priority: u32,
    caller_id: Option<CallerIdId>,
    variables: BTreeMap<String, String>,
    province: String,
    city: String,
    state: NumberState,
    /// The round it is in, waits for, or ended in.
    round: u16,
    attempts: u32,
    /// How its last call ended: `answered`, or the status that was found.
    last_status: Option<&'static str>,
    first_called_at: Option<Time>,
    last_called_at: Option<Time>,
}

/// A number with everything it went through.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "NumberJourney")]
pub(super) struct JourneyView {
    #[serde(flatten)]
    number: NumberView,
    /// The calls that ended, oldest first.
    calls: Vec<CallView>,
    /// The call that is up, or about to be.
    live: Option<LiveView>,
    waits: Option<WaitView>,
}

/// A call to a number or one of its backups.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "NumberCall")]
struct CallView {
    /// The call record's id.
    record: AttemptId,
    round: u16,
    /// 0 the phone number, k its k-th backup.
    chain_index: u16,
    phone_number: String,
    started_at: Time,
    ended_at: Time,
    /// `answered`, or the status that was found.
    result: &'static str,
    cause: String,
}

/// A call that is up, or about to be.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "LiveCall")]
struct LiveView {
    /// The call record's id, once it has ended.
    record: AttemptId,
    phone_number: String,
    /// 0 the phone number, k its k-th backup.
    chain_index: u16,
    /// `null`: no worker has begun it yet.
    started_at: Option<Time>,
}

/// What a number waits for.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "NumberWait")]
struct WaitView {
    /// `redial`, `phone_busy`, `frequency_cap`, `callee_window` or `trunk_refused`.
    reason: String,
    due_at: Time,
}

/// What a cancel did.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "CancelledNumbers")]
pub(crate) struct CancelledView {
    /// Numbers that were pending or waiting, and are cancelled now.
    cancelled: u64,
}

impl From<Cancelled> for CancelledView {
    fn from(done: Cancelled) -> Self {
        Self { cancelled: done.numbers }
    }
}

impl NumberView {
    pub(super) fn new(row: Number, numbers: Numbers) -> Self {
        Self {
            id: row.id,
            task: row.task,
            batch: row.batch,
            seq: row.seq,
            phone_number: numbers.show(row.phone),
            backup_numbers: row.backups.into_iter().map(|phone| numbers.show(phone)).collect(),
            priority: row.priority,
            caller_id: row.caller_id,
            // What was imported beside a number may quote one.
            variables: numbers.named(row.variables),
            province: row.province,
            city: row.city,
            state: row.state,
            round: row.round,
            attempts: row.attempts,
            last_status: row.last_status.map(CallResult::word),
            first_called_at: row.first_called_at,
            last_called_at: row.last_called_at,
        }
    }
}

impl JourneyView {
    pub(super) fn new(journey: Journey, numbers: Numbers) -> Self {
        let call = |call: JourneyCall| CallView {
            record: call.attempt,
            round: call.round,
            chain_index: call.chain_index,
            phone_number: numbers.show(call.phone),
            started_at: call.started_at,
            ended_at: call.ended_at,
            result: call.result.word(),
            cause: numbers.text(call.cause),
        };
        let live = |live: LiveAttempt| LiveView {
            record: live.attempt,
            phone_number: numbers.show(live.phone),
            chain_index: live.chain_index,
            started_at: live.started_at,
        };
        Self {
            number: NumberView::new(journey.number, numbers),
            calls: journey.calls.into_iter().map(call).collect(),
            live: journey.live.map(live),
            waits: journey.waits.map(|wait| WaitView { reason: wait.reason, due_at: wait.due_at }),
        }
    }
}
