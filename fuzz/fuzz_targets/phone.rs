//! Phone numbers as people write them, in a region: two letters, then the text.

#![no_main]

use libfuzzer_sys::fuzz_target;
use outbound::mask;
use outbound::phone::{self, Phone};
use outbound::spreadsheet::defuse;

fuzz_target!(|text: &str| {
    let (region, text) = text.split_at_checked(2).unwrap_or(("CN", text));
    if let Ok(phone) = phone::parse(text, region) {
        // A number in its full form reads as itself in every region: it is stored and shown so.
        assert_eq!(phone::parse(&phone.reveal(), "DE"), Ok(phone));
        assert_eq!(Phone::from_digits(phone.digits()), phone);
        assert!(phone.masked().contains("****"));
    }
    let masked = mask::text(text);
    assert_eq!(masked.chars().count(), text.chars().count());
    assert!(defuse(text).ends_with(text));
});
