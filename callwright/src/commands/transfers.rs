//! `callwright import` and `callwright exports`: files in and out, with progress bars.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Subcommand;
use futures::StreamExt;
use indicatif::{ProgressBar, ProgressStyle};
use reqwest::Method;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

use super::{Connection, say};
use crate::client::{Api, ROWS_DEFAULT, answer, body, told};
use crate::config::Config;

/// Between two looks at long work.
const LOOK: Duration = Duration::from_millis(200);

/// Import a file of numbers into a task.
#[derive(Debug, clap::Args)]
pub struct Import {
    /// XLSX, CSV, JSON or NDJSON
    file: PathBuf,
    /// The task
    #[arg(long)]
    task: String,
    /// Name of the batch; left out: the file's
    #[arg(long)]
    batch: Option<String>,
    /// Higher batches go first
    #[arg(long, default_value_t = 0)]
    priority: u32,
    /// none, task, import or batch
    #[arg(long, default_value = "none")]
    dedupe: String,
    /// Start the task when the numbers have landed
    #[arg(long)]
    start: bool,
    /// Refuse the file when a row has an error
    #[arg(long)]
    all_or_nothing: bool,
    /// Encoding of a CSV: auto, utf-8, gb18030, windows-1252, … (WHATWG labels)
    #[arg(long, default_value = "auto")]
    encoding: String,
    /// Import rows that are hidden or filtered out in a workbook, too
    #[arg(long)]
    hidden_rows: bool,
    #[command(flatten)]
    connection: Connection,
}

impl Import {
    pub async fn run(self, config: &Config) -> Result<()> {
        let api = self.connection.api(config)?;
        let stem = self.file.file_stem().and_then(|stem| stem.to_str()).unwrap_or("import");
        let options = json!({
            "batch_name": self.batch.clone().unwrap_or_else(|| stem.chars().take(64).collect()),
            "batch_priority": self.priority,
            "dedupe": self.dedupe,
            "start": if self.start { "auto" } else { "manual" },
            "all_or_nothing": self.all_or_nothing,
            "encoding": self.encoding,
            "hidden_rows": if self.hidden_rows { "import" } else { "skip" },
        });
        let import = import(&api, &self.task, &self.file, &options).await?;
        let id = import["id"].as_str().unwrap_or_default();
        if self.connection.json {
            say(&serde_json::to_string_pretty(&import)?)?;
        } else {
            say(&told::import(&import))?;
            if import["errors"] == true {
                say(&format!(
                    "  next: callwright imports errors {id} errors.csv    (the rows with errors)"
                ))?;
            }
            if import["status"] == "done" {
                let verb = if self.start { "watch" } else { "start" };
                say(&format!("  next: callwright tasks {verb} {}", self.task))?;
            }
        }
        if let Some(hidden) = import["result"]["hidden"].as_u64().filter(|hidden| *hidden > 0) {
            eprintln!("{hidden} hidden rows were left out; --hidden-rows imports them, too");
        }
        if self.start && import["status"] == "done" && import["result"]["imported"] == 0 {
            eprintln!("nothing was imported, so nothing was started");
        }
        let why = import["problem"]["detail"].as_str().unwrap_or("it was cancelled");
        anyhow::ensure!(import["status"] == "done", "the import did not land: {why}");
        Ok(())
    }
}

/// Imports of a task, and their rows with errors.
#[derive(Debug, clap::Args)]
pub struct Imports {
    #[command(subcommand)]
    verb: ImportsVerb,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Subcommand)]
enum ImportsVerb {
    /// Imports of a task, newest first
    List {
        /// The task
        #[arg(long)]
        task: String,
        /// Rows, at most
        #[arg(long, default_value_t = ROWS_DEFAULT)]
        limit: usize,
    },
    /// Show an import
    Show { import: String },
    /// Stop an import; nothing of it lands
    Cancel { import: String },
    /// Save the rows with errors as CSV: row, column, value, reason
    Errors { import: String, file: PathBuf },
}

impl Imports {
    pub async fn run(self, config: &Config) -> Result<()> {
        let (api, out) = (self.connection.api(config)?, &self.connection);
        match self.verb {
            ImportsVerb::List { task, limit } => {
                let columns = [
                    "id",
                    "status",
                    "batch=options.batch_name",
                    "rows=result.rows",
                    "imported=result.imported",
                    "duplicates=result.duplicates",
                    "suppressed=result.suppressed",
                    "invalid=result.invalid",
                ];
                out.print_list(&api, &format!("tasks/{task}/imports"), &[], limit, &columns).await
            }
            ImportsVerb::Show { import } => {
                out.print_one(&api, &api.get(&format!("imports/{import}")).await?).await
            }
            ImportsVerb::Cancel { import } => {
                let asked = api.post(&format!("imports/{import}/cancel"), &json!({})).await?;
                out.print_done(
                    "asked to cancel",
                    &asked,
                    &[format!("callwright imports show {import}")],
                )
            }
            ImportsVerb::Errors { import, file } => {
                save_errors(&api, &format!("imports/{import}/errors"), &file).await
            }
        }
    }
}

/// Import a file and wait for the end of it, with a progress bar.
pub async fn import(api: &Api, task: &str, file: &Path, options: &Value) -> Result<Value> {
    let made = upload(api, &format!("tasks/{task}/imports"), file, options).await?;
    finished(api, "imports", made).await
}

/// Save the rows of an import that were refused.
pub async fn save_errors(api: &Api, path: &str, file: &Path) -> Result<()> {
    let bytes = answer(api.request(Method::GET, path)).await?.bytes().await?;
    std::fs::write(file, bytes).with_context(|| format!("{} can't be written", file.display()))?;
    say(&format!("saved {}", file.display()))
}

/// Send a file that is to be imported; what the API made of it.
pub async fn upload(api: &Api, path: &str, file: &Path, options: &Value) -> Result<Value> {
    let bytes =
        tokio::fs::read(file).await.with_context(|| format!("{} can't be read", file.display()))?;
    // The server takes the format from the name; the name itself is not kept.
    let end = file.extension().and_then(|end| end.to_str()).unwrap_or("csv");
    let form = Form::new()
        .part("options", Part::text(options.to_string()).mime_str("application/json")?)
        .part("file", Part::bytes(bytes).file_name(format!("numbers.{end}")));
    body(api.request(Method::POST, path).multipart(form)).await
}

/// Wait for an import or export to end.
pub async fn finished(api: &Api, kind: &str, made: Value) -> Result<Value> {
    let id = made["id"].as_str().context("the answer has no id")?.to_owned();
    let bar =
        ProgressBar::new(0).with_style(ProgressStyle::with_template("{msg} {bar:30} {pos}/{len}")?);
    let mut told = None;
    loop {
        let now = api.get(&format!("{kind}/{id}")).await?;
        bar.set_length(now["progress"]["total"].as_u64().unwrap_or(0));
        bar.set_position(now["progress"]["done"].as_u64().unwrap_or(0));
        // Nobody carries it: a bar that stands still does not say so.
        match now["why"][0]["detail"].as_str() {
            Some(why) => {
                bar.set_message(why.to_owned());
                // Where no bar is drawn, as in a pipe or a log, nothing else would tell.
                if bar.is_hidden() && told.as_deref() != Some(why) {
                    eprintln!("waits: {why}");
                    told = Some(why.to_owned());
                }
            }
            None => {
                let name = kind.rsplit('/').next().unwrap_or(kind);
                bar.set_message(name.trim_end_matches('s').to_owned());
            }
        }
        if !matches!(now["status"].as_str(), Some("queued" | "running")) {
            bar.finish_and_clear();
            return Ok(now);
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Export records or recordings of a task, list and download exports.
#[derive(Debug, clap::Args)]
pub struct Exports {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Write an export file in the background, and wait for it
    Create {
        /// Of one task; left out: of all
        #[arg(long)]
        task: Option<String>,
        /// call_records, conversations or recordings
        #[arg(long, default_value = "call_records")]
        content: String,
        /// xlsx or csv; recordings are always a ZIP
        #[arg(long, default_value = "xlsx")]
        format: String,
        /// Fields and their order, with commas between; left out: all
        #[arg(long, value_delimiter = ',')]
        fields: Vec<String>,
        /// Only what fits: 'result = "answered" AND turns >= 6'; the fields are in docs/fields.md
        #[arg(long)]
        filter: Option<String>,
    },
    /// The download center, newest first
    List {
        /// Rows, at most
        #[arg(long, default_value_t = ROWS_DEFAULT)]
        limit: usize,
    },
    /// Show an export
    Show { export: String },
    /// Stop an export
    Cancel { export: String },
    /// Download an export's file
    Download { export: String, file: PathBuf },
    /// Print a link to an export's file, made anew, for a browser; it works for five minutes
    Link { export: String },
}

impl Exports {
    pub async fn run(self, config: &Config) -> Result<()> {
        let (api, out) = (self.connection.api(config)?, &self.connection);
        match self.verb {
            Verb::Create { task, content, format, fields, filter } => {
                let format = if content == "recordings" { "zip".to_owned() } else { format };
                let asked = json!({"task": task, "content": content, "format": format,
                    "fields": fields, "filter": filter});
                let made = api.post("exports", &asked).await?;
                let export = finished(&api, "exports", made).await?;
                let id = export["id"].as_str().unwrap_or_default();
                let name = export["file_name"].as_str().unwrap_or("FILE");
                let next = [
                    format!("callwright exports download {id} {name}"),
                    format!("callwright exports link {id}    (a link for a browser)"),
                ];
                let well = export["status"] == "done";
                let verb = if well { "exported" } else { "not exported" };
                out.print_done(verb, &export, if well { &next } else { &[] })?;
                if let Some(note) = export["note"].as_str().filter(|_| !out.json) {
                    eprintln!("  {note}");
                }
                if let Some(cut) = export["cells_cut"].as_u64().filter(|cut| *cut > 0 && !out.json)
                {
                    eprintln!(
                        "  cells that are too long for XLSX and are cut: {cut}; CSV has them whole"
                    );
                }
                let why = export["problem"]["detail"].as_str().unwrap_or("it was cancelled");
                anyhow::ensure!(well, "the export has no file: {why}");
                Ok(())
            }
            Verb::List { limit } => {
                let columns = [
                    "id",
                    "status",
                    "file=file_name",
                    "rows=progress.total",
                    "bytes",
                    "expires_at",
                ];
                out.print_list(&api, "exports", &[], limit, &columns).await
            }
            Verb::Show { export } => {
                out.print_one(&api, &api.get(&format!("exports/{export}")).await?).await
            }
            Verb::Link { export } => {
                let link = link(&api, &format!("exports/{export}/download")).await?;
                if out.json {
                    return say(&serde_json::to_string_pretty(&link)?);
                }
                say(url(&link)?)
            }
            Verb::Cancel { export } => {
                let asked = api.post(&format!("exports/{export}/cancel"), &json!({})).await?;
                out.print_done(
                    "asked to cancel",
                    &asked,
                    &[format!("callwright exports show {export}")],
                )
            }
            Verb::Download { export, file } => {
                save(&api, &format!("exports/{export}/download"), &file).await
            }
        }
    }
}

/// Recordings of calls, one by one.
#[derive(Debug, clap::Args)]
pub struct Recordings {
    #[command(subcommand)]
    verb: RecordingsVerb,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Subcommand)]
enum RecordingsVerb {
    /// Download the recording of a call: WAV, the customer left, the robot right
    Download {
        /// The call record's id, as `records list` shows it
        attempt: String,
        file: PathBuf,
    },
}

impl Recordings {
    pub async fn run(self, config: &Config) -> Result<()> {
        let api = self.connection.api(config)?;
        let RecordingsVerb::Download { attempt, file } = self.verb;
        save(&api, &format!("records/{attempt}/recording"), &file).await
    }
}

/// Download what lies behind the link that a path of the API gives, and say so.
async fn save(api: &Api, path: &str, file: &Path) -> Result<()> {
    let link = link(api, path).await?;
    let bytes = download(url(&link)?, file).await?;
    say(&format!("saved {} ({bytes} bytes)", file.display()))
}

/// A link to an export's file, made anew.
pub async fn export_link(api: &Api, export: &str) -> Result<String> {
    let link = link(api, &format!("exports/{export}/download")).await?;
    Ok(url(&link)?.to_owned())
}

/// The link that a path of the API gives, with the time at which it ends.
async fn link(api: &Api, path: &str) -> Result<Value> {
    // Without this the answer is a redirect to the file itself.
    body(api.request(Method::GET, path).header("Accept", "application/json")).await
}

fn url(link: &Value) -> Result<&str> {
    link["url"].as_str().context("the answer has no link")
}

/// Download a link into a file, which is there whole or not at all; gives its bytes.
pub async fn download(link: &str, file: &Path) -> Result<u64> {
    let response = answer(reqwest::Client::new().get(link)).await?;
    let bar = ProgressBar::new(response.content_length().unwrap_or(0));
    let part = file.with_extension("part");
    let mut to = tokio::fs::File::create(&part)
        .await
        .with_context(|| format!("{} can't be written", part.display()))?;
    let mut pieces = response.bytes_stream();
    let mut bytes = 0;
    while let Some(piece) = pieces.next().await {
        let piece = piece?;
        to.write_all(&piece).await?;
        bytes += piece.len() as u64;
        bar.set_position(bytes);
    }
    to.sync_all().await?;
    tokio::fs::rename(&part, file).await?;
    bar.finish_and_clear();
    Ok(bytes)
}
