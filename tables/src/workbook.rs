//! The parts of a workbook: its sheets, the texts that cells share, and how numbers are shown.
//!
//! A workbook is a ZIP that may unpack to anything, and says of itself whatever it likes. So what it unpacks
//! to is counted before it is read, nothing is reserved by a count that it names, and each text is bounded
//! while it is read.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use outbound::spreadsheet::CELL_UNITS_MAX;
use quick_xml::events::Event;
use zip::ZipArchive;

use crate::kind;
use crate::number_format::{STYLES_MAX, Shown};
use crate::source::{Stop, refused};
use crate::xml::{Xml, add_reference, attribute, broken, not_a_workbook, seen, too_long};

/// Bytes that the shared texts may unpack to: all of them are held.
const TEXTS_BYTES_MAX: u64 = 64 << 20;
/// Bytes that a workbook may unpack to.
const UNPACKED_BYTES_MAX: u64 = 1 << 30;
/// Parts of a workbook.
const PARTS_MAX: usize = 1_000;
/// Bytes of the shortest element of the shared texts, `<si/>`.
const TEXT_BYTES_MIN: u64 = 5;

pub type Zip = ZipArchive<BufReader<File>>;

/// A sheet that people see.
#[derive(Debug, Clone)]
pub struct Sheet {
    pub name: String,
    /// Its place in the ZIP.
    pub part: usize,
}

/// What all sheets share.
#[derive(Debug, Default)]
pub struct Workbook {
    /// Visible ones, in their order.
    pub sheets: Vec<Sheet>,
    pub texts: Texts,
    /// By the number of a cell's style.
    pub formats: Vec<Shown>,
    pub is_1904: bool,
}

/// Texts by their number, in one piece of memory.
#[derive(Debug, Default)]
pub struct Texts {
    all: String,
    ends: Vec<u32>,
}

impl Texts {
    pub fn get(&self, at: usize) -> Option<&str> {
        let end = usize::try_from(*self.ends.get(at)?).ok()?;
        let start =
            at.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        self.all.get(usize::try_from(start).ok()?..end)
    }

    fn push(&mut self, text: &str) -> Result<(), Stop> {
        self.all.push_str(text);
        self.ends.push(u32::try_from(self.all.len()).map_err(|_| too_long())?);
        Ok(())
    }
}

/// Open the file at `path`, whatever it is.
pub fn open(path: &Path) -> Result<(Zip, Workbook), Stop> {
    let mut file = File::open(path)?;
    kind::must_be_workbook(&mut file)?;
    let mut zip = ZipArchive::new(BufReader::new(file)).map_err(|_| not_a_workbook())?;
    check_unpacked(&mut zip)?;
    let root = relations(&mut zip, "_rels/.rels")?;
    let main = root.values().find(|relation| relation.is("officeDocument"));
    let main = main.map_or_else(|| "xl/workbook.xml".to_owned(), |main| main.place(""));
    let Some(part) = part(&zip, &main) else {
        let found = kind::of_parts(zip.file_names().filter_map(Result::ok));
        return Err(found.map_or_else(not_a_workbook, |found| {
            kind::wrong(found, "open it in a spreadsheet and save it as Excel workbook (.xlsx)")
        }));
    };
    if let Some(found) = kind::of_parts([&main]) {
        return Err(kind::wrong(found, "save it as Excel workbook (.xlsx)"));
    }
    let (folder, name) = main.rsplit_once('/').unwrap_or(("", &main));
    let relations = relations(&mut zip, &format!("{folder}/_rels/{name}.rels"))?;
    let mut book = Workbook::default();
    let sheets = sheets(&mut zip, part, &mut book.is_1904)?;
    let place = |zip: &Zip, relation: &Relation| self::part(zip, &relation.place(folder));
    for (name, id) in sheets {
        let relation = relations.get(&id).filter(|relation| relation.is("worksheet"));
        if let Some(part) = relation.and_then(|relation| place(&zip, relation)) {
            book.sheets.push(Sheet { name, part });
        }
    }
    for relation in relations.values() {
        let Some(part) = place(&zip, relation) else { continue };
        if relation.is("sharedStrings") {
            book.texts = texts(&mut zip, part)?;
        } else if relation.is("styles") {
            book.formats = formats(&mut zip, part)?;
        }
    }
    Ok((zip, book))
}

/// A part of the ZIP, by its place in it.
pub fn xml(
    zip: &mut Zip,
    part: usize,
) -> Result<Xml<zip::read::ZipFile<'_, BufReader<File>>>, Stop> {
    Ok(Xml::new(zip.by_index(part).map_err(|_| not_a_workbook())?))
}

/// Names of parts have no case.
fn part(zip: &Zip, name: &str) -> Option<usize> {
    zip.index_for_name(name).or_else(|| {
        let same = |found: &str| found.eq_ignore_ascii_case(name);
        let name = zip.file_names().filter_map(Result::ok).find(|found| same(found))?.into_owned();
        zip.index_for_name(&name)
    })
}

/// Where a part leads to.
struct Relation {
    kind: String,
    target: String,
}

impl Relation {
    fn is(&self, kind: &str) -> bool {
        self.kind.rsplit('/').next() == Some(kind)
    }

    /// The part that it names, seen from a folder.
    fn place(&self, folder: &str) -> String {
        if let Some(whole) = self.target.strip_prefix('/') {
            return whole.to_owned();
        }
        let mut steps: Vec<&str> = folder.split('/').filter(|step| !step.is_empty()).collect();
        for step in self.target.split('/') {
            match step {
                "." => {}
                ".." => drop(steps.pop()),
                step => steps.push(step),
            }
        }
        steps.join("/")
    }
}

/// Relations by their ids; none where the part is missing.
fn relations(zip: &mut Zip, name: &str) -> Result<BTreeMap<String, Relation>, Stop> {
    let mut relations = BTreeMap::new();
    let Some(part) = part(zip, name) else { return Ok(relations) };
    let mut xml = xml(zip, part)?;
    loop {
        match xml.next()? {
            Event::Start(element) if element.local_name().into_inner() == "Relationship" => {
                let id = attribute(&element, "Id")?.unwrap_or_default();
                let kind = attribute(&element, "Type")?.unwrap_or_default();
                let target = attribute(&element, "Target")?.unwrap_or_default();
                relations.insert(id, Relation { kind, target });
            }
            Event::Eof => return Ok(relations),
            _ => {}
        }
    }
}

/// The visible sheets of the workbook: name and relation.
fn sheets(zip: &mut Zip, part: usize, is_1904: &mut bool) -> Result<Vec<(String, String)>, Stop> {
    let mut sheets = Vec::new();
    let mut xml = xml(zip, part)?;
    loop {
        match xml.next()? {
            Event::Start(element) => match element.local_name().into_inner() {
                "workbookPr" => {
                    let date1904 = attribute(&element, "date1904")?;
                    *is_1904 = date1904.is_some_and(|value| value == "1" || value == "true");
                }
                "sheet" => {
                    let state = attribute(&element, "state")?;
                    if state.is_none_or(|state| state == "visible") {
                        let name = attribute(&element, "name")?.unwrap_or_default();
                        let id = attribute(&element, "id")?.unwrap_or_default();
                        sheets.push((name, id));
                    }
                }
                _ => {}
            },
            Event::Eof => return Ok(sheets),
            _ => {}
        }
    }
}

fn texts(zip: &mut Zip, part: usize) -> Result<Texts, Stop> {
    let room = zip.by_index(part).map_err(|_| not_a_workbook())?.size();
    let mut texts = Texts::default();
    let mut xml = xml(zip, part)?;
    let mut text = String::new();
    // How deep in `<t>` and in the phonetic hints `<rPh>`, which nobody sees in the cell.
    let (mut inside, mut hints) = (0_u32, 0_u32);
    loop {
        match xml.next()? {
            Event::Start(element) => match element.local_name().into_inner() {
                "sst" => {
                    for count in ["count", "uniqueCount"] {
                        let claimed = attribute(&element, count)?;
                        let claimed = claimed.and_then(|claimed| claimed.parse::<u64>().ok());
                        // `count` tells the cells, which may well share; no cell is shorter than its entry.
                        let most = if count == "count" { UNPACKED_BYTES_MAX } else { room };
                        if claimed.is_some_and(|claimed| claimed > most / TEXT_BYTES_MIN) {
                            return Err(not_a_workbook());
                        }
                    }
                }
                "si" => text.clear(),
                "rPh" => hints += 1,
                "t" => inside += 1,
                _ => {}
            },
            Event::End(element) => match element.local_name().into_inner() {
                "si" => texts.push(&seen(&text))?,
                "rPh" => hints = hints.saturating_sub(1),
                "t" => inside = inside.saturating_sub(1),
                _ => {}
            },
            Event::Text(piece) if inside > 0 && hints == 0 => text.push_str(&piece.xml10_content()),
            Event::CData(piece) if inside > 0 && hints == 0 => {
                text.push_str(&piece.xml10_content())
            }
            Event::GeneralRef(sign) if inside > 0 && hints == 0 => add_reference(&sign, &mut text)?,
            Event::Eof => return Ok(texts),
            _ => {}
        }
        within_a_cell(&text)?;
    }
}

/// A text that a spreadsheet can hold in a cell.
pub fn within_a_cell(text: &str) -> Result<(), Stop> {
    // Bytes are at least units; so most texts need no count.
    if text.len() > CELL_UNITS_MAX && text.encode_utf16().count() > CELL_UNITS_MAX {
        return Err(too_long());
    }
    Ok(())
}

fn formats(zip: &mut Zip, part: usize) -> Result<Vec<Shown>, Stop> {
    let mut own: BTreeMap<u32, Shown> = BTreeMap::new();
    let mut formats = Vec::new();
    let mut xml = xml(zip, part)?;
    let mut of_cells = false;
    loop {
        match xml.next()? {
            Event::Start(element) => match element.local_name().into_inner() {
                "numFmt" => {
                    let id = attribute(&element, "numFmtId")?.and_then(|id| id.parse().ok());
                    let code = attribute(&element, "formatCode")?.unwrap_or_default();
                    if let Some(id) = id.filter(|_| own.len() < STYLES_MAX) {
                        own.insert(id, Shown::by(&code));
                    }
                }
                "cellXfs" => of_cells = true,
                "xf" if of_cells && formats.len() < STYLES_MAX => {
                    let id = attribute(&element, "numFmtId")?.and_then(|id| id.parse().ok());
                    let id = id.unwrap_or(0);
                    formats.push(own.get(&id).cloned().unwrap_or_else(|| Shown::built_in(id)));
                }
                _ => {}
            },
            Event::End(element) if element.local_name().into_inner() == "cellXfs" => {
                of_cells = false
            }
            Event::Eof => return Ok(formats),
            _ => {}
        }
    }
}

/// Unpack every part into nothing, counting.
fn check_unpacked(zip: &mut Zip) -> Result<(), Stop> {
    if zip.len() > PARTS_MAX {
        return Err(refused("too_many_parts", format!("has more than {PARTS_MAX} parts")));
    }
    let mut unpacked = 0;
    for at in 0..zip.len() {
        let part = zip.by_index(at).map_err(|_| not_a_workbook())?;
        let left = UNPACKED_BYTES_MAX - unpacked;
        let texts = part.name().is_ok_and(|name| name.ends_with("sharedStrings.xml"));
        let most = if texts { TEXTS_BYTES_MAX.min(left) } else { left };
        let mut part = std::io::Read::take(part, most + 1);
        let read =
            std::io::copy(&mut part, &mut std::io::sink()).map_err(|error| broken(&error))?;
        if read > most {
            return Err(refused(
                "unpacks_too_large",
                format!(
                    "unpacks to more than {UNPACKED_BYTES_MAX} bytes, or its texts to more than \
                     {TEXTS_BYTES_MAX}"
                ),
            ));
        }
        unpacked += read;
    }
    Ok(())
}
