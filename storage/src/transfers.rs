//! Calls that are placed to reach a person for a customer: who is called, the slot that the call takes of its trunk,
//! and its end.
//!
//! A leg is open until it is ended, or the attempt of the customer's call is gone with its worker. So a worker that
//! dies holds no person and no slot for longer than its lease.

use outbound::Time;
use outbound::human_agent::{self, IdleAgent};
use outbound::ids::{AttemptId, EnterpriseId, HumanAgentId, TrunkId};
use outbound::pace::{apart, next_invite};
use outbound::phone::Phone;
use sqlx::PgConnection;
use sqlx::types::Uuid;

use crate::rows::{phone, phone_column};
use crate::{Store, StoreError, lanes};

/// People on duty that are looked at for one choice, the longest idle first.
const IDLE_MAX: i64 = 200;
/// How long the lock of the enterprise's claims is waited for.
const LOCK_WAIT: std::time::Duration = std::time::Duration::from_secs(2);

/// Whose call is to be transferred.
#[derive(Debug, Clone, Copy)]
pub struct TransferredCall {
    pub enterprise: EnterpriseId,
    pub attempt: AttemptId,
    pub token: i64,
    pub trunk: TrunkId,
}

/// Who is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    Skill(String),
    EmployeeNumber(String),
    /// A fixed number: nobody's.
    Phone(Phone),
}

/// A call to place, with the slot that it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferLeg {
    /// Its name in the journal.
    pub id: AttemptId,
    pub agent: Option<HumanAgentId>,
    pub employee_number: String,
    pub name: String,
    pub phone: Phone,
    /// The INVITE may leave from then on, by the trunk's calls per second.
    pub invite_at: Time,
}

/// What came of the wish for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Took {
    Leg(TransferLeg),
    /// People are there, and all of them have calls, or were tried; or the trunk has no room. Ask again.
    NobodyNow,
    /// No person on duty fits.
    Nobody,
    /// The customer's call is not this worker's any more.
    CallOver,
}

/// Choose a person and take a slot of the trunk for the call to them. `tried` are left out.
///
/// Locks the enterprise's claims, so that no claim takes the same slot; then the person.
pub async fn take(
    store: &Store,
    call: TransferredCall,
    wanted: &Wanted,
    tried: &[HumanAgentId],
    now: Time,
) -> Result<Took, StoreError> {
    let mut tx = store.hot.begin().await?;
    if !lanes::lock_claims_within(&mut tx, call.enterprise, LOCK_WAIT).await? {
        return Ok(Took::NobodyNow);
    }
    let Some(room) = room(&mut tx, call).await? else { return Ok(Took::CallOver) };
    let person = match wanted {
        Wanted::Phone(phone) => Some((None, String::new(), String::new(), *phone)),
        _ => match choose(&mut tx, call.enterprise, wanted, tried).await? {
            Choice::Person(id) => Some(person(&mut tx, call.enterprise, id).await?),
            Choice::LaterMaybe => None,
            Choice::Nobody => return Ok(Took::Nobody),
        },
    };
    let Some((agent, employee_number, name, phone)) = person.filter(|_| room.free > 0) else {
        return Ok(Took::NobodyNow);
    };
    let id = clock::new_id::<AttemptId>();
    sqlx::query!(
        "insert into transfer_leg (enterprise_id, id, attempt_id, trunk_id, human_agent_id, phone,
                                   started_at)
         values ($1, $2, $3, $4, $5, $6, $7)",
        call.enterprise.uuid(),
        id.uuid(),
        call.attempt.uuid(),
        call.trunk.uuid(),
        agent.map(HumanAgentId::uuid),
        phone_column(phone),
        now
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    let invite_at = match room.calls_per_second {
        Some(rate) => pace(store, call.trunk, rate, now).await?,
        None => now,
    };
    Ok(Took::Leg(TransferLeg { id, agent, employee_number, name, phone, invite_at }))
}

struct Room {
    free: i64,
    calls_per_second: Option<i64>,
}

/// The room on the trunk; `None`: the customer's call is not the caller's any more. Locks nothing: the caller has the
/// lock of the claims, and nobody else takes slots.
async fn room(conn: &mut PgConnection, call: TransferredCall) -> Result<Option<Room>, StoreError> {
    let row = sqlx::query!(
        r#"select (t.config->>'concurrency')::bigint as "limit!",
                  (t.config->>'calls_per_second')::bigint as calls_per_second,
                  coalesce((t.config->>'in_service')::boolean, true) as "in_service!",
                  (select count(*) from attempt a
                    where a.enterprise_id = $1 and a.trunk_id = $3) as "calls!",
                  (select count(*) from transfer_leg l join attempt a on a.id = l.attempt_id
                    where l.enterprise_id = $1 and l.trunk_id = $3 and l.ended_at is null) as "legs!"
             from trunk t join attempt mine on mine.id = $2 and mine.token = $4
            where t.enterprise_id = $1 and t.id = $3"#,
        call.enterprise.uuid(),
        call.attempt.uuid(),
        call.trunk.uuid(),
        call.token
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| Room {
        free: if row.in_service { row.limit - row.calls - row.legs } else { 0 },
        calls_per_second: row.calls_per_second,
    }))
}

enum Choice {
    Person(HumanAgentId),
    /// Somebody fits who has a call now.
    LaterMaybe,
    Nobody,
}

async fn choose(
    conn: &mut PgConnection,
    enterprise: EnterpriseId,
    wanted: &Wanted,
    tried: &[HumanAgentId],
) -> Result<Choice, StoreError> {
    let (skill, employee_number) = match wanted {
        Wanted::Skill(skill) => (Some(skill.as_str()), None),
        Wanted::EmployeeNumber(number) => (None, Some(number.as_str())),
        Wanted::Phone(_) => return Ok(Choice::Nobody),
    };
    let tried_ids: Vec<Uuid> = tried.iter().map(|agent| agent.uuid()).collect();
    let rows = sqlx::query!(
        r#"select h.id, h.idle_since, exists (
                      select from transfer_leg l join attempt a on a.id = l.attempt_id
                       where l.enterprise_id = $1 and l.human_agent_id = h.id and l.ended_at is null)
                      as "busy!"
             from human_agent h
            where h.enterprise_id = $1 and h.on_duty and h.id <> all($5)
              and ($2::text is null or $2 = any(h.skills))
              and ($3::text is null or h.employee_number = $3)
            order by h.idle_since, h.id limit $4"#,
        enterprise.uuid(),
        skill,
        employee_number,
        IDLE_MAX,
        &tried_ids
    )
    .fetch_all(conn)
    .await?;
    if rows.is_empty() {
        return Ok(Choice::Nobody);
    }
    let idle: Vec<IdleAgent> = rows
        .iter()
        .filter(|row| !row.busy)
        .map(|row| IdleAgent { id: row.id.into(), idle_since: row.idle_since })
        .collect();
    Ok(human_agent::next(&idle, tried).map_or(Choice::LaterMaybe, Choice::Person))
}

async fn person(
    conn: &mut PgConnection,
    enterprise: EnterpriseId,
    id: HumanAgentId,
) -> Result<(Option<HumanAgentId>, String, String, Phone), StoreError> {
    let row = sqlx::query!(
        r#"select employee_number, config->>'name' as "name!", phone from human_agent
            where enterprise_id = $1 and id = $2"#,
        enterprise.uuid(),
        id.uuid()
    )
    .fetch_one(conn)
    .await?;
    Ok((Some(id), row.employee_number, row.name, phone(row.phone)))
}

/// The moment at which the INVITE may leave; it is used up. Locks the trunk's pace, and nothing else.
async fn pace(store: &Store, trunk: TrunkId, rate: i64, now: Time) -> Result<Time, StoreError> {
    let Some(apart) = apart(rate) else { return Ok(now) };
    let mut tx = store.hot.begin().await?;
    let next = sqlx::query_scalar!(
        "insert into pace (scope_id, next_invite_at) values ($1, $2)
             on conflict (scope_id) do update set next_invite_at = pace.next_invite_at
         returning next_invite_at",
        trunk.uuid(),
        now
    )
    .fetch_one(&mut *tx)
    .await?;
    let planned = next_invite(next, now);
    sqlx::query!(
        "update pace set next_invite_at = $2 where scope_id = $1",
        trunk.uuid(),
        planned + apart
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(planned)
}

/// The person took the call.
pub async fn answered(
    store: &Store,
    enterprise: EnterpriseId,
    leg: AttemptId,
    at: Time,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update transfer_leg set answered_at = $3 where enterprise_id = $1 and id = $2",
        enterprise.uuid(),
        leg.uuid(),
        at
    )
    .execute(&store.hot)
    .await?;
    Ok(())
}

/// Who says that a call to a person is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndedBy {
    /// The worker that had it.
    ItsWorker,
    /// Another one: its own was lost.
    Another,
}

/// The call to the person is over: its slot is free, the person is idle from now on, and dispatchers look again.
pub async fn end(
    store: &Store,
    enterprise: EnterpriseId,
    leg: AttemptId,
    at: Time,
    by: EndedBy,
) -> Result<(), StoreError> {
    let mut tx = store.hot.begin().await?;
    let ended = sqlx::query_scalar!(
        "update transfer_leg set ended_at = $3, lost = $4
          where enterprise_id = $1 and id = $2 and ended_at is null returning human_agent_id",
        enterprise.uuid(),
        leg.uuid(),
        at,
        by == EndedBy::Another
    )
    .fetch_optional(&mut *tx)
    .await?;
    if let Some(Some(agent)) = ended {
        sqlx::query!(
            "update human_agent set idle_since = $3 where enterprise_id = $1 and id = $2",
            enterprise.uuid(),
            agent,
            at
        )
        .execute(&mut *tx)
        .await?;
    }
    if ended.is_some() {
        lanes::notify(&mut tx, [enterprise.uuid()].into()).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// A leg whose customer's call is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrphanedLeg {
    pub enterprise: EnterpriseId,
    pub leg: AttemptId,
}

/// Open legs whose customer's call is not live any more, as their worker was lost: at most 100. Locks nothing.
pub async fn orphaned(store: &Store) -> Result<Vec<OrphanedLeg>, StoreError> {
    let rows = sqlx::query!(
        "select l.enterprise_id, l.id from transfer_leg l
          where l.ended_at is null and not exists (select from attempt a where a.id = l.attempt_id)
          order by l.started_at limit 100"
    )
    .fetch_all(&store.hot)
    .await?;
    let leg = |enterprise: Uuid, leg: Uuid| OrphanedLeg {
        enterprise: enterprise.into(),
        leg: leg.into(),
    };
    Ok(rows.into_iter().map(|row| leg(row.enterprise_id, row.id)).collect())
}
