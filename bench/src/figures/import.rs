//! `import`: a file of 100,000 rows into a task that has 900,000 numbers, with dedupe against them all:
//! from the upload to the landing, as CSV and as XLSX; and the memory of the process that does it, and of the
//! one that reads the file for it. Then the largest file that is allowed: a workbook of 100,000 rows with 100
//! variables of 1,000 characters, which share their texts: 10 GB of them.

use std::io::Write;
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
        let (result, reader) = import(&world, &courier, task, name, kind, file).await?;
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

/// The largest file that is allowed, into a task of its own.
async fn largest(servers: &Servers, rows: u64, run: &mut Run) -> Result<()> {
    let file = wide(rows)?;
    let kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
    let world = World::open(servers, &Plan::unanswered(100, 0)).await?;
    let task = world.tenant.task("import", serde_json::json!({"concurrency": 100})).await?;
    let mut courier = courier(&world).await?;
    let from = Instant::now();
    let (result, reader) = import(&world, &courier, task, "xlsx", kind, file).await?;
    run.put("import.wide", from.elapsed().as_secs_f64(), "s");
    run.put("import.wide.peak", memory_mb(&courier, "VmHWM")?, "MB");
    run.put("import.wide.reader.peak", reader, "MB");
    ensure!(result["imported"] == rows, "{result}");
    courier.kill().await?;
    world.close().await?;
    Ok(())
}

async fn import(
    world: &World,
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
    let request = world.tenant.api.request("POST".parse()?, &path).multipart(form);
    let import = callwright::client::body(request).await?;
    let path = format!("imports/{}", import["id"].as_str().context("an import has an id")?);
    let mut reader = 0.0_f64;
    loop {
        reader = reader.max(reader_mb(courier));
        let import = world.tenant.api.get(&path).await?;
        match import["status"].as_str() {
            Some("done") => return Ok((import["result"].clone(), reader)),
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

/// 100 variables of 1,000 characters in each row; the rows share a thousand texts.
fn wide(rows: u64) -> Result<Vec<u8>> {
    const COLUMNS: u64 = 100;
    const TEXTS: u64 = 1_000;
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    let part = |name: &str, zip: &mut zip::ZipWriter<_>| zip.start_file(name, options);
    let main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    let office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let package = "http://schemas.openxmlformats.org/package/2006/relationships";
    part("xl/workbook.xml", &mut zip)?;
    write!(
        zip,
        r#"<workbook xmlns="{main}" xmlns:r="{office}"><sheets><sheet name="S" sheetId="1" r:id="a"/></sheets></workbook>"#
    )?;
    part("xl/_rels/workbook.xml.rels", &mut zip)?;
    write!(
        zip,
        r#"<Relationships xmlns="{package}"><Relationship Id="a" Type="{office}/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="b" Type="{office}/sharedStrings" Target="sharedStrings.xml"/></Relationships>"#
    )?;
    part("xl/sharedStrings.xml", &mut zip)?;
    write!(zip, r#"<sst xmlns="{main}">"#)?;
    for text in 0..TEXTS {
        write!(zip, "<si><t>{}</t></si>", format!("{text:04} ").repeat(200))?;
    }
    write!(zip, "</sst>")?;
    part("xl/worksheets/sheet1.xml", &mut zip)?;
    write!(zip, r#"<worksheet xmlns="{main}"><sheetData><row>"#)?;
    let names = HEADER.iter().take(4).map(|name| (*name).to_owned());
    for name in names.chain((0..COLUMNS).map(|column| format!("v{column}"))) {
        write!(zip, r#"<c t="inlineStr"><is><t>{name}</t></is></c>"#)?;
    }
    for row in 0..rows {
        write!(zip, "</row><row><c><v>{}</v></c><c/><c/><c/>", phone(row).digits())?;
        for column in 0..COLUMNS {
            write!(zip, r#"<c t="s"><v>{}</v></c>"#, (row * 7 + column) % TEXTS)?;
        }
    }
    write!(zip, "</row></sheetData></worksheet>")?;
    Ok(zip.finish()?.into_inner())
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
    of_status(child.id().context("the courier has ended")?, name)
}

fn of_status(pid: u32, name: &str) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find(|line| line.starts_with(name)).context("no such line")?;
    let kb: f64 = line.split_whitespace().nth(1).context("no value")?.parse()?;
    Ok(kb / 1024.0)
}
