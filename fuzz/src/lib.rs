//! What the targets share: reading a file, and the checks of what the reader gave.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::LazyLock;

use outbound::import::{
    BATCH_NUMBERS_MAX, CELL_CHARS_MAX, Dedupe, ENCODING_AUTO, HiddenRows, ImportFormat,
    ImportOptions, RowRules, StartType,
};
use tables::{ReadRow, Stop};
use tempfile::NamedTempFile;

/// Longer values stand in no error: each character may be written as its escape, `\u{10ffff}`.
const VALUE_CHARS_MAX: usize = CELL_CHARS_MAX * 10;

static RULES: LazyLock<RowRules> = LazyLock::new(|| RowRules {
    region: "CN".into(),
    variables: BTreeSet::from(["v".to_owned()]),
    ..RowRules::default()
});

/// Have a file read, as an import does it. The reader must end, with rows or by refusing it.
pub fn read(bytes: &[u8], format: ImportFormat) {
    read_as(bytes, format, ENCODING_AUTO);
}

/// The same, of an encoding that the import names.
pub fn read_as(bytes: &[u8], format: ImportFormat, encoding: &str) {
    let mut file = NamedTempFile::new_in("/dev/shm").expect("a file in memory");
    file.write_all(bytes).expect("written");
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
    let (mut rows, mut line) = (0, 0);
    let mut sink = |chunk: Vec<ReadRow>| {
        for row in chunk {
            assert!(row.line > line, "row {} comes behind row {line}", row.line);
            (rows, line) = (rows + 1, row.line);
            match row.parsed {
                Ok(parsed) => {
                    let values = parsed.variables.values();
                    let longest = values.map(|value| value.chars().count()).max();
                    assert!(longest.unwrap_or(0) <= CELL_CHARS_MAX);
                }
                Err(errors) => {
                    assert!(!errors.is_empty(), "a row is refused without a reason");
                    assert!(errors.iter().all(|e| e.value.chars().count() <= VALUE_CHARS_MAX));
                }
            }
        }
        Ok(())
    };
    match tables::read(file.path(), &options, &RULES, &mut sink) {
        Ok(_) => assert!((1..=BATCH_NUMBERS_MAX).contains(&rows)),
        Err(Stop::Refused(problem)) => assert!(!problem.code.is_empty()),
        // An import whose file can't be read is tried again, which helps where the machine is at fault and nowhere
        // else.
        Err(Stop::Disk(error)) => panic!("the file is taken for a fault of the disk: {error}"),
    }
}
