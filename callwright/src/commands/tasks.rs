//! `callwright tasks`.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Subcommand;
use serde_json::json;

use super::resources::read_json;
use super::{Connection, say};
use crate::client::ROWS_DEFAULT;
use crate::client::live::Live;
use crate::config::Config;

const COLUMNS: [&str; 7] = [
    "id",
    "name",
    "state",
    "why=pause_title",
    "concurrency",
    "next start=next_start_at",
    "next edge=next_edge_at",
];

/// Create, list, start, pause, end, clone and watch tasks.
#[derive(Debug, clap::Args)]
pub struct Tasks {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List tasks, newest first
    List {
        /// Rows, at most
        #[arg(long, default_value_t = ROWS_DEFAULT)]
        limit: usize,
    },
    /// Show a task's configuration and state
    Show { task: String },
    /// How a task stands, and what it waits for
    Progress { task: String },
    /// Watch a task live until it has nothing left to do
    Watch { task: String },
    /// Create a task from a JSON file
    Create {
        /// The file; `-` is standard input
        file: PathBuf,
        /// A template whose values hold for what the file leaves out
        #[arg(long)]
        template: Option<String>,
    },
    /// Change a task by a JSON merge patch: the fields to change
    Change {
        task: String,
        /// The file with the patch; `-` is standard input
        file: PathBuf,
    },
    /// Start or resume
    Start { task: String },
    /// Start no new call; calls that are up finish
    Pause { task: String },
    /// End; calls that are up finish, unless they are to be hung up
    End {
        task: String,
        /// End the calls that are up as well
        #[arg(long)]
        hang_up: bool,
    },
    /// A new task with the same configuration
    Clone { task: String, name: String },
    /// Delete a task that is not running; its call records stay
    Delete { task: String },
    /// A task's changes of state, newest first
    Events {
        task: String,
        /// Rows, at most
        #[arg(long, default_value_t = ROWS_DEFAULT)]
        limit: usize,
    },
    /// Save the import template of a task: a file with its columns
    Template {
        task: String,
        /// Where to: a name that ends in .xlsx or .csv
        file: PathBuf,
    },
}

impl Tasks {
    pub async fn run(self, config: &Config) -> Result<()> {
        let (api, out) = (self.connection.api(config)?, &self.connection);
        match self.verb {
            Verb::List { limit } => out.print_list(&api, "tasks", &[], limit, &COLUMNS).await,
            Verb::Show { task } => out.print_one(&api.get(&format!("tasks/{task}")).await?),
            Verb::Progress { task } => {
                out.print_one(&api.get(&format!("tasks/{task}/progress")).await?)
            }
            Verb::Watch { task } => {
                Live::default().watch(&api, &task).await?;
                Ok(())
            }
            Verb::Create { file, template } => {
                let path = match template {
                    Some(template) => format!("templates/{template}/tasks"),
                    None => "tasks".to_owned(),
                };
                out.print_one(&api.post(&path, &read_json(&file)?).await?)
            }
            Verb::Change { task, file } => {
                out.print_one(&api.patch(&format!("tasks/{task}"), &read_json(&file)?).await?)
            }
            Verb::Start { task } => {
                out.print_one(&api.post(&format!("tasks/{task}/start"), &json!({})).await?)
            }
            Verb::Pause { task } => {
                out.print_one(&api.post(&format!("tasks/{task}/pause"), &json!({})).await?)
            }
            Verb::End { task, hang_up } => {
                let ended =
                    api.post(&format!("tasks/{task}/end"), &json!({"hang_up": hang_up})).await?;
                out.print_one(&ended)
            }
            Verb::Clone { task, name } => out.print_one(
                &api.post(&format!("tasks/{task}/clone"), &json!({"name": name})).await?,
            ),
            Verb::Delete { task } => {
                api.delete(&format!("tasks/{task}")).await?;
                say(&format!("deleted {task}"))
            }
            Verb::Events { task, limit } => {
                let columns = ["at", "event", "state", "reason", "actor"];
                out.print_list(&api, &format!("tasks/{task}/events"), &[], limit, &columns).await
            }
            Verb::Template { task, file } => {
                let format =
                    file.extension().and_then(|end| end.to_str()).unwrap_or("xlsx").to_owned();
                let path = format!("tasks/{task}/import_template");
                let request =
                    api.request(reqwest::Method::GET, &path).query(&[("format", &format)]);
                let bytes = crate::client::answer(request).await?.bytes().await?;
                std::fs::write(&file, bytes)
                    .with_context(|| format!("{} can't be written", file.display()))?;
                say(&format!("saved {}", file.display()))
            }
        }
    }
}
