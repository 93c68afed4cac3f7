//! The API's plain resources: list, show, create, change and delete, the same for each.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Subcommand;
use serde_json::Value;

use super::Connection;
use crate::client::ROWS_DEFAULT;
use crate::config::Config;

/// Resources whose lists lie below a task.
const BELOW_TASKS: [&str; 2] = ["batches", "numbers"];

/// Resources that are listed, shown, created, changed and deleted.
#[derive(Debug, Subcommand)]
pub enum Resource {
    /// Templates of tasks
    Templates(Verbs),
    /// Time conditions
    Periods(Verbs),
    /// Voice navigations; `publish ID` publishes a draft
    Navigations(Verbs),
    /// Robots
    Robots(Verbs),
    /// Trunks
    Trunks(Verbs),
    /// Caller IDs
    CallerIds(Verbs),
    /// The do-not-call list
    Suppressions(Verbs),
    /// API keys
    Keys(Verbs),
    /// Batches
    Batches(Verbs),
    /// Numbers
    Numbers(Verbs),
    /// Call records
    Records(Verbs),
    /// Robot conversations
    Conversations(Verbs),
    /// The audit log
    Audit(Verbs),
    /// Settings of the enterprise
    Settings(Verbs),
}

#[derive(Debug, clap::Args)]
pub struct Verbs {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List, newest first
    List {
        /// A filter, where the resource has one: 'result = "answered" AND turns >= 6'
        #[arg(long)]
        filter: Option<String>,
        /// Of one task
        #[arg(long)]
        task: Option<String>,
        /// Rows, at most
        #[arg(long, default_value_t = ROWS_DEFAULT)]
        limit: usize,
    },
    /// Show one; settings need no id
    Show { id: Option<String> },
    /// Create from a JSON file (`-`: standard input)
    Create { file: PathBuf },
    /// Change by a JSON merge patch (`-`: standard input); settings need no id
    Change {
        file: PathBuf,
        #[arg(long)]
        id: Option<String>,
    },
    /// Delete, or revoke a key
    Delete { id: String },
    /// Publish a navigation's draft
    Publish { id: String },
}

impl Resource {
    pub async fn run(self, config: &Config) -> Result<()> {
        let (path, columns, verbs): (&str, &[&str], Verbs) = match self {
            Self::Templates(verbs) => {
                ("templates", &["id", "name", "concurrency", "created_at"], verbs)
            }
            Self::Periods(verbs) => ("periods", &["id", "name", "kind", "ranges"], verbs),
            Self::Navigations(verbs) => {
                ("navigations", &["id", "name", "published_version", "created_at"], verbs)
            }
            Self::Robots(verbs) => ("robots", &["id", "name", "created_at"], verbs),
            Self::Trunks(verbs) => (
                "trunks",
                &[
                    "id",
                    "name",
                    "driver",
                    "concurrency",
                    "calls_per_second",
                    "in_service",
                    "breaker",
                ],
                verbs,
            ),
            Self::CallerIds(verbs) => {
                ("caller_ids", &["id", "phone", "trunk", "label", "city"], verbs)
            }
            Self::Suppressions(verbs) => {
                ("suppressions", &["id", "phone", "reason", "source", "expires_at"], verbs)
            }
            Self::Keys(verbs) => (
                "keys",
                &["id", "name", "prefix", "role", "permissions", "last_used_at", "revoked_at"],
                verbs,
            ),
            Self::Batches(verbs) => {
                ("batches", &["id", "name", "priority", "started_at", "numbers"], verbs)
            }
            Self::Numbers(verbs) => {
                ("numbers", &["id", "phone", "state", "round", "last_status", "attempts"], verbs)
            }
            Self::Records(verbs) => (
                "records",
                &[
                    "id",
                    "customer_number",
                    "result",
                    "round",
                    "started_at=start_time",
                    "talk=customer_talk_duration",
                    "turns=conversation_turns",
                ],
                verbs,
            ),
            Self::Conversations(verbs) => (
                "conversations",
                &[
                    "id",
                    "customer_number",
                    "intents=intent_tags",
                    "turns=conversation_turns",
                    "hang-up point=process_hangup_point",
                ],
                verbs,
            ),
            Self::Audit(verbs) => ("audit", &["at", "actor", "action", "target", "source"], verbs),
            Self::Settings(verbs) => ("settings", &[], verbs),
        };
        verbs.run(config, path, columns).await
    }
}

impl Verbs {
    async fn run(self, config: &Config, path: &str, columns: &[&str]) -> Result<()> {
        let api = self.connection.api(config)?;
        let one = |id: Option<&str>| match id {
            Some(id) => format!("{path}/{id}"),
            None => path.to_owned(),
        };
        match self.verb {
            Verb::List { filter, task, limit } => {
                let mut query = Vec::new();
                if let Some(filter) = &filter {
                    query.push(("filter", filter.as_str()));
                }
                let mut path = path.to_owned();
                match &task {
                    // Batches and numbers are listed below their task.
                    Some(task) if BELOW_TASKS.contains(&path.as_str()) => {
                        path = format!("tasks/{task}/{path}");
                    }
                    Some(task) => query.push(("task", task.as_str())),
                    None => {}
                }
                let rows = api.list(&path, &query, limit).await?;
                self.connection.print_rows(&rows, columns)
            }
            Verb::Show { id } => self.connection.print_one(&api.get(&one(id.as_deref())).await?),
            Verb::Create { file } => {
                self.connection.print_one(&api.post(path, &read_json(&file)?).await?)
            }
            Verb::Change { file, id } => {
                let changed = api.patch(&one(id.as_deref()), &read_json(&file)?).await?;
                self.connection.print_one(&changed)
            }
            Verb::Delete { id } => {
                api.delete(&one(Some(&id))).await?;
                println!("deleted {id}");
                Ok(())
            }
            Verb::Publish { id } => {
                let path = format!("{}/publish", one(Some(&id)));
                self.connection.print_one(&api.post(&path, &Value::Null).await?)
            }
        }
    }
}

/// JSON of a file, or of standard input.
pub fn read_json(file: &Path) -> Result<Value> {
    let read = if file == Path::new("-") {
        std::io::read_to_string(std::io::stdin())
    } else {
        std::fs::read_to_string(file)
    };
    let text = read.with_context(|| format!("{} can't be read", file.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is not JSON", file.display()))
}
