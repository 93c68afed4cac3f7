//! `wave`: 200,000 redials fall due in one moment: how long until the last is dialled, and how late
//! another task's calls are meanwhile.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use telephony::journal::Event;

use crate::figure::{Run, quantile};
use crate::servers::Servers;
use crate::size;
use crate::tenant::Plan;
use crate::world::World;

const NUMBERS: u64 = 200_000;
const CONCURRENCY: u32 = 1_000;
/// The other task: a turn each 20 ms (1,100 ms / 55).
const OTHER_CALLS_PER_SECOND: u32 = 55;
const OTHER_SPACING_US: f64 = 20_000.0;
const OTHER_NUMBERS: u64 = 60_000;
/// Longer than the first round takes, so that nothing falls due before its time.
const WAIT: chrono::TimeDelta = chrono::TimeDelta::hours(2);

pub async fn run(servers: &Servers) -> Result<Run> {
    let numbers = size("BENCH_NUMBERS", NUMBERS);
    let mut world = World::open(servers, &Plan::unanswered(CONCURRENCY, 0)).await?;
    let redial = serde_json::json!({"enabled": true, "retry_seconds": [WAIT.num_seconds()]});
    let config = serde_json::json!({"redial": redial, "concurrency": CONCURRENCY - 100});
    let task = world.tenant.task("wave", config).await?;
    world.tenant.land(task, 0, numbers).await?;
    let config = serde_json::json!({
        "concurrency": 100, "calls_per_second": OTHER_CALLS_PER_SECOND,
    });
    let other = world.tenant.task("other", config).await?;
    world.tenant.land(other, 10_000_000, OTHER_NUMBERS).await?;
    world.run()?;
    world.tenant.start(task).await?;
    world.tenant.until_calls(task, numbers).await?;
    world.tenant.start(other).await?;
    tokio::time::sleep(Duration::from_secs(3)).await;

    // The clock jumps over the wait: all of them are due at once. Their jobs wait by the real time, which
    // jumps not, so one that would have come now is pushed.
    world.node.clock.set(world.node.clock.now() + WAIT);
    let due = jobs::Redial::at(task, world.node.clock.now());
    let before = servers.cpu()?;
    let (from, from_us) = (Instant::now(), telephony::journal::real_us());
    world.node.queues.push(&due).await?;
    world.tenant.until_calls(task, 2 * numbers).await?;
    let took = from.elapsed().as_secs_f64();
    let cpu = servers.cpu()?.since(before);
    let to_us = telephony::journal::real_us();
    world.tenant.pause(other).await?;
    let counts = world.tenant.counts(task).await?;
    ensure!(counts.calls.total() == 2 * numbers, "{:?}", counts.calls);
    world.check().await?;
    let journal = world.journal()?;
    world.close().await?;

    let turns: Vec<i64> = journal
        .iter()
        .filter(|entry| entry.event == Event::Invite && entry.task == other)
        .map(|entry| entry.real_us)
        .filter(|at| (from_us..=to_us).contains(at))
        .collect();
    let mut gaps: Vec<f64> = turns
        .windows(2)
        .map(|two| ((two[1] - two[0]) as f64 - OTHER_SPACING_US).max(0.0) / 1e3)
        .collect();
    let mut run = Run::default();
    run.put("wave", took, "s");
    run.put("wave.rate", numbers as f64 / took, "attempts/s");
    run.put("wave.cpu", cpu.total() * 1e6 / numbers as f64, "µs/attempt");
    run.put("wave.cpu.postgres", cpu.postgres * 1e6 / numbers as f64, "µs/attempt");
    run.put("wave.cores", cpu.total() / took, "cores");
    run.put("wave.other.late.p50", quantile(&mut gaps, 0.5), "ms");
    run.put("wave.other.late.p99", quantile(&mut gaps, 0.99), "ms");
    Ok(run)
}
