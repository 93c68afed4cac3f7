//! Which times a request may name: those of the years 1 to 9999, as RFC 3339 writes them. A calendar knows others;
//! a database, a spreadsheet and most clients do not.

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime};

/// The first and the last year.
pub const YEARS: std::ops::RangeInclusive<i32> = 1..=9_999;

/// What is wrong with a time that is too far away, behind its name.
pub const TOO_FAR: &str = "must be in the years 1 to 9999";

/// Whether a time is in these years, in UTC.
pub fn is_near(at: impl Datelike) -> bool {
    YEARS.contains(&at.year())
}

/// Whether a text is a time, a date, or a date with a time of day, of another year.
pub fn is_far(text: &str) -> bool {
    let year = match (text.parse::<DateTime<chrono::FixedOffset>>(), text.parse::<NaiveDateTime>())
    {
        (Ok(at), _) => at.to_utc().year(),
        (_, Ok(at)) => at.year(),
        _ => match text.parse::<NaiveDate>() {
            Ok(date) => date.year(),
            Err(_) => return false,
        },
    };
    !YEARS.contains(&year)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_beyond_what_others_can_keep_is_far() {
        for (text, far) in [
            ("2026-12-01T09:00:00Z", false),
            ("0001-01-01T00:00:00Z", false),
            ("0001-01-01T00:00:00+08:00", true),
            ("9999-12-31T23:59:59Z", false),
            ("9999-12-31T23:59:59-08:00", true),
            ("+10000-01-01T00:00:00Z", true),
            ("-5000-01-01T00:00:00Z", true),
            ("+262000-01-01", true),
            ("-5000-01-01T09:00:00", true),
            ("2026-12-01", false),
            ("no time", false),
            ("+8613800000001", false),
        ] {
            assert_eq!(is_far(text), far, "{text}");
        }
    }
}
