//! A workbook by its parts, between NULs: the sheet, shared texts, styles, the workbook, its relations. They are
//! packed into a ZIP whose checksums are right. A part that is left out is that of a plain workbook.

#![no_main]

use std::io::{Cursor, Write};

use libfuzzer_sys::fuzz_target;
use outbound::import::ImportFormat;
use zip::CompressionMethod;
use zip::write::{SimpleFileOptions, ZipWriter};

const ROOT: &str = r#"<Relationships><Relationship Id="a" Type="x/officeDocument" Target="xl/workbook.xml"/></Relationships>"#;

/// The parts in the order of the input, each with what it is without one.
const PARTS: [(&str, &str); 5] = [
    ("xl/worksheets/sheet1.xml", ""),
    ("xl/sharedStrings.xml", "<sst><si><t>Phone Number</t></si></sst>"),
    ("xl/styles.xml", "<styleSheet/>"),
    ("xl/workbook.xml", r#"<workbook><sheets><sheet name="May" r:id="s"/></sheets></workbook>"#),
    (
        "xl/_rels/workbook.xml.rels",
        r#"<Relationships><Relationship Id="s" Type="x/worksheet" Target="worksheets/sheet1.xml"/>
           <Relationship Id="t" Type="x/sharedStrings" Target="sharedStrings.xml"/>
           <Relationship Id="u" Type="x/styles" Target="styles.xml"/></Relationships>"#,
    ),
];

fn packed(bytes: &[u8]) -> zip::result::ZipResult<Vec<u8>> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let plain = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    zip.start_file("_rels/.rels", plain)?;
    zip.write_all(ROOT.as_bytes())?;
    let mut given = bytes.split(|byte| *byte == 0);
    for (name, usual) in PARTS {
        let part = given.next().filter(|part| !part.is_empty()).unwrap_or(usual.as_bytes());
        zip.start_file(name, plain)?;
        zip.write_all(part)?;
    }
    Ok(zip.finish()?.into_inner())
}

fuzz_target!(|bytes: &[u8]| {
    fuzz::read(&packed(bytes).expect("a ZIP"), ImportFormat::Xlsx);
});
