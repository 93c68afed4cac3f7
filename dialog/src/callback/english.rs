//! English words for times.

use super::PartOfDay::{Afternoon, Evening, Morning, Noon};
use super::said::{Clock, Day, Half, Said, Stretch, Week, Year};
use super::tokens::{Token, goes_on, goes_on_any};

/// What “a few” is taken for, of minutes and of longer units.
const FEW_MINUTES: u32 = 10;
const FEW: u32 = 3;

const WEEKDAYS: [&str; 7] =
    ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
const MONTHS: [&str; 12] = [
    "january", "february", "march", "april", "may", "june", "july", "august", "september",
    "october", "november", "december",
];

/// Words before an hour that make a bare number one.
const LEADS: &str = "at/after/around/about/from/past/between/until/till/since/say/like/round";
/// What makes a number before it no hour.
const COUNTED: &str = "percent/dollars/euros/pounds/hundred/thousand/times/people/minutes/minute/\
    hours/hour/days/day/weeks/week/months/years/kids/children";

/// What the sentence says next about a time, and how many pieces long that is.
pub(super) fn piece(tokens: &[Token]) -> Option<(Said, usize)> {
    phrase(tokens)
        .or_else(|| from_now(tokens))
        .or_else(|| weekday(tokens))
        .or_else(|| date(tokens))
        .or_else(|| clock_before(tokens))
        .or_else(|| clock(tokens))
}

/// Phrases that mean one thing.
fn phrase(tokens: &[Token]) -> Option<(Said, usize)> {
    let same_time = Said { clock: Some(Clock::SameTime), ..Said::NOTHING };
    let midnight = Said::clock(24, 0, Half::Whole)?;
    let phrases: [(&str, Said); 20] = [
        ("good morning/good afternoon/good evening/good night/good day", Said::NOTHING),
        ("last night/last week/last month/last year/yesterday", Said::NOTHING),
        ("the day after tomorrow/day after tomorrow", Said::day(Day::In(2))),
        ("tomorrow", Said::day(Day::In(1))),
        ("today/later today", Said::day(Day::In(0))),
        ("tonight/this evening/later tonight", Said::today(Evening)),
        ("this morning", Said::today(Morning)),
        ("this afternoon", Said::today(Afternoon)),
        ("next week/the following week", Said::day(Day::NextWeek)),
        ("weekend/this weekend/the weekend", Said::day(Day::Weekday(5, Week::Coming))),
        ("next weekend", Said::day(Day::Weekday(5, Week::Next))),
        ("next month/next year", Said::TOO_FAR),
        ("same time/this time/the same time", same_time),
        ("midnight/at midnight", midnight),
        ("morning/mornings/first thing/before noon/before midday/before lunch", Said::part(Morning)),
        ("noon/midday/lunchtime/lunch time/lunch break/at lunch", Said::part(Noon)),
        ("afternoon/afternoons/after lunch", Said::part(Afternoon)),
        ("evening/evenings/night/nights/after work/after dinner", Said::part(Evening)),
        ("by tomorrow/before tomorrow/by tonight/before tonight", Said::NOTHING),
        ("weekdays/every day/each day", Said::NOTHING),
    ];
    let found = phrases.iter().filter_map(|(words, said)| {
        goes_on_any(tokens, words).map(|length| (*said, length))
    });
    found.max_by_key(|(_, length)| *length)
}

/// “in half an hour”, “ten minutes from now”, “give me two hours”.
fn from_now(tokens: &[Token]) -> Option<(Said, usize)> {
    let lead = goes_on_any(tokens, "in/after/give me/in about/in around/in maybe/in like/in another");
    let lead = lead.unwrap_or(0);
    let (said, length) = duration(&tokens[lead..])?;
    let end = lead + length;
    match goes_on_any(&tokens[end..], "later/from now/from today/from tomorrow") {
        Some(trail) => Some((said, end + trail)),
        None => (lead > 0).then_some((said, end)),
    }
}

/// “half an hour”, “two and a half hours”, “an hour and twenty minutes”, “three days”.
fn duration(tokens: &[Token]) -> Option<(Said, usize)> {
    for (words, minutes) in [
        ("half an hour/half hour/a half hour/a half an hour", 30),
        ("a quarter of an hour/quarter of an hour/a quarter hour", 15),
        ("three quarters of an hour", 45),
    ] {
        if let Some(length) = goes_on_any(tokens, words) {
            return Some((Said::after(minutes), length));
        }
    }
    let (count, mut at) = count(tokens)?;
    let halves = goes_on(&tokens[at..], "and a half").unwrap_or(0);
    at += halves;
    let (unit, length) = unit(&tokens[at..])?;
    at += length;
    let mut tenths = match count {
        Count::Few if unit == Unit::Minutes => FEW_MINUTES * 10,
        Count::Few => FEW * 10,
        Count::Tenths(tenths) => tenths,
    };
    let later_half = goes_on(&tokens[at..], "and a half").unwrap_or(0);
    at += later_half;
    tenths += if halves + later_half > 0 { 5 } else { 0 };
    let said = match unit {
        Unit::Minutes => Said::after(tenths / 10),
        Unit::Hours => {
            let (more, length) = minutes_beside(&tokens[at..]);
            at += length;
            Said::after((tenths * 6).saturating_add(more))
        }
        Unit::Days => Said::day(Day::In(tenths / 10)),
        Unit::Weeks => Said::day(Day::In(tenths * 7 / 10)),
        Unit::Longer => Said::TOO_FAR,
    };
    Some((said, at))
}

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
    let tenths = number.value * 10 + number.tenths;
    let range = goes_on_any(&tokens[1..], "or/to").filter(|_| {
        matches!(tokens.get(2), Some(Token::Number(_)))
    });
    let length = range.map_or(1, |_| 3);
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
    units.iter().find_map(|(words, unit)| goes_on_any(tokens, words).map(|length| (*unit, length)))
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

/// “Friday”, “next Monday”, “this coming Friday”; “last Friday” is nothing.
fn weekday(tokens: &[Token]) -> Option<(Said, usize)> {
    let name = |at: usize| {
        let found = (0..7).zip(WEEKDAYS).find(|(_, day)| tokens.get(at).is_some_and(|token| token.is(day)));
        found.map(|(day, _)| day)
    };
    let weeks = [("next", Week::Next), ("this coming/this/coming", Week::This), ("", Week::Coming)];
    for (words, week) in weeks {
        let before = if words.is_empty() { Some(0) } else { goes_on_any(tokens, words) };
        if let Some((before, day)) = before.and_then(|before| Some((before, name(before)?))) {
            return Some((Said::day(Day::Weekday(day, week)), before + 1));
        }
    }
    goes_on_any(tokens, "last").filter(|before| name(*before).is_some())?;
    Some((Said::NOTHING, 2))
}

/// “March 5th”, “the 5th of March”, “5 March 2027”, “on the 5th”.
fn date(tokens: &[Token]) -> Option<(Said, usize)> {
    let month = |at: usize| {
        let found = (1..).zip(MONTHS).find(|(_, month)| tokens.get(at).is_some_and(|token| token.is(month)));
        found.map(|(month, _)| month)
    };
    let number = |at: usize| match tokens.get(at) {
        Some(Token::Number(number)) if number.tenths == 0 => Some(*number),
        _ => None,
    };
    let the = |at: usize| tokens.get(at..).and_then(|rest| goes_on(rest, "the")).unwrap_or(0);
    let (said, length) = if let Some(named) = month(0) {
        let at = 1 + the(1);
        (Said::date(Some(named), number(at)?.value)?, at + 1)
    } else {
        let on = goes_on(tokens, "on").unwrap_or(0);
        let at = on + the(on);
        let day = number(at)?;
        let of = tokens.get(at + 1..).and_then(|rest| goes_on(rest, "of")).unwrap_or(0);
        if let Some(named) = month(at + 1 + of) {
            (Said::date(Some(named), day.value)?, at + 2 + of)
        } else if let Some(length) = tokens.get(at + 1..).and_then(|rest| goes_on(rest, "of next month")) {
            let day = Day::Date { month: None, day: day.value, next_month: true };
            (Said::day(day), at + 1 + length)
        } else {
            // “the second time”, “5 people” and “my third call” are no days.
            (on > 0 && day.ordinal).then_some(())?;
            (Said::date(None, day.value)?, at + 1)
        }
    };
    let comma = usize::from(tokens.get(length) == Some(&Token::Break));
    match number(length + comma).filter(|year| (1_900..=2_999).contains(&year.value)) {
        Some(year) => {
            Some((Said { year: Some(Year::Number(year.value)), ..said }, length + comma + 1))
        }
        None => Some((said, length)),
    }
}

/// “before five”, “by 3 pm”: the latest time, not the earliest.
fn clock_before(tokens: &[Token]) -> Option<(Said, usize)> {
    let lead = goes_on_any(tokens, "before/by/no later than/not after")?;
    let (_, length) = time(&tokens[lead..], Lead::Said)?;
    Some((Said::NOTHING, lead + length))
}

/// Whether a word was said that makes a bare number an hour.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lead {
    Said,
    None,
}

/// “at three”, “after 5 pm”, “half past ten”, “15:30”.
fn clock(tokens: &[Token]) -> Option<(Said, usize)> {
    let lead = goes_on_any(tokens, LEADS).unwrap_or(0);
    let more = goes_on_any(&tokens[lead..], "about/around/like/maybe/say/exactly").unwrap_or(0);
    let start = lead + more;
    let kind = if start > 0 { Lead::Said } else { Lead::None };
    let (said, length) = time(&tokens[start..], kind)?;
    Some((said, start + length))
}

/// A time of the day, without the words before it.
fn time(tokens: &[Token], lead: Lead) -> Option<(Said, usize)> {
    let (hour, minute, mut at, clear) = hour_and_minute(tokens, lead)?;
    let (half, length) = half_of_day(tokens.get(at..).unwrap_or_default());
    at += length;
    let exact = half != Half::Open || clear == Clear::Whole;
    if clear == Clear::Bare && !exact && lead == Lead::None {
        return None;
    }
    let counted = tokens.get(at..).and_then(|rest| goes_on_any(rest, COUNTED));
    if clear == Clear::Bare && (counted.is_some() || tokens.get(at).is_some_and(is_number)) {
        return None;
    }
    let half = if half == Half::Open && clear == Clear::Whole { Half::Whole } else { half };
    Some((Said::clock(hour, minute, half)?, at))
}

fn is_number(token: &Token) -> bool {
    matches!(token, Token::Number(_) | Token::Clock(..))
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

fn hour_and_minute(tokens: &[Token], lead: Lead) -> Option<(u32, u32, usize, Clear)> {
    if let Some(Token::Clock(hour, minute)) = tokens.first() {
        let whole = hour.padded || hour.value == 0 || hour.value > 12;
        let clear = if whole { Clear::Whole } else { Clear::Clock };
        return Some((hour.value, *minute, 1, clear));
    }
    if let Some((minutes, length)) = minutes_around(tokens, lead) {
        let hour = tokens.get(length).and_then(Token::cardinal).filter(|hour| (1..=12).contains(hour))?;
        let clock = i64::from(hour) * 60 + minutes;
        let clock = u32::try_from(clock.rem_euclid(12 * 60)).ok()?;
        let hour = if clock < 60 { 12 } else { clock / 60 };
        return Some((hour, clock % 60, length + 1, Clear::Clock));
    }
    let number = match tokens.first() {
        Some(Token::Number(number)) if !number.ordinal && number.tenths == 0 => *number,
        _ => return None,
    };
    if number.value > 24 {
        // “at 1530”, “at 930 pm”
        let four = number.value >= 100 && lead == Lead::Said;
        let clear = if number.padded || number.value >= 1_300 { Clear::Whole } else { Clear::Bare };
        return four.then_some((number.value / 100, number.value % 100, 1, clear));
    }
    if let Some(length) = goes_on_any(&tokens[1..], "oclock/o clock") {
        let clear = if number.value > 12 { Clear::Whole } else { Clear::Clock };
        return Some((number.value, 0, 1 + length, clear));
    }
    let clear = if number.padded || number.value > 12 || number.value == 0 { Clear::Whole } else { Clear::Bare };
    let clear = if lead == Lead::None { Clear::Bare } else { clear };
    let oh = goes_on_any(&tokens[1..], "oh/o").unwrap_or(0);
    let minute = tokens.get(1 + oh).and_then(Token::cardinal);
    match minute.filter(|minute| if oh > 0 { *minute < 10 } else { (10..60).contains(minute) }) {
        Some(minute) => Some((number.value, minute, 2 + oh, clear)),
        None => Some((number.value, 0, 1, clear)),
    }
}

/// “half past”, “quarter to”, “ten minutes after”: the minutes that are added to the hour that follows.
fn minutes_around(tokens: &[Token], lead: Lead) -> Option<(i64, usize)> {
    let (minutes, at) = if let Some(length) = goes_on_any(tokens, "half past/a half past") {
        return Some((30, length));
    } else if let Some(length) = goes_on(tokens, "half").filter(|_| lead == Lead::Said) {
        // British: “at half three”.
        return Some((30, length));
    } else if let Some(length) = goes_on_any(tokens, "quarter/a quarter") {
        (15, length)
    } else {
        let minutes = tokens.first().and_then(Token::cardinal).filter(|minutes| *minutes < 60)?;
        let named = goes_on_any(&tokens[1..], "minutes/minute").unwrap_or(0);
        (i64::from(minutes), 1 + named)
    };
    let rest = tokens.get(at..).unwrap_or_default();
    if let Some(length) = goes_on_any(rest, "past/after") {
        return Some((minutes, at + length));
    }
    goes_on_any(rest, "to/of/before/till").map(|length| (-minutes, at + length))
}

/// “am”, “p.m.”, “in the morning” right after an hour.
fn half_of_day(tokens: &[Token]) -> (Half, usize) {
    let dot = usize::from(tokens.get(1) == Some(&Token::Break));
    let letters = |letter: &str| {
        let spelled = tokens.first().is_some_and(|token| token.is(letter))
            && tokens.get(1 + dot).is_some_and(|token| token.is("m"));
        spelled.then_some(2 + dot)
    };
    if let Some(length) = goes_on(tokens, "am").or_else(|| letters("a")) {
        (Half::Am, length)
    } else if let Some(length) = goes_on(tokens, "pm").or_else(|| letters("p")) {
        (Half::Pm, length)
    } else {
        (Half::Open, 0)
    }
}

/// Whether what a sentence says of a time is denied by the words before it: “not tomorrow”, “I’m busy on Monday”.
pub(super) fn denied_before(before: &[Token]) -> bool {
    let mut rest = before;
    if let Some((last, earlier)) = rest.split_last()
        && ["on", "in", "at", "the"].iter().any(|word| last.is(word))
    {
        rest = earlier;
    }
    let calling = |token: &Token| ["me", "back", "again"].iter().any(|word| token.is(word));
    let mut called = rest;
    while let Some((_, earlier)) = called.split_last().filter(|(last, _)| calling(last)) {
        called = earlier;
    }
    if let Some((_, earlier)) = called.split_last().filter(|(last, _)| last.is("call")) {
        return earlier.last().is_some_and(is_not);
    }
    let idle = ["free", "available", "here", "home", "there", "in", "do", "make", "it", "be", "able", "talk", "good"];
    while let Some((_, earlier)) = rest.split_last().filter(|(last, _)| idle.iter().any(|word| last.is(word))) {
        rest = earlier;
    }
    rest.last().is_some_and(|last| is_not(last) || ["busy", "away", "except", "gone"].iter().any(|word| last.is(word)))
}

fn is_not(token: &Token) -> bool {
    let words = ["not", "never", "dont", "cant", "cannot", "wont", "isnt", "arent"];
    words.iter().any(|word| token.is(word))
}

/// Whether it is denied by the words after it: “tomorrow doesn’t work”.
pub(super) fn denied_after(after: &[Token]) -> bool {
    let denials = "doesnt/isnt/wont/does not/is not/will not/is no/is bad/is out/is impossible/not";
    goes_on_any(after, denials).is_some()
}

/// A bare number after a day is an hour where nothing else can follow: “tomorrow three”.
pub(super) fn bare_hour(tokens: &[Token]) -> Option<(Said, usize)> {
    let hour = tokens.first().and_then(Token::cardinal).filter(|hour| (1..=12).contains(hour))?;
    let rest = &tokens[1..];
    let ends = match rest.first() {
        None | Some(Token::Break) => true,
        Some(_) => goes_on_any(rest, "please/in the/then/thanks/thank").is_some(),
    };
    if ends { Some((Said::clock(hour, 0, Half::Open)?, 1)) } else { None }
}

/// Words that may stand between two pieces of one time.
pub(super) const CONNECTIVES: &str = "in/at/on/the/around/about/maybe/of/for/sometime/any/time/like/or/say";

/// Whether a stretch was said; used where an hour alone is not enough.
pub(super) fn is_early(said: &Said) -> bool {
    said.stretch == Some(Stretch::Early)
}
