//! `callwright knowledge`: documents that robots answer from.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Subcommand;
use serde_json::{Value, json};

use super::{Connection, say};
use crate::client::{Api, ROWS_DEFAULT};
use crate::config::Config;

/// Documents that robots answer from.
#[derive(Debug, clap::Args)]
pub struct Knowledge {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Knowledge bases, newest first
    List {
        /// Rows, at most
        #[arg(long, default_value_t = ROWS_DEFAULT)]
        limit: usize,
    },
    /// Make a knowledge base; robots name it
    Create { name: String },
    /// Give a base that no robot names another name
    Rename { base: String, name: String },
    /// Delete a base that no robot names, with its documents
    Delete { base: String },
    /// Add a text file to a base
    Add(NewDocument),
    /// Documents of a base, newest first
    Documents {
        base: String,
        /// Rows, at most
        #[arg(long, default_value_t = ROWS_DEFAULT)]
        limit: usize,
    },
    /// Print the text of a document
    Show { base: String, document: String },
    /// Delete a document
    Remove { base: String, document: String },
    /// What robots would find in a base for a question
    Find(Question),
}

#[derive(Debug, clap::Args)]
struct NewDocument {
    /// The base
    base: String,
    /// Markdown or plain text in UTF-8, at most 1 MB
    file: PathBuf,
    /// Name of the document; left out: the file's
    #[arg(long)]
    name: Option<String>,
    /// plain or markdown; left out: plain for files that end in .txt
    #[arg(long)]
    format: Option<String>,
}

#[derive(Debug, clap::Args)]
struct Question {
    /// The base
    base: String,
    /// In the words of a customer
    question: String,
    /// Passages, at most
    #[arg(long, default_value_t = 5)]
    most: u32,
}

const PATH: &str = "knowledge";

impl Knowledge {
    pub async fn run(self, config: &Config) -> Result<()> {
        let (api, out) = (&self.connection.api(config)?, &self.connection);
        match self.verb {
            Verb::List { limit } => {
                out.print_list(api, PATH, &[], limit, &["id", "name", "created_at"]).await
            }
            Verb::Create { name } => {
                let made = api.post(PATH, &json!({ "name": name })).await?;
                let id = made["id"].as_str().unwrap_or_default();
                let next = format!("callwright knowledge add {id} FILE");
                out.print_done("created", &made, &[next])
            }
            Verb::Rename { base, name } => {
                let path = format!("{PATH}/{base}");
                let changed = api.patch(&path, &json!({ "name": name })).await?;
                out.print_done("changed", &changed, &[])
            }
            Verb::Delete { base } => {
                api.delete(&format!("{PATH}/{base}")).await?;
                say(&format!("deleted {base}"))
            }
            Verb::Add(new) => new.add(api, out).await,
            Verb::Documents { base, limit } => {
                let columns = ["id", "name", "format", "bytes", "passages", "created_at"];
                out.print_list(api, &format!("{PATH}/{base}/documents"), &[], limit, &columns).await
            }
            Verb::Show { base, document } => {
                let found = api.get(&format!("{PATH}/{base}/documents/{document}")).await?;
                if out.json {
                    return say(&serde_json::to_string_pretty(&found)?);
                }
                say(found["text"].as_str().unwrap_or_default().trim_end())
            }
            Verb::Remove { base, document } => {
                api.delete(&format!("{PATH}/{base}/documents/{document}")).await?;
                say(&format!("deleted {document}"))
            }
            Verb::Find(question) => question.ask(api, out).await,
        }
    }
}

impl NewDocument {
    async fn add(self, api: &Api, out: &Connection) -> Result<()> {
        let text = std::fs::read_to_string(&self.file);
        let text = text.with_context(|| format!("{} can't be read", self.file.display()))?;
        let stem = self.file.file_stem().and_then(|stem| stem.to_str()).unwrap_or("document");
        let document = json!({
            "name": self.name.unwrap_or_else(|| stem.chars().take(64).collect()),
            "format": self.format.unwrap_or_else(|| format_of(&self.file).to_owned()),
            "text": text,
        });
        let base = &self.base;
        let made = api.post(&format!("{PATH}/{base}/documents"), &document).await?;
        let next = format!("callwright knowledge find {base} QUESTION");
        out.print_done("added", &made, &[next])
    }
}

fn format_of(file: &Path) -> &'static str {
    let plain = file.extension().is_some_and(|end| end.eq_ignore_ascii_case("txt"));
    if plain { "plain" } else { "markdown" }
}

impl Question {
    async fn ask(self, api: &Api, out: &Connection) -> Result<()> {
        let asked = json!({ "question": self.question, "most": self.most });
        let found = api.post(&format!("{PATH}/{}/find", self.base), &asked).await?;
        if out.json {
            return say(&serde_json::to_string_pretty(&found)?);
        }
        let found = found["data"].as_array().map(Vec::as_slice).unwrap_or_default();
        if found.is_empty() {
            return say("nothing");
        }
        found.iter().try_for_each(|excerpt| say(&told(excerpt)))
    }
}

/// A passage under the name of its document.
fn told(excerpt: &Value) -> String {
    let text = |name: &str| excerpt[name].as_str().unwrap_or_default();
    let passage = text("passage").replace('\n', "\n  ");
    format!("{} ({:.3})\n  {passage}\n", text("document"), excerpt["rank"].as_f64().unwrap_or(0.0))
}
