//! What a piece of a sentence says about a time.

use super::PartOfDay;

/// A day, seen from today.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Day {
    /// In so many days; 0 is today.
    In(u32),
    /// A day of the week, 0 is Monday.
    Weekday(u32, Week),
    /// Some day of the next week.
    NextWeek,
    /// A day of a month; of this or the next one where none was said.
    Date {
        /// 1 is January.
        month: Option<u32>,
        /// The day of the month.
        day: u32,
        /// It was said to be in the next month.
        next_month: bool,
    },
}

/// Which week a day of the week is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Week {
    /// The next such day.
    Coming,
    /// This week, if the day is not over.
    This,
    /// The week after this one.
    Next,
    /// The week after that.
    AfterNext,
}

/// A stretch of the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stretch {
    /// The hours after midnight. They only tell which hour is meant: nobody wants a call “early at night”.
    Early,
    /// A part that a call may come in.
    Part(PartOfDay),
}

/// A time of the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Clock {
    /// An hour and a minute.
    At {
        /// As it was said.
        hour: u32,
        /// As it was said.
        minute: u32,
        /// Which half of the day.
        half: Half,
    },
    /// The time it is now.
    SameTime,
}

/// Which half of the day an hour is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Half {
    /// Not said.
    Open,
    /// Before noon.
    Am,
    /// After noon.
    Pm,
    /// The hour counts from 0 to 24.
    Whole,
}

/// What one piece says, or all of them together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Said {
    /// In so many minutes.
    pub(super) after_minutes: Option<u32>,
    pub(super) day: Option<Day>,
    pub(super) stretch: Option<Stretch>,
    pub(super) clock: Option<Clock>,
    pub(super) year: Option<Year>,
    /// It is further away than a callback may be.
    pub(super) too_far: bool,
}

/// The year of a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Year {
    /// By its number.
    Number(u32),
    /// The one after this.
    Next,
}

impl Said {
    /// Something that sounds like a time and is none that is wished for: “good morning”, “last Monday”.
    pub(super) const NOTHING: Self = Self {
        after_minutes: None,
        day: None,
        stretch: None,
        clock: None,
        year: None,
        too_far: false,
    };

    /// Further away than a callback may be.
    pub(super) const TOO_FAR: Self = Self { too_far: true, ..Self::NOTHING };

    /// In so many minutes.
    pub(super) fn after(minutes: u32) -> Self {
        Self { after_minutes: Some(minutes), ..Self::NOTHING }
    }

    /// A day.
    pub(super) fn day(day: Day) -> Self {
        Self { day: Some(day), ..Self::NOTHING }
    }

    /// A part of the day.
    pub(super) fn part(part: PartOfDay) -> Self {
        Self { stretch: Some(Stretch::Part(part)), ..Self::NOTHING }
    }

    /// A part of today.
    pub(super) fn today(part: PartOfDay) -> Self {
        Self { day: Some(Day::In(0)), ..Self::part(part) }
    }

    /// A time of the day, if there is such a one.
    pub(super) fn clock(hour: u32, minute: u32, half: Half) -> Option<Self> {
        let hours = match half {
            Half::Am | Half::Pm => 1..=12,
            Half::Open | Half::Whole => 0..=24,
        };
        let real = hours.contains(&hour) && minute < 60 && (hour < 24 || minute == 0);
        let clock = Clock::At { hour, minute, half };
        real.then_some(Self { clock: Some(clock), ..Self::NOTHING })
    }

    /// A date, if a month may have such a day.
    pub(super) fn date(month: Option<u32>, day: u32) -> Option<Self> {
        let real = (1..=31).contains(&day) && month.is_none_or(|month| (1..=12).contains(&month));
        real.then_some(Self::day(Day::Date { month, day, next_month: false }))
    }

    /// This, and what it leaves open by what was said elsewhere.
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            after_minutes: self.after_minutes.or(other.after_minutes),
            day: joined_days(self.day, other.day),
            stretch: self.stretch.or(other.stretch),
            clock: self.clock.or(other.clock),
            year: self.year.or(other.year),
            too_far: self.too_far || other.too_far,
        }
    }
}

/// The first day, made more exact by the second: “next week” and “Monday” are one day, and so are “next month” and
/// “the 5th”.
fn joined_days(first: Option<Day>, second: Option<Day>) -> Option<Day> {
    match (first, second) {
        (Some(Day::NextWeek), Some(Day::Weekday(day, _)))
        | (Some(Day::Weekday(day, Week::Coming)), Some(Day::NextWeek)) => {
            Some(Day::Weekday(day, Week::Next))
        }
        _ => first.or(second),
    }
}
