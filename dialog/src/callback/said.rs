//! What a piece of a sentence says about a time.

use super::PartOfDay;

/// A day, seen from today.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Day {
    /// In so many days; 0 is today.
    In(u32),
    /// A day of the week, 0 is Monday.
    Weekday(u32, Week),
    /// The week in so many weeks; 1 is the next.
    InWeek(u32),
    /// No day that a call can come on: “yesterday”, “every Friday”.
    Never,
    /// The next month, no day of it.
    NextMonth,
    /// A day of a month.
    Date(Month, u32),
}

/// Which week a day of the week is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Week {
    /// The next such day.
    Coming,
    /// A week after the next such day.
    AfterComing,
    /// The week in so many weeks; 1 is the next.
    In(u32),
}

/// Which month a date is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Month {
    /// Not said: the first one in which the date is still to come.
    Coming,
    /// The one after this.
    Next,
    /// By its number, 1 is January.
    Number(u32),
}

/// A stretch of the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stretch {
    /// The hours after midnight. They only tell which hour is meant: nobody is called “at night” for want of an hour.
    Early,
    /// A part that a call may come in.
    Part(PartOfDay),
}

/// A time of the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Clock {
    /// An hour and a minute, as they were said.
    At {
        /// Up to 24, or up to 12 in a half of the day.
        hour: u32,
        minute: u32,
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

/// The year of a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Year {
    /// By its number.
    Number(u32),
    /// The one after this.
    Next,
}

/// What a clock time is in the sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Bound {
    /// A call may come from then on.
    #[default]
    From,
    /// Something is over by then: “before five”.
    Until,
}

/// What one piece says, or several together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Said {
    /// In so many minutes.
    pub(super) after_minutes: Option<u32>,
    pub(super) day: Option<Day>,
    pub(super) year: Option<Year>,
    pub(super) stretch: Option<Stretch>,
    pub(super) clock: Option<Clock>,
    /// What the clock time bounds.
    pub(super) bound: Bound,
}

impl Said {
    /// Something that sounds like a time and is none that is wished for: “good morning”, “before five”.
    pub(super) const NOTHING: Self = Self {
        after_minutes: None,
        day: None,
        year: None,
        stretch: None,
        clock: None,
        bound: Bound::From,
    };

    /// Further away than any callback.
    pub(super) const TOO_FAR: Self = Self { after_minutes: Some(u32::MAX), ..Self::NOTHING };

    /// In so many minutes.
    pub(super) const fn after(minutes: u32) -> Self {
        Self { after_minutes: Some(minutes), ..Self::NOTHING }
    }

    /// A day.
    pub(super) const fn day(day: Day) -> Self {
        Self { day: Some(day), ..Self::NOTHING }
    }

    /// A part of the day.
    pub(super) const fn part(part: PartOfDay) -> Self {
        Self { stretch: Some(Stretch::Part(part)), ..Self::NOTHING }
    }

    /// A part of a day, in so many days.
    pub(super) const fn part_in(days: u32, part: PartOfDay) -> Self {
        Self { day: Some(Day::In(days)), ..Self::part(part) }
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
    pub(super) fn date(month: Month, day: u32) -> Option<Self> {
        let month_real = match month {
            Month::Number(number) => (1..=12).contains(&number),
            Month::Coming | Month::Next => true,
        };
        let real = month_real && (1..=31).contains(&day);
        real.then_some(Self::day(Day::Date(month, day)))
    }

    /// Whether it tells any time.
    pub(super) fn is_time(&self) -> bool {
        self.points() > 0
    }

    /// How much it tells of a time: a day is a point, and so is a time of the day.
    pub(super) fn points(&self) -> u32 {
        let time = self.clock.is_some() || self.stretch.is_some();
        let exact = self.after_minutes.is_some() || (time && self.day.is_some());
        u32::from(exact || time || self.day.is_some() || self.year.is_some()) + u32::from(exact)
    }

    /// Both as one, unless they speak of two times.
    pub(super) fn joined(&self, other: &Self) -> Option<Self> {
        let apart = self.after_minutes.is_some() || other.after_minutes.is_some();
        if apart || (self.clock.is_some() && other.clock.is_some()) {
            return None;
        }
        let stretch = match (self.stretch, other.stretch) {
            (Some(one), Some(two)) if one != two => return None,
            (one, two) => one.or(two),
        };
        let day = match (self.day, other.day) {
            (Some(one), Some(two)) => Some(joined_days(one, two)?),
            (one, two) => one.or(two),
        };
        Some(Self {
            after_minutes: None,
            day,
            year: self.year.or(other.year),
            stretch,
            clock: self.clock.or(other.clock),
            bound: Bound::From,
        })
    }

    /// This, and what it leaves open by what it corrects: “tomorrow at three, no, at four”.
    pub(super) fn correcting(self, earlier: &Self) -> Self {
        if self.after_minutes.is_some() || earlier.after_minutes.is_some() {
            return self;
        }
        let timed = self.clock.is_some() || self.stretch.is_some();
        let days = if self.day.is_some() { &self } else { earlier };
        let times = if timed { &self } else { earlier };
        Self { day: days.day, year: days.year, stretch: times.stretch, clock: times.clock, ..self }
    }
}

/// One day that was said in two ways: “next week” and “Monday”, “next month” and “the 5th”, “Friday” and “the 5th”.
fn joined_days(one: Day, two: Day) -> Option<Day> {
    match (one, two) {
        _ if one == two => Some(one),
        (Day::InWeek(weeks), Day::Weekday(day, Week::Coming))
        | (Day::Weekday(day, Week::Coming), Day::InWeek(weeks)) => {
            Some(Day::Weekday(day, Week::In(weeks)))
        }
        (Day::NextMonth, Day::Date(Month::Coming, day))
        | (Day::Date(Month::Coming, day), Day::NextMonth) => Some(Day::Date(Month::Next, day)),
        (Day::Weekday(..), date @ Day::Date(..)) | (date @ Day::Date(..), Day::Weekday(..)) => {
            Some(date)
        }
        _ => None,
    }
}
