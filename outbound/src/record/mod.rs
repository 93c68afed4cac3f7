//! The call record: what the platform knows of an attempt, answered or not.

mod cell;
mod field;

pub use cell::{Cell, Shown, cell, variable};
pub use field::{FIELDS, Field, FieldKind, GUIDE_FIELDS, NAMES, RESULTS, field};

use std::collections::BTreeMap;

use crate::Time;
use crate::ids::{AttemptId, BatchId, EnterpriseId, NumberId, TaskId, TrunkId};
use crate::outcome::{AnsweredBy, CallResult, CalledStatus, HangupParty, RobotResult};
use crate::phone::Phone;

/// One attempt, as it is kept. Names are those of the columns, the API and exports.
#[derive(Debug, Clone, PartialEq)]
pub struct CallRecord {
    pub id: AttemptId,
    pub enterprise: EnterpriseId,
    pub task: TaskId,
    pub batch: BatchId,
    pub number: NumberId,
    pub trunk: TrunkId,
    pub round: u16,
    /// 0 the phone number, k its k-th backup.
    pub chain_index: u16,
    pub policy_id: i64,
    pub customer_number: Phone,
    pub customer_number_province: String,
    pub customer_number_city: String,
    pub outbound_number: Phone,
    pub outbound_number_province: String,
    pub outbound_number_city: String,
    pub trunk_name: String,
    pub batch_name: String,
    pub task_name: String,
    /// The line's own identifier of the call.
    pub call_id: String,
    pub result: CallResult,
    pub cause: String,
    pub sip_code: Option<u16>,
    pub q850_cause: Option<u16>,
    pub hangup_party: Option<HangupParty>,
    pub started_at: Time,
    pub ringing_at: Option<Time>,
    pub answered_at: Option<Time>,
    pub ended_at: Time,
    pub robot_entered_at: Option<Time>,
    pub robot_ended_at: Option<Time>,
    pub robot_name: String,
    pub robot_answer_result: Option<RobotResult>,
    pub turns: u32,
    pub interruptions: u32,
    pub transferred: bool,
    pub intent_tags: Vec<String>,
    pub opening_hangup_seconds: Option<f32>,
    pub process_hangup_point: String,
    pub captures: BTreeMap<String, String>,
    pub variables: BTreeMap<String, String>,
    /// `pending`, `ready` or `failed`; none: not recorded.
    pub recording_state: Option<String>,
    /// Employee number of the person who took the call over; empty: none, or a fixed number.
    pub agent_id: String,
    pub agent_name: String,
    pub agent_phone: Option<Phone>,
    /// When the number is called again, as the conversation agreed.
    pub callback_at: Option<Time>,
    /// Who answered; none: nobody did, or it was not detected.
    pub answered_by: Option<AnsweredBy>,
}

impl CallRecord {
    pub const fn answered(&self) -> bool {
        matches!(self.result, CallResult::Answered)
    }

    /// What the number was found to be; none when it was answered.
    pub const fn called_status(&self) -> Option<CalledStatus> {
        self.result.status()
    }

    /// From the customer's answer to the end of the call; 0 when there was no answer.
    pub fn talk_ms(&self) -> i64 {
        self.answered_at.map_or(0, |answered| between(answered, self.ended_at))
    }

    /// From the first ring to the answer, or to the end of a call that was not answered; 0 when it
    /// did not ring.
    pub fn ring_ms(&self) -> i64 {
        self.ringing_at.map_or(0, |rang| between(rang, self.answered_at.unwrap_or(self.ended_at)))
    }

    /// From the start of the call to its end.
    pub fn total_ms(&self) -> i64 {
        between(self.started_at, self.ended_at)
    }

    /// From the robot's entry to its end; 0 when no robot took the call.
    pub fn robot_talk_ms(&self) -> i64 {
        self.robot_entered_at
            .map_or(0, |entered| between(entered, self.robot_ended_at.unwrap_or(self.ended_at)))
    }
}

fn between(from: Time, to: Time) -> i64 {
    (to - from).num_milliseconds().max(0)
}

#[cfg(test)]
mod tests;
