//! A named time condition: ranges of minutes, weekdays, dates that differ.

use std::fmt;
use std::str::FromStr;

use chrono::{NaiveDate, Weekday};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub const MINUTES_A_DAY: u16 = 1_440;

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
    /// A make-up workday: all ranges of the period hold, whatever their weekdays.
    Open,
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
