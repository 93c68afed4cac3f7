//! Phone numbers in E.164, kept from being shown by accident.

mod location;
mod zone;

pub use location::Location;

use std::fmt;
use std::str::FromStr;

use rlibphonenumber::{PHONE_NUMBER_UTIL, Region};

use crate::fault::Fault;

/// The most digits that E.164 allows.
pub const PHONE_DIGITS_MAX: usize = 15;

/// A phone number in E.164. It prints masked; [`Phone::reveal`] is the one way to its digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Phone(u64);

/// Why a text is not a phone number that can be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAPhone {
    #[error("is empty; a phone number is required")]
    Empty,
    #[error("is not a phone number; write it in E.164 (+8613800000001) or in the national form")]
    Unreadable,
    #[error("is not a number that the region assigns; check its length and prefix")]
    Unassigned,
}

impl Phone {
    /// The number as it is dialled: `+` and its digits.
    pub fn reveal(self) -> String {
        format!("+{}", self.0)
    }

    /// First three digits of the national form and the last four: `138****0001`.
    pub fn masked(self) -> String {
        let digits = self.0.to_string();
        let national = digits.strip_prefix("86").filter(|_| digits.len() == 13).unwrap_or(&digits);
        // At least four digits stay hidden, however short the number.
        let head = national.len().min(3);
        let tail = national.len().saturating_sub(7).min(4);
        format!("{}****{}", &national[..head], &national[national.len() - tail..])
    }

    /// The digits as a number, for keys and storage.
    pub const fn digits(self) -> u64 {
        self.0
    }

    /// The number that [`Phone::digits`] was taken from.
    pub const fn from_digits(digits: u64) -> Self {
        Self(digits)
    }
}

impl fmt::Display for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

impl fmt::Debug for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Read a phone number in E.164 or in the national form of `region` (ISO 3166, two letters).
///
/// Spaces, dashes, dots and brackets are tolerated, and so is the form that a spreadsheet gives a
/// long number (`1.38E+10`), as long as no digit was lost.
pub fn parse(text: &str, region: &str) -> Result<Phone, NotAPhone> {
    // A spreadsheet's mark for text is no part of it.
    let text = text.trim().trim_start_matches('\'').trim();
    if text.is_empty() {
        return Err(NotAPhone::Empty);
    }
    if text.len() > 64 {
        return Err(NotAPhone::Unreadable);
    }
    let spelled = spreadsheet_number(text);
    let text = spelled.as_deref().unwrap_or(text);
    let allowed = |c: char| c.is_ascii_digit() || "+-() .\u{a0}（）－".contains(c);
    if !text.chars().all(allowed) {
        return Err(NotAPhone::Unreadable);
    }
    let region = Region::from_str(region).ok();
    let parsed = PHONE_NUMBER_UTIL.parse(text, region).map_err(|_| NotAPhone::Unreadable)?;
    if !PHONE_NUMBER_UTIL.is_valid_number(&parsed) {
        return Err(NotAPhone::Unassigned);
    }
    let digits = format!("{}{}", parsed.country_code, parsed.get_national_significant_number());
    match digits.parse() {
        Ok(value) if digits.len() <= PHONE_DIGITS_MAX => Ok(Phone(value)),
        _ => Err(NotAPhone::Unreadable),
    }
}

/// The whole number that a spreadsheet wrote as `1.38E+10` or `13800000001.0`; `None` if the text is
/// not in that form, or is not a whole number.
///
/// A spreadsheet that saves CSV may have rounded before it wrote; that can't be told from the text.
fn spreadsheet_number(text: &str) -> Option<String> {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if let Some(whole) = text.strip_suffix(".0") {
        return digits(whole).then(|| whole.to_owned());
    }
    let (mantissa, exponent) = text.split_once(['E', 'e'])?;
    let exponent: usize = exponent.strip_prefix('+').unwrap_or(exponent).parse().ok()?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let fraction = fraction.trim_end_matches('0');
    let right = digits(whole)
        && whole.len() == 1
        && fraction.bytes().all(|b| b.is_ascii_digit())
        && fraction.len() <= exponent
        && exponent < PHONE_DIGITS_MAX;
    right.then(|| format!("{whole}{fraction:0<exponent$}"))
}

/// The digits of a spreadsheet's number cell: `13800000001` for 13800000001.0. One that is not whole,
/// negative or too large to be exact is written as it is.
pub fn number_cell(value: f64) -> String {
    const EXACT_MAX: f64 = 9_007_199_254_740_991.0;
    if value.fract() == 0.0 && (0.0..=EXACT_MAX).contains(&value) {
        format!("{value:.0}")
    } else {
        value.to_string()
    }
}

/// What is wrong with a region code at `pointer`: it is not one that has phone numbers.
pub fn region(pointer: &str, code: &str) -> Option<Fault> {
    let known = code.len() == 2
        && code.bytes().all(|b| b.is_ascii_uppercase())
        && Region::from_str(code)
            .is_ok_and(|region| PHONE_NUMBER_UTIL.get_country_code_for_region(region).is_some());
    let detail = "must be an ISO 3166 code of two capital letters, as CN or DE";
    (!known).then(|| Fault::new(pointer, "unknown_region", detail))
}

/// A text in which every run of digits that is long enough for a phone number is masked, whatever
/// stands between them: for what people typed, where it has to be shown.
pub fn mask_digits(text: &str) -> String {
    const SHOWN: usize = 3;
    if text.chars().filter(char::is_ascii_digit).count() < 7 {
        return text.to_owned();
    }
    let mut seen = 0;
    text.chars()
        .map(|c| {
            seen += usize::from(c.is_ascii_digit());
            if c.is_ascii_digit() && seen > SHOWN { '*' } else { c }
        })
        .collect()
}

#[cfg(test)]
mod tests;
