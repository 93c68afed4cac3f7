//! What was said, on a calendar.

use chrono::{Datelike, Days, Months, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};

use super::said::{Clock, Day, Half, Month, Said, Stretch, Week, Year};
use super::{DAY_HOUR, LATER_MINUTES, PartOfDay, WAKING_FROM_HOUR, WAKING_TO_HOUR, Wish};
use crate::navigation::CALLBACK_MINUTES_MAX;

const MINUTES_OF_DAY: u32 = 24 * 60;
/// How many days after today a callback may be.
const DAYS_MAX: u32 = CALLBACK_MINUTES_MAX / MINUTES_OF_DAY;
/// Months that are looked through for a day that was said without its month: the 31st is in every second one.
const MONTHS_AHEAD_MAX: u32 = 2;
/// Hours before this one belong to the night of the day before, if night was said.
const NIGHT_END_HOUR: u32 = 5;

/// The first time that was meant and is later than now.
pub(super) fn resolved(said: &Said, now: NaiveDateTime) -> Option<Wish> {
    if let Some(minutes) = said.after_minutes {
        let wanted = (1..=CALLBACK_MINUTES_MAX).contains(&minutes);
        let earliest = now.checked_add_signed(TimeDelta::minutes(minutes.into()))?;
        return wanted.then_some(Wish { earliest, part: None });
    }
    let part = match (said.clock, said.stretch) {
        (None, Some(Stretch::Part(part))) => Some(part),
        (None, Some(Stretch::Early)) => return None,
        (None, None) if said.day.is_none() => return None,
        _ => None,
    };
    let times = |date: NaiveDate| {
        let of_day = times_of_day(said, part, now).into_iter().filter_map(move |since_midnight| {
            date.and_time(NaiveTime::MIN).checked_add_signed(since_midnight)
        });
        let later = later_today(said, part, now).filter(|_| date == now.date());
        of_day.chain(later).filter(|time| *time > now).collect::<Vec<_>>()
    };
    let earliest = days(said, now.date())?.into_iter().flat_map(times).next()?;
    let last = now.date().checked_add_days(Days::new(DAYS_MAX.into()))?;
    (earliest.date() <= last).then_some(Wish { earliest, part })
}

/// The times of a day that may be meant, as what has passed since midnight; the likeliest first.
fn times_of_day(said: &Said, part: Option<PartOfDay>, now: NaiveDateTime) -> Vec<TimeDelta> {
    let minutes = match said.clock {
        Some(Clock::SameTime) => return vec![now.time() - NaiveTime::MIN],
        Some(Clock::At { hour, minute, half }) => {
            let hours = match (half, said.stretch) {
                (Half::Am, _) => vec![hour % 12],
                (Half::Pm, _) => vec![hour % 12 + 12],
                (_, Some(stretch)) if (1..=12).contains(&hour) => vec![hour_in(stretch, hour)],
                (Half::Open, None) if (1..=12).contains(&hour) => open_hours(said, hour, minute),
                _ => vec![hour],
            };
            let night = said.stretch == Some(Stretch::Part(PartOfDay::Evening));
            let late = |hour| if night && hour < NIGHT_END_HOUR { hour + 24 } else { hour };
            hours.into_iter().map(|hour| late(hour) * 60 + minute).collect()
        }
        None => vec![part.map_or(DAY_HOUR, PartOfDay::hour) * 60],
    };
    minutes.into_iter().map(|minutes| TimeDelta::minutes(minutes.into())).collect()
}

/// The hour from 0 to 24 that is meant in a stretch of the day.
fn hour_in(stretch: Stretch, hour: u32) -> u32 {
    match stretch {
        Stretch::Early => hour % 12,
        Stretch::Part(PartOfDay::Morning) => hour,
        Stretch::Part(PartOfDay::Noon) if hour >= 10 => hour,
        Stretch::Part(PartOfDay::Evening) if hour == 12 => 24,
        Stretch::Part(PartOfDay::Evening) if hour < NIGHT_END_HOUR => hour,
        Stretch::Part(_) => hour % 12 + 12,
    }
}

/// The hours from 0 to 24 that an hour without a half of the day may be.
fn open_hours(said: &Said, hour: u32, minute: u32) -> Vec<u32> {
    let waking = WAKING_FROM_HOUR * 60..=WAKING_TO_HOUR * 60;
    let (early, late) = (hour % 12, hour % 12 + 12);
    let mut hours = vec![early, late];
    hours.retain(|hour| waking.contains(&(hour * 60 + minute)));
    if said.day == Some(Day::In(0)) {
        hours.push(late);
    }
    hours
}

/// A while from now, if today or this part of it was said without an hour and is not over by then.
fn later_today(said: &Said, part: Option<PartOfDay>, now: NaiveDateTime) -> Option<NaiveDateTime> {
    let begun = said.clock.is_none() && said.day.is_some() && !is_bare_weekday(said);
    let end = part.map_or(WAKING_TO_HOUR, PartOfDay::end_hour);
    let end = now.date().and_hms_opt(end, 0, 0)?;
    let later = now.checked_add_signed(TimeDelta::minutes(LATER_MINUTES.into()))?;
    (begun && later <= end).then_some(later)
}

fn is_bare_weekday(said: &Said) -> bool {
    let weekday = matches!(said.day, Some(Day::Weekday(_, Week::Coming)));
    weekday && said.clock.is_none() && said.stretch.is_none()
}

/// The days that may be meant, in the order in which they are tried.
fn days(said: &Said, today: NaiveDate) -> Option<Vec<NaiveDate>> {
    let in_days = |days: u32| today.checked_add_days(Days::new(days.into()));
    let monday_in =
        |weeks: u32| in_days(weeks * 7)?.checked_sub_days(Days::new(weekday(today).into()));
    if said.year.is_some() && !matches!(said.day, Some(Day::Date(Month::Number(_), _))) {
        return None;
    }
    let days = match said.day {
        None | Some(Day::In(0)) => vec![Some(today), in_days(1)],
        Some(Day::In(days)) => vec![in_days(days)],
        Some(Day::Never) => Vec::new(),
        Some(Day::InWeek(weeks)) if said.clock == Some(Clock::SameTime) => vec![in_days(weeks * 7)],
        Some(Day::InWeek(weeks)) => vec![monday_in(weeks)],
        Some(Day::Weekday(day, Week::In(weeks))) => {
            vec![monday_in(weeks)?.checked_add_days(Days::new(day.into()))]
        }
        Some(Day::Weekday(day, week)) => {
            let ahead = (day + 7 - weekday(today)) % 7;
            let ahead = if ahead == 0 && is_bare_weekday(said) { 7 } else { ahead };
            let first = ahead + if week == Week::AfterComing { 7 } else { 0 };
            vec![in_days(first), in_days(first + 7)]
        }
        Some(Day::NextMonth) => vec![date_of_month(today, 1, 1)],
        Some(Day::Date(Month::Next, day)) => vec![date_of_month(today, 1, day)],
        Some(Day::Date(Month::Coming, day)) => {
            (0..=MONTHS_AHEAD_MAX).map(|months| date_of_month(today, months, day)).collect()
        }
        Some(Day::Date(Month::Number(month), day)) => {
            let years = match said.year {
                Some(Year::Number(year)) => vec![i32::try_from(year).ok()?],
                Some(Year::Next) => vec![today.year().checked_add(1)?],
                None => vec![today.year(), today.year().checked_add(1)?],
            };
            years.into_iter().map(|year| NaiveDate::from_ymd_opt(year, month, day)).collect()
        }
    };
    Some(days.into_iter().flatten().collect())
}

fn weekday(date: NaiveDate) -> u32 {
    date.weekday().num_days_from_monday()
}

/// A day of the month in so many months, if that month has it.
fn date_of_month(today: NaiveDate, months: u32, day: u32) -> Option<NaiveDate> {
    today.with_day(1)?.checked_add_months(Months::new(months))?.with_day(day)
}
