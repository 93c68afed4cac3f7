//! The frequency cap: how often, and how soon again, one phone may be called.

use chrono::TimeDelta;
use chrono_tz::Tz;

use crate::Time;
use crate::enterprise::FrequencyCap;
use crate::hours::midnight;
use crate::schedule;

/// Which calls of a phone a cap counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CountedCalls {
    /// Calls from here on count for the day: midnight in the enterprise's zone.
    pub today_from: Time,
    /// No call from before this time counts for anything.
    pub from: Time,
}

/// The calls of one phone that a cap counts. Calls that the line refused never reached the phone and are left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PhoneCalls {
    pub today: u32,
    /// The start of the last one, on any day.
    pub last_started_at: Option<Time>,
}

/// Which calls must be counted. `None`: there is no cap.
pub fn counted_calls(cap: &FrequencyCap, zone: Tz, now: Time) -> Option<CountedCalls> {
    if cap.per_day.is_none() && cap.distance_seconds.is_none() {
        return None;
    }
    let today_from = schedule::instant(midnight(now.with_timezone(&zone).date_naive()), zone);
    let distance = TimeDelta::seconds(i64::from(cap.distance_seconds.unwrap_or(0)));
    Some(CountedCalls { today_from, from: today_from.min(now - distance) })
}

/// When a phone may next be called. `None`: now. `zone` is the enterprise's.
pub fn frequency_wait(cap: &FrequencyCap, zone: Tz, now: Time, calls: PhoneCalls) -> Option<Time> {
    let used_up = cap.per_day.filter(|most| calls.today >= *most);
    let tomorrow = used_up.and_then(|_| {
        let date = now.with_timezone(&zone).date_naive().succ_opt()?;
        Some(schedule::instant(midnight(date), zone))
    });
    let apart = cap
        .distance_seconds
        .zip(calls.last_started_at)
        .map(|(seconds, last)| last + TimeDelta::seconds(i64::from(seconds)));
    tomorrow.max(apart.filter(|at| *at > now))
}
