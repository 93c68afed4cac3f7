//! The demo of `up`: an enterprise, a task and its campaign, from wherever an earlier run left them, also one
//! that was killed halfway.

use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use outbound::api_key::{Permission, Role};
use outbound::enterprise::EnterpriseSettings;
use serde_json::{Value, json};
use storage::{enterprises, keys};

use super::ZONE;
use crate::client::live::{Live, Over};
use crate::client::{Access, Api};
use crate::commands::seed::{self, PEOPLE, demo_task};
use crate::commands::{check_journal, opened, say, transfers};
use crate::config::Config;
use crate::data_folder;
use crate::node::Node;
use crate::supervise::write_private;

const DEMO: &str = "Test drive reminders";
const ENTERPRISE: &str = "Demo";
/// Exports that are looked through for those of the demo.
const EXPORTS_MAX: usize = 1_000;

/// The demo campaign, from wherever it stands, to its end; `until_done`: its files downloaded and read, its
/// journal checked.
pub async fn campaign(
    config: &Config,
    node: &Node,
    address: SocketAddr,
    until_done: bool,
) -> Result<ExitCode> {
    let api = Api::new(access(&config.data, node, address).await?)?;
    say(&format!("key      {}", config.data.join("client.json").display()))?;
    let task = started_task(config, &api).await?;
    say(&format!("task     {task} “{DEMO}”\n"))?;
    if Live::watch(&api, &task).await? != Over::Done {
        say("\nthe task was stopped by hand")?;
        return Ok(ExitCode::FAILURE);
    }
    let exports = exports(&api, &task).await?;
    say("")?;
    for (what, export) in &exports {
        say(&format!("{what:<11}{}", transfers::export_link(&api, export).await?))?;
    }
    say("(links work for five minutes; `callwright exports download` makes new ones)")?;
    if !until_done {
        return Ok(ExitCode::SUCCESS);
    }
    let folder = config.data.join("downloads");
    data_folder::make_folder(&folder)?;
    let progress = api.get(&format!("tasks/{task}/progress")).await?;
    let calls = progress["calls"].as_u64().unwrap_or(0);
    for (what, export) in &exports {
        let file = folder.join(match what.as_str() {
            "Recordings" => "recordings.zip".to_owned(),
            kind => format!("call-records.{}", kind.to_lowercase()),
        });
        transfers::download(&transfers::export_link(&api, export).await?, &file).await?;
        let rows = opened::rows(&file)?;
        say(&format!("opened   {} ({rows} rows)", file.display()))?;
        anyhow::ensure!(
            what == "Recordings" || rows == calls,
            "{calls} calls were made, the file has {rows}"
        );
    }
    check_journal::until_clean(config, node).await
}

/// A key to the demo enterprise, kept in the data folder for the command line.
///
/// Both are made the first time. Where the file is missing, damaged or has a key that opens nothing (the run
/// that made it was killed, somebody deleted it or revoked the key), the enterprise gets a new one.
pub async fn access(data: &Path, node: &Node, address: SocketAddr) -> Result<Access> {
    let path = data.join("client.json");
    let url = format!("http://{address}");
    let key = match kept_key(&path, node).await? {
        Some(key) => key,
        None => new_key(node).await?,
    };
    let access = Access { url, key };
    write_private(&path, &serde_json::to_string_pretty(&access)?)?;
    Ok(access)
}

async fn kept_key(path: &Path, node: &Node) -> Result<Option<String>> {
    let kept = match std::fs::read(path) {
        Ok(kept) => kept,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(error).with_context(|| format!("{} can't be read", path.display()));
        }
    };
    let Ok(access) = serde_json::from_slice::<Access>(&kept) else {
        eprintln!("{} is damaged; a new key is made", path.display());
        return Ok(None);
    };
    if keys::authenticate(&node.store, &access.key, node.clock.now()).await?.is_none() {
        eprintln!("the key in {} opens nothing any more; a new one is made", path.display());
        return Ok(None);
    }
    Ok(Some(access.key))
}

async fn new_key(node: &Node) -> Result<String> {
    let (store, now) = (&node.store, node.clock.now());
    let Some(demo) = enterprises::find(store, ENTERPRISE).await? else {
        return seed::enterprise(store, ENTERPRISE, EnterpriseSettings::new(ZONE, 100), now).await;
    };
    let name = "administrator";
    Ok(keys::create(store, demo.id, name, Role::Admin, &Permission::ALL, now).await?.secret)
}

/// The demo task with its numbers imported, started if it has not been.
async fn started_task(config: &Config, api: &Api) -> Result<String> {
    let tasks = api.list("tasks", &[], usize::MAX).await?;
    let known = tasks.iter().find(|task| task["name"] == DEMO);
    let task = match known.and_then(|task| task["id"].as_str()) {
        Some(task) => task.to_owned(),
        None => demo_task(api, DEMO).await?,
    };
    // One of an earlier run that was killed lands now.
    for import in api.list(&format!("tasks/{task}/imports"), &[], usize::MAX).await? {
        if matches!(import["status"].as_str(), Some("queued" | "running")) {
            transfers::finished(api, "imports", import).await?;
        }
    }
    let progress = api.get(&format!("tasks/{task}/progress")).await?;
    if progress["total"] == 0 {
        let file = config.data.join("reminders.xlsx");
        std::fs::write(&file, PEOPLE)?;
        let options = json!({"batch_name": "reminders", "dedupe": "import"});
        let import = transfers::import(api, &task, &file, &options).await?;
        anyhow::ensure!(
            import["status"] == "done",
            "the import did not land: {}",
            import["problem"]
        );
        let (imported, rows) = (&import["result"]["imported"], &import["result"]["rows"]);
        say(&format!("imported {imported} of {rows} rows"))?;
    }
    if progress["state"] == "initial" {
        api.post(&format!("tasks/{task}/start"), &json!({})).await?;
    }
    Ok(task)
}

/// The exports of the task: those there are, or new ones where there are none or their files have expired.
async fn exports(api: &Api, task: &str) -> Result<Vec<(String, String)>> {
    let there = api.list("exports", &[], EXPORTS_MAX).await?;
    let mut exports = Vec::new();
    for (what, content, format) in [
        ("XLSX", "call_records", "xlsx"),
        ("CSV", "call_records", "csv"),
        ("Recordings", "recordings", "zip"),
    ] {
        let same = |export: &&Value| {
            let options = &export["options"];
            export["ready"] == true
                && options["task"] == task
                && options["content"] == content
                && options["format"] == format
        };
        let export = match there.iter().find(same) {
            Some(export) => export.clone(),
            None => {
                let asked = json!({"task": task, "content": content, "format": format});
                transfers::finished(api, "exports", api.post("exports", &asked).await?).await?
            }
        };
        anyhow::ensure!(export["status"] == "done", "the export failed: {}", export["problem"]);
        let id = export["id"].as_str().context("the export has no id")?;
        exports.push((what.to_owned(), id.to_owned()));
    }
    Ok(exports)
}
