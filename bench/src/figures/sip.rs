//! `sip`: whole SIP calls by the product's own dialer, its database and journal beside it.
//!
//! Phones are sipp processes that answer and send back every packet that they get. This process, with the dialer in it,
//! is held to one core; PostgreSQL, Redis and sipp to the others. So what is measured is one core's work.

use std::process::{Child, Command, Stdio};
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
use crate::servers::{Servers, cpu_seconds, memory_kilobytes, run_nanoseconds};
use crate::size;
use crate::tenant::Plan;
use crate::world::World;

/// Calls up at a time.
const CALLS: u64 = 500;
/// The curve: calls up at a time, measured once.
const CURVE: [u64; 3] = [250, 750, 1_000];
/// New calls a second while they are brought up.
const RAMP: u64 = 60;
/// All calls are up for so long.
const SECONDS: u64 = 20;
/// Calls of the measurement of set-up, and after how many the memory is looked at.
const SET_UP: u64 = 10_000;
const SET_UP_LONG: u64 = 40_000;
const SET_UP_SLOTS: u64 = 400;
/// Says some twelve seconds, and is said again and again.
const TEXT: &str = "This is a long announcement that is spoken while the bench looks at the voice of many calls at a time. It goes on \
    for a good while, so that each call sends and hears packets, is recorded, and has its voice detected. ";

static LONG: AtomicBool = AtomicBool::new(true);

pub async fn run(servers: &Servers) -> Result<Run> {
    let mut run = Run::default();
    let pinned = Pinned::take(servers)?;
    let calls = size("BENCH_SIP_CALLS", CALLS);
    talk(servers, &pinned, calls, "sip", VoicePriority::Normal, &mut run).await?;
    let first = LONG.swap(false, Ordering::Relaxed);
    if first && calls == CALLS {
        for calls in CURVE {
            let name = format!("sip.at_{calls}");
            talk(servers, &pinned, calls, &name, VoicePriority::Normal, &mut run).await?;
        }
        let name = "sip.at_1000.real_time";
        talk(servers, &pinned, 1_000, name, VoicePriority::RealTime, &mut run).await?;
    }
    let count = if first { SET_UP_LONG } else { SET_UP };
    set_up(servers, &pinned, size("BENCH_SIP_SET_UP", count), &mut run).await?;
    Ok(run)
}

/// Which cores who runs on. Without a second core nothing is held, and the figures are of a shared one.
struct Pinned {
    others: Option<String>,
}

impl Pinned {
    fn take(servers: &Servers) -> Result<Self> {
        let cores = std::thread::available_parallelism()?.get();
        if cores < 2 {
            eprintln!("sip: one core only: phones, database and dialer share it");
            return Ok(Self { others: None });
        }
        let others = format!("1-{}", cores - 1);
        for pid in [servers.postgres.child().pid(), servers.redis.child().pid()] {
            hold(pid, &others)?;
        }
        hold(i32::try_from(std::process::id())?, "0")?;
        Ok(Self { others: Some(others) })
    }

    fn phones(&self, program: &str) -> Command {
        match &self.others {
            Some(cores) => {
                let mut command = Command::new("taskset");
                command.args(["-c", cores, program]);
                command
            }
            None => Command::new(program),
        }
    }
}

/// Hold all threads of a process, and those that it will start, to some cores.
fn hold(pid: i32, cores: &str) -> Result<()> {
    let mut taskset = Command::new("taskset");
    taskset.args(["-a", "-p", "-c", cores]).arg(pid.to_string()).stdout(Stdio::null());
    let held = taskset.status().context("taskset (util-linux)")?;
    ensure!(held.success(), "taskset: {held}");
    Ok(())
}

/// A sipp process that answers every call, and sends back what it hears.
struct Phones {
    child: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Phones {
    async fn play(pinned: &Pinned) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let scenario = include_str!("../../../telephony/tests/sipp/answers.xml");
        std::fs::write(folder.path().join("phones.xml"), scenario)?;
        let port = free_port()?;
        let child = pinned
            .phones("sipp")
            .current_dir(folder.path())
            .args(["-sf", "phones.xml", "-i", "127.0.0.1", "-p", &port.to_string()])
            .args(["-mp", &free_port()?.to_string(), "-cp", &free_port()?.to_string()])
            .args(["-rtp_echo", "-nostdin", "-timeout", "1200", "-l", "5000"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("sipp; `scripts/setup tests` installs it")?;
        let deadline = Instant::now() + Duration::from_secs(10);
        while std::net::UdpSocket::bind(("127.0.0.1", port)).is_ok() {
            ensure!(Instant::now() < deadline, "sipp does not listen");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(Self { child, port, _folder: folder })
    }

    fn cpu(&self) -> Result<f64> {
        cpu_seconds(i32::try_from(self.child.id())?, false)
    }
}

impl Drop for Phones {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> Result<u16> {
    Ok(std::net::UdpSocket::bind(("127.0.0.1", 0))?.local_addr()?.port())
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

    /// Wait until that many calls are answered.
    async fn until_up(&self, calls: u64) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(120);
        loop {
            let journal = self.world.journal()?;
            let of = |wanted| journal.iter().filter(|entry| entry.event == wanted).count() as u64;
            if of(Event::Answer) >= calls {
                return Ok(());
            }
            ensure!(of(Event::Bye) < calls / 4, "calls end before all are up");
            ensure!(Instant::now() < deadline, "{} of {calls} calls are up", of(Event::Answer));
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    async fn close(self) -> Result<()> {
        self.world.close().await
    }
}

/// So many calls that talk at a time: how late their packets leave, and what a call costs.
async fn talk(
    servers: &Servers,
    pinned: &Pinned,
    calls: u64,
    name: &str,
    priority: VoicePriority,
    run: &mut Run,
) -> Result<()> {
    let mut sip = SipWorld::open(servers, pinned, calls, Some(RAMP), priority).await?;
    // Long enough for the ramp, the measurement and what is late.
    let says = (calls / RAMP + SECONDS) / 10 + 4;
    let nodes: Vec<Value> = (0..says)
        .map(|at| {
            let this = if at == 0 { "first".to_owned() } else { at.to_string() };
            json!({"name": this, "kind": "play", "text": TEXT, "next": (at + 1).to_string()})
        })
        .chain([json!({"name": says.to_string(), "kind": "hangup"})])
        .collect();
    let task = sip.task(json!(nodes), true, calls).await?;
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
    ensure!(after.shards.calls == calls, "{} of {calls} calls are up", after.shards.calls);
    sip.world.tenant.until_calls(task, calls).await?;
    let counts = sip.world.tenant.counts(task).await?;
    sip.world.until_uploaded().await?;
    sip.world.check().await?;
    let recorded = sip.world.recordings_ready(task).await?;
    ensure!(recorded == calls, "{recorded} recordings of {calls} calls");
    ensure!(counts.calls.total() == calls, "{} records of {calls} calls", counts.calls.total());
    sip.close().await?;

    let frames = |counts: PlaneCounts| counts.lateness.frames.iter().sum::<u64>() as f64;
    let late = |ms| (after.lateness.later_than(ms) - voice.lateness.later_than(ms)) as f64;
    let sent = (frames(after) - frames(voice)).max(1.0);
    let seconds = SECONDS as f64;
    run.put(format!("{name}.late_5ms"), late(5) / sent * 100.0, "% of frames");
    run.put(format!("{name}.late_10ms"), late(10) / sent * 100.0, "% of frames");
    run.put(
        format!("{name}.voice_cpu"),
        voice_spent / 1e6 / seconds / calls as f64,
        "ms/call-second",
    );
    run.put(format!("{name}.dialer_cpu"), spent.callwright / seconds, "cores");
    run.put(format!("{name}.phones_cpu"), phones_cpu / seconds, "cores");
    run.put(
        format!("{name}.memory"),
        full_kb.saturating_sub(empty_kb) as f64 / calls as f64,
        "kB/call",
    );
    Ok(())
}

/// Calls that are hung up as soon as they are answered: how many a second, and what they leave behind.
async fn set_up(servers: &Servers, pinned: &Pinned, calls: u64, run: &mut Run) -> Result<()> {
    let mut sip =
        SipWorld::open(servers, pinned, SET_UP_SLOTS, None, VoicePriority::Normal).await?;
    let nodes = json!([{"name": "first", "kind": "hangup"}]);
    let task = sip.task(nodes, false, calls).await?;
    let used = servers.cpu()?;
    sip.world.tenant.start(task).await?;
    let started = Instant::now();
    let first = calls.min(SET_UP);
    sip.world.tenant.until_calls(task, first).await?;
    let seconds = started.elapsed().as_secs_f64();
    let spent = servers.cpu()?.since(used);
    let first_kb = memory_kilobytes()?;
    sip.world.tenant.until_calls(task, calls).await?;
    let all_kb = memory_kilobytes()?;
    sip.world.check().await?;
    let journal = sip.world.journal()?;
    let answered = journal.iter().filter(|entry| entry.event == Event::Answer).count() as u64;
    ensure!(answered == calls, "{answered} of {calls} calls were answered");
    sip.close().await?;
    run.put("sip.set_up", first as f64 / seconds, "calls/s");
    run.put("sip.set_up.dialer_cpu", spent.callwright * 1e3 / first as f64, "ms/call");
    if calls > first {
        run.put("sip.memory_after_10000", first_kb as f64 / 1e3, "MB");
        run.put(format!("sip.memory_after_{calls}"), all_kb as f64 / 1e3, "MB");
    }
    Ok(())
}
