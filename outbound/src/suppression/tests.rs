use super::*;

fn at(text: &str) -> Time {
    DateTime::parse_from_rfc3339(text).expect("a time").to_utc()
}

fn rules() -> RowRules {
    RowRules {
        region: "CN".into(),
        zone: chrono_tz::Asia::Shanghai,
        now: at("2026-12-01T02:00:00Z"),
        reason: "of the file".into(),
        expires_at: None,
    }
}

fn cells(text: &[&str]) -> Vec<String> {
    text.iter().map(|cell| (*cell).to_owned()).collect()
}

fn read(header: &[&str], row: &[&str]) -> Result<Entry, Vec<RowError>> {
    read_row(read_header(&cells(header)).expect("a header"), &cells(row), &rules())
}

#[test]
fn a_header_has_the_phone_first_and_then_what_rows_have_of_their_own() {
    for header in [
        &["Phone Number"][..],
        &["\u{feff}Phone Number", "", " "],
        &["Phone Number", "Reason"],
        &["Phone Number", "Expires At"],
        &["Phone Number", "Expires At", "Reason"],
    ] {
        assert!(read_header(&cells(header)).is_ok(), "{header:?}");
    }
    for (header, told) in [
        (&[][..], "/header/0 missing_column"),
        (&["", "Phone Number"], "/header/0 missing_column"),
        (&["phone number"], "/header/0 missing_column"),
        (&["13800000001"], "/header/0 missing_column"),
        (&["Phone Number", "Phone Number"], "/header/1 repeated_column"),
        (&["Phone Number", "Reason", "Reason"], "/header/2 repeated_column"),
        (
            &["Phone Number", "Expiry", "", "Reason"],
            "/header/1 unknown_column /header/2 unknown_column",
        ),
    ] {
        let faults = read_header(&cells(header)).expect_err("faults");
        let found: Vec<String> =
            faults.iter().map(|fault| format!("{} {}", fault.pointer, fault.code)).collect();
        assert_eq!(found.join(" "), told, "{header:?}");
    }
    let faults = read_header(&cells(&["13800000001"])).expect_err("faults");
    assert!(faults[0].detail.contains("`138********`"), "{faults:?}");
}

#[test]
fn a_row_has_its_own_reason_and_expiry_or_those_of_the_file() {
    let row = read(&["Phone Number"], &["138 0000 0001"]).expect("a row");
    assert_eq!(row.phone.digits(), 8_613_800_000_001);
    assert_eq!((row.reason.as_str(), row.expires_at), ("of the file", None));
    let all = ["Phone Number", "Reason", "Expires At"];
    for (expiry, utc) in [
        ("2026-12-31", "2026-12-30T16:00:00Z"),
        ("2026-12-31 09:00", "2026-12-31T01:00:00Z"),
        ("2026-12-31 09:00:30", "2026-12-31T01:00:30Z"),
        ("2026-12-31T09:00:30", "2026-12-31T01:00:30Z"),
        ("2026-12-31T09:00:00+01:00", "2026-12-31T08:00:00Z"),
        ("2026-12-31T09:00:00Z", "2026-12-31T09:00:00Z"),
    ] {
        let row = read(&all, &["13800000001", "asked", expiry]).expect("a row");
        assert_eq!((row.reason.as_str(), row.expires_at), ("asked", Some(at(utc))), "{expiry}");
    }
}

#[test]
fn what_is_wrong_with_a_row_is_told_by_its_columns() {
    let all = ["Phone Number", "Reason", "Expires At"];
    let long = "x".repeat(201);
    for (row, columns) in [
        (&["", "", ""][..], &["Phone Number"][..]),
        (&["letters"], &["Phone Number"]),
        (&["13800000001", &long], &["Reason"]),
        (&["13800000001", "", "soon"], &["Expires At"]),
        (&["13800000001", "", "31.12.2026"], &["Expires At"]),
        (&["13800000001", "", "2026-12-01 10:00"], &["Expires At"]),
        (&["13800000001", "", "", "more"], &[""]),
        (&["13", "\0", "#N/A"], &["Phone Number", "Reason", "Expires At"]),
    ] {
        let errors = read(&all, row).expect_err("errors");
        let found: Vec<&str> = errors.iter().map(|error| error.column.as_str()).collect();
        assert_eq!(found, columns, "{row:?}");
    }
}

#[test]
fn options_are_checked_as_an_entry_and_a_file_are() {
    let now = at("2026-12-01T02:00:00Z");
    let good = FileOptions::new(TableFormat::Csv);
    assert!(good.check(now).is_ok());
    for (options, pointer) in [
        (FileOptions { reason: "x".repeat(201), ..good.clone() }, "/reason"),
        (FileOptions { expires_at: Some(now), ..good.clone() }, "/expires_at"),
        (FileOptions { encoding: "klingon".into(), ..good.clone() }, "/encoding"),
        (
            FileOptions { encoding: "gb18030".into(), format: TableFormat::Xlsx, ..good },
            "/encoding",
        ),
    ] {
        let faults = options.check(now).expect_err("faults");
        assert_eq!(faults[0].pointer, pointer, "{faults:?}");
    }
}
