//! A file is read in a process of its own, with a limit of memory and of time.
//!
//! A hostile file may still find a fault in a reader. Then that process dies and the import is refused;
//! neither calls nor other imports notice. The process gets no secrets: only paths, rules, and the
//! enterprise's caller IDs.

use std::collections::BTreeMap;
use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::process::{ExitCode, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use nix::sys::resource::{Resource, setrlimit};
use outbound::ids::CallerIdId;
use outbound::import::{ImportOptions, ImportProblem, ParsedRow, RowError, RowRules};
use outbound::phone::Phone;
use outbound::suppression;
use serde::{Deserialize, Serialize};
use storage::batches::LandingRow;
use tables::{ReadRow, Sink, Stop, Tally};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::Command;

use super::Halt;
use super::error_file::ErrorFile;
use super::spill::{self, Spilled, SpilledEntry};

/// The command of the binary that reads a file for its parent.
pub const COMMAND: &str = "read-import";

/// Address space of the reading process: the program, the texts of a workbook, and a few chunks.
const MEMORY_BYTES_MAX: u64 = 1 << 30;
/// How long a file may be read.
const READING_MAX: Duration = Duration::from_secs(1_800);
/// Bytes that the process may say in all.
const REPORTS_BYTES_MAX: u64 = 64 << 20;

/// What the reading process is to do.
#[derive(Debug, Serialize, Deserialize)]
pub struct Request {
    pub file: PathBuf,
    /// Where good rows go.
    pub spill: PathBuf,
    /// Where refused rows are told.
    pub errors: PathBuf,
    pub content: Content,
}

/// What the rows are, and what they are judged by.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    Numbers {
        options: ImportOptions,
        rules: RowRules,
        /// The enterprise's caller IDs, by their digits.
        callers: Vec<(u64, CallerIdId)>,
    },
    Suppressions {
        options: suppression::FileOptions,
        rules: suppression::RowRules,
    },
}

/// What was read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    pub good: u64,
    pub invalid: u64,
    pub hidden: u64,
}

/// What the process says, a line each.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Report {
    Progress {
        rows: u64,
    },
    Done(Summary),
    Refused(ImportProblem),
    Disk(String),
    /// A fault of the reader, at a place of its code.
    Panicked {
        at: String,
    },
}

/// The reading process: a request on its input, reports on its output.
pub fn run() -> ExitCode {
    std::panic::set_hook(Box::new(|panic| {
        // The message may quote the file; the place does not.
        let at = panic.location().map(ToString::to_string).unwrap_or_default();
        let _ = say(&Report::Panicked { at });
    }));
    let told = match request() {
        Ok(request) => judge_file(&request),
        Err(error) => Report::Disk(error.to_string()),
    };
    match say(&told) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn request() -> std::io::Result<Request> {
    let limit = MEMORY_BYTES_MAX;
    setrlimit(Resource::RLIMIT_AS, limit, limit)?;
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    Ok(serde_json::from_str(&line)?)
}

fn say(report: &Report) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    serde_json::to_writer(&mut out, report)?;
    out.write_all(b"\n")?;
    out.flush()
}

fn judge_file(request: &Request) -> Report {
    match judge(request) {
        Ok(summary) => Report::Done(summary),
        Err(Stop::Refused(problem)) => Report::Refused(problem),
        Err(Stop::Disk(error)) if error.kind() == std::io::ErrorKind::FileTooLarge => {
            Report::Refused(too_large("its rows need more than 12 GB"))
        }
        Err(Stop::Disk(error)) => Report::Disk(error.to_string()),
    }
}

fn judge(request: &Request) -> Result<Summary, Stop> {
    let file = &request.file;
    match &request.content {
        Content::Numbers { options, rules, callers } => {
            let callers: BTreeMap<Phone, CallerIdId> =
                callers.iter().map(|(phone, id)| (Phone::from_digits(*phone), *id)).collect();
            sort(
                request,
                |sink| tables::read(file, options, rules, sink),
                |_, row| landing(row, &callers).map(Spilled::from),
            )
        }
        Content::Suppressions { options, rules } => sort(
            request,
            |sink| tables::read_suppressions(file, options, rules, sink),
            |line, entry| Ok(SpilledEntry::new(line, entry)),
        ),
    }
}

/// Good rows go into one file, as `keep` has them, and refused ones into the other.
fn sort<Row, Kept: Serialize>(
    request: &Request,
    read: impl FnOnce(&mut Sink<'_, Row>) -> Result<Tally, Stop>,
    keep: impl Fn(u64, Row) -> Result<Kept, Vec<RowError>>,
) -> Result<Summary, Stop> {
    let mut good = spill::Writer::create(&request.spill)?;
    let mut errors = ErrorFile::create(&request.errors)?;
    let mut summary = Summary::default();
    let mut sink = |chunk: Vec<ReadRow<Row>>| -> Result<(), Stop> {
        let mut rows = Vec::with_capacity(chunk.len());
        for row in chunk {
            match row.parsed.and_then(|parsed| keep(row.line, parsed)) {
                Ok(kept) => rows.push(kept),
                Err(wrong) => {
                    summary.invalid += 1;
                    errors.row(row.line, &wrong)?;
                }
            }
        }
        summary.good += rows.len() as u64;
        good.write(&rows)?;
        Ok(say(&Report::Progress { rows: summary.good + summary.invalid })?)
    };
    let tally = read(&mut sink)?;
    good.finish()?;
    errors.finish()?;
    Ok(Summary { hidden: tally.hidden, ..summary })
}

/// A row that was read, with what is looked up for it.
fn landing(
    row: ParsedRow,
    callers: &BTreeMap<Phone, CallerIdId>,
) -> Result<LandingRow, Vec<RowError>> {
    let caller_id = match row.caller_id {
        Some(phone) => match callers.get(&phone) {
            Some(caller) => Some(*caller),
            None => {
                return Err(vec![RowError {
                    column: "Caller ID".into(),
                    value: phone.reveal(),
                    reason: "is not a caller ID of this enterprise".into(),
                }]);
            }
        },
        None => None,
    };
    let location = row.phone.location();
    Ok(LandingRow {
        phone: row.phone,
        priority: row.priority,
        caller_id,
        backups: row.backups,
        variables: row.variables,
        province: location.map(|location| location.province.into()).unwrap_or_default(),
        city: location.map(|location| location.city.into()).unwrap_or_default(),
    })
}

/// Have a file read; `rows` counts while it is. Dropped, it ends the process.
pub(super) async fn read(
    reader: &Path,
    request: &Request,
    rows: &AtomicU64,
) -> Result<Summary, Halt> {
    let mut child = Command::new(reader)
        .arg(COMMAND)
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    let mut line = serde_json::to_vec(request).map_err(|error| Halt::Broken(error.to_string()))?;
    line.push(b'\n');
    if let Some(mut input) = child.stdin.take() {
        // A process that is dead already says so by its status.
        let _ = input.write_all(&line).await;
    }
    let last = async {
        let mut last = None;
        if let Some(output) = child.stdout.take() {
            let mut lines = BufReader::new(output.take(REPORTS_BYTES_MAX)).lines();
            while let Some(line) = lines.next_line().await? {
                match serde_json::from_str(&line).map_err(std::io::Error::from)? {
                    Report::Progress { rows: read } => rows.store(read, Ordering::Relaxed),
                    report => drop(last.get_or_insert(report)),
                }
            }
        }
        Ok::<_, std::io::Error>((last, child.wait().await?))
    };
    match tokio::time::timeout(READING_MAX, last).await {
        Ok(ended) => {
            let (last, status) = ended?;
            told(last, status)
        }
        Err(_) => Err(Halt::Refused(too_large("it takes more than half an hour to read"))),
    }
}

fn told(last: Option<Report>, status: ExitStatus) -> Result<Summary, Halt> {
    match last {
        Some(Report::Done(summary)) if status.success() => Ok(summary),
        Some(Report::Refused(problem)) => Err(Halt::Refused(problem)),
        Some(Report::Disk(error)) => Err(std::io::Error::other(error).into()),
        Some(Report::Panicked { at }) => {
            tracing::error!(at, "the reader of imports has a fault; the file is refused");
            let detail = "can't be read: it brought the reader to an end; save it again in a \
                          spreadsheet, or as CSV UTF-8";
            Err(Halt::Refused(problem("unreadable", detail)))
        }
        // Out of memory, by its own limit or the machine's.
        _ if !status.success() => {
            tracing::error!(%status, "the reader of imports died; the file is refused");
            Err(Halt::Refused(too_large("it needs more memory to read than a file may need")))
        }
        _ => Err(Halt::Broken("the reader ended without a word".into())),
    }
}

fn too_large(detail: &str) -> ImportProblem {
    problem("too_large", detail)
}

fn problem(code: &str, detail: &str) -> ImportProblem {
    ImportProblem { code: code.into(), detail: detail.into(), faults: Vec::new() }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use outbound::import::{Dedupe, ENCODING_AUTO, HiddenRows, ImportFormat, StartType};

    use super::*;

    fn request() -> Request {
        Request {
            file: "none".into(),
            spill: "none".into(),
            errors: "none".into(),
            content: Content::Numbers {
                options: ImportOptions {
                    batch_name: "May".into(),
                    batch_priority: 0,
                    dedupe: Dedupe::None,
                    start: StartType::Manual,
                    all_or_nothing: false,
                    format: ImportFormat::Csv,
                    encoding: ENCODING_AUTO.into(),
                    hidden_rows: HiddenRows::Skip,
                },
                rules: RowRules::default(),
                callers: Vec::new(),
            },
        }
    }

    /// What becomes of an import whose reader does this.
    async fn told(script: &str) -> (String, u64) {
        let folder = tempfile::tempdir().expect("a folder");
        let program = folder.path().join("reader");
        std::fs::write(&program, format!("#!/bin/sh\nread request\n{script}\n")).expect("a script");
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&program, mode).expect("it can run");
        let rows = AtomicU64::new(0);
        let told = match read(&program, &request(), &rows).await {
            Ok(summary) => format!("{} good", summary.good),
            Err(Halt::Refused(problem)) => problem.code,
            Err(other) => other.to_string(),
        };
        (told, rows.into_inner())
    }

    #[tokio::test]
    async fn whatever_becomes_of_the_reader_the_import_ends_and_nothing_else_does() {
        let done =
            r#"echo '{"progress":{"rows":7}}'; echo '{"done":{"good":7,"invalid":0,"hidden":0}}'"#;
        assert_eq!(told(done).await, ("7 good".to_owned(), 7));
        for (script, code) in [
            ("kill -9 $$", "too_large"),
            ("kill -ABRT $$", "too_large"),
            (r#"echo '{"panicked":{"at":"sheet.rs:7"}}'; exit 101"#, "unreadable"),
            (r#"echo '{"refused":{"code":"no_rows","detail":"has none"}}'"#, "no_rows"),
        ] {
            assert_eq!(told(script).await.0, code, "{script}");
        }
        assert!(told("exit 0").await.0.starts_with("the reader ended badly"));
        assert!(told(r#"echo '{"disk":"full"}'"#).await.0.contains("full"));
    }
}
