//! What a file really is, whatever its name says: told to people by name.

use std::fs::File;
use std::io::{Read, Seek};

use crate::source::{Stop, refused};

const HEAD_BYTES: u64 = 1 << 12;
/// Bytes that are searched for the streams of an old Office file.
const SEARCHED_BYTES_MAX: u64 = 200 << 20;
/// Every old Office file begins so, and every new one that has a password.
const OLD_OFFICE: &[u8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";

/// A file that holds text between delimiters, as far as its first bytes tell.
pub fn must_be_csv(file: &mut File) -> Result<(), Stop> {
    let head = head(file)?;
    let found = match foreign(file, &head)? {
        None if head.starts_with(b"PK\x03\x04") => "an Excel workbook (.xlsx) or another ZIP",
        None => return Ok(()),
        Some(Foreign::Encrypted) => return Err(encrypted()),
        Some(Foreign::Named(name)) => name,
    };
    Err(wrong(found, "name it by what it is, or save it as CSV UTF-8"))
}

/// A ZIP, as workbooks are.
pub fn must_be_workbook(file: &mut File) -> Result<(), Stop> {
    let head = head(file)?;
    let found = match foreign(file, &head)? {
        Some(Foreign::Encrypted) => return Err(encrypted()),
        Some(Foreign::Named(name)) => name,
        None if head.starts_with(b"PK") => return Ok(()),
        None if json(&head) => "JSON",
        None if head.contains(&0) && !head.starts_with(b"\xff\xfe") => return Ok(()),
        None => "text, perhaps CSV",
    };
    Err(wrong(found, "open it in a spreadsheet and save it as Excel workbook (.xlsx)"))
}

/// Objects of the API.
pub fn must_be_json(file: &mut File) -> Result<(), Stop> {
    let head = head(file)?;
    let found = match foreign(file, &head)? {
        Some(Foreign::Encrypted) => return Err(encrypted()),
        Some(Foreign::Named(name)) => name,
        None if head.starts_with(b"PK\x03\x04") => "an Excel workbook (.xlsx) or another ZIP",
        None if head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff") => "UTF-16",
        None => return Ok(()),
    };
    Err(wrong(found, "send JSON in UTF-8"))
}

/// A file that is no Excel workbook, by the parts that it has.
pub fn of_parts(names: impl IntoIterator<Item: AsRef<str>>) -> Option<&'static str> {
    names.into_iter().find_map(|name| match name.as_ref() {
        "xl/workbook.bin" => Some("a binary Excel workbook (.xlsb)"),
        "word/document.xml" => Some("a Word document (.docx)"),
        "ppt/presentation.xml" => Some("a PowerPoint presentation (.pptx)"),
        "content.xml" => Some("an OpenDocument file (.ods)"),
        name if name.ends_with(".iwa") => Some("a Numbers document (.numbers)"),
        _ => None,
    })
}

/// Refused: it is something else.
pub fn wrong(found: &str, right: &str) -> Stop {
    refused("wrong_format", format!("is {found}; {right}"))
}

fn encrypted() -> Stop {
    refused("encrypted", "has a password; save it without one")
}

enum Foreign {
    Encrypted,
    Named(&'static str),
}

fn foreign(file: &mut File, head: &[u8]) -> Result<Option<Foreign>, Stop> {
    if head.starts_with(OLD_OFFICE) {
        let locked = has_stream(file, "EncryptedPackage")?;
        let old = "an old Excel workbook (.xls)";
        return Ok(Some(if locked { Foreign::Encrypted } else { Foreign::Named(old) }));
    }
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    let begins = |with: &str| {
        text.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with.as_bytes()))
    };
    let page = ["<!doctype html", "<html", "<head", "<table", "<meta", "<style"];
    let found = if page.iter().any(|tag| begins(tag)) {
        "a web page (HTML)"
    } else if begins("<?xml") || begins("<workbook") {
        "XML"
    } else if begins("%PDF-") {
        "a PDF"
    } else if begins("{\\rtf") {
        "a document (RTF)"
    } else if head.starts_with(b"\x1f\x8b") {
        "packed (gzip)"
    } else if head.starts_with(b"Rar!") || head.starts_with(b"7z\xbc\xaf") {
        "an archive"
    } else if head.starts_with(b"\x89PNG") || head.starts_with(b"\xff\xd8\xff") {
        "a picture"
    } else {
        return Ok(None);
    };
    Ok(Some(Foreign::Named(found)))
}

fn json(head: &[u8]) -> bool {
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    matches!(text.first(), Some(b'{' | b'['))
}

fn head(file: &mut File) -> Result<Vec<u8>, Stop> {
    file.rewind()?;
    let mut head = Vec::new();
    (&*file).take(HEAD_BYTES).read_to_end(&mut head)?;
    Ok(head)
}

/// An old Office file has a stream of this name: its directory spells it in UTF-16.
fn has_stream(file: &mut File, name: &str) -> Result<bool, Stop> {
    file.rewind()?;
    let wanted: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut window = Vec::new();
    let mut rest = (&*file).take(SEARCHED_BYTES_MAX);
    loop {
        let kept = window.len().min(wanted.len());
        window.drain(..window.len() - kept);
        if (&mut rest).take(HEAD_BYTES).read_to_end(&mut window)? == 0 {
            return Ok(false);
        }
        if window.windows(wanted.len()).any(|part| part == wanted) {
            return Ok(true);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn told(bytes: &[u8], must_be: fn(&mut File) -> Result<(), Stop>) -> String {
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(bytes).expect("written");
        match must_be(&mut file) {
            Ok(()) => "right".to_owned(),
            Err(Stop::Refused(problem)) => format!("{}: {}", problem.code, problem.detail),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_file_under_a_wrong_name_is_called_by_what_it_is() {
        let stream = |name: &str| {
            let name: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
            [OLD_OFFICE, &[0; 8_185], &name, &[0; 100]].concat()
        };
        let (old, locked) = (stream("Workbook"), stream("EncryptedPackage"));
        for (bytes, must_be, words) in [
            (
                &b"PK\x03\x04"[..],
                must_be_csv as fn(&mut File) -> _,
                "wrong_format: is an Excel workbook",
            ),
            (b"PK\x03\x04", must_be_workbook, "right"),
            (b"PK\x03\x04", must_be_json, "wrong_format: is an Excel workbook"),
            (b"Phone Number,Priority", must_be_workbook, "wrong_format: is text, perhaps CSV"),
            (b"Phone Number,Priority", must_be_csv, "right"),
            (b"{\"numbers\": []}", must_be_workbook, "wrong_format: is JSON"),
            (b"\xef\xbb\xbf <HTML><table>", must_be_workbook, "wrong_format: is a web page"),
            (b"<table>", must_be_csv, "wrong_format: is a web page"),
            (b"<?xml version=\"1.0\"?>", must_be_workbook, "wrong_format: is XML"),
            (b"%PDF-1.7", must_be_csv, "wrong_format: is a PDF"),
            (&old, must_be_workbook, "wrong_format: is an old Excel workbook (.xls)"),
            (&old, must_be_csv, "wrong_format: is an old Excel workbook (.xls)"),
            (&locked, must_be_workbook, "encrypted: has a password"),
            (b"\xff\xfe{\0", must_be_json, "wrong_format: is UTF-16"),
        ] {
            let told = told(bytes, must_be);
            assert!(told.starts_with(words), "{told}");
        }
    }
}
