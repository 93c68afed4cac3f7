//! One cell of a workbook as the text that its reader sees.
//!
//! A workbook keeps dates as numbers of days and hides how it shows them behind styles, so dates and times
//! are written in ISO's order, by their kind: `2026-01-01`, `2026-01-01 09:00`, `09:00`; seconds only where
//! there are any. A percentage has the places that its format shows: 0.15 is `15%`, or `15.0%`.

use calamine::{DataRef, ExcelDateTime};
use chrono::{NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Timelike};

const SECONDS_A_DAY: i64 = 86_400;
/// How a workbook writes what is shown with fifteen significant digits.
const SHOWN_DIGITS: usize = 15;
/// Places of a percentage that are shown, at most.
const PLACES_MAX: usize = 15;
/// The ISO form of cells that keep their date as text.
const ISO: &str = "%Y-%m-%dT%H:%M:%S%.f";

/// How a cell's style shows its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    Number,
    Percent { places: usize },
}

impl Shown {
    /// By a number format (ECMA-376, part 1, 18.8.31): its first section is the one for numbers above 0,
    /// and what is quoted or escaped in it is only text.
    pub fn by(format: &str) -> Self {
        let (mut places, mut after_point, mut percent) = (0, false, false);
        let mut signs = format.chars();
        while let Some(sign) = signs.next() {
            match sign {
                '"' => while signs.next().is_some_and(|text| text != '"') {},
                '[' => while signs.next().is_some_and(|text| text != ']') {},
                '\\' | '_' | '*' => drop(signs.next()),
                ';' => break,
                '.' => after_point = true,
                '0' | '#' | '?' if after_point => places += 1,
                '%' => percent = true,
                _ => {}
            }
        }
        if percent { Self::Percent { places: places.min(PLACES_MAX) } } else { Self::Number }
    }
}

/// What stands in the cell; empty where nothing does.
pub fn text(value: &DataRef<'_>, shown_as: Shown) -> String {
    match value {
        DataRef::Int(value) if shown_as == Shown::Number => value.to_string(),
        DataRef::Int(value) => numeral(*value as f64, shown_as),
        DataRef::Float(value) => numeral(*value, shown_as),
        DataRef::String(value) => value.clone(),
        DataRef::SharedString(value) => (*value).to_owned(),
        DataRef::Bool(value) => value.to_string().to_uppercase(),
        DataRef::DateTime(value) => date_time(*value),
        DataRef::DateTimeIso(value) => match NaiveDateTime::parse_from_str(value, ISO) {
            Ok(moment) => shown(moment),
            Err(_) => value.clone(),
        },
        DataRef::DurationIso(value) => value.clone(),
        DataRef::Error(error) => error.to_string(),
        DataRef::Empty => String::new(),
    }
}

fn numeral(value: f64, shown_as: Shown) -> String {
    match shown_as {
        Shown::Number => number(value),
        Shown::Percent { places } => percent(value, places),
    }
}

/// A phone number that a spreadsheet took for a number comes back as its digits, and a sum without the
/// noise of its last binary digit.
fn number(value: f64) -> String {
    without_noise(value).to_string()
}

/// Halves are rounded up, as spreadsheets do it.
fn percent(value: f64, places: usize) -> String {
    let scale = 10_f64.powi(i32::try_from(places).unwrap_or(0));
    // Plus zero: what rounds to nothing has no sign.
    let hundredths = without_noise(without_noise(value * 100.0) * scale).round() / scale + 0.0;
    format!("{hundredths:.places$}%")
}

fn without_noise(value: f64) -> f64 {
    format!("{value:.*e}", SHOWN_DIGITS - 1).parse().unwrap_or(value)
}

fn date_time(value: ExcelDateTime) -> String {
    let days = value.as_f64();
    let seconds =
        TimeDelta::try_milliseconds((days * SECONDS_A_DAY as f64 * 1_000.0).round() as i64);
    let Some(seconds) = seconds.map(|whole| (whole.num_milliseconds() + 500).div_euclid(1_000))
    else {
        return number(days);
    };
    if value.is_duration() {
        return duration(seconds);
    }
    if (0..SECONDS_A_DAY).contains(&seconds) {
        let time = u32::try_from(seconds).ok();
        let time = time.and_then(|time| NaiveTime::from_num_seconds_from_midnight_opt(time, 0));
        return time.map_or_else(|| number(days), clock);
    }
    // The parts are of the millisecond at or before the moment; a clock shows the nearest second.
    let (year, month, day, hour, minute, second, milli) = value.to_ymd_hms_milli();
    let date = NaiveDate::from_ymd_opt(year.into(), month.into(), day.into());
    let moment = date.and_then(|date| {
        date.and_hms_milli_opt(hour.into(), minute.into(), second.into(), milli.into())
    });
    let moment = moment.and_then(|moment| moment.checked_add_signed(TimeDelta::milliseconds(500)));
    moment.map_or_else(|| number(days), shown)
}

/// A date, and its time where it has one.
fn shown(moment: NaiveDateTime) -> String {
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
    use calamine::{CellErrorType, ExcelDateTimeType};

    use super::*;

    fn day(value: f64, is_1904: bool) -> String {
        let date = ExcelDateTime::new(value, ExcelDateTimeType::DateTime, is_1904);
        plain(&DataRef::DateTime(date))
    }

    fn plain(value: &DataRef<'_>) -> String {
        text(value, Shown::Number)
    }

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
        ] {
            assert_eq!(day(value, false), read, "{value}");
        }
        assert_eq!(day(46_023.375 - 1_462.0, true), "2026-01-01 09:00", "from 1904 on");
    }

    #[test]
    fn a_length_of_time_is_no_date() {
        let length = |value| ExcelDateTime::new(value, ExcelDateTimeType::TimeDelta, false);
        assert_eq!(plain(&DataRef::DateTime(length(1.520_833_333_333_333_3))), "36:30");
        assert_eq!(plain(&DataRef::DateTime(length(0.003_472_222_222_222_222))), "0:05");
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
            assert_eq!(plain(&DataRef::Float(value)), read);
        }
    }

    #[test]
    fn a_percentage_reads_as_its_format_shows_it() {
        for (value, format, read) in [
            (0.15, "0%", "15%"),
            (0.15, "0.00%", "15.00%"),
            (0.1234, "0%", "12%"),
            (0.145, "0%", "15%"),
            (0.29, "0%", "29%"),
            (-0.155, "0.0%;[Red]-0.0%", "-15.5%"),
            (1.0, "#,##0 %", "100%"),
            (-0.001, "0%", "0%"),
            (0.15, "General", "0.15"),
            (0.15, "0.00", "0.15"),
            (0.15, "0.00\"% of it\"", "0.15"),
            (0.15, "0.00\\%", "0.15"),
            (0.15, "0.00;0%", "0.15"),
        ] {
            assert_eq!(text(&DataRef::Float(value), Shown::by(format)), read, "{value} {format}");
        }
        assert_eq!(text(&DataRef::Int(2), Shown::by("0%")), "200%");
        let word = DataRef::SharedString("all");
        assert_eq!(text(&word, Shown::by("0%")), "all");
    }

    #[test]
    fn other_cells_read_as_their_words() {
        for (value, read) in [
            (DataRef::Bool(true), "TRUE"),
            (DataRef::Error(CellErrorType::NA), "#N/A"),
            (DataRef::DateTimeIso("2026-01-01T09:00:00".into()), "2026-01-01 09:00"),
            (DataRef::DateTimeIso("next week".into()), "next week"),
            (DataRef::SharedString(" Ms. Li "), " Ms. Li "),
            (DataRef::Empty, ""),
        ] {
            assert_eq!(plain(&value), read);
        }
    }
}
