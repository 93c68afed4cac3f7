//! Keys of a telephone, and what is to be dialled with them.

use std::fmt;
use std::str::FromStr;

/// Steps of one request to send digits.
pub const STEPS_MAX: usize = 64;

const KEYS: [char; 16] =
    ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '#', 'A', 'B', 'C', 'D'];

/// A key: `0`–`9`, `*`, `#`, `A`–`D`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digit(u8);

impl Digit {
    pub fn from_char(key: char) -> Option<Self> {
        let place = KEYS.iter().position(|known| known.eq_ignore_ascii_case(&key))?;
        u8::try_from(place).ok().map(Self)
    }

    /// By its number in RFC 4733, section 3.2.
    pub fn from_event(event: u8) -> Option<Self> {
        (usize::from(event) < KEYS.len()).then_some(Self(event))
    }

    /// Its number in RFC 4733.
    pub fn event(self) -> u8 {
        self.0
    }

    pub fn as_char(self) -> char {
        KEYS[usize::from(self.0)]
    }

    /// The two tones of the key, in hertz (ITU-T Q.23).
    pub fn tones_hz(self) -> (u32, u32) {
        const ROWS: [u32; 4] = [697, 770, 852, 941];
        const COLUMNS: [u32; 4] = [1_209, 1_336, 1_477, 1_633];
        let (row, column) = match self.as_char() {
            '1' => (0, 0),
            '2' => (0, 1),
            '3' => (0, 2),
            'A' => (0, 3),
            '4' => (1, 0),
            '5' => (1, 1),
            '6' => (1, 2),
            'B' => (1, 3),
            '7' => (2, 0),
            '8' => (2, 1),
            '9' => (2, 2),
            'C' => (2, 3),
            '*' => (3, 0),
            '0' => (3, 1),
            '#' => (3, 2),
            _ => (3, 3),
        };
        (ROWS[row], COLUMNS[column])
    }
}

impl fmt::Display for Digit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.as_char())
    }
}

/// One step of dialling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DialStep {
    Press(Digit),
    Pause { ms: u32 },
}

/// Keys to press, one after another: `12#`. A comma waits a second, a `w` half a second.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digits(Vec<DialStep>);

impl Digits {
    pub fn steps(&self) -> &[DialStep] {
        &self.0
    }
}

/// A text that names no keys to press.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotDigits(&'static str);

impl FromStr for Digits {
    type Err = NotDigits;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let step = |key| match key {
            ',' => Ok(DialStep::Pause { ms: 1_000 }),
            'w' => Ok(DialStep::Pause { ms: 500 }),
            key => Digit::from_char(key)
                .map(DialStep::Press)
                .ok_or(NotDigits("digits are 0-9, *, #, A-D, and `,` or `w` for a pause")),
        };
        match text.chars().count() {
            0 => Err(NotDigits("no digits to send")),
            1..=STEPS_MAX => text.chars().map(step).collect::<Result<_, _>>().map(Self),
            _ => Err(NotDigits("too many digits at a time")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_its_event_and_its_sign() {
        for event in 0..16 {
            let digit = Digit::from_event(event).unwrap();
            assert_eq!(digit.event(), event);
            assert_eq!(Digit::from_char(digit.as_char()), Some(digit));
        }
        assert_eq!(Digit::from_event(16), None);
        assert_eq!(Digit::from_char('x'), None);
        assert_eq!(Digit::from_char('d').unwrap().event(), 15);
        assert_eq!(Digit::from_char('5').unwrap().tones_hz(), (770, 1_336));
    }

    #[test]
    fn digits_are_bounded_and_checked() {
        let digits: Digits = "1,#w".parse().unwrap();
        let press = |key| DialStep::Press(Digit::from_char(key).unwrap());
        let pause = |ms| DialStep::Pause { ms };
        assert_eq!(digits.steps(), [press('1'), pause(1_000), press('#'), pause(500)]);
        for wrong in ["", "12e", &"1".repeat(STEPS_MAX + 1)] {
            assert!(wrong.parse::<Digits>().is_err(), "{wrong}");
        }
    }
}
