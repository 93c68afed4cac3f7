//! The call record: what the platform knows of an attempt, answered or not.

use std::collections::BTreeMap;

use crate::Time;
use crate::ids::{AttemptId, BatchId, EnterpriseId, NumberId, TaskId, TrunkId};
use crate::outcome::{CallResult, HangupParty, RobotResult};
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
}
