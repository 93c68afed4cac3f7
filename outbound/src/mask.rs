//! Masking: the one way in which text is shown to somebody who sees no full phone numbers.
//!
//! What counts as a number: seven digits or more in a run that only separators break. A digit is one of any
//! script (Unicode, general category Nd). A separator is everything but a letter: spaces, line ends, marks,
//! brackets, what nobody sees, and the escape (`\u{200b}`) that an error file has for it. A letter ends the run.
//! The first three digits of a run stay, all others become `*`. So a date may be masked too; a price, an age, a
//! house number and an id of ours are not.

use serde_json::Value;

use crate::Time;
use crate::characters::{digit, is_invisible};
use crate::ids::any_uuid;

/// Digits in a run from which on it may be a phone number.
pub const NUMBER_DIGITS_MIN: usize = 7;
/// Digits of a number that are shown.
const SHOWN: usize = 3;
/// Characters of an escape behind its `\`, at most: `u{10ffff}`.
const ESCAPE_CHARS_MAX: usize = 9;

/// The text with its numbers masked. It has as many characters as before, and takes one pass.
pub fn text(text: &str) -> String {
    let mut masked: Vec<char> = text.chars().collect();
    let mut run = Vec::new();
    let mut escape_until = 0;
    for place in 0..masked.len() {
        let c = masked[place];
        if digit(c).is_some() {
            run.push(place);
            continue;
        }
        if c == '\\' {
            escape_until = place + escape_length(&masked[place..]);
        }
        if place >= escape_until && is_letter(c) {
            hide(&mut masked, &mut run);
        }
    }
    hide(&mut masked, &mut run);
    masked.into_iter().collect()
}

/// Parts of one text that are shown apart, as the lines that one speaker said: a number that goes on from one part
/// to the next is masked, too.
pub fn parts(parts: &mut [&mut String]) {
    let joined = parts.iter().map(|part| part.as_str()).collect::<Vec<_>>().join("\n");
    let joined = text(&joined);
    let mut rest = joined.chars();
    for part in parts {
        let length = part.chars().count();
        **part = rest.by_ref().take(length).collect();
        // The line end between this part and the next.
        rest.next();
    }
}

/// Every text of a JSON value masked, names of fields among them; but no id of ours, and no time that we wrote.
pub fn json(value: &mut Value) {
    match value {
        Value::String(words) if any_uuid(words).is_some() || words.parse::<Time>().is_ok() => {}
        Value::String(words) => *words = text(words),
        Value::Array(items) => items.iter_mut().for_each(json),
        Value::Object(fields) => {
            fields.values_mut().for_each(json);
            *fields = named(std::mem::take(fields)).collect();
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Values by name, with the names masked. Two names that look alike when they are masked are told apart by a
/// number.
pub fn named<T>(
    values: impl IntoIterator<Item = (String, T)>,
) -> impl Iterator<Item = (String, T)> {
    let mut seen = std::collections::BTreeMap::<String, usize>::new();
    values.into_iter().map(move |(name, value)| {
        let shown = text(&name);
        if shown == name {
            return (name, value);
        }
        let count = seen.entry(shown.clone()).or_default();
        *count += 1;
        let shown = if *count == 1 { shown } else { format!("{shown} ({count})") };
        (shown, value)
    })
}

/// Whether masking would change the text: it holds a number.
pub fn holds_number(value: &str) -> bool {
    text(value) != value
}

/// Characters of the escape that begins here; 0 where none does.
fn escape_length(text: &[char]) -> usize {
    let end = text.iter().take(ESCAPE_CHARS_MAX + 1).position(|c| *c == '}');
    let is_escape = |end: &usize| {
        text[1..].starts_with(&['u', '{']) && text[3..*end].iter().all(char::is_ascii_hexdigit)
    };
    end.filter(|end| *end > 2).filter(is_escape).map_or(0, |end| end + 1)
}

fn is_letter(c: char) -> bool {
    c.is_alphabetic() && !is_invisible(c)
}

/// End a run of digits, given by their places.
fn hide(text: &mut [char], run: &mut Vec<usize>) {
    if run.len() >= NUMBER_DIGITS_MIN {
        for place in &run[SHOWN..] {
            text[*place] = '*';
        }
    }
    run.clear();
}

#[cfg(test)]
mod tests;
