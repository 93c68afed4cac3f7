//! `tenants`: 200 enterprises with 5 tasks each, one of them with 500,000 numbers: whether each gets its
//! share, and what a dispatcher costs when all are idle.

use std::time::Duration;

use anyhow::{Result, ensure};
use futures::{StreamExt, TryStreamExt};
use outbound::ids::TaskId;
use workers::Kind;

use crate::figure::Run;
use crate::servers::Servers;
use crate::size;
use crate::tenant::{Plan, Tenant};
use crate::world::World;

const ENTERPRISES: u64 = 200;
const TASKS: u64 = 5;
/// Numbers of each task of the other enterprises.
const NUMBERS: u64 = 200;
const LARGE: u64 = 500_000;
/// Calls that each enterprise may have up.
const CONCURRENCY: u32 = 50;
/// As long as the rarest look that counts numbers: one falls into it.
const IDLE_SECONDS: u64 = 30;
/// Setups and reads at a time.
const AT_A_TIME: usize = 4;

pub async fn run(servers: &Servers) -> Result<Run> {
    let enterprises = size("BENCH_ENTERPRISES", ENTERPRISES);
    let numbers = size("BENCH_ROWS", NUMBERS);
    let plan = Plan::unanswered(CONCURRENCY, 0);
    let mut world = World::open(servers, &plan).await?;
    world.config.dial_concurrency = 1_000;
    let others: Vec<(Tenant, Vec<TaskId>)> = futures::stream::iter(1..enterprises)
        .map(async |n| {
            let tenant = world.tenant(&format!("Bench {n}"), &plan).await?;
            let tasks = tasks(&tenant, numbers).await?;
            anyhow::Ok((tenant, tasks))
        })
        .buffer_unordered(AT_A_TIME)
        .try_collect()
        .await?;
    let large = tasks(&world.tenant, size("BENCH_NUMBERS", LARGE) / TASKS).await?;
    for (tenant, tasks) in &others {
        start(tenant, tasks).await?;
    }
    start(&world.tenant, &large).await?;
    // All that there is to do is there before the first call.
    world.run()?;
    let half = (enterprises - 1) * TASKS * numbers / 2;
    loop {
        tokio::time::sleep(Duration::from_millis(200)).await;
        if called(&others).await?.iter().sum::<u64>() >= half {
            break;
        }
    }
    let mut calls = called(&others).await?;
    calls.push(called_of(&world.tenant, &large).await?);
    let share = calls.iter().sum::<u64>() as f64 / calls.len() as f64;
    let slowest = calls.iter().copied().min().unwrap_or(0);
    let fastest = calls.iter().copied().max().unwrap_or(0);

    for task in &large {
        world.tenant.pause(*task).await?;
    }
    for (tenant, tasks) in &others {
        for task in tasks {
            tenant.until_calls(*task, numbers).await?;
        }
    }
    // What the calls left to clear away would be done meanwhile by PostgreSQL itself.
    world.stop_workers().await;
    world.vacuum().await?;
    world.run_only(&[Kind::Sweep, Kind::Step])?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let before = servers.cpu()?;
    tokio::time::sleep(Duration::from_secs(IDLE_SECONDS)).await;
    let idle = servers.cpu()?.since(before);
    world.check().await?;
    let live = world.journal()?.len();
    ensure!(live > 0, "nothing was called");
    world.close().await?;

    let mut run = Run::default();
    run.put("tenants.slowest", share / slowest.max(1) as f64, "times slower than its share");
    run.put("tenants.fastest", fastest as f64 / share, "times its share");
    let percent = |seconds: f64| seconds / IDLE_SECONDS as f64 * 100.0;
    run.put("tenants.idle.cpu.dispatcher", percent(idle.callwright), "%");
    run.put("tenants.idle.cpu.postgres", percent(idle.postgres), "%");
    Ok(run)
}

async fn tasks(tenant: &Tenant, numbers: u64) -> Result<Vec<TaskId>> {
    let mut made = Vec::new();
    for n in 0..TASKS {
        let task = tenant.task(&format!("task {n}"), serde_json::json!({})).await?;
        tenant.land(task, n * numbers, numbers).await?;
        made.push(task);
    }
    Ok(made)
}

async fn start(tenant: &Tenant, tasks: &[TaskId]) -> Result<()> {
    for task in tasks {
        tenant.start(*task).await?;
    }
    Ok(())
}

async fn called(tenants: &[(Tenant, Vec<TaskId>)]) -> Result<Vec<u64>> {
    futures::stream::iter(tenants)
        .map(|(tenant, tasks)| called_of(tenant, tasks))
        .buffer_unordered(AT_A_TIME)
        .try_collect()
        .await
}

async fn called_of(tenant: &Tenant, tasks: &[TaskId]) -> Result<u64> {
    let mut calls = 0;
    for task in tasks {
        calls += tenant.counts(*task).await?.calls.total();
    }
    Ok(calls)
}
