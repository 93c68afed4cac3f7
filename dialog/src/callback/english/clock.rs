//! English words for a time of the day: “at three”, “after 5 pm”, “half past ten”, “from 3 to 5”.

use super::super::PartOfDay::{Afternoon, Evening, Morning};
use super::super::said::{Bound, Half, Said, Stretch};
use super::super::tokens::{Token, goes_on, goes_on_any};
use super::day_follows;

/// Words before an hour that make a bare number one.
const LEADS: &str = "at/after/around/about/past/until/till/til/say/like/round/at about/at around/at like/at maybe/\
    at exactly/not until/not till/not before/no earlier than/not earlier than/make it/from/between";
/// Those of them that begin a range: “from ten to four” is no “ten to four”.
const RANGE_LEADS: &str = "from/between";
/// What makes a number before it no hour.
const COUNTED: &str = "percent/dollars/euros/pounds/hundred/thousand/times/people/person/minutes/minute/hours/\
    hour/days/day/weeks/week/month/months/year/years/kids/children/of/more/second/seconds/things/th";

/// Whether a word was said that makes a bare number an hour.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lead {
    No,
    Said,
    Range,
}

/// How clearly digits or words are a time.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Clear {
    /// A number that may be anything.
    Bare,
    /// A time, of either half of the day.
    Clock,
    /// A time of the whole day.
    Whole,
}

/// An hour as it was said.
#[derive(Clone, Copy)]
struct Hour {
    hour: u32,
    minute: u32,
    clear: Clear,
    half: Half,
    stretch: Option<Stretch>,
    length: usize,
}

/// “Before five”, “by 3 pm”: the latest time, not the earliest.
pub(super) fn until(tokens: &[Token]) -> Option<(Said, usize)> {
    let lead = goes_on_any(tokens, "before/by/no later than/not after/not later than")?;
    let (said, length) = time(&tokens[lead..], Lead::Said)?;
    Some((Said { bound: Bound::Until, ..said }, lead + length))
}

/// “At three”, “after 5 pm”, “half past ten”, “15:30”.
pub(super) fn clock(tokens: &[Token]) -> Option<(Said, usize)> {
    let start = goes_on_any(tokens, LEADS).unwrap_or(0);
    let lead = match start {
        0 => Lead::No,
        _ if goes_on_any(tokens, RANGE_LEADS).is_some() => Lead::Range,
        _ => Lead::Said,
    };
    let (said, length) = time(&tokens[start..], lead)?;
    Some((said, start + length))
}

/// A bare number after a day is an hour where nothing else can follow: “tomorrow three”.
pub(in super::super) fn bare_hour(tokens: &[Token]) -> Option<(Said, usize)> {
    let hour = tokens.first()?.cardinal().filter(|hour| (1..=12).contains(hour))?;
    let rest = &tokens[1..];
    let ends = matches!(rest.first(), None | Some(Token::Break));
    let ends = ends || goes_on_any(rest, "please/in the/then/thanks/thank").is_some();
    Some((Said::clock(hour, 0, Half::Open).filter(|_| ends)?, 1))
}

/// A time of the day, without the words before it.
fn time(tokens: &[Token], lead: Lead) -> Option<(Said, usize)> {
    let mut from = hour(tokens, lead)?;
    let mut length = from.length;
    if let Some((to, to_length)) = range_end(&tokens[length..]) {
        length += to_length;
        if from.half == Half::Open && from.hour % 12 < to.hour % 12 {
            from.half = to.half;
        }
        from.stretch = from.stretch.or(to.stretch);
        from.clear = if to.clear == Clear::Bare && to.half == Half::Open {
            from.clear
        } else {
            Clear::Clock
        };
    }
    let rest = &tokens[length..];
    let other = goes_on_any(rest, "to/or").and_then(|lead| rest.get(lead..)).unwrap_or_default();
    if other.first().and_then(Token::cardinal).is_some()
        && goes_on_any(&other[1..], COUNTED).is_some()
    {
        // “From 5 to 10 people”.
        return None;
    }
    let clear = from.clear != Clear::Bare || from.half != Half::Open || from.stretch.is_some();
    if !clear && lead == Lead::No && !day_follows(rest) {
        return None;
    }
    let after_number = matches!(tokens[length - 1], Token::Number(_));
    let number_follows =
        matches!(rest.first(), Some(Token::Number(_) | Token::Clock(..) | Token::Dash));
    if after_number && (number_follows || goes_on_any(rest, COUNTED).is_some()) {
        return None;
    }
    let half = match from.half {
        Half::Open if from.clear == Clear::Whole => Half::Whole,
        half => half,
    };
    let said = Said::clock(from.hour, from.minute, half)?;
    Some((Said { stretch: from.stretch, ..said }, length))
}

/// An hour and what is said right after it: “pm”, “in the morning”.
fn hour(tokens: &[Token], lead: Lead) -> Option<Hour> {
    let mut hour = hour_and_minute(tokens, lead)?;
    let (half, length) = half_of_day(&tokens[hour.length..]);
    (hour.half, hour.length) = (half, hour.length + length);
    let parts = [
        ("in the morning", Morning),
        ("in the afternoon", Afternoon),
        ("in the evening/at night/of the evening", Evening),
    ];
    let rest = &tokens[hour.length..];
    let part = parts.iter().find_map(|(words, part)| Some((*part, goes_on_any(rest, words)?)));
    if let Some((part, length)) = part {
        (hour.stretch, hour.length) = (Some(Stretch::Part(part)), hour.length + length);
    }
    Some(hour)
}

/// “To five”, “or 4 pm”, “and six”: the end of a range, or another hour.
fn range_end(tokens: &[Token]) -> Option<(Hour, usize)> {
    let lead = match tokens.first()? {
        Token::Dash => 1,
        _ => goes_on_any(tokens, "to/and/or/till/until/til/or at")?,
    };
    let to = hour(&tokens[lead..], Lead::Range).filter(|to| to.hour <= 24 && to.minute < 60)?;
    let length = lead + to.length;
    let rest = &tokens[length..];
    let counts = goes_on_any(rest, COUNTED).is_some()
        || matches!(rest.first(), Some(Token::Number(_) | Token::Clock(..) | Token::Dash));
    (!counts).then_some((to, length))
}

fn hour_and_minute(tokens: &[Token], lead: Lead) -> Option<Hour> {
    let of = |hour, minute, length, clear| {
        Some(Hour { hour, minute, clear, half: Half::Open, stretch: None, length })
    };
    if let Some(Token::Clock(hour, minute)) = tokens.first() {
        let whole = hour.padded || hour.value == 0 || hour.value > 12;
        return of(hour.value, *minute, 1, if whole { Clear::Whole } else { Clear::Clock });
    }
    if let Some((minutes, length)) = minutes_around(tokens, lead) {
        let hour = tokens.get(length)?.cardinal().filter(|hour| (1..=12).contains(hour))?;
        let oclock = goes_on_any(&tokens[length + 1..], "oclock").unwrap_or(0);
        let clock = u32::try_from((i64::from(hour) * 60 + minutes).rem_euclid(12 * 60)).ok()?;
        let hour = if clock < 60 { 12 } else { clock / 60 };
        return of(hour, clock % 60, length + 1 + oclock, Clear::Clock);
    }
    let number = match tokens.first() {
        Some(Token::Number(number)) if !number.ordinal && number.tenths == 0 => *number,
        _ => return None,
    };
    if number.value > 24 {
        // “At 1530”, “at 930 pm”.
        let whole = number.padded || number.value >= 1_300;
        let clear = if whole { Clear::Whole } else { Clear::Bare };
        let four = number.value >= 100 && lead != Lead::No;
        return four.then(|| of(number.value / 100, number.value % 100, 1, clear)).flatten();
    }
    let whole = number.padded || number.value > 12 || number.value == 0;
    if let Some(length) = goes_on_any(&tokens[1..], "oclock/o clock") {
        return of(number.value, 0, 1 + length, if whole { Clear::Whole } else { Clear::Clock });
    }
    let oh = goes_on_any(&tokens[1..], "oh/o").unwrap_or(0);
    let minutes = if oh > 0 { 1..10 } else { 10..60 };
    match tokens.get(1 + oh).and_then(Token::cardinal).filter(|minute| minutes.contains(minute)) {
        Some(minute) => {
            of(number.value, minute, 2 + oh, if whole { Clear::Whole } else { Clear::Clock })
        }
        None if whole && lead != Lead::No => of(number.value, 0, 1, Clear::Whole),
        None => of(number.value, 0, 1, Clear::Bare),
    }
}

/// “Half past”, “quarter to”, “ten minutes after”: the minutes that are added to the hour that follows.
fn minutes_around(tokens: &[Token], lead: Lead) -> Option<(i64, usize)> {
    if let Some(length) = goes_on_any(tokens, "half past/a half past") {
        return Some((30, length));
    }
    if let Some(length) = goes_on(tokens, "half").filter(|_| lead != Lead::No) {
        // British: “at half three”.
        return Some((30, length));
    }
    let (minutes, at, before) = if let Some(length) = goes_on_any(tokens, "quarter/a quarter") {
        (15, length, "to/of/before/till")
    } else {
        let minutes = tokens.first()?.cardinal().filter(|minutes| *minutes < 60)?;
        let named = goes_on_any(&tokens[1..], "minutes/minute").unwrap_or(0);
        // “From five to ten” and “two to three” are ranges.
        let range = named == 0 && (lead == Lead::Range || !minutes.is_multiple_of(5));
        (i64::from(minutes), 1 + named, if range { "before" } else { "to/before/till" })
    };
    if let Some(length) = goes_on_any(&tokens[at..], "past/after") {
        return Some((minutes, at + length));
    }
    Some((-minutes, at + goes_on_any(&tokens[at..], before)?))
}

/// “am”, “p.m.”, “p m” right after an hour.
fn half_of_day(tokens: &[Token]) -> (Half, usize) {
    let dot = usize::from(tokens.get(1) == Some(&Token::Break));
    let spelled = |letter: &str| {
        let first = tokens.first().is_some_and(|token| token.is(letter));
        let second = tokens.get(1 + dot).is_some_and(|token| token.is("m"));
        (first && second).then_some(2 + dot)
    };
    if let Some(length) = goes_on(tokens, "am").or_else(|| spelled("a")) {
        (Half::Am, length)
    } else if let Some(length) = goes_on(tokens, "pm").or_else(|| spelled("p")) {
        (Half::Pm, length)
    } else {
        (Half::Open, 0)
    }
}
