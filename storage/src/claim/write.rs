//! Writing a claim down: attempts opened, numbers moved, counters kept.

use std::collections::BTreeSet;
use std::time::Duration;

use outbound::Time;
use outbound::ids::{AttemptId, EnterpriseId};
use outbound::number::NumberState;
use outbound::order::{LaneClass, Rank};
use sqlx::PgConnection;
use sqlx::types::Uuid;

use super::judge::{Dial, Verdict};
use super::scene::Scene;
use super::{ClaimedAttempt, TakenNumber};
use crate::StoreError;
use crate::finish::chain::Onward;
use crate::lanes::{self, Counts, LaneSpec};

/// How long a claimed attempt waits for a worker before its job is pushed again with a new token.
const CLAIM_LEASE: Duration = Duration::from_secs(60);

/// The worker that begins the calls in the same moment in which they are claimed, and its lease. Calls with calls
/// per second are only claimed: they wait for their pace first.
#[derive(Debug, Clone, Copy)]
pub(super) struct BegunBy<'a> {
    pub worker: &'a str,
    pub lease: Duration,
}

impl Scene {
    /// Whether a call must wait for its pace, by calls per second of its trunk or task.
    pub(super) fn is_paced(&self, taken: &TakenNumber, dial: &Dial) -> bool {
        let task = self.tasks[taken.task].config.calls_per_second;
        let trunk = self.trunks.get(&dial.trunk).and_then(|trunk| trunk.config.calls_per_second);
        task.or(trunk).is_some()
    }
}

/// Write down what was taken; gives the attempts that it opened, in order. The caller writes the counters, as the
/// last thing of the transaction.
///
/// Locks the rows taken, lanes that numbers wait for, and batches that start.
pub(super) async fn write(
    conn: &mut PgConnection,
    enterprise: EnterpriseId,
    now: Time,
    scene: &Scene,
    taken: &[TakenNumber],
    begun_by: Option<BegunBy<'_>>,
    counts: &mut Counts,
) -> Result<Vec<ClaimedAttempt>, StoreError> {
    if taken.is_empty() {
        return Ok(Vec::new());
    }
    let attempts = open(conn, enterprise, now, scene, taken, begun_by).await?;
    put_off(conn, enterprise, scene, taken).await?;
    start_batches(conn, now, taken).await?;
    for taken in taken {
        let task = scene.tasks[taken.task].id;
        counts.moved(task, taken.details.batch, NumberState::Pending, taken.verdict.state());
    }
    Ok(attempts)
}

impl Verdict {
    fn state(&self) -> NumberState {
        match self {
            Self::Dial(_) => NumberState::Calling,
            Self::Suppress | Self::Onward(Onward::Suppressed) => NumberState::Suppressed,
            Self::Onward(Onward::Unconnected) => NumberState::Unconnected,
            Self::Wait { .. } | Self::Onward(_) => NumberState::Waiting,
            Self::PassOver => NumberState::Pending,
        }
    }

    pub(super) fn dial(&self) -> Option<&Dial> {
        match self {
            Self::Dial(dial) => Some(dial),
            _ => None,
        }
    }
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
            let begun = begun_by.is_some() && !scene.is_paced(taken, dial);
            opened.push(scene, taken, dial, begun);
        }
    }
    let turned: Vec<_> =
        scene.tasks.iter().filter(|task| task.turned && task.lines.len() > 1).collect();
    let turned_tasks: Vec<Uuid> = turned.iter().map(|task| task.id).collect();
    let turned_calls: Vec<i64> = turned.iter().map(|task| task.calls).collect();
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
        let place = &taken.details.chain.place;
        let (round, chain_index) = match &taken.verdict {
            Verdict::Dial(dial) => (place.round, index(dial.chain_index)),
            Verdict::Onward(Onward::Redial { round, chain_index, .. }) => {
                (index(*round), index(*chain_index))
            }
            _ => (place.round, index(place.chain_index)),
        };
        self.lanes.push(taken.pulled.lane);
        self.ords.push(taken.pulled.ord);
        self.numbers.push(taken.pulled.number);
        self.states.push(taken.verdict.state().word());
        self.rounds.push(round);
        self.chain_indexes.push(chain_index);
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
        let task = &scene.tasks[taken.task];
        self.ids.push(AttemptId::new().uuid());
        self.tasks.push(task.id);
        self.batches.push(taken.details.batch);
        self.numbers.push(taken.pulled.number);
        self.lanes.push(taken.pulled.lane);
        self.trunks.push(dial.trunk);
        self.callers.push(dial.caller);
        self.phones.push(dial.phone);
        self.rounds.push(taken.details.chain.place.round);
        self.chain_indexes.push(index(dial.chain_index));
        self.policies.push(task.policy);
        self.navigations.push(task.navigation.0);
        self.versions.push(task.navigation.1);
        self.probes.push(dial.probe);
        self.begun.push(begun);
    }
}

fn index(place: u16) -> i16 {
    i16::try_from(place).unwrap_or(i16::MAX)
}

/// Write down the numbers that can't be dialled now: they wait to come back to their lane, or for their next round.
async fn put_off(
    conn: &mut PgConnection,
    enterprise: EnterpriseId,
    scene: &Scene,
    taken: &[TakenNumber],
) -> Result<(), StoreError> {
    let redial_lane = |taken: &TakenNumber| match taken.verdict {
        Verdict::Onward(Onward::Redial { round, .. }) => Some(LaneSpec {
            task: scene.tasks[taken.task].id,
            batch: Some(taken.details.batch),
            class: LaneClass::Redial,
            round: index(round),
            order_revision: taken.details.order_revision,
        }),
        _ => None,
    };
    let specs: Vec<LaneSpec> = taken.iter().filter_map(redial_lane).collect();
    let found = lanes::find_or_make(conn, specs).await?;
    let mut waiting = lanes::Waiting::default();
    for taken in taken {
        let rank = Rank { ord: taken.pulled.ord, plain_ord: taken.pulled.plain_ord };
        let (due_at, reason, lane, rank, phone) = match (&taken.verdict, redial_lane(taken)) {
            (Verdict::Wait { due_at, reason, phone }, _) => {
                (*due_at, *reason, taken.pulled.lane, rank, *phone)
            }
            (Verdict::Onward(Onward::Redial { at, chain_index, .. }), Some(spec)) => {
                let later = lanes::later_rank(taken.details.priority, taken.details.seq);
                let phone = taken.details.chain.phone(*chain_index)?;
                (*at, "redial", found.get(&spec).copied().unwrap_or_default(), later, phone)
            }
            _ => continue,
        };
        let (task, number) = (scene.tasks[taken.task].id, taken.pulled.number);
        waiting.push(
            enterprise.uuid(),
            lanes::Entry { lane, task, number, rank },
            due_at,
            reason,
            phone,
        );
    }
    waiting.write(conn).await
}

/// The first attempt of a batch starts it.
async fn start_batches(
    conn: &mut PgConnection,
    now: Time,
    taken: &[TakenNumber],
) -> Result<(), StoreError> {
    let mut seen = BTreeSet::new();
    let mut batches = Vec::new();
    for taken in taken {
        let starts = taken.verdict.dial().is_some_and(|dial| dial.starts_batch);
        if starts && seen.insert(taken.details.batch) {
            batches.push(taken.details.batch);
        }
    }
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
