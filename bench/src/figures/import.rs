//! `import`: a file of 100,000 rows into a task that has 900,000 numbers, with dedupe against them all:
//! from the upload to the landing, as CSV and as XLSX; and the memory of the process that does it.

use std::process::Stdio;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use outbound::ids::TaskId;
use outbound::task::TaskState;
use rust_xlsxwriter::Workbook;
use serde_json::Value;
use storage::tasks;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;
use workers::{Kind, Running};

use crate::figure::Run;
use crate::servers::Servers;
use crate::size;
use crate::tenant::{Plan, phone};
use crate::world::World;

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
        let mut courier = courier(&world).await?;
        let before = memory_mb(&courier, "VmRSS")?;
        let from = Instant::now();
        let result = import(&world, task, name, kind, file).await?;
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
    Ok(run)
}

async fn import(
    world: &World,
    task: TaskId,
    name: &str,
    kind: &str,
    file: Vec<u8>,
) -> Result<Value> {
    let options = serde_json::json!({"batch_name": "file", "dedupe": "task"});
    let part = reqwest::multipart::Part::bytes(file)
        .file_name(format!("numbers.{name}"))
        .mime_str(kind)?;
    let form =
        reqwest::multipart::Form::new().text("options", options.to_string()).part("file", part);
    let path = format!("tasks/{task}/imports");
    let request = world.tenant.api.request("POST".parse()?, &path).multipart(form);
    let import = callwright::client::body(request).await?;
    let path = format!("imports/{}", import["id"].as_str().context("an import has an id")?);
    loop {
        let import = world.tenant.api.get(&path).await?;
        match import["status"].as_str() {
            Some("done") => return Ok(import["result"].clone()),
            Some("failed" | "cancelled") => anyhow::bail!("{import}"),
            _ => tokio::time::sleep(std::time::Duration::from_millis(10)).await,
        }
    }
}

/// Every second row is in the task already; five columns, two of them variables.
fn line(there: u64, row: u64) -> [String; 6] {
    let n = if row.is_multiple_of(2) { row % there.max(1) } else { there + row };
    let text = format!("+{}", phone(n).digits());
    [
        text,
        (row % 10).to_string(),
        String::new(),
        String::new(),
        format!("Customer {row}"),
        "Beijing".into(),
    ]
}

const HEADER: [&str; 6] =
    ["Phone Number", "Priority", "Caller ID", "Backup Numbers", "name", "place"];

fn csv(there: u64, rows: u64) -> Result<Vec<u8>> {
    let mut text = HEADER.join(",");
    text.push('\n');
    for row in 0..rows {
        text.push_str(&line(there, row).join(","));
        text.push('\n');
    }
    Ok(text.into_bytes())
}

fn xlsx(there: u64, rows: u64) -> Result<Vec<u8>> {
    let mut book = Workbook::new();
    let sheet = book.add_worksheet_with_constant_memory()?;
    for (column, name) in (0..).zip(HEADER) {
        sheet.write_string(0, column, name)?;
    }
    for row in 0..rows {
        for (column, cell) in (0..).zip(line(there, row)) {
            sheet.write_string(u32::try_from(row)? + 1, column, cell)?;
        }
    }
    Ok(book.save_to_buffer()?)
}

/// A process of its own that imports: this program, with the configuration in its environment.
async fn courier(world: &World) -> Result<Child> {
    let config = &world.config;
    let database = config.database.as_ref().context("a world has a database")?;
    let objects = config.objects.as_ref().context("a world has an object store")?;
    let mut child = Command::new(std::env::current_exe()?)
        .arg("--courier")
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
    ensure!(ready.trim() == "ready", "the courier said {ready:?}");
    Ok(child)
}

/// The child: imports until its input ends.
pub async fn be_courier() -> Result<()> {
    let config = callwright::config::Config::from_environment()?;
    let node = callwright::node::Node::connect(&config).await?;
    let env = node.environment(&config, None, CancellationToken::new())?;
    let running = Running::start(env, &[Kind::Import]);
    println!("ready");
    tokio::io::stdin().read_to_end(&mut Vec::new()).await?;
    running.stop(std::future::pending()).await;
    Ok(())
}

/// A line of `/proc/pid/status`, which is in kB.
fn memory_mb(child: &Child, name: &str) -> Result<f64> {
    let pid = child.id().context("the courier has ended")?;
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find(|line| line.starts_with(name)).context("no such line")?;
    let kb: f64 = line.split_whitespace().nth(1).context("no value")?.parse()?;
    Ok(kb / 1024.0)
}
