//! Finishes: what came of a call, all of it in one transaction, many calls at a time.
//!
//! The record, the conversation, the freed slot, the number's next state, its next place in a queue,
//! the counters and the wake-up of the dispatchers are there together or not at all. A call whose
//! attempt is another's by now (its worker had been given up) writes nothing.

mod breaker;
pub(crate) mod chain;
mod next;
mod record;
mod take;

use std::collections::{BTreeMap, BTreeSet};

use outbound::Time;
use outbound::ids::{AttemptId, TaskId};
use outbound::outcome::cause;
use outbound::record::CallRecord;
use outbound::redial::After;
use sqlx::types::Uuid;
use sqlx::{PgConnection, Postgres, Transaction};

use crate::attempts::DialOrder;
use crate::claim::{Claimed, FollowOn, FollowedOn, InLine};
use crate::lanes::{self, Counts};
use crate::{Store, StoreError, numbers};
use next::Next;
use take::{Held, Took};

pub use breaker::forget_health;

/// Calls of one transaction, at most.
pub const FINISH_MAX: usize = 500;

/// A call that ended.
#[derive(Debug, Clone)]
pub struct Finished {
    pub attempt: AttemptId,
    pub token: i64,
    /// Who, what and where is taken from the attempt's row; the rest is what the call told.
    pub record: CallRecord,
    /// The line itself turned the call down: no retry is burnt, and the breaker counts it.
    pub trunk_refused: bool,
    pub conversation: Option<NewConversation>,
    pub recording: Option<NewRecording>,
}

/// What was said.
#[derive(Debug, Clone)]
pub struct NewConversation {
    /// `[dialog::transcript::Line]`
    pub transcript: serde_json::Value,
    /// `[dialog::transcript::Entry]`
    pub log: serde_json::Value,
}

/// A recording that lies in a worker's spool folder and is to be uploaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRecording {
    /// The spool folder's id.
    pub spool: String,
    pub object_key: String,
    pub duration_ms: i64,
}

impl Finished {
    /// A call without conversation or recording.
    pub fn of(token: i64, record: CallRecord) -> Self {
        Self {
            attempt: record.id,
            token,
            record,
            trunk_refused: false,
            conversation: None,
            recording: None,
        }
    }
}

/// What a finish did.
#[derive(Debug, Clone, PartialEq)]
pub struct FinishedAs {
    pub attempt: AttemptId,
    /// False: the attempt is another's by now, and nothing was written.
    pub written: bool,
    pub task: TaskId,
    /// What becomes of the number.
    pub next: Option<After>,
}

impl FinishedAs {
    /// When the number falls due again: push a redial job for its task.
    pub fn due_at(&self) -> Option<Time> {
        match self.next? {
            After::Redial { at, .. } | After::AgainLater { at } => Some(at),
            After::Connected
            | After::NextBackup { .. }
            | After::Unconnected
            | After::Suppressed => None,
        }
    }
}

/// Finish calls; the answers stand in the order of `items`.
///
/// Locks the attempts, their numbers, numbers that wait for one of the phones, the lanes that are
/// entered, trunk health and counters; then, each in a transaction of its own, the trunks whose breaker
/// may move, with their tasks.
pub async fn finish_many(
    store: &Store,
    now: Time,
    items: &[Finished],
) -> Result<Vec<FinishedAs>, StoreError> {
    let mut all = Vec::with_capacity(items.len());
    for items in items.chunks(FINISH_MAX) {
        all.extend(finish(store, now, items, None).await?.commit(store).await?);
    }
    Ok(all)
}

/// Finish at most [`FINISH_MAX`] calls, and begin others on the slots that they free. Nothing of it is
/// there before [`Finishing::commit`], so that the calls that follow can be made known first to whoever
/// is told of them.
///
/// Locks the enterprise's claims, if they are to be had within [`InLine::at_most`]; then what
/// [`finish_many`] locks, but the counters; what a claim locks ([`crate::claim`]); the counters.
pub async fn finish_and_follow_on<'a>(
    store: &Store,
    now: Time,
    items: &[Finished],
    follow_on: FollowOn<'a>,
) -> Result<Finishing<'a>, StoreError> {
    finish(store, now, items, Some(follow_on)).await
}

/// Calls that are finished, and others begun, but for the commit.
pub struct Finishing<'a> {
    tx: Transaction<'static, Postgres>,
    now: Time,
    finished: Vec<FinishedAs>,
    breakers: BTreeMap<Uuid, Option<breaker::Probe>>,
    followed: Option<(FollowOn<'a>, FollowedOn)>,
}

impl Finishing<'_> {
    /// Calls that follow on, no more than items: their INVITEs leave as after a begin.
    pub fn orders(&self) -> &[DialOrder] {
        self.followed.as_ref().map_or(&[], |(_, followed)| &followed.orders)
    }

    /// What else the claim did, if one was made: its attempts were claimed only, as they wait for a turn by
    /// calls per second. Push jobs for them after the commit.
    pub fn claimed(&self) -> Option<&Claimed> {
        self.followed.as_ref().map(|(_, followed)| &followed.claimed)
    }

    /// What was finished, in the order of the items.
    ///
    /// When it fails, nobody knows whether the commit reached the server. A call that was begun by it is
    /// then lost when its lease ends, as one whose worker died before the INVITE.
    pub async fn commit(self, store: &Store) -> Result<Vec<FinishedAs>, StoreError> {
        self.tx.commit().await?;
        if let Some((follow_on, followed)) = self.followed {
            follow_on.committed(&followed);
        }
        for (trunk, probe) in self.breakers {
            // The calls are finished, and others are begun: that must not look as if it had failed.
            if let Err(error) = breaker::judge(store, trunk, probe, self.now).await {
                tracing::warn!(%error, %trunk, "a breaker was not judged; the next refusal or probe will");
            }
        }
        Ok(self.finished)
    }
}

/// A call with what its attempt and its number were at the moment it was taken.
struct Done<'a> {
    item: &'a Finished,
    held: Held,
    next: Next,
}

async fn finish<'a>(
    store: &Store,
    now: Time,
    items: &[Finished],
    follow_on: Option<FollowOn<'a>>,
) -> Result<Finishing<'a>, StoreError> {
    breaker::put_off_probes(store, items, now).await?;
    let (mut tx, Took { mut held, claims }) = take(store, now, items, follow_on.as_ref()).await?;
    let mut done = Vec::with_capacity(held.len());
    for item in items {
        if let Some(held) = held.remove(&item.attempt.uuid()) {
            let policy = store.immutable.policy(&mut tx, held.policy_id).await?;
            let next = next::next(&policy, item, &held);
            done.push(Done { item, held, next });
        }
    }
    let mut counts = Counts::default();
    let entered = write(&mut tx, &done, &mut counts).await?;
    let mut freed: BTreeSet<Uuid> = done.iter().map(|done| done.held.enterprise).collect();
    let mut followed = None;
    // A number that entered a lane has locked it: nothing is waited for behind that.
    if let Some(follow_on) = follow_on.filter(|_| claims && !entered)
        && let Some(claimed) = follow_on.claim(store, &mut tx, &mut counts).await?
    {
        if claimed.quiet {
            freed.remove(&follow_on.enterprise.uuid());
        }
        followed = Some((follow_on, claimed));
    }
    counts.write_and_notify(&mut tx, freed).await?;
    let next: BTreeMap<Uuid, After> =
        done.iter().map(|done| (done.item.attempt.uuid(), done.next.after)).collect();
    let finished = |item: &Finished| FinishedAs {
        attempt: item.attempt,
        written: next.contains_key(&item.attempt.uuid()),
        task: item.record.task,
        next: next.get(&item.attempt.uuid()).copied(),
    };
    let finished = items.iter().map(finished).collect();
    Ok(Finishing { tx, now, finished, breakers: breaker::to_judge(&done), followed })
}

/// Takes the attempts out in a transaction; for a follow-on under the lock of the enterprise's claims,
/// unless somebody else holds it for long. It is waited for while nothing else is held, as the order of
/// locks wants it.
async fn take(
    store: &Store,
    now: Time,
    items: &[Finished],
    follow_on: Option<&FollowOn<'_>>,
) -> Result<(Transaction<'static, Postgres>, Took), StoreError> {
    let mut tx = store.hot.begin().await?;
    let claims_of = follow_on.map(|follow_on| follow_on.enterprise);
    let took = take::take(&mut tx, items, now, claims_of).await?;
    let Some(follow_on) = follow_on.filter(|_| took.held.is_empty()) else { return Ok((tx, took)) };
    // Somebody claims, or every attempt is another's by now, which is found again below. A claim takes
    // some milliseconds; the way of a slot by claim, queue and begin takes longer, and more work.
    let FollowOn { enterprise, in_line: InLine { at_most: wait, .. }, .. } = *follow_on;
    let claims = !wait.is_zero() && lanes::lock_claims_within(&mut tx, enterprise, wait).await?;
    if !claims {
        tx.rollback().await?;
        tx = store.hot.begin().await?;
    }
    let Took { held, .. } = take::take(&mut tx, items, now, None).await?;
    Ok((tx, Took { held, claims }))
}

/// Everything but the attempts, which are gone already, and the counters, which come last. True when a
/// number entered a lane.
async fn write(
    conn: &mut PgConnection,
    done: &[Done<'_>],
    counts: &mut Counts,
) -> Result<bool, StoreError> {
    if done.is_empty() {
        return Ok(false);
    }
    let awaited = record::write(conn, done).await?;
    let mut entries = next::queue(conn, done).await?;
    if awaited {
        let phones: Vec<_> =
            done.iter().map(|done| (done.held.enterprise, done.held.phone)).collect();
        numbers::phones_freed(conn, &phones, &mut entries, counts).await?;
    }
    lanes::enter(conn, &entries).await?;
    for done in done {
        done.count(counts);
    }
    Ok(!entries.is_empty())
}

impl Done<'_> {
    fn count(&self, counts: &mut Counts) {
        let (held, record) = (&self.held, &self.item.record);
        let talk = record.answered_at.map_or(0, |at| (record.ended_at - at).num_milliseconds());
        let hour =
            chrono::DurationRound::duration_trunc(record.started_at, chrono::TimeDelta::hours(1));
        let hour = hour.unwrap_or(record.started_at);
        counts.call(held.task, held.batch, hour, record.result.word(), talk.max(0));
        counts.moved(
            held.task,
            held.batch,
            outbound::number::NumberState::Calling,
            self.next.state(),
        );
        if let Some(took) = self.line_took_it() {
            counts.line(held.trunk, breaker::bucket(record.ended_at), took);
        }
    }

    /// Whether the line took the call; `None` where nobody knows.
    fn line_took_it(&self) -> Option<bool> {
        (self.item.record.cause != cause::WORKER_LOST).then_some(!self.item.trunk_refused)
    }
}
