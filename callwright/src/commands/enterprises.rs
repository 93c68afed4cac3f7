//! What is done past the API, on the database itself: `callwright enterprises`, and
//! `callwright keys create --enterprise` for who has lost the last key.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::{ArgGroup, Subcommand};
use outbound::ids::EnterpriseId;
use serde_json::{Value, json};
use storage::enterprises::{self, Enterprise};
use storage::rows::{PAGE_MAX, Page};
use storage::{Store, StoreError, keys};

use super::seed::{ADMINISTRATOR, Seed, explained, system_user};
use super::{Connection, say};
use crate::client::{ROWS_DEFAULT, table};
use crate::config::Config;
use crate::node;
use crate::supervise::addresses;

const COLUMNS: [&str; 6] = [
    "id",
    "name",
    "time zone=time_zone",
    "concurrency=concurrency_limit",
    "hard limit=concurrency_max",
    "created_at",
];

/// Enterprises of this installation. It talks to PostgreSQL itself: set `DATABASE_URL`, or let it find the
/// one that `up` runs in the data folder.
#[derive(Debug, clap::Args)]
pub struct Enterprises {
    #[command(subcommand)]
    command: Command,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List, newest first
    List {
        /// Rows, at most
        #[arg(long, default_value_t = ROWS_DEFAULT)]
        limit: usize,
    },
    /// Make one with an administrator's API key, which is shown once; as `seed` does
    Create(Seed),
    /// Set how many calls it may have up at a time, whatever its administrators set
    #[command(group(ArgGroup::new("limit").required(true).args(["concurrency_max", "no_concurrency_max"])))]
    Change {
        /// Its name or id
        enterprise: String,
        /// Calls up at a time, at most; settings that allow more are lowered
        #[arg(long)]
        concurrency_max: Option<u32>,
        /// As many as the platform allows
        #[arg(long)]
        no_concurrency_max: bool,
    },
}

impl Enterprises {
    pub async fn run(self, config: Config) -> Result<()> {
        let config = addresses::beside_up(config)?;
        let limit = match self.command {
            Command::List { limit } => limit,
            Command::Create(seed) => return seed.run(&config).await,
            Command::Change { enterprise, concurrency_max, .. } => {
                return change(&config, &enterprise, concurrency_max, self.json).await;
            }
        };
        let store = node::store(&config).await?;
        let found = all(&store, limit).await?;
        let rows: Vec<Value> = found.iter().map(row).collect();
        if self.json {
            return say(&serde_json::to_string_pretty(&rows)?);
        }
        if rows.is_empty() {
            return say("there is no enterprise yet: `callwright seed NAME` makes one");
        }
        // They may each be of another zone: times are told in UTC.
        say(&table::of_rows(&rows, &COLUMNS, chrono_tz::UTC))?;
        if rows.len() == limit {
            eprintln!("the first {limit} rows; --limit shows more");
        }
        Ok(())
    }
}

/// Set the hard limit of an enterprise.
async fn change(config: &Config, wanted: &str, most: Option<u32>, as_json: bool) -> Result<()> {
    let store = node::store(config).await?;
    let (id, now) = (find(&store, wanted).await?.id, config.clock.clock().now());
    let changed = enterprises::set_concurrency_max(&store, id, most, &system_user(), now)
        .await
        .map_err(explained)?;
    if as_json {
        return say(&serde_json::to_string_pretty(&row(&changed))?);
    }
    say(&table::of_rows(&[row(&changed)], &COLUMNS, chrono_tz::UTC))
}

fn row(enterprise: &Enterprise) -> Value {
    json!({
        "id": enterprise.id,
        "name": enterprise.name,
        "time_zone": enterprise.settings.time_zone,
        "concurrency_limit": enterprise.settings.concurrency_limit,
        "concurrency_max": enterprise.concurrency_max,
        "created_at": enterprise.created_at,
    })
}

async fn all(store: &Store, limit: usize) -> Result<Vec<Enterprise>> {
    let mut found = Vec::new();
    let mut page = Page::first(PAGE_MAX);
    while found.len() < limit {
        let listed = enterprises::list(store, page).await?;
        found.extend(listed.rows);
        page.after = listed.next;
        if page.after.is_none() {
            break;
        }
    }
    found.truncate(limit);
    Ok(found)
}

/// A new key: by the API from a file, or an administrator's on the database itself.
#[derive(Debug, clap::Args)]
#[command(group(ArgGroup::new("place").required(true).args(["file", "enterprise"])))]
pub struct NewKey {
    /// The file; `-` is standard input
    file: Option<PathBuf>,
    /// When the last key is lost: make an administrator's key for this enterprise, by its name or id, on
    /// the database itself (`DATABASE_URL`)
    #[arg(long)]
    enterprise: Option<String>,
    /// Name of an administrator's key
    #[arg(long, default_value = ADMINISTRATOR, conflicts_with = "file")]
    name: String,
}

/// Where a new key is made.
pub enum NewKeyPlace {
    Api(PathBuf),
    Database { enterprise: String, name: String },
}

impl NewKey {
    pub fn place(self) -> NewKeyPlace {
        match (self.enterprise, self.file) {
            (Some(enterprise), _) => NewKeyPlace::Database { enterprise, name: self.name },
            (None, file) => NewKeyPlace::Api(file.unwrap_or_else(|| "-".into())),
        }
    }
}

/// Make an administrator's key for an enterprise, and print it: this once.
pub(super) async fn make_key(
    config: &Config,
    out: &Connection,
    enterprise: &str,
    name: &str,
) -> Result<()> {
    let config = addresses::beside_up(config.clone())?;
    let store = node::store(&config).await?;
    let enterprise = find(&store, enterprise).await?;
    let now = config.clock.clock().now();
    let made = keys::create_administrator(&store, enterprise.id, name, &system_user(), now)
        .await
        .map_err(explained)?;
    if out.json {
        let key = json!({"id": made.key.id, "enterprise": enterprise.id, "secret": made.secret});
        return say(&serde_json::to_string_pretty(&key)?);
    }
    eprintln!("an administrator's key for “{}”, shown this once:", enterprise.name);
    say(&made.secret)
}

/// An enterprise by its name, else by its id.
async fn find(store: &Store, wanted: &str) -> Result<Enterprise> {
    if let Some(enterprise) = enterprises::find(store, wanted).await? {
        return Ok(enterprise);
    }
    let by_id = match wanted.parse::<EnterpriseId>() {
        Ok(id) => enterprises::get(store, id).await,
        Err(_) => Err(StoreError::NotFound("enterprise")),
    };
    match by_id {
        Err(StoreError::NotFound(_)) => bail!(
            "no enterprise has the name or the id “{wanted}”; `callwright enterprises list` shows all"
        ),
        found => found.context("the enterprise can't be read"),
    }
}
