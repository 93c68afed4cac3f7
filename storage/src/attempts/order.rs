//! Everything that a worker needs to make a call, and the record of one that was lost.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Instant;

use dialog::navigation::Published;
use outbound::Time;
use outbound::answering::Answering;
use outbound::environment::Environment;
use outbound::hours::Hours;
use outbound::ids::{AttemptId, BatchId, EnterpriseId, NumberId, TaskId, TrunkId};
use outbound::outcome::CallResult;
use outbound::phone::Phone;
use outbound::record::CallRecord;
use outbound::recording::RecordingFormat;
use outbound::task::TaskConfig;
use outbound::trunk::TrunkConfig;
use sqlx::PgConnection;
use sqlx::types::{Json, Uuid};

use super::ClaimedAttempt;
use crate::rows::phone;
use crate::{Store, StoreError};

/// A call to make, with everything that it takes.
#[derive(Debug, Clone)]
pub struct DialOrder {
    pub attempt: AttemptId,
    pub token: i64,
    /// The call is a probe: it goes through an open breaker.
    pub probe: bool,
    /// The trunk or the task has calls per second: ask for the pace ([`super::pace`]) before the INVITE.
    pub paced: bool,
    /// The business time of the begin.
    pub begun_at: Time,
    /// The moment right before the begin was written. The INVITE must leave within 250 ms of it. The begin's waits
    /// for locks come before this moment; counted in, the INVITE would be late again and again under load.
    pub fenced: Instant,
    pub line: Arc<TrunkConfig>,
    pub ring_timeout_seconds: u32,
    pub max_call_seconds: u32,
    /// Whether it is recorded, and in what format that is kept.
    pub recording: Option<RecordingFormat>,
    /// What surrounds the customer, where the task says so: it goes before the robots' own figures.
    pub environment: Option<Environment>,
    /// What happens when no person answers.
    pub answering: Answering,
    /// The task's windows, for the check at the last moment.
    pub hours: Arc<Hours>,
    /// The navigation that was published when the call was triggered.
    pub content: Arc<Published>,
    /// The enterprise, task, number and line of the call.
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
            agent_id: String::new(),
            agent_name: String::new(),
            agent_phone: None,
            callback_at: None,
            answered_by: None,
        }
    }
}

/// What an order takes from the rows that the begin has locked.
pub(crate) struct Frame<'a> {
    pub line: &'a Arc<TrunkConfig>,
    pub task: &'a TaskConfig,
    pub hours: &'a Arc<Hours>,
}

impl Frame<'_> {
    /// The order of an attempt that is begun.
    pub fn order(
        &self,
        begun: ClaimedAttempt,
        probe: bool,
        (begun_at, fenced): (Time, Instant),
        content: Arc<Published>,
        facts: AttemptFacts,
    ) -> DialOrder {
        DialOrder {
            attempt: begun.attempt,
            token: begun.token,
            probe,
            paced: self.line.calls_per_second.or(self.task.calls_per_second).is_some(),
            begun_at,
            fenced,
            line: Arc::clone(self.line),
            ring_timeout_seconds: self.task.ring_timeout_seconds,
            max_call_seconds: self.task.max_call_seconds,
            recording: self.task.recording.then_some(self.task.recording_format),
            environment: self.task.environment,
            answering: self.task.answering.clone(),
            hours: Arc::clone(self.hours),
            content,
            facts,
        }
    }
}

/// The orders of attempts that are being begun. Locks nothing.
pub(super) async fn orders<'a>(
    store: &Store,
    conn: &mut PgConnection,
    attempts: &[Uuid],
    fenced: Instant,
    frame: impl Fn(&AttemptFacts) -> Option<Frame<'a>>,
) -> Result<HashMap<Uuid, DialOrder>, StoreError> {
    let mut orders = HashMap::new();
    for (id, found) in read(conn, attempts).await? {
        let facts = found.facts;
        let frame = frame(&facts)
            .ok_or_else(|| StoreError::Damaged(format!("{} has no plan", facts.task)))?;
        let (navigation, version) = found.navigation;
        let content = store.immutable.navigation(conn, navigation, version).await?;
        let begun = ClaimedAttempt { attempt: id.into(), token: found.token };
        let at = (found.begun_at, fenced);
        let order = frame.order(begun, found.probe, at, content, facts);
        orders.insert(id, order);
    }
    Ok(orders)
}

/// Province and city of the phone that is called. A backup may be from another place than its row.
pub(crate) fn location(callee: Phone) -> (String, String) {
    let known = callee.location();
    known.map(|known| (known.province.into(), known.city.into())).unwrap_or_default()
}

/// Variables of a row, over the task's.
pub(crate) fn variables(
    own: BTreeMap<String, String>,
    defaults: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let mut variables = defaults.clone();
    variables.extend(own.into_iter().filter(|(_, value)| !value.is_empty()));
    variables
}

/// An attempt's row with all that it refers to.
pub(super) struct Found {
    pub token: i64,
    pub probe: bool,
    pub begun_at: Time,
    pub navigation: (Uuid, i32),
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
                  t.name as task_name, b.name as batch_name,
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
        let defaults = row.defaults.map(|defaults| defaults.0).unwrap_or_default();
        let callee = phone(row.phone);
        let (callee_province, callee_city) = location(callee);
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
            callee,
            callee_province,
            callee_city,
            caller: phone(row.caller),
            caller_province: row.caller_province,
            caller_city: row.caller_city,
            variables: variables(row.variables.0, &defaults),
        };
        let found = Found {
            token: row.token,
            probe: row.probe,
            begun_at: row.begun_at,
            navigation: (row.navigation_id, row.navigation_version),
            facts,
        };
        (row.id, found)
    });
    Ok(found.collect())
}
