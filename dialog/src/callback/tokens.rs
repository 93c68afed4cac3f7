//! A sentence as words, signs and numbers, in English and Chinese alike.

use crate::answerer::words::{is_han, simplified};

/// Characters of a sentence that are read.
const TEXT_CHARS_MAX: usize = 1_000;
/// The longest number that is read; a longer one is a phone number or the like.
const DIGITS_MAX: usize = 4;

/// A piece of a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// A word in small letters, without apostrophes.
    Word(String),
    /// A Chinese sign that is no number.
    Sign(char),
    /// A number, in whatever script.
    Number(Number),
    /// A time in digits with a colon or a point between.
    Clock(Number, u32),
    /// A dash between two numbers or times.
    Dash,
    /// Punctuation, or something that is not read.
    Break,
}

/// A number as it was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Number {
    /// Its whole part.
    pub(super) value: u32,
    /// Its first decimal.
    pub(super) tenths: u32,
    /// It counts a place: “5th”, “second”.
    pub(super) ordinal: bool,
    /// It was written with a zero before it: “03”.
    pub(super) padded: bool,
}

impl Token {
    /// Whether it is this word.
    pub(super) fn is(&self, expected: &str) -> bool {
        matches!(self, Self::Word(word) if word == expected)
    }

    /// Whether it is this Chinese sign, which may be a number.
    fn is_sign(&self, expected: char) -> bool {
        match self {
            Self::Sign(sign) => *sign == expected,
            Self::Number(_) => {
                self.cardinal().is_some_and(|value| han_digit(expected) == Some(value))
            }
            _ => false,
        }
    }

    /// The number, if it is a whole one and counts no place.
    pub(super) fn cardinal(&self) -> Option<u32> {
        match self {
            Self::Number(number) if !number.ordinal && number.tenths == 0 => Some(number.value),
            _ => None,
        }
    }
}

/// Whether a sentence goes on with these words; Chinese ones without spaces, with a space after each Latin word.
pub(super) fn goes_on(tokens: &[Token], phrase: &str) -> Option<usize> {
    let mut length = 0;
    for part in phrase.split(' ') {
        if part.chars().next().is_some_and(is_han) {
            for sign in part.chars() {
                tokens.get(length).filter(|token| token.is_sign(sign))?;
                length += 1;
            }
        } else {
            tokens.get(length).filter(|token| token.is(part))?;
            length += 1;
        }
    }
    Some(length)
}

/// The longest of these phrases, with `/` between them, that a sentence goes on with.
pub(super) fn goes_on_any(tokens: &[Token], phrases: &str) -> Option<usize> {
    phrases.split('/').filter_map(|phrase| goes_on(tokens, phrase)).max()
}

/// The pieces of a sentence.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let signs: Vec<char> = text.chars().take(TEXT_CHARS_MAX).map(simplified).collect();
    let mut tokens = Vec::new();
    let mut rest = signs.as_slice();
    while let Some(sign) = rest.first() {
        let (token, length) = match sign {
            sign if sign.is_ascii_digit() => digits(rest),
            sign if is_han(*sign) => han(rest, &tokens),
            sign if sign.is_alphabetic() => latin(rest),
            sign if is_dash(*sign) && is_range(tokens.last(), &rest[1..]) => (Token::Dash, 1),
            sign if sign.is_whitespace() || is_dash(*sign) => {
                rest = &rest[1..];
                continue;
            }
            _ => (Token::Break, 1),
        };
        rest = &rest[length..];
        push(&mut tokens, token);
    }
    with_numbers(tokens)
}

fn is_dash(sign: char) -> bool {
    matches!(sign, '-' | '‐' | '–' | '—' | '~' | '～')
}

/// Whether a dash is between two numbers or times.
fn is_range(last: Option<&Token>, rest: &[char]) -> bool {
    let from = match last {
        Some(Token::Number(_) | Token::Clock(..)) => true,
        Some(word) => ["am", "pm"].iter().any(|half| word.is(half)),
        None => false,
    };
    let to = rest.iter().find(|sign| !sign.is_whitespace());
    from && to.is_some_and(|sign| sign.is_ascii_digit() || han_digit(*sign).is_some())
}

/// Adds a token; tens and ones that were said apart become one number.
fn push(tokens: &mut Vec<Token>, token: Token) {
    if let (Some(Token::Word(tens)), Token::Word(word)) = (tokens.last(), &token)
        && let (Some(tens), Some(ones)) = (tens_of(tens), small(word))
        && (1..10).contains(&ones.value)
    {
        tokens.pop();
        tokens.push(Token::Number(Number { value: tens + ones.value, ..ones }));
        return;
    }
    tokens.push(token);
}

/// Words of numbers become numbers once no further word belongs to them.
fn with_numbers(tokens: Vec<Token>) -> Vec<Token> {
    let numbered = tokens.into_iter().map(|token| {
        let Token::Word(word) = &token else { return token };
        let tens = tens_of(word).map(|value| Number { value, ..Number::default() });
        small(word).or(tens).map_or(token, Token::Number)
    });
    numbered.collect()
}

fn tens_of(word: &str) -> Option<u32> {
    let tens = ["twenty", "thirty", "forty", "fifty"];
    (20..).step_by(10).zip(tens).find(|(_, name)| *name == word).map(|(value, _)| value)
}

/// A number below twenty, or a round place.
fn small(word: &str) -> Option<Number> {
    const CARDINALS: [&str; 20] = [
        "zero",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
        "thirteen",
        "fourteen",
        "fifteen",
        "sixteen",
        "seventeen",
        "eighteen",
        "nineteen",
    ];
    const ORDINALS: [&str; 20] = [
        "zeroth",
        "first",
        "second",
        "third",
        "fourth",
        "fifth",
        "sixth",
        "seventh",
        "eighth",
        "ninth",
        "tenth",
        "eleventh",
        "twelfth",
        "thirteenth",
        "fourteenth",
        "fifteenth",
        "sixteenth",
        "seventeenth",
        "eighteenth",
        "nineteenth",
    ];
    let number = |value, ordinal| Number { value, ordinal, ..Number::default() };
    let find = |names: [&str; 20]| {
        (0..20).zip(names).find(|(_, name)| *name == word).map(|(value, _)| value)
    };
    match word {
        "twentieth" => Some(number(20, true)),
        "thirtieth" => Some(number(30, true)),
        _ => find(CARDINALS)
            .map(|value| number(value, false))
            .or_else(|| find(ORDINALS).map(|value| number(value, true))),
    }
}

fn latin(signs: &[char]) -> (Token, usize) {
    let length = signs
        .iter()
        .position(|sign| !((sign.is_alphabetic() && !is_han(*sign)) || matches!(sign, '\'' | '’')))
        .unwrap_or(signs.len());
    let word = signs[..length].iter().filter(|sign| sign.is_alphabetic());
    (Token::Word(word.flat_map(|sign| sign.to_lowercase()).collect()), length)
}

/// Digits: a number, one with a decimal, a place, or a time of the day.
fn digits(signs: &[char]) -> (Token, usize) {
    let count = |signs: &[char]| signs.iter().take_while(|sign| sign.is_ascii_digit()).count();
    let value = |signs: &[char]| {
        signs.iter().fold(0u32, |value, sign| value * 10 + sign.to_digit(10).unwrap_or(0))
    };
    let length = count(signs);
    if length > DIGITS_MAX {
        return (Token::Break, length);
    }
    let number = Number {
        value: value(&signs[..length]),
        padded: length > 1 && signs[0] == '0',
        ..Number::default()
    };
    let after = &signs[length..];
    if let Some(mark @ (':' | '.')) = after.first() {
        let more = count(&after[1..]);
        let second = value(&after[1..=more.min(DIGITS_MAX)]);
        match (mark, more) {
            (_, 2) if number.value <= 24 && second < 60 => {
                return (Token::Clock(number, second), length + 3);
            }
            ('.', 1) => {
                let tenths = second;
                return (Token::Number(Number { tenths, ..number }), length + 2);
            }
            (_, 1..) => return (Token::Break, length + 1 + more),
            _ => {}
        }
    }
    let ordinal = ["st", "nd", "rd", "th"].iter().any(|end| {
        let letters = after.iter().take_while(|sign| sign.is_alphabetic()).count();
        after[..letters].iter().flat_map(|sign| sign.to_lowercase()).eq(end.chars())
    });
    (Token::Number(Number { ordinal, ..number }), length + if ordinal { 2 } else { 0 })
}

/// A Chinese number up to 99, or another sign. After 周, 期 and 拜 stands a day of the week, one sign.
fn han(signs: &[char], before: &[Token]) -> (Token, usize) {
    let number = |value, length| (Token::Number(Number { value, ..Number::default() }), length);
    let digit = |at: usize| signs.get(at).and_then(|sign| han_digit(*sign));
    let is_ten = |at: usize| signs.get(at) == Some(&'十');
    let weekday = matches!(before.last(), Some(Token::Sign('周' | '期' | '拜')));
    match digit(0) {
        Some(value) if weekday && value > 0 => number(value, 1),
        Some(0) if digit(1).is_some() => number(digit(1).unwrap_or(0), 2),
        Some(tens) if tens > 0 && is_ten(1) => match digit(2) {
            Some(ones) if ones > 0 => number(tens * 10 + ones, 3),
            _ => number(tens * 10, 2),
        },
        Some(value) => number(value, 1),
        None if is_ten(0) => match digit(1) {
            Some(ones) if ones > 0 => number(10 + ones, 2),
            _ => number(10, 1),
        },
        None => (Token::Sign(signs[0]), 1),
    }
}

fn han_digit(sign: char) -> Option<u32> {
    match sign {
        '〇' => Some(0),
        '两' => Some(2),
        _ => (0..10)
            .zip("零一二三四五六七八九".chars())
            .find(|(_, name)| *name == sign)
            .map(|(value, _)| value),
    }
}
