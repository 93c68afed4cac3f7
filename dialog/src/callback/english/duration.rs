//! English words for how long from now: “in half an hour”, “ten minutes from now”.

use super::super::said::{Day, Said};
use super::super::tokens::{Token, goes_on, goes_on_any};

/// What “a few” is taken for, of minutes and of longer units.
const FEW_MINUTES: u32 = 10;
const FEW: u32 = 3;

/// Words before a duration that make it one from now.
const LEADS: &str = "in/after/give me/wait/in about/in around/in maybe/in like/in another/in just/after about/\
    in approximately/in roughly/in say/another/give me another/give me about";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Count {
    Tenths(u32),
    Few,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Unit {
    Minutes,
    Hours,
    Days,
    Weeks,
    Longer,
}

/// “In half an hour”, “ten minutes from now”, “give me two hours”.
pub(super) fn from_now(tokens: &[Token]) -> Option<(Said, usize)> {
    let lead = goes_on_any(tokens, LEADS).unwrap_or(0);
    let (said, length) = duration(&tokens[lead..])?;
    let end = lead + length;
    let trail = goes_on_any(&tokens[end..], "later/from now/from today");
    match trail {
        Some(trail) => Some((said, end + trail)),
        None => (lead > 0).then_some((said, end)),
    }
}

/// “Half an hour”, “two and a half hours”, “an hour and twenty minutes”, “three days”.
fn duration(tokens: &[Token]) -> Option<(Said, usize)> {
    for (words, minutes) in [
        ("half an hour/half hour/a half hour/a half an hour", 30),
        ("a quarter of an hour/quarter of an hour/a quarter hour", 15),
    ] {
        if let Some(length) = goes_on_any(tokens, words) {
            return Some((Said::after(minutes), length));
        }
    }
    // “Three” is a number here and no word of a phrase.
    if let (Some(3), Some(length)) =
        (tokens.first()?.cardinal(), goes_on(&tokens[1..], "quarters of an hour"))
    {
        return Some((Said::after(45), 1 + length));
    }
    let (count, mut at) = count(tokens)?;
    let halves = goes_on(&tokens[at..], "and a half").unwrap_or(0);
    at += halves;
    let (unit, length) = unit(&tokens[at..])?;
    at += length;
    let later_half = goes_on(&tokens[at..], "and a half").unwrap_or(0);
    at += later_half;
    let tenths = match count {
        Count::Few if unit == Unit::Minutes => FEW_MINUTES * 10,
        Count::Few => FEW * 10,
        Count::Tenths(tenths) => tenths,
    };
    let tenths = tenths + if halves + later_half > 0 { 5 } else { 0 };
    let said = match unit {
        Unit::Minutes => Said::after(tenths / 10),
        Unit::Hours => {
            let (more, length) = minutes_beside(&tokens[at..]);
            at += length;
            Said::after(tenths * 6 + more)
        }
        Unit::Days => Said::day(Day::In(tenths / 10)),
        Unit::Weeks => Said::day(Day::In(tenths * 7 / 10)),
        Unit::Longer => Said::TOO_FAR,
    };
    Some((said, at))
}

/// How many; the first of “one or two”.
fn count(tokens: &[Token]) -> Option<(Count, usize)> {
    if let Some(length) = goes_on_any(tokens, "a few/few/several") {
        return Some((Count::Few, length));
    }
    if let Some(length) = goes_on_any(tokens, "a couple of/couple of/a couple") {
        return Some((Count::Tenths(20), length));
    }
    if let Some(length) = goes_on_any(tokens, "a/an") {
        return Some((Count::Tenths(10), length));
    }
    let Some(Token::Number(number)) = tokens.first() else { return None };
    let range = goes_on_any(&tokens[1..], "or/to").is_some() || tokens.get(1) == Some(&Token::Dash);
    let length = if range && matches!(tokens.get(2), Some(Token::Number(_))) { 3 } else { 1 };
    let tenths = number.value * 10 + number.tenths;
    (!number.ordinal).then_some((Count::Tenths(tenths), length))
}

fn unit(tokens: &[Token]) -> Option<(Unit, usize)> {
    let units = [
        ("minute/minutes/min/mins", Unit::Minutes),
        ("hour/hours/hr/hrs", Unit::Hours),
        ("day/days", Unit::Days),
        ("week/weeks", Unit::Weeks),
        ("month/months/year/years", Unit::Longer),
    ];
    units.iter().find_map(|(words, unit)| Some((*unit, goes_on_any(tokens, words)?)))
}

/// The minutes of “an hour and twenty minutes”.
fn minutes_beside(tokens: &[Token]) -> (u32, usize) {
    let and = goes_on(tokens, "and").unwrap_or(0);
    let minutes = tokens.get(and).and_then(Token::cardinal);
    match (minutes, tokens.get(and + 1..).and_then(unit)) {
        (Some(minutes), Some((Unit::Minutes, length))) => (minutes, and + 1 + length),
        _ => (0, 0),
    }
}
