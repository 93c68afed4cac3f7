//! The API's plain resources: each with the verbs that it has, and no others.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Subcommand;
use serde_json::Value;

use super::enterprises::{self, NewKeyPlace};
use super::suppressions::SuppressionVerb;
use super::{Connection, next, say};
use crate::client::{Api, ROWS_DEFAULT};
use crate::config::Config;

/// Resources that are looked at and, most of them, kept.
#[derive(Debug, Subcommand)]
pub enum Resource {
    /// Task templates: saved configurations that new tasks are made from
    Templates(Verbs<Kept>),
    /// Time conditions: when to call, and when not
    Periods(Verbs<Together>),
    /// Voice navigations: what a call runs through
    Navigations(Verbs<Published>),
    /// Robots: agent, opening and turn-taking
    Robots(Verbs<Kept>),
    /// Human agents: the people whom calls are transferred to
    Agents(Verbs<Kept>),
    /// Providers: services that robots hear, think and speak with, and systems that they ask
    Providers(Verbs<Kept>),
    /// Trunks: lines to the phone network
    Trunks(Verbs<Kept>),
    /// Caller IDs: the numbers that customers see
    CallerIds(Verbs<Kept>),
    /// The do-not-call list
    Suppressions(Verbs<SuppressionVerb>),
    /// API keys; a new one's secret is shown once
    Keys(Verbs<KeyVerb>),
    /// Batches of a task: its imports by name
    Batches(Verbs<Imported>),
    /// Numbers of a task
    Numbers(Verbs<Imported>),
    /// Call records: every attempt, answered or not
    Records(Verbs<Look>),
    /// Robot conversations: answered calls, with what was said
    Conversations(Verbs<Look>),
    /// The audit log: who did what, when and from where
    Audit(Verbs<Log>),
    /// Settings of the enterprise
    Settings(Verbs<Single>),
}

/// The verbs of one resource.
#[derive(Debug, clap::Args)]
pub struct Verbs<Chosen: Subcommand> {
    #[command(subcommand)]
    verb: Chosen,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, clap::Args)]
pub struct ListOptions {
    /// Only what fits: 'result = "answered" AND turns >= 6'; the fields are in docs/fields.md
    #[arg(long)]
    filter: Option<String>,
    /// Only of this task
    #[arg(long)]
    task: Option<String>,
    /// Rows, at most
    #[arg(long, default_value_t = ROWS_DEFAULT)]
    limit: usize,
}

#[derive(Debug, Subcommand)]
pub enum Look {
    /// List, newest first
    List(ListOptions),
    /// Show one
    Show {
        /// Its id
        id: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum Log {
    /// List, newest first
    List {
        /// Rows, at most
        #[arg(long, default_value_t = ROWS_DEFAULT)]
        limit: usize,
    },
}

#[derive(Debug, Subcommand)]
pub enum Kept {
    /// List, newest first
    List {
        /// Rows, at most
        #[arg(long, default_value_t = ROWS_DEFAULT)]
        limit: usize,
    },
    /// Show one
    Show {
        /// Its id
        id: String,
    },
    /// Create one from a JSON file
    Create {
        /// The file; `-` is standard input
        file: PathBuf,
    },
    /// Change one by a JSON merge patch: the fields to change
    Change {
        /// Its id
        id: String,
        /// The file with the patch; `-` is standard input
        file: PathBuf,
    },
    /// Delete one that nothing uses
    Delete {
        /// Its id
        id: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum Together {
    /// List, newest first
    List {
        /// Rows, at most
        #[arg(long, default_value_t = ROWS_DEFAULT)]
        limit: usize,
    },
    /// Show one
    Show {
        /// Its id
        id: String,
    },
    /// Create one from a JSON file
    Create {
        /// The file; `-` is standard input
        file: PathBuf,
    },
    /// Change one by a JSON merge patch, or several together: all or none
    #[command(after_help = "Opening hours of a task with both periods are changed together:\n  \
        callwright periods change period_…1 day.json period_…2 night.json\n\
        Or once and for all, so that the other period follows by itself:\n  \
        echo '{\"complement_of\": \"period_…1\"}' | callwright periods change period_…2 -")]
    Change {
        /// Its id, and the file with the patch (`-` is standard input); for each period that is changed
        #[arg(required = true, num_args = 2.., value_names = ["ID", "FILE"])]
        changes: Vec<String>,
    },
    /// Delete one that nothing uses
    Delete {
        /// Its id
        id: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum Published {
    #[command(flatten)]
    Kept(Kept),
    /// Check the draft, and let calls run it from now on
    Publish {
        /// Its id
        id: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum Listed {
    /// List, newest first
    List {
        /// Rows, at most
        #[arg(long, default_value_t = ROWS_DEFAULT)]
        limit: usize,
    },
    /// Show one
    Show {
        /// Its id
        id: String,
    },
    /// Create from a JSON file
    Create {
        /// The file; `-` is standard input
        file: PathBuf,
    },
    /// Take one off the list
    Delete {
        /// Its id
        id: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum KeyVerb {
    /// List, newest first
    List {
        /// Rows, at most
        #[arg(long, default_value_t = ROWS_DEFAULT)]
        limit: usize,
    },
    /// Show one
    Show {
        /// Its id
        id: String,
    },
    /// Create from a JSON file, or an administrator's key on the database itself
    Create(enterprises::NewKey),
    /// Revoke a key
    Delete {
        /// Its id
        id: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum Imported {
    /// List those of a task, in the order of their import
    List {
        /// The task
        #[arg(long)]
        task: String,
        /// Rows, at most
        #[arg(long, default_value_t = ROWS_DEFAULT)]
        limit: usize,
    },
    /// Show one
    Show {
        /// Its id
        id: String,
    },
    /// Never call what is still pending
    Cancel {
        /// Its id
        id: String,
    },
    /// Delete; call records stay
    Delete {
        /// Its id
        id: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum Single {
    /// Show them
    Show,
    /// Change them by a JSON merge patch: the fields to change
    Change {
        /// The file with the patch; `-` is standard input
        file: PathBuf,
    },
}

/// What any verb comes down to.
pub enum Deed {
    List(ListOptions),
    Show(Option<String>),
    Create(PathBuf),
    Change(Option<String>, PathBuf),
    /// Ids and files by turns: all changed in one request.
    ChangeAll(Vec<String>),
    Delete(String),
    /// POST to `id/verb`.
    Move(String, Verb),
}

/// What can be done to a resource beside the plain verbs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    Publish,
    Cancel,
}

impl Verb {
    const fn word(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Cancel => "cancel",
        }
    }
}

const RECORD_COLUMNS: &[&str] = &[
    "id",
    "customer_number",
    "result",
    "round",
    "started_at",
    "talk=talk_seconds",
    "turns",
    "task=task_name",
];
const CONVERSATION_COLUMNS: &[&str] = &[
    "id",
    "customer_number",
    "started_at",
    "turns",
    "interruptions",
    "intents=intent_tags",
    "hang-up point=process_hangup_point",
];
const AGENT_COLUMNS: &[&str] =
    &["id", "number=employee_number", "name", "phone", "skills", "on_duty", "busy"];
const PROVIDER_COLUMNS: &[&str] = &["id", "name", "kind", "driver", "url", "at_once"];
const TRUNK_COLUMNS: &[&str] =
    &["id", "name", "driver", "concurrency", "calls_per_second", "in_service"];
const KEY_COLUMNS: &[&str] =
    &["id", "name", "prefix", "role", "permissions", "last_used_at", "revoked_at"];
const NUMBER_COLUMNS: &[&str] =
    &["id", "phone=phone_number", "priority", "state", "round", "last_status", "attempts"];

impl Resource {
    pub async fn run(self, config: &Config) -> Result<()> {
        match self {
            Self::Templates(verbs) => {
                let columns = &["id", "name", "concurrency", "created_at"];
                verbs.run(config, "templates", columns).await
            }
            Self::Periods(verbs) => {
                verbs.run(config, "periods", &["id", "name", "kind", "ranges"]).await
            }
            Self::Navigations(verbs) => {
                let columns = &["id", "name", "published=published_version", "created_at"];
                verbs.run(config, "navigations", columns).await
            }
            Self::Robots(verbs) => verbs.run(config, "robots", &["id", "name", "created_at"]).await,
            Self::Agents(verbs) => verbs.run(config, "agents", AGENT_COLUMNS).await,
            Self::Providers(verbs) => verbs.run(config, "providers", PROVIDER_COLUMNS).await,
            Self::Trunks(verbs) => verbs.run(config, "trunks", TRUNK_COLUMNS).await,
            Self::CallerIds(verbs) => {
                let columns = &["id", "phone", "trunk", "label", "province", "city"];
                verbs.run(config, "caller_ids", columns).await
            }
            Self::Suppressions(verbs) => verbs.suppressions(config).await,
            Self::Keys(verbs) => verbs.keys(config).await,
            Self::Batches(verbs) => {
                let columns = &["id", "name", "priority", "started_at", "numbers"];
                verbs.run(config, "batches", columns).await
            }
            Self::Numbers(verbs) => verbs.run(config, "numbers", NUMBER_COLUMNS).await,
            Self::Records(verbs) => verbs.run(config, "records", RECORD_COLUMNS).await,
            Self::Conversations(verbs) => verbs.conversations(config).await,
            Self::Audit(verbs) => {
                let columns = &["at", "actor", "action", "target", "source"];
                verbs.run(config, "audit", columns).await
            }
            Self::Settings(verbs) => verbs.run(config, "settings", &[]).await,
        }
    }
}

impl<Chosen: Subcommand + Into<Deed>> Verbs<Chosen> {
    async fn run(self, config: &Config, path: &str, columns: &[&str]) -> Result<()> {
        let api = self.connection.api(config)?;
        run(&api, &self.connection, path, columns, self.verb.into()).await
    }
}

impl Verbs<SuppressionVerb> {
    /// Files of phones are long work.
    async fn suppressions(self, config: &Config) -> Result<()> {
        let (api, out) = (&self.connection.api(config)?, &self.connection);
        match self.verb {
            SuppressionVerb::Listed(verb) => {
                let columns = &["id", "phone", "reason", "source", "expires_at"];
                run(api, out, "suppressions", columns, verb.into()).await
            }
            SuppressionVerb::Import(file) => file.run(api, out).await,
            SuppressionVerb::Imports(imports) => imports.run(api, out).await,
        }
    }
}

impl Verbs<KeyVerb> {
    /// A key for an enterprise that has none left is made past the API.
    async fn keys(self, config: &Config) -> Result<()> {
        let deed = match self.verb {
            KeyVerb::Create(new) => match new.place() {
                NewKeyPlace::Database { enterprise, name } => {
                    let out = &self.connection;
                    return enterprises::make_key(config, out, &enterprise, &name).await;
                }
                NewKeyPlace::Api(file) => Deed::Create(file),
            },
            KeyVerb::List { limit } => plain_list(limit),
            KeyVerb::Show { id } => Deed::Show(Some(id)),
            KeyVerb::Delete { id } => Deed::Delete(id),
        };
        run(&self.connection.api(config)?, &self.connection, "keys", KEY_COLUMNS, deed).await
    }
}

impl Verbs<Look> {
    /// A conversation is shown as it went: line by line.
    async fn conversations(self, config: &Config) -> Result<()> {
        let (api, out) = (&self.connection.api(config)?, &self.connection);
        let Look::Show { id } = &self.verb else {
            return run(api, out, "conversations", CONVERSATION_COLUMNS, self.verb.into()).await;
        };
        let talk = api.get(&format!("records/{id}/conversation")).await?;
        if out.json {
            return out.print_one(api, &talk).await;
        }
        for line in talk["transcript"].as_array().into_iter().flatten() {
            let seconds = line["start_ms"].as_u64().unwrap_or(0) / 1_000;
            let text = |name: &str| line[name].as_str().unwrap_or_default();
            let (minutes, seconds) = (seconds / 60, seconds % 60);
            let (speaker, text) = (text("speaker"), text("text"));
            say(&format!("{minutes:02}:{seconds:02}  {speaker:<8}  {text}"))?;
        }
        Ok(())
    }
}

async fn run(api: &Api, out: &Connection, path: &str, columns: &[&str], deed: Deed) -> Result<()> {
    let one = |id: Option<&str>| match id {
        Some(id) => format!("{path}/{id}"),
        None => path.to_owned(),
    };
    match deed {
        Deed::List(ListOptions { filter, task, limit }) => {
            let mut query = Vec::new();
            query.extend(filter.as_deref().map(|filter| ("filter", filter)));
            // Batches and numbers are listed below their task.
            let below = task.as_deref().filter(|_| matches!(path, "batches" | "numbers"));
            let path = match below {
                Some(task) => format!("tasks/{task}/{path}"),
                None => path.to_owned(),
            };
            query.extend(task.as_deref().filter(|_| below.is_none()).map(|task| ("task", task)));
            out.print_list(api, &path, &query, limit, columns).await
        }
        Deed::Show(id) => out.print_one(api, &api.get(&one(id.as_deref())).await?).await,
        Deed::Create(file) => {
            let made = api.post(path, &read_json(&file)?).await?;
            if let Some(secret) = made["secret"].as_str().filter(|_| !out.json) {
                say(&format!("{secret}    (shown this once)"))?;
            }
            out.print_done("created", &made, &next::after_create(path, &made))
        }
        Deed::Change(id, file) => {
            let changed = api.patch(&one(id.as_deref()), &read_json(&file)?).await?;
            let shown = id.map(|id| format!("{} show {id}", path.replace('_', "-")));
            let shown = shown.unwrap_or_else(|| format!("{path} show"));
            out.print_done("changed", &changed, &[format!("callwright {shown}")])
        }
        Deed::ChangeAll(changes) => {
            let changed = api.patch_all(path, patches(&changes)?).await?;
            if out.json {
                return say(&serde_json::to_string_pretty(&changed)?);
            }
            changed[path].as_array().into_iter().flatten().try_for_each(|row| {
                let id = row["id"].as_str().unwrap_or_default();
                let shown = format!("callwright {} show {id}", path.replace('_', "-"));
                out.print_done("changed", row, &[shown])
            })
        }
        Deed::Delete(id) => {
            api.delete(&one(Some(&id))).await?;
            say(&format!("deleted {id}"))
        }
        Deed::Move(id, verb) => {
            let path = format!("{}/{}", one(Some(&id)), verb.word());
            let moved = api.post(&path, &serde_json::json!({})).await?;
            match verb {
                Verb::Publish => out.print_done("published", &moved, &next::after_publish(&moved)),
                Verb::Cancel => out.print_done("cancelled", &moved, &[]),
            }
        }
    }
}

fn plain_list(limit: usize) -> Deed {
    Deed::List(ListOptions { filter: None, task: None, limit })
}

impl From<Look> for Deed {
    fn from(verb: Look) -> Self {
        match verb {
            Look::List(options) => Self::List(options),
            Look::Show { id } => Self::Show(Some(id)),
        }
    }
}

impl From<Log> for Deed {
    fn from(Log::List { limit }: Log) -> Self {
        plain_list(limit)
    }
}

impl From<Kept> for Deed {
    fn from(verb: Kept) -> Self {
        match verb {
            Kept::List { limit } => plain_list(limit),
            Kept::Show { id } => Self::Show(Some(id)),
            Kept::Create { file } => Self::Create(file),
            Kept::Change { id, file } => Self::Change(Some(id), file),
            Kept::Delete { id } => Self::Delete(id),
        }
    }
}

impl From<Together> for Deed {
    fn from(verb: Together) -> Self {
        match verb {
            Together::List { limit } => plain_list(limit),
            Together::Show { id } => Self::Show(Some(id)),
            Together::Create { file } => Self::Create(file),
            Together::Change { changes } => match <[String; 2]>::try_from(changes) {
                Ok([id, file]) => Self::Change(Some(id), file.into()),
                Err(changes) => Self::ChangeAll(changes),
            },
            Together::Delete { id } => Self::Delete(id),
        }
    }
}

impl From<Published> for Deed {
    fn from(verb: Published) -> Self {
        match verb {
            Published::Kept(verb) => verb.into(),
            Published::Publish { id } => Self::Move(id, Verb::Publish),
        }
    }
}

impl From<Listed> for Deed {
    fn from(verb: Listed) -> Self {
        match verb {
            Listed::List { limit } => plain_list(limit),
            Listed::Show { id } => Self::Show(Some(id)),
            Listed::Create { file } => Self::Create(file),
            Listed::Delete { id } => Self::Delete(id),
        }
    }
}

impl From<Imported> for Deed {
    fn from(verb: Imported) -> Self {
        match verb {
            Imported::List { task, limit } => {
                Self::List(ListOptions { filter: None, task: Some(task), limit })
            }
            Imported::Show { id } => Self::Show(Some(id)),
            Imported::Cancel { id } => Self::Move(id, Verb::Cancel),
            Imported::Delete { id } => Self::Delete(id),
        }
    }
}

impl From<Single> for Deed {
    fn from(verb: Single) -> Self {
        match verb {
            Single::Show => Self::Show(None),
            Single::Change { file } => Self::Change(None, file),
        }
    }
}

/// Ids with their patches, of ids and files by turns.
fn patches(changes: &[String]) -> Result<Vec<(String, Value)>> {
    let (pairs, over) = changes.as_chunks::<2>();
    anyhow::ensure!(
        over.is_empty(),
        "each period needs its id and a file: the last of {} words has no file",
        changes.len()
    );
    let files = pairs.iter().filter(|[_, file]| file == "-").count();
    anyhow::ensure!(files < 2, "standard input (`-`) holds one patch; put the others in files");
    pairs.iter().map(|[id, file]| Ok((id.clone(), read_json(Path::new(file))?))).collect()
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
