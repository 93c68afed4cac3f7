//! Number formats (ECMA-376, part 1, 18.8.31): how a workbook shows the number in a cell.
//!
//! Dates are only told from other numbers here, and shown by `cell`. A number in scientific form is given
//! in all of its digits: what counts in a list of numbers is which number it is.

use crate::cell::{number, without_noise};

/// Characters of a format that are looked at; a longer one shows its numbers plainly.
const FORMAT_CHARS_MAX: usize = 255;
/// Places that are shown, at most.
const PLACES_MAX: usize = 15;
/// The largest number of formats of its own that a workbook may have, as a spreadsheet allows.
pub const STYLES_MAX: usize = 65_490;

/// How a cell's style shows its number.
#[derive(Debug, Clone, PartialEq)]
pub enum Shown {
    /// Plainly.
    General,
    Date,
    /// A length of time: hours may be many.
    Duration,
    /// By these sections.
    Sections(Vec<Section>),
}

/// One of the parts between semicolons.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Section {
    tokens: Vec<Token>,
    condition: Option<Condition>,
    general: bool,
    scientific: bool,
    percent: i32,
    /// Commas behind the last digit: each divides by a thousand.
    thousands: i32,
    grouped: bool,
    /// The denominator of a fraction: as many digits, or this one.
    fraction: Option<Denominator>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Token {
    Literal(char),
    /// `0`, `#` or `?`.
    Digit(char),
    Point,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Denominator {
    Digits(usize),
    Fixed(u32),
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Condition {
    compare: [bool; 3],
    with: f64,
}

impl Shown {
    /// By the code of a format.
    pub fn by(format: &str) -> Self {
        if format.chars().count() > FORMAT_CHARS_MAX || format.eq_ignore_ascii_case("general") {
            return Self::General;
        }
        let sections: Vec<&str> = split(format);
        match sections.first().map(|first| of_time(first)) {
            Some(Some(shown)) => shown,
            _ => Self::Sections(sections.into_iter().map(section).collect()),
        }
    }

    /// By the number of a format that every workbook has.
    pub fn built_in(id: u32) -> Self {
        Self::by(match id {
            1 => "0",
            2 => "0.00",
            3 | 37 | 38 => "#,##0",
            4 | 39 | 40 => "#,##0.00",
            5 | 6 | 41 | 42 => "#,##0",
            7 | 8 | 43 | 44 => "#,##0.00",
            9 => "0%",
            10 => "0.00%",
            11 | 48 => "0.00E+00",
            12 => "# ?/?",
            13 => "# ??/??",
            14..=22 | 27..=36 | 45 | 47 | 50..=58 => return Self::Date,
            46 => return Self::Duration,
            _ => return Self::General,
        })
    }

    /// A number by its sections; dates are not for here.
    pub fn number(&self, value: f64) -> String {
        let Self::Sections(sections) = self else { return number(value) };
        match chosen(sections, value) {
            Some((section, value)) => section.show(value),
            None => number(value),
        }
    }

    /// The digits of a number, with zeros in front as far as the format shows them: a phone number.
    pub fn digits(&self, value: f64) -> String {
        let digits = number(value);
        let Self::Sections(sections) = self else { return digits };
        let plain = sections.first().filter(|first| {
            !first.tokens.contains(&Token::Point) && !first.scientific && first.percent == 0
        });
        let width = plain.map_or(0, |first| first.count('0'));
        if digits.bytes().all(|byte| byte.is_ascii_digit()) {
            format!("{digits:0>width$}")
        } else {
            digits
        }
    }
}

/// The parts between semicolons that are not quoted.
fn split(format: &str) -> Vec<&str> {
    let (mut parts, mut from, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (at, sign) in format.char_indices() {
        match sign {
            _ if escaped => escaped = false,
            '"' => quoted = !quoted,
            '\\' if !quoted => escaped = true,
            ';' if !quoted => {
                parts.push(&format[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&format[from..]);
    parts
}

/// A section that shows a date, a time or a length of time.
fn of_time(section: &str) -> Option<Shown> {
    let mut signs = section.chars();
    let mut date = false;
    while let Some(sign) = signs.next() {
        match sign {
            '"' => while signs.next().is_some_and(|text| text != '"') {},
            '[' => {
                let inner: String = signs.by_ref().take_while(|text| *text != ']').collect();
                let letters = inner.to_ascii_lowercase();
                let unit = letters.chars().next().filter(|first| "hms".contains(*first));
                if unit.is_some_and(|unit| letters.chars().all(|letter| letter == unit)) {
                    return Some(Shown::Duration);
                }
            }
            '\\' | '_' | '*' => drop(signs.next()),
            'E' | 'e' if date => {}
            'E' | 'e' => return None,
            'G' | 'g' if signs.as_str().to_ascii_lowercase().starts_with("eneral") => return None,
            'y' | 'Y' | 'm' | 'M' | 'd' | 'D' | 'h' | 'H' | 's' | 'S' => date = true,
            _ => {}
        }
    }
    date.then_some(Shown::Date)
}

fn section(text: &str) -> Section {
    let mut section = Section::default();
    let mut signs = text.chars().peekable();
    let mut commas = 0;
    while let Some(sign) = signs.next() {
        match sign {
            '"' => {
                section.tokens.extend(signs.by_ref().take_while(|c| *c != '"').map(Token::Literal))
            }
            '\\' => section.tokens.extend(signs.next().map(Token::Literal)),
            '_' => {
                signs.next();
                section.tokens.push(Token::Literal(' '));
            }
            '*' => drop(signs.next()),
            '[' => {
                let inner: String = signs.by_ref().take_while(|c| *c != ']').collect();
                if let Some(sign) = inner.strip_prefix('$') {
                    let sign = sign.split('-').next().unwrap_or_default();
                    section.tokens.extend(sign.chars().map(Token::Literal));
                } else {
                    section.condition = section.condition.or(condition(&inner));
                }
            }
            'E' | 'e' if signs.peek().is_some_and(|next| "+-".contains(*next)) => {
                section.scientific = true;
            }
            'G' | 'g' => {
                section.general = true;
                while signs.next_if(char::is_ascii_alphabetic).is_some() {}
            }
            '@' => section.general = true,
            '0' | '#' | '?' => {
                section.grouped |= commas > 0;
                commas = 0;
                section.tokens.push(Token::Digit(sign));
            }
            ',' if section.has_digits() => commas += 1,
            '.' if !section.tokens.contains(&Token::Point) => section.tokens.push(Token::Point),
            '%' => {
                section.percent += 1;
                section.tokens.push(Token::Literal('%'));
            }
            '/' if section.has_digits() => {
                let behind: String = signs.by_ref().collect();
                section.fraction = Some(denominator(&behind));
            }
            other => section.tokens.push(Token::Literal(other)),
        }
    }
    section.thousands = commas;
    section
}

fn denominator(text: &str) -> Denominator {
    match text.trim().parse::<u32>() {
        Ok(fixed) if fixed > 0 => Denominator::Fixed(fixed.min(999)),
        _ => Denominator::Digits(text.chars().filter(|c| "0#?".contains(*c)).count().clamp(1, 3)),
    }
}

/// `>999`: for which numbers a section is.
fn condition(text: &str) -> Option<Condition> {
    let number = text.trim_start_matches(['<', '>', '=']);
    let compare = match &text[..text.len() - number.len()] {
        "<" => [true, false, false],
        "<=" => [true, true, false],
        "=" => [false, true, false],
        ">=" => [false, true, true],
        ">" => [false, false, true],
        "<>" => [true, false, true],
        _ => return None,
    };
    Some(Condition { compare, with: number.trim().parse().ok()? })
}

impl Condition {
    fn holds(self, value: f64) -> bool {
        let [less, equal, greater] = self.compare;
        (less && value < self.with)
            || (equal && value == self.with)
            || (greater && value > self.with)
    }
}

/// The section for a number, and the number as it is to be shown there.
fn chosen(sections: &[Section], value: f64) -> Option<(&Section, f64)> {
    let numbers = &sections[..sections.len().min(3)];
    if numbers.iter().any(|section| section.condition.is_some()) {
        let holds = |section: &&Section| section.condition.is_none_or(|c| c.holds(value));
        return numbers.iter().find(holds).map(|section| (section, value));
    }
    let at = match numbers.len() {
        1 => return numbers.first().map(|section| (section, value)),
        2 => usize::from(value < 0.0),
        _ if value < 0.0 => 1,
        _ if value == 0.0 => 2,
        _ => 0,
    };
    // A section for negative numbers writes their sign itself.
    numbers.get(at).map(|section| (section, value.abs()))
}

impl Section {
    fn has_digits(&self) -> bool {
        self.tokens.iter().any(|token| matches!(token, Token::Digit(_)))
    }

    fn count(&self, digit: char) -> usize {
        self.tokens.iter().filter(|token| **token == Token::Digit(digit)).count()
    }

    fn show(&self, value: f64) -> String {
        if self.scientific || (self.general && !self.has_digits()) {
            let plain = number(value);
            return if self.scientific { plain } else { format!("{}{plain}", self.literals()) };
        }
        if !self.has_digits() {
            return self.literals().trim().to_owned();
        }
        let shown = match self.fraction {
            Some(denominator) => fraction(value.abs(), denominator),
            None => self.decimal(value.abs()),
        };
        let shown = shown.trim();
        let negative = value < 0.0 && shown.chars().any(|c| ('1'..='9').contains(&c));
        if negative { format!("-{shown}") } else { shown.to_owned() }
    }

    fn literals(&self) -> String {
        let literal = |token: &Token| match token {
            Token::Literal(c) => Some(*c),
            _ => None,
        };
        self.tokens.iter().filter_map(literal).collect()
    }

    /// Halves are rounded up, as spreadsheets do it.
    fn decimal(&self, value: f64) -> String {
        let point = self.tokens.iter().position(|token| *token == Token::Point);
        let (before, after) = self.tokens.split_at(point.unwrap_or(self.tokens.len()));
        let after = after.get(1..).unwrap_or_default();
        let places = after.iter().filter(|token| matches!(token, Token::Digit(_))).count();
        let places = places.min(PLACES_MAX);
        let scale = 10_f64.powi(i32::try_from(places).unwrap_or(0));
        let value = without_noise(value * 10_f64.powi(2 * self.percent - 3 * self.thousands));
        let rounded = without_noise(value * scale).round() / scale;
        let digits = format!("{rounded:.places$}");
        let (whole, decimals) = digits.split_once('.').unwrap_or((&digits, ""));
        let whole = whole.trim_start_matches('0');
        let mut shown = self.whole(before, whole);
        if point.is_some() {
            shown.push('.');
        }
        let mut left = decimals.bytes().map(char::from).collect::<Vec<_>>();
        let wanted: Vec<char> = after
            .iter()
            .filter_map(|token| match token {
                Token::Digit(digit) => Some(*digit),
                _ => None,
            })
            .collect();
        while let (Some('0'), Some('#' | '?')) =
            (left.last(), wanted.get(left.len().wrapping_sub(1)))
        {
            left.pop();
        }
        let mut decimals = left.into_iter();
        for token in after {
            match token {
                Token::Digit(_) => shown.extend(decimals.next()),
                Token::Literal(c) => shown.push(*c),
                Token::Point => {}
            }
        }
        shown
    }

    /// Digits from the right into their places; the first place takes what is left.
    fn whole(&self, tokens: &[Token], digits: &str) -> String {
        let mut left: Vec<char> = digits.chars().collect();
        let mut reversed = Vec::new();
        let mut written = 0_u32;
        let mut put = |digit: char, reversed: &mut Vec<char>| {
            if self.grouped && written > 0 && written.is_multiple_of(3) {
                reversed.push(',');
            }
            reversed.push(digit);
            written += 1;
        };
        let first = tokens.iter().position(|token| matches!(token, Token::Digit(_)));
        for (at, token) in tokens.iter().enumerate().rev() {
            match token {
                Token::Literal(c) => reversed.push(*c),
                Token::Digit(kind) => {
                    match (left.pop(), kind) {
                        (Some(digit), _) => put(digit, &mut reversed),
                        (None, '0') => put('0', &mut reversed),
                        (None, '?') => reversed.push(' '),
                        (None, _) => {}
                    }
                    while Some(at) == first
                        && let Some(digit) = left.pop()
                    {
                        put(digit, &mut reversed);
                    }
                }
                Token::Point => {}
            }
        }
        // A format that begins with its point still shows the whole part.
        while first.is_none()
            && let Some(digit) = left.pop()
        {
            put(digit, &mut reversed);
        }
        reversed.into_iter().rev().collect()
    }
}

/// `1 1/2`: the nearest fraction whose denominator has so many digits.
fn fraction(value: f64, denominator: Denominator) -> String {
    let (whole, part) = (value.trunc(), value.fract());
    let range = match denominator {
        Denominator::Fixed(fixed) => fixed..=fixed,
        Denominator::Digits(digits) => 1..=10_u32.pow(u32::try_from(digits).unwrap_or(1)) - 1,
    };
    let apart = |below: &u32| {
        let below = f64::from(*below);
        ((part * below).round() / below - part).abs()
    };
    let below = range.min_by(|a, b| apart(a).total_cmp(&apart(b))).unwrap_or(1);
    let above = (part * f64::from(below)).round();
    match (whole, above) {
        (_, 0.0) => number(whole),
        _ if above == f64::from(below) => number(whole + 1.0),
        (0.0, _) => format!("{above}/{below}"),
        _ => format!("{} {above}/{below}", number(whole)),
    }
}

#[cfg(test)]
mod tests;
