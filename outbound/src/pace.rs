//! Calls per second of a trunk or a task: how far apart INVITEs leave, and how many calls may be claimed ahead.

use chrono::TimeDelta;

use crate::Time;

/// How late an INVITE may leave after its planned moment. When it is later than this, it must be planned again.
pub const LATENESS_MS: u64 = 100;
/// INVITEs are planned this much further apart, a second's worth of them, than the rate asks for. A worker may send
/// one late and the next in time, and no second may then hold one INVITE too many.
const SLACK_MS: i64 = LATENESS_MS as i64;
/// How far ahead INVITEs are planned.
const AHEAD: TimeDelta = TimeDelta::seconds(1);
/// A planned INVITE that is further ahead than this was planned by a clock that was set back since. It is ignored.
const AHEAD_MAX: TimeDelta = TimeDelta::seconds(10);

/// Calls that may be claimed now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claimable {
    pub calls: u32,
    /// None may be claimed before this time.
    pub from: Option<Time>,
}

/// How many calls may be claimed now: calls for one second ahead, and none while INVITEs are planned for more than
/// a second ahead.
///
/// `claimed` are calls that are claimed and not begun. `next_invite_at` is the earliest moment of the next INVITE.
pub fn claimable(
    calls_per_second: Option<u32>,
    claimed: u32,
    next_invite_at: Option<Time>,
    now: Time,
) -> Claimable {
    let Some(rate) = calls_per_second else {
        return Claimable { calls: u32::MAX, from: None };
    };
    let from = next_invite_at
        .map(|next| next - AHEAD)
        .filter(|from| *from > now && *from < now + AHEAD_MAX);
    match from {
        Some(from) => Claimable { calls: 0, from: Some(from) },
        None => Claimable { calls: rate.saturating_sub(claimed), from: None },
    }
}

/// How far apart INVITEs leave at a rate. `None`: the rate is no rate, and nothing is held back.
pub fn apart(calls_per_second: i64) -> Option<TimeDelta> {
    (calls_per_second > 0)
        .then(|| TimeDelta::microseconds((1_000 + SLACK_MS) * 1_000 / calls_per_second))
}

/// The earliest moment of the next INVITE, by the one that was planned for it.
pub fn next_invite(planned: Time, now: Time) -> Time {
    if planned <= now + AHEAD_MAX { planned.max(now) } else { now }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: i64) -> Time {
        Time::from_timestamp_millis(1_800_000_000_000 + milliseconds).unwrap()
    }

    #[test]
    fn calls_for_one_second_are_claimed_ahead() {
        let now = at(0);
        let of = |claimed, next| claimable(Some(5), claimed, next, now);
        assert_eq!(of(0, None), Claimable { calls: 5, from: None });
        assert_eq!(of(3, Some(at(-500))), Claimable { calls: 2, from: None });
        assert_eq!(of(7, Some(at(1_000))), Claimable { calls: 0, from: None });
        assert_eq!(of(0, Some(at(1_000))), Claimable { calls: 5, from: None });
        assert_eq!(of(0, Some(at(1_001))), Claimable { calls: 0, from: Some(at(1)) });
        assert_eq!(claimable(None, 900, Some(at(5_000)), now).calls, u32::MAX);
    }

    #[test]
    fn what_a_clock_planned_that_was_set_back_since_holds_nothing_up() {
        let now = at(0);
        assert_eq!(claimable(Some(5), 0, Some(at(10_999)), now).from, Some(at(9_999)));
        assert_eq!(claimable(Some(5), 0, Some(at(11_000)), now).calls, 5);
        assert_eq!(next_invite(at(10_000), now), at(10_000));
        assert_eq!(next_invite(at(10_001), now), now);
        assert_eq!(next_invite(at(-1), now), now);
    }

    #[test]
    fn no_second_holds_one_invite_too_many_though_one_is_late_and_the_next_in_time() {
        for rate in 1..=1_000 {
            let apart = apart(rate).unwrap();
            let late = TimeDelta::milliseconds(LATENESS_MS as i64);
            // The first of `rate + 1` INVITEs leaves late, the last in time.
            let from_first_to_last = apart * i32::try_from(rate).unwrap() - late;
            assert!(from_first_to_last > TimeDelta::milliseconds(999), "{rate}: {apart}");
        }
        assert_eq!(apart(0), None);
    }
}
