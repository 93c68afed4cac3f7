//! `make chaos SEED=n`: a campaign through faults, and whether anything was lost.
//!
//! It starts PostgreSQL, Redis and an object store of its own and the real binary as separate processes,
//! calls numbers of three tasks over two trunks of two enterprises, and of one over a SIP trunk to sipp, and meanwhile does to them what its
//! seed says. Then all faults end, every number is waited for, and the journal is checked against the
//! database. It ends with 0 when nothing was found. `docs/operations/chaos.md` tells how to read it.

mod campaign;
mod deck;
mod long_calls;
mod processes;
mod run;
mod servers;
mod verdict;
mod watch;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use callwright::config::Config;
use callwright::{commands, node, supervise};
use harness::sipp::Sipp;

use campaign::Campaign;
use deck::Deck;
use processes::Fleet;
use run::{Run, START, STOPS};
use servers::Servers;

/// Imports that the numbers of a run come in; a multiple of the tasks.
const IMPORTS: usize = 12;
/// Of them, those that land before the first fault.
const IMPORTS_AHEAD: usize = 6;
const LEASE: Duration = Duration::from_secs(3);
/// How long the processes may take to be ready.
const READY: Duration = Duration::from_secs(60);

/// What a run is asked for, by the environment.
struct Asked {
    seed: u64,
    numbers: usize,
    minutes: u64,
    /// Words of cards; empty: all of them.
    only: Vec<String>,
    binary: PathBuf,
}

impl Asked {
    fn read() -> Result<Self> {
        let text = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
        let number = |name: &str, default: u64| match text(name) {
            Some(text) => text.parse().with_context(|| format!("{name}: write a whole number")),
            None => Ok(default),
        };
        let beside = || Ok(std::env::current_exe()?.with_file_name("callwright"));
        let asked = Self {
            seed: number("SEED", u64::from(rand::random::<u32>()))?,
            numbers: usize::try_from(number("NUMBERS", 20_000)?)?,
            minutes: number("MINUTES", 20)?,
            only: text("ONLY").unwrap_or_default().split_whitespace().map(str::to_owned).collect(),
            binary: text("CALLWRIGHT_BIN").map_or_else(beside, |path| {
                std::path::absolute(path).map_err(anyhow::Error::from)
            })?,
        };
        ensure!(asked.binary.is_file(), "{} is not built", asked.binary.display());
        Ok(asked)
    }
}

fn main() -> ExitCode {
    let asked = match Asked::read() {
        Ok(asked) => asked,
        Err(error) => {
            eprintln!("chaos: {error:#}");
            return ExitCode::FAILURE;
        }
    };
    let seed = asked.seed;
    println!("seed {seed}, {} numbers, {} minutes at most", asked.numbers, asked.minutes);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let ended = match runtime {
        Ok(runtime) => runtime.block_on(chaos(&asked)),
        Err(error) => Err(error.into()),
    };
    match ended {
        Ok(findings) if findings.is_empty() => {
            println!("seed {seed}: nothing was found");
            ExitCode::SUCCESS
        }
        Ok(findings) => {
            findings.iter().for_each(|finding| println!("FOUND {finding}"));
            println!("seed {seed}: {} findings", findings.len());
            ExitCode::FAILURE
        }
        Err(error) => {
            println!("seed {seed}: the run broke: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The whole run; gives what was found.
async fn chaos(asked: &Asked) -> Result<Vec<String>> {
    let until = Instant::now() + Duration::from_secs(asked.minutes * 60);
    let servers = Servers::start().await?;
    let folder = servers.folder.clone();
    println!("folder {}", folder.display());
    let clock_file = folder.join("clock");
    let clock = campaign::clock(&clock_file, START)?;
    let port = supervise::free_port()?;
    let environment = environment(&servers, &clock_file, port);
    let config = config(&environment)?;
    commands::migrate(&config).await?;
    let fleet = Fleet::start(&asked.binary, environment, &folder)?;
    let url = format!("http://127.0.0.1:{port}");
    ready(&url).await?;
    let store = node::store(&config).await?;
    let phones = Sipp::play("answers", &[]).await;
    let campaign = Campaign::make(&store, &url, &clock_file, clock.clone(), phones.address).await?;
    let deck = Deck::of(asked.seed, IMPORTS - IMPORTS_AHEAD, STOPS.len(), &asked.only);
    let chunk = (asked.numbers / IMPORTS).max(1);
    let mut run = Run::new(servers, fleet, campaign, store, deck, &config, chunk);
    for _ in 0..IMPORTS_AHEAD {
        run.import().await?;
    }
    for task in 0..run.campaign.tasks.len() {
        run.start(task).await?;
    }
    // Faults take two thirds of the time at most; what is left is for the end.
    let faults_until = Instant::now() + (until - Instant::now()) * 2 / 3;
    run.play(faults_until).await?;
    let findings = verdict::judge(&mut run, &config, &clock, until).await;
    run.store.close().await;
    run.servers.stop().await?;
    let findings = findings?;
    if findings.is_empty() {
        std::fs::remove_dir_all(&folder)?;
    } else {
        println!("kept   {}", folder.display());
    }
    Ok(findings)
}

fn environment(servers: &Servers, clock: &Path, port: u16) -> Vec<(String, String)> {
    let s3 = &servers.s3;
    [
        ("DATABASE_URL", servers.postgres_url()),
        ("DATABASE_HOT_CONNECTIONS", "5".into()),
        ("REDIS_URL", servers.redis_url()),
        ("S3_ENDPOINT", s3.endpoint.clone()),
        ("S3_REGION", s3.region.clone()),
        ("S3_BUCKET", s3.bucket.clone()),
        ("S3_ACCESS_KEY", s3.access_key.clone()),
        ("S3_SECRET_KEY", s3.secret_key.clone()),
        ("CALLWRIGHT_DATA", servers.folder.display().to_string()),
        ("CALLWRIGHT_CLOCK_FILE", clock.display().to_string()),
        ("CALLWRIGHT_LEASE_SECONDS", LEASE.as_secs().to_string()),
        ("CALLWRIGHT_DRAIN_SECONDS", "5".into()),
        ("CALLWRIGHT_LISTEN", format!("127.0.0.1:{port}")),
        ("CALLWRIGHT_LOG", "info".into()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

fn config(environment: &[(String, String)]) -> Result<Config> {
    Config::read(&|name| {
        let found = environment.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.clone())
    })
}

async fn ready(url: &str) -> Result<()> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let deadline = Instant::now() + READY;
    loop {
        let answer = reqwest::get(format!("{url}/ready")).await;
        if answer.is_ok_and(|answer| answer.status().is_success()) {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "the API is not ready after {} s", READY.as_secs());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
