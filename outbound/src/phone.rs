//! Phone numbers in E.164, kept from being shown by accident.

use std::fmt;

use rlibphonenumber::PHONE_NUMBER_UTIL;

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
        let (head, tail) = (national.len().min(3), national.len().saturating_sub(4).max(3));
        let tail = tail.min(national.len());
        format!("{}****{}", &national[..head], &national[tail..])
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
    let text = text.trim();
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
    let parsed = PHONE_NUMBER_UTIL
        .parse_with_default_region(text, region)
        .map_err(|_| NotAPhone::Unreadable)?;
    if !PHONE_NUMBER_UTIL.is_valid_number(&parsed) {
        return Err(NotAPhone::Unassigned);
    }
    let digits = format!("{}{}", parsed.country_code(), national(&parsed));
    match digits.parse() {
        Ok(digits_value) if digits.len() <= PHONE_DIGITS_MAX => Ok(Phone(digits_value)),
        _ => Err(NotAPhone::Unreadable),
    }
}
