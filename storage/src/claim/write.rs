//! Writing a claim down: attempts opened, numbers moved, counters kept.

use std::time::Duration;

use outbound::Time;
use outbound::claim::{Dial, Scene, TakenNumber, Verdict};
use outbound::ids::{AttemptId, EnterpriseId};
use outbound::number::NumberState;
use outbound::order::LaneClass;
use outbound::redial::After;
use outbound::timing::CLAIM_LEASE;
use outbound::wait::WaitReason;
use sqlx::PgConnection;
use sqlx::types::Uuid;

use super::read::NumberRow;
use super::{ClaimedAttempt, DecidedClaim};
use crate::StoreError;
use crate::lanes::{self, Counts, LaneSpec};
use crate::rows::{phone_column, small};

/// The worker that begins the calls in the same moment in which they are claimed, and its lease. Calls with calls
/// per second are only claimed: they wait for their pace first.
#[derive(Debug, Clone, Copy)]
pub(super) struct BegunBy<'a> {
    pub worker: &'a str,
    pub lease: Duration,
}

/// Whether a call must wait for its pace, by calls per second of its trunk or task.
pub(super) fn is_paced(scene: &Scene, taken: &TakenNumber, dial: &Dial) -> bool {
    let trunk = scene.trunk(dial.trunk);
    trunk.is_some_and(|trunk| scene.task(taken.task).is_paced_on(&trunk.config))
}

/// Write down what was taken; gives the attempts that it opened, in order. The caller writes the counters, as the
/// last thing of the transaction.
///
/// Locks the rows taken, lanes that numbers wait for, and batches that start.
pub(super) async fn write(
    conn: &mut PgConnection,
    enterprise: EnterpriseId,
    now: Time,
    claim: &DecidedClaim,
    begun_by: Option<BegunBy<'_>>,
    counts: &mut Counts,
) -> Result<Vec<ClaimedAttempt>, StoreError> {
    let (scene, taken) = (claim.engine.scene(), claim.engine.taken());
    if taken.is_empty() {
        return Ok(Vec::new());
    }
    let attempts = open(conn, enterprise, now, scene, taken, begun_by).await?;
    put_off(conn, enterprise, claim).await?;
    start_batches(conn, now, taken).await?;
    for taken in taken {
        let (task, batch) = (scene.task(taken.task).id, taken.facts.batch);
        let state = taken.verdict.state();
        counts.moved(task.uuid(), batch.uuid(), NumberState::Pending, state);
    }
    Ok(attempts)
}

/// One statement that takes the numbers out of their lanes, moves them on, opens the attempts, and remembers which
/// caller ID of each task comes next.
async fn open(
    conn: &mut PgConnection,
    enterprise: EnterpriseId,
    now: Time,
    scene: &Scene,
    taken: &[TakenNumber],
    begun_by: Option<BegunBy<'_>>,
) -> Result<Vec<ClaimedAttempt>, StoreError> {
    let mut moves = Moves::default();
    let mut opened = Opened::default();
    for taken in taken {
        moves.push(taken);
        if let Some(dial) = taken.verdict.dial() {
            let begun = begun_by.is_some() && !is_paced(scene, taken, dial);
            opened.push(scene, taken, dial, begun);
        }
    }
    let (turned_tasks, turned_calls): (Vec<Uuid>, Vec<i64>) =
        scene.rotations().map(|(task, calls)| (task.uuid(), calls)).unzip();
    let gone = sqlx::query_scalar!(
        r#"with gone as (
               delete from ready r
                using unnest($1::bigint[], $2::bigint[], $3::uuid[]) as u (lane, ord, number)
                where r.lane_id = u.lane and r.ord = u.ord and r.number_id = u.number
               returning r.number_id),
           moved as (
               update number n
                  set state = u.state, round = u.round, chain_index = u.chain_index,
                      round_called_at = case when u.round = n.round then n.round_called_at end
                 from unnest($3::uuid[], $4::text[], $5::smallint[], $6::smallint[])
                      as u (number, state, round, chain_index)
                where n.id = u.number),
           opened as (
               insert into attempt (id, enterprise_id, task_id, batch_id, number_id, lane_id, trunk_id,
                      caller_id, phone, round, chain_index, policy_id, navigation_id,
                      navigation_version, probe, claimed_at, pushed_at, lease_until, phase, worker,
                      begun_at, started_at)
               select a.id, $7, a.task, a.batch, a.number, a.lane, a.trunk, a.caller, a.phone, a.round,
                      a.chain_index, a.policy, a.navigation, a.version, a.probe, $8,
                      clock_timestamp(), clock_timestamp()
                          + make_interval(secs => case when a.begun then $26 else $9::float8 end),
                      case when a.begun then 'begun' else 'claimed' end,
                      case when a.begun then $25 end,
                      case when a.begun then clock_timestamp() end,
                      case when a.begun then $8::timestamptz end
                 from unnest($10::uuid[], $11::uuid[], $12::uuid[], $13::uuid[], $14::bigint[],
                             $15::uuid[], $16::uuid[], $17::bigint[], $18::smallint[],
                             $19::smallint[], $20::bigint[], $21::uuid[], $22::integer[], $23::boolean[],
                             $24::boolean[])
                      as a (id, task, batch, number, lane, trunk, caller, phone, round, chain_index,
                            policy, navigation, version, probe, begun)),
           turned as (
               insert into task_rotation (task_id, calls)
               select * from unnest($27::uuid[], $28::bigint[])
                   on conflict (task_id) do update set calls = excluded.calls)
           select count(*) as "gone!" from gone"#,
        &moves.lanes,
        &moves.ords,
        &moves.numbers,
        &moves.states as &[&str],
        &moves.rounds,
        &moves.chain_indexes,
        enterprise.uuid(),
        now,
        CLAIM_LEASE.as_secs_f64(),
        &opened.ids,
        &opened.tasks,
        &opened.batches,
        &opened.numbers,
        &opened.lanes,
        &opened.trunks,
        &opened.callers,
        &opened.phones,
        &opened.rounds,
        &opened.chain_indexes,
        &opened.policies,
        &opened.navigations,
        &opened.versions,
        &opened.probes,
        &opened.begun,
        begun_by.map(|by| by.worker),
        begun_by.map(|by| by.lease.as_secs_f64()),
        &turned_tasks,
        &turned_calls
    )
    .fetch_one(conn)
    .await?;
    if usize::try_from(gone).ok() != Some(taken.len()) {
        return Err(StoreError::Unavailable("a queue changed under a claim".into()));
    }
    let attempt = |id: &Uuid| ClaimedAttempt { attempt: AttemptId::from(*id), token: 1 };
    Ok(opened.ids.iter().map(attempt).collect())
}

#[derive(Default)]
struct Moves {
    lanes: Vec<i64>,
    ords: Vec<i64>,
    numbers: Vec<Uuid>,
    states: Vec<&'static str>,
    rounds: Vec<i16>,
    chain_indexes: Vec<i16>,
}

impl Moves {
    fn push(&mut self, taken: &TakenNumber) {
        let place = taken.facts.chain.place();
        let (round, chain_index) = match &taken.verdict {
            Verdict::Dial(dial) => (place.round, dial.chain_index),
            Verdict::RoundOver(After::Redial { round, chain_index, .. }) => (*round, *chain_index),
            _ => (place.round, place.chain_index),
        };
        self.lanes.push(taken.queued.lane);
        self.ords.push(taken.queued.rank.ord);
        self.numbers.push(taken.queued.number.uuid());
        self.states.push(taken.verdict.state().word());
        self.rounds.push(small(round));
        self.chain_indexes.push(small(chain_index));
    }
}

#[derive(Default)]
struct Opened {
    ids: Vec<Uuid>,
    tasks: Vec<Uuid>,
    batches: Vec<Uuid>,
    numbers: Vec<Uuid>,
    lanes: Vec<i64>,
    trunks: Vec<Uuid>,
    callers: Vec<Uuid>,
    phones: Vec<i64>,
    rounds: Vec<i16>,
    chain_indexes: Vec<i16>,
    policies: Vec<i64>,
    navigations: Vec<Uuid>,
    versions: Vec<i32>,
    probes: Vec<bool>,
    begun: Vec<bool>,
}

impl Opened {
    fn push(&mut self, scene: &Scene, taken: &TakenNumber, dial: &Dial, begun: bool) {
        let task = scene.task(taken.task);
        self.ids.push(clock::new_id::<AttemptId>().uuid());
        self.tasks.push(task.id.uuid());
        self.batches.push(taken.facts.batch.uuid());
        self.numbers.push(taken.queued.number.uuid());
        self.lanes.push(taken.queued.lane);
        self.trunks.push(dial.trunk.uuid());
        self.callers.push(dial.caller.uuid());
        self.phones.push(phone_column(dial.phone));
        self.rounds.push(small(taken.facts.chain.place().round));
        self.chain_indexes.push(small(dial.chain_index));
        self.policies.push(task.policy);
        self.navigations.push(task.navigation.0.uuid());
        self.versions.push(task.navigation.1);
        self.probes.push(dial.probe);
        self.begun.push(begun);
    }
}

/// Write down the numbers that can't be dialled now: they wait to come back to their lane, or for their next round.
async fn put_off(
    conn: &mut PgConnection,
    enterprise: EnterpriseId,
    claim: &DecidedClaim,
) -> Result<(), StoreError> {
    let (scene, taken) = (claim.engine.scene(), claim.engine.taken());
    let row = |taken: &TakenNumber| -> Result<&NumberRow, StoreError> {
        let number = taken.queued.number;
        let damaged = || StoreError::Damaged(format!("{number} was taken and not read"));
        claim.rows.get(&number).ok_or_else(damaged)
    };
    let redial_lane = |taken: &TakenNumber, round| -> Result<LaneSpec, StoreError> {
        Ok(LaneSpec {
            task: scene.task(taken.task).id.uuid(),
            batch: Some(taken.facts.batch.uuid()),
            class: LaneClass::Redial,
            round: small(round),
            order_revision: row(taken)?.order_revision,
        })
    };
    let mut specs = Vec::new();
    for taken in taken {
        if let Verdict::RoundOver(After::Redial { round, .. }) = taken.verdict {
            specs.push(redial_lane(taken, round)?);
        }
    }
    let found = lanes::find_or_make(conn, specs).await?;
    let mut waiting = lanes::Waiting::default();
    for taken in taken {
        let (due_at, reason, lane, rank, phone) = match taken.verdict {
            Verdict::Wait { due_at, reason, phone } => {
                (due_at, reason, taken.queued.lane, taken.queued.rank, phone)
            }
            Verdict::RoundOver(After::Redial { round, chain_index, at }) => {
                let lane = found.get(&redial_lane(taken, round)?).copied().unwrap_or_default();
                let later = lanes::later_rank(row(taken)?.priority, row(taken)?.seq);
                (at, WaitReason::Redial, lane, later, taken.facts.chain.phone(chain_index))
            }
            _ => continue,
        };
        let (task, number) = (scene.task(taken.task).id.uuid(), taken.queued.number.uuid());
        let entry = lanes::Entry { lane, task, number, rank };
        waiting.push(enterprise.uuid(), entry, due_at, reason, phone_column(phone));
    }
    waiting.write(conn).await
}

/// The first attempt of a batch starts it.
async fn start_batches(
    conn: &mut PgConnection,
    now: Time,
    taken: &[TakenNumber],
) -> Result<(), StoreError> {
    let batches: Vec<Uuid> = taken
        .iter()
        .filter(|taken| taken.verdict.dial().is_some_and(|dial| dial.starts_batch))
        .map(|taken| taken.facts.batch.uuid())
        .collect();
    if batches.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "with starting as (
             select b.id, u.place from unnest($1::uuid[]) with ordinality as u (id, place)
               join batch b on b.id = u.id order by b.id for no key update of b)
         update batch b set started_at = $2::timestamptz + (s.place - 1) * interval '1 microsecond'
           from starting s where b.id = s.id and b.started_at is null",
        &batches,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}
