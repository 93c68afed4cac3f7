//! A named time condition: ranges of minutes, weekdays, dates that differ.

use std::fmt;
use std::str::FromStr;

use chrono::{Datelike, NaiveDate, Weekday};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::fault::{Fault, Verdict, count, name, verdict};

pub const MINUTES_A_DAY: u16 = 1_440;
/// Ranges of one period, at most.
pub const RANGES_MAX: usize = 100;
/// Dates that differ from their weekday, at most.
pub const EXCEPTIONS_MAX: usize = 1_000;

/// What a period is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PeriodKind {
    /// Calls may be made in it.
    Call,
    /// No calls may be made in it.
    DoNotCall,
}

/// A named time condition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PeriodConfig {
    /// Unique in the enterprise, 1–64 characters.
    pub name: String,
    pub kind: PeriodKind,
    /// 1–100 ranges.
    pub ranges: Vec<Range>,
    /// Dates that differ from their weekday, at most 1,000.
    #[serde(default)]
    pub exceptions: Vec<DateException>,
}

/// Minutes of a day, both ends included: `09:00`–`18:00` covers 09:00:00 to 18:00:59.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Range {
    pub start: Minute,
    /// Not before the start: a range never runs past midnight.
    pub end: Minute,
    /// Days that the range holds on; empty: every day.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub weekdays: Vec<Weekday>,
}

/// A date that differs from its weekday. It says whether calls may be made, whatever the period's kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DateException {
    pub date: NaiveDate,
    pub day: ExceptionDay,
}

/// What a date is instead of its weekday.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExceptionDay {
    /// A holiday: no calls all day.
    Closed,
    /// A make-up workday: calls may be made in each minute in which they may be on some weekday. So
    /// all ranges of a call period hold, and of a do-not-call period what holds on every weekday.
    Open,
}

/// What a period says of one date.
#[derive(Debug, Clone, Copy)]
pub struct DayRule<'a> {
    period: &'a PeriodConfig,
    day: DayKind,
}

#[derive(Debug, Clone, Copy)]
enum DayKind {
    Weekday(Weekday),
    Exception(ExceptionDay),
}

impl DayRule<'_> {
    /// Whether the period holds in a minute of the date.
    pub fn holds(&self, minute: u16) -> bool {
        match (self.day, self.period.kind) {
            (DayKind::Weekday(weekday), _) => self.period.covers(weekday, minute),
            (DayKind::Exception(ExceptionDay::Closed), PeriodKind::Call) => false,
            (DayKind::Exception(ExceptionDay::Closed), PeriodKind::DoNotCall) => true,
            (DayKind::Exception(ExceptionDay::Open), PeriodKind::Call) => {
                self.period.ranges.iter().any(|range| range.contains(minute))
            }
            (DayKind::Exception(ExceptionDay::Open), PeriodKind::DoNotCall) => {
                WEEK.into_iter().all(|weekday| self.period.covers(weekday, minute))
            }
        }
    }
}

/// The weekdays, from Monday.
pub const WEEK: [Weekday; 7] = [
    Weekday::Mon,
    Weekday::Tue,
    Weekday::Wed,
    Weekday::Thu,
    Weekday::Fri,
    Weekday::Sat,
    Weekday::Sun,
];

impl Range {
    /// Whether the range holds on a weekday.
    pub fn on(&self, weekday: Weekday) -> bool {
        self.weekdays.is_empty() || self.weekdays.contains(&weekday)
    }

    fn contains(&self, minute: u16) -> bool {
        (self.start.of_day()..=self.end.of_day()).contains(&minute)
    }
}

impl PeriodConfig {
    /// What the period says of a date.
    pub fn day(&self, date: NaiveDate) -> DayRule<'_> {
        let exception = self.exceptions.iter().find(|exception| exception.date == date);
        let day = match exception {
            Some(exception) => DayKind::Exception(exception.day),
            None => DayKind::Weekday(date.weekday()),
        };
        DayRule { period: self, day }
    }

    fn covers(&self, weekday: Weekday, minute: u16) -> bool {
        self.ranges.iter().any(|range| range.on(weekday) && range.contains(minute))
    }

    /// The name, 1–100 ranges of which none runs past midnight, no date twice.
    pub fn check(&self) -> Verdict {
        let mut faults: Vec<Fault> = [
            name("/name", &self.name, 1, 64),
            count("/ranges", self.ranges.len(), 1, RANGES_MAX),
            count("/exceptions", self.exceptions.len(), 0, EXCEPTIONS_MAX),
        ]
        .into_iter()
        .flatten()
        .collect();
        for (place, range) in self.ranges.iter().take(RANGES_MAX).enumerate() {
            if range.end < range.start {
                faults.push(Fault::new(
                    format!("/ranges/{place}/end"),
                    "past_midnight",
                    format!(
                        "{} is before the start, {}; for a range past midnight use two: up to 23:59, \
                         and from 00:00",
                        range.end, range.start
                    ),
                ));
            }
            faults.extend(count(&format!("/ranges/{place}/weekdays"), range.weekdays.len(), 0, 7));
        }
        let dates = || self.exceptions.iter().take(EXCEPTIONS_MAX).map(|exception| exception.date);
        let mut seen = std::collections::BTreeSet::new();
        faults.extend(dates().enumerate().filter(|(_, date)| !seen.insert(*date)).map(
            |(place, date)| {
                let detail = format!("{date} is there twice; a date has one exception");
                Fault::new(format!("/exceptions/{place}/date"), "repeated", detail)
            },
        ));
        verdict(faults)
    }
}

/// A minute of a day, written `HH:MM`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Minute(u16);

impl Minute {
    /// The minute after `minutes` of midnight; `None` past 23:59.
    pub const fn new(minutes: u16) -> Option<Self> {
        if minutes < MINUTES_A_DAY { Some(Self(minutes)) } else { None }
    }

    /// Minutes since midnight.
    pub const fn of_day(self) -> u16 {
        self.0
    }
}

impl fmt::Display for Minute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

/// The text is not a minute of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a minute of a day; write it as HH:MM, from 00:00 to 23:59")]
pub struct NotAMinute;

impl FromStr for Minute {
    type Err = NotAMinute;

    fn from_str(text: &str) -> Result<Self, NotAMinute> {
        let digits = |part: &str| {
            (part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit()))
                .then(|| part.parse::<u16>().ok())
                .flatten()
        };
        let (hour, minute) = text.split_once(':').ok_or(NotAMinute)?;
        match (digits(hour), digits(minute)) {
            (Some(hour @ 0..=23), Some(minute @ 0..=59)) => Ok(Self(hour * 60 + minute)),
            _ => Err(NotAMinute),
        }
    }
}

impl Serialize for Minute {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Minute {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Minute {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Minute".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_read_back_and_nothing_else_is_one() {
        for text in ["00:00", "09:05", "23:59"] {
            assert_eq!(
                text.parse::<Minute>().map(|minute| minute.to_string()),
                Ok(text.to_owned())
            );
        }
        for text in ["24:00", "9:00", "09:60", "09-00", "09:00:00", "", "+9:00"] {
            assert_eq!(text.parse::<Minute>(), Err(NotAMinute), "{text}");
        }
    }

    #[test]
    fn the_api_documents_how_a_minute_is_written() {
        let schema = schemars::schema_for!(Minute);
        let pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$";
        assert_eq!(schema.get("type"), Some(&serde_json::json!("string")));
        assert_eq!(schema.get("pattern"), Some(&serde_json::json!(pattern)));
    }

    #[test]
    fn each_fault_of_a_period_is_named() {
        let period = |json: serde_json::Value| {
            let mut whole = serde_json::json!({
                "name": "Day", "kind": "call", "ranges": [{ "start": "09:00", "end": "18:00" }],
            });
            whole.as_object_mut().unwrap().extend(json.as_object().unwrap().clone());
            serde_json::from_value::<PeriodConfig>(whole).unwrap()
        };
        assert_eq!(period(serde_json::json!({})).check(), Ok(()));
        let minute = serde_json::json!([{ "start": "09:00", "end": "09:00" }]);
        assert_eq!(period(serde_json::json!({ "ranges": minute })).check(), Ok(()));
        let holiday = serde_json::json!({ "date": "2026-10-01", "day": "closed" });
        let range = serde_json::json!({ "start": "09:00", "end": "18:00" });
        for (json, pointer, code) in [
            (serde_json::json!({ "name": "" }), "/name", "required"),
            (serde_json::json!({ "ranges": [] }), "/ranges", "too_few"),
            (serde_json::json!({ "ranges": vec![range; 101] }), "/ranges", "too_many"),
            (
                serde_json::json!({ "ranges": [{ "start": "22:00", "end": "06:00" }] }),
                "/ranges/0/end",
                "past_midnight",
            ),
            (
                serde_json::json!({ "exceptions": [holiday, holiday] }),
                "/exceptions/1/date",
                "repeated",
            ),
        ] {
            let faults = period(json).check().unwrap_err();
            let found: Vec<_> = faults.iter().map(|f| (&*f.pointer, &*f.code)).collect();
            assert_eq!(found, [(pointer, code)]);
        }
    }
}
