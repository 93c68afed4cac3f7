//! What spreadsheets do with the cells of a file: what they would run, and how much a cell holds.

use unicode_segmentation::GraphemeCursor;

use crate::characters::is_invisible;

/// UTF-16 units of the text in a cell, at most (Excel's “specifications and limits”, which counts so).
pub const CELL_UNITS_MAX: usize = 32_767;

/// As much of a text as a cell holds. What people see as one character is not cut in two.
pub fn fitting(text: &str) -> &str {
    let mut units = 0;
    let over = text.char_indices().find(|(_, c)| {
        units += c.len_utf16();
        units > CELL_UNITS_MAX
    });
    let Some((end, _)) = over else { return text };
    let mut cursor = GraphemeCursor::new(end, text.len(), true);
    let whole = match cursor.is_boundary(text, 0) {
        Ok(true) => Some(end),
        _ => cursor.prev_boundary(text, 0).ok().flatten(),
    };
    // A character that alone is longer than a cell has to be cut.
    &text[..whole.filter(|whole| *whole > 0).unwrap_or(end)]
}

/// A cell of a CSV as its spreadsheet shows it and does not run it: `'` goes before what it would run.
pub fn defuse(text: &str) -> String {
    if is_run(text) { format!("'{text}") } else { text.to_owned() }
}

/// Whether a spreadsheet that opens a CSV would compute something of this cell (OWASP, CSV injection).
///
/// It takes what begins with `=`, `+`, `-` or `@` for a formula, also behind spaces, tabs and line ends, and
/// Japanese ones the wide forms of these signs, too. But a sign before a plain number is the number's:
/// `-12.5` and `+8613800000001` are read as numbers, and a sign alone is a text. `+1-800-555` is a sum.
fn is_run(text: &str) -> bool {
    let unseen = |c: char| c.is_whitespace() || c.is_control() || is_invisible(c);
    let mut rest = text.trim_matches(unseen).chars();
    match rest.next() {
        Some('=' | '@' | '＝' | '＠') => !rest.as_str().is_empty(),
        Some('+' | '-' | '＋' | '－') => {
            !rest.as_str().is_empty() && !is_plain_number(rest.as_str())
        }
        _ => false,
    }
}

/// Digits, with one point or comma, an exponent and a percent sign at most.
fn is_plain_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let text = text.strip_suffix('%').unwrap_or(text);
    let (number, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let places = match number.split_once(['.', ',']) {
        Some((whole, places)) => (whole.is_empty() || digits(whole)) && digits(places),
        None => digits(number),
    };
    places && digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_a_spreadsheet_would_run_is_defused() {
        for text in [
            "=1+1",
            "=HYPERLINK(\"http://x\",\"y\")",
            "+cmd|'/c calc'!A0",
            "-2+3",
            "@SUM(1)",
            " =1",
            "\t=1",
            "\r\n=1",
            "\u{feff}=1",
            "\u{a0}@x",
            "＝1",
            "＋A1",
            "－A1",
            "＠x",
            "+1-800-555-1234",
            "+49 170 1234567",
            "-A1",
            "+e5",
            "-1.2.3",
            "-1e",
            "--1",
            "+(1)",
            "- a list\n- of points",
        ] {
            assert_eq!(defuse(text), format!("'{text}"), "{text:?}");
        }
    }

    #[test]
    fn what_no_spreadsheet_runs_stays_as_it_is() {
        for text in [
            "",
            "May",
            "-12.5",
            "-12,5",
            "-.5",
            "+5%",
            "-1.5E+10",
            "+8613800000001",
            " -3 ",
            "-",
            "+",
            "=",
            "'=1+1",
            "\tMay",
            "\nMay",
            "a=b",
            "1+1",
            "138****0001",
            "\u{2014} said Ann",
        ] {
            assert_eq!(defuse(text), text, "{text:?}");
        }
    }

    #[test]
    fn a_text_is_cut_by_utf16_units_and_never_within_a_character() {
        let x = |count: usize| "x".repeat(count);
        for (text, units) in [
            (x(CELL_UNITS_MAX), CELL_UNITS_MAX),
            (x(CELL_UNITS_MAX + 1), CELL_UNITS_MAX),
            ("李".repeat(40_000), CELL_UNITS_MAX),
            ("😀".repeat(20_000), CELL_UNITS_MAX - 1),
            // A surrogate pair, a letter with its accent, a flag, a family: whole or not at all.
            (x(CELL_UNITS_MAX - 1) + "😀", CELL_UNITS_MAX - 1),
            (x(CELL_UNITS_MAX - 1) + "e\u{301}", CELL_UNITS_MAX - 1),
            (x(CELL_UNITS_MAX - 3) + "🇩🇪", CELL_UNITS_MAX - 3),
            (x(CELL_UNITS_MAX - 5) + "👩\u{200d}👩\u{200d}👦", CELL_UNITS_MAX - 5),
            (x(CELL_UNITS_MAX - 2) + "\r\n.", CELL_UNITS_MAX),
            (x(CELL_UNITS_MAX - 1) + "\r\n.", CELL_UNITS_MAX - 1),
            // One character that is longer than a cell.
            ("e".to_owned() + &"\u{301}".repeat(40_000), CELL_UNITS_MAX),
        ] {
            let fits = fitting(&text);
            assert_eq!(fits.encode_utf16().count(), units);
            assert!(text.starts_with(fits));
        }
    }

    proptest! {
        #[test]
        fn no_cell_of_a_csv_begins_as_a_formula(text in "[ =+@\t\r\n＝－-]{0,3}\\PC{0,10}") {
            let cell = defuse(&text);
            let begins = cell.trim().chars().next();
            let sign = begins.is_some_and(|c| "=+-@＝＋－＠".contains(c));
            let letter = cell.chars().any(|c| c.is_alphabetic() && !"eE".contains(c));
            prop_assert!(!(sign && letter), "{:?}", cell);
            prop_assert!(cell.ends_with(&text));
        }
    }
}
