//! The time that a sentence wishes for, among all that it says.

use super::said::{Bound, Day, Said};
use super::tokens::{Token, goes_on_any, tokens};
use super::{chinese, denial, english};

/// Words that may stand between two pieces of one time.
const CONNECTIVES: &str = "in/at/on/the/around/about/maybe/of/for/sometime/any/time/like/say/t/please/的/在/大/概/约/左/右/\
    那/就/是/吧/嗯/于";
/// Words that join two times: where one is denied, so is the other.
const ALTERNATIVES: &str = "or/and/nor/和/跟/或";
/// Words of somebody who says what is said next instead.
const CORRECTIONS: &str =
    "no/actually/sorry/rather/wait/correction/instead/不对/不不/还是/改成/算了/应该是";
/// Words about calling, before a time.
const CALLS: &str =
    "call/calling/ring/phone/try/reach/contact/back/again/talk/speak/打/电/找/联/回/拨/聊";
/// Words about calling, after a time.
const CALLS_AFTER: &str = "打/再/电/找/联/回/拨/聊";
/// How far from a time words still belong to it.
const NEAR_MAX: usize = 4;
/// How many words may stand between a time and its correction.
const CORRECTION_APART_MAX: usize = 6;

/// Pieces that tell one time.
#[derive(Debug, Clone, Copy)]
struct Group {
    said: Said,
    start: usize,
    end: usize,
    denied: bool,
}

/// Where a sentence denies a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Denied {
    No,
    Before,
    After,
}

/// The time that a sentence wishes for.
pub(super) fn said(words: &str) -> Option<Said> {
    let tokens = tokens(words);
    let mut groups = groups(&tokens);
    groups.retain(|group| !group.denied && group.said.day != Some(Day::Never));
    let value = |group: &Group| (is_for_a_call(&tokens, group), group.said.points());
    let best = groups.iter().map(value).max()?;
    let place = groups.iter().position(|group| value(group) == best)?;
    let mut wished = groups[place];
    for later in &groups[place + 1..] {
        let between = &tokens[wished.end..later.start];
        if is_correction(between) {
            wished = Group { said: later.said.correcting(&wished.said), ..*later };
        } else if wished.said.points() == 1 && later.said.points() == 1 {
            // “Tomorrow works for me. Let us say at three.”
            let both = wished.said.joined(&later.said);
            wished.said = both.filter(|both| both.points() > 1).unwrap_or(wished.said);
        }
    }
    Some(wished.said)
}

/// All times of a sentence.
fn groups(tokens: &[Token]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    // The last time, while nothing but connectives came after it.
    let mut open: Option<Group> = None;
    let mut at = 0;
    while at < tokens.len() {
        let Some((said, length)) = piece(tokens, at, open.as_ref()) else {
            let goes_on =
                tokens[at] == Token::Break || goes_on_any(&tokens[at..], CONNECTIVES).is_some();
            open = open.filter(|_| goes_on);
            // The digits of a phone number, one after the other, are no hours.
            let numbers = tokens[at..].iter().take_while(|token| is_number(token)).count();
            at += numbers.max(1);
            continue;
        };
        let end = at + length;
        let denied = if denial::before(&tokens[..at], &tokens[at..end]) {
            Denied::Before
        } else if denial::after(&tokens[end..]) {
            Denied::After
        } else {
            Denied::No
        };
        let (said, denied) = match (said.bound, denied) {
            (Bound::From, denied) => (said, denied),
            // “Before five” is no time to call at, “not before five” is from five on.
            (Bound::Until, Denied::No) => (Said::NOTHING, Denied::No),
            (Bound::Until, _) => (Said { bound: Bound::From, ..said }, Denied::No),
        };
        if said.is_time() {
            let group = Group { said, start: at, end, denied: denied != Denied::No };
            let joined =
                open.filter(|_| denied != Denied::Before).and_then(|open| joined(open, group));
            if joined.is_some() {
                groups.pop();
            }
            let mut group = joined.unwrap_or(group);
            group.denied |= joined.is_none() && shares_denial(groups.last(), &tokens[..at]);
            groups.push(group);
            open = Some(group);
        } else {
            open = None;
        }
        at = end;
    }
    groups
}

/// Two pieces as one time.
fn joined(first: Group, second: Group) -> Option<Group> {
    let said = first.said.joined(&second.said).filter(|_| !first.denied)?;
    Some(Group { said, start: first.start, ..second })
}

/// Whether the last time was denied, and what follows is one with it: “not tomorrow or Friday”.
fn shares_denial(last: Option<&Group>, before: &[Token]) -> bool {
    let denied = last.filter(|last| last.denied);
    let between = denied.map_or(&before[..0], |last| &before[last.end..]);
    !between.is_empty() && goes_on_any(between, ALTERNATIVES) == Some(between.len())
}

/// What is said from a place on.
fn piece(tokens: &[Token], at: usize, open: Option<&Group>) -> Option<(Said, usize)> {
    let (before, rest) = tokens.split_at(at);
    let hour = || {
        let of_day =
            open.is_some_and(|group| group.said.day.is_some() && group.said.clock.is_none());
        if of_day { english::bare_hour(rest) } else { None }
    };
    chinese::piece(before, rest).or_else(|| english::piece(rest)).or_else(hour)
}

fn is_number(token: &Token) -> bool {
    matches!(token, Token::Number(_))
}

fn is_for_a_call(tokens: &[Token], group: &Group) -> bool {
    let before = &tokens[group.start.saturating_sub(NEAR_MAX)..group.start];
    let after = &tokens[group.end..];
    let same_clause =
        after.iter().take(NEAR_MAX).take_while(|token| **token != Token::Break).count();
    says(before, CALLS) || says(&after[..same_clause], CALLS_AFTER)
}

fn is_correction(between: &[Token]) -> bool {
    between.len() <= CORRECTION_APART_MAX && says(between, CORRECTIONS)
}

fn says(tokens: &[Token], phrases: &str) -> bool {
    (0..tokens.len()).any(|at| goes_on_any(&tokens[at..], phrases).is_some())
}
