//! Phone numbers in E.164, kept from being shown by accident.

mod former;
mod location;
mod zone;

pub use location::Location;
pub use zone::region_of;

use std::fmt;
use std::str::FromStr;

use rlibphonenumber::{PHONE_NUMBER_UTIL, Region};

use crate::characters::{code_point, digit, is_dash, is_invisible};
use crate::fault::Fault;

/// Characters of a text that may be a phone number, at most.
const TEXT_CHARS_MAX: usize = 64;
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
    #[error(
        "has {}, which is no part of a phone number; write the number alone, one in a cell",
        named(*.0)
    )]
    Character(char),
    #[error(
        "was rounded by a spreadsheet, which lost its last digits; format the column as text, \
         fill in the number again and save"
    )]
    Rounded,
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
/// Spaces, dashes, dots and brackets are tolerated, also those of typography; digits of any script are
/// read, and what nobody sees is left out. So is the form that a spreadsheet gives a long number
/// (`1.3800000001E+10`), as long as it shows every digit. A number in a form that its country gave up
/// (`+52 1 55 …`) is read as the one that it stands for today.
pub fn parse(text: &str, region: &str) -> Result<Phone, NotAPhone> {
    if text.chars().count() > TEXT_CHARS_MAX {
        return Err(if text.trim().is_empty() { NotAPhone::Empty } else { NotAPhone::Unreadable });
    }
    let text = plain(text);
    let text = bare(&text);
    if text.is_empty() {
        return Err(NotAPhone::Empty);
    }
    let spelled = spreadsheet_number(text)?;
    let text = spelled.as_deref().unwrap_or(text);
    let allowed = |c: char| c.is_ascii_digit() || "+-() .".contains(c);
    if let Some(other) = text.chars().find(|c| !allowed(*c)) {
        return Err(NotAPhone::Character(other));
    }
    let region = Region::from_str(region).ok();
    let written = PHONE_NUMBER_UTIL.parse(text, region).map_err(|_| NotAPhone::Unreadable)?;
    let parsed = if PHONE_NUMBER_UTIL.is_valid_number(&written) {
        written
    } else {
        former::todays(&written).ok_or(NotAPhone::Unassigned)?
    };
    let digits = format!("{}{}", parsed.country_code, parsed.get_national_significant_number());
    match digits.parse() {
        Ok(value) if digits.len() <= PHONE_DIGITS_MAX => Ok(Phone(value)),
        _ => Err(NotAPhone::Unreadable),
    }
}

/// The text in ASCII, as far as it means the same.
fn plain(text: &str) -> String {
    let ascii = |c: char| match c {
        _ if is_invisible(c) => None,
        _ if is_dash(c) => Some('-'),
        _ if c.is_whitespace() => Some(' '),
        '＋' | '﹢' => Some('+'),
        '（' | '﹙' | '[' | '［' | '【' => Some('('),
        '）' | '﹚' | ']' | '］' | '】' => Some(')'),
        '·' | '•' | '‧' | '∙' | '・' | '．' | '。' => Some('.'),
        '‘' | '’' | '“' | '”' | '＇' | '＂' | '"' => Some('\''),
        _ => Some(digit(c).and_then(|value| char::from_digit(value, 10)).unwrap_or(c)),
    };
    text.chars().filter_map(ascii).collect()
}

/// The text without what stands around it: spaces, quotes, a spreadsheet's mark for text, `tel:`.
fn bare(text: &str) -> &str {
    let around = |c: char| c == ' ' || c == '\'';
    let text = text.trim_matches(around);
    let scheme = text.get(..4).filter(|scheme| scheme.eq_ignore_ascii_case("tel:"));
    scheme.map_or(text, |scheme| text[scheme.len()..].trim_matches(around))
}

/// The whole number that a spreadsheet wrote as `1.3800000001E+10` or `13800000001.0`; `None` if the
/// text is not in that form. One that shows fewer digits than it stands for has lost them.
fn spreadsheet_number(text: &str) -> Result<Option<String>, NotAPhone> {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if let Some(whole) = text.strip_suffix(".0") {
        return Ok(digits(whole).then(|| whole.to_owned()));
    }
    let Some((mantissa, exponent)) = text.split_once(['E', 'e']) else { return Ok(None) };
    let (whole, fraction) = mantissa.split_once(['.', ',']).unwrap_or((mantissa, "0"));
    let exponent = exponent.strip_prefix('+').unwrap_or(exponent);
    if !(digits(whole) && digits(fraction) && digits(exponent)) {
        return Ok(None);
    }
    match exponent.parse::<usize>() {
        Ok(exponent) if whole.len() == 1 && fraction.len() == exponent => {
            Ok(Some(format!("{whole}{fraction}")))
        }
        _ => Err(NotAPhone::Rounded),
    }
}

/// A character as a message names it, whether it can be seen or not.
fn named(c: char) -> String {
    let code = code_point(c);
    if c.is_control() { code } else { format!("`{c}` ({code})") }
}

/// How the code of a region is written; which of them there are is another matter.
pub const REGION_PATTERN: &str = "^[A-Z]{2}$";

/// What is wrong with a region code at `pointer`: it is not one that has phone numbers.
pub fn region(pointer: &str, code: &str) -> Option<Fault> {
    let known = code.len() == 2
        && code.bytes().all(|b| b.is_ascii_uppercase())
        && Region::from_str(code)
            .is_ok_and(|region| PHONE_NUMBER_UTIL.get_country_code_for_region(region).is_some());
    let detail = "must be the ISO 3166 code of a country with phone numbers, in capital letters, as CN or DE";
    (!known).then(|| Fault::new(pointer, "unknown_region", detail))
}

#[cfg(test)]
mod tests;
