//! `make bench`: measured speed of a whole Callwright on its own PostgreSQL and Redis.
//!
//! Each figure is a line `name value unit` on standard output, the median of the runs, with `.min` and
//! `.max` beside it; what is going on is on standard error. Each run checks that what it measured was
//! also right, and the bench ends non-zero when it was not. `bench/RESULTS.md` has the method.

mod figure;
mod figures;
mod servers;
mod tenant;
mod world;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, ValueEnum};

use figure::Run;
use servers::Servers;

#[derive(Debug, Parser)]
struct Arguments {
    /// Measure this alone
    #[arg(long)]
    only: Option<Only>,
    /// Runs of each measurement
    #[arg(long, env = "BENCH_RUNS", default_value_t = 5)]
    runs: usize,
    /// Be the process that imports, for the measurement of its memory
    #[arg(long, hide = true)]
    courier: bool,
    /// Be the process that has the API, for the same
    #[arg(long, hide = true)]
    web: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Only {
    Dial,
    Decay,
    Slots,
    Rate,
    Insert,
    Wave,
    Import,
    Queue,
    Tenants,
    Sip,
}

/// A size from the environment, for quick looks; figures of another size are not comparable.
fn size(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn main() -> ExitCode {
    // An import has its file read by the program that it runs in.
    if std::env::args().nth(1).as_deref() == Some(workers::READ_IMPORT) {
        return workers::read_import();
    }
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("Error: {error:?}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn run() -> Result<()> {
    let arguments = Arguments::parse();
    // The first TLS provider that is installed stays: a second is no fault.
    let _ = rustls::crypto::ring::default_provider().install_default();
    if arguments.courier {
        return figures::import::be_courier().await;
    }
    if arguments.web {
        return figures::import::be_web().await;
    }
    let servers = Servers::start().await?;
    let mut ended = Ok(());
    for only in Only::value_variants() {
        if arguments.only.is_none_or(|wanted| wanted == *only) {
            ended = measure(*only, arguments.runs, &servers).await;
            if ended.is_err() {
                break;
            }
        }
    }
    servers.stop().await?;
    ended
}

async fn measure(only: Only, runs: usize, servers: &Servers) -> Result<()> {
    let mut all: Vec<Run> = Vec::new();
    for number in 1..=runs {
        eprintln!("{only:?}: run {number} of {runs}");
        all.push(match only {
            Only::Dial => figures::dial::run(servers).await?,
            Only::Decay => figures::decay::run(servers).await?,
            Only::Slots => figures::slots::run(servers).await?,
            Only::Rate => figures::rate::run(servers).await?,
            Only::Insert => figures::insert::run(servers).await?,
            Only::Wave => figures::wave::run(servers).await?,
            Only::Import => figures::import::run(servers).await?,
            Only::Queue => figures::queue::run(servers).await?,
            Only::Tenants => figures::tenants::run(servers).await?,
            Only::Sip => figures::sip::run(servers).await?,
        });
    }
    figure::print(&all);
    figure::all_well(&all)
}
