//! Windows and dates: what `outbound` says, and the same by looking at a wall clock minute by minute.

use std::cell::RefCell;

use chrono::{Datelike, NaiveDateTime, TimeDelta, Timelike, Weekday};
use chrono_tz::Tz;
use outbound::Time;
use outbound::hours::{CalleeLocalTime, Closed, Hours};
use outbound::period::{ExceptionDay, PeriodConfig, PeriodKind, WEEK};
use outbound::phone::Phone;
use outbound::schedule::{self, Schedule};

/// Longer spans are looked at minute by minute on their first and last day only.
const DAY: TimeDelta = TimeDelta::days(1);
/// Minutes between two looks in the middle of a long span.
const STRIDE: i64 = 17;
/// How far ahead it is looked for an opening that is said not to come.
const NEVER_DAYS: i64 = 5;

/// The windows of a task, with what was found out about them: a span that was looked at once need not
/// be looked at again.
#[derive(Debug)]
pub struct Plan {
    pub hours: Hours,
    looked_at: RefCell<Vec<Span>>,
}

#[derive(Debug, Clone, Copy)]
struct Span {
    zone: Tz,
    from: Time,
    to: Time,
}

impl Plan {
    pub fn new(hours: Hours) -> Self {
        Self { hours, looked_at: RefCell::default() }
    }

    /// The zones whose windows must be open for a phone.
    fn zones(&self, callee: Phone) -> Vec<Tz> {
        let own = vec![self.hours.zone];
        let zones = callee.time_zones();
        match self.hours.callee_local_time {
            CalleeLocalTime::Off => own,
            CalleeLocalTime::On if zones.len() > 1 => own,
            CalleeLocalTime::On | CalleeLocalTime::Strict => zones.to_vec(),
        }
    }

    fn look(&self, at: Time, zones: &[Tz]) -> Option<Closed> {
        zones.iter().find_map(|zone| look(&self.hours, at, *zone))
    }

    /// Why no call to a phone may start at `at`.
    pub fn closed(&self, at: Time, callee: Phone) -> Option<Closed> {
        let said = self.hours.may_call(at, Some(callee)).err();
        assert_eq!(said, self.look(at, &self.zones(callee)), "may_call at {at} {callee:?}");
        said
    }

    /// Why the task as a whole may not call.
    pub fn task_closed(&self, at: Time) -> Option<Closed> {
        let said = self.hours.task_closed(at);
        let looked = if self.hours.callee_local_time.is_on() {
            None
        } else {
            look(&self.hours, at, self.hours.zone)
        };
        assert_eq!(said, looked, "task_closed at {at}");
        said
    }

    /// The first instant from `from` on at which a call to a phone may start.
    pub fn next_open(&self, from: Time, callee: Phone) -> Option<Time> {
        let said = self.hours.next_open(from, Some(callee));
        self.check_opening(from, said, &self.zones(callee));
        said
    }

    /// The first instant from `from` on at which the task's own window is open.
    pub fn task_opens(&self, from: Time) -> Option<Time> {
        let said = self.hours.next_open(from, None);
        self.check_opening(from, said, &[self.hours.zone]);
        said
    }

    fn check_opening(&self, from: Time, said: Option<Time>, zones: &[Tz]) {
        let Some(opens) = said else {
            let mut at = from;
            while at < from + TimeDelta::days(NEVER_DAYS) {
                assert!(self.look(at, zones).is_some(), "no opening was found, but {at} is");
                at += TimeDelta::minutes(STRIDE);
            }
            return;
        };
        if opens > from {
            // Two reasons to be closed may follow each other.
            let mut at = from;
            while at < opens {
                let shut = zones.iter().find(|zone| look(&self.hours, at, **zone).is_some());
                let Some(zone) = shut else { panic!("{at} is open, before {opens}") };
                at = self.change(at, opens, *zone);
            }
        }
        assert_eq!(self.look(opens, zones), None, "said to open at {opens}");
    }

    /// The first instant after `after` at which the task's window changes.
    pub fn next_edge(&self, after: Time) -> Option<Time> {
        let (said, zone) = (self.hours.next_edge(after), self.hours.zone);
        if self.hours.callee_local_time.is_on() {
            assert_eq!(said, None, "a task whose numbers wait one by one has no edge");
            return None;
        }
        let until = said.unwrap_or(after + TimeDelta::days(NEVER_DAYS));
        let changed = self.change(after, until, zone);
        assert_eq!(changed, until, "the window changes before the next edge");
        if let Some(edge) = said {
            let (before, from) = (look(&self.hours, after, zone), look(&self.hours, edge, zone));
            assert_ne!(before, from, "nothing changes at the edge {edge}");
        }
        said
    }

    /// The first minute after `from` at which something else holds, `until` at most.
    fn change(&self, from: Time, until: Time, zone: Tz) -> Time {
        let closed = look(&self.hours, from, zone);
        let mut at = from;
        while at < until && look(&self.hours, at, zone) == closed {
            let known = |span: &&Span| span.zone == zone && span.from <= at && at < span.to;
            let known = self.looked_at.borrow().iter().find(known).map(|span| span.to);
            let middle = at > from + DAY && at < until - DAY;
            at = match known {
                Some(to) => to,
                None if middle => at + TimeDelta::minutes(STRIDE),
                None => minute_after(at),
            };
        }
        let to = at.min(until);
        // Every minute of it is like its first.
        self.looked_at.borrow_mut().push(Span { zone, from, to });
        to
    }
}

fn minute_after(at: Time) -> Time {
    at + TimeDelta::seconds(60 - i64::from(at.second()))
        - TimeDelta::nanoseconds(i64::from(at.nanosecond()))
}

/// What a wall clock and the periods on paper say.
fn look(hours: &Hours, at: Time, zone: Tz) -> Option<Closed> {
    let wall = at.with_timezone(&zone).naive_local();
    if hours.do_not_call.as_ref().is_some_and(|period| holds(period, wall)) {
        return Some(Closed::DoNotCallPeriod);
    }
    match &hours.call {
        Some(period) if !holds(period, wall) => Some(Closed::OutsideCallPeriod),
        _ => None,
    }
}

fn holds(period: &PeriodConfig, wall: NaiveDateTime) -> bool {
    let minute = wall.hour() * 60 + wall.minute();
    let on = |weekday: Weekday| covers(period, weekday, minute);
    let calls = period.kind == PeriodKind::Call;
    match period.exceptions.iter().find(|exception| exception.date == wall.date()) {
        None => on(wall.weekday()),
        Some(exception) => match (exception.day, calls) {
            (ExceptionDay::Closed, calls) => !calls,
            (ExceptionDay::Open, true) => WEEK.into_iter().any(on),
            (ExceptionDay::Open, false) => WEEK.into_iter().all(on),
        },
    }
}

fn covers(period: &PeriodConfig, weekday: Weekday, minute: u32) -> bool {
    period.ranges.iter().any(|range| {
        (range.weekdays.is_empty() || range.weekdays.contains(&weekday))
            && u32::from(range.start.of_day()) <= minute
            && minute <= u32::from(range.end.of_day())
    })
}

/// Whether call and do-not-call period fit each other; the codes of what is wrong.
pub fn check(hours: &Hours) -> Vec<String> {
    let said = codes(hours.check());
    let mut found = Vec::new();
    if let (Some(call), Some(barred)) = (&hours.call, &hours.do_not_call) {
        let minutes = || WEEK.into_iter().flat_map(|day| (0..1_440).map(move |at| (day, at)));
        let wrong = minutes().find_map(|(day, at)| {
            match (covers(call, day, at), covers(barred, day, at)) {
                (true, true) => Some("periods_overlap"),
                (false, false) => Some("periods_leave_a_gap"),
                _ => None,
            }
        });
        found.extend(wrong.map(str::to_owned));
    }
    assert_eq!(said, found, "the coverage of two periods");
    said
}

/// What is wrong with the dates of a schedule that is being set.
pub fn check_dates(schedule: &Schedule, hours: &Hours, now: Time) -> Vec<String> {
    let said = codes(schedule.check(hours, now));
    let starts = schedule.scheduled_start.map(|local| first_at(local, hours.zone));
    let ends = schedule.scheduled_end.map(|local| first_at(local, hours.zone));
    let mut found = Vec::new();
    if starts.is_some_and(|at| at < now) {
        found.push("in_the_past");
    }
    if let (Some(local), Some(call)) = (schedule.scheduled_start, &hours.call) {
        let begins = |range: &outbound::period::Range| {
            range.start.to_string() == local.format("%H:%M").to_string() && local.second() == 0
        };
        if !call.ranges.iter().any(begins) {
            found.push("not_a_range_start");
        }
    }
    if ends.is_some_and(|at| at <= now) {
        found.push("in_the_past");
    }
    if starts.zip(ends).is_some_and(|(start, end)| end <= start) {
        found.push("not_after_start");
    }
    assert_eq!(said, found, "the dates of a schedule");
    said
}

fn codes(verdict: outbound::fault::Verdict) -> Vec<String> {
    verdict.err().unwrap_or_default().into_iter().map(|fault| fault.code.to_string()).collect()
}

/// The instant at which a wall clock shows `local`.
pub fn instant(local: NaiveDateTime, zone: Tz) -> Time {
    let said = schedule::instant(local, zone);
    assert_eq!(said, first_at(local, zone), "{local} in {zone}");
    said
}

/// The first whole minute at which the wall clock shows `local` or later.
fn first_at(local: NaiveDateTime, zone: Tz) -> Time {
    let mut at = local.and_utc() - TimeDelta::hours(15);
    while at.with_timezone(&zone).naive_local() < local {
        at += TimeDelta::minutes(1);
    }
    at
}

/// The start of the next day of a wall clock.
pub fn tomorrow(now: Time, zone: Tz) -> Time {
    let today = now.with_timezone(&zone).date_naive();
    let mut at = minute_after(now);
    while at.with_timezone(&zone).date_naive() == today {
        at += TimeDelta::minutes(1);
    }
    at
}
