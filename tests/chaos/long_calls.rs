//! What no call that is up may be hung up for: PostgreSQL is away for two leases, or every thread of a dialer is
//! busy for as long. Phones ring through all of it.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use anyhow::Result;
use outbound::ids::AttemptId;
use serde_json::{Value, json};
use storage::checks::{LiveAttempt, Snapshot};
use telephony::journal::{Event, read_all};
use workers::fail_point::FailPoint;

use crate::campaign::{RING_MS, SPEED, surely};
use crate::processes::Role;
use crate::run::Run;

/// Calls that are up when PostgreSQL goes.
const CALLS: usize = 200;
/// Numbers of each task that are called for it.
const NUMBERS: usize = 80;
/// How long they may take to be up, and a dialer's threads to be busy.
const PATIENCE: Duration = Duration::from_secs(90);
const LOOK: Duration = Duration::from_millis(200);
/// Calls ring for so long, in business seconds, before anybody gives up: past the end of it all.
const RING_SECONDS: u32 = 120;

impl Run {
    /// Let many phones ring by real time, take PostgreSQL away, and see that they ring on when it is back.
    pub async fn absence(&mut self) -> Result<Vec<String>> {
        self.let_ring().await?;
        let mut findings = Vec::new();
        let up = self.many_up().await?;
        if up.len() < CALLS {
            findings.push(format!("not_played {} of {CALLS} calls came to be up", up.len()));
        } else {
            println!("{} calls are up; PostgreSQL goes for two leases", up.len());
            self.servers.absent_postgres(self.lease * 2).await?;
            // What would be hung up is, by then.
            tokio::time::sleep(self.lease * 3).await;
            findings.extend(self.hung_up(&up)?);
        }
        self.as_before().await?;
        Ok(findings)
    }

    /// Let a dialer be busy on all of its threads while its phones ring, and see that they ring on.
    pub async fn busyness(&mut self) -> Result<Vec<String>> {
        let place = self.fleet.places(Role::Dialer)[0];
        self.quiet().await?;
        self.fleet.arm(place, FailPoint::ThreadsBusy).await?;
        self.let_ring().await?;
        let mut findings = Vec::new();
        let until = Instant::now() + PATIENCE;
        while self.fleet.armed().next().is_some() && Instant::now() < until {
            self.tend().await?;
            self.start_idle().await?;
            tokio::time::sleep(LOOK).await;
        }
        let up = self.up().await?;
        if self.fleet.armed().next().is_some() || up.is_empty() {
            findings.push("not_played no dialer came to be busy with calls up".to_owned());
        } else {
            println!("{} calls are up; a dialer is busy for two leases", up.len());
            tokio::time::sleep(self.lease * 4).await;
            findings.extend(self.hung_up(&up)?);
        }
        self.as_before().await?;
        Ok(findings)
    }

    /// Let phones ring by real time, of all tasks, until we give up.
    async fn let_ring(&mut self) -> Result<()> {
        // Calls that are under way know the lines and tasks as they were, and end in their own time.
        self.quiet().await?;
        self.campaign.open_windows().await?;
        self.campaign.run_at(1).await?;
        let rings = json!({"answered": 0, "busy": 0, "power_off": 0, "no_answer": 1});
        // The network gives up no sooner than we do: a call that ends meanwhile was hung up.
        self.lines(300, &rings, 0, [RING_SECONDS * 1_000; 2]).await?;
        self.tasks(100, RING_SECONDS).await?;
        for task in 0..self.campaign.tasks.len() {
            self.campaign.import(task, NUMBERS).await?;
            self.start(task).await?;
        }
        Ok(())
    }

    /// Hang up, and let everything go on as before.
    async fn as_before(&mut self) -> Result<()> {
        for task in 0..self.campaign.tasks.len() {
            self.campaign.surely(task, "end", &json!({"hang_up": true})).await?;
            self.watch.stopped(&self.campaign.tasks[task].id, "end");
        }
        self.campaign.run_at(SPEED).await?;
        self.lines(0, &crate::campaign::mix(), 1, RING_MS).await?;
        self.tasks(0, crate::campaign::RING_SECONDS).await?;
        for task in 0..self.campaign.tasks.len() {
            self.start(task).await?;
        }
        Ok(())
    }

    /// Let no task call, and wait until no call is up.
    async fn quiet(&mut self) -> Result<()> {
        for task in 0..self.campaign.tasks.len() {
            self.campaign.surely(task, "pause", &json!({})).await?;
            self.watch.stopped(&self.campaign.tasks[task].id, "pause");
        }
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until && !Snapshot::take(&self.store).await?.live().await?.is_empty()
        {
            self.tend().await?;
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    /// Limits of enterprises and trunks (0: their own), and what the phones do.
    async fn lines(
        &self,
        limit: u32,
        mix: &Value,
        refuse_percent: u32,
        ring_ms: [u32; 2],
    ) -> Result<()> {
        let of = |own: u32| if limit == 0 { own } else { limit };
        for enterprise in &self.campaign.enterprises {
            let settings = json!({"concurrency_limit": of(enterprise.concurrency)});
            let line = json!({"concurrency": of(enterprise.trunk_concurrency),
                "simulated": {"mix": mix, "refuse_percent": refuse_percent, "ring_ms": ring_ms}});
            let trunk = format!("trunks/{}", enterprise.trunk);
            surely(|| enterprise.api.patch("settings", &settings)).await?;
            surely(|| enterprise.api.patch(&trunk, &line)).await?;
        }
        Ok(())
    }

    /// Limits of tasks (0: their own), and for how long phones ring.
    async fn tasks(&self, limit: u32, ring_seconds: u32) -> Result<()> {
        for (place, task) in self.campaign.tasks.iter().enumerate() {
            let concurrency = if limit == 0 { task.concurrency } else { limit };
            let change = json!({"concurrency": concurrency, "ring_timeout_seconds": ring_seconds});
            let path = format!("tasks/{}", task.id);
            surely(|| self.campaign.api(place).patch(&path, &change)).await?;
        }
        Ok(())
    }

    /// Calls that ring, once there are enough.
    async fn many_up(&mut self) -> Result<HashSet<AttemptId>> {
        let until = Instant::now() + PATIENCE;
        loop {
            self.tend().await?;
            self.start_idle().await?;
            let up = self.up().await?;
            if up.len() >= CALLS || Instant::now() > until {
                return Ok(up);
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Calls that ring on simulated trunks. Those on the SIP trunk are answered, and end.
    async fn up(&self) -> Result<HashSet<AttemptId>> {
        let live = Snapshot::take(&self.store).await?.live().await?;
        let trunks: Vec<&str> =
            self.campaign.enterprises.iter().map(|enterprise| enterprise.trunk.as_str()).collect();
        let rings = |attempt: &LiveAttempt| {
            attempt.begun && trunks.contains(&attempt.trunk.to_string().as_str())
        };
        Ok(live.into_iter().filter(rings).map(|attempt| attempt.id).collect())
    }

    /// What is found when any of these calls has ended on the line.
    fn hung_up(&self, calls: &HashSet<AttemptId>) -> Result<Option<String>> {
        let entries = read_all(&self.journal)?;
        let ended = entries.iter().filter(|entry| entry.event == Event::Bye);
        let hung_up = ended.filter(|entry| calls.contains(&entry.attempt)).count();
        let all = calls.len();
        Ok((hung_up > 0).then(|| format!("hung_up {hung_up} calls of {all} were not left up")))
    }
}
