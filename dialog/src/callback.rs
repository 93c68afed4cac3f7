//! When somebody wants to be called back, from the words they said: “tomorrow at three”, “半小时后”.
//!
//! [`wish`] reads English and Chinese, in digits and in words, and ignores what stands around the time. It knows
//! nothing of zones and of the hours in which calls may be made: it is given the wall clock of whom it calls, and
//! gives a time of that clock back, which the caller moves into its windows. The rules:
//!
//! - An hour without “am” or “pm” is the next such hour in waking time, [`WAKING_FROM_HOUR`] to
//!   [`WAKING_TO_HOUR`]: “at three” is 15:00, “at nine” 09:00. An hour that was said of today, and is past by then,
//!   is the one in the evening: “today at nine” at noon is 21:00.
//! - A part of the day begins at its hour ([`PartOfDay::hour`]), and decides what half of the day an hour is in. A day
//!   without a time begins at [`DAY_HOUR`]. Where that is past, but the day or part was named and is not over, it is
//!   [`LATER_MINUTES`] from now.
//! - Past times roll on: to the next day, the next week for a weekday, the next month or year for a date.
//! - A weekday is the next one to come; today counts if a time was said that is still to come. “Next Monday” is in
//!   the week after this one, and weeks begin on Mondays.
//! - Of two times, the one for calling counts, then the more exact, then the first; “no, at four” corrects it. A time
//!   that is denied does not count: “not tomorrow”, “明天没空”.
//! - Nothing is further away than 30 days ([`CALLBACK_MINUTES_MAX`]).
//!
//! What it does not understand is `None`, never a guess.

mod calendar;
mod chinese;
mod denial;
mod english;
mod said;
mod sentence;
#[cfg(test)]
mod tests;
mod tokens;

use chrono::NaiveDateTime;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[cfg(doc)]
use crate::navigation::CALLBACK_MINUTES_MAX;

/// Where waking time begins, for hours that were said without a half of the day.
pub const WAKING_FROM_HOUR: u32 = 8;
/// Where waking time ends; this hour itself belongs to it.
pub const WAKING_TO_HOUR: u32 = 20;
/// When a day begins for which no time was said.
pub const DAY_HOUR: u32 = 10;
/// How long from now a day or part is taken up that has begun already, in minutes.
pub const LATER_MINUTES: u32 = 60;

/// A part of the day.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum PartOfDay {
    /// From 09:00.
    Morning,
    /// From 12:00.
    Noon,
    /// From 14:00.
    Afternoon,
    /// From 18:00.
    Evening,
}

impl PartOfDay {
    /// The hour at which a callback may begin in it.
    #[must_use]
    pub const fn hour(self) -> u32 {
        match self {
            Self::Morning => 9,
            Self::Noon => 12,
            Self::Afternoon => 14,
            Self::Evening => 18,
        }
    }

    /// The hour at which it is over.
    #[must_use]
    pub const fn end_hour(self) -> u32 {
        match self {
            Self::Morning => 12,
            Self::Noon => 14,
            Self::Afternoon => 18,
            Self::Evening => 22,
        }
    }
}

/// When to call back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wish {
    /// Not before this time, on the wall clock of whom to call.
    pub earliest: NaiveDateTime,
    /// The part of the day, if no more than that was said.
    pub part: Option<PartOfDay>,
}

/// When these words ask for a call, if they do; `local_now` is the wall clock of who says them.
#[must_use]
pub fn wish(words: &str, local_now: NaiveDateTime) -> Option<Wish> {
    calendar::resolved(&sentence::said(words)?, local_now)
}
