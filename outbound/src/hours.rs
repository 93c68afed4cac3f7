//! Whether a call may start now, and if not, when.
//!
//! Windows are wall-clock rules of a time zone, minute by minute: `09:00–18:00` covers 09:00:00 to
//! 18:00:59. In the repeated hour of a clock change both passes count; a range that starts in the
//! skipped hour starts when the clock lands after it.

use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeDelta, Timelike};
use chrono_tz::Tz;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Time;
use crate::fault::{Fault, Verdict, verdict};
use crate::period::{MINUTES_A_DAY, PeriodConfig, PeriodKind};
use crate::phone::Phone;
use crate::task::PauseReason;

/// How far ahead an opening or an edge is looked for.
const DAYS_AHEAD_MAX: i64 = 400;
/// How far ahead windows of several zones are looked for that are open together: they may never be.
const DAYS_AHEAD_TOGETHER_MAX: i64 = 40;

/// The windows of a task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hours {
    pub zone: Tz,
    /// Interval calling: the period calls are made in.
    pub call: Option<PeriodConfig>,
    pub do_not_call: Option<PeriodConfig>,
    /// Whether the windows apply in the callee's own time zone.
    pub callee_local_time: CalleeLocalTime,
}

/// Whose clock the windows go by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CalleeLocalTime {
    /// The task's.
    #[default]
    Off,
    /// The callee's, where the number tells its time zone; else the task's.
    On,
    /// Every clock that the callee may have: where the number does not tell its zone, the windows must be
    /// open in all zones that it may be in.
    Strict,
}

impl CalleeLocalTime {
    /// Numbers have clocks of their own, and wait one by one.
    pub const fn is_on(self) -> bool {
        matches!(self, Self::On | Self::Strict)
    }
}

/// Where a phone may be of which nothing is known, as one over a satellite.
const EVERYWHERE: [Tz; 27] = {
    use chrono_tz::Etc::*;
    [
        GMTPlus12, GMTPlus11, GMTPlus10, GMTPlus9, GMTPlus8, GMTPlus7, GMTPlus6, GMTPlus5,
        GMTPlus4, GMTPlus3, GMTPlus2, GMTPlus1, GMT, GMTMinus1, GMTMinus2, GMTMinus3, GMTMinus4,
        GMTMinus5, GMTMinus6, GMTMinus7, GMTMinus8, GMTMinus9, GMTMinus10, GMTMinus11, GMTMinus12,
        GMTMinus13, GMTMinus14,
    ]
};

/// Why no call may start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Closed {
    DoNotCallPeriod,
    OutsideCallPeriod,
}

impl From<Closed> for PauseReason {
    fn from(closed: Closed) -> Self {
        match closed {
            Closed::DoNotCallPeriod => Self::DoNotCallPeriod,
            Closed::OutsideCallPeriod => Self::OutsideCallPeriod,
        }
    }
}

impl Hours {
    /// No windows: calls may be made at all hours.
    pub const fn always(zone: Tz) -> Self {
        Self { zone, call: None, do_not_call: None, callee_local_time: CalleeLocalTime::Off }
    }

    /// Whether a call to a phone may start at `now`; without a phone, by the task's clock.
    pub fn may_call(&self, now: Time, callee: Option<Phone>) -> Result<(), Closed> {
        self.all_open(now, self.zones(callee))
    }

    /// [`Self::may_call`] to a phone of which only the zones are known that it may be in.
    pub fn may_call_where(&self, now: Time, callee: &[Tz]) -> Result<(), Closed> {
        self.all_open(now, self.zones_among(callee))
    }

    fn all_open(&self, now: Time, zones: &[Tz]) -> Result<(), Closed> {
        zones.iter().try_for_each(|zone| self.may_call_in(now, *zone))
    }

    /// The earliest instant from `from` on at which a call may start; none within 400 days, or within 40
    /// where the windows of several zones must be open together.
    pub fn next_open(&self, from: Time, callee: Option<Phone>) -> Option<Time> {
        let zones = self.zones(callee);
        if let [zone] = *zones {
            return self.next_open_in(from, zone);
        }
        let until = from + TimeDelta::days(DAYS_AHEAD_TOGETHER_MAX);
        let mut at = from;
        while at <= until {
            // No zone is open before its own next opening, so all are not before the latest of these.
            let mut opens = at;
            for zone in zones {
                opens = self.next_open_in(opens, *zone)?;
            }
            if opens == at {
                return Some(at);
            }
            at = opens;
        }
        None
    }

    /// The zones whose windows must be open.
    fn zones(&self, callee: Option<Phone>) -> &[Tz] {
        match callee.filter(|_| self.callee_local_time.is_on()) {
            Some(callee) => self.zones_among(callee.time_zones()),
            None => std::slice::from_ref(&self.zone),
        }
    }

    fn zones_among<'z>(&'z self, callee: &'z [Tz]) -> &'z [Tz] {
        match (self.callee_local_time, callee) {
            (CalleeLocalTime::On, [_]) => callee,
            (CalleeLocalTime::Strict, []) => &EVERYWHERE,
            (CalleeLocalTime::Strict, _) => callee,
            (CalleeLocalTime::On | CalleeLocalTime::Off, _) => std::slice::from_ref(&self.zone),
        }
    }

    fn may_call_in(&self, now: Time, zone: Tz) -> Result<(), Closed> {
        let local = now.with_timezone(&zone);
        match self.closed_on(local.date_naive(), minute_of(local.time())) {
            None => Ok(()),
            Some(closed) => Err(closed),
        }
    }

    fn next_open_in(&self, from: Time, zone: Tz) -> Option<Time> {
        let open = |at: &Time| self.may_call_in(*at, zone).is_ok();
        if open(&from) {
            return Some(from);
        }
        self.edges(from, zone).find(open)
    }

    /// Why the task as a whole may not call. With `callee_local_time` it always may: its numbers wait
    /// one by one.
    pub fn task_closed(&self, now: Time) -> Option<Closed> {
        if self.callee_local_time.is_on() {
            return None;
        }
        self.may_call(now, None).err()
    }

    /// The first instant after `after` at which [`Hours::task_closed`] changes.
    pub fn next_edge(&self, after: Time) -> Option<Time> {
        if self.callee_local_time.is_on() || (self.call.is_none() && self.do_not_call.is_none()) {
            return None;
        }
        let now = self.task_closed(after);
        self.edges(after, self.zone).find(|edge| self.task_closed(*edge) != now)
    }

    /// The kinds are right, and call and do-not-call period together cover every minute of every
    /// weekday exactly once.
    pub fn check(&self) -> Verdict {
        let mut faults = Vec::new();
        for (period, kind, name) in [
            (&self.call, PeriodKind::Call, "call_period"),
            (&self.do_not_call, PeriodKind::DoNotCall, "do_not_call_period"),
        ] {
            if period.as_ref().is_some_and(|period| period.kind != kind) {
                let right = kind.word();
                faults.push(Fault::new(
                    format!("/schedule/{name}"),
                    "wrong_period_kind",
                    format!("names a period of the other kind; choose one of kind `{right}`"),
                ));
            }
        }
        if faults.is_empty()
            && let (Some(call), Some(do_not_call)) = (&self.call, &self.do_not_call)
            && let Some(fault) = coverage(call, do_not_call)
        {
            faults.push(fault);
        }
        verdict(faults)
    }

    fn closed_on(&self, date: NaiveDate, minute: u16) -> Option<Closed> {
        if self.do_not_call.as_ref().is_some_and(|period| period.day(date).holds(minute)) {
            return Some(Closed::DoNotCallPeriod);
        }
        if self.call.as_ref().is_some_and(|period| !period.day(date).holds(minute)) {
            return Some(Closed::OutsideCallPeriod);
        }
        None
    }

    /// `from`, and the instants after it, in order, at which what may be done can change: the starts of
    /// ranges and the minutes after their ends, midnights, and the zone's own clock changes.
    fn edges(&self, from: Time, zone: Tz) -> impl Iterator<Item = Time> + '_ {
        let minutes = self.edge_minutes();
        (0..=DAYS_AHEAD_MAX).flat_map(move |day| steady_spans(from, day, zone)).flat_map(
            move |span| {
                // A changed clock lands anywhere, not only on an edge of a range.
                let mut edges = vec![span.from];
                let (first, last) = (span.local(span.from), span.local(span.to));
                for date in first.date().iter_days().take_while(|date| *date <= last.date()) {
                    edges.extend(minutes.iter().map(|minute| {
                        span.instant(midnight(date) + TimeDelta::minutes(i64::from(*minute)))
                    }));
                }
                edges.retain(|edge| (span.from..span.to).contains(edge));
                edges
            },
        )
    }

    fn edge_minutes(&self) -> Vec<u16> {
        let mut minutes = vec![0];
        for period in [&self.call, &self.do_not_call].into_iter().flatten() {
            for range in &period.ranges {
                minutes.push(range.start.of_day());
                minutes.push(range.end.of_day() + 1);
            }
        }
        minutes.sort_unstable();
        minutes.dedup();
        minutes
    }
}

/// Midnight of a date, on the wall clock.
pub fn midnight(date: NaiveDate) -> NaiveDateTime {
    date.and_time(NaiveTime::MIN)
}

fn minute_of(time: NaiveTime) -> u16 {
    u16::try_from(time.num_seconds_from_midnight() / 60).unwrap_or(0)
}

/// A span in which the wall clock runs evenly: its distance from UTC stays the same.
#[derive(Debug, Clone, Copy)]
struct SteadySpan {
    from: Time,
    /// Not in it.
    to: Time,
    offset: TimeDelta,
}

impl SteadySpan {
    fn local(&self, instant: Time) -> NaiveDateTime {
        instant.naive_utc() + self.offset
    }

    fn instant(&self, local: NaiveDateTime) -> Time {
        (local - self.offset).and_utc()
    }
}

fn offset(at: Time, zone: Tz) -> TimeDelta {
    TimeDelta::seconds(i64::from(at.with_timezone(&zone).offset().fix().local_minus_utc()))
}

/// The `day`-th 24 hours after `start`, cut where the clock is put forward or back.
fn steady_spans(start: Time, day: i64, zone: Tz) -> impl Iterator<Item = SteadySpan> {
    let from = start + TimeDelta::days(day);
    let to = from + TimeDelta::days(1);
    let (before, after) = (offset(from, zone), offset(to, zone));
    let cut = if before == after { to } else { clock_change(from, to, zone) };
    let spans = [(from, cut, before), (cut, to, after)];
    spans
        .map(|(from, to, offset)| SteadySpan { from, to, offset })
        .into_iter()
        .filter(|span| !(span.from..span.to).is_empty())
}

/// When the clock is changed between two instants whose offsets differ. Changes fall on whole seconds.
fn clock_change(from: Time, to: Time, zone: Tz) -> Time {
    let before = offset(from, zone);
    let whole = |seconds| Time::from_timestamp(seconds, 0).unwrap_or(to);
    let (mut low, mut high) = (from.timestamp(), to.timestamp());
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if offset(whole(middle), zone) == before { low = middle } else { high = middle }
    }
    whole(high)
}

fn coverage(call: &PeriodConfig, do_not_call: &PeriodConfig) -> Option<Fault> {
    // A week without exceptions; Monday 2024-01-01.
    let plain = |period: &PeriodConfig| PeriodConfig { exceptions: Vec::new(), ..period.clone() };
    let (call, do_not_call) = (plain(call), plain(do_not_call));
    let monday = NaiveDate::from_ymd_opt(2024, 1, 1)?;
    for day in 0..7 {
        let date = monday + TimeDelta::days(day);
        for minute in 0..MINUTES_A_DAY {
            let at = format!("{} {:02}:{:02}", date.weekday(), minute / 60, minute % 60);
            match (call.day(date).holds(minute), do_not_call.day(date).holds(minute)) {
                (true, true) => {
                    return Some(Fault::new(
                        "/schedule/do_not_call_period",
                        "periods_overlap",
                        format!("{at} is in both periods; every minute must be in exactly one"),
                    ));
                }
                (false, false) => {
                    return Some(Fault::new(
                        "/schedule/do_not_call_period",
                        "periods_leave_a_gap",
                        format!(
                            "{at} is in neither period; together they must cover 24 hours. PATCH /v1/periods \
                             changes both in one step; `complement_of` lets one follow the other"
                        ),
                    ));
                }
                _ => {}
            }
        }
    }
    None
}

#[cfg(test)]
mod tests;
