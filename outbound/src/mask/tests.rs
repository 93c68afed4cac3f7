use proptest::prelude::*;
use serde_json::json;

use super::*;

#[test]
fn texts_are_shown_without_the_numbers_in_them() {
    for (given, shown) in [
        ("138 0000 0001", "138 **** ****"),
        ("１３８０００００００１", "１３８********"),
        ("१३८००००००००१", "१३८*********"),
        ("Priority 12", "Priority 12"),
        ("12-34-56", "12-34-56"),
        ("12-34-567", "12-3*-***"),
        ("138\n0000\r\n0001", "138\n****\r\n****"),
        ("138\u{200b}0000\u{3164}0001", "138\u{200b}****\u{3164}****"),
        ("138\\u{200b}0000\\u{a}0001", "138\\u{***b}****\\u{a}****"),
        ("(138)/0000_0001", "(138)/****_****"),
        ("138 0000 0001, or 139 0000 0002", "138 **** ****, or 139 **** ****"),
        ("age 34, 2 children, house 12, 3 cars", "age 34, 2 children, house 12, 3 cars"),
        ("batch_01kb2345678", "batch_01kb234****"),
        ("\\", "\\"),
        ("\\u{", "\\u{"),
        ("\\u{}138", "\\u{}138"),
        ("", ""),
    ] {
        assert_eq!(text(given), shown, "{given:?}");
    }
}

#[test]
fn a_number_that_is_said_in_several_lines_is_masked_in_all_of_them() {
    let mut lines = ["It is 138".to_owned(), "0000".to_owned(), "00 01, bye 12".to_owned()];
    parts(&mut lines.iter_mut().collect::<Vec<_>>());
    assert_eq!(lines, ["It is 138", "****", "** **, bye 12"]);
    let mut apart = ["138, you know".to_owned(), String::new(), "0000".to_owned()];
    parts(&mut apart.iter_mut().collect::<Vec<_>>());
    assert_eq!(apart, ["138, you know", "", "0000"]);
}

#[test]
fn json_keeps_its_ids_times_and_numbers() {
    let id = crate::ids::some::<crate::ids::TaskId>().to_string();
    let mut value = json!({
        "task": id, "at": "2026-12-01T02:00:00Z", "count": 12_345_678,
        "13800000001": ["13800000002"], "13800000003": null,
    });
    json(&mut value);
    assert_eq!(
        value,
        json!({
            "task": id, "at": "2026-12-01T02:00:00Z", "count": 12_345_678,
            "138********": ["138********"], "138******** (2)": null,
        })
    );
}

proptest! {
    #[test]
    fn no_number_is_left_whole_in_whatever_script_and_with_whatever_between(
        digits in proptest::collection::vec("\\p{Nd}", 7..20),
        between in proptest::collection::vec("[\\PL&&\\PM&&\\PN]{0,3}", 20),
        before in "\\PC{0,10}",
        after in "\\PC{0,10}",
    ) {
        // This version of Unicode may know letters that the one of the pattern does not.
        let between = between.iter().map(|between| between.replace(char::is_alphabetic, ""));
        let number: String =
            digits.iter().zip(between).map(|(digit, between)| format!("{digit}{between}")).collect();
        let shown = text(&format!("{before}{number}{after}"));
        let within: String = shown.chars().skip(before.chars().count()).take(number.chars().count()).collect();
        let left = within.chars().filter(|c| digit(*c).is_some()).count();
        prop_assert!(left <= SHOWN, "{shown:?}");
    }

    #[test]
    fn masking_keeps_the_length_and_masks_once(given in "\\PC{0,60}") {
        let shown = text(&given);
        prop_assert_eq!(shown.chars().count(), given.chars().count());
        prop_assert_eq!(text(&shown), shown.clone());
        prop_assert_eq!(holds_number(&given), shown != given);
    }
}
