//! Numbers, dates and times of a workbook's cells: the number's eight bytes, then the format.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tables::cell;
use tables::number_format::Shown;

/// No number is shown longer than by all of its digits (308 of them), the largest format and its repeats.
const SHOWN_CHARS_MAX: usize = 2_000;

fuzz_target!(|input: ([u8; 8], bool, &str)| {
    let (bits, is_1904, text) = input;
    let value = f64::from_le_bytes(bits);
    let format = Shown::by(text);
    for shown in [cell::shown(value, &format, is_1904), format.digits(value), cell::iso_date(text)]
    {
        assert!(shown.chars().count() <= SHOWN_CHARS_MAX.max(text.chars().count()));
    }
    let built_in = Shown::built_in(u32::from(bits[0]));
    let _ = cell::shown(value, &built_in, is_1904);
});
