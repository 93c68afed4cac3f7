//! Claims: who is dialled next, in exact order, within every limit.
//!
//! A claim is one short transaction for one enterprise. It holds the enterprise's advisory lock, so two
//! claims of one enterprise never run at the same time. It locks limits and live calls, so that an edit
//! waits for it. Then it takes the best numbers and opens an attempt on each. The attempt is the slot.
//! Jobs are pushed after the commit.
//!
//! A dialer claims, too: for the slots that it frees, in the transaction that frees them (`follow_on`).
//!
//! `outbound::claim` decides. Here is what it asks for (`scene`, `read`), and what it decided is written down
//! (`write`).
//!
//! PostgreSQL keeps the rows that were taken as dead rows at the head of the lane, and reading over them
//! takes long. So a [`Claimer`] remembers how far it read in each lane and starts there the next time. When
//! a number enters the lane, it starts from the beginning again.

mod follow_on;
mod read;
mod scene;
mod settle;
mod write;

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::time::Duration;

use outbound::Time;
use outbound::claim::{Cursor, Engine, Scene, Step};
use outbound::ids::{AttemptId, EnterpriseId, NumberId, TaskId};
use sqlx::PgConnection;

use crate::lanes::{self, Counts, OneAtATime};
use crate::{Store, StoreError};
use read::NumberRow;

pub use follow_on::FollowOn;
pub(crate) use follow_on::FollowedOn;
pub use outbound::claim::CLAIM_MAX;

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
    /// When numbers that were put off come back, with their tasks. Push a redial job for each.
    pub waits: Vec<(TaskId, Time)>,
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
        scene.load_cursors(&self.cursors);
        let claim =
            decide(store, &mut tx, enterprise, Engine::new(scene, now, at_most, random_seed), now);
        let claim = claim.await?;
        let mut counts = Counts::default();
        let attempts = write::write(&mut tx, enterprise, now, &claim, None, &mut counts).await?;
        counts.write(&mut tx).await?;
        tx.commit().await?;

        let (more, waits) = (claim.engine.is_more(), claim.waits());
        let scene = claim.engine.into_scene();
        self.keep_cursors(&scene);
        for task in scene.idle_tasks() {
            settle::nothing_pending(store, task, now).await?;
        }
        Ok(Claimed { attempts, waits, more, busy: false, wake_at: scene.next_claim_at() })
    }

    /// Call it after the commit only: after a rollback the numbers are still in their lanes.
    fn keep_cursors(&mut self, scene: &Scene) {
        if self.cursors.len() > CURSORS_MAX {
            self.cursors.clear();
        }
        self.cursors.extend(scene.cursors());
    }
}

/// A claim that has decided.
struct DecidedClaim {
    engine: Engine,
    /// More of the numbers that the engine asked about.
    rows: HashMap<NumberId, NumberRow>,
}

impl DecidedClaim {
    /// When the numbers that it puts off come back, each time once a task.
    fn waits(&self) -> Vec<(TaskId, Time)> {
        let taken = self.engine.taken().iter();
        let waits = taken.filter_map(|taken| {
            let at = taken.verdict.comes_back_at()?;
            Some((self.engine.scene().task(taken.task).id, at))
        });
        waits.collect::<BTreeSet<_>>().into_iter().collect()
    }
}

/// Run a claim until it has decided. Locks what [`read::numbers`] locks.
async fn decide(
    store: &Store,
    conn: &mut PgConnection,
    enterprise: EnterpriseId,
    mut engine: Engine,
    now: Time,
) -> Result<DecidedClaim, StoreError> {
    let mut rows = HashMap::new();
    loop {
        match engine.step() {
            Step::ReadLanes(asked) => {
                let ready = read::lanes(conn, &asked).await?;
                engine.read_lanes(&asked, ready);
            }
            Step::ReadNumbers(asked) => {
                let scene = engine.scene();
                let facts =
                    read::numbers(store, conn, enterprise, scene, &asked, now, &mut rows).await?;
                let judged = engine.judge(asked, facts);
                judged.map_err(|gone| StoreError::Damaged(gone.to_string()))?;
            }
            Step::Decided => return Ok(DecidedClaim { engine, rows }),
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
async fn lock(conn: &mut PgConnection, enterprise: EnterpriseId) -> Result<bool, StoreError> {
    lanes::try_lock(conn, OneAtATime::Claims, enterprise.uuid()).await
}
