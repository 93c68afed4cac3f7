//! `dial`: attempts a second, from the claim to the durable record, with the journal on.

use std::time::Instant;

use anyhow::{Result, ensure};

use crate::figure::Run;
use crate::servers::Servers;
use crate::size;
use crate::tenant::Plan;
use crate::world::World;

const NUMBERS: u64 = 100_000;
const CONCURRENCY: u32 = 1_000;

pub async fn run(servers: &Servers) -> Result<Run> {
    let numbers = size("BENCH_NUMBERS", NUMBERS);
    let mut world = World::open(servers, &Plan::unanswered(CONCURRENCY, 0)).await?;
    let task = world.tenant.task("dial", serde_json::json!({})).await?;
    world.tenant.land(task, 0, numbers).await?;
    world.run()?;
    let before = servers.cpu()?;
    let from = Instant::now();
    world.tenant.start(task).await?;
    world.tenant.until_calls(task, numbers).await?;
    let took = from.elapsed().as_secs_f64();
    let cpu = servers.cpu()?.since(before);
    let counts = world.tenant.counts(task).await?;
    ensure!(counts.calls.total() == numbers, "{:?} of {numbers} calls", counts.calls);
    world.check().await?;
    let invites = super::invites(&world.journal()?).len() as u64;
    ensure!(invites == numbers, "{invites} INVITEs for {numbers} numbers");
    world.close().await?;

    let mut run = Run::default();
    let each = |seconds: f64| seconds * 1e6 / numbers as f64;
    run.put("dial", numbers as f64 / took, "attempts/s");
    run.put("dial.cpu", each(cpu.total()), "µs/attempt");
    run.put("dial.cpu.callwright", each(cpu.callwright), "µs/attempt");
    run.put("dial.cpu.postgres", each(cpu.postgres), "µs/attempt");
    run.put("dial.cpu.redis", each(cpu.redis), "µs/attempt");
    run.put("dial.cores", cpu.total() / took, "cores");
    Ok(run)
}
