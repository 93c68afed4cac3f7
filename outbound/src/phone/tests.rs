use proptest::prelude::*;

use super::*;

#[test]
fn numbers_are_read_in_every_form_that_people_write() {
    for (text, region, digits) in [
        ("13800000001", "CN", 8_613_800_000_001),
        ("+8613800000001", "CN", 8_613_800_000_001),
        ("+86 138-0000-0001", "DE", 8_613_800_000_001),
        ("8613800000001", "CN", 8_613_800_000_001),
        ("008613800000001", "CN", 8_613_800_000_001),
        (" 138 0000 0001 ", "CN", 8_613_800_000_001),
        ("(010) 6552 9988", "CN", 861_065_529_988),
        ("（010）65529988", "CN", 861_065_529_988),
        ("1.3800000001E+10", "CN", 8_613_800_000_001),
        ("1.3800000000E10", "CN", 8_613_800_000_000),
        ("\u{202d}13800000001\u{202c}", "CN", 8_613_800_000_001),
        ("\u{200b}138\u{2068}00000001\u{feff}", "CN", 8_613_800_000_001),
        ("１３８０００００００１", "CN", 8_613_800_000_001),
        ("＋８６ 138 0000 0001", "DE", 8_613_800_000_001),
        ("٠١٣٨٠٠٠٠٠٠٠١", "CN", 8_613_800_000_001),
        ("138–0000—0001", "CN", 8_613_800_000_001),
        ("138\u{2011}0000\u{2212}0001", "CN", 8_613_800_000_001),
        ("138\u{3000}0000\u{2009}0001\u{a0}", "CN", 8_613_800_000_001),
        ("138·0000·0001", "CN", 8_613_800_000_001),
        ("tel:13800000001", "CN", 8_613_800_000_001),
        ("TEL: +86 138 0000 0001", "DE", 8_613_800_000_001),
        ("\"13800000001\"", "CN", 8_613_800_000_001),
        ("\t13800000001", "CN", 8_613_800_000_001),
        ("13800000001.0", "CN", 8_613_800_000_001),
        ("'13800000001", "CN", 8_613_800_000_001),
        ("030 1234567", "DE", 49_301_234_567),
        ("+1 (212) 555-0123", "CN", 12_125_550_123),
        ("+39 06 1234 5678", "CN", 390_612_345_678),
    ] {
        assert_eq!(parse(text, region).map(Phone::digits), Ok(digits), "{text} {region}");
    }
}

#[test]
fn a_number_in_a_form_that_its_country_gave_up_is_read_as_it_is_dialled_today() {
    for (text, region, digits) in [
        ("+52 1 55 1234 5678", "CN", 525_512_345_678),
        ("+5215512345678", "MX", 525_512_345_678),
        ("00 52 1 222 123 4567", "CN", 522_221_234_567),
        ("1 55 1234 5678", "MX", 525_512_345_678),
        ("044 55 1234 5678", "MX", 525_512_345_678),
        ("045 55 1234 5678", "MX", 525_512_345_678),
        ("01 55 1234 5678", "MX", 525_512_345_678),
        ("+52 01 55 1234 5678", "CN", 525_512_345_678),
        ("+52 55 1234 5678", "CN", 525_512_345_678),
        ("+55 21 8123 4567", "CN", 5_521_981_234_567),
        ("(021) 9123-4567", "BR", 5_521_991_234_567),
        ("+55 21 98123 4567", "CN", 5_521_981_234_567),
        // A fixed line, and a block of eight digits that is still in use.
        ("+55 21 3123 4567", "CN", 552_131_234_567),
        ("+55 11 7123 4567", "CN", 551_171_234_567),
        ("09 8765 4321", "CL", 56_987_654_321),
        ("+56 9 8765 4321", "CN", 56_987_654_321),
        // Argentina's marks of a mobile are in force: 9 from abroad, 15 within.
        ("+54 9 11 6123 4567", "CN", 5_491_161_234_567),
        ("+54 11 15 6123 4567", "CN", 5_491_161_234_567),
        ("011 15 6123-4567", "AR", 5_491_161_234_567),
        ("0343 15 555 1212", "AR", 5_493_435_551_212),
        ("+54 11 6123 4567", "CN", 541_161_234_567),
    ] {
        assert_eq!(parse(text, region).map(Phone::digits), Ok(digits), "{text} {region}");
    }
    for (text, region) in [
        ("+52 1 55 1234 567", "CN"),
        ("+52 1 1 55 1234 5678", "CN"),
        ("+52 2 55 1234 5678", "CN"),
        ("+55 21 5123 456", "CN"),
        ("+55 00 8123 4567", "CN"),
        ("+56 0 9 8765 432", "CN"),
    ] {
        assert_eq!(parse(text, region), Err(NotAPhone::Unassigned), "{text} {region}");
    }
}

#[test]
fn what_is_no_number_is_told_why() {
    for (text, region, why) in [
        ("", "CN", NotAPhone::Empty),
        ("   ", "CN", NotAPhone::Empty),
        ("call me", "CN", NotAPhone::Character('c')),
        ("138000000O1", "CN", NotAPhone::Character('O')),
        ("13800000001;ext=5", "CN", NotAPhone::Character(';')),
        ("=1+1", "CN", NotAPhone::Character('=')),
        ("1.3800000000123E+10", "CN", NotAPhone::Rounded),
        ("1.38E+10", "CN", NotAPhone::Rounded),
        ("1.38002e10", "CN", NotAPhone::Rounded),
        ("1,38E+10", "CN", NotAPhone::Rounded),
        ("138/0000/0001", "CN", NotAPhone::Character('/')),
        ("13800000001/13800000002", "CN", NotAPhone::Character('/')),
        ("13800000001 ext. 5", "CN", NotAPhone::Character('e')),
        ("13800000001转5", "CN", NotAPhone::Character('转')),
        ("1380000000½", "CN", NotAPhone::Character('½')),
        ("13,800,000,001", "CN", NotAPhone::Character(',')),
        ("138_0000_0001", "CN", NotAPhone::Character('_')),
        ("138\u{0}00000001", "CN", NotAPhone::Character('\0')),
        ("\u{200b}", "CN", NotAPhone::Empty),
        ("1.38E+99", "CN", NotAPhone::Rounded),
        ("-1.38E+10", "CN", NotAPhone::Character('E')),
        ("1.38E+14", "CN", NotAPhone::Rounded),
        ("1.38E+999999999999999999999", "CN", NotAPhone::Rounded),
        ("13800000001", "", NotAPhone::Unreadable),
        ("13800000001", "XX", NotAPhone::Unreadable),
        ("1380000000", "CN", NotAPhone::Unassigned),
        ("+86138000000012345", "CN", NotAPhone::Unassigned),
        (&"1".repeat(65), "CN", NotAPhone::Unreadable),
        ("+8613800000001.0", "CN", NotAPhone::Unassigned),
        // Germany would assign it, and E.164 has no room for it.
        ("+49 30 1234567890123", "DE", NotAPhone::Unreadable),
    ] {
        assert_eq!(parse(text, region), Err(why), "{text} {region}");
    }
}

#[test]
fn a_number_may_be_written_with_as_much_space_as_a_cell_may_be_long() {
    let spread = |length: usize| format!("138{}00000001", " ".repeat(length - 11));
    assert_eq!(parse(&spread(64), "CN").map(Phone::digits), Ok(8_613_800_000_001));
    assert_eq!(parse(&spread(65), "CN"), Err(NotAPhone::Unreadable));
}

#[test]
fn every_test_number_of_the_simulated_line_can_be_imported() {
    for suffix in 1..=99u64 {
        let text = format!("{}", 13_800_000_000 + suffix);
        assert_eq!(parse(&text, "CN").map(Phone::digits), Ok(8_613_800_000_000 + suffix));
    }
}

#[test]
fn a_number_prints_masked() {
    let phone = parse("13800000001", "CN").unwrap();
    assert_eq!(
        format!("{phone} {phone:?} {}", phone.masked()),
        "138****0001 138****0001 138****0001"
    );
    assert_eq!(phone.reveal(), "+8613800000001");
    assert_eq!(Phone::from_digits(12_125_550_123).masked(), "121****0123");
    assert_eq!(Phone::from_digits(1_234_567).masked(), "123****");
    assert_eq!(Phone::from_digits(123_456_789).masked(), "123****89");
}

#[test]
fn an_error_names_the_character_that_is_wrong() {
    let told = |text| parse(text, "CN").unwrap_err().to_string();
    assert!(
        told("13800000001转5").starts_with("has `转` (U+8F6C), "),
        "{}",
        told("13800000001转5")
    );
    assert!(told("138\u{0}00000001").starts_with("has U+0000, "));
    assert!(told("1.38E+10").starts_with("was rounded by a spreadsheet"));
}

#[test]
fn only_regions_with_phone_numbers_are_known() {
    for (code, known) in [
        ("CN", true),
        ("DE", true),
        ("US", true),
        ("ZZ", false),
        ("cn", false),
        ("CHN", false),
        ("", false),
    ] {
        assert_eq!(region("/default_region", code).is_none(), known, "{code}");
    }
}

proptest! {
    #[test]
    fn no_text_breaks_the_reader(text in "\\PC{0,70}") {
        let _ = parse(&text, "CN");
    }

    #[test]
    fn a_number_reads_back_as_it_is_dialled(subscriber in 0u64..100_000_000) {
        let text = format!("138{subscriber:08}");
        let phone = parse(&text, "CN").unwrap();
        prop_assert_eq!(parse(&phone.reveal(), "DE"), Ok(phone));
        prop_assert!(!phone.masked().contains(&text));
    }
}
