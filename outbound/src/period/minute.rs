//! A minute of a day.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::MINUTES_A_DAY;

/// A minute of a day, written `HH:MM`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Minute(u16);

impl Minute {
    /// The minute after `minutes` of midnight; `None` past 23:59.
    pub const fn new(minutes: u16) -> Option<Self> {
        if minutes < MINUTES_A_DAY { Some(Self(minutes)) } else { None }
    }

    /// Minutes since midnight.
    pub const fn of_day(self) -> u16 {
        self.0
    }
}

impl fmt::Display for Minute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

/// The text is not a minute of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a minute of a day; write it as HH:MM, from 00:00 to 23:59")]
pub struct NotAMinute;

impl FromStr for Minute {
    type Err = NotAMinute;

    fn from_str(text: &str) -> Result<Self, NotAMinute> {
        let digits = |part: &str| {
            (part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit()))
                .then(|| part.parse::<u16>().ok())
                .flatten()
        };
        let (hour, minute) = text.split_once(':').ok_or(NotAMinute)?;
        match (digits(hour), digits(minute)) {
            (Some(hour @ 0..=23), Some(minute @ 0..=59)) => Ok(Self(hour * 60 + minute)),
            _ => Err(NotAMinute),
        }
    }
}

impl Serialize for Minute {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Minute {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Minute {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Minute".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_read_back_and_nothing_else_is_one() {
        for text in ["00:00", "09:05", "23:59"] {
            assert_eq!(
                text.parse::<Minute>().map(|minute| minute.to_string()),
                Ok(text.to_owned())
            );
        }
        for text in ["24:00", "9:00", "09:60", "09-00", "09:00:00", "", "+9:00"] {
            assert_eq!(text.parse::<Minute>(), Err(NotAMinute), "{text}");
        }
    }

    #[test]
    fn the_api_documents_how_a_minute_is_written() {
        let schema = schemars::schema_for!(Minute);
        let pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$";
        assert_eq!(schema.get("type"), Some(&serde_json::json!("string")));
        assert_eq!(schema.get("pattern"), Some(&serde_json::json!(pattern)));
    }
}
