//! A named time condition: ranges of minutes, weekdays, dates that differ.

use chrono::{Datelike, NaiveDate, Weekday};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::fault::{Fault, NAME_PATTERN, Verdict, count, name, verdict};
use crate::ids::PeriodId;

mod complement;
mod minute;

pub use complement::{LinkFault, links};
pub use minute::{Minute, NotAMinute};

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
    #[schemars(length(min = 1, max = 64), regex(pattern = NAME_PATTERN))]
    pub name: String,
    pub kind: PeriodKind,
    /// Everything outside of another period, which is of the other kind and has ranges of its own. Ranges and
    /// dates of this one are then derived, and follow each edit of the other: write none.
    #[serde(default)]
    pub complement_of: Option<PeriodId>,
    /// 1–100 ranges; none are written beside `complement_of`.
    #[serde(default)]
    #[schemars(length(max = RANGES_MAX))]
    pub ranges: Vec<Range>,
    /// Dates that differ from their weekday, at most 1,000; none are written beside `complement_of`.
    #[serde(default)]
    #[schemars(length(max = EXCEPTIONS_MAX))]
    pub exceptions: Vec<DateException>,
}

/// Minutes of a day, both ends included: `09:00`–`18:00` covers 09:00:00 to 18:00:59.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "PeriodRange")]
pub struct Range {
    pub start: Minute,
    /// Not before the start: a range never runs past midnight.
    pub end: Minute,
    /// Days that the range holds on; empty: every day.
    #[serde(default)]
    #[schemars(with = "Vec<String>", length(max = 7), extend(
        "items" = { "type": "string", "enum": ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"] },
    ))]
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

    /// The name, 1–100 ranges of which none runs past midnight, no date twice. For a period as it was
    /// written: beside `complement_of` it has neither.
    pub fn check(&self) -> Verdict {
        let mut faults: Vec<Fault> =
            [name("/name", &self.name, 1, 64)].into_iter().flatten().collect();
        if self.complement_of.is_some() {
            faults.extend(self.check_derived());
            return verdict(faults);
        }
        faults.extend(count("/ranges", self.ranges.len(), 1, RANGES_MAX));
        faults.extend(count("/exceptions", self.exceptions.len(), 0, EXCEPTIONS_MAX));
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

#[cfg(test)]
mod tests;
