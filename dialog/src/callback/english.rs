//! English words for times: phrases, days of the week and dates.

mod clock;
mod duration;

use super::PartOfDay::{Afternoon, Evening, Morning, Noon};
use super::said::{Clock, Day, Half, Month, Said, Week, Year};
use super::tokens::{Number, Token, goes_on, goes_on_any};
pub(super) use clock::bare_hour;

const WEEKDAYS: [&str; 7] =
    ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
const SATURDAY: u32 = 5;
const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
/// What follows a day of the month that was said without its month.
const AFTER_DATE: &str = "at/in/after/around/about/please/would/is/works/then/thanks/if/or";

/// What the sentence says next about a time, and how many pieces long that is.
pub(super) fn piece(tokens: &[Token]) -> Option<(Said, usize)> {
    phrase(tokens)
        .or_else(|| weekday(tokens))
        .or_else(|| duration::from_now(tokens))
        .or_else(|| date(tokens))
        .or_else(|| clock::until(tokens))
        .or_else(|| clock::clock(tokens))
}

/// Phrases that mean one thing; the longest one counts.
fn phrase(tokens: &[Token]) -> Option<(Said, usize)> {
    let same_time = Said { clock: Some(Clock::SameTime), ..Said::NOTHING };
    let never = Said::day(Day::Never);
    let phrases: [(&str, Said); 22] = [
        ("good morning/good afternoon/good evening/good night/good day", Said::NOTHING),
        ("last night/last week/last month/last year/last weekend/yesterday", never),
        ("weekdays/every day/each day", never),
        ("by tomorrow/before tomorrow/by tonight", Said::NOTHING),
        ("the day after tomorrow/day after tomorrow", Said::day(Day::In(2))),
        ("tomorrow/tmr/tmrw", Said::day(Day::In(1))),
        ("today/later today", Said::day(Day::In(0))),
        ("tonight/this evening/later tonight", Said::part_in(0, Evening)),
        ("this morning/later this morning", Said::part_in(0, Morning)),
        ("this afternoon/later this afternoon", Said::part_in(0, Afternoon)),
        ("next week/the following week/the next week", Said::day(Day::InWeek(1))),
        ("the week after next/week after next", Said::day(Day::InWeek(2))),
        ("weekend/this weekend/the weekend", Said::day(Day::Weekday(SATURDAY, Week::Coming))),
        ("next weekend", Said::day(Day::Weekday(SATURDAY, Week::In(1)))),
        ("next month", Said::day(Day::NextMonth)),
        ("next year", Said { year: Some(Year::Next), ..Said::NOTHING }),
        ("same time/this time/the same time", same_time),
        ("midnight", Said::clock(24, 0, Half::Whole)?),
        (
            "morning/mornings/first thing/before noon/before midday/before lunch",
            Said::part(Morning),
        ),
        ("noon/midday/lunchtime/lunch time/lunch break/at lunch", Said::part(Noon)),
        ("afternoon/afternoons/after lunch", Said::part(Afternoon)),
        ("evening/evenings/night/nights/after work/after dinner", Said::part(Evening)),
    ];
    let found =
        phrases.iter().filter_map(|(words, said)| Some((*said, goes_on_any(tokens, words)?)));
    found.max_by_key(|(_, length)| *length)
}

/// “Friday”, “next Monday”, “this coming Friday”, “a week from Monday”; “last Friday” is no day for a call.
fn weekday(tokens: &[Token]) -> Option<(Said, usize)> {
    let on = |week| move |day| Said::day(Day::Weekday(day, week));
    let befores: [(&str, Week); 3] = [
        ("a week from/a week on/week from", Week::AfterComing),
        ("next", Week::In(1)),
        ("this coming/this/coming", Week::Coming),
    ];
    for (words, week) in befores {
        let named = goes_on_any(tokens, words)
            .and_then(|before| Some((before, named_weekday(tokens.get(before)?)?)));
        if let Some((before, day)) = named {
            return Some((on(week)(day), before + 1));
        }
    }
    if let Some(day) = named_weekday(tokens.first()?) {
        return Some((on(Week::Coming)(day), 1));
    }
    goes_on_any(tokens, "last/every/each")
        .filter(|_| tokens.get(1).and_then(named_weekday).is_some())?;
    Some((Said::day(Day::Never), 2))
}

fn named_weekday(token: &Token) -> Option<u32> {
    (0..7).zip(WEEKDAYS).find(|(_, name)| token.is(name)).map(|(day, _)| day)
}

fn named_month(token: &Token) -> Option<u32> {
    (1..).zip(MONTHS).find(|(_, name)| token.is(name)).map(|(month, _)| month)
}

fn number(tokens: &[Token], at: usize) -> Option<Number> {
    match tokens.get(at) {
        Some(Token::Number(number)) if number.tenths == 0 => Some(*number),
        _ => None,
    }
}

/// “March 5th”, “the 5th of March”, “5 March 2027”, “on the 5th”, “2026-12-05”.
fn date(tokens: &[Token]) -> Option<(Said, usize)> {
    let (said, length) = of_computers(tokens)
        .or_else(|| month_and_day(tokens))
        .or_else(|| day_and_month(tokens))
        .or_else(|| day_alone(tokens))?;
    let comma = usize::from(tokens.get(length) == Some(&Token::Break));
    let year =
        number(tokens, length + comma).filter(|year| is_year(year.value) && said.year.is_none());
    match year {
        Some(year) => {
            let year = Some(Year::Number(year.value));
            Some((Said { year, ..said }, length + comma + 1))
        }
        None => Some((said, length)),
    }
}

fn is_year(number: u32) -> bool {
    (1_900..=2_999).contains(&number)
}

fn of_computers(tokens: &[Token]) -> Option<(Said, usize)> {
    let dashes = tokens.get(1) == Some(&Token::Dash) && tokens.get(3) == Some(&Token::Dash);
    let year = number(tokens, 0).filter(|year| dashes && is_year(year.value))?;
    let month = Month::Number(number(tokens, 2)?.value);
    let said = Said::date(month, number(tokens, 4)?.value)?;
    Some((Said { year: Some(Year::Number(year.value)), ..said }, 5))
}

fn month_and_day(tokens: &[Token]) -> Option<(Said, usize)> {
    let month = Month::Number(named_month(tokens.first()?)?);
    let at = 1 + goes_on(&tokens[1..], "the").unwrap_or(0);
    Some((Said::date(month, number(tokens, at)?.value)?, at + 1))
}

fn day_and_month(tokens: &[Token]) -> Option<(Said, usize)> {
    let at = goes_on_any(tokens, "on the/on/the").unwrap_or(0);
    let day = number(tokens, at)?.value;
    if let Some(length) = goes_on_any(&tokens[at + 1..], "of next month/next month") {
        return Some((Said::date(Month::Next, day)?, at + 1 + length));
    }
    let of = goes_on(&tokens[at + 1..], "of").unwrap_or(0);
    let month = Month::Number(named_month(tokens.get(at + 1 + of)?)?);
    Some((Said::date(month, day)?, at + 2 + of))
}

/// “On the 5th”. “The second time”, “5 people” and “my third call” are no days.
fn day_alone(tokens: &[Token]) -> Option<(Said, usize)> {
    let at = goes_on_any(tokens, "on the/the")?;
    let day = number(tokens, at).filter(|day| day.ordinal)?;
    let rest = &tokens[at + 1..];
    let ends = matches!(rest.first(), None | Some(Token::Break))
        || goes_on_any(rest, AFTER_DATE).is_some();
    let whole = ends || number(rest, 0).is_some() || matches!(rest.first(), Some(Token::Clock(..)));
    Some((Said::date(Month::Coming, day.value).filter(|_| whole)?, at + 1))
}

/// Whether a day follows: “three tomorrow”, “five on Friday”.
fn day_follows(tokens: &[Token]) -> bool {
    let on = goes_on(tokens, "on").unwrap_or(0);
    let day = phrase(&tokens[on..]).or_else(|| weekday(&tokens[on..]));
    day.is_some_and(|(said, _)| said.day.is_some())
}
