//! Claims: who is dialled next, in exact order, within every limit.
//!
//! A claim is one short transaction for one enterprise. It holds the enterprise's advisory lock, so two
//! claims of one enterprise never run at the same time. It locks limits and live calls, so that an edit
//! waits for it. Then it takes the best numbers and opens an attempt on each. The attempt is the slot.
//! Jobs are pushed after the commit.
//!
//! A dialer claims, too: for the slots that it frees, in the transaction that frees them (`follow_on`).
//!
//! PostgreSQL keeps the rows that were taken as dead rows at the head of the lane, and reading over them
//! takes long. So a [`Claimer`] remembers how far it read in each lane and starts there the next time. When
//! a number enters the lane, it starts from the beginning again.

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
use queue::{Cursor, QueuedNumber};
use scene::Scene;

pub use follow_on::FollowOn;
pub(crate) use follow_on::FollowedOn;

/// Attempts that one claim opens, at most.
pub const CLAIM_MAX: u32 = 500;
/// How often one claim looks for more numbers, at most. Then it commits what it has and asks to be run again.
const PASSES_MAX: u32 = 12;
/// A [`Claimer`] remembers for so many enterprises when it last woke the dispatchers. For others it wakes
/// them again, which costs a look.
const TOLD_MAX: usize = 10_000;
/// A [`Claimer`] remembers its place in so many lanes, at most. Beyond that it forgets all of them.
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
    /// Somebody else was claiming for this enterprise, so this claim did nothing. The other one may have begun
    /// before the change that this claim was made for: claim again a little later.
    pub busy: bool,
    /// Claim again at this time: nothing else may wake the dispatcher then.
    pub wake_at: Option<Time>,
}

/// How a claim waits for the lock of the enterprise's claims.
#[derive(Clone, Copy)]
pub struct LockWait<'a> {
    /// How long it waits, at most.
    pub at_most: Duration,
    /// Reads the time. It is called once the lock is held. With a time from before the wait, a window that
    /// closed meanwhile would still count as open.
    pub now: &'a (dyn Fn() -> Time + Sync),
}

impl fmt::Debug for LockWait<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LockWait").field("at_most", &self.at_most).finish_non_exhaustive()
    }
}

/// Makes claims, and remembers how far it read in each lane. Whoever claims has one of its own.
#[derive(Debug, Default)]
pub struct Claimer {
    cursors: HashMap<i64, Cursor>,
    /// For each enterprise, the time at which the dispatchers were last asked to look again.
    told: HashMap<EnterpriseId, Time>,
}

impl Claimer {
    pub fn new() -> Self {
        Self::default()
    }

    /// Take the best numbers of an enterprise's running tasks for the slots that are free, `at_most`
    /// (held to 1–[`CLAIM_MAX`]) of them.
    ///
    /// Random caller IDs are drawn by `random_seed`: give another number to each claim.
    ///
    /// Locks the enterprise's claims, or gives up at once (`busy`). Then, for share: the enterprise's row, its
    /// trunks, its running tasks, and live attempts whose phone a candidate shares. Then the numbers that it takes.
    pub async fn claim(
        &mut self,
        store: &Store,
        enterprise: EnterpriseId,
        now: Time,
        at_most: u32,
        random_seed: u64,
    ) -> Result<Claimed, StoreError> {
        let at_once = LockWait { at_most: Duration::ZERO, now: &|| now };
        self.claim_waiting(store, enterprise, at_most, random_seed, at_once).await
    }

    /// [`Self::claim`] that waits for the lock of the enterprise's claims before it gives up.
    pub async fn claim_waiting(
        &mut self,
        store: &Store,
        enterprise: EnterpriseId,
        at_most: u32,
        random_seed: u64,
        lock_wait: LockWait<'_>,
    ) -> Result<Claimed, StoreError> {
        let wait = lock_wait.at_most;
        let mut tx = store.hot.begin().await?;
        let locked = lock(&mut tx, enterprise).await?
            || !wait.is_zero() && lanes::lock_claims_within(&mut tx, enterprise, wait).await?;
        if !locked {
            return Ok(Claimed { busy: true, ..Claimed::default() });
        }
        let now = (lock_wait.now)();
        let Some(mut scene) = scene::read(store, &mut tx, enterprise, now).await? else {
            // Give the lock back now. A drop gives it back a little later, and whoever tried to claim in
            // between would leave the work to this claim, which does nothing.
            tx.rollback().await?;
            return Ok(Claimed::default());
        };
        let plain = !scene.switches.priorities;
        scene.load_cursors(&self.cursors, plain);
        let mut run = ClaimRun::new(now, at_most, random_seed);
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

    /// Call it after the commit only: after a rollback the numbers are still in their lanes.
    fn keep_cursors(&mut self, scene: &Scene, plain: bool) {
        if self.cursors.len() > CURSORS_MAX {
            self.cursors.clear();
        }
        for task in &scene.tasks {
            self.cursors.extend(task.queue.cursors(plain));
        }
    }
}

/// A follow-on may see that a claim is needed at a later time. It tells the dispatchers once: they look at
/// once, see that time themselves, and come back then.
impl Claimer {
    fn has_told(&self, enterprise: EnterpriseId, wake_at: Time, now: Time) -> bool {
        // A time that is already past tells nothing. One that is later than what is seen now comes from a clock
        // that was set back since.
        self.told.get(&enterprise).is_some_and(|told| now < *told && *told <= wake_at)
    }

    /// Call it after the commit only.
    fn keep_told(&mut self, enterprise: EnterpriseId, wake_at: Time) {
        if self.told.len() >= TOLD_MAX {
            self.told.clear();
        }
        self.told.insert(enterprise, wake_at);
    }
}

/// The enterprises that may have numbers to claim: those with a running task, or with a task that waits for
/// its trunk to work again. Locks nothing.
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
/// The commit of a claim does not wait for the disk. The begin after it does, and brings the claim to the
/// disk, too. When the server stops in between, the claim is undone: its numbers are in their lanes, and its
/// jobs name attempts that do not exist, so they do nothing.
async fn lock(conn: &mut sqlx::PgConnection, enterprise: EnterpriseId) -> Result<bool, StoreError> {
    lanes::try_lock(conn, OneAtATime::Claims, enterprise.uuid()).await
}

/// A number that was taken out of its lane, and what becomes of it.
struct TakenNumber {
    task: usize,
    pulled: QueuedNumber,
    details: judge::NumberFacts,
    verdict: Verdict,
}

/// One claim under way.
struct ClaimRun {
    now: Time,
    at_most: u32,
    random_seed: u64,
    taken: Vec<TakenNumber>,
}

impl ClaimRun {
    fn new(now: Time, at_most: u32, random_seed: u64) -> Self {
        Self { now, at_most: at_most.clamp(1, CLAIM_MAX), random_seed, taken: Vec::new() }
    }

    /// True when it took as many as it was allowed to, and some task has room for more.
    fn is_full(&self, scene: &Scene) -> bool {
        let dials = self.taken.iter().filter(|taken| taken.verdict.dial().is_some()).count();
        dials >= self.at_most as usize && !wants(scene, scene.free.min(1)).is_empty()
    }

    /// Take numbers for the free slots. True when there is nothing more to take.
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
            let pulled = by_share(scene, pulled);
            if pulled.is_empty() {
                continue;
            }
            let numbers: Vec<Uuid> = pulled.iter().map(|(_, pulled)| pulled.number).collect();
            let mut facts = judge::facts(conn, enterprise, scene, &numbers, self.now).await?;
            // Calls that this claim took in earlier passes are not in the database yet.
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
                self.taken.push(TakenNumber { task, pulled: next, details, verdict });
                let others = pulled.as_slice().iter().any(|(other, _)| *other != task);
                if !dials && others && scene.is_short_of_lines(pulled.len()) {
                    // This task did not use its share. Share the lines that are left among all tasks again.
                    pulled.rev().for_each(|(task, back)| scene.tasks[task].queue.put_back(back));
                    break;
                }
            }
        }
        Ok(false)
    }

    /// The next number of the sequence that starts with the seed (splitmix64).
    fn random(&mut self) -> u64 {
        self.random_seed = self.random_seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed =
            (self.random_seed ^ (self.random_seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// Sort the numbers of several tasks in the order in which [`allot`] gives out slots. So a trunk that can't take
/// all of them is shared among the tasks in the same way.
fn by_share(scene: &Scene, pulled: Vec<(usize, QueuedNumber)>) -> Vec<(usize, QueuedNumber)> {
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

/// How many numbers each task may take now. Tasks with nothing to take are left out.
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
