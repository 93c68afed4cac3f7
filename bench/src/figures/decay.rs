//! `decay`: what a long campaign with an old snapshot held open (a long export) does to the rate of
//! `dial`: the last tenth of the numbers against the first.

use anyhow::{Result, ensure};
use storage::checks::{LimitKind, Snapshot};

use crate::figure::Run;
use crate::servers::Servers;
use crate::size;
use crate::tenant::Plan;
use crate::world::World;

const NUMBERS: u64 = 1_000_000;
const CONCURRENCY: u32 = 1_000;

pub async fn run(servers: &Servers) -> Result<Run> {
    let numbers = size("BENCH_NUMBERS", NUMBERS);
    let mut world = World::open(servers, &Plan::unanswered(CONCURRENCY, 0)).await?;
    let task = world.tenant.task("decay", serde_json::json!({})).await?;
    world.tenant.land(task, 0, numbers).await?;
    // Nothing that dies from here on can be cleared away until it is dropped.
    let mut snapshot = Snapshot::take(&world.node.store).await?;
    snapshot.limits(LimitKind::Concurrency).await?;
    world.run()?;
    world.tenant.start(task).await?;
    world.tenant.until_calls(task, numbers).await?;
    snapshot.limits(LimitKind::Concurrency).await?;
    drop(snapshot);
    world.check().await?;
    let invites = super::invites(&world.journal()?);
    ensure!(invites.len() as u64 == numbers, "{} INVITEs", invites.len());
    world.close().await?;

    let tenth = invites.len() / 10;
    let rate = |from: usize, to: usize| {
        (to - from) as f64 / ((invites[to - 1] - invites[from]) as f64 / 1e6)
    };
    let (first, last) = (rate(0, tenth), rate(invites.len() - tenth, invites.len()));
    let mut run = Run::default();
    run.put("decay", last / first, "last/first");
    run.put("decay.first", first, "attempts/s");
    run.put("decay.last", last, "attempts/s");
    Ok(run)
}
