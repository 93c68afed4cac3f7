//! Places between two steps of the dial path where a process can be made to die, as by kill -9: what is
//! written is written, what is in memory is gone. At some it does not die: a handler panics or fails there,
//! once, and the process goes on. `CALLWRIGHT_DIE_AT` names one; `make chaos` uses each.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

macro_rules! fail_points {
    ($($(#[$doc:meta])* $name:ident = $word:literal,)*) => {
        /// What has just been done when the process dies.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum FailPoint {
            $($(#[$doc])* $name,)*
        }

        impl FailPoint {
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            pub const fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }
        }
    };
}

fail_points! {
    /// Attempts were opened; their jobs are not pushed.
    Claimed = "claimed",
    /// Their jobs are pushed.
    Pushed = "pushed",
    /// A dialer has the job; the attempt is not begun.
    Delivered = "delivered",
    /// The attempt is begun; its INVITE has not left.
    Begun = "begun",
    /// The INVITE has left.
    Invited = "invited",
    /// The call is over; nothing of it is written.
    Ended = "ended",
    /// Its recording, if it has one, lies in the spool; the record is not written.
    Recorded = "recorded",
    /// The record is written; what follows from it is not pushed.
    Finished = "finished",
    /// What follows is pushed; the job is not acknowledged.
    Followed = "followed",
    /// Redials are pending again; their job is not acknowledged.
    Promoted = "promoted",
    /// The lost calls of another worker were found; they are not written down.
    FoundLost = "found_lost",
    /// The INVITE has left; the handler of its job panics.
    InvitePanics = "invite_panics",
    /// The INVITE has left; the handler of its job ends with an error.
    InviteFails = "invite_fails",
    /// Ended calls are written but for the commit; their writer panics.
    FinishPanics = "finish_panics",
    /// Several calls are up; every thread of the process is busy for two leases.
    ThreadsBusy = "threads_busy",
}

impl FailPoint {
    /// Whether the process ends here, or goes on without what it was doing.
    pub const fn is_death(self) -> bool {
        !matches!(
            self,
            Self::InvitePanics | Self::InviteFails | Self::FinishPanics | Self::ThreadsBusy
        )
    }
}

impl fmt::Display for FailPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for FailPoint {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let known = || Self::ALL.iter().map(|point| point.word()).collect::<Vec<_>>().join(", ");
        let found = Self::ALL.iter().copied().find(|point| point.word() == word);
        found.ok_or_else(|| format!("is not a fail point; choose of {}", known()))
    }
}

impl FromStr for DieAt {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        Ok(Self::at(word.parse()?))
    }
}

/// Where this process is to die, or to fail once, if anywhere. Clones fail once between them.
#[derive(Debug, Clone, Default)]
pub struct DieAt {
    point: Option<FailPoint>,
    failed: Arc<AtomicBool>,
}

impl DieAt {
    pub fn at(point: FailPoint) -> Self {
        Self { point: Some(point), failed: Arc::default() }
    }

    /// Die here, if this is the place: no destructor runs and nothing is flushed. Or panic.
    pub fn pass(&self, point: FailPoint) {
        if self.point == Some(point) && point.is_death() {
            std::process::abort();
        }
        assert!(!self.fails(point), "the fail point {point}");
    }

    /// Keep every thread of the runtime busy for so long, if this is the place and `now` is the time for it.
    pub fn busy(&self, time: std::time::Duration, now: impl FnOnce() -> bool) {
        let is_here = self.point == Some(FailPoint::ThreadsBusy) && now();
        if !is_here || !self.fails(FailPoint::ThreadsBusy) {
            return;
        }
        let threads = tokio::runtime::Handle::current().metrics().num_workers();
        let busy = Arc::new(std::sync::Barrier::new(threads));
        for _ in 0..threads {
            let busy = busy.clone();
            // Each waits for the others, so that no thread takes two.
            tokio::spawn(async move {
                busy.wait();
                std::thread::sleep(time);
            });
        }
    }

    /// Whether this is the place to fail, for the first time.
    pub fn fails(&self, point: FailPoint) -> bool {
        let fails = self.point == Some(point) && !self.failed.swap(true, Ordering::Relaxed);
        if fails {
            tracing::error!(%point, "{}", FAILED);
        }
        fails
    }
}

/// What the log says when a fail point that is no death has come.
pub const FAILED: &str = "a fail point has come";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fail_point_that_is_not_known_is_refused_with_those_that_are() {
        for point in FailPoint::ALL {
            assert_eq!(point.word().parse(), Ok(*point));
        }
        let refused = "invite".parse::<FailPoint>().expect_err("it is unknown");
        assert!(refused.contains("claimed, pushed"), "{refused}");
    }
}
