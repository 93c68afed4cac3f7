//! `rate`: an open loop of 500 attempts a second: how late INVITEs are, and what it costs.

use std::time::Duration;

use anyhow::{Result, ensure};

use crate::figure::{Run, quantile};
use crate::servers::Servers;
use crate::size;
use crate::tenant::Plan;
use crate::world::World;

/// Turns of calls per second are spaced by 1,100 ms / cps, so that no second holds more than allowed:
/// 550 of them are one each 2 ms.
const CALLS_PER_SECOND: u32 = 550;
const SPACING_US: f64 = 2_000.0;
const CONCURRENCY: u32 = 1_000;
const SECONDS: u64 = 15;
const WARM_UP: f64 = 3.0;

pub async fn run(servers: &Servers) -> Result<Run> {
    let seconds = size("BENCH_SECONDS", SECONDS);
    let plan =
        Plan { calls_per_second: Some(CALLS_PER_SECOND), ..Plan::unanswered(CONCURRENCY, 0) };
    let mut world = World::open(servers, &plan).await?;
    let task = world.tenant.task("rate", serde_json::json!({})).await?;
    world.tenant.land(task, 0, (seconds + 5) * 500).await?;
    world.run()?;
    world.tenant.start(task).await?;
    tokio::time::sleep(Duration::from_secs_f64(WARM_UP)).await;
    let before = servers.cpu()?;
    tokio::time::sleep(Duration::from_secs_f64(seconds as f64 - WARM_UP)).await;
    let cpu = servers.cpu()?.since(before);
    world.tenant.pause(task).await?;
    world.check().await?;
    let invites = super::invites(&world.journal()?);
    world.close().await?;

    let start = invites.first().copied().unwrap_or(0);
    let steady: Vec<f64> = invites
        .iter()
        .map(|at| (at - start) as f64)
        .filter(|at| (WARM_UP * 1e6..seconds as f64 * 1e6).contains(at))
        .collect();
    ensure!(steady.len() > 100, "only {} INVITEs", steady.len());
    // Due is the place on a grid that never waits for a late call: its origin is the earliest that any
    // INVITE allows, so that a turn that is missed makes all that follow late.
    let off: Vec<f64> =
        steady.iter().enumerate().map(|(turn, at)| at - turn as f64 * SPACING_US).collect();
    let origin = off.iter().copied().fold(f64::INFINITY, f64::min);
    let mut late: Vec<f64> = off.iter().map(|off| (off - origin) / 1e3).collect();
    let span = seconds as f64 - WARM_UP;
    let mut run = Run::default();
    run.put("rate", steady.len() as f64 / span, "attempts/s");
    run.put("rate.late.p50", quantile(&mut late, 0.5), "ms");
    run.put("rate.late.p99", quantile(&mut late, 0.99), "ms");
    run.put("rate.cpu.callwright", cpu.callwright / span, "cores");
    run.put("rate.cpu.postgres", cpu.postgres / span, "cores");
    run.put("rate.cpu.redis", cpu.redis / span, "cores");
    Ok(run)
}
