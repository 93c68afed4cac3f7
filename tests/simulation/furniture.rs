//! What the small words of a case stand for: moments, periods, phones, places.

use chrono::{NaiveDate, NaiveDateTime, TimeDelta, Weekday};
use chrono_tz::Tz;
use outbound::Time;
use outbound::period::{
    DateException, ExceptionDay, Minute, PeriodConfig, PeriodKind, Range, WEEK,
};
use outbound::phone::Phone;
use outbound::schedule::instant;

use crate::op::{Place, Season, Setup, Shape};

/// Provinces and cities of customers and caller IDs, by their small numbers.
const PLACES: [(&str, &str); 3] = [("", ""), ("Zhejiang", "Hangzhou"), ("Zhejiang", "Ningbo")];

/// The customer's phone: of Spain, where it may be in two zones; of China, or of New York.
pub fn phone(n: u8) -> Phone {
    let first = [34_612_345_000, 8_613_800_000_000, 12_125_550_000][usize::from(n) % 3];
    Phone::from_digits(first + u64::from(n))
}

pub fn place_of(n: u8) -> (&'static str, &'static str) {
    PLACES[usize::from(n) % PLACES.len()]
}

impl Place {
    pub const fn zone(self) -> Tz {
        match self {
            Self::Shanghai => chrono_tz::Asia::Shanghai,
            Self::Berlin => chrono_tz::Europe::Berlin,
            Self::NewYork => chrono_tz::America::New_York,
            Self::LordHowe => chrono_tz::Australia::Lord_Howe,
        }
    }

    /// The days in 2026 on which clocks are put forward, and back.
    fn changes(self) -> [NaiveDate; 2] {
        let [forward, back] = match self {
            // Clocks stand still there; customers elsewhere have theirs changed.
            Self::Shanghai | Self::NewYork => [(3, 8), (11, 1)],
            Self::Berlin => [(3, 29), (10, 25)],
            Self::LordHowe => [(10, 4), (4, 5)],
        };
        [forward, back].map(|(month, day)| date(month, day))
    }
}

fn date(month: u32, day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, month, day).expect("a date")
}

impl Setup {
    pub fn start(&self) -> Time {
        let minutes = TimeDelta::minutes(self.minutes.into());
        let at = |date: NaiveDate, hour: u32| date.and_hms_opt(hour, 0, 0).expect("a time");
        let [forward, back] = self.place.changes();
        let wall: NaiveDateTime = match self.season {
            Season::Plain => at(date(6, 1), 6) + minutes,
            Season::Forward => at(forward, 5) - minutes,
            Season::Back => at(back, 5) - minutes,
        };
        instant(wall, self.place.zone())
    }

    /// The periods as they begin.
    pub fn periods(&self) -> Vec<PeriodConfig> {
        let [first, second] = self.periods;
        let today = self.start().with_timezone(&self.place.zone()).date_naive();
        vec![period(0, first, today), period(1, second, today), period(2, first, today)]
    }
}

/// The period in a place: the first two are of calls, the third is what a call period leaves over.
pub fn period(place: u8, shape: Shape, today: NaiveDate) -> PeriodConfig {
    if place == 2 {
        return left_over(&period(0, shape, today));
    }
    let split: &[_] = &[
        ("08:30", "11:29", &WEEK[..5]),
        ("13:00", "20:59", &WEEK[..5]),
        ("10:00", "11:59", &WEEK[5..6]),
    ];
    let ranges: &[(&str, &str, &[Weekday])] = match shape {
        Shape::Office => &[("09:00", "17:59", &[])],
        Shape::Split => split,
        Shape::SmallHours => &[("01:30", "02:14", &[]), ("02:45", "03:14", &[])],
        Shape::WholeDay => &[("00:00", "23:59", &[])],
    };
    let range = |(start, end, days): &(&str, &str, &[Weekday])| Range {
        start: start.parse().expect("a minute"),
        end: end.parse().expect("a minute"),
        weekdays: days.to_vec(),
    };
    let exception = |days, day| DateException { date: today + TimeDelta::days(days), day };
    let exceptions = match shape {
        Shape::Split => vec![exception(1, ExceptionDay::Closed), exception(2, ExceptionDay::Open)],
        _ => Vec::new(),
    };
    PeriodConfig {
        name: format!("Period {place}"),
        kind: PeriodKind::Call,
        complement_of: None,
        ranges: ranges.iter().map(range).collect(),
        exceptions,
    }
}

/// The minutes that a call period leaves over, as a do-not-call period; one minute at noon where it
/// leaves nothing, so that the two overlap.
fn left_over(call: &PeriodConfig) -> PeriodConfig {
    let minute = |at: u16| Minute::new(at).expect("a minute");
    let mut ranges = Vec::new();
    for weekday in WEEK {
        let covered = |at: u16| {
            call.ranges.iter().any(|range| {
                range.on(weekday) && range.start.of_day() <= at && at <= range.end.of_day()
            })
        };
        let mut from = None;
        for at in 0..1_440 {
            match (covered(at), from) {
                (false, None) => from = Some(at),
                (true, Some(start)) => {
                    ranges.push((start, at - 1, weekday));
                    from = None;
                }
                _ => {}
            }
        }
        ranges.extend(from.map(|start| (start, 1_439, weekday)));
    }
    if ranges.is_empty() {
        ranges.push((720, 720, Weekday::Mon));
    }
    let range = |(start, end, weekday)| Range {
        start: minute(start),
        end: minute(end),
        weekdays: vec![weekday],
    };
    PeriodConfig {
        name: "Period 2".into(),
        kind: PeriodKind::DoNotCall,
        complement_of: None,
        ranges: ranges.into_iter().map(range).collect(),
        exceptions: Vec::new(),
    }
}
