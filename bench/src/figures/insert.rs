//! `insert`: a better batch lands in mid-run: how soon its first and its last number is dialled.

use std::time::Duration;

use anyhow::{Result, ensure};
use telephony::journal::{Event, real_us};

use crate::figure::Run;
use crate::servers::Servers;
use crate::size;
use crate::tenant::{Plan, phone};
use crate::world::World;

const NUMBERS: u64 = 100_000;
const BETTER: u64 = 1_000;
const CONCURRENCY: u32 = 1_000;

pub async fn run(servers: &Servers) -> Result<Run> {
    let numbers = size("BENCH_NUMBERS", NUMBERS);
    let mut world = World::open(servers, &Plan::unanswered(CONCURRENCY, 0)).await?;
    let task = world.tenant.task("insert", serde_json::json!({})).await?;
    world.tenant.land(task, 0, numbers).await?;
    world.run()?;
    world.tenant.start(task).await?;
    world.tenant.until_calls(task, numbers / 10).await?;
    let better = numbers..numbers + BETTER;
    let options =
        serde_json::json!({"batch_name": "better", "batch_priority": 9, "format": "json"});
    let asked = real_us();
    world.tenant.land_batch(task, options, better.clone()).await?;
    let landed = real_us();
    let dialled_before = world.tenant.counts(task).await?.calls.total();
    ensure!(dialled_before < numbers / 2, "the run was over too soon: {dialled_before}");
    world.tenant.until_calls(task, (dialled_before + 10 * BETTER).min(numbers)).await?;
    world.tenant.pause(task).await?;
    tokio::time::sleep(Duration::from_millis(500)).await;
    world.check().await?;
    let hashes: std::collections::HashSet<_> = {
        let journal = telephony::journal::Journal::open(&world.config.journal, "bench")?;
        better.map(|n| journal.phone_hash(world.tenant.enterprise, phone(n))).collect()
    };
    let journal = world.journal()?;
    world.close().await?;

    let rang: Vec<i64> = journal
        .iter()
        .filter(|entry| entry.event == Event::Invite && hashes.contains(&entry.phone_hash))
        .map(|entry| entry.real_us)
        .collect();
    ensure!(rang.len() as u64 == BETTER, "{} of {BETTER} were dialled", rang.len());
    let after = |at: Option<&i64>| at.map_or(f64::NAN, |at| (at - landed) as f64 / 1e3);
    let mut run = Run::default();
    run.put("insert.landing", (landed - asked) as f64 / 1e3, "ms");
    // The commit is a moment before the landing comes back, so the first may be early.
    run.put("insert.first", after(rang.first()), "ms");
    run.put("insert.last", after(rang.last()), "ms");
    Ok(run)
}
