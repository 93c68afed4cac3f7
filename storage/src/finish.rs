//! Finishes: everything that follows from the end of a call, in one transaction, for many calls at a time.
//!
//! That is the record, the conversation, the freed slot, the number's next state and its next place in a queue,
//! the counters, and the wake-up of the dispatchers. All of it is written or nothing. A call whose worker was
//! given up belongs to somebody else by now, and nothing is written for it.

mod breaker;
mod next;
mod record;
mod take;

use std::collections::{BTreeMap, BTreeSet};

use outbound::Time;
use outbound::breaker::{Probe, bucket};
use outbound::chain::{EndedCall, NextPlace};
use outbound::ids::{AttemptId, TaskId};
use outbound::outcome::cause;
use outbound::record::CallRecord;
use outbound::redial::After;
use sqlx::types::Uuid;
use sqlx::{PgConnection, Postgres, Transaction};

use crate::attempts::DialOrder;
use crate::claim::{Claimed, FollowOn, FollowedOn, LockWait};
use crate::lanes::{self, Counts};
use crate::{Store, StoreError, numbers};
use take::{TakenAttempt, TakenCalls};

pub use breaker::forget_health;

/// Calls of one transaction, at most.
pub const FINISH_MAX: usize = 500;

/// A call that ended.
#[derive(Debug, Clone)]
pub struct Finished {
    pub attempt: AttemptId,
    pub token: i64,
    /// Fields of the enterprise, task, number and line come from the attempt's row. The others come from the call.
    pub record: CallRecord,
    /// The line refused the call itself. It uses up no retry, and the breaker counts it.
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
    /// False: the attempt belongs to somebody else by now, and nothing was written.
    pub written: bool,
    pub task: TaskId,
    /// What becomes of the number.
    pub next: Option<After>,
}

impl FinishedAs {
    /// The time at which the number may be called again. Push a redial job for its task then.
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
/// Locks the attempts, their numbers, the numbers that wait for one of the phones, the lanes that numbers enter,
/// trunk health and counters. After that, in a transaction for each: the trunks whose breaker may move, with
/// their tasks.
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

/// Finish at most [`FINISH_MAX`] calls, and begin others on the slots that they free. Nothing is written before
/// [`Finishing::commit`]. So the caller can enter the new calls in its table of live calls first, and no notice to
/// them is missed.
///
/// Locks the enterprise's claims, if it gets that lock within [`LockWait::at_most`]. Then what [`finish_many`] locks,
/// without the counters; what a claim locks ([`crate::claim`]); and the counters.
pub async fn finish_and_follow_on<'a>(
    store: &Store,
    now: Time,
    items: &[Finished],
    follow_on: FollowOn<'a>,
) -> Result<Finishing<'a>, StoreError> {
    finish(store, now, items, Some(follow_on)).await
}

/// Calls that are finished and calls that are begun, before the commit.
pub struct Finishing<'a> {
    tx: Transaction<'static, Postgres>,
    now: Time,
    finished: Vec<FinishedAs>,
    breakers: BTreeMap<Uuid, Option<Probe>>,
    followed: Option<(FollowOn<'a>, FollowedOn)>,
}

impl Finishing<'_> {
    /// Calls that follow on, not more than were finished. Send their INVITEs as after a begin.
    pub fn orders(&self) -> &[DialOrder] {
        self.followed.as_ref().map_or(&[], |(_, followed)| &followed.orders)
    }

    /// What else the claim did, if there was one. Its attempts are claimed and not begun, as they wait for their
    /// pace by calls per second. Push jobs for them after the commit.
    pub fn claimed(&self) -> Option<&Claimed> {
        self.followed.as_ref().map(|(_, followed)| &followed.claimed)
    }

    /// What was finished, in the order of the items.
    ///
    /// When it fails, nobody knows whether the commit reached the server. If it did, the calls that it began are
    /// lost when their lease ends, like those of a worker that died before the INVITE.
    pub async fn commit(self, store: &Store) -> Result<Vec<FinishedAs>, StoreError> {
        self.tx.commit().await?;
        if let Some((follow_on, followed)) = self.followed {
            follow_on.committed(&followed);
        }
        for (trunk, probe) in self.breakers {
            // The commit is done. An error here must not make the caller believe that it failed.
            if let Err(error) = breaker::judge(store, trunk, probe, self.now).await {
                tracing::warn!(%error, %trunk, "a breaker was not judged; the next refusal or probe will");
            }
        }
        Ok(self.finished)
    }
}

/// A call, with its attempt and its number as they were when the finish took them.
struct Done<'a> {
    item: &'a Finished,
    held: TakenAttempt,
    next: NextPlace,
}

async fn finish<'a>(
    store: &Store,
    now: Time,
    items: &[Finished],
    follow_on: Option<FollowOn<'a>>,
) -> Result<Finishing<'a>, StoreError> {
    breaker::put_off_probes(store, items, now).await?;
    let (mut tx, TakenCalls { mut held, claims }) =
        take(store, now, items, follow_on.as_ref()).await?;
    let mut done = Vec::with_capacity(held.len());
    for item in items {
        if let Some(held) = held.remove(&item.attempt.uuid()) {
            let policy = store.immutable.policy(&mut tx, held.policy_id).await?;
            let call = EndedCall {
                result: item.record.result,
                trunk_refused: item.trunk_refused,
                started_at: item.record.started_at,
                ended_at: item.record.ended_at,
                callback_at: item.record.callback_at,
            };
            let next = held.chain.after_call(&policy, call);
            done.push(Done { item, held, next });
        }
    }
    let mut counts = Counts::default();
    let entered = write(&mut tx, &done, &mut counts).await?;
    let mut freed: BTreeSet<Uuid> = done.iter().map(|done| done.held.enterprise).collect();
    let mut followed = None;
    // No more locks from here on: a number that enters a lane locks the lane.
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

/// Take the attempts out in a transaction. With a follow-on it takes the lock of the enterprise's claims first, by
/// the order of locks, and goes on without it when somebody else holds it for long.
async fn take(
    store: &Store,
    now: Time,
    items: &[Finished],
    follow_on: Option<&FollowOn<'_>>,
) -> Result<(Transaction<'static, Postgres>, TakenCalls), StoreError> {
    let mut tx = store.hot.begin().await?;
    let claims_of = follow_on.map(|follow_on| follow_on.enterprise);
    let took = take::take(&mut tx, items, now, claims_of).await?;
    let Some(follow_on) = follow_on.filter(|_| took.held.is_empty()) else { return Ok((tx, took)) };
    // Either somebody else is claiming, or every attempt belongs to somebody else; the second is found again below.
    // Waiting for a claim costs some milliseconds. Without the follow-on the slot goes by claim, job and begin,
    // which takes longer.
    let FollowOn { enterprise, lock_wait: LockWait { at_most: wait, .. }, .. } = *follow_on;
    let claims = !wait.is_zero() && lanes::lock_claims_within(&mut tx, enterprise, wait).await?;
    if !claims {
        tx.rollback().await?;
        tx = store.hot.begin().await?;
    }
    let TakenCalls { held, .. } = take::take(&mut tx, items, now, None).await?;
    Ok((tx, TakenCalls { held, claims }))
}

/// Write everything except the attempts, which are taken out already, and the counters, which come last. True when
/// a number entered a lane.
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
            self.next.after.state(),
        );
        if let Some(took) = self.line_took_it() {
            counts.line(held.trunk, bucket(record.ended_at), took);
        }
    }

    /// Whether the line took the call. `None`: nobody knows.
    fn line_took_it(&self) -> Option<bool> {
        (self.item.record.cause != cause::WORKER_LOST).then_some(!self.item.trunk_refused)
    }
}
