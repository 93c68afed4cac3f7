use chrono::{Datelike, NaiveDate, NaiveDateTime, TimeDelta, TimeZone, Weekday};
use chrono_tz::America::New_York;
use chrono_tz::Asia::Shanghai;
use chrono_tz::Europe::Berlin;
use proptest::prelude::*;

use super::*;
use crate::period::{DateException, ExceptionDay, MINUTES_A_DAY, Minute, Range, WEEK};

fn minute(text: &str) -> Minute {
    text.parse().unwrap()
}

/// Ranges as `09:00-18:00`, or `Mon,Tue 09:00-18:00`.
fn period(kind: PeriodKind, ranges: &[&str]) -> PeriodConfig {
    let range = |text: &&str| {
        let (days, span) = text.split_once(' ').unwrap_or(("", text));
        let (start, end) = span.split_once('-').unwrap();
        let weekdays = days.split(',').filter(|day| !day.is_empty());
        Range {
            start: minute(start),
            end: minute(end),
            weekdays: weekdays.map(|day| day.parse().unwrap()).collect(),
        }
    };
    PeriodConfig {
        name: "Period".into(),
        kind,
        complement_of: None,
        ranges: ranges.iter().map(range).collect(),
        exceptions: Vec::new(),
    }
}

fn call(ranges: &[&str]) -> PeriodConfig {
    period(PeriodKind::Call, ranges)
}

fn barred(ranges: &[&str]) -> PeriodConfig {
    period(PeriodKind::DoNotCall, ranges)
}

fn interval(zone: Tz, ranges: &[&str]) -> Hours {
    Hours { call: Some(call(ranges)), ..Hours::always(zone) }
}

fn except(period: &mut PeriodConfig, date: &str, day: ExceptionDay) {
    period.exceptions.push(DateException { date: date.parse().unwrap(), day });
}

fn at(text: &str) -> Time {
    text.parse().unwrap()
}

/// A wall clock of a zone, for times that are there once.
fn wall(zone: Tz, text: &str) -> Time {
    let local: NaiveDateTime = text.parse().unwrap();
    zone.from_local_datetime(&local).unwrap().to_utc()
}

#[test]
fn a_range_holds_from_its_first_instant_to_the_end_of_its_last_minute() {
    let hours = interval(Shanghai, &["09:00-18:00"]);
    for (time, open) in [
        ("2026-11-23T00:00:00", false),
        ("2026-11-23T08:59:59.999", false),
        ("2026-11-23T09:00:00", true),
        ("2026-11-23T18:00:00", true),
        ("2026-11-23T18:00:59.999", true),
        ("2026-11-23T18:01:00", false),
        ("2026-11-23T23:59:59.999", false),
    ] {
        let now = wall(Shanghai, time);
        assert_eq!(hours.may_call(now, None).is_ok(), open, "{time}");
        assert_eq!(hours.task_closed(now).is_none(), open, "{time}");
    }
}

#[test]
fn the_guides_day_is_closed_at_night_by_the_do_not_call_period() {
    let hours = Hours {
        call: Some(call(&["09:00-18:00"])),
        do_not_call: Some(barred(&["00:00-08:59", "18:01-23:59"])),
        ..Hours::always(Shanghai)
    };
    assert_eq!(hours.check(), Ok(()));
    let night = wall(Shanghai, "2026-11-23T18:01:00");
    assert_eq!(hours.may_call(night, None), Err(Closed::DoNotCallPeriod));
    assert_eq!(PauseReason::from(Closed::DoNotCallPeriod).title(), "Do-Not-Call Time Period");
    let morning = wall(Shanghai, "2026-11-24T09:00:00");
    assert_eq!(hours.next_open(night, None), Some(morning));
    assert_eq!(hours.next_edge(night), Some(morning));
    assert_eq!(hours.next_edge(morning), Some(wall(Shanghai, "2026-11-24T18:01:00")));
}

#[test]
fn a_range_up_to_midnight_and_one_from_it_are_one_night() {
    let hours = interval(Shanghai, &["22:00-23:59", "00:00-01:59"]);
    let evening = wall(Shanghai, "2026-11-23T22:00:00");
    assert_eq!(hours.next_edge(evening), Some(wall(Shanghai, "2026-11-24T02:00:00")));
    assert!(hours.may_call(wall(Shanghai, "2026-11-23T23:59:59.999"), None).is_ok());
    assert!(hours.may_call(wall(Shanghai, "2026-11-24T00:00:00"), None).is_ok());
}

#[test]
fn without_periods_nothing_is_ever_closed() {
    let hours = Hours::always(Berlin);
    let now = at("2026-11-23T03:00:00Z");
    assert_eq!(hours.next_open(now, None), Some(now));
    assert_eq!(hours.next_edge(now), None);
    assert_eq!(hours.check(), Ok(()));
}

#[test]
fn a_range_that_starts_in_the_skipped_hour_starts_when_the_clock_lands_after_it() {
    for (zone, before, lands) in [
        // Berlin: 02:00 to 03:00 is not there on 29 March 2026.
        (Berlin, "2026-03-28T23:30:00Z", "2026-03-29T01:00:00Z"),
        // New York: the same on 8 March 2026.
        (New_York, "2026-03-08T05:30:00Z", "2026-03-08T07:00:00Z"),
    ] {
        let hours = interval(zone, &["02:30-05:00"]);
        assert_eq!(hours.next_open(at(before), None), Some(at(lands)), "{zone}");
        assert_eq!(hours.next_edge(at(before)), Some(at(lands)), "{zone}");
        assert!(hours.may_call(at(lands) - TimeDelta::milliseconds(1), None).is_err(), "{zone}");
        assert_eq!(hours.next_edge(at(lands)), Some(at(lands) + TimeDelta::minutes(121)), "{zone}");
    }
}

#[test]
fn a_range_inside_the_skipped_hour_is_not_there_that_day() {
    let hours = interval(Berlin, &["02:10-02:50"]);
    let next = hours.next_open(at("2026-03-28T23:30:00Z"), None);
    assert_eq!(next, Some(wall(Berlin, "2026-03-30T02:10:00")));
}

#[test]
fn in_the_repeated_hour_both_passes_count() {
    for (zone, first, second) in [
        (Berlin, "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"),
        (New_York, "2026-11-01T05:30:00Z", "2026-11-01T06:30:00Z"),
    ] {
        // The wall shows this half hour twice.
        let half = if zone == Berlin { "02:30-02:59" } else { "01:30-01:59" };
        let hours = interval(zone, &[half]);
        let (first, second) = (at(first), at(second));
        let half_hour = TimeDelta::minutes(30);
        assert_eq!(hours.next_open(first - half_hour, None), Some(first), "{zone}");
        assert_eq!(hours.next_edge(first), Some(first + half_hour), "{zone}");
        assert_eq!(hours.next_edge(first + half_hour), Some(second), "{zone}");
        assert_eq!(hours.next_edge(second), Some(second + half_hour), "{zone}");
    }
}

#[test]
fn a_clock_that_is_put_back_can_open_a_window_again() {
    // 01:00 comes after 01:59 once more: the range that ended at 01:00 holds again from the jump on.
    let hours = interval(New_York, &["00:00-01:10"]);
    let closed = at("2026-11-01T05:11:00Z");
    assert_eq!(hours.may_call(closed, None), Err(Closed::OutsideCallPeriod));
    assert_eq!(hours.next_open(closed, None), Some(at("2026-11-01T06:00:00Z")));
}

#[test]
fn a_holiday_is_closed_and_a_makeup_workday_is_open_in_both_kinds() {
    let workdays = "Mon,Tue,Wed,Thu,Fri 09:00-18:00";
    let mut hours = Hours {
        call: Some(call(&[workdays])),
        do_not_call: Some(barred(&["Sat,Sun 00:00-23:59", "00:00-08:59", "18:01-23:59"])),
        ..Hours::always(Shanghai)
    };
    let (holiday, saturday) = ("2026-10-01", "2026-10-10");
    for period in [&mut hours.call, &mut hours.do_not_call].into_iter().flatten() {
        except(period, holiday, ExceptionDay::Closed);
        except(period, saturday, ExceptionDay::Open);
    }
    let open = |time: &str| hours.may_call(wall(Shanghai, time), None);
    assert_eq!(open("2026-10-01T10:00:00"), Err(Closed::DoNotCallPeriod));
    assert_eq!(open("2026-10-02T10:00:00"), Ok(()));
    assert_eq!(open("2026-10-03T10:00:00"), Err(Closed::DoNotCallPeriod), "a plain Saturday");
    assert_eq!(open("2026-10-10T08:59:59.999"), Err(Closed::DoNotCallPeriod));
    assert_eq!(open("2026-10-10T09:00:00"), Ok(()));
    assert_eq!(open("2026-10-10T18:00:59.999"), Ok(()));
    assert_eq!(open("2026-10-10T18:01:00"), Err(Closed::DoNotCallPeriod));
    let eve = wall(Shanghai, "2026-09-30T18:01:00");
    assert_eq!(hours.next_open(eve, None), Some(wall(Shanghai, "2026-10-02T09:00:00")));
}

#[allow(clippy::unnecessary_wraps, reason = "as the rules take it")]
fn of(digits: u64) -> Option<Phone> {
    Some(Phone::from_digits(digits))
}

/// In 2026 Sydney's clock goes back on April 5; Perth, Brisbane, Darwin and Eucla keep theirs all year.
#[test]
fn strictly_a_number_that_may_be_in_several_zones_is_called_while_all_are_open() {
    let mobile = of(61_412_345_678);
    let on = interval(Berlin, &["09:00-17:59"]);
    let on = Hours { callee_local_time: CalleeLocalTime::On, ..on };
    let strict = Hours { callee_local_time: CalleeLocalTime::Strict, ..on.clone() };
    // Of a mainland that spans from Cocos (UTC+6:30) to Lord Howe (UTC+11 in summer, +10:30 in winter).
    for (day, opens, closes) in
        [("2026-04-03", "T02:30:00Z", "T07:00:00Z"), ("2026-04-07", "T02:30:00Z", "T07:30:00Z")]
    {
        let at = |time: &str| at(&format!("{day}{time}"));
        let (opens, closes) = (at(opens), at(closes));
        let second = TimeDelta::seconds(1);
        assert_eq!(strict.may_call(opens - second, mobile), Err(Closed::OutsideCallPeriod));
        assert_eq!(strict.may_call(opens, mobile), Ok(()));
        assert_eq!(strict.may_call(closes - second, mobile), Ok(()));
        assert_eq!(strict.may_call(closes, mobile), Err(Closed::OutsideCallPeriod));
        assert_eq!(strict.next_open(at("T00:00:00Z"), mobile), Some(opens));
        assert_eq!(strict.next_open(opens + second, mobile), Some(opens + second));
    }
    // The number does not tell its zone: by the task's clock, 09:00 in Berlin.
    assert_eq!(on.next_open(at("2026-04-03T00:00:00Z"), mobile), Some(at("2026-04-03T07:00:00Z")));
    // One that does has one clock.
    let perth = of(61_851_112_345);
    for hours in [&on, &strict] {
        let opens = hours.next_open(at("2026-04-03T00:00:00Z"), perth);
        assert_eq!(opens, Some(at("2026-04-03T01:00:00Z")));
    }
    // Over a satellite somebody may be anywhere: it is never day in all the world.
    let satellite = of(881_612_345_678);
    assert_eq!(strict.next_open(at("2026-04-03T00:00:00Z"), satellite), None);
    assert_eq!(on.may_call(at("2026-04-03T07:00:00Z"), satellite), Ok(()));
    let always = Hours { call: None, ..strict };
    assert_eq!(always.may_call(at("2026-04-03T00:00:00Z"), satellite), Ok(()));
}

#[test]
fn windows_in_the_callees_zone_hold_for_each_number_and_not_for_the_task() {
    let hours =
        Hours { callee_local_time: CalleeLocalTime::On, ..interval(Berlin, &["09:00-18:00"]) };
    // 16:00 in Berlin, 10:00 in New York, 23:00 in Shanghai.
    let now = at("2026-01-15T15:00:00Z");
    assert_eq!(hours.may_call(now, of(12_125_550_100)), Ok(()));
    assert_eq!(hours.may_call(now, of(8_613_800_000_001)), Err(Closed::OutsideCallPeriod));
    assert_eq!(
        hours.next_open(now, of(8_613_800_000_001)),
        Some(wall(Shanghai, "2026-01-16T09:00:00"))
    );
    assert_eq!(hours.may_call(now, None), Ok(()), "a zone that is not known: the task's");
    assert_eq!(hours.task_closed(at("2026-01-15T02:00:00Z")), None);
    assert_eq!(hours.next_edge(now), None);

    let off = Hours { callee_local_time: CalleeLocalTime::Off, ..hours };
    assert_eq!(off.may_call(now, of(8_613_800_000_001)), Ok(()));
}

#[test]
fn windows_that_never_open_have_no_next_opening() {
    let mut never = interval(Berlin, &["00:00-23:59"]);
    never.do_not_call = Some(barred(&["00:00-23:59"]));
    assert_eq!(never.next_open(at("2026-01-15T15:00:00Z"), None), None);
    assert_eq!(never.next_edge(at("2026-01-15T15:00:00Z")), None);
}

#[test]
fn periods_that_clash_name_the_first_minute() {
    for (called, off, code, names) in [
        (vec!["09:00-18:00"], vec!["00:00-09:00", "18:01-23:59"], "periods_overlap", "Mon 09:00"),
        (
            vec!["09:00-18:00"],
            vec!["00:00-08:59", "18:02-23:59"],
            "periods_leave_a_gap",
            "Mon 18:01",
        ),
        (
            vec!["09:00-18:00"],
            vec!["00:00-08:59", "18:01-23:58"],
            "periods_leave_a_gap",
            "Mon 23:59",
        ),
        (vec!["00:01-23:59"], vec!["Tue 00:00-00:00"], "periods_leave_a_gap", "Mon 00:00"),
        (
            vec!["00:00-11:59"],
            vec!["12:00-23:59", "Wed,Sat 11:59-11:59"],
            "periods_overlap",
            "Wed 11:59",
        ),
    ] {
        let hours = Hours {
            call: Some(call(&called)),
            do_not_call: Some(barred(&off)),
            ..Hours::always(Berlin)
        };
        let faults = hours.check().unwrap_err();
        assert_eq!(faults.len(), 1);
        assert_eq!(faults[0].code, code);
        assert!(faults[0].detail.starts_with(names), "{}", faults[0].detail);
    }
}

#[test]
fn a_date_that_differs_is_no_clash_of_the_weekdays() {
    let mut hours = Hours {
        call: Some(call(&["09:00-18:00"])),
        do_not_call: Some(barred(&["00:00-08:59", "18:01-23:59"])),
        ..Hours::always(Berlin)
    };
    for day in 1..=7 {
        let date = format!("2024-01-{day:02}");
        except(hours.call.as_mut().unwrap(), &date, ExceptionDay::Closed);
    }
    assert_eq!(hours.check(), Ok(()));
}

#[test]
fn a_period_of_the_other_kind_is_refused_and_says_which_is_right() {
    let always = Hours::always(Berlin);
    let day = &["09:00-18:00"];
    for (hours, pointer, right) in [
        (
            Hours { call: Some(barred(day)), ..always.clone() },
            "/schedule/call_period",
            "choose one of kind `call`",
        ),
        (
            Hours { do_not_call: Some(call(day)), ..always },
            "/schedule/do_not_call_period",
            "choose one of kind `do_not_call`",
        ),
    ] {
        let faults = hours.check().unwrap_err();
        assert_eq!((&*faults[0].pointer, &*faults[0].code), (pointer, "wrong_period_kind"));
        assert!(faults[0].detail.ends_with(right), "{}", faults[0].detail);
    }
}

#[test]
fn an_opening_before_a_clock_change_is_found_in_zones_far_from_utc() {
    use chrono_tz::America::Santiago;
    use chrono_tz::Australia::Sydney;
    // The night of 4 October 2026 in Sydney opens at midnight, before the clock is put forward.
    let sydney = interval(Sydney, &["00:00-05:00"]);
    let next = sydney.next_open(at("2026-10-03T12:00:00Z"), None);
    assert_eq!(next, Some(at("2026-10-03T14:00:00Z")));
    // In Santiago 4 April 2026 has 23:00 twice: the clock is put back at midnight.
    let santiago = interval(Santiago, &["23:00-23:29", "23:45-23:50"]);
    let first_pass = at("2026-04-05T02:51:00Z");
    assert_eq!(santiago.next_open(first_pass, None), Some(at("2026-04-05T03:00:00Z")));
}

fn ranges() -> impl Strategy<Value = Vec<Range>> {
    let day = prop::sample::select(
        &[
            Weekday::Mon,
            Weekday::Tue,
            Weekday::Wed,
            Weekday::Thu,
            Weekday::Fri,
            Weekday::Sat,
            Weekday::Sun,
        ][..],
    );
    let range = (0u16..1_440, 0u16..1_440, prop::collection::vec(day, 0..4)).prop_map(
        |(one, other, weekdays)| Range {
            start: Minute::new(one.min(other)).unwrap(),
            end: Minute::new(one.max(other)).unwrap(),
            weekdays,
        },
    );
    prop::collection::vec(range, 1..4)
}

fn any_hours() -> impl Strategy<Value = Hours> {
    let zones = prop::sample::select(
        &[
            Berlin,
            New_York,
            Shanghai,
            chrono_tz::Australia::Sydney,
            chrono_tz::Australia::Lord_Howe,
            chrono_tz::America::St_Johns,
        ][..],
    );
    let named = |kind| {
        move |(ranges, days): (Vec<Range>, Vec<(i64, bool)>)| PeriodConfig {
            name: "Period".into(),
            kind,
            complement_of: None,
            ranges,
            exceptions: days
                .into_iter()
                .map(|(day, open)| DateException {
                    date: NaiveDate::from_ymd_opt(2026, 3, 5).unwrap() + TimeDelta::days(day),
                    day: if open { ExceptionDay::Open } else { ExceptionDay::Closed },
                })
                .collect(),
        }
    };
    let days = || prop::collection::vec((0i64..30, any::<bool>()), 0..3);
    let called = prop::option::of((ranges(), days()).prop_map(named(PeriodKind::Call)));
    let off = prop::option::of((ranges(), days()).prop_map(named(PeriodKind::DoNotCall)));
    (zones, called, off).prop_map(|(zone, call, do_not_call)| Hours {
        zone,
        call,
        do_not_call,
        callee_local_time: CalleeLocalTime::Off,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Around the days on which clocks are put forward and back.
    #[test]
    fn openings_and_edges_agree_with_a_scan_of_minutes(
        hours in any_hours(),
        autumn: bool,
        minutes in 0i64..(26 * 1_440),
        seconds in 0i64..60,
    ) {
        let start = if autumn { at("2026-10-10T00:00:00Z") } else { at("2026-03-05T00:00:00Z") };
        let from = start + TimeDelta::minutes(minutes) + TimeDelta::seconds(seconds);
        let whole = start + TimeDelta::minutes(minutes + 1);
        let scan = || (0..4 * 1_440).map(|minute| whole + TimeDelta::minutes(minute));
        let last = whole + TimeDelta::minutes(4 * 1_440 - 1);

        let open = hours.may_call(from, None).is_ok().then_some(from);
        let open = open.or_else(|| scan().find(|at| hours.may_call(*at, None).is_ok()));
        prop_assert_eq!(hours.next_open(from, None).filter(|at| *at <= last), open);

        let current = hours.task_closed(from);
        let edge = scan().find(|at| hours.task_closed(*at) != current);
        prop_assert_eq!(hours.next_edge(from).filter(|at| *at <= last), edge);
    }

    /// On weekdays, on dates that differ, and where clocks are put forward and back.
    #[test]
    fn a_complement_holds_in_each_minute_in_which_the_other_does_not(
        hours in any_hours(),
        minutes in 0i64..(26 * 1_440),
    ) {
        for one in [hours.call, hours.do_not_call].into_iter().flatten() {
            let other = PeriodConfig { kind: one.kind.other(), ..one.clone() }.outside(&one);
            for minute in minutes..minutes + 1_440 {
                let now = at("2026-03-05T00:00:00Z") + TimeDelta::minutes(minute);
                let local = now.with_timezone(&hours.zone);
                let (date, minute) = (local.date_naive(), minute_of(local.time()));
                prop_assert_ne!(one.day(date).holds(minute), other.day(date).holds(minute));
            }
            let back = PeriodConfig { kind: one.kind, ..other.clone() }.outside(&other);
            prop_assert_eq!(other.clone().outside(&back), other);
        }
    }

    /// Ten days around the clock changes of Spain, whose mobile numbers may be on the Canaries.
    #[test]
    fn an_opening_in_all_zones_agrees_with_a_scan_of_minutes(
        hours in any_hours(),
        autumn: bool,
        minutes in 0i64..(10 * 1_440),
    ) {
        let hours = Hours { callee_local_time: CalleeLocalTime::Strict, ..hours };
        let start = if autumn { at("2026-10-20T00:00:00Z") } else { at("2026-03-24T00:00:00Z") };
        let from = start + TimeDelta::minutes(minutes);
        let mobile = of(34_612_345_678);
        let zones = [chrono_tz::Europe::Madrid, chrono_tz::Atlantic::Canary];
        let open = |at: Time| zones.into_iter().all(|zone| hours.may_call_in(at, zone).is_ok());
        let mut scan = (0..2 * 1_440).map(|minute| from + TimeDelta::minutes(minute));
        let found = hours.next_open(from, mobile);
        prop_assert_eq!(found.filter(|at| *at < from + TimeDelta::days(2)), scan.find(|at| open(*at)));
        prop_assert_eq!(hours.may_call(from, mobile).is_ok(), open(from));
    }

    #[test]
    fn the_coverage_check_agrees_with_counting_each_minute(called in ranges(), off in ranges(), mend: bool) {
        let mut off = off;
        if mend {
            // Everything that is left, so that the right ones are met too.
            let all = call(&[]);
            let called = PeriodConfig { ranges: called.clone(), ..all };
            off = complement(&called);
        }
        let hours = Hours {
            call: Some(PeriodConfig { ranges: called, ..call(&[]) }),
            do_not_call: Some(PeriodConfig { ranges: off, ..barred(&[]) }),
            ..Hours::always(Shanghai)
        };
        let monday = NaiveDate::from_ymd_opt(2026, 11, 23).unwrap();
        prop_assert_eq!(monday.weekday(), Weekday::Mon);
        let clash = (0..7 * 1_440u16).find(|minute| {
            let date = monday + TimeDelta::days(i64::from(minute / 1_440));
            let holds = |period: &Option<PeriodConfig>| {
                period.as_ref().unwrap().day(date).holds(minute % 1_440)
            };
            holds(&hours.call) == holds(&hours.do_not_call)
        });
        match (hours.check(), clash) {
            (Ok(()), None) => {}
            (Err(faults), Some(minute)) => {
                let weekday = WEEK[usize::from(minute / 1_440)];
                let named = format!("{weekday} {} is in", Minute::new(minute % 1_440).unwrap());
                prop_assert!(faults[0].detail.starts_with(&named), "{} {}", named, faults[0].detail);
            }
            (verdict, clash) => prop_assert!(false, "{:?} {:?}", verdict, clash),
        }
    }
}

fn complement(called: &PeriodConfig) -> Vec<Range> {
    WEEK.into_iter()
        .flat_map(|weekday| {
            let holds = |minute: &u16| {
                let fits = |range: &&Range| {
                    range.on(weekday)
                        && (range.start.of_day()..=range.end.of_day()).contains(minute)
                };
                called.ranges.iter().any(|range| fits(&range))
            };
            let free: Vec<u16> = (0..MINUTES_A_DAY).filter(|minute| !holds(minute)).collect();
            free.chunk_by(|a, b| a + 1 == *b)
                .map(|run| Range {
                    start: Minute::new(run[0]).unwrap(),
                    end: Minute::new(run[run.len() - 1]).unwrap(),
                    weekdays: vec![weekday],
                })
                .collect::<Vec<_>>()
        })
        .collect()
}
