//! What is looked at while things break: calls after an acknowledged stop, and how long it takes until
//! what an empty Redis forgot goes on.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use outbound::ids::AttemptId;
use storage::Store;
use storage::checks::{LiveAttempt, Snapshot};
use telephony::journal::{Entry, Event, read_all, real_us};

/// After a FLUSHALL everything that stood still must go on within this.
pub const WHOLE_WITHIN: Duration = Duration::from_secs(60);

/// From the answer to a pause or an end until the next start was asked for.
#[derive(Debug, Clone)]
struct Quiet {
    task: String,
    what: &'static str,
    from_us: i64,
    until_us: Option<i64>,
}

/// Attempts that had their jobs in a Redis that was emptied.
#[derive(Debug)]
struct Forgotten {
    since: Instant,
    attempts: HashSet<(AttemptId, i64)>,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Watch {
    quiet: Vec<Quiet>,
    forgotten: Vec<Forgotten>,
    /// The longest that it took to be whole again, and whether anything was found.
    pub whole_after: Vec<Duration>,
    pub findings: Vec<String>,
}

impl Watch {
    /// A pause or an end was answered just now.
    pub fn stopped(&mut self, task: &str, what: &'static str) {
        self.quiet.push(Quiet { task: task.into(), what, from_us: real_us(), until_us: None });
    }

    /// A start is asked for now.
    pub fn starts(&mut self, task: &str) {
        let now = real_us();
        for quiet in self.quiet.iter_mut().filter(|quiet| quiet.task == task) {
            quiet.until_us = quiet.until_us.or(Some(now));
        }
    }

    /// Redis was emptied just now.
    pub async fn flushed(&mut self, store: &Store) -> Result<()> {
        let attempts = claimed(&live(store).await?);
        self.forgotten.push(Forgotten { since: Instant::now(), attempts });
        Ok(())
    }

    /// See what has gone on since Redis was emptied.
    pub async fn look(&mut self, store: &Store) -> Result<()> {
        if self.forgotten.is_empty() {
            return Ok(());
        }
        let still = claimed(&live(store).await?);
        for mut forgotten in std::mem::take(&mut self.forgotten) {
            forgotten.attempts.retain(|attempt| still.contains(attempt));
            let gone = forgotten.since.elapsed();
            if forgotten.attempts.is_empty() {
                self.whole_after.push(gone);
            } else if gone > WHOLE_WITHIN {
                let left = forgotten.attempts.len();
                self.findings.push(format!(
                    "not_whole {left} attempts stand still {} s after FLUSHALL",
                    gone.as_secs()
                ));
            } else {
                self.forgotten.push(forgotten);
            }
        }
        Ok(())
    }

    /// Whether every flush was followed by its end.
    pub fn is_whole(&self) -> bool {
        self.forgotten.is_empty()
    }

    /// Calls that were placed after whoever stopped their task had been told that none would be.
    pub fn after_stops(&mut self, entries: &[Entry]) {
        for quiet in &self.quiet {
            let late = entries.iter().filter(|entry| {
                entry.event == Event::Invite
                    && entry.task.to_string() == quiet.task
                    && entry.real_us > quiet.from_us
                    && quiet.until_us.is_none_or(|until| entry.real_us < until)
            });
            for entry in late {
                self.findings.push(format!(
                    "stopped_task {} was placed {} ms after the {} of its task was answered",
                    entry.attempt,
                    (entry.real_us - quiet.from_us) / 1_000,
                    quiet.what
                ));
            }
        }
    }
}

fn claimed(live: &[LiveAttempt]) -> HashSet<(AttemptId, i64)> {
    let claimed = live.iter().filter(|attempt| !attempt.begun);
    claimed.map(|attempt| (attempt.id, attempt.token)).collect()
}

async fn live(store: &Store) -> Result<Vec<LiveAttempt>> {
    Ok(Snapshot::take(store).await?.live().await?)
}

/// Slots without a call and calls without a slot that were there before and are still, a lease and a
/// little later.
pub async fn slots_equal_calls(
    store: &Store,
    journal: &Path,
    lease: Duration,
) -> Result<Vec<String>> {
    let before = differences(store, journal).await?;
    tokio::time::sleep(lease + Duration::from_secs(3)).await;
    let after = differences(store, journal).await?;
    let still = after.into_iter().filter(|(attempt, _)| before.contains_key(attempt));
    Ok(still.map(|((attempt, _), what)| format!("slots_not_calls {attempt} {what}")).collect())
}

/// Attempts that are live in the database or on the line, not in both.
async fn differences(
    store: &Store,
    journal: &Path,
) -> Result<BTreeMap<(AttemptId, i64), &'static str>> {
    let slots = live(store).await?;
    let entries = read_all(journal)?;
    let mut up: BTreeMap<AttemptId, i64> = BTreeMap::new();
    for entry in &entries {
        match entry.event {
            Event::Invite => drop(up.insert(entry.attempt, entry.token)),
            Event::Bye => drop(up.remove(&entry.attempt)),
            Event::Ring | Event::Answer => {}
        }
    }
    let begun: HashSet<AttemptId> = slots.iter().map(|slot| slot.id).collect();
    let without_call = slots
        .iter()
        .filter(|slot| !up.contains_key(&slot.id))
        .map(|slot| ((slot.id, slot.token), "has a slot and no call"));
    let without_slot = up
        .iter()
        .filter(|(attempt, _)| !begun.contains(attempt))
        .map(|(attempt, token)| ((*attempt, *token), "is up without a slot"));
    Ok(without_call.chain(without_slot).collect())
}
