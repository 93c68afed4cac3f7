//! Claims: who is dialled next, in exact order, within every limit.
//!
//! A claim is one short transaction for one enterprise. It holds the enterprise's advisory lock, so
//! claims of one enterprise never run beside each other; it reads limits and live calls under locks
//! that an edit waits for, takes the best numbers that there are, and opens an attempt on each. The
//! attempt is the slot. Jobs are pushed after the commit.
//!
//! A dialer claims, too: for the slots that it frees, in the transaction that frees them (`follow_on`).
//!
//! The rows taken leave a trail of dead ones at the head of their lane. So a [`Claimer`] remembers how
//! far it came in each lane, and starts there the next time, unless something entered the lane since.

mod follow_on;
mod judge;
mod queue;
mod scene;
mod settle;
mod write;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::time::Duration;

use outbound::Time;
use outbound::claim::{TaskRoom, allot};
use outbound::ids::{AttemptId, EnterpriseId, TaskId};
use sqlx::types::Uuid;

use crate::lanes::{self, Counts, OneAtATime};
use crate::{Store, StoreError};
use judge::Verdict;
use queue::{Cursor, Pulled};
use scene::Scene;

pub use follow_on::FollowOn;
pub(crate) use follow_on::FollowedOn;

/// Attempts that one claim opens, at most.
pub const CLAIM_MAX: u32 = 500;
/// Rounds of looking that one claim makes before it commits what it has and asks to be run again.
const PASSES_MAX: u32 = 12;
/// Enterprises of which is kept what dispatchers were told; beyond it they are told again.
const TOLD_MAX: usize = 10_000;
/// Lanes whose cursors are kept, at most; beyond it they start anew.
const CURSORS_MAX: usize = 100_000;

/// An attempt that is to be dialled, and the token that its job must carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClaimedAttempt {
    pub attempt: AttemptId,
    pub token: i64,
}

/// What a claim did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Claimed {
    /// Attempts to push jobs for, in the order they are to be dialled.
    pub attempts: Vec<ClaimedAttempt>,
    /// There may be more to take: claim again at once.
    pub more: bool,
    /// Somebody else is claiming for this enterprise, and may not see what this claim was made for.
    pub busy: bool,
    /// Nothing else may say that a claim is worth while from this moment on.
    pub wake_at: Option<Time>,
}

/// A place in the line for an enterprise's claims.
#[derive(Clone, Copy)]
pub struct InLine<'a> {
    /// How long somebody else who claims is waited for, at most.
    pub at_most: Duration,
    /// Reads the time, once it is one's turn. By an earlier one, a number that fell due meanwhile would be
    /// called before that, and a window that closed meanwhile would be open.
    pub now: &'a (dyn Fn() -> Time + Sync),
}

impl fmt::Debug for InLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InLine").field("at_most", &self.at_most).finish_non_exhaustive()
    }
}

/// Makes claims, and remembers how far it came. One for each that claims.
#[derive(Debug, Default)]
pub struct Claimer {
    cursors: HashMap<i64, Cursor>,
    /// Times that dispatchers were told to look at an enterprise again.
    told: HashMap<EnterpriseId, Time>,
}

impl Claimer {
    pub fn new() -> Self {
        Self::default()
    }

    /// Take the best numbers of an enterprise's running tasks for the slots that are free, `at_most`
    /// (held to 1–[`CLAIM_MAX`]) of them.
    ///
    /// `random_seed` is any number, another for each claim: random caller IDs are drawn by it.
    ///
    /// Locks the enterprise's claims (or gives up at once, `busy`), its row, its trunks and its
    /// running tasks for share, live attempts that a candidate waits for for share; then what it takes.
    pub async fn claim(
        &mut self,
        store: &Store,
        enterprise: EnterpriseId,
        now: Time,
        at_most: u32,
        random_seed: u64,
    ) -> Result<Claimed, StoreError> {
        let at_once = InLine { at_most: Duration::ZERO, now: &|| now };
        self.claim_in_line(store, enterprise, at_most, random_seed, at_once).await
    }

    /// [`Self::claim`] that stands in line for the enterprise's claims before it gives up.
    pub async fn claim_in_line(
        &mut self,
        store: &Store,
        enterprise: EnterpriseId,
        at_most: u32,
        random_seed: u64,
        in_line: InLine<'_>,
    ) -> Result<Claimed, StoreError> {
        let wait = in_line.at_most;
        let mut tx = store.hot.begin().await?;
        let locked = lock(&mut tx, enterprise).await?
            || !wait.is_zero() && lanes::lock_claims_within(&mut tx, enterprise, wait).await?;
        if !locked {
            return Ok(Claimed { busy: true, ..Claimed::default() });
        }
        let now = (in_line.now)();
        let Some(mut scene) = scene::read(store, &mut tx, enterprise, now).await? else {
            // Not left to the drop, which gives the lock back a little later: whoever comes between
            // would take it for another dispatcher's, and leave the claim to nobody.
            tx.rollback().await?;
            return Ok(Claimed::default());
        };
        let plain = !scene.switches.priorities;
        scene.load_cursors(&self.cursors, plain);
        let mut run = Run::new(now, at_most, random_seed);
        let exhausted = run.take(store, &mut tx, enterprise, &mut scene).await?;
        let mut counts = Counts::default();
        let attempts =
            write::write(&mut tx, enterprise, now, &scene, &run.taken, None, &mut counts).await?;
        counts.write(&mut tx).await?;
        tx.commit().await?;

        self.keep_cursors(&scene, plain);
        for task in scene.idle_tasks() {
            settle::nothing_pending(store, task, now).await?;
        }
        let more = run.is_full(&scene) || !exhausted;
        Ok(Claimed { attempts, more, busy: false, wake_at: scene.wake_at })
    }

    /// Only after the commit: what was rolled back is still there.
    fn keep_cursors(&mut self, scene: &Scene, plain: bool) {
        if self.cursors.len() > CURSORS_MAX {
            self.cursors.clear();
        }
        for task in &scene.tasks {
            self.cursors.extend(task.queue.cursors(plain));
        }
    }
}

/// Of a time to claim at that a follow-on sees, dispatchers are told once: they look then, see it, too,
/// and look again at that time by themselves.
impl Claimer {
    fn has_told(&self, enterprise: EnterpriseId, wake_at: Time, now: Time) -> bool {
        // A time ahead of what is seen now is of a clock that was set back since.
        self.told.get(&enterprise).is_some_and(|told| now < *told && *told <= wake_at)
    }

    /// Only after the commit.
    fn keep_told(&mut self, enterprise: EnterpriseId, wake_at: Time) {
        if self.told.len() >= TOLD_MAX {
            self.told.clear();
        }
        self.told.insert(enterprise, wake_at);
    }
}

/// The enterprises that have something to claim for: those with a task that runs, or that waits for a
/// trunk to come back. Locks nothing.
pub async fn enterprises(store: &Store) -> Result<Vec<EnterpriseId>, StoreError> {
    let ids = sqlx::query_scalar!(
        "select distinct enterprise_id from task
          where (state = 'running' or pause_reason = 'trunk_failure') and deleted_at is null"
    )
    .fetch_all(&store.hot)
    .await?;
    Ok(ids.into_iter().map(EnterpriseId::from).collect())
}

/// Tries to lock the enterprise's claims.
///
/// A claim's commit does not wait for the disk: the begin that follows does, and whatever it rests on
/// is on the disk before it. Should the server stop in between, the claim never was: its numbers are in
/// their lanes, and its jobs name attempts that are not there.
async fn lock(conn: &mut sqlx::PgConnection, enterprise: EnterpriseId) -> Result<bool, StoreError> {
    lanes::try_lock(conn, OneAtATime::Claims, enterprise.uuid()).await
}

/// A number that was taken out of its lane, and what becomes of it.
struct Taken {
    task: usize,
    pulled: Pulled,
    details: judge::Details,
    verdict: Verdict,
}

/// One claim under way.
struct Run {
    now: Time,
    at_most: u32,
    random_seed: u64,
    taken: Vec<Taken>,
}

impl Run {
    fn new(now: Time, at_most: u32, random_seed: u64) -> Self {
        Self { now, at_most: at_most.clamp(1, CLAIM_MAX), random_seed, taken: Vec::new() }
    }

    /// It took as many as it may, and some task has room and perhaps numbers for more.
    fn is_full(&self, scene: &Scene) -> bool {
        let dials = self.taken.iter().filter(|taken| taken.verdict.dial().is_some()).count();
        dials >= self.at_most as usize && !wants(scene, scene.free.min(1)).is_empty()
    }

    /// Fill the free slots. True when there is nothing more to take.
    async fn take(
        &mut self,
        store: &Store,
        conn: &mut sqlx::PgConnection,
        enterprise: EnterpriseId,
        scene: &mut Scene,
    ) -> Result<bool, StoreError> {
        let mut dialled = 0;
        for _ in 0..PASSES_MAX {
            let left = scene.free.min(self.at_most - dialled);
            let wants = wants(scene, left);
            if wants.is_empty() {
                return Ok(true);
            }
            queue::fetch(conn, scene, &wants).await?;
            let pulled = queue::pull(scene, &wants);
            let pulled = in_turn(scene, pulled);
            if pulled.is_empty() {
                continue;
            }
            let numbers: Vec<Uuid> = pulled.iter().map(|(_, pulled)| pulled.number).collect();
            let mut facts = judge::facts(conn, enterprise, scene, &numbers, self.now).await?;
            // What this claim took before is not in the database yet.
            let before = self.taken.iter().filter_map(|taken| taken.verdict.dial());
            facts.live.extend(before.map(|dial| dial.phone));
            let mut pulled = pulled.into_iter();
            while let Some((task, next)) = pulled.next() {
                let Some(details) = facts.details.remove(&next.number) else {
                    return Err(StoreError::Damaged(format!("{} is ready and gone", next.number)));
                };
                let random = self.random();
                let verdict = judge::judge(
                    store, conn, scene, task, &next, &details, &mut facts, random, self.now,
                )
                .await?;
                let dials = matches!(verdict, Verdict::Dial(_));
                dialled += u32::from(dials);
                if matches!(verdict, Verdict::PassOver) {
                    scene.tasks[task].queue.pass_over(&next);
                    continue;
                }
                scene.tasks[task].queue.consume(&next);
                self.taken.push(Taken { task, pulled: next, details, verdict });
                let others = pulled.as_slice().iter().any(|(other, _)| *other != task);
                if !dials && others && scene.is_short_of_lines(pulled.len()) {
                    // Its task has not had this turn: the lines that are left are shared anew.
                    pulled.rev().for_each(|(task, back)| scene.tasks[task].queue.put_back(back));
                    break;
                }
            }
        }
        Ok(false)
    }

    /// The next number of a sequence that the seed decides (splitmix64).
    fn random(&mut self) -> u64 {
        self.random_seed = self.random_seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed =
            (self.random_seed ^ (self.random_seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// Numbers of several tasks in the order that [`allot`] gives slots in: where a line can't take all of
/// them, it is shared like the slots are.
fn in_turn(scene: &Scene, pulled: Vec<(usize, Pulled)>) -> Vec<(usize, Pulled)> {
    let mut up: BTreeMap<usize, u64> = BTreeMap::new();
    let mut placed = Vec::with_capacity(pulled.len());
    for (task, pulled) in pulled {
        let found = &scene.tasks[task];
        let up = up.entry(task).or_insert_with(|| found.live.into());
        placed.push((*up, u64::from(found.config.concurrency.max(1)), (task, pulled)));
        *up += 1;
    }
    placed.sort_by(|a, b| (a.0 * b.1).cmp(&(b.0 * a.1)));
    placed.into_iter().map(|(.., pulled)| pulled).collect()
}

/// How many numbers each task may take now, of those that may have some.
fn wants(scene: &Scene, left: u32) -> BTreeMap<usize, u32> {
    let rooms: Vec<TaskRoom> = scene
        .tasks
        .iter()
        .filter(|task| !task.stopped && !task.queue.is_spent())
        .map(|task| TaskRoom {
            task: TaskId::from(task.id),
            free: task.free(&scene.trunks),
            live: task.live,
            limit: task.config.concurrency,
        })
        .collect();
    let place = |id: TaskId| scene.tasks.iter().position(|task| task.id == id.uuid());
    allot(left, &rooms).into_iter().filter_map(|(task, n)| Some((place(task)?, n))).collect()
}
