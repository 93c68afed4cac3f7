//! Everything that a worker needs to make a call, and the record of one that was lost.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use chrono_tz::Tz;
use dialog::navigation::Published;
use outbound::Time;
use outbound::hours::Hours;
use outbound::ids::{AttemptId, BatchId, EnterpriseId, NumberId, TaskId, TrunkId};
use outbound::outcome::CallResult;
use outbound::phone::Phone;
use outbound::record::CallRecord;
use outbound::trunk::TrunkConfig;
use sqlx::PgConnection;
use sqlx::types::{Json, Uuid};

use crate::StoreError;
use crate::rows::phone;

/// A call to make, with everything that it takes.
#[derive(Debug, Clone)]
pub struct DialOrder {
    pub attempt: AttemptId,
    pub token: i64,
    /// This worker had begun it before: its INVITE may have left, unless the worker knows better.
    pub again: bool,
    /// It lets a call through an open breaker.
    pub probe: bool,
    /// Trunk or task has calls per second: ask for its turn ([`super::pace`]) before the INVITE.
    pub paced: bool,
    /// The business time of the begin.
    pub begun_at: Time,
    pub line: Arc<TrunkConfig>,
    pub ring_timeout_seconds: u32,
    pub max_call_seconds: u32,
    pub recording: bool,
    /// The task's windows, for the check at the last moment.
    pub hours: Arc<Hours>,
    /// Of the callee, where the number tells it.
    pub callee_zone: Option<Tz>,
    /// The navigation that was published when the call was triggered.
    pub content: Arc<Published>,
    /// Who, what and where.
    pub facts: AttemptFacts,
}

/// What is known of an attempt before it is dialled.
#[derive(Debug, Clone)]
pub struct AttemptFacts {
    pub enterprise: EnterpriseId,
    pub task: TaskId,
    pub task_name: String,
    pub batch: BatchId,
    pub batch_name: String,
    pub number: NumberId,
    pub trunk: TrunkId,
    pub trunk_name: String,
    pub round: u16,
    pub chain_index: u16,
    pub policy_id: i64,
    pub callee: Phone,
    pub callee_province: String,
    pub callee_city: String,
    pub caller: Phone,
    pub caller_province: String,
    pub caller_city: String,
    /// Those of the row, over the task's defaults.
    pub variables: BTreeMap<String, String>,
}

impl AttemptFacts {
    /// The record of this attempt, with everything that only the call can tell left blank.
    pub fn record(
        &self,
        attempt: AttemptId,
        result: CallResult,
        started_at: Time,
        ended_at: Time,
    ) -> CallRecord {
        CallRecord {
            id: attempt,
            enterprise: self.enterprise,
            task: self.task,
            batch: self.batch,
            number: self.number,
            trunk: self.trunk,
            round: self.round,
            chain_index: self.chain_index,
            policy_id: self.policy_id,
            customer_number: self.callee,
            customer_number_province: self.callee_province.clone(),
            customer_number_city: self.callee_city.clone(),
            outbound_number: self.caller,
            outbound_number_province: self.caller_province.clone(),
            outbound_number_city: self.caller_city.clone(),
            trunk_name: self.trunk_name.clone(),
            batch_name: self.batch_name.clone(),
            task_name: self.task_name.clone(),
            call_id: String::new(),
            result,
            cause: String::new(),
            sip_code: None,
            q850_cause: None,
            hangup_party: None,
            started_at,
            ringing_at: None,
            answered_at: None,
            ended_at,
            robot_entered_at: None,
            robot_ended_at: None,
            robot_name: String::new(),
            robot_answer_result: None,
            turns: 0,
            interruptions: 0,
            transferred: false,
            intent_tags: Vec::new(),
            opening_hangup_seconds: None,
            process_hangup_point: String::new(),
            captures: BTreeMap::new(),
            variables: self.variables.clone(),
            recording_state: None,
        }
    }
}

/// An attempt's row with all that it refers to.
pub(super) struct Found {
    pub token: i64,
    pub probe: bool,
    pub begun_at: Time,
    pub navigation: (Uuid, i32),
    pub callee_zone: Option<Tz>,
    pub facts: AttemptFacts,
}

/// Reads attempts with all that they refer to. Locks nothing.
pub(super) async fn read(
    conn: &mut PgConnection,
    attempts: &[Uuid],
) -> Result<HashMap<Uuid, Found>, StoreError> {
    let rows = sqlx::query!(
        r#"select a.id, a.enterprise_id, a.task_id, a.batch_id, a.number_id, a.trunk_id, a.phone,
                  a.round, a.chain_index, a.policy_id, a.navigation_id, a.navigation_version, a.token,
                  a.probe, coalesce(a.started_at, a.claimed_at) as "begun_at!",
                  n.variables as "variables: Json<BTreeMap<String, String>>",
                  t.config->'variables' as "defaults: Json<BTreeMap<String, String>>",
                  n.time_zone, t.name as task_name, b.name as batch_name,
                  tr.name as trunk_name, c.phone as caller, c.province as caller_province,
                  c.city as caller_city
             from attempt a
             join number n on n.id = a.number_id
             join task t on t.id = a.task_id
             join batch b on b.id = a.batch_id
             join trunk tr on tr.id = a.trunk_id
             join caller_id c on c.id = a.caller_id
            where a.id = any($1)"#,
        attempts
    )
    .fetch_all(conn)
    .await?;
    let found = rows.into_iter().map(|row| {
        let mut variables = row.defaults.map(|defaults| defaults.0).unwrap_or_default();
        variables.extend(row.variables.0.into_iter().filter(|(_, value)| !value.is_empty()));
        // Of the phone that is called: a backup may be from elsewhere.
        let location = phone(row.phone).location();
        let facts = AttemptFacts {
            enterprise: row.enterprise_id.into(),
            task: row.task_id.into(),
            task_name: row.task_name,
            batch: row.batch_id.into(),
            batch_name: row.batch_name,
            number: row.number_id.into(),
            trunk: row.trunk_id.into(),
            trunk_name: row.trunk_name,
            round: row.round.unsigned_abs(),
            chain_index: row.chain_index.unsigned_abs(),
            policy_id: row.policy_id,
            callee: phone(row.phone),
            callee_province: location.map(|location| location.province.into()).unwrap_or_default(),
            callee_city: location.map(|location| location.city.into()).unwrap_or_default(),
            caller: phone(row.caller),
            caller_province: row.caller_province,
            caller_city: row.caller_city,
            variables,
        };
        let found = Found {
            token: row.token,
            probe: row.probe,
            begun_at: row.begun_at,
            navigation: (row.navigation_id, row.navigation_version),
            callee_zone: row.time_zone.as_deref().and_then(|zone| zone.parse().ok()),
            facts,
        };
        (row.id, found)
    });
    Ok(found.collect())
}
