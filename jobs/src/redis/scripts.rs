//! The scripts of the queue, and calling them with typed arguments.
//!
//! Every script is bounded by its arguments, and works on the keys of one queue only. Scripts that
//! Redis has forgotten (restart, `SCRIPT FLUSH`) are loaded again as they are called.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use ::redis::aio::ConnectionManager;
use ::redis::{RedisResult, Script, ScriptInvocation};
use uuid::Uuid;

use super::keys::Keys;

/// Jobs to a script that pushes.
pub(crate) const PUSH_MAX: usize = 500;
/// Jobs to a script that settles, renews or gives back.
pub(crate) const SETTLE_MAX: usize = 500;
/// Jobs to a fetch; a seat is a byte.
pub(crate) const FETCH_MAX: usize = 250;
const _: () = assert!(FETCH_MAX <= u8::MAX as usize);
/// Due jobs that one fetch moves to the ready ones.
const PROMOTE_MAX: usize = 250;
/// Dead letters kept of a queue; the oldest go first.
pub const DEAD_MAX: usize = 10_000;
/// Idle workers look at the queue this often also when nothing rings.
pub(crate) const IDLE_POLL: Duration = Duration::from_millis(1_000);

macro_rules! script {
    ($name:ident = $($file:literal)+) => {
        static $name: LazyLock<Script> =
            LazyLock::new(|| Script::new(concat!($(include_str!(concat!("lua/", $file))),+)));
    };
}

script!(PUSH = "clock.lua" "push.lua");
script!(FETCH = "clock.lua" "batch.lua" "bury.lua" "fetch.lua");
script!(ACK = "batch.lua" "ack.lua");
script!(ADOPT = "clock.lua" "batch.lua" "adopt.lua");
script!(FAIL = "clock.lua" "batch.lua" "bury.lua" "fail.lua");
script!(RENEW = "clock.lua" "batch.lua" "renew.lua");
script!(RELEASE = "clock.lua" "batch.lua" "release.lua");
script!(CANCEL = "cancel.lua");
script!(REQUEUE = "clock.lua" "requeue.lua");
script!(DROP = "drop.lua");
script!(RING = "clock.lua" "ring.lua");

/// A job on its way into the queue.
pub(crate) struct Entry {
    pub(crate) id: String,
    pub(crate) payload: Vec<u8>,
    pub(crate) delay: Duration,
}

/// What a worker asks of a fetch.
pub(crate) struct Ask {
    pub(crate) limit: usize,
    pub(crate) lease: Duration,
    pub(crate) deliveries_max: u32,
}

/// What one fetch took.
#[derive(Debug)]
pub(crate) struct Batch {
    /// Given by who fetches, and never again, so that a Redis that was rolled back knows it or does not.
    name: String,
    /// Of the first that was ready, µs.
    place: i64,
}

/// A job in flight. Its seat in the batch fences it: only who has it can finish, fail or give back the
/// job.
#[derive(Debug, Clone)]
pub(crate) struct Leased {
    pub(crate) id: Arc<str>,
    pub(crate) batch: Arc<Batch>,
    /// From 1 to [`FETCH_MAX`].
    pub(crate) seat: u8,
    /// This delivery included.
    pub(crate) deliveries: u32,
}

impl Leased {
    pub(crate) fn same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.batch, &other.batch) && self.seat == other.seat
    }

    /// Where it goes when it is given back: about where it was, and in order.
    fn place(&self) -> i64 {
        self.batch.place + i64::from(self.seat) - 1
    }
}

/// What a fetch took, and what it saw of the queue.
pub(crate) struct Fetched {
    pub(crate) now_ms: i64,
    pub(crate) ready: i64,
    /// When there may be more, ms; negative if nothing is delayed.
    pub(crate) again_ms: i64,
    pub(crate) expired: u64,
    pub(crate) buried: u64,
    /// When the first that was ready became due, µs; now, if none was.
    pub(crate) place_us: i64,
    /// With their payloads.
    pub(crate) jobs: Vec<(Leased, Vec<u8>)>,
}

/// What the script of a fetch returns.
type Answer = (i64, i64, i64, u64, u64, i64, Vec<String>, Vec<Option<Vec<u8>>>, Vec<u32>);

/// A job that follows in the seat of one that is done.
#[derive(Debug)]
pub(crate) struct Adoption {
    pub(crate) done: Leased,
    pub(crate) follows: Leased,
    pub(crate) payload: Vec<u8>,
}

/// A failed delivery. A delay of `None` means dead.
pub(crate) struct Failure<'a> {
    pub(crate) leased: &'a Leased,
    pub(crate) delay: Option<Duration>,
    pub(crate) reason: &'a str,
}

/// A delivery that is given back.
pub(crate) struct Returned<'a> {
    pub(crate) leased: &'a Leased,
    pub(crate) started: bool,
}

/// How a lease stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hold {
    Held,
    /// Another delivery has it.
    Lost,
    /// Redis knows the job no more: nobody else has it either.
    Vanished,
}

/// A queue seen through one connection.
#[derive(Clone)]
pub(crate) struct Wire {
    pub(crate) connection: ConnectionManager,
    pub(crate) keys: Keys,
}

fn micros(delay: Duration) -> u64 {
    u64::try_from(delay.as_nanos().div_ceil(1_000)).unwrap_or(u64::MAX >> 12).min(u64::MAX >> 12)
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX >> 12)
}

/// Which job of which delivery, as all scripts read it that settle.
fn name(call: &mut ScriptInvocation<'_>, leased: &Leased) {
    call.arg(&leased.batch.name).arg(leased.seat).arg(&*leased.id);
}

impl Wire {
    fn call<'a>(script: &'a Script, keys: &[&str]) -> ScriptInvocation<'a> {
        let mut call = script.prepare_invoke();
        for key in keys {
            call.key(*key);
        }
        call
    }

    /// Adds at most [`PUSH_MAX`] jobs. Returns how many were new.
    pub(crate) async fn push(&self, entries: &[Entry]) -> RedisResult<u64> {
        let keys = &self.keys;
        let mut call = Self::call(&PUSH, &[&keys.jobs, &keys.ready, &keys.delayed, &keys.bell]);
        for entry in entries {
            call.arg(&entry.id).arg(&entry.payload).arg(micros(entry.delay));
        }
        call.invoke_async(&mut self.connection.clone()).await
    }

    pub(crate) async fn fetch(&self, ask: &Ask) -> RedisResult<Fetched> {
        let name = Uuid::now_v7().simple().to_string();
        let mut call = Self::call(&FETCH, &self.all_keys());
        call.arg(&name)
            .arg(ask.limit)
            .arg(millis(ask.lease))
            .arg(ask.deliveries_max)
            .arg(PROMOTE_MAX)
            .arg(DEAD_MAX)
            .arg(millis(IDLE_POLL));
        let (now_ms, ready, again_ms, expired, buried, place, ids, payloads, deliveries): Answer =
            call.invoke_async(&mut self.connection.clone()).await?;
        // Of jobs whose leases had expired nobody knows any more since when they waited.
        let place = if place < 0 { now_ms * 1_000 } else { place };
        let batch = Arc::new(Batch { name, place });
        let leased = ids.into_iter().zip(1..).enumerate().map(|(n, (id, seat))| Leased {
            id: id.into(),
            batch: batch.clone(),
            seat,
            deliveries: deliveries.get(n).copied().unwrap_or(1),
        });
        // A payload that is not there can't be read, and is told of as that.
        let payloads = payloads.into_iter().map(Option::unwrap_or_default);
        let jobs = leased.zip(payloads).collect();
        Ok(Fetched { now_ms, ready, again_ms, expired, buried, place_us: place, jobs })
    }

    /// Deletes finished jobs. Returns how many were refused, as another delivery has them.
    pub(crate) async fn ack(&self, mut done: Vec<&Leased>) -> RedisResult<u64> {
        let keys = &self.keys;
        let names = [&keys.jobs, &keys.counts, &keys.leased, &keys.held, &keys.contents];
        let mut call = Self::call(&ACK, &names.map(String::as_str));
        done.sort_by_key(|job| Arc::as_ptr(&job.batch));
        for of_one in done.chunk_by(|a, b| Arc::ptr_eq(&a.batch, &b.batch)) {
            let seats: Vec<u8> = of_one.iter().map(|job| job.seat).collect();
            call.arg(&of_one[0].batch.name).arg(seats);
            for job in of_one {
                call.arg(&*job.id);
            }
        }
        call.invoke_async(&mut self.connection.clone()).await
    }

    /// Deletes finished jobs and seats those that follow. Returns how many of the finished ones another delivery has.
    pub(crate) async fn adopt(&self, adoptions: &[&Adoption], lease: Duration) -> RedisResult<u64> {
        let keys = &self.keys;
        let names = [&keys.jobs, &keys.counts, &keys.leased, &keys.held, &keys.contents];
        let mut call = Self::call(&ADOPT, &names.map(String::as_str));
        call.arg(millis(lease));
        for Adoption { done, follows, payload } in adoptions.iter().copied() {
            name(&mut call, done);
            call.arg(&*follows.id).arg(payload.as_slice());
        }
        call.invoke_async(&mut self.connection.clone()).await
    }

    /// Puts failed jobs off or to the dead letters. Returns how many died and how many were refused.
    pub(crate) async fn fail(
        &self,
        failures: &[Failure<'_>],
        deliveries_max: u32,
    ) -> RedisResult<(u64, u64)> {
        let mut call = Self::call(&FAIL, &self.all_keys());
        call.arg(deliveries_max).arg(DEAD_MAX);
        for failure in failures {
            name(&mut call, failure.leased);
            match failure.delay {
                Some(delay) => call.arg(micros(delay)),
                None => call.arg(-1),
            };
            call.arg(failure.reason.replace('\n', " "));
        }
        call.invoke_async(&mut self.connection.clone()).await
    }

    /// Renews the leases of the batches that these jobs are in.
    pub(crate) async fn renew(&self, leases: &[Leased], lease: Duration) -> RedisResult<Vec<Hold>> {
        let keys = &self.keys;
        let mut call = Self::call(&RENEW, &[&keys.jobs, &keys.leased, &keys.held]);
        call.arg(millis(lease));
        for leased in leases {
            name(&mut call, leased);
        }
        let holds: Vec<i64> = call.invoke_async(&mut self.connection.clone()).await?;
        Ok(holds
            .into_iter()
            .map(|hold| match hold {
                1 => Hold::Held,
                0 => Hold::Lost,
                _ => Hold::Vanished,
            })
            .collect())
    }

    pub(crate) async fn release(&self, returned: &[Returned<'_>]) -> RedisResult<u64> {
        let keys = &self.keys;
        let names =
            [&keys.counts, &keys.ready, &keys.leased, &keys.held, &keys.contents, &keys.bell];
        let mut call = Self::call(&RELEASE, &names.map(String::as_str));
        for Returned { leased, started } in returned {
            name(&mut call, leased);
            call.arg(leased.place()).arg(u8::from(*started));
        }
        call.invoke_async(&mut self.connection.clone()).await
    }

    pub(crate) async fn cancel(&self, id: &str) -> RedisResult<bool> {
        let keys = &self.keys;
        Self::call(&CANCEL, &[&keys.jobs, &keys.counts, &keys.ready, &keys.delayed, &keys.bell])
            .arg(id)
            .invoke_async(&mut self.connection.clone())
            .await
    }

    pub(crate) async fn requeue(&self, id: &str) -> RedisResult<bool> {
        let keys = &self.keys;
        let names = [&keys.jobs, &keys.ready, &keys.dead, &keys.graves, &keys.bell];
        Self::call(&REQUEUE, &names.map(String::as_str))
            .arg(id)
            .invoke_async(&mut self.connection.clone())
            .await
    }

    pub(crate) async fn drop_dead(&self, id: &str) -> RedisResult<bool> {
        Self::call(&DROP, &[&self.keys.dead, &self.keys.graves])
            .arg(id)
            .invoke_async(&mut self.connection.clone())
            .await
    }

    /// Passes the bell on to another idle worker.
    pub(crate) async fn ring(&self) -> RedisResult<()> {
        Self::call(&RING, &[&self.keys.ready, &self.keys.delayed, &self.keys.bell])
            .invoke_async(&mut self.connection.clone())
            .await
    }

    fn all_keys(&self) -> [&str; 10] {
        let keys = &self.keys;
        [
            &keys.jobs,
            &keys.counts,
            &keys.ready,
            &keys.delayed,
            &keys.leased,
            &keys.held,
            &keys.contents,
            &keys.dead,
            &keys.graves,
            &keys.bell,
        ]
    }
}
