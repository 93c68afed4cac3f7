//! The circuit breaker of a trunk: it opens when the line refuses nearly everything, lets one call through from
//! time to time (a probe), and closes when the line takes that one.

use chrono::TimeDelta;

use crate::Time;
use crate::trunk::Breaker;

/// Refusals are counted in spans of this many seconds.
const BUCKET_SECONDS: i64 = 10;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// Calls go out.
    Closed,
    /// Only probes go out, one at a time.
    Open,
}

impl BreakerState {
    pub const ALL: [Self; 2] = [Self::Closed, Self::Open];

    pub const fn word(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }
}

/// How a probe went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probe {
    Taken,
    Refused,
}

/// What a breaker does after calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    /// Close, and forget what was counted.
    Close,
    /// Open, or stay open. The next probe may go out at this time.
    Open { next_probe_at: Time },
}

/// Calls that the line took or refused in the breaker's window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineCalls {
    pub all: i64,
    pub refused: i64,
}

/// The span of time that a call counts in.
pub fn bucket(at: Time) -> Time {
    let second = at.timestamp().div_euclid(BUCKET_SECONDS) * BUCKET_SECONDS;
    Time::from_timestamp(second, 0).unwrap_or(at)
}

/// When a probe may go out after one that was refused.
fn next_probe(breaker: &Breaker, now: Time) -> Time {
    now + TimeDelta::seconds(i64::from(breaker.probe_seconds))
}

/// What a breaker does after calls; `None`: nothing. `probe` tells how a probe among them went, if one was. A closed
/// breaker goes by `counted`, an open one by the probe alone.
pub fn after_calls(
    breaker: &Breaker,
    state: BreakerState,
    probe: Option<Probe>,
    counted: LineCalls,
    now: Time,
) -> Option<Move> {
    match (state, probe) {
        (BreakerState::Closed, _) => {
            let refuses = counted.all >= i64::from(breaker.calls)
                && counted.refused * 100 >= i64::from(breaker.refused_percent) * counted.all;
            (breaker.enabled && refuses)
                .then(|| Move::Open { next_probe_at: next_probe(breaker, now) })
        }
        (BreakerState::Open, Some(Probe::Taken)) => Some(Move::Close),
        (BreakerState::Open, Some(Probe::Refused)) => {
            Some(Move::Open { next_probe_at: next_probe(breaker, now) })
        }
        (BreakerState::Open, None) => None,
    }
}

/// Calls that may go out on a trunk by its breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passes {
    /// As many as the trunk has room for.
    Calls,
    /// One probe.
    OneProbe,
    /// None before this time, if any is known: then a probe.
    Nothing { until: Option<Time> },
}

/// Which calls a breaker lets through. With `probing`, a probe is up, and no second one may go out.
pub fn passes(
    state: BreakerState,
    next_probe_at: Option<Time>,
    probing: bool,
    now: Time,
) -> Passes {
    match state {
        BreakerState::Closed => Passes::Calls,
        BreakerState::Open => match next_probe_at.filter(|at| *at > now) {
            Some(at) => Passes::Nothing { until: Some(at) },
            None if probing => Passes::Nothing { until: None },
            None => Passes::OneProbe,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN: BreakerState = BreakerState::Open;
    const CLOSED: BreakerState = BreakerState::Closed;

    fn at(seconds: i64) -> Time {
        Time::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    fn breaker() -> Breaker {
        Breaker { calls: 20, refused_percent: 90, probe_seconds: 30, ..Breaker::default() }
    }

    fn counted(all: i64, refused: i64) -> LineCalls {
        LineCalls { all, refused }
    }

    #[test]
    fn a_breaker_opens_when_enough_calls_are_refused() {
        let opened = Some(Move::Open { next_probe_at: at(30) });
        let after =
            |all, refused| after_calls(&breaker(), CLOSED, None, counted(all, refused), at(0));
        assert_eq!(after(20, 18), opened);
        assert_eq!(after(20, 17), None, "fewer than 90 %");
        assert_eq!(after(19, 19), None, "too few calls to tell");
        let off = Breaker { enabled: false, ..breaker() };
        assert_eq!(after_calls(&off, CLOSED, None, counted(100, 100), at(0)), None);
    }

    #[test]
    fn a_probe_that_the_line_takes_closes_it_and_a_refused_one_puts_off_the_next() {
        let after = |probe| after_calls(&breaker(), OPEN, probe, counted(50, 50), at(7));
        assert_eq!(after(Some(Probe::Taken)), Some(Move::Close));
        assert_eq!(after(Some(Probe::Refused)), Some(Move::Open { next_probe_at: at(37) }));
        assert_eq!(after(None), None, "a call from before it opened says nothing");
    }

    #[test]
    fn an_open_breaker_lets_one_probe_through_once_it_is_time() {
        assert_eq!(passes(CLOSED, Some(at(9)), true, at(0)), Passes::Calls);
        assert_eq!(passes(OPEN, Some(at(9)), false, at(8)), Passes::Nothing { until: Some(at(9)) });
        assert_eq!(passes(OPEN, Some(at(9)), false, at(9)), Passes::OneProbe);
        assert_eq!(passes(OPEN, Some(at(9)), true, at(9)), Passes::Nothing { until: None });
        assert_eq!(passes(OPEN, None, false, at(0)), Passes::OneProbe);
    }

    #[test]
    fn calls_count_in_spans_of_ten_seconds() {
        assert_eq!(bucket(at(0)), at(0));
        assert_eq!(bucket(at(9)), at(0));
        assert_eq!(bucket(at(10)), at(10));
        assert_eq!(bucket(Time::from_timestamp(-1, 0).unwrap()).timestamp(), -10);
    }
}
