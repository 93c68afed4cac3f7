//! One cell of a workbook as the text that its reader sees.
//!
//! A workbook keeps dates as numbers of days and hides how it shows them behind formats, so dates and times
//! are written in ISO's order, by their kind: `2026-01-01`, `2026-01-01 09:00`, `09:00`; seconds only where
//! there are any. A number that is no date, in a cell that is formatted as one, is given in its digits.

use chrono::{Days, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Timelike};

use crate::number_format::Shown;

const SECONDS_A_DAY: i64 = 86_400;
/// How a workbook writes what is shown with fifteen significant digits.
const SHOWN_DIGITS: usize = 15;
/// The day after 9999-12-31, in days: no spreadsheet shows it as a date.
const DAYS_END: f64 = 2_958_466.0;
/// Days between the first days of both systems: 1900 and 1904.
const DAYS_OF_1904: f64 = 1_462.0;
/// The ISO form of cells that keep their date as text.
const ISO: &str = "%Y-%m-%dT%H:%M:%S%.f";

/// A number of a cell, as its format shows it.
pub fn shown(value: f64, format: &Shown, is_1904: bool) -> String {
    match format {
        Shown::Date => date_time(value, is_1904).unwrap_or_else(|| number(value)),
        Shown::Duration if value.abs() < DAYS_END => duration(seconds(value)),
        Shown::Duration => number(value),
        Shown::General | Shown::Sections(_) => format.number(value),
    }
}

/// A date that a cell keeps as ISO's text.
pub fn iso_date(text: &str) -> String {
    NaiveDateTime::parse_from_str(text, ISO).map_or_else(|_| text.to_owned(), moment)
}

/// A phone number that a spreadsheet took for a number comes back as its digits, and a sum without the
/// noise of its last binary digit.
pub fn number(value: f64) -> String {
    without_noise(value).to_string()
}

pub fn without_noise(value: f64) -> f64 {
    format!("{value:.*e}", SHOWN_DIGITS - 1).parse().unwrap_or(value)
}

/// The nearest second to a number of days.
fn seconds(days: f64) -> i64 {
    let milliseconds = (days * SECONDS_A_DAY as f64 * 1_000.0).round() as i64;
    (milliseconds + 500).div_euclid(1_000)
}

/// None: no spreadsheet shows such a number as a date.
fn date_time(value: f64, is_1904: bool) -> Option<String> {
    if !(0.0..DAYS_END).contains(&value) {
        return None;
    }
    if value < 1.0 && seconds(value) < SECONDS_A_DAY {
        let second = u32::try_from(seconds(value)).ok()?;
        return NaiveTime::from_num_seconds_from_midnight_opt(second, 0).map(clock);
    }
    let seconds = seconds(value + if is_1904 { DAYS_OF_1904 } else { 0.0 });
    let (days, second) = (seconds.div_euclid(SECONDS_A_DAY), seconds.rem_euclid(SECONDS_A_DAY));
    // Spreadsheets hold 1900 for a leap year: day 60 is its 29th of February, and days before it are one
    // less from the first.
    let first = NaiveDate::from_ymd_opt(1899, 12, if days < 60 { 31 } else { 30 })?;
    let date = first.checked_add_days(Days::new(u64::try_from(days).ok()?))?;
    Some(moment(date.and_time(NaiveTime::MIN).checked_add_signed(TimeDelta::seconds(second))?))
}

/// A date, and its time where it has one.
fn moment(moment: NaiveDateTime) -> String {
    let date = moment.date().format("%Y-%m-%d").to_string();
    match moment.time() {
        time if time.num_seconds_from_midnight() == 0 => date,
        time => format!("{date} {}", clock(time)),
    }
}

fn clock(time: NaiveTime) -> String {
    let form = if time.second() == 0 { "%H:%M" } else { "%H:%M:%S" };
    time.format(form).to_string()
}

/// A length of time, whose hours may be many: `36:30`.
fn duration(seconds: i64) -> String {
    let sign = if seconds < 0 { "-" } else { "" };
    let seconds = seconds.unsigned_abs();
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    match seconds {
        0 => format!("{sign}{hours}:{minutes:02}"),
        _ => format!("{sign}{hours}:{minutes:02}:{seconds:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_cell_reads_as_its_date_and_its_time() {
        for (value, read) in [
            (45_291.375, "2023-12-31 09:00"),
            (46_023.0, "2026-01-01"),
            (46_023.375, "2026-01-01 09:00"),
            // 5:00 PM and 9:30:15, as a spreadsheet stores them: a little beside the second.
            (46_023.708_333_333_336, "2026-01-01 17:00"),
            (46_023.396_006_944_44, "2026-01-01 09:30:15"),
            (46_023.999_999_99, "2026-01-02"),
            (0.375, "09:00"),
            (0.0, "00:00"),
            (0.999_988_425_925_926, "23:59:59"),
            (1.0, "1900-01-01"),
            (59.0, "1900-02-28"),
            (61.0, "1900-03-01"),
            (2_958_465.0, "9999-12-31"),
        ] {
            assert_eq!(shown(value, &Shown::Date, false), read, "{value}");
        }
        assert_eq!(
            shown(46_023.375 - 1_462.0, &Shown::Date, true),
            "2026-01-01 09:00",
            "from 1904 on"
        );
    }

    #[test]
    fn a_number_that_is_no_date_reads_as_its_digits_whatever_its_format() {
        for (value, digits) in [
            (13_800_170_090.0, "13800170090"),
            (8_613_800_170_088.0, "8613800170088"),
            (2_958_466.0, "2958466"),
            (-1.0, "-1"),
        ] {
            assert_eq!(shown(value, &Shown::Date, false), digits);
        }
        assert_eq!(shown(8_613_800_170_088.0, &Shown::Duration, false), "8613800170088");
        for wild in [f64::MAX, f64::MIN, f64::INFINITY, f64::NAN, f64::MIN_POSITIVE] {
            for format in [Shown::Date, Shown::Duration, Shown::General, Shown::by("0.00,,%")] {
                let _ = (shown(wild, &format, true), format.digits(wild));
            }
        }
    }

    #[test]
    fn a_length_of_time_is_no_date() {
        for (value, read) in [
            (1.520_833_333_333_333_3, "36:30"),
            (0.003_472_222_222_222_222, "0:05"),
            (-0.5, "-12:00"),
        ] {
            assert_eq!(shown(value, &Shown::Duration, false), read);
        }
    }

    #[test]
    fn a_number_cell_reads_as_it_is_shown() {
        for (value, read) in [
            (13_800_000_001.0, "13800000001"),
            (1.38e10, "13800000000"),
            (8_613_800_000_001.0, "8613800000001"),
            (0.15, "0.15"),
            (0.1 + 0.2, "0.3"),
            (-2.5, "-2.5"),
            (5.0, "5"),
        ] {
            assert_eq!(shown(value, &Shown::General, false), read);
        }
    }

    #[test]
    fn a_date_that_is_kept_as_text_reads_like_the_others() {
        assert_eq!(iso_date("2026-01-01T09:00:00"), "2026-01-01 09:00");
        assert_eq!(iso_date("next week"), "next week");
    }
}
