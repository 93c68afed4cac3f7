//! The files of `tests/stories/cases`, through the reader alone. The stories tell what people see of them.

use std::collections::BTreeSet;
use std::path::Path;

use outbound::import::{
    Dedupe, ENCODING_AUTO, HiddenRows, ImportFormat, ImportOptions, RowRules, StartType,
};

use crate::source::{ReadRow, Stop, read};

/// `good invalid hidden` of a file, or the code that it is refused with.
fn told(file: &str, encoding: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/stories/cases").join(file);
    let format = match path.extension().and_then(|end| end.to_str()) {
        Some("csv") => ImportFormat::Csv,
        Some("json") => ImportFormat::Json,
        _ => ImportFormat::Xlsx,
    };
    let options = ImportOptions {
        batch_name: "May".into(),
        batch_priority: 0,
        dedupe: Dedupe::None,
        start: StartType::Manual,
        all_or_nothing: false,
        format,
        encoding: encoding.into(),
        hidden_rows: HiddenRows::Skip,
    };
    let rules = RowRules {
        region: "CN".into(),
        variables: BTreeSet::from(["v".to_owned()]),
        ..RowRules::default()
    };
    let (mut good, mut invalid) = (0, 0);
    let mut sink = |chunk: Vec<ReadRow>| {
        for row in chunk {
            if row.parsed.is_ok() { good += 1 } else { invalid += 1 }
        }
        Ok(())
    };
    match read(&path, &options, &rules, &mut sink) {
        Ok(tally) => format!("{good} {invalid} {}", tally.hidden),
        Err(Stop::Refused(problem)) => problem.code,
        Err(Stop::Disk(error)) => panic!("{file}: {error}"),
    }
}

#[test]
fn each_odd_file_is_read_right_or_refused_by_name() {
    for (file, expected) in [
        ("sst_count.xlsx", "unreadable"),
        ("beyond_rows.xlsx", "cell_out_of_place"),
        ("amplify.xlsx", "cell_too_long"),
        ("encrypted.xlsx", "encrypted"),
        ("unclosed.csv", "unclosed_quote"),
        ("cp1252b.csv", "unknown_encoding"),
        ("latin2.csv", "unknown_encoding"),
        ("date_phone.xlsx", "1 0 0"),
        ("date_phone13_openpyxl.xlsx", "1 0 0"),
        ("fmt.xlsx", "27 0 0"),
        ("formula_nocache.xlsx", "0 2 0"),
        ("hidden_rows.xlsx", "1 0 2"),
        ("second_sheet_active.xlsx", "1 0 0"),
        ("utf16.csv", "1 0 0"),
        ("semicolon.csv", "1 0 0"),
        ("tab.csv", "1 0 0"),
        ("sep.csv", "1 0 0"),
        ("crlf_row_numbers.csv", "1 1 0"),
        ("lf_row_numbers.csv", "1 1 0"),
        ("lost_digits.csv", "0 2 0"),
        ("phones.csv", "32 17 0"),
        ("prio.csv", "9 6 0"),
        ("json_wrong_types.json", "0 2 0"),
        ("nul_variable_name.json", "0 1 0"),
    ] {
        assert_eq!(told(file, ENCODING_AUTO), expected, "{file}");
    }
    assert_eq!(told("cp1252b.csv", "windows-1252"), "1 0 0");
    assert_eq!(told("latin2.csv", "iso-8859-2"), "1 0 0");
}
