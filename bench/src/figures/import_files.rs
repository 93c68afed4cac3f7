//! Files for `import`: a plain one as CSV and as XLSX, the largest that is allowed, and one that nothing may hold.

use std::io::{Cursor, Write};

use anyhow::Result;
use rust_xlsxwriter::Workbook;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::tenant::phone;

/// Variables of the largest file.
const COLUMNS: u64 = 100;

/// Every second row is in the task already; five columns, two of them variables.
fn line(there: u64, row: u64) -> [String; 6] {
    let n = if row.is_multiple_of(2) { row % there.max(1) } else { there + row };
    let text = format!("+{}", phone(n).digits());
    [
        text,
        (row % 10).to_string(),
        String::new(),
        String::new(),
        format!("Customer {row}"),
        "Beijing".into(),
    ]
}

const HEADER: [&str; 6] =
    ["Phone Number", "Priority", "Caller ID", "Backup Numbers", "name", "place"];

pub fn csv(there: u64, rows: u64) -> Result<Vec<u8>> {
    let mut text = HEADER.join(",");
    text.push('\n');
    for row in 0..rows {
        text.push_str(&line(there, row).join(","));
        text.push('\n');
    }
    Ok(text.into_bytes())
}

pub fn xlsx(there: u64, rows: u64) -> Result<Vec<u8>> {
    let mut book = Workbook::new();
    let sheet = book.add_worksheet_with_constant_memory()?;
    for (column, name) in (0..).zip(HEADER) {
        sheet.write_string(0, column, name)?;
    }
    for row in 0..rows {
        for (column, cell) in (0..).zip(line(there, row)) {
            sheet.write_string(u32::try_from(row)? + 1, column, cell)?;
        }
    }
    Ok(book.save_to_buffer()?)
}

/// 100 variables of 1,000 characters in each row; the rows share a thousand texts.
pub fn wide(rows: u64) -> Result<Vec<u8>> {
    const TEXTS: u64 = 1_000;
    let mut zip = package()?;
    for text in 0..TEXTS {
        write!(zip, "<si><t>{}</t></si>", format!("{text:04} ").repeat(200))?;
    }
    header(&mut zip)?;
    for row in 0..rows {
        write!(zip, "</row><row><c><v>{}</v></c><c/><c/><c/>", phone(row).digits())?;
        for column in 0..COLUMNS {
            write!(zip, r#"<c t="s"><v>{}</v></c>"#, (row * 7 + column) % TEXTS)?;
        }
    }
    end(zip)
}

/// One text of 20 MB, which all of the row's 100 variables share.
pub fn one_long_text() -> Result<Vec<u8>> {
    const TEXT_BYTES: usize = 20 << 20;
    let mut zip = package()?;
    write!(zip, "<si><t>{}</t></si>", "A".repeat(TEXT_BYTES))?;
    header(&mut zip)?;
    write!(zip, "</row><row><c><v>{}</v></c><c/><c/><c/>", phone(1).digits())?;
    for _ in 0..COLUMNS {
        write!(zip, r#"<c t="s"><v>0</v></c>"#)?;
    }
    end(zip)
}

type Zip = ZipWriter<Cursor<Vec<u8>>>;

const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";

/// A workbook up to its first shared text.
fn package() -> Result<Zip> {
    let office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let package = "http://schemas.openxmlformats.org/package/2006/relationships";
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file("xl/workbook.xml", SimpleFileOptions::default())?;
    write!(
        zip,
        r#"<workbook xmlns="{MAIN}" xmlns:r="{office}"><sheets><sheet name="S" sheetId="1" r:id="a"/></sheets></workbook>"#
    )?;
    zip.start_file("xl/_rels/workbook.xml.rels", SimpleFileOptions::default())?;
    write!(
        zip,
        r#"<Relationships xmlns="{package}"><Relationship Id="a" Type="{office}/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="b" Type="{office}/sharedStrings" Target="sharedStrings.xml"/></Relationships>"#
    )?;
    zip.start_file("xl/sharedStrings.xml", SimpleFileOptions::default())?;
    write!(zip, r#"<sst xmlns="{MAIN}">"#)?;
    Ok(zip)
}

/// The end of the texts, and the sheet's header.
fn header(zip: &mut Zip) -> Result<()> {
    write!(zip, "</sst>")?;
    zip.start_file("xl/worksheets/sheet1.xml", SimpleFileOptions::default())?;
    write!(zip, r#"<worksheet xmlns="{MAIN}"><sheetData><row>"#)?;
    let names = HEADER.iter().take(4).map(|name| (*name).to_owned());
    for name in names.chain((0..COLUMNS).map(|column| format!("v{column}"))) {
        write!(zip, r#"<c t="inlineStr"><is><t>{name}</t></is></c>"#)?;
    }
    Ok(())
}

fn end(mut zip: Zip) -> Result<Vec<u8>> {
    write!(zip, "</row></sheetData></worksheet>")?;
    Ok(zip.finish()?.into_inner())
}
