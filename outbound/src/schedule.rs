//! When a task starts and ends by itself, and the periods that it keeps to.

use chrono::{LocalResult, NaiveDateTime, TimeDelta, TimeZone, Timelike};
use chrono_tz::Tz;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Time;
use crate::fault::{Fault, Verdict, verdict};
use crate::hours::{CalleeLocalTime, Hours};
use crate::ids::PeriodId;

/// Scheduled start and end, interval calling and the do-not-call period of a task.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Schedule {
    /// Date and time in the task's time zone (`2026-12-01T09:00:00`).
    pub scheduled_start: Option<NaiveDateTime>,
    /// Date and time in the task's time zone, after now and after the start.
    pub scheduled_end: Option<NaiveDateTime>,
    /// Interval calling: calls are made only in this period, of kind `call`.
    pub call_period: Option<PeriodId>,
    /// No calls are made in this period, of kind `do_not_call`.
    pub do_not_call_period: Option<PeriodId>,
    /// Whether the windows apply in the callee's own time zone.
    pub callee_local_time: CalleeLocalTime,
}

/// The instant at which a wall clock in `zone` shows `local`.
///
/// In the hour that daylight saving skips: when the clock lands after it. In the hour that is
/// repeated: the first pass.
pub fn instant(local: NaiveDateTime, zone: Tz) -> Time {
    match zone.from_local_datetime(&local) {
        LocalResult::Single(at) => at.to_utc(),
        LocalResult::Ambiguous(first, _) => first.to_utc(),
        LocalResult::None => landing(local, zone),
    }
}

/// When the clock jumps over `local`; exact to the second.
fn landing(local: NaiveDateTime, zone: Tz) -> Time {
    // No zone is further than 26 hours from UTC, so the jump is in between.
    let around = local.and_utc();
    let (mut low, mut high) = (around - TimeDelta::hours(26), around + TimeDelta::hours(26));
    while high - low > TimeDelta::seconds(1) {
        let middle = low + TimeDelta::seconds((high - low).num_seconds() / 2);
        if middle.with_timezone(&zone).naive_local() > local { high = middle } else { low = middle }
    }
    high
}

impl Schedule {
    /// When the scheduled start is due.
    pub fn starts_at(&self, zone: Tz) -> Option<Time> {
        self.scheduled_start.map(|local| instant(local, zone))
    }

    /// When the scheduled end is due.
    pub fn ends_at(&self, zone: Tz) -> Option<Time> {
        self.scheduled_end.map(|local| instant(local, zone))
    }

    /// The start is not past and, with interval calling, its time of day is the start of a range; the
    /// end is after now and after the start. `hours` are the windows of this schedule.
    ///
    /// For a schedule that is being set: one that was set long ago has a start in the past.
    pub fn check(&self, hours: &Hours, now: Time) -> Verdict {
        let mut faults = Vec::new();
        let starts_at = self.starts_at(hours.zone);
        if starts_at.is_some_and(|at| at < now) {
            faults.push(Fault::new(
                "/schedule/scheduled_start",
                "in_the_past",
                format!("must not be before now, {} in {}", wall(now, hours.zone), hours.zone),
            ));
        }
        faults.extend(self.start_off_range(hours));
        if let Some(ends_at) = self.ends_at(hours.zone) {
            if ends_at <= now {
                faults.push(Fault::new(
                    "/schedule/scheduled_end",
                    "in_the_past",
                    format!("must be after now, {} in {}", wall(now, hours.zone), hours.zone),
                ));
            }
            if starts_at.is_some_and(|starts_at| ends_at <= starts_at) {
                let detail = "must be after the scheduled start";
                faults.push(Fault::new("/schedule/scheduled_end", "not_after_start", detail));
            }
        }
        verdict(faults)
    }

    fn start_off_range(&self, hours: &Hours) -> Option<Fault> {
        let (local, call) = (self.scheduled_start?, hours.call.as_ref()?);
        let minutes = local.hour() * 60 + local.minute();
        let whole = local.second() == 0 && local.nanosecond() == 0;
        let mut starts: Vec<_> = call.ranges.iter().map(|range| range.start).collect();
        if whole && starts.iter().any(|start| u32::from(start.of_day()) == minutes) {
            return None;
        }
        starts.sort_unstable();
        starts.dedup();
        let starts: Vec<_> = starts.iter().map(ToString::to_string).collect();
        Some(Fault::new(
            "/schedule/scheduled_start",
            "not_a_range_start",
            format!(
                "its time of day must be the start of a range of the call period: {}",
                starts.join(", ")
            ),
        ))
    }
}

fn wall(at: Time, zone: Tz) -> String {
    at.with_timezone(&zone).format("%Y-%m-%dT%H:%M:%S").to_string()
}

#[cfg(test)]
mod tests {
    use chrono_tz::America::New_York;
    use chrono_tz::Asia::Shanghai;
    use chrono_tz::Europe::Berlin;

    use super::*;
    use crate::period::{PeriodConfig, PeriodKind, Range};

    fn local(text: &str) -> NaiveDateTime {
        text.parse().unwrap()
    }

    fn morning_and_afternoon(zone: Tz) -> Hours {
        let range = |start: &str, end: &str| Range {
            start: start.parse().unwrap(),
            end: end.parse().unwrap(),
            weekdays: Vec::new(),
        };
        let call = PeriodConfig {
            name: "Day".into(),
            kind: PeriodKind::Call,
            complement_of: None,
            ranges: vec![range("14:30", "18:00"), range("09:00", "12:00")],
            exceptions: Vec::new(),
        };
        Hours { call: Some(call), ..Hours::always(zone) }
    }

    #[test]
    fn a_wall_clock_time_is_one_instant_on_every_day() {
        for (zone, wall, utc) in [
            (Shanghai, "2026-11-23T09:00:00", "2026-11-23T01:00:00Z"),
            (Berlin, "2026-03-29T01:59:59", "2026-03-29T00:59:59Z"),
            (Berlin, "2026-03-29T02:00:00", "2026-03-29T01:00:00Z"),
            (Berlin, "2026-03-29T02:30:00", "2026-03-29T01:00:00Z"),
            (Berlin, "2026-03-29T03:00:00", "2026-03-29T01:00:00Z"),
            (Berlin, "2026-10-25T02:30:00", "2026-10-25T00:30:00Z"),
            (New_York, "2026-03-08T02:15:00", "2026-03-08T07:00:00Z"),
            (New_York, "2026-11-01T01:15:00", "2026-11-01T05:15:00Z"),
            // A whole day that was not there.
            (chrono_tz::Pacific::Apia, "2011-12-30T12:00:00", "2011-12-30T10:00:00Z"),
        ] {
            assert_eq!(instant(local(wall), zone), utc.parse::<Time>().unwrap(), "{zone} {wall}");
        }
    }

    #[test]
    fn a_schedule_is_judged_by_now_and_by_the_ranges() {
        let hours = morning_and_afternoon(Berlin);
        let now: Time = "2026-11-23T08:00:00Z".parse().unwrap(); // 09:00 in Berlin
        for (start, end, wrong) in [
            ("2026-11-23T09:00:00", "2026-11-23T18:00:00", &[][..]),
            ("2026-11-24T14:30:00", "", &[]),
            ("2026-11-22T09:00:00", "", &[("start", "in_the_past")]),
            ("2026-11-24T09:30:00", "", &[("start", "not_a_range_start")]),
            ("2026-11-24T09:00:01", "", &[("start", "not_a_range_start")]),
            ("", "2026-11-23T09:00:00", &[("end", "in_the_past")]),
            ("", "2026-11-23T09:00:01", &[]),
            ("2026-11-24T09:00:00", "2026-11-24T09:00:00", &[("end", "not_after_start")]),
        ] {
            let schedule = Schedule {
                scheduled_start: start.parse().ok(),
                scheduled_end: end.parse().ok(),
                ..Schedule::default()
            };
            let faults = schedule.check(&hours, now).err().unwrap_or_default();
            let found: Vec<_> = faults
                .iter()
                .map(|f| (f.pointer.trim_start_matches("/schedule/scheduled_"), &*f.code))
                .collect();
            assert_eq!(found, wrong, "{start} {end}");
        }
    }

    #[test]
    fn a_time_in_the_past_is_told_what_the_clock_shows_in_the_zone() {
        let past = Some(local("2026-11-22T09:00:00"));
        let schedule =
            Schedule { scheduled_start: past, scheduled_end: past, ..Schedule::default() };
        let now = "2026-11-23T08:00:00Z".parse().unwrap();
        let faults = schedule.check(&Hours::always(Berlin), now).unwrap_err();
        for (fault, rule) in faults.iter().zip(["not be before", "be after"]) {
            let detail = format!("must {rule} now, 2026-11-23T09:00:00 in Europe/Berlin");
            assert_eq!(fault.detail, detail);
        }
    }

    #[test]
    fn a_start_off_the_ranges_is_told_their_starts() {
        let hours = morning_and_afternoon(Berlin);
        let schedule =
            Schedule { scheduled_start: Some(local("2026-11-24T10:00:00")), ..Schedule::default() };
        let faults = schedule.check(&hours, Time::UNIX_EPOCH).unwrap_err();
        assert!(faults[0].detail.ends_with("09:00, 14:30"), "{}", faults[0].detail);
        assert_eq!(schedule.check(&Hours::always(Berlin), Time::UNIX_EPOCH), Ok(()));
    }
}
