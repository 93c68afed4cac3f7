//! Phone numbers as people write them, in a region: two letters, then the text.

#![no_main]

use libfuzzer_sys::fuzz_target;
use outbound::phone::{self, Phone};
use outbound::spreadsheet::defuse;

fuzz_target!(|text: &str| {
    let (region, text) = text.split_at_checked(2).unwrap_or(("CN", text));
    if let Ok(phone) = phone::parse(text, region) {
        // What is stored and shown is the number that was read, wherever it is read again.
        assert_eq!(phone::parse(&phone.reveal(), "DE"), Ok(phone));
        assert_eq!(Phone::from_digits(phone.digits()), phone);
        assert!(phone.masked().contains("****"));
    }
    let masked = phone::mask_digits(text);
    assert_eq!(masked.chars().count(), text.chars().count());
    assert!(defuse(text).ends_with(text));
});
