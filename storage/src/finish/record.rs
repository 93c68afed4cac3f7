//! The rows that a call leaves: its record, what was said, its recording; and its number's own.

use std::collections::BTreeMap;

use outbound::Time;
use sqlx::postgres::{PgHasArrayType, PgTypeInfo};
use sqlx::types::{Json, Uuid};
use sqlx::{PgConnection, Postgres, Type};

use super::Done;
use crate::StoreError;
use crate::rows::{phone_column, small};

/// A row of `call_record` as this version writes it: the type `finished_call`, with the table's columns in their order.
/// PostgreSQL refuses a row of another shape, and processes of two versions run side by side during an upgrade. So a
/// migration that adds a column adds a type, too (`finished_call_2`), and leaves the one before to the processes
/// before; the table gives their rows its default.
#[derive(sqlx::Encode)]
struct Row<'a> {
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
    customer_number_province: &'a str,
    customer_number_city: &'a str,
    outbound_number: i64,
    outbound_number_province: &'a str,
    outbound_number_city: &'a str,
    trunk_name: &'a str,
    batch_name: &'a str,
    task_name: &'a str,
    call_id: &'a str,
    result: &'static str,
    called_status: Option<&'static str>,
    cause: &'a str,
    sip_code: Option<i16>,
    q850_cause: Option<i16>,
    hangup_party: Option<&'static str>,
    started_at: Time,
    ringing_at: Option<Time>,
    answered_at: Option<Time>,
    ended_at: Time,
    robot_entered_at: Option<Time>,
    robot_ended_at: Option<Time>,
    robot_name: &'a str,
    robot_answer_result: Option<&'static str>,
    turns: i32,
    interruptions: i32,
    transferred: bool,
    intent_tags: &'a [String],
    opening_hangup_seconds: Option<f32>,
    process_hangup_point: &'a str,
    captures: Json<&'a BTreeMap<String, String>>,
    variables: Json<&'a BTreeMap<String, String>>,
    recording_state: Option<&'a str>,
    agent_id: &'a str,
    agent_name: &'a str,
    agent_phone: Option<i64>,
    callback_at: Option<Time>,
    answered_by: Option<&'static str>,
}

impl Type<Postgres> for Row<'_> {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_name("finished_call")
    }
}

impl PgHasArrayType for Row<'_> {
    fn array_type_info() -> PgTypeInfo {
        PgTypeInfo::with_name("_finished_call")
    }
}

impl<'a> Row<'a> {
    fn of(done: &'a Done<'_>) -> Self {
        let (held, record) = (&done.held, &done.item.record);
        let recording_state = match done.item.recording {
            Some(_) => Some("pending"),
            None => record.recording_state.as_deref(),
        };
        Self {
            id: done.item.attempt.uuid(),
            enterprise_id: held.enterprise,
            task_id: held.task,
            batch_id: held.batch,
            number_id: held.number,
            trunk_id: held.trunk,
            round: held.round,
            chain_index: held.chain_index,
            policy_id: held.policy_id,
            customer_number: held.phone,
            customer_number_province: &record.customer_number_province,
            customer_number_city: &record.customer_number_city,
            outbound_number: phone_column(record.outbound_number),
            outbound_number_province: &record.outbound_number_province,
            outbound_number_city: &record.outbound_number_city,
            trunk_name: &record.trunk_name,
            batch_name: &record.batch_name,
            task_name: &record.task_name,
            call_id: &record.call_id,
            result: record.result.word(),
            called_status: record.result.status().map(outbound::outcome::CalledStatus::word),
            cause: &record.cause,
            sip_code: record.sip_code.map(small),
            q850_cause: record.q850_cause.map(small),
            hangup_party: record.hangup_party.map(outbound::outcome::HangupParty::word),
            started_at: record.started_at,
            ringing_at: record.ringing_at,
            answered_at: record.answered_at,
            ended_at: record.ended_at,
            robot_entered_at: record.robot_entered_at,
            robot_ended_at: record.robot_ended_at,
            robot_name: &record.robot_name,
            robot_answer_result: record
                .robot_answer_result
                .map(outbound::outcome::RobotResult::word),
            turns: count(record.turns),
            interruptions: count(record.interruptions),
            transferred: record.transferred,
            intent_tags: &record.intent_tags,
            opening_hangup_seconds: record.opening_hangup_seconds,
            process_hangup_point: &record.process_hangup_point,
            captures: Json(&record.captures),
            variables: Json(&record.variables),
            recording_state,
            agent_id: &record.agent_id,
            agent_name: &record.agent_name,
            agent_phone: record.agent_phone.map(phone_column),
            callback_at: record.callback_at,
            answered_by: record.answered_by.map(outbound::outcome::AnsweredBy::word),
        }
    }
}

fn count(n: u32) -> i32 {
    i32::try_from(n).unwrap_or(i32::MAX)
}

/// Write the rows of these calls, and move their numbers on. True when another number waits for one of their phones.
///
/// It is one statement, as a slot is idle during each round trip. It comes after the statement that took the
/// attempts: a claim that lets a number wait for a phone holds the lock of that attempt until this is written.
///
/// Locks the numbers.
pub(super) async fn write(conn: &mut PgConnection, done: &[Done<'_>]) -> Result<bool, StoreError> {
    let rows: Vec<Row<'_>> = done.iter().map(Row::of).collect();
    let places = |of: fn(&Done<'_>) -> i16| done.iter().map(of).collect::<Vec<i16>>();
    let times = |of: fn(&Done<'_>) -> Option<Time>| done.iter().map(of).collect::<Vec<_>>();
    let numbers: Vec<Uuid> = done.iter().map(|done| done.held.number).collect();
    let states: Vec<&str> = done.iter().map(|done| done.next.after.state().word()).collect();
    let statuses: Vec<String> = done.iter().map(|done| done.next.statuses.join(",")).collect();
    let results: Vec<&str> = done.iter().map(|done| done.item.record.result.word()).collect();
    let policies: Vec<i64> = done.iter().map(|done| done.held.policy_id).collect();
    let enterprises: Vec<Uuid> = done.iter().map(|done| done.held.enterprise).collect();
    let phones: Vec<i64> = done.iter().map(|done| done.held.phone).collect();
    let awaited = sqlx::query_scalar!(
        r#"with record as (insert into call_record select * from unnest($1::finished_call[])),
           moved as (
               update number n
                  set state = u.state, round = u.round, chain_index = u.chain_index,
                      chain_statuses = string_to_array(u.statuses, ','), refusals = u.refusals,
                      attempts = n.attempts + 1, last_status = u.result, policy_id = u.policy,
                      first_called_at = coalesce(n.first_called_at, u.called_at),
                      round_called_at = u.round_called_at,
                      last_called_at = coalesce(u.called_at, n.last_called_at)
                 from unnest($2::uuid[], $3::text[], $4::smallint[], $5::smallint[], $6::text[],
                             $7::smallint[], $8::text[], $9::bigint[], $10::timestamptz[],
                             $11::timestamptz[])
                      as u (id, state, round, chain_index, statuses, refusals, result, policy,
                            called_at, round_called_at)
                where n.id = u.id)
           select exists (
               select from unnest($12::uuid[], $13::bigint[]) as u (enterprise, phone)
                cross join lateral (select from waiting w
                                     where w.enterprise_id = u.enterprise
                                       and w.phone between u.phone and u.phone
                                       and w.reason = 'phone_busy'
                                     order by w.phone limit 1) w) as "awaited!""#,
        rows as _,
        &numbers,
        &states as &[&str],
        &places(|done| small(done.next.round)),
        &places(|done| small(done.next.chain_index)),
        &statuses,
        &places(|done| small(done.next.refusals)),
        &results as &[&str],
        &policies,
        &times(|done| done.next.called_at) as &[Option<Time>],
        &times(|done| done.next.round_called_at) as &[Option<Time>],
        &enterprises,
        &phones
    )
    .fetch_one(&mut *conn)
    .await?;
    conversations(conn, done).await?;
    recordings(conn, done).await?;
    Ok(awaited)
}

async fn conversations(conn: &mut PgConnection, done: &[Done<'_>]) -> Result<(), StoreError> {
    let said: Vec<_> =
        done.iter().filter_map(|done| Some((done, done.item.conversation.as_ref()?))).collect();
    if said.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = said.iter().map(|(done, _)| done.item.attempt.uuid()).collect();
    let started: Vec<Time> = said.iter().map(|(done, _)| done.item.record.started_at).collect();
    let navigations: Vec<Uuid> = said.iter().map(|(done, _)| done.held.navigation.0).collect();
    let versions: Vec<i32> = said.iter().map(|(done, _)| done.held.navigation.1).collect();
    let transcripts: Vec<_> = said.iter().map(|(_, new)| &new.transcript).collect();
    let logs: Vec<_> = said.iter().map(|(_, new)| &new.log).collect();
    sqlx::query!(
        "insert into conversation (id, started_at, navigation_id, navigation_version, transcript, log)
         select * from unnest($1::uuid[], $2::timestamptz[], $3::uuid[], $4::integer[], $5::jsonb[],
                              $6::jsonb[])",
        &ids,
        &started,
        &navigations,
        &versions,
        &transcripts as &[&serde_json::Value],
        &logs as &[&serde_json::Value]
    )
    .execute(conn)
    .await?;
    Ok(())
}

async fn recordings(conn: &mut PgConnection, done: &[Done<'_>]) -> Result<(), StoreError> {
    let with: Vec<_> =
        done.iter().filter_map(|done| Some((done, done.item.recording.as_ref()?))).collect();
    if with.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = with.iter().map(|(done, _)| done.item.attempt.uuid()).collect();
    let enterprises: Vec<Uuid> = with.iter().map(|(done, _)| done.held.enterprise).collect();
    let tasks: Vec<Uuid> = with.iter().map(|(done, _)| done.held.task).collect();
    let started: Vec<Time> = with.iter().map(|(done, _)| done.item.record.started_at).collect();
    let spools: Vec<&str> = with.iter().map(|(_, new)| new.spool.as_str()).collect();
    let keys: Vec<&str> = with.iter().map(|(_, new)| new.object_key.as_str()).collect();
    let durations: Vec<i64> = with.iter().map(|(_, new)| new.duration_ms).collect();
    sqlx::query!(
        "insert into recording (attempt_id, enterprise_id, task_id, started_at, state, spool,
                                object_key, duration_ms)
         select u.id, u.enterprise, u.task, u.started, 'pending', u.spool, u.key, u.duration
           from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::timestamptz[], $5::text[], $6::text[],
                       $7::bigint[]) as u (id, enterprise, task, started, spool, key, duration)",
        &ids,
        &enterprises,
        &tasks,
        &started,
        &spools as &[&str],
        &keys as &[&str],
        &durations
    )
    .execute(conn)
    .await?;
    Ok(())
}
