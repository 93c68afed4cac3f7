use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::phone::parse;

fn strings(cells: &[&str]) -> Vec<String> {
    cells.iter().map(|cell| (*cell).to_owned()).collect()
}

fn header(custom: &[&str]) -> Vec<String> {
    template_headers(custom.iter().copied())
}

fn rules(required: &[&str], defaults: &[(&str, &str)]) -> RowRules {
    RowRules {
        region: "CN".into(),
        required: required.iter().map(|name| (*name).to_owned()).collect(),
        variables: required.iter().map(|name| (*name).to_owned()).collect(),
        defaults: defaults.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
    }
}

fn found(faults: &[Fault]) -> Vec<(&str, &str)> {
    faults.iter().map(|fault| (&*fault.pointer, &*fault.code)).collect()
}

#[test]
fn the_template_reads_back_with_a_column_for_each_variable() {
    let template = header(&["customerName", "ModelName", "customerName"]);
    assert_eq!(
        template,
        ["Phone Number", "Priority", "Caller ID", "Backup Numbers", "customerName", "ModelName"]
    );
    let columns = read_header(&template).unwrap();
    assert_eq!(columns.custom, ["customerName", "ModelName"]);
}

#[test]
fn a_header_row_that_is_not_the_templates_is_refused_and_says_which() {
    let full = ["Phone Number", "Priority", "Caller ID", "Backup Numbers"];
    let with = |custom: &[&str]| strings(&[&full[..], custom].concat());
    let wide: Vec<String> = (0..101).map(|at| format!("arg{at}")).collect();
    let wide: Vec<&str> = wide.iter().map(String::as_str).collect();
    for (cells, wrong) in [
        (with(&["arg1", "arg2", "", ""]), &[][..]),
        (with(&wide[..100]), &[]),
        (with(&wide), &[("/header", "too_many_columns")]),
        (
            strings(&["Phone", "Priority", "Caller ID", "Backup Numbers"]),
            &[("/header/0", "renamed_column")],
        ),
        (
            strings(&["phone number", "Priority", "Caller ID ", "Backup Numbers"]),
            &[("/header/0", "renamed_column"), ("/header/2", "renamed_column")],
        ),
        (
            strings(&["Phone Number", "Caller ID", "Backup Numbers", "arg1"]),
            &[("/header/1", "missing_column")],
        ),
        (
            strings(&["Phone Number", "", "Caller ID", "Backup Numbers"]),
            &[("/header/1", "missing_column")],
        ),
        (strings(&["Phone Number", "Priority", "Caller ID"]), &[("/header/3", "missing_column")]),
        (
            strings(&["Priority", "Phone Number", "Caller ID", "Backup Numbers"]),
            &[("/header/0", "misplaced_column"), ("/header/1", "misplaced_column")],
        ),
        (with(&["arg1", "Priority"]), &[("/header/5", "repeated_column")]),
        (with(&["arg1", "arg1"]), &[("/header/5", "repeated_column")]),
        (with(&["", "arg1"]), &[("/header/4", "required")]),
        (with(&[&"x".repeat(65)]), &[("/header/4", "too_long")]),
        (with(&[&"x".repeat(64)]), &[]),
    ] {
        let faults = read_header(&cells).err().unwrap_or_default();
        assert_eq!(found(&faults), wrong, "{cells:?}");
    }
    let mut marked = with(&[]);
    marked[0].insert(0, '\u{feff}');
    assert!(read_header(&marked).is_ok(), "a byte order mark is no part of the header");
}

#[test]
fn a_file_without_a_header_row_is_refused_without_showing_its_numbers() {
    let faults = read_header(&strings(&["13800000001", "5", "", ""])).unwrap_err();
    assert_eq!(found(&faults)[0], ("/header/0", "renamed_column"));
    assert!(!format!("{faults:?}").contains("13800000001"));
    assert!(faults[0].detail.ends_with("; `138********` is in its place"), "{}", faults[0].detail);
    assert_eq!(read_header(&[]).unwrap_err().len(), 4);
}

#[test]
fn a_header_that_is_wrong_is_shown_as_far_as_a_header_may_be_long() {
    let long = "x".repeat(65);
    let renamed = strings(&[&long, "Priority", "Caller ID", "Backup Numbers"]);
    let wanted = format!("`{}` is in its place", &long[..64]);
    let faults = read_header(&renamed).unwrap_err();
    assert!(faults[0].detail.ends_with(&wanted), "{}", faults[0].detail);
    let faults = read_header(&[header(&["city"]), strings(&["city"])].concat()).unwrap_err();
    assert!(faults[0].detail.starts_with("column `city` is there twice"), "{}", faults[0].detail);
}

#[test]
fn a_variable_that_no_column_and_no_default_gives_refuses_the_file() {
    let columns = read_header(&header(&["customerName"])).unwrap();
    assert_eq!(columns.check_variables(&rules(&["customerName"], &[])), Ok(()));
    assert_eq!(columns.check_variables(&rules(&["city"], &[("city", "Wuxi")])), Ok(()));
    let faults = columns.check_variables(&rules(&["CustomerName"], &[])).unwrap_err();
    let wrong = [("/header", "missing_variable"), ("/header/4", "renamed_column")];
    assert_eq!(found(&faults), wrong);
    assert!(faults[0].detail.contains("`CustomerName`"));
}

fn read(cells: &[&str]) -> Result<ParsedRow, Vec<RowError>> {
    let columns = read_header(&header(&["customerName", "city"])).unwrap();
    parse_row(&columns, &strings(cells), &rules(&["customerName"], &[]))
}

#[test]
fn a_row_of_the_guide_is_read() {
    let phone = |text| parse(text, "CN").unwrap();
    let row = read(&["13800000001", "7", "010-65529988", "13800000002, 13800000003", "Ms. Li", ""])
        .unwrap();
    assert_eq!(
        row,
        ParsedRow {
            phone: phone("13800000001"),
            priority: 7,
            caller_id: Some(phone("01065529988")),
            backups: vec![phone("13800000002"), phone("13800000003")],
            variables: BTreeMap::from([("customerName".into(), "Ms. Li".into())]),
        }
    );
    let short = read(&["1.3800000001E+10", "", "", ",", "=1+1"]).unwrap();
    assert_eq!((short.phone, short.priority), (phone("13800000001"), 0));
    assert_eq!(short.variables["customerName"], "=1+1", "data, never a formula");
    assert!(short.backups.is_empty());
}

#[test]
fn each_error_of_a_row_names_its_column() {
    let six =
        ["13800000002", "13800000003", "13800000004", "13800000005", "13800000006", "13800000007"];
    let six = six.join(",");
    assert_eq!(read(&["13800000001", "", "", &six, "Li"]).unwrap().backups.len(), 6);
    let seven = format!("{six},13800000008");
    let long = "x".repeat(1_001);
    for (cells, columns) in [
        (["", "", "", "", "Li", ""], &["Phone Number"][..]),
        (["someone", "", "", "", "Li", ""], &["Phone Number"]),
        (["13800000001", "-1", "", "", "Li", ""], &["Priority"]),
        (["13800000001", "1000000", "", "", "Li", ""], &["Priority"]),
        (["13800000001", "high", "", "", "Li", ""], &["Priority"]),
        (["13800000001", "", "9", "", "Li", ""], &["Caller ID"]),
        (["13800000001", "", "", &seven, "Li", ""], &["Backup Numbers"]),
        (["13800000001", "", "", "13800000002,12", "Li", ""], &["Backup Numbers"]),
        (["13800000001", "", "", "", " ", "Wuxi"], &["customerName"]),
        (["13800000001", "", "", "", &long, ""], &["customerName"]),
        (["13800000001", "", "", "", "Li", "a\0b"], &["city"]),
        (["13800000001", "", "", "", "#N/A", " #REF! "], &["customerName", "city"]),
        (["13", "x", "y", "", "", ""], &["Phone Number", "Priority", "Caller ID", "customerName"]),
    ] {
        let errors = read(&cells).unwrap_err();
        let found: Vec<_> = errors.iter().map(|error| error.column.as_str()).collect();
        assert_eq!(found, columns, "{cells:?}");
        assert!(errors.iter().all(|error| error.value.chars().count() <= CELL_CHARS_MAX));
    }
    assert!(read(&["13800000001", "999999", "", "", "Li"]).is_ok());
    assert!(read(&["13800000001", "5.0", "", "", &"x".repeat(1_000)]).is_ok());
    assert!(read(&["13800000001", "", "", "", "Li", "", ""]).is_ok());
    assert!(read(&["13800000001", "", "", "", "Li", "", "more"]).is_err());
}

#[test]
fn an_error_says_what_would_be_right() {
    let backups = "13800000002,".repeat(7);
    for (cells, reason) in [
        (
            ["13800000001", "high", "", "", "Li"],
            "is not a number in digits; must be a whole number from 0 to 999999",
        ),
        (["13800000001", "", "", &backups, "Li"], "has 7 backup numbers; at most 6 are allowed"),
        (["13800000001", "", "", "", "#REF!"], "is a spreadsheet's error; mend its formula"),
        (["13800000001", "", "", "", ""], "is empty; the voice navigation needs this variable"),
    ] {
        let errors = read(&cells).unwrap_err();
        assert_eq!((errors.len(), &*errors[0].reason), (1, reason));
    }
}

#[test]
fn a_phone_that_is_repeated_in_its_chain_is_dialled_once() {
    let row =
        read(&["13800000001", "", "", "13800000002,13800000001,+8613800000002", "Li"]).unwrap();
    assert_eq!(row.backups, [parse("13800000002", "CN").unwrap()]);
}

#[test]
fn a_task_default_stands_in_for_an_empty_cell() {
    let columns = read_header(&header(&["customerName"])).unwrap();
    let rules = rules(&["customerName"], &[("customerName", "Customer")]);
    let row = parse_row(&columns, &strings(&["13800000001"]), &rules).unwrap();
    assert!(row.variables.is_empty());
}

#[test]
fn an_error_does_not_print_the_number_it_is_about() {
    let errors = read(&["138000000012", "", "", "", "Li"]).unwrap_err();
    let printed = format!("{:?}", errors[0]);
    assert!(printed.starts_with("Phone Number: \"138*********\" "), "{printed}");
    assert_eq!(errors[0].masked_value(), "138*********");
    assert_eq!(errors[0].value, "138000000012");
}

#[test]
fn an_object_of_the_api_is_judged_as_a_row_is() {
    let input = |json: serde_json::Value| serde_json::from_value::<NumberInput>(json).unwrap();
    let good = input(serde_json::json!({
        "phone_number": "+8613800000001", "priority": 5, "backup_numbers": ["13800000002"],
        "variables": { "customerName": "Ms. Li" },
    }));
    let row = parse_input(&good, &rules(&["customerName"], &[])).unwrap();
    assert_eq!((row.priority, row.backups.len(), row.variables.len()), (5, 1, 1));
    let bad = input(serde_json::json!({
        "phone_number": "x", "priority": 1_000_000, "caller_id": "y",
        "backup_numbers": vec!["13800000002"; 7], "variables": { " ": "v" },
    }));
    let errors = parse_input(&bad, &rules(&["customerName"], &[])).unwrap_err();
    let columns: Vec<_> = errors.iter().map(|error| error.column.as_str()).collect();
    assert_eq!(
        columns,
        ["phone_number", "priority", "caller_id", "backup_numbers", "variables", "customerName"]
    );
    assert!(serde_json::from_str::<NumberInput>(r#"{"phone_number":"1","prio":1}"#).is_err());
}

#[test]
fn an_object_of_the_api_may_reach_each_of_its_bounds() {
    let names = |count: usize| -> BTreeMap<String, String> {
        (0..count).map(|at| (format!("name {at}"), "x".to_owned())).collect()
    };
    let number = |priority, variables: BTreeMap<String, String>| NumberInput {
        phone_number: "13800000001".into(),
        priority,
        caller_id: Some(" ".into()),
        backup_numbers: vec![String::new()],
        variables,
    };
    let named = |name: String| BTreeMap::from([(name, "x".to_owned())]);
    for (input, wrong) in [
        (number(999_999, names(100)), &[][..]),
        (number(1_000_000, names(1)), &["priority"]),
        (number(0, names(101)), &["variables"]),
        (number(0, named("名".repeat(64))), &[]),
        (number(0, named("名".repeat(65))), &["variables"]),
    ] {
        let read = parse_input(&input, &rules(&[], &[]));
        if let Ok(row) = &read {
            assert_eq!((row.priority, row.caller_id), (input.priority, None));
            assert_eq!((row.variables.len(), row.backups.len()), (input.variables.len(), 0));
        }
        let errors = read.err().unwrap_or_default();
        let found: Vec<_> = errors.iter().map(|error| error.column.as_str()).collect();
        assert_eq!(found, wrong);
    }
    let shown = format!("{:?}", number(0, names(1)));
    assert!(shown.contains("138****") && !shown.contains("13800000001"), "{shown}");
}

#[test]
fn rows_with_nothing_in_them_are_no_rows() {
    for (cells, blank) in
        [(&[][..], true), (&["", " ", "\t"], true), (&["", "x"], false), (&["0"], false)]
    {
        assert_eq!(is_blank(&strings(cells)), blank, "{cells:?}");
    }
}

#[test]
fn a_default_of_spaces_is_none() {
    let columns = read_header(&header(&["customerName"])).unwrap();
    let rules = rules(&["customerName"], &[("customerName", " ")]);
    let errors = parse_row(&columns, &strings(&["13800000001"]), &rules).unwrap_err();
    assert_eq!(errors[0].column, "customerName");
    assert_eq!(errors.len(), 1);
}

#[test]
fn options_out_of_bounds_are_named() {
    let options = |format, encoding: &str| ImportOptions {
        batch_name: "May".into(),
        batch_priority: 999_999,
        dedupe: Dedupe::None,
        start: StartType::Manual,
        all_or_nothing: false,
        format,
        encoding: encoding.into(),
        hidden_rows: HiddenRows::Skip,
    };
    let wrong = ImportOptions {
        batch_name: " ".into(),
        batch_priority: 1_000_000,
        ..options(ImportFormat::Csv, "auto")
    };
    let faults = wrong.check().unwrap_err();
    assert_eq!(found(&faults), [("/batch_name", "required"), ("/batch_priority", "too_large")]);
    for (format, encoding, wrong) in [
        (ImportFormat::Csv, "auto", &[][..]),
        (ImportFormat::Csv, "windows-1252", &[]),
        (ImportFormat::Csv, "GB18030", &[]),
        (ImportFormat::Csv, "latin2", &[]),
        (ImportFormat::Csv, "utf-7", &[("/encoding", "unknown_encoding")]),
        (ImportFormat::Csv, "", &[("/encoding", "unknown_encoding")]),
        (ImportFormat::Json, "utf-8", &[]),
        (ImportFormat::Xlsx, "gb18030", &[("/encoding", "not_for_format")]),
    ] {
        let faults = options(format, encoding).check().err().unwrap_or_default();
        assert_eq!(found(&faults), wrong, "{format:?} {encoding}");
    }
}

#[test]
fn a_header_that_misses_a_variable_by_its_case_or_spaces_is_refused_with_its_name() {
    let rules = RowRules { variables: BTreeSet::from(["customer name".into()]), ..rules(&[], &[]) };
    for (header_cell, wrong) in [
        ("customer name", &[][..]),
        ("city", &[]),
        ("Customer Name", &[("/header/4", "renamed_column")]),
        (" customer name", &[("/header/4", "renamed_column")]),
        ("customerName", &[("/header/4", "renamed_column")]),
        ("customer name\u{200b}", &[("/header/4", "renamed_column")]),
    ] {
        let columns = read_header(&header(&[header_cell])).unwrap();
        let faults = columns.check_variables(&rules).err().unwrap_or_default();
        assert_eq!(found(&faults), wrong, "{header_cell:?}");
        assert!(faults.iter().all(|fault| fault.detail.contains("`customer name`")));
    }
    let twice = read_header(&header(&["city", "city\u{200b}"])).unwrap_err();
    assert_eq!(found(&twice), [("/header/5", "repeated_column")]);
    assert!(read_header(&header(&["a\0b"])).is_err(), "a NUL has no place in a name");
}

#[test]
fn backup_numbers_may_stand_between_the_commas_of_chinese() {
    let row =
        read(&["13800000001", "", "", "13800000002，13800000003、13800000004", "Li"]).unwrap();
    assert_eq!(row.backups.len(), 3);
}

#[test]
fn a_formula_that_was_never_computed_is_an_error_of_its_row() {
    let errors = read(&["13800000001", "", "", "", FORMULA_WITHOUT_RESULT]).unwrap_err();
    assert!(errors[0].reason.starts_with("is a formula without a stored result"));
}

#[test]
fn an_error_shows_what_nobody_would_see() {
    let errors = read(&["\u{202d}138x", "", "", "", "a\0b"]).unwrap_err();
    assert_eq!(errors[0].value, "\\u{202d}138x");
    assert_eq!(errors[1].value, "a\\u{0}b");
}

proptest! {
    #[test]
    fn no_file_breaks_the_reader(rows in prop::collection::vec(prop::collection::vec("\\PC{0,20}", 0..8), 0..4)) {
        let columns = read_header(&header(&["customerName"])).unwrap();
        for row in &rows {
            let _ = read_header(row);
            let read = parse_row(&columns, row, &rules(&["customerName"], &[]));
            prop_assert!(!read.is_err_and(|errors| errors.is_empty()), "an error that names nothing");
        }
    }
}
