//! `sip`: whole SIP calls by the product's own dialer, its database and journal beside it.
//!
//! Phones are sipp processes that answer and send back every packet that they get. This process, with the dialer in it,
//! is held to one core; PostgreSQL, Redis and sipp to the others. So what is measured is one core's work.

mod phones;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use outbound::ids::TaskId;
use serde_json::{Value, json};
use telephony::journal::Event;
use telephony::media::PlaneCounts;
use workers::lines::{Lines, SipAddresses, VoicePriority};

use crate::figure::Run;
use crate::servers::{Servers, memory_kilobytes, run_nanoseconds};
use crate::size;
use crate::tenant::Plan;
use crate::world::World;
use phones::{Phones, Pinned, free_port};

/// Calls up at a time.
const CALLS: u64 = 500;
/// The curve: calls up at a time, measured once.
const CURVE: [u64; 3] = [250, 750, 1_000];
/// New calls a second while they are brought up.
const RAMP: u64 = 60;
/// All calls are up for so long.
const SECONDS: u64 = 20;
/// After the ramp, calls that found no room need so long to ask again, at most. Then no more come.
const FULL_AFTER: Duration = Duration::from_secs(12);
const UP_WITHIN: Duration = Duration::from_secs(120);
/// Records of calls that nobody answered that are looked at, at most.
const RECORDS_MAX: usize = 1_000;
/// Calls of the measurement of set-up, and after how many the memory is looked at.
const SET_UP: u64 = 10_000;
const SET_UP_LONG: u64 = 40_000;
const SET_UP_SLOTS: u64 = 400;
/// Says some twelve seconds, and is said again and again.
const TEXT: &str = "This is a long announcement that is spoken while the bench looks at the voice of many calls at a time. It goes on \
    for a good while, so that each call sends and hears packets, is recorded, and has its voice detected. ";

static LONG: AtomicBool = AtomicBool::new(true);

/// Each stage is measured whatever came of those before; one that failed is told, and the bench ends non-zero.
pub async fn run(servers: &Servers) -> Result<Run> {
    let mut run = Run::default();
    let pinned = Pinned::take(servers)?;
    let calls = size("BENCH_SIP_CALLS", CALLS);
    let mut stages = vec![("sip".to_owned(), calls, VoicePriority::Normal)];
    let first = LONG.swap(false, Ordering::Relaxed);
    if first && calls == CALLS {
        let at = |calls: u64| (format!("sip.at_{calls}"), calls, VoicePriority::Normal);
        stages.extend(CURVE.map(at));
        stages.push(("sip.at_1000.real_time".to_owned(), 1_000, VoicePriority::RealTime));
    }
    for (name, calls, priority) in stages {
        let talked = talk(servers, &pinned, (&name, calls), priority, &mut run).await;
        run.stage(&name, talked);
    }
    let count = if first { SET_UP_LONG } else { SET_UP };
    let count = size("BENCH_SIP_SET_UP", count);
    let set_up = set_up(servers, &pinned, count, &mut run).await;
    run.stage("sip.set_up", set_up);
    Ok(run)
}

/// A world whose dialer calls on a SIP trunk to those phones.
struct SipWorld {
    world: World,
    lines: Arc<Lines>,
    caller: String,
    phones: Phones,
}

impl SipWorld {
    async fn open(
        servers: &Servers,
        pinned: &Pinned,
        slots: u64,
        rate: Option<u64>,
        voice_priority: VoicePriority,
    ) -> Result<Self> {
        let phones = Phones::play(pinned).await?;
        let mut world = World::open(servers, &Plan::unanswered(u32::try_from(slots)?, 0)).await?;
        world.config.sip = Some(SipAddresses {
            listen: ([127, 0, 0, 1], free_port()?).into(),
            external: None,
            voice_ports: 20_000..=29_999,
            voice_priority,
        });
        let host = json!({"host": "127.0.0.1", "port": phones.port});
        let trunk = json!({
            "name": "phones", "driver": "sip", "concurrency": slots, "calls_per_second": rate,
            "sip": {"hosts": [host], "options_seconds": null},
        });
        let trunk = world.tenant.made("trunks", trunk).await?;
        let caller = json!({"trunk": trunk, "phone": "+862155500200"});
        let caller = world.tenant.made("caller_ids", caller).await?;
        let lines = world.run_with_lines()?;
        Ok(Self { world, lines, caller, phones })
    }

    /// A task whose calls say a text and hang up; a text that is empty: at once.
    async fn task(&self, nodes: Value, recording: bool, numbers: u64) -> Result<TaskId> {
        let navigation = json!({"name": "sip", "start": "first", "nodes": nodes});
        let navigation = self.world.tenant.made("navigations", navigation).await?;
        let path = format!("navigations/{navigation}/publish");
        self.world.tenant.api.post(&path, &json!({})).await?;
        let more = json!({
            "navigation": navigation, "caller_ids": [self.caller], "recording": recording,
            "max_call_seconds": 600,
        });
        let task = self.world.tenant.task("sip", more).await?;
        self.world.tenant.land(task, 0, numbers).await?;
        Ok(task)
    }

    fn voice(&self) -> Result<PlaneCounts> {
        self.lines.voice().context("no call was placed")
    }

    /// Wait until that many calls are up, or as many as the dialer takes at a time: the rest waits until some end.
    async fn until_up(&self, calls: u64) -> Result<()> {
        let started = Instant::now();
        let ramp = Duration::from_secs(calls / RAMP);
        loop {
            let voice = self.lines.voice().unwrap_or_default();
            // Calls that wait ask only now and then, so a little room is always left.
            let full = voice.calls_free < calls / 20 + 1 && started.elapsed() > ramp + FULL_AFTER;
            if voice.shards.calls >= calls || full {
                return Ok(());
            }
            ensure!(
                started.elapsed() < ramp + UP_WITHIN,
                "{} of {calls} calls are up, and there is room for {}",
                voice.shards.calls,
                voice.calls_free
            );
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// What came of the calls of a task that nobody answered, and how often.
    async fn unanswered(&self, task: TaskId) -> Result<String> {
        let (task, filter) = (task.to_string(), r#"result != "answered""#);
        let query = [("task", task.as_str()), ("filter", filter)];
        let records = self.world.tenant.api.list("records", &query, RECORDS_MAX).await?;
        let mut outcomes: BTreeMap<String, u64> = BTreeMap::new();
        for record in records {
            let outcome = ["result", "cause", "sip_code"].map(|field| record[field].to_string());
            *outcomes.entry(outcome.join(" ")).or_default() += 1;
        }
        Ok(format!("{outcomes:?}"))
    }

    async fn close(self) -> Result<()> {
        self.world.close().await
    }
}

/// So many calls that talk at a time: how late their packets leave, and what a call costs.
async fn talk(
    servers: &Servers,
    pinned: &Pinned,
    (name, calls): (&str, u64),
    priority: VoicePriority,
    run: &mut Run,
) -> Result<()> {
    let mut sip = SipWorld::open(servers, pinned, calls, Some(RAMP), priority).await?;
    let talked = talk_in(&mut sip, servers, (name, calls), run).await;
    // Its calls would go on beside the next stage.
    let closed = sip.close().await;
    talked.and(closed)
}

async fn talk_in(
    sip: &mut SipWorld,
    servers: &Servers,
    (name, calls): (&str, u64),
    run: &mut Run,
) -> Result<()> {
    let task = sip.task(json!(speech(calls)), true, calls).await?;
    let empty_kb = memory_kilobytes()?;
    sip.world.tenant.start(task).await?;
    sip.until_up(calls).await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let (voice, phones_cpu) = (sip.voice()?, sip.phones.cpu()?);
    let (used, voice_used) = (servers.cpu()?, run_nanoseconds("media")?);
    tokio::time::sleep(Duration::from_secs(SECONDS)).await;
    let spent = servers.cpu()?.since(used);
    let voice_spent = run_nanoseconds("media")? - voice_used;
    let (after, full_kb) = (sip.voice()?, memory_kilobytes()?);
    let phones_cpu = sip.phones.cpu()? - phones_cpu;

    let frames = |counts: PlaneCounts| counts.lateness.frames.iter().sum::<u64>() as f64;
    let late = |ms| (after.lateness.later_than(ms) - voice.lateness.later_than(ms)) as f64;
    let sent = (frames(after) - frames(voice)).max(1.0);
    let seconds = SECONDS as f64;
    let up = (voice.shards.calls + after.shards.calls) as f64 / 2.0;
    run.put(format!("{name}.calls"), up, "calls up");
    run.put(format!("{name}.late_5ms"), late(5) / sent * 100.0, "% of frames");
    run.put(format!("{name}.late_10ms"), late(10) / sent * 100.0, "% of frames");
    let voice_ms = voice_spent / 1e6;
    run.put(format!("{name}.voice_cpu"), voice_ms / seconds / up.max(1.0), "ms/call-second");
    run.put(format!("{name}.call_budget"), after.call_us as f64 / 1e3, "ms/call-second");
    run.put(format!("{name}.dialer_cpu"), spent.callwright / seconds, "cores");
    run.put(format!("{name}.phones_cpu"), phones_cpu / seconds, "cores");
    let more_kb = full_kb.saturating_sub(empty_kb) as f64;
    run.put(format!("{name}.memory"), more_kb / up.max(1.0), "kB/call");

    // Those that found no room come when others end.
    sip.world.tenant.until_calls(task, calls).await?;
    let counts = sip.world.tenant.counts(task).await?;
    sip.world.until_uploaded().await?;
    let recorded = sip.world.recordings_ready(task).await?;
    let answered = counts.calls.answered();
    run.put(format!("{name}.recordings_lost"), answered.saturating_sub(recorded) as f64, "calls");
    sip.world.check().await?;
    let unanswered = sip.unanswered(task).await?;
    ensure!(
        answered == calls,
        "{answered} of {calls} calls were answered; the others: {unanswered}"
    );
    ensure!(recorded == calls, "{recorded} recordings of {calls} calls");
    Ok(())
}

/// What each call says: enough for the ramp, the measurement and what is late.
fn speech(calls: u64) -> Vec<Value> {
    let says = (calls / RAMP + FULL_AFTER.as_secs() + SECONDS) / 10 + 4;
    let node = |at: u64| {
        let this = if at == 0 { "first".to_owned() } else { at.to_string() };
        json!({"name": this, "kind": "play", "text": TEXT, "next": (at + 1).to_string()})
    };
    let end = json!({"name": says.to_string(), "kind": "hangup"});
    (0..says).map(node).chain([end]).collect()
}

/// Calls that are hung up as soon as they are answered: how many a second, and what they leave behind.
async fn set_up(servers: &Servers, pinned: &Pinned, calls: u64, run: &mut Run) -> Result<()> {
    let mut sip =
        SipWorld::open(servers, pinned, SET_UP_SLOTS, None, VoicePriority::Normal).await?;
    let done = set_up_in(&mut sip, servers, calls, run).await;
    let closed = sip.close().await;
    done.and(closed)
}

async fn set_up_in(sip: &mut SipWorld, servers: &Servers, calls: u64, run: &mut Run) -> Result<()> {
    let nodes = json!([{"name": "first", "kind": "hangup"}]);
    let task = sip.task(nodes, false, calls).await?;
    let used = servers.cpu()?;
    sip.world.tenant.start(task).await?;
    let started = Instant::now();
    let first = calls.min(SET_UP);
    sip.world.tenant.until_calls(task, first).await?;
    let seconds = started.elapsed().as_secs_f64();
    let spent = servers.cpu()?.since(used);
    run.put("sip.set_up", first as f64 / seconds, "calls/s");
    run.put("sip.set_up.dialer_cpu", spent.callwright * 1e3 / first as f64, "ms/call");
    if calls > first {
        run.put("sip.memory_after_10000", memory_kilobytes()? as f64 / 1e3, "MB");
        sip.world.tenant.until_calls(task, calls).await?;
        run.put(format!("sip.memory_after_{calls}"), memory_kilobytes()? as f64 / 1e3, "MB");
    }
    sip.world.check().await?;
    let journal = sip.world.journal()?;
    let answered = journal.iter().filter(|entry| entry.event == Event::Answer).count() as u64;
    let unanswered = sip.unanswered(task).await?;
    ensure!(
        answered == calls,
        "{answered} of {calls} calls were answered; the others: {unanswered}"
    );
    Ok(())
}
