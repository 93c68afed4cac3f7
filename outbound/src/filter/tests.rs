use proptest::prelude::*;

use super::*;

fn read(text: &str) -> String {
    match parse(text) {
        Ok(filter) => show(&filter),
        Err(error) => error.to_string(),
    }
}

fn show(filter: &Filter) -> String {
    let join = |parts: &[Filter], joint: &str| {
        format!("({})", parts.iter().map(show).collect::<Vec<_>>().join(joint))
    };
    match filter {
        Filter::All(parts) => join(parts, " & "),
        Filter::Any(parts) => join(parts, " | "),
        Filter::Not(inner) => format!("!{}", show(inner)),
        Filter::Test(test) => {
            let key = test.key.as_ref().map(|key| format!(".{key}")).unwrap_or_default();
            format!("{}{key} {} {:?}", test.field.name, test.op.mark(), test.value)
        }
    }
}

#[test]
fn filters_read_as_people_mean_them() {
    for (text, shown) in [
        ("", "()"),
        ("  ", "()"),
        ("result = \"answered\" AND turns >= 6", "(result = \"answered\" & turns >= 6)"),
        ("result=busy", "result = \"busy\""),
        ("called_status != 'no_answer'", "called_status != \"no_answer\""),
        ("called_status = \"\"", "called_status = \"\""),
        ("NOT transferred = true", "!transferred = true"),
        ("-transferred = true", "!transferred = true"),
        (
            "(turns < 2 OR turns > 8) AND robot_name : Li",
            "((turns < 2 | turns > 8) & robot_name : \"Li\")",
        ),
        ("NOT (turns = 1 AND round = 0)", "!(turns = 1 & round = 0)"),
        ("started_at >= 2026-12-01T09:00:00+08:00", "started_at >= 2026-12-01 01:00:00 UTC"),
        (
            "variables.customerName = \"Ms. \\\"Li\\\"\"",
            "variables.customerName = \"Ms. \\\"Li\\\"\"",
        ),
        ("variables.\"a b\" : x", "variables.a b : \"x\""),
        ("variables.姓名 = 李", "variables.姓名 = \"李\""),
        ("variables : customerName", "variables : \"customerName\""),
        ("intent_tags : vip", "intent_tags : \"vip\""),
        ("customer_number = +8613800000001", "customer_number = 138****0001"),
        ("talk_seconds > -1.5", "talk_seconds > -1.5"),
        ("turns<=2", "turns <= 2"),
        ("turns!=2", "turns != 2"),
        ("cause = 'it''s'", "column 13: expected AND, OR or the end"),
        ("cause = 'it\\'s'", "cause = \"it's\""),
        ("cause = 'say \"x\"'", "cause = \"say \\\"x\\\"\""),
        ("cause=worker_lost)", "column 18: expected AND, OR or the end"),
        ("(cause=worker_lost)", "cause = \"worker_lost\""),
        ("NOTE = 1", "column 1: there is no field `NOTE`"),
        ("turns = 1 ORround = 2", "column 11: expected AND, OR or the end"),
    ] {
        assert_eq!(read(text), shown, "{text}");
    }
}

#[test]
fn a_fault_names_its_column_and_what_would_be_right() {
    for (text, column, detail) in [
        ("turn = 5", 1, "there is no field `turn`"),
        ("turns > 1 AND nope = 2", 15, "there is no field `nope`"),
        ("turns", 6, "expected an operator: = != < <= > >= or :"),
        ("turns = ", 9, "expected a value"),
        ("turns = many", 9, "`turns` is a number"),
        ("turns = NaN", 9, "`turns` is a number"),
        ("turns = 1e999", 9, "`turns` is a number"),
        ("cause = \"a\0b\"", 9, "a value can't have a NUL character (U+0000)"),
        ("variables.\"a\0\" = b", 11, "a name can't have a NUL character (U+0000)"),
        ("started_at > 0000-01-01T00:00:00Z", 14, "`started_at` must be in the years 1 to 9999"),
        ("cause = \"x\\", 9, "the text that begins here has no closing \""),
        (
            "customer_number = 12",
            19,
            "`customer_number` is a phone number; write it in E.164 (+8613800000001)",
        ),
        ("variables .x = y", 11, "expected an operator: = != < <= > >= or :"),
        ("turns : 5", 7, "`turns` knows = != < <= > >=, not :"),
        ("result > busy", 8, "`result` knows = !=, not >"),
        ("hangup_party = robot", 16, "`hangup_party` is one of: customer, system"),
        ("transferred = maybe", 15, "`transferred` is true or false"),
        (
            "started_at > yesterday",
            14,
            "`started_at` is a time, as 2026-12-01T09:00:00Z (RFC 3339)",
        ),
        ("task = everything", 8, "`task` is an id, as task_01k9…"),
        ("virtual_number : 1", 1, "`virtual_number` can be shown, and not filtered by"),
        ("result.x = busy", 1, "`result` is one value and has no parts"),
        ("variables = x", 11, "`variables` knows :, not ="),
        ("variables. = x", 12, "expected a name after the dot"),
        ("cause = \"x", 9, "the text that begins here has no closing \""),
        ("(turns = 1", 11, "expected `)`"),
        ("turns = 1)", 10, "expected AND, OR or the end"),
        ("turns = 1 turns = 2", 11, "expected AND, OR or the end"),
        ("turns = 1 AND", 14, "expected the name of a field"),
        (
            "turns = 1 AND round = 2 OR round = 3",
            25,
            "AND and OR side by side: put brackets around what belongs together",
        ),
    ] {
        let error = parse(text).unwrap_err();
        assert_eq!((error.column, &*error.detail), (column, detail), "{text}");
    }
}

#[test]
fn a_filter_is_shown_without_the_numbers_that_it_asks_for() {
    for (text, shown) in [
        (
            "customer_number = +8613800000001 AND started_at >= 2026-12-01T09:00:00Z",
            "customer_number = +861********** AND started_at >= 2026-12-01T09:00:00Z",
        ),
        (
            "task = task_01h455vb4pex5vsknk084sn02q AND variables.\"1380000\" : \"138 0000 0001\" ",
            "task = task_01h455vb4pex5vsknk084sn02q AND variables.\"138****\" : \"*** **** ****\" ",
        ),
        ("变 = 13800000001", "变 = 138********"),
        ("", ""),
    ] {
        assert_eq!(masked(text), shown);
    }
}

#[test]
fn a_filter_has_bounds() {
    let long = |chars: usize| format!("cause = \"{}\"", "电".repeat(chars - 10));
    assert!(parse(&long(FILTER_CHARS_MAX)).is_ok());
    let too_long = parse(&long(FILTER_CHARS_MAX + 1)).unwrap_err();
    assert_eq!(too_long.column, FILTER_CHARS_MAX + 1, "where it should have ended");
    let tests = |count| vec!["turns = 1"; count].join(" AND ");
    assert!(parse(&tests(TESTS_MAX)).is_ok());
    assert!(parse(&tests(TESTS_MAX + 1)).is_err());
    let deep = |depth| format!("{}turns = 1{}", "(".repeat(depth), ")".repeat(depth));
    assert!(parse(&deep(DEPTH_MAX)).is_ok());
    assert!(parse(&deep(DEPTH_MAX + 1)).is_err());
    for not in ["NOT ", "-"] {
        assert!(parse(&format!("{}turns = 1", not.repeat(DEPTH_MAX))).is_ok(), "{not}");
        assert!(parse(&format!("{}turns = 1", not.repeat(DEPTH_MAX + 1))).is_err(), "{not}");
    }
}

#[test]
fn phones_may_be_written_in_the_national_form_of_a_region() {
    assert!(parse("customer_number = 13800000001").is_err());
    assert!(parse_over("customer_number = 13800000001", FIELDS, "CN").is_ok());
}

proptest! {
    #[test]
    fn no_text_breaks_the_reader(text in "\\PC{0,60}") {
        if let Err(error) = parse(&text) {
            prop_assert!(error.column >= 1 && error.column <= text.chars().count() + 1);
        }
    }

    #[test]
    fn a_quoted_value_reads_back(value in "\\PC{0,30}") {
        let quoted = value.replace('\\', "\\\\").replace('"', "\\\"");
        let Filter::Test(test) = parse(&format!("cause = \"{quoted}\"")).unwrap() else { panic!() };
        prop_assert_eq!(test.value, Value::Text(value));
    }
}
