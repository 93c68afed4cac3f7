//! The command line, one file a command.

pub mod check_journal;
mod enterprises;
mod jobs;
mod knowledge;
mod limits;
mod migrate;
mod next;
mod openapi;
mod opened;
mod probes;
mod rehearse;
mod resources;
mod seed;
mod serve;
mod services;
mod suppressions;
mod tasks;
mod transfers;
mod up;
mod work;
mod workers;

use std::io::Write;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use nix::sys::stat::Mode;
use serde_json::Value;

use crate::client::{Access, Api, table, told};
use crate::config::Config;
use crate::data_folder;
use crate::supervise::addresses;
use crate::telemetry::{LogForm, Telemetry};

pub use limits::page as limits_page;
pub use migrate::run as migrate;
pub use seed::{PEOPLE, demo_task, enterprise};
pub use serve::listen;
pub use up::start_objects;

/// Self-hosted automatic outbound calls: import numbers, call them at allowed hours with a voice robot,
/// redial, record, export.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run everything on this machine: servers, API, workers, and a demo campaign the first time
    Up(up::Up),
    /// Serve the API
    Serve,
    /// Work on jobs of these kinds: sweep, step, dial, redial, import, export, upload, analyze
    Work(work::Work),
    /// Bring the database's schema up to date
    Migrate,
    /// Make an enterprise with an administrator's API key
    Seed(seed::Seed),
    /// Which processes work on what, and which are gone
    Workers(workers::Workers),
    /// Enterprises of this installation: list them, make one, limit one
    Enterprises(enterprises::Enterprises),
    /// Look at queues; list, requeue and drop dead letters
    Jobs(jobs::Jobs),
    /// Compare the simulated line's journal with the database, rule by rule
    CheckJournal(check_journal::CheckJournal),
    /// Print the OpenAPI document of the API
    Openapi,
    /// Print every limit as a page: how many of what there may be, and what happens then
    Limits,
    /// Read an imported file for the process that started this one
    #[command(hide = true)]
    ReadImport,
    /// Run a command with a private PostgreSQL, Redis and object store of its own
    Services(services::Services),
    /// Create, list, start, pause, end, clone and watch tasks
    Tasks(tasks::Tasks),
    /// Import a file of numbers into a task
    Import(transfers::Import),
    /// Imports of a task, and their rows with errors
    Imports(transfers::Imports),
    /// Export records or recordings of a task, list and download exports
    Exports(transfers::Exports),
    /// Recordings of calls, one by one
    Recordings(transfers::Recordings),
    /// Documents that robots answer from: keep them, and see what a question finds
    Knowledge(knowledge::Knowledge),
    /// Talk with a scripted robot in text, as a customer would
    Rehearse(rehearse::Rehearse),
    #[command(flatten)]
    Resource(resources::Resource),
}

/// Run the command line of this process.
pub fn run() -> ExitCode {
    let umask = data_folder::close_umask();
    let arguments = Arguments::parse();
    // It reads what may be hostile: without servers, threads and secrets.
    if matches!(arguments.command, Command::ReadImport) {
        return ::workers::read_import();
    }
    let form = match arguments.command {
        Command::Serve | Command::Work(_) => LogForm::Json,
        _ => LogForm::Plain,
    };
    let ended = Telemetry::start("callwright", form).and_then(|telemetry| {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let code = runtime.block_on(dispatch(arguments.command, umask));
        telemetry.stop();
        code
    });
    match ended {
        Ok(code) => code,
        Err(error) => {
            eprintln!("callwright: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether the command line takes these words, its own name first; what is wrong with them otherwise. For
/// the test of what the documents tell people to type.
pub fn takes<'a>(words: impl IntoIterator<Item = &'a str>) -> std::result::Result<(), clap::Error> {
    use clap::CommandFactory;
    match Arguments::command().try_get_matches_from(words) {
        Err(told) if !told.use_stderr() => Ok(()),
        parsed => parsed.map(|_| ()),
    }
}

async fn dispatch(command: Command, umask: Mode) -> Result<ExitCode> {
    // The first TLS provider that is installed stays: a second is no fault.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let config = Config::from_environment()?;
    match command {
        Command::Up(up) => return up.run(config).await,
        Command::Services(services) => return services.run(umask).await,
        Command::CheckJournal(check) => return check.run(&addresses::beside_up(config)?).await,
        Command::Serve => serve::run(&config).await?,
        Command::Work(work) => work.run(&config).await?,
        Command::Migrate => migrate::run(&config).await?,
        Command::Seed(seed) => seed.run(&addresses::beside_up(config)?).await?,
        Command::Enterprises(enterprises) => enterprises.run(config).await?,
        Command::Jobs(jobs) => jobs.run(&addresses::beside_up(config)?).await?,
        Command::Workers(workers) => workers.run(&config).await?,
        Command::Openapi => openapi::run()?,
        Command::Limits => limits::run()?,
        // It ran before there was anything to run on.
        Command::ReadImport => {}
        Command::Tasks(tasks) => return tasks.run(&config).await,
        Command::Import(import) => import.run(&config).await?,
        Command::Imports(imports) => imports.run(&config).await?,
        Command::Exports(exports) => exports.run(&config).await?,
        Command::Recordings(recordings) => recordings.run(&config).await?,
        Command::Knowledge(knowledge) => knowledge.run(&config).await?,
        Command::Rehearse(rehearse) => rehearse.run(&config).await?,
        Command::Resource(resource) => resource.run(&config).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Where the API is, and what answers look like.
#[derive(Debug, Clone, clap::Args)]
struct Connection {
    /// URL of the API
    #[arg(long, global = true, env = "CALLWRIGHT_URL")]
    url: Option<String>,
    /// API key
    #[arg(long, global = true, env = "CALLWRIGHT_API_KEY", hide_env_values = true)]
    key: Option<String>,
    /// Print JSON for programs instead of tables for people
    #[arg(long, global = true)]
    json: bool,
}

impl Connection {
    fn api(&self, config: &Config) -> Result<Api> {
        Api::new(Access::find(self.url.clone(), self.key.clone(), &config.data)?)
    }

    /// Print rows as a table with these columns, or as JSON.
    async fn print_rows(&self, api: &Api, rows: &[Value], columns: &[&str]) -> Result<()> {
        if self.json {
            say(&serde_json::to_string_pretty(rows)?)
        } else if rows.is_empty() {
            say("nothing")
        } else {
            say(&table::of_rows(rows, columns, api.zone().await?))
        }
    }

    /// Print a list as a table with these columns, or as JSON, and say when there may be more.
    async fn print_list(
        &self,
        api: &Api,
        path: &str,
        query: &[(&str, &str)],
        limit: usize,
        columns: &[&str],
    ) -> Result<()> {
        let rows = api.list(path, query, limit).await?;
        self.print_rows(api, &rows, columns).await?;
        if rows.len() == limit && !self.json {
            eprintln!("the first {limit} rows; --limit shows more");
        }
        Ok(())
    }

    /// Print one object as a table of its fields, or as JSON.
    async fn print_one(&self, api: &Api, object: &Value) -> Result<()> {
        if self.json {
            say(&serde_json::to_string_pretty(object)?)
        } else {
            say(&table::of_object(object, api.zone().await?))
        }
    }

    /// Print what was done to an object, in a line, and what to type next; or the object as JSON.
    fn print_done(&self, verb: &str, object: &Value, next: &[String]) -> Result<()> {
        if self.json {
            say(&serde_json::to_string_pretty(object)?)
        } else {
            say(&told::done(verb, object, next))
        }
    }
}

/// Print an answer. A reader that has seen enough, as `head` has, is no fault.
fn say(text: &str) -> Result<()> {
    match writeln!(std::io::stdout().lock(), "{text}") {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}
