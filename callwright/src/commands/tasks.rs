//! `callwright tasks`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Subcommand;
use serde_json::json;

use super::resources::read_json;
use super::serve::asked_to_stop;
use super::{Connection, next, say};
use crate::client::live::{Live, Over};
use crate::client::{Api, ROWS_DEFAULT, told, view};
use crate::config::Config;

/// Exit codes of `tasks watch`, beside 0 and 1.
const NEVER_STARTED: u8 = 3;
const STOPPED: u8 = 4;
const INTERRUPTED: u8 = 130;

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
    /// Watch a task live until it has nothing left to do. Ends with 0 when every number has ended, 3 when the
    /// task was never started, 4 when it was paused or ended by hand, 130 at Ctrl-C
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
    pub async fn run(self, config: &Config) -> Result<ExitCode> {
        let (api, out) = (self.connection.api(config)?, &self.connection);
        match self.verb {
            Verb::List { limit } => out.print_list(&api, "tasks", &[], limit, &COLUMNS).await?,
            Verb::Show { task } => {
                out.print_one(&api, &api.get(&format!("tasks/{task}")).await?).await?;
            }
            Verb::Progress { task } => {
                let progress = api.get(&format!("tasks/{task}/progress")).await?;
                if out.json {
                    out.print_one(&api, &progress).await?;
                } else {
                    say(&view::text(&Live::about(&api, &task).await?, &progress))?;
                }
            }
            Verb::Watch { task } => return watch(&api, &task).await,
            Verb::Create { file, template } => {
                let path = match template {
                    Some(template) => format!("templates/{template}/tasks"),
                    None => "tasks".to_owned(),
                };
                let made = api.post(&path, &read_json(&file)?).await?;
                out.print_done("created", &made, &next::after_create("tasks", &made))?;
            }
            Verb::Change { task, file } => {
                let changed = api.patch(&format!("tasks/{task}"), &read_json(&file)?).await?;
                out.print_done("changed", &changed, &[format!("callwright tasks show {task}")])?;
            }
            Verb::Start { task } => {
                let started = api.post(&format!("tasks/{task}/start"), &json!({})).await?;
                let next = [format!("callwright tasks watch {task}")];
                out.print_done(&format!("{}:", told::state(&started)), &started, &next)?;
            }
            Verb::Pause { task } => {
                let paused = api.post(&format!("tasks/{task}/pause"), &json!({})).await?;
                let next = [format!("callwright tasks start {task}")];
                out.print_done(&format!("{}:", told::state(&paused)), &paused, &next)?;
            }
            Verb::End { task, hang_up } => {
                let ended =
                    api.post(&format!("tasks/{task}/end"), &json!({"hang_up": hang_up})).await?;
                let next = [format!("callwright exports create --task {task}")];
                out.print_done(&format!("{}:", told::state(&ended)), &ended, &next)?;
            }
            Verb::Clone { task, name } => {
                let made = api.post(&format!("tasks/{task}/clone"), &json!({"name": name})).await?;
                out.print_done("created", &made, &next::after_create("tasks", &made))?;
            }
            Verb::Delete { task } => {
                api.delete(&format!("tasks/{task}")).await?;
                say(&format!("deleted {task}"))?;
            }
            Verb::Events { task, limit } => {
                let columns = ["at", "event", "state", "why=pause_reason", "actor"];
                out.print_list(&api, &format!("tasks/{task}/events"), &[], limit, &columns).await?;
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
                say(&format!("saved {}", file.display()))?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Watch a task until it has nothing left to do by itself; how that came is the exit code.
async fn watch(api: &Api, task: &str) -> Result<ExitCode> {
    let over = tokio::select! {
        over = Live::watch(api, task) => over?,
        // The view is dropped by then, and the terminal is as it was.
        () = asked_to_stop() => return Ok(ExitCode::from(INTERRUPTED)),
    };
    Ok(match over {
        Over::Done => ExitCode::SUCCESS,
        Over::NeverStarted => {
            say(&format!("it was never started\n  next: callwright tasks start {task}"))?;
            ExitCode::from(NEVER_STARTED)
        }
        Over::Stopped => {
            say(&format!("it was stopped by hand\n  next: callwright tasks start {task}"))?;
            ExitCode::from(STOPPED)
        }
    })
}
