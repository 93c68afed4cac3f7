//! Calls that are placed to reach a person for a customer: who is called, the slot that the call takes of its trunk,
//! and its end.
//!
//! A leg is open until it is ended, or the attempt of the customer's call is gone with its worker. So a worker that
//! dies holds no person and no slot for longer than its lease.

use outbound::Time;
use outbound::ids::{AttemptId, EnterpriseId, HumanAgentId, TrunkId};
use outbound::pace::{apart, next_invite};
use outbound::phone::Phone;
use sqlx::types::Uuid;
use sqlx::{PgConnection, PgPool};

use crate::rows::{phone, phone_column};
use crate::{Store, StoreError, lanes};

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

/// A call to place once there is a slot for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferLeg {
    /// Its name in the journal.
    pub id: AttemptId,
    pub agent: Option<HumanAgentId>,
    pub employee_number: String,
    pub name: String,
    pub phone: Phone,
}

/// What came of the wish for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Took {
    Leg(TransferLeg),
    /// People are there, and all of them have calls. Ask again.
    NobodyNow,
    /// No person on duty fits who was not tried.
    Nobody,
    /// The customer's call is not this worker's any more.
    CallOver,
}

/// Choose a person for a call named `leg`, and take the next slot of the trunk for it: from the commit on claims count it
/// as a call that is up. Wait for [`has_slot`] before the INVITE. `tried` are left out. The same `leg` again, after an
/// answer that was lost, gives the same person.
///
/// Somebody is looked for without any lock. Only when there is somebody, it locks the enterprise's claims, so that no claim
/// misses the leg; then the person.
pub async fn take(
    store: &Store,
    call: TransferredCall,
    leg: AttemptId,
    wanted: &Wanted,
    tried: &[HumanAgentId],
    now: Time,
) -> Result<Took, StoreError> {
    if let Some(taken) = taken(store, call.enterprise, leg).await? {
        return Ok(Took::Leg(taken));
    }
    if !matches!(wanted, Wanted::Phone(_)) {
        match look(&store.api, call.enterprise, wanted, tried).await? {
            Looked::Free => {}
            Looked::AllBusy => return Ok(Took::NobodyNow),
            Looked::Nobody => return Ok(Took::Nobody),
        }
    }
    let mut tx = store.hot.begin().await?;
    let took = match lanes::lock_claims_within(&mut tx, call.enterprise, LOCK_WAIT).await? {
        true => take_locked(&mut tx, call, leg, wanted, tried, now).await?,
        false => Took::NobodyNow,
    };
    match &took {
        Took::Leg(_) => tx.commit().await?,
        // Give the lock back now. A drop gives it back a little later.
        Took::NobodyNow | Took::Nobody | Took::CallOver => tx.rollback().await?,
    }
    Ok(took)
}

async fn take_locked(
    conn: &mut PgConnection,
    call: TransferredCall,
    leg: AttemptId,
    wanted: &Wanted,
    tried: &[HumanAgentId],
    now: Time,
) -> Result<Took, StoreError> {
    let mine = sqlx::query_scalar!(
        r#"select exists (select from attempt where id = $1 and token = $2) as "mine!""#,
        call.attempt.uuid(),
        call.token
    )
    .fetch_one(&mut *conn)
    .await?;
    if !mine {
        return Ok(Took::CallOver);
    }
    let leg = match wanted {
        Wanted::Phone(phone) => TransferLeg {
            id: leg,
            agent: None,
            employee_number: String::new(),
            name: String::new(),
            phone: *phone,
        },
        _ => match choose(conn, call.enterprise, leg, wanted, tried).await? {
            Some(leg) => leg,
            None => return Ok(Took::NobodyNow),
        },
    };
    sqlx::query!(
        "insert into transfer_leg (enterprise_id, id, attempt_id, trunk_id, human_agent_id, phone,
                                   started_at)
         values ($1, $2, $3, $4, $5, $6, $7)",
        call.enterprise.uuid(),
        leg.id.uuid(),
        call.attempt.uuid(),
        call.trunk.uuid(),
        leg.agent.map(HumanAgentId::uuid),
        phone_column(leg.phone),
        now
    )
    .execute(conn)
    .await?;
    Ok(Took::Leg(leg))
}

/// The open leg of this name, if there is one. Locks nothing.
async fn taken(
    store: &Store,
    enterprise: EnterpriseId,
    leg: AttemptId,
) -> Result<Option<TransferLeg>, StoreError> {
    let row = sqlx::query!(
        r#"select l.human_agent_id, l.phone, coalesce(h.employee_number, '') as "employee_number!",
                  coalesce(h.config->>'name', '') as "name!"
             from transfer_leg l
             left join human_agent h on h.enterprise_id = l.enterprise_id and h.id = l.human_agent_id
            where l.enterprise_id = $1 and l.id = $2 and l.ended_at is null"#,
        enterprise.uuid(),
        leg.uuid()
    )
    .fetch_optional(&store.api)
    .await?;
    Ok(row.map(|row| TransferLeg {
        id: leg,
        agent: row.human_agent_id.map(HumanAgentId::from),
        employee_number: row.employee_number,
        name: row.name,
        phone: phone(row.phone),
    }))
}

enum Looked {
    Free,
    /// Somebody fits who has a call now.
    AllBusy,
    Nobody,
}

/// The skill and the employee number that are wanted.
fn names(wanted: &Wanted) -> (Option<&str>, Option<&str>) {
    match wanted {
        Wanted::Skill(skill) => (Some(skill), None),
        Wanted::EmployeeNumber(number) => (None, Some(number)),
        Wanted::Phone(_) => (None, None),
    }
}

async fn look(
    pool: &PgPool,
    enterprise: EnterpriseId,
    wanted: &Wanted,
    tried: &[HumanAgentId],
) -> Result<Looked, StoreError> {
    let (skill, employee_number) = names(wanted);
    let tried: Vec<Uuid> = tried.iter().map(|agent| agent.uuid()).collect();
    let row = sqlx::query!(
        r#"select count(*) as "fit!", count(*) filter (where not exists (
                      select from transfer_leg l join attempt a on a.id = l.attempt_id
                       where l.enterprise_id = $1 and l.human_agent_id = h.id and l.ended_at is null))
                  as "free!"
             from human_agent h
            where h.enterprise_id = $1 and h.on_duty and h.id <> all($4)
              and ($2::text is null or $2 = any(h.skills))
              and ($3::text is null or h.employee_number = $3)"#,
        enterprise.uuid(),
        skill,
        employee_number,
        &tried
    )
    .fetch_one(pool)
    .await?;
    Ok(match (row.fit, row.free) {
        (0, _) => Looked::Nobody,
        (_, 0) => Looked::AllBusy,
        _ => Looked::Free,
    })
}

/// The person who is called: of those who are free, the longest idle. Locks them.
async fn choose(
    conn: &mut PgConnection,
    enterprise: EnterpriseId,
    leg: AttemptId,
    wanted: &Wanted,
    tried: &[HumanAgentId],
) -> Result<Option<TransferLeg>, StoreError> {
    let (skill, employee_number) = names(wanted);
    let tried: Vec<Uuid> = tried.iter().map(|agent| agent.uuid()).collect();
    let row = sqlx::query!(
        r#"select h.id, h.employee_number, h.config->>'name' as "name!", h.phone
             from human_agent h
            where h.enterprise_id = $1 and h.on_duty and h.id <> all($4)
              and ($2::text is null or $2 = any(h.skills))
              and ($3::text is null or h.employee_number = $3)
              and not exists (
                  select from transfer_leg l join attempt a on a.id = l.attempt_id
                   where l.enterprise_id = $1 and l.human_agent_id = h.id and l.ended_at is null)
            order by h.idle_since, h.id limit 1 for update of h skip locked"#,
        enterprise.uuid(),
        skill,
        employee_number,
        &tried
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| TransferLeg {
        id: leg,
        agent: Some(row.id.into()),
        employee_number: row.employee_number,
        name: row.name,
        phone: phone(row.phone),
    }))
}

/// Whether the trunk has room for all calls that are up on it, those to people among them: then a leg may be placed.
///
/// Claims have counted the leg since its commit and take no slot that it waits for, so what is seen once stays true while
/// the leg is open. Locks nothing.
pub async fn has_slot(store: &Store, call: TransferredCall) -> Result<bool, StoreError> {
    let from = store.slots.from(call.enterprise.uuid());
    let room = sqlx::query_scalar!(
        r#"select coalesce((t.config->>'in_service')::boolean, true)
                  and (t.config->>'concurrency')::bigint
                   >= (select count(*) from attempt a
                        where a.enterprise_id = $1 and a.slot >= $3 and a.trunk_id = $2)
                    + (select count(*) from transfer_leg l join attempt a on a.id = l.attempt_id
                        where l.enterprise_id = $1 and l.trunk_id = $2 and l.ended_at is null)
                  as "room!"
             from trunk t where t.enterprise_id = $1 and t.id = $2"#,
        call.enterprise.uuid(),
        call.trunk.uuid(),
        from.slot
    )
    .fetch_optional(&store.api)
    .await?;
    Ok(room.unwrap_or(false))
}

/// The moment at which an INVITE may leave by the trunk's calls per second; it is used up. None: the trunk has none.
/// Locks the trunk's pace, and nothing else.
pub async fn pace(
    store: &Store,
    call: TransferredCall,
    now: Time,
) -> Result<Option<Time>, StoreError> {
    let mut tx = store.hot.begin().await?;
    let rate = sqlx::query_scalar!(
        r#"select (config->>'calls_per_second')::bigint as "rate" from trunk
            where enterprise_id = $1 and id = $2"#,
        call.enterprise.uuid(),
        call.trunk.uuid()
    )
    .fetch_optional(&mut *tx)
    .await?;
    let Some(apart) = rate.flatten().and_then(apart) else {
        tx.rollback().await?;
        return Ok(None);
    };
    let next = sqlx::query_scalar!(
        "insert into pace (scope_id, next_invite_at) values ($1, $2)
             on conflict (scope_id) do update set next_invite_at = pace.next_invite_at
         returning next_invite_at",
        call.trunk.uuid(),
        now
    )
    .fetch_one(&mut *tx)
    .await?;
    let planned = next_invite(next, now);
    sqlx::query!(
        "update pace set next_invite_at = $2 where scope_id = $1",
        call.trunk.uuid(),
        planned + apart
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(Some(planned))
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

/// How a call to a person came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LegEnd {
    /// Its worker hung up, or saw it end.
    Called,
    /// No INVITE has left: the person is as idle as before.
    NotCalled,
    /// Its worker was lost, and another one ends it.
    Lost,
}

/// The call to the person is over: its slot is free, the person is idle from now on, and dispatchers look again. A leg that
/// does not exist, or is ended already, is left.
pub async fn end(
    store: &Store,
    enterprise: EnterpriseId,
    leg: AttemptId,
    at: Time,
    end: LegEnd,
) -> Result<(), StoreError> {
    let mut tx = store.hot.begin().await?;
    let ended = sqlx::query_scalar!(
        "update transfer_leg set ended_at = $3, lost = $4
          where enterprise_id = $1 and id = $2 and ended_at is null returning human_agent_id",
        enterprise.uuid(),
        leg.uuid(),
        at,
        end == LegEnd::Lost
    )
    .fetch_optional(&mut *tx)
    .await?;
    if let Some(Some(agent)) = ended.filter(|_| end != LegEnd::NotCalled) {
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
