//! Sleeping until an absolute moment, so that a late wake-up does not make the next one late too.

use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::time::TimeSpec;
use nix::time::{ClockId, ClockNanosleepFlags, clock_gettime, clock_nanosleep};

/// One moment on both the clock that Rust reads and the one that the system sleeps by (they are the same clock, but
/// Rust does not show its numbers).
#[derive(Debug, Clone, Copy)]
pub(super) struct Sleeper {
    instant: Instant,
    monotonic: Option<Duration>,
}

impl Sleeper {
    pub(super) fn new() -> Self {
        let monotonic = clock_gettime(ClockId::CLOCK_MONOTONIC).ok().map(Duration::from);
        Self { instant: Instant::now(), monotonic }
    }

    pub(super) fn sleep_until(&self, deadline: Instant) {
        let Some(monotonic) = self.monotonic else {
            return thread::sleep(deadline.saturating_duration_since(Instant::now()));
        };
        let until = monotonic + deadline.saturating_duration_since(self.instant);
        let request = TimeSpec::from_duration(until);
        let flags = ClockNanosleepFlags::TIMER_ABSTIME;
        // A signal wakes it too early; then it goes on sleeping.
        while clock_nanosleep(ClockId::CLOCK_MONOTONIC, flags, &request) == Err(Errno::EINTR) {}
    }
}

/// The CPU time of the calling thread, in microseconds.
pub(super) fn thread_cpu_us() -> u64 {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)
        .ok()
        .and_then(|time| u64::try_from(Duration::from(time).as_micros()).ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_wakes_at_the_moment_and_not_before() {
        let sleeper = Sleeper::new();
        let deadline = Instant::now() + Duration::from_millis(30);
        sleeper.sleep_until(deadline);
        assert!(Instant::now() >= deadline);
        // A moment that is over is not waited for.
        sleeper.sleep_until(deadline);
        assert!(thread_cpu_us() > 0);
    }
}
