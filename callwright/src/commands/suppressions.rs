//! `callwright suppressions`: the do-not-call list, one by one and from files.

use std::path::PathBuf;

use anyhow::Result;
use clap::Subcommand;
use serde_json::{Value, json};

use super::resources::Listed;
use super::transfers::{finished, save_errors, upload};
use super::{Connection, say};
use crate::client::{Api, ROWS_DEFAULT, told};

#[derive(Debug, Subcommand)]
pub enum SuppressionVerb {
    #[command(flatten)]
    Listed(Listed),
    /// Import a file: XLSX or CSV with the column `Phone Number`, and `Reason` and `Expires At` if you like
    Import(ListFile),
    /// Imports of such files, and their rows with errors
    #[command(subcommand)]
    Imports(ListImports),
}

#[derive(Debug, clap::Args)]
pub struct ListFile {
    /// XLSX or CSV
    file: PathBuf,
    /// Of rows that give none
    #[arg(long, default_value = "")]
    reason: String,
    /// Of rows that give none: then they may be called again (RFC 3339); left out: never
    #[arg(long)]
    expires_at: Option<String>,
    /// Refuse the file when a row has an error
    #[arg(long)]
    all_or_nothing: bool,
    /// Encoding of a CSV: auto, utf-8, gb18030, windows-1252, … (WHATWG labels)
    #[arg(long, default_value = "auto")]
    encoding: String,
    /// Import rows that are hidden or filtered out in a workbook, too
    #[arg(long)]
    hidden_rows: bool,
}

#[derive(Debug, Subcommand)]
pub enum ListImports {
    /// List, newest first
    List {
        /// Rows, at most
        #[arg(long, default_value_t = ROWS_DEFAULT)]
        limit: usize,
    },
    /// Show one
    Show { import: String },
    /// Stop one; what is listed stays
    Cancel { import: String },
    /// Save the rows with errors as CSV: row, column, value, reason
    Errors { import: String, file: PathBuf },
}

const PATH: &str = "suppressions/imports";

impl ListFile {
    pub async fn run(self, api: &Api, out: &Connection) -> Result<()> {
        let options = json!({
            "reason": self.reason,
            "expires_at": self.expires_at,
            "all_or_nothing": self.all_or_nothing,
            "encoding": self.encoding,
            "hidden_rows": if self.hidden_rows { "import" } else { "skip" },
        });
        let made = upload(api, PATH, &self.file, &options).await?;
        let import = finished(api, PATH, made).await?;
        if out.json {
            say(&serde_json::to_string_pretty(&import)?)?;
        } else {
            say(&told::suppression_import(&import))?;
            if import["errors"] == true {
                let id = import["id"].as_str().unwrap_or_default();
                let next = "callwright suppressions imports errors";
                say(&format!("  next: {next} {id} errors.csv    (the rows with errors)"))?;
            }
        }
        let why = import["problem"]["detail"].as_str().unwrap_or("it was cancelled");
        anyhow::ensure!(import["status"] == "done", "the import came to no end: {why}");
        Ok(())
    }
}

impl ListImports {
    pub async fn run(self, api: &Api, out: &Connection) -> Result<()> {
        match self {
            Self::List { limit } => {
                let columns = [
                    "id",
                    "status",
                    "rows=result.rows",
                    "added=result.added",
                    "already_listed=result.already_listed",
                    "invalid=result.invalid",
                    "created_at",
                ];
                out.print_list(api, PATH, &[], limit, &columns).await
            }
            Self::Show { import } => {
                let import: Value = api.get(&format!("{PATH}/{import}")).await?;
                out.print_one(api, &import).await
            }
            Self::Cancel { import } => {
                let asked = api.post(&format!("{PATH}/{import}/cancel"), &json!({})).await?;
                let next = format!("callwright suppressions imports show {import}");
                out.print_done("asked to cancel", &asked, &[next])
            }
            Self::Errors { import, file } => {
                save_errors(api, &format!("{PATH}/{import}/errors"), &file).await
            }
        }
    }
}
