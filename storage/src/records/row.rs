//! A row of `call_record`, and the record that it is.

use std::collections::BTreeMap;

use outbound::Time;
use outbound::outcome::{AnsweredBy, CallResult, HangupParty, RobotResult};
use outbound::record::CallRecord;
use sqlx::types::{Json, Uuid};

use crate::StoreError;
use crate::rows::phone;

/// The columns of [`RecordRow`], of the table called `r`.
pub(super) const COLUMNS: &str = "r.id, r.enterprise_id, r.task_id, r.batch_id, r.number_id, \
    r.trunk_id, r.round, r.chain_index, r.policy_id, r.customer_number, \
    r.customer_number_province, r.customer_number_city, r.outbound_number, \
    r.outbound_number_province, r.outbound_number_city, r.trunk_name, r.batch_name, r.task_name, \
    r.call_id, r.result, r.cause, r.sip_code, r.q850_cause, r.hangup_party, r.started_at, \
    r.ringing_at, r.answered_at, r.ended_at, r.robot_entered_at, r.robot_ended_at, r.robot_name, \
    r.robot_answer_result, r.turns, r.interruptions, r.transferred, r.intent_tags, \
    r.opening_hangup_seconds, r.process_hangup_point, r.captures, r.variables, r.recording_state, \
    r.agent_id, r.agent_name, r.agent_phone, r.callback_at, \
    r.answered_by";

#[derive(sqlx::FromRow)]
pub(super) struct RecordRow {
    id: Uuid,
    enterprise_id: Uuid,
    task_id: Uuid,
    batch_id: Uuid,
    number_id: Uuid,
    trunk_id: Uuid,
    round: i16,
    chain_index: i16,
    policy_id: i64,
    customer_number: i64,
    customer_number_province: String,
    customer_number_city: String,
    outbound_number: i64,
    outbound_number_province: String,
    outbound_number_city: String,
    trunk_name: String,
    batch_name: String,
    task_name: String,
    call_id: String,
    result: String,
    cause: String,
    sip_code: Option<i16>,
    q850_cause: Option<i16>,
    hangup_party: Option<String>,
    started_at: Time,
    ringing_at: Option<Time>,
    answered_at: Option<Time>,
    ended_at: Time,
    robot_entered_at: Option<Time>,
    robot_ended_at: Option<Time>,
    robot_name: String,
    robot_answer_result: Option<String>,
    turns: i32,
    interruptions: i32,
    transferred: bool,
    intent_tags: Vec<String>,
    opening_hangup_seconds: Option<f32>,
    process_hangup_point: String,
    captures: Json<BTreeMap<String, String>>,
    variables: Json<BTreeMap<String, String>>,
    recording_state: Option<String>,
    agent_id: String,
    agent_name: String,
    agent_phone: Option<i64>,
    callback_at: Option<Time>,
    answered_by: Option<String>,
}

impl TryFrom<RecordRow> for CallRecord {
    type Error = StoreError;

    fn try_from(row: RecordRow) -> Result<Self, StoreError> {
        let result =
            CallResult::from_word(&row.result).ok_or_else(|| damaged("result", &row.result))?;
        let hangup_party = row
            .hangup_party
            .map(|word| HangupParty::from_word(&word).ok_or_else(|| damaged("hangup_party", &word)))
            .transpose()?;
        let robot_answer_result = row
            .robot_answer_result
            .map(|word| {
                RobotResult::from_word(&word).ok_or_else(|| damaged("robot_answer_result", &word))
            })
            .transpose()?;
        let answered_by = row
            .answered_by
            .map(|word| AnsweredBy::from_word(&word).ok_or_else(|| damaged("answered_by", &word)))
            .transpose()?;
        Ok(Self {
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
            customer_number_province: row.customer_number_province,
            customer_number_city: row.customer_number_city,
            outbound_number: phone(row.outbound_number),
            outbound_number_province: row.outbound_number_province,
            outbound_number_city: row.outbound_number_city,
            trunk_name: row.trunk_name,
            batch_name: row.batch_name,
            task_name: row.task_name,
            call_id: row.call_id,
            result,
            cause: row.cause,
            sip_code: row.sip_code.map(i16::unsigned_abs),
            q850_cause: row.q850_cause.map(i16::unsigned_abs),
            hangup_party,
            started_at: row.started_at,
            ringing_at: row.ringing_at,
            answered_at: row.answered_at,
            ended_at: row.ended_at,
            robot_entered_at: row.robot_entered_at,
            robot_ended_at: row.robot_ended_at,
            robot_name: row.robot_name,
            robot_answer_result,
            turns: row.turns.unsigned_abs(),
            interruptions: row.interruptions.unsigned_abs(),
            transferred: row.transferred,
            intent_tags: row.intent_tags,
            opening_hangup_seconds: row.opening_hangup_seconds,
            process_hangup_point: row.process_hangup_point,
            captures: row.captures.0,
            variables: row.variables.0,
            recording_state: row.recording_state,
            agent_id: row.agent_id,
            agent_name: row.agent_name,
            agent_phone: row.agent_phone.map(phone),
            callback_at: row.callback_at,
            answered_by,
        })
    }
}

fn damaged(field: &str, word: &str) -> StoreError {
    StoreError::Damaged(format!("`{word}` is no {field} of a call record"))
}
