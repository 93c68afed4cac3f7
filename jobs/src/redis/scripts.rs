//! The scripts of the queue, and calling them with typed arguments.
//!
//! Every script is bounded by its arguments, and works on the keys of one queue only. Scripts that
//! Redis has forgotten (restart, `SCRIPT FLUSH`) are loaded again as they are called.

use std::sync::LazyLock;
use std::time::Duration;

use ::redis::aio::ConnectionManager;
use ::redis::{RedisResult, Script, ScriptInvocation};

use super::keys::Keys;

/// Jobs to a script that pushes.
pub(crate) const PUSH_MAX: usize = 500;
/// Jobs to a script that settles, renews or gives back.
pub(crate) const SETTLE_MAX: usize = 500;
/// Jobs to a fetch.
pub(crate) const FETCH_MAX: usize = 250;
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
script!(FETCH = "clock.lua" "bury.lua" "fetch.lua");
script!(ACK = "ack.lua");
script!(FAIL = "clock.lua" "bury.lua" "fail.lua");
script!(RENEW = "clock.lua" "renew.lua");
script!(RELEASE = "clock.lua" "release.lua");
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

/// A leased job: id, payload, token, place in the ready set (µs).
pub(crate) type Leased = (String, Vec<u8>, i64, i64);

/// What a fetch took, and what it saw of the queue.
pub(crate) struct Fetched {
    pub(crate) now_ms: i64,
    pub(crate) ready: i64,
    /// When the oldest ready job became due, µs; negative if there is none.
    pub(crate) oldest_us: i64,
    /// When the next delayed job is due, ms; negative if there is none.
    pub(crate) next_due_ms: i64,
    pub(crate) in_flight: i64,
    pub(crate) delayed: i64,
    pub(crate) expired: u64,
    pub(crate) buried: u64,
    pub(crate) jobs: Vec<Leased>,
}

/// A failed delivery. A delay of `None` means dead.
pub(crate) struct Failure<'a> {
    pub(crate) id: &'a str,
    pub(crate) token: i64,
    pub(crate) delay: Option<Duration>,
    pub(crate) reason: &'a str,
}

/// A delivery that is given back.
pub(crate) struct Returned<'a> {
    pub(crate) id: &'a str,
    pub(crate) token: i64,
    pub(crate) place: i64,
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
        let mut call =
            Self::call(&PUSH, &[&keys.jobs, &keys.counts, &keys.ready, &keys.delayed, &keys.bell]);
        for entry in entries {
            call.arg(&entry.id).arg(&entry.payload).arg(micros(entry.delay));
        }
        call.invoke_async(&mut self.connection.clone()).await
    }

    pub(crate) async fn fetch(&self, ask: &Ask) -> RedisResult<Fetched> {
        let mut call = Self::call(&FETCH, &self.all_keys());
        call.arg(ask.limit)
            .arg(millis(ask.lease))
            .arg(ask.deliveries_max)
            .arg(PROMOTE_MAX)
            .arg(DEAD_MAX)
            .arg(millis(IDLE_POLL));
        let (now_ms, ready, oldest_us, next_due_ms, in_flight, delayed, expired, buried, jobs) =
            call.invoke_async(&mut self.connection.clone()).await?;
        Ok(Fetched {
            now_ms,
            ready,
            oldest_us,
            next_due_ms,
            in_flight,
            delayed,
            expired,
            buried,
            jobs,
        })
    }

    /// Deletes finished jobs. Returns how many were refused by their token.
    pub(crate) async fn ack(&self, done: &[(&str, i64)]) -> RedisResult<u64> {
        let keys = &self.keys;
        let mut call = Self::call(&ACK, &[&keys.jobs, &keys.counts, &keys.ready, &keys.leased]);
        for (id, token) in done {
            call.arg(*id).arg(*token);
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
            call.arg(failure.id).arg(failure.token);
            match failure.delay {
                Some(delay) => call.arg(micros(delay)),
                None => call.arg(-1),
            };
            call.arg(failure.reason.replace('\n', " "));
        }
        call.invoke_async(&mut self.connection.clone()).await
    }

    pub(crate) async fn renew(
        &self,
        leases: &[(String, i64)],
        lease: Duration,
    ) -> RedisResult<Vec<Hold>> {
        let keys = &self.keys;
        let mut call = Self::call(&RENEW, &[&keys.counts, &keys.ready, &keys.leased]);
        call.arg(millis(lease));
        for (id, token) in leases {
            call.arg(id).arg(*token);
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
        let mut call = Self::call(&RELEASE, &[&keys.counts, &keys.ready, &keys.leased, &keys.bell]);
        for job in returned {
            call.arg(job.id).arg(job.token).arg(job.place).arg(u8::from(job.started));
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
        let names = [&keys.jobs, &keys.counts, &keys.ready, &keys.dead, &keys.graves, &keys.bell];
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

    fn all_keys(&self) -> [&str; 8] {
        let keys = &self.keys;
        [
            &keys.jobs,
            &keys.counts,
            &keys.ready,
            &keys.delayed,
            &keys.leased,
            &keys.dead,
            &keys.graves,
            &keys.bell,
        ]
    }
}
