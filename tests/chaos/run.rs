//! A run while it goes on: cards are played, and what must be undone is undone when its time has come.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Result;
use callwright::config::Config;
use harness::gate::Passage;
use outbound::Time;
use serde_json::json;
use storage::Store;
use workers::fail_point::FailPoint;

use crate::campaign::{Campaign, surely};
use crate::deck::{Card, Deck};
use crate::processes::{Fleet, Role};
use crate::servers::Servers;
use crate::watch::Watch;

/// Stops of the clock, each seconds before an edge: a do-not-call period begins and ends, summer time
/// begins in New York and in Berlin, and ends in both.
pub const STOPS: [&str; 6] = [
    "2026-03-06T15:59:50Z",
    "2026-03-06T16:59:50Z",
    "2026-03-08T06:59:40Z",
    "2026-03-29T00:59:40Z",
    "2026-10-25T00:59:40Z",
    "2026-11-01T05:59:40Z",
];
/// Where a run begins: everything is open.
pub const START: &str = "2026-03-06T15:00:00Z";
/// An edit of a limit and a call that is on its way may cross for as long as the checker allows; no jump
/// of the clock may fall into that.
const AFTER_EDIT: Duration = Duration::from_secs(6);

/// How long all processes whose death is prepared may take to come to it, with calls to make.
const DIE_OUT: Duration = Duration::from_secs(180);
/// Numbers of each task that are imported when the others run out before that.
const MORE_NUMBERS: usize = 30;
const LOOK: Duration = Duration::from_millis(100);

/// What is still to be undone.
#[derive(Debug, Clone, Copy)]
enum Undo {
    Revive(usize),
    Release(usize),
    Start(usize),
}

/// See the module.
pub struct Run {
    pub servers: Servers,
    pub fleet: Fleet,
    pub campaign: Campaign,
    pub store: Store,
    pub deck: Deck,
    pub watch: Watch,
    pub lease: Duration,
    /// The folder of what was done on the lines.
    pub journal: PathBuf,
    /// PostgreSQL is to be away for long, when the other faults have ended.
    pub is_to_be_absent: bool,
    /// A dialer is to be busy for long, then.
    pub is_to_be_busy: bool,
    /// Numbers of one import.
    pub chunk: usize,
    pub played: BTreeMap<&'static str, u32>,
    pub notes: Vec<String>,
    undo: Vec<(Instant, Undo)>,
    /// Deaths that no process was free for; they come when the other faults have ended.
    put_off: Vec<FailPoint>,
    edited: Instant,
    stops: usize,
    imports: usize,
}

impl Run {
    pub fn new(
        servers: Servers,
        fleet: Fleet,
        campaign: Campaign,
        store: Store,
        deck: Deck,
        config: &Config,
        chunk: usize,
    ) -> Self {
        Self {
            servers,
            fleet,
            campaign,
            store,
            deck,
            watch: Watch::default(),
            lease: config.lease,
            journal: config.journal.clone(),
            is_to_be_absent: false,
            is_to_be_busy: false,
            chunk,
            played: BTreeMap::new(),
            notes: Vec::new(),
            undo: Vec::new(),
            put_off: Vec::new(),
            edited: Instant::now(),
            stops: 0,
            imports: 0,
        }
    }

    /// Play the cards until there is none, or until the time is up.
    pub async fn play(&mut self, until: Instant) -> Result<()> {
        while Instant::now() < until {
            self.tend().await?;
            let Some(card) = self.deck.draw() else { break };
            let begun = Instant::now();
            self.act(card).await?;
            *self.played.entry(card.word()).or_default() += 1;
            eprintln!("{card:<24} {:>5} ms", begun.elapsed().as_millis());
            let pause = self.deck.ms(300, 2_000);
            tokio::time::sleep(pause).await;
        }
        Ok(())
    }

    /// Undo what is due, start what ended, and look.
    pub async fn tend(&mut self) -> Result<()> {
        self.fleet.tend()?;
        let now = Instant::now();
        let (due, later): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.undo).into_iter().partition(|(at, _)| *at <= now);
        self.undo = later;
        for (_, undo) in due {
            match undo {
                Undo::Revive(place) => self.fleet.revive(place)?,
                Undo::Release(place) => self.fleet.release(place)?,
                Undo::Start(task) => self.start(task).await?,
            }
        }
        self.watch.look(&self.store).await
    }

    /// Undo everything, and give all limits back.
    pub async fn end_faults(&mut self) -> Result<()> {
        self.undo.clear();
        self.servers.gate.set(Passage::Open);
        self.fleet.all_up()?;
        for enterprise in &self.campaign.enterprises {
            let api = &enterprise.api;
            let limit = json!({"concurrency_limit": enterprise.concurrency});
            surely(|| api.patch("settings", &limit)).await?;
            let path = format!("trunks/{}", enterprise.trunk);
            let limit = json!({"concurrency": enterprise.trunk_concurrency});
            surely(|| api.patch(&path, &limit)).await?;
        }
        for (place, task) in self.campaign.tasks.iter().enumerate() {
            let path = format!("tasks/{}", task.id);
            let limit = json!({"concurrency": task.concurrency});
            surely(|| self.campaign.api(place).patch(&path, &limit)).await?;
        }
        for task in 0..self.campaign.tasks.len() {
            self.start(task).await?;
        }
        Ok(())
    }

    /// Start a task that was stopped.
    pub async fn start(&mut self, task: usize) -> Result<()> {
        self.watch.starts(&self.campaign.tasks[task].id);
        self.campaign.surely(task, "start", &json!({})).await?;
        Ok(())
    }

    /// The next import, of the next task in turn.
    pub async fn import(&mut self) -> Result<()> {
        let task = self.imports % self.campaign.tasks.len();
        self.imports += 1;
        self.campaign.import(task, self.chunk).await
    }

    async fn act(&mut self, card: Card) -> Result<()> {
        match card {
            Card::Kill(role) => self.kill(role).await?,
            Card::Hold(role) => self.hold(role)?,
            // A call may be lost to other faults: it comes when they have ended.
            Card::Die(FailPoint::ThreadsBusy) => self.is_to_be_busy = true,
            Card::Die(point) => self.die(point).await?,
            Card::FlushRedis => {
                self.servers.flush_redis().await?;
                self.watch.flushed(&self.store).await?;
            }
            Card::RestartRedis(death) => {
                if let Err(error) = self.servers.keep_redis().await {
                    self.notes.push(format!("Redis was not copied: {error}"));
                }
                self.servers.restart_redis(death).await?;
            }
            Card::RollBackRedis => self.roll_back().await?,
            Card::RestartPostgres(death) => self.servers.restart_postgres(death).await?,
            // A call that a worker died with is lost indeed: it comes when nobody dies any more.
            Card::PostgresAbsent => self.is_to_be_absent = true,
            Card::ObjectsDown => self.gate(Passage::Shut),
            Card::ObjectsSlow => self.gate(Passage::Slow),
            Card::TaskConcurrency | Card::TrunkConcurrency | Card::EnterpriseConcurrency => {
                self.limit(card).await?;
            }
            Card::Pause | Card::End | Card::EndAndHangUp => self.stop_task(card).await?,
            Card::MoveClock => self.move_clock().await?,
            Card::Import => self.import().await?,
        }
        Ok(())
    }

    async fn kill(&mut self, role: Role) -> Result<()> {
        let places = self.fleet.places(role);
        let place = self.deck.one_of(&places);
        self.fleet.kill(place).await?;
        let down = self.deck.ms(100, 2_500);
        if role == Role::Web {
            // What comes next asks the API.
            tokio::time::sleep(down / 2).await;
            self.fleet.revive(place)?;
        } else {
            self.undo.push((Instant::now() + down, Undo::Revive(place)));
        }
        Ok(())
    }

    /// One of those that pass the point, if there is one whose death is not prepared.
    async fn die(&mut self, point: FailPoint) -> Result<()> {
        let role = match point {
            FailPoint::Claimed | FailPoint::Pushed | FailPoint::FoundLost => Role::Dispatcher,
            _ => Role::Dialer,
        };
        let places = self.fleet.unarmed(role);
        if places.is_empty() {
            self.put_off.push(point);
            return Ok(());
        }
        let place = self.deck.one_of(&places);
        self.fleet.arm(place, point).await
    }

    /// Bring every death that was drawn to its point: with windows open, and numbers to call. Losses of
    /// calls are found by whichever dispatcher looks first: the others are held while a dialer dies.
    pub async fn die_out(&mut self) -> Result<()> {
        let until = Instant::now() + DIE_OUT;
        let mut lose_at = Instant::now();
        while Instant::now() < until {
            self.tend().await?;
            for point in std::mem::take(&mut self.put_off) {
                self.die(point).await?;
            }
            let Some(point) = self.fleet.armed().next() else { break };
            self.keep_calling().await?;
            if point == FailPoint::FoundLost && Instant::now() > lose_at {
                for place in self.fleet.unarmed(Role::Dispatcher) {
                    self.fleet.hold(place)?;
                    self.undo.push((Instant::now() + self.lease * 3, Undo::Release(place)));
                }
                self.kill(Role::Dialer).await?;
                lose_at = Instant::now() + self.lease * 4;
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    /// Deaths that were drawn and did not come.
    pub fn not_died(&self) -> impl Iterator<Item = FailPoint> {
        self.fleet.armed().chain(self.put_off.iter().copied())
    }

    async fn keep_calling(&mut self) -> Result<()> {
        self.campaign.open_windows().await?;
        self.start_idle().await?;
        if self.campaign.open().await?.0 == 0 {
            for task in 0..self.campaign.tasks.len() {
                self.campaign.import(task, MORE_NUMBERS).await?;
            }
        }
        Ok(())
    }

    /// Numbers that land by themselves in a task that had nothing left to call wait for a start.
    pub async fn start_idle(&mut self) -> Result<()> {
        for task in self.campaign.idle().await? {
            self.start(task).await?;
        }
        Ok(())
    }

    fn hold(&mut self, role: Role) -> Result<()> {
        let places = self.fleet.places(role);
        let place = self.deck.one_of(&places);
        self.fleet.hold(place)?;
        let held = self.lease + self.deck.ms(1_000, 4_000);
        self.undo.push((Instant::now() + held, Undo::Release(place)));
        Ok(())
    }

    async fn roll_back(&mut self) -> Result<()> {
        self.servers.keep_redis().await?;
        let older = self.deck.ms(1_000, 4_000);
        tokio::time::sleep(older).await;
        self.servers.roll_back_redis().await?;
        Ok(())
    }

    fn gate(&mut self, passage: Passage) {
        let for_ms = self.deck.ms(2_000, 6_000);
        self.servers.gate.set_for(passage, for_ms);
    }

    async fn limit(&mut self, card: Card) -> Result<()> {
        let enterprise = self.deck.one_of(&[0, 1]);
        let task = self.deck.one_of(&[0, 1, 2]);
        let low = self.deck.one_of(&[3, 5, 10, 20]);
        let task_path = format!("tasks/{}", self.campaign.tasks[task].id);
        let trunk_path = format!("trunks/{}", self.campaign.enterprises[enterprise].trunk);
        let (api, path, patch) = match card {
            Card::TaskConcurrency => {
                (self.campaign.api(task), task_path, json!({"concurrency": low}))
            }
            Card::TrunkConcurrency => (
                &self.campaign.enterprises[enterprise].api,
                trunk_path,
                json!({"concurrency": low}),
            ),
            // A task's own limit is at most its enterprise's.
            _ => (
                &self.campaign.enterprises[enterprise].api,
                "settings".to_owned(),
                json!({"concurrency_limit": 30 + low}),
            ),
        };
        surely(|| api.patch(&path, &patch)).await?;
        self.edited = Instant::now();
        Ok(())
    }

    async fn stop_task(&mut self, card: Card) -> Result<()> {
        let task = self.deck.one_of(&[0, 1, 2]);
        let (what, body) = match card {
            Card::Pause => ("pause", json!({})),
            Card::End => ("end", json!({})),
            _ => ("end", json!({"hang_up": true})),
        };
        self.campaign.surely(task, what, &body).await?;
        self.watch.stopped(&self.campaign.tasks[task].id, what);
        let stopped = self.deck.ms(500, 4_000);
        self.undo.push((Instant::now() + stopped, Undo::Start(task)));
        Ok(())
    }

    async fn move_clock(&mut self) -> Result<()> {
        let Some(stop) = STOPS.get(self.stops) else { return Ok(()) };
        self.stops += 1;
        tokio::time::sleep(AFTER_EDIT.saturating_sub(self.edited.elapsed())).await;
        let stop: Time = stop.parse()?;
        self.campaign.move_to(stop).await
    }
}
