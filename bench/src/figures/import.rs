//! `import`: a file of 100,000 rows into a task that has 900,000 numbers, with dedupe against them all:
//! from the upload to the landing, as CSV and as XLSX; and the memory of the process that does it, and of the
//! one that reads the file for it. Then the largest file that is allowed: a workbook of 100,000 rows with 100
//! variables of 1,000 characters, which share their texts: 10 GB of them; and a workbook of 20 KB with a text of 20 MB in
//! 100 cells, which is refused. For these two the API is a process of its own, too.
//!
//! Memory is the kernel's: `VmHWM` of `/proc/PID/status`, the most that a process had in RAM, asked for at the end, and of
//! the process that reads every 10 ms.

use std::process::Stdio;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use callwright::client::{Access, Api};
use outbound::api_key::{Permission, Role};
use outbound::ids::TaskId;
use outbound::task::TaskState;
use serde_json::Value;
use storage::tasks;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;
use workers::{Kind, Running};

use crate::figure::Run;
use crate::servers::Servers;
use crate::size;
use crate::tenant::Plan;
use crate::world::{World, state};

use super::import_files::{csv, one_long_text, wide, xlsx};

const THERE: u64 = 900_000;
const ROWS: u64 = 100_000;

pub async fn run(servers: &Servers) -> Result<Run> {
    let there = size("BENCH_NUMBERS", THERE);
    let rows = size("BENCH_ROWS", ROWS);
    let mut run = Run::default();
    for (name, kind, file) in [
        ("csv", "text/csv", csv(there, rows)?),
        (
            "xlsx",
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            xlsx(there, rows)?,
        ),
    ] {
        let world = World::open(servers, &Plan::unanswered(100, 0)).await?;
        let task = world.tenant.task("import", serde_json::json!({"concurrency": 100})).await?;
        world.tenant.land(task, 0, there).await?;
        let (mut courier, _) = process(&world, "--courier").await?;
        let before = memory_mb(&courier, "VmRSS")?;
        let from = Instant::now();
        let (import, reader) = import(&world.tenant.api, &courier, task, name, kind, file).await?;
        let result = &import["result"];
        run.put(format!("import.{name}.reader.peak"), reader, "MB");
        run.put(format!("import.{name}"), from.elapsed().as_secs_f64(), "s");
        run.put(format!("import.{name}.peak"), memory_mb(&courier, "VmHWM")?, "MB");
        run.put(format!("import.{name}.idle"), before, "MB");
        // Half of the file is in the task already.
        ensure!(result["imported"] == rows / 2, "{result}");
        ensure!(result["duplicates"] == rows - rows / 2, "{result}");
        ensure!(
            world.tenant.counts(task).await?.numbers_total() == there + rows / 2,
            "numbers are missing"
        );
        let state = tasks::get(&world.node.store, world.tenant.enterprise, task).await?.state;
        ensure!(state == TaskState::Initial, "{state:?}");
        courier.kill().await?;
        world.close().await?;
    }
    largest(servers, rows, &mut run).await?;
    Ok(run)
}

/// The largest file that is allowed, and one that claims far more than it is.
async fn largest(servers: &Servers, rows: u64, run: &mut Run) -> Result<()> {
    let kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
    for (figure, file) in [("wide", wide(rows)?), ("one_long_text", one_long_text()?)] {
        let world = World::open(servers, &Plan::unanswered(100, 0)).await?;
        let task = world.tenant.task("import", serde_json::json!({"concurrency": 100})).await?;
        let (mut courier, _) = process(&world, "--courier").await?;
        let (mut web, url) = process(&world, "--web").await?;
        let (enterprise, now) = (world.tenant.enterprise, world.node.clock.now());
        let all = &Permission::ALL;
        let key =
            storage::keys::create(&world.node.store, enterprise, "import", Role::Admin, all, now);
        let api = Api::new(Access { url, key: key.await?.secret })?;
        let from = Instant::now();
        let (import, reader) = import(&api, &courier, task, "xlsx", kind, file).await?;
        run.put(format!("import.{figure}"), from.elapsed().as_secs_f64(), "s");
        run.put(format!("import.{figure}.web.peak"), memory_mb(&web, "VmHWM")?, "MB");
        run.put(format!("import.{figure}.courier.peak"), memory_mb(&courier, "VmHWM")?, "MB");
        run.put(format!("import.{figure}.reader.peak"), reader, "MB");
        match figure {
            "wide" => ensure!(import["result"]["imported"] == rows, "{import}"),
            _ => ensure!(import["problem"]["code"] == "cell_too_long", "{import}"),
        }
        courier.kill().await?;
        web.kill().await?;
        world.close().await?;
    }
    Ok(())
}

/// The import when it is over, and the most memory that its reading process had.
async fn import(
    api: &Api,
    courier: &Child,
    task: TaskId,
    name: &str,
    kind: &str,
    file: Vec<u8>,
) -> Result<(Value, f64)> {
    let options = serde_json::json!({"batch_name": "file", "dedupe": "task"});
    let part = reqwest::multipart::Part::bytes(file)
        .file_name(format!("numbers.{name}"))
        .mime_str(kind)?;
    let form =
        reqwest::multipart::Form::new().text("options", options.to_string()).part("file", part);
    let path = format!("tasks/{task}/imports");
    let request = api.request("POST".parse()?, &path).multipart(form);
    let import = callwright::client::body(request).await?;
    let path = format!("imports/{}", import["id"].as_str().context("an import has an id")?);
    let mut reader = 0.0_f64;
    loop {
        reader = reader.max(reader_mb(courier));
        let import = api.get(&path).await?;
        match import["status"].as_str() {
            Some("done" | "failed" | "cancelled") => return Ok((import, reader)),
            _ => tokio::time::sleep(std::time::Duration::from_millis(10)).await,
        }
    }
}

/// The most memory that the process had which reads the file for the courier; 0 when there is none.
fn reader_mb(courier: &Child) -> f64 {
    let Some(pid) = courier.id() else { return 0.0 };
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let children =
        threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok());
    let pids: Vec<u32> = children
        .flat_map(|pids| {
            pids.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>()
        })
        .collect();
    pids.into_iter().filter_map(|pid| of_status(pid, "VmHWM").ok()).fold(0.0, f64::max)
}

/// A process of its own, this program in another role, with the configuration in its environment; and the address that
/// it says it listens at.
async fn process(world: &World, role: &str) -> Result<(Child, String)> {
    let config = &world.config;
    let database = config.database.as_ref().context("a world has a database")?;
    let objects = config.objects.as_ref().context("a world has an object store")?;
    let mut child = Command::new(std::env::current_exe()?)
        .arg(role)
        .env("CALLWRIGHT_DATA", &config.data)
        .env("DATABASE_URL", &database.url)
        .env("REDIS_URL", config.redis.as_deref().unwrap_or_default())
        .env("CALLWRIGHT_QUEUE_PREFIX", &config.queue_prefix)
        .env("S3_ENDPOINT", &objects.endpoint)
        .env("S3_BUCKET", &objects.bucket)
        .env("S3_ACCESS_KEY", &objects.access_key)
        .env("S3_SECRET_KEY", &objects.secret_key)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let said = child.stdout.take().context("a child has an output")?;
    let mut ready = String::new();
    BufReader::new(said).read_line(&mut ready).await?;
    let url = ready.trim().strip_prefix("ready");
    let url = url.with_context(|| format!("the process {role} said {ready:?}"))?.trim().to_owned();
    Ok((child, url))
}

/// The child: imports until its input ends.
pub async fn be_courier() -> Result<()> {
    let config = callwright::config::Config::from_environment()?;
    let node = callwright::node::Node::connect(&config).await?;
    let env = node.environment(&config, None, CancellationToken::new())?;
    let running = Running::start(env, &[Kind::Import])?;
    println!("ready");
    tokio::io::stdin().read_to_end(&mut Vec::new()).await?;
    running.stop(std::future::pending()).await;
    Ok(())
}

/// The child: the API until its input ends.
pub async fn be_web() -> Result<()> {
    let config = callwright::config::Config::from_environment()?;
    let node = callwright::node::Node::connect(&config).await?;
    let stopping = CancellationToken::new();
    let anywhere = ([127, 0, 0, 1], 0).into();
    let router = api::router(state(&node));
    let (address, served) =
        callwright::commands::listen(anywhere, router, stopping.clone()).await?;
    let served = tokio::spawn(served);
    println!("ready http://{address}");
    tokio::io::stdin().read_to_end(&mut Vec::new()).await?;
    stopping.cancel();
    served.await??;
    Ok(())
}

/// A line of `/proc/pid/status`, which is in kB.
fn memory_mb(child: &Child, name: &str) -> Result<f64> {
    of_status(child.id().context("the process has ended")?, name)
}

fn of_status(pid: u32, name: &str) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find(|line| line.starts_with(name)).context("no such line")?;
    let kb: f64 = line.split_whitespace().nth(1).context("no value")?.parse()?;
    Ok(kb / 1024.0)
}
