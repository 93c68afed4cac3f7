//! `slots`: how busy 200 slots are kept with calls of 250 ms, and how soon a freed one rings again.

use std::collections::VecDeque;
use std::time::Duration;

use anyhow::{Result, ensure};
use telephony::journal::{Entry, Event};

use crate::figure::{Run, quantile};
use crate::servers::Servers;
use crate::size;
use crate::tenant::Plan;
use crate::world::World;

const SLOTS: u64 = 200;
const CALL_MS: u32 = 250;
const SECONDS: u64 = 15;
/// Left out at the start: connections, plans and caches are made.
const WARM_UP_US: i64 = 3_000_000;

pub async fn run(servers: &Servers) -> Result<Run> {
    let seconds = size("BENCH_SECONDS", SECONDS);
    let slots = size("BENCH_SLOTS", SLOTS);
    let numbers = (seconds + 10) * slots * 1_000 / u64::from(CALL_MS);
    let slots = u32::try_from(slots)?;
    let mut world = World::open(servers, &Plan::unanswered(slots, CALL_MS)).await?;
    let task = world.tenant.task("slots", serde_json::json!({"concurrency": slots})).await?;
    world.tenant.land(task, 0, numbers).await?;
    world.run()?;
    let before = servers.cpu()?;
    world.tenant.start(task).await?;
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let cpu = servers.cpu()?.since(before);
    world.tenant.pause(task).await?;
    world.check().await?;
    let journal = world.journal()?;
    world.close().await?;

    let mut seen = Seen::of(&journal, slots, i64::try_from(seconds)? * 1_000_000);
    ensure!(seen.most <= i64::from(slots), "{} calls up at a time", seen.most);
    let mut run = Run::default();
    run.put("slots.busy", seen.busy * 100.0, "%");
    run.put("slots.gap.p50", quantile(&mut seen.gaps, 0.5), "ms");
    run.put("slots.gap.p99", quantile(&mut seen.gaps, 0.99), "ms");
    run.put("slots.cpu", cpu.total() / seconds as f64, "cores");
    Ok(run)
}

struct Seen {
    busy: f64,
    gaps: Vec<f64>,
    most: i64,
}

impl Seen {
    /// What the line saw between the warm-up and `window_us` after its first INVITE. Slots have no
    /// names: the one that has been free for longest is taken to be the next that rings, which counts
    /// every moment in which a slot was free to one gap.
    fn of(journal: &[Entry], slots: u32, window_us: i64) -> Self {
        let start = journal.first().map_or(0, |entry| entry.real_us);
        let (from, to) = (start + WARM_UP_US, start + window_us);
        let mut freed: VecDeque<i64> = VecDeque::new();
        let (mut up, mut most, mut busy_us, mut last) = (0_i64, 0_i64, 0_i64, from);
        let mut gaps = Vec::new();
        for entry in journal.iter().filter(|entry| entry.real_us <= to) {
            let at = entry.real_us;
            let counted = at.max(from);
            busy_us += up * (counted - last);
            last = counted;
            match entry.event {
                Event::Invite => {
                    up += 1;
                    most = up.max(most);
                    if let Some(free) = freed.pop_front().filter(|free| *free >= from) {
                        gaps.push((at - free) as f64 / 1e3);
                    }
                }
                Event::Bye => {
                    up -= 1;
                    freed.push_back(at);
                }
                Event::Ring | Event::Answer => {}
            }
        }
        busy_us += up * (to - last);
        let busy = busy_us as f64 / (f64::from(slots) * (to - from) as f64);
        Self { busy, gaps, most }
    }
}
