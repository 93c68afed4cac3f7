//! The priority of a number, as people and spreadsheets write it.

use crate::characters::{digit, is_invisible};
use crate::number::PRIORITY_MAX;

pub(super) const TOO_HIGH: &str = "is too high; must be a whole number from 0 to 999999";
const BELOW_0: &str = "is below 0; must be a whole number from 0 to 999999";
const NOT_WHOLE: &str = "has a fraction; must be a whole number from 0 to 999999";
const POWER: &str = "is in scientific form; must be a whole number from 0 to 999999, in digits";
const NO_NUMBER: &str = "is not a number in digits; must be a whole number from 0 to 999999";

const _: () = assert!(PRIORITY_MAX == 999_999);

/// `5`, `+5`, `5.00` and `1,000` are numbers, in digits of any script; nothing is 0. Otherwise why not.
pub(super) fn read(text: &str) -> Result<u32, &'static str> {
    let ascii = |c| digit(c).and_then(|value| char::from_digit(value, 10)).unwrap_or(c);
    let text: String = text.chars().filter(|c| !is_invisible(*c)).map(ascii).collect();
    let text = text.trim();
    if text.is_empty() {
        return Ok(0);
    }
    let (text, negative) = match text.strip_prefix(['-', '−']) {
        Some(rest) => (rest, true),
        None => (text.strip_prefix(['+', '＋']).unwrap_or(text), false),
    };
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let whole = without_groups(whole);
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !digits(&whole) || !digits(fraction) {
        let power = text.split_once(['e', 'E']).is_some_and(|(mantissa, exponent)| {
            digits(&mantissa.replace('.', "")) && digits(exponent.trim_start_matches(['+', '-']))
        });
        return Err(if power { POWER } else { NO_NUMBER });
    }
    if fraction.bytes().any(|b| b != b'0') {
        return Err(NOT_WHOLE);
    }
    let significant = whole.trim_start_matches('0');
    match significant.parse().or(if significant.is_empty() { Ok(0) } else { Err(()) }) {
        Ok(0) => Ok(0),
        _ if negative => Err(BELOW_0),
        Ok(priority) if priority <= PRIORITY_MAX => Ok(priority),
        _ => Err(TOO_HIGH),
    }
}

/// `1,000` as `1000`: groups of three, as spreadsheets write them.
fn without_groups(text: &str) -> String {
    let mut groups = text.split(',');
    let first = groups.next().unwrap_or_default();
    let grouped = (1..=3).contains(&first.len()) && groups.all(|group| group.len() == 3);
    if grouped { text.replace(',', "") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_priority_is_read_as_spreadsheets_write_it() {
        for (text, priority) in [
            ("", 0),
            ("0", 0),
            ("-0", 0),
            ("5", 5),
            ("5.0", 5),
            ("5.00", 5),
            (" 7 ", 7),
            ("1,000", 1_000),
            ("999,999.00", 999_999),
            ("+5", 5),
            ("５", 5),
            ("\u{200b}5", 5),
            ("00005", 5),
            ("999999", 999_999),
        ] {
            assert_eq!(read(text), Ok(priority), "{text:?}");
        }
    }

    #[test]
    fn what_is_no_priority_is_told_why() {
        for (text, reason) in [
            ("-1", BELOW_0),
            ("-1000000", BELOW_0),
            ("1000000", TOO_HIGH),
            ("99999999999999999999999", TOO_HIGH),
            ("1e3", POWER),
            ("1.5E+3", POWER),
            ("5.5", NOT_WHOLE),
            ("0x10", NO_NUMBER),
            ("high", NO_NUMBER),
            ("1,00", NO_NUMBER),
            (",", NO_NUMBER),
            ("5.", NO_NUMBER),
            ("--5", NO_NUMBER),
        ] {
            assert_eq!(read(text), Err(reason), "{text:?}");
        }
    }
}
