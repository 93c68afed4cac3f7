//! What is called in a run: two enterprises with a simulated trunk each, three tasks on them, one more on a SIP trunk,
//! and numbers that land while things break.

use std::future::Future;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use callwright::client::{self, Access, Api};
use chrono::{TimeDelta, Timelike, Utc};
use chrono_tz::Tz;
use clock::{Clock, Setting};
use outbound::Time;
use outbound::enterprise::EnterpriseSettings;
use reqwest::Method;
use serde_json::{Value, json};
use storage::Store;

/// Business seconds of a real second.
pub const SPEED: u32 = 20;
/// All windows of all tasks are open from this time of a day on, at all times of the year, for this long.
const OPEN_FROM: (&str, u32) = ("T14:15:00Z", 14);
const OPEN_UNTIL: (u32, u32) = (14, 58);
/// How long phones ring that nobody answers.
pub const RING_SECONDS: u32 = 30;
/// How long what must succeed is tried.
const PATIENCE: Duration = Duration::from_secs(90);
const RETRY: Duration = Duration::from_millis(500);
/// An answer that takes longer is lost.
const ANSWER: Duration = Duration::from_secs(20);
/// Of a chunk of numbers, one in so many is in the neighbour task too.
const SHARED: usize = 20;

/// The place of the task that calls on the SIP trunk, and one number of it for so many of another task: its calls talk
/// at the pace of life.
const SIP_TASK: usize = 3;
const SIP_SHARE: usize = 10;

/// One task of the run.
#[derive(Debug, Clone)]
pub struct Task {
    pub name: &'static str,
    pub id: String,
    /// The enterprise that it is of, in the order of [`Campaign::enterprises`].
    pub enterprise: usize,
    pub concurrency: u32,
    /// Numbers that it must have in the end.
    pub numbers: usize,
}

/// One enterprise of the run.
pub struct Enterprise {
    pub api: Api,
    pub trunk: String,
    pub trunk_concurrency: u32,
    pub concurrency: u32,
}

/// See the module.
pub struct Campaign {
    clock_file: PathBuf,
    pub clock: Clock,
    pub enterprises: Vec<Enterprise>,
    pub tasks: Vec<Task>,
    /// Imports that were asked for: the task's place and what answered.
    pub imports: Vec<(usize, String)>,
    chunks: usize,
}

/// What phones do that are called.
pub fn mix() -> Value {
    json!({"answered": 50, "no_answer": 20, "busy": 20, "power_off": 10})
}

/// How long phones ring until the network or the customer does something, in business milliseconds.
pub const RING_MS: [u32; 2] = [1_000, 8_000];

/// The clock that all processes of a run read.
pub fn clock(file: &Path, start: &str) -> Result<Clock> {
    write_clock(file, &[Setting::new(Utc::now(), start.parse()?, SPEED)])?;
    Ok(Clock::from_file(file.to_owned()))
}

/// Replaced in one step, so that no process reads half of it.
fn write_clock(file: &Path, settings: &[Setting]) -> Result<()> {
    let draft = file.with_extension("draft");
    let lines: String = settings.iter().map(|setting| format!("{setting}\n")).collect();
    std::fs::write(&draft, lines)?;
    std::fs::rename(&draft, file)?;
    Ok(())
}

impl Campaign {
    /// Make enterprises, trunks and tasks; nothing is started.
    /// `phones` is where SIP phones answer.
    pub async fn make(
        store: &Store,
        url: &str,
        clock_file: &Path,
        clock: Clock,
        phones: SocketAddr,
    ) -> Result<Self> {
        let mut campaign = Self {
            clock_file: clock_file.to_owned(),
            clock,
            enterprises: Vec::new(),
            tasks: Vec::new(),
            imports: Vec::new(),
            chunks: 0,
        };
        campaign.enterprise(store, url, "East", chrono_tz::Europe::Berlin, [60, 50]).await?;
        campaign.enterprise(store, url, "West", chrono_tz::America::New_York, [50, 40]).await?;
        let day = json!([{"start": "01:30", "end": "03:30"}, {"start": "08:00", "end": "20:00"}]);
        let lunch = json!([{"start": "17:00", "end": "17:59"}, {"start": "22:00", "end": "23:59"},
            {"start": "00:00", "end": "05:59"}]);
        let night = json!([{"start": "01:30", "end": "03:30"}, {"start": "09:00", "end": "17:59"}]);
        let plans = [
            ("Interval", 0, "call", day, json!({"enabled": true, "retry_seconds": [60, 120]})),
            (
                "Quiet",
                0,
                "do_not_call",
                lunch,
                json!({"enabled": true, "mode": "advanced", "statuses": ["busy", "no_answer"],
                    "reference": "first_call", "retry_seconds": [90, 300]}),
            ),
            ("Far", 1, "call", night, json!({"enabled": true, "retry_seconds": [60]})),
        ];
        for (name, enterprise, kind, ranges, redial) in plans {
            campaign.task(name, enterprise, kind, ranges, redial).await?;
        }
        campaign.sip_task(1, phones).await?;
        Ok(campaign)
    }

    /// A task whose calls are real SIP calls, recorded, each a second long.
    async fn sip_task(&mut self, enterprise: usize, phones: SocketAddr) -> Result<()> {
        let Enterprise { api, .. } = &self.enterprises[enterprise];
        let host = json!({"host": phones.ip().to_string(), "port": phones.port()});
        let trunk = json!({"name": "sip", "driver": "sip", "concurrency": 20,
            "breaker": {"enabled": false}, "sip": {"hosts": [host], "options_seconds": null}});
        let trunk = made(api, "trunks", trunk).await?;
        let navigation = navigation(api, "Sip").await?;
        let caller = json!({"trunk": trunk, "phone": "+862155500199"});
        let caller = made(api, "caller_ids", caller).await?;
        let (name, concurrency) = ("Sip", 15);
        let config = json!({"name": name, "concurrency": concurrency, "navigation": navigation,
            "caller_ids": [caller], "ring_timeout_seconds": RING_SECONDS, "max_call_seconds": 600,
            "redial": {"enabled": true, "retry_seconds": [60]}, "recording": true});
        let id = made(api, "tasks", config).await?;
        self.tasks.push(Task { name, id, enterprise, concurrency, numbers: 0 });
        Ok(())
    }

    async fn enterprise(
        &mut self,
        store: &Store,
        url: &str,
        name: &str,
        zone: Tz,
        [concurrency, trunk_concurrency]: [u32; 2],
    ) -> Result<()> {
        let settings = EnterpriseSettings::new(zone, concurrency);
        let now = self.clock.now();
        let key = callwright::commands::enterprise(store, name, settings, now).await?;
        let api = Api::new(Access { url: url.to_owned(), key })?;
        let line = json!({"name": "line", "concurrency": trunk_concurrency,
            "breaker": {"enabled": false},
            "simulated": {"seed": 7, "test_numbers": false, "refuse_percent": 1, "mix": mix(),
                "setup_ms": [300, 1_500], "ring_ms": RING_MS}});
        let trunk = made(&api, "trunks", line).await?;
        self.enterprises.push(Enterprise { api, trunk, trunk_concurrency, concurrency });
        Ok(())
    }

    async fn task(
        &mut self,
        name: &'static str,
        enterprise: usize,
        kind: &str,
        ranges: Value,
        redial: Value,
    ) -> Result<()> {
        let Enterprise { api, trunk, .. } = &self.enterprises[enterprise];
        let period =
            made(api, "periods", json!({"name": name, "kind": kind, "ranges": ranges})).await?;
        let navigation = navigation(api, name).await?;
        let phone = format!("+8621555001{:02}", self.tasks.len());
        let caller = made(api, "caller_ids", json!({"trunk": trunk, "phone": phone})).await?;
        let concurrency = 30;
        let config = json!({"name": name, "concurrency": concurrency, "navigation": navigation,
            "caller_ids": [caller], "ring_timeout_seconds": RING_SECONDS, "max_call_seconds": 60,
            "schedule": {(format!("{kind}_period")): period}, "redial": redial,
            "recording": name == "Quiet"});
        let id = made(api, "tasks", config).await?;
        self.tasks.push(Task { name, id, enterprise, concurrency, numbers: 0 });
        Ok(())
    }

    pub fn api(&self, task: usize) -> &Api {
        &self.enterprises[self.tasks[task].enterprise].api
    }

    /// Import `count` more numbers into a task; the answer may be lost and the import asked for again,
    /// which drops the rows that have landed.
    pub async fn import(&mut self, task: usize, count: usize) -> Result<()> {
        self.chunks += 1;
        let chunk = self.chunks;
        let count = if task == SIP_TASK { (count / SIP_SHARE).max(1) } else { count };
        let numbers: Vec<Value> = (0..count).map(|row| self.number(task, chunk, row)).collect();
        let path = format!("tasks/{}/imports", self.tasks[task].id);
        let batch = format!("batch {chunk}");
        let deadline = Instant::now() + PATIENCE;
        let asked = loop {
            let query = [("batch_name", batch.as_str()), ("dedupe", "task"), ("start", "manual")];
            let request = self.api(task).request(Method::POST, &path).query(&query);
            let request = request.timeout(ANSWER).json(&json!({"numbers": numbers}));
            match client::body(request).await {
                Ok(asked) => break asked,
                Err(error) if Instant::now() > deadline => return Err(error),
                Err(_) => tokio::time::sleep(RETRY).await,
            }
        };
        let id = asked["id"].as_str().context("an import has an id")?;
        self.imports.push((task, id.to_owned()));
        self.tasks[task].numbers += count;
        Ok(())
    }

    /// A phone of its own for each row; some rows of the second task are phones of the first too, and
    /// some have backups.
    fn number(&self, task: usize, chunk: usize, row: usize) -> Value {
        let place = chunk * 20_000 + row;
        let shared = row.is_multiple_of(SHARED) && task < 2;
        // What is shared has no chunk in it, and a chunk of the other task has the same.
        let phone = if shared {
            let of_task = self.imports.iter().filter(|(of, _)| *of == task).count();
            format!("137{:08}", of_task * 20_000 + row)
        } else {
            format!("13{}{place:08}", 5 + task)
        };
        let backups: Vec<String> = match row % 10 {
            3 if !shared => vec![format!("15{}{place:08}", 5 + task)],
            _ => Vec::new(),
        };
        json!({"phone_number": phone, "backup_numbers": backups, "priority": row % 3})
    }

    /// POST until it is done; what the task's state refuses is done too.
    pub async fn surely(&self, task: usize, what: &str, body: &Value) -> Result<Value> {
        let path = format!("tasks/{}/{what}", self.tasks[task].id);
        surely(|| async { self.api(task).post(&path, body).await }).await
    }

    /// Move the clock forward to a time; back it never goes.
    pub async fn move_to(&self, time: Time) -> Result<()> {
        if time > self.clock.now() {
            self.set_clock(|now| Setting::new(now, time, SPEED)).await?;
        }
        Ok(())
    }

    /// Let the clock go on so many times as fast as real time.
    pub async fn run_at(&self, speed: u32) -> Result<()> {
        let goes = self.clock.setting();
        self.set_clock(|now| Setting::new(now, goes.at(now), speed)).await
    }

    /// Known to all processes before it takes over: else one that knows already would make ready what
    /// another calls by the time before.
    async fn set_clock(&self, setting: impl Fn(chrono::DateTime<Utc>) -> Setting) -> Result<()> {
        let known = clock::FILE_CHECK * 2;
        write_clock(&self.clock_file, &[self.clock.setting(), setting(Utc::now() + known)])?;
        tokio::time::sleep(known).await;
        Ok(())
    }

    /// Let business time be one at which every task may call.
    pub async fn open_windows(&self) -> Result<()> {
        let now = self.clock.now();
        let minute = (now.hour(), now.minute());
        if (OPEN_FROM.1, 15) <= minute && minute < OPEN_UNTIL {
            return Ok(());
        }
        let day = now.date_naive() + TimeDelta::days(1);
        self.move_to(format!("{day}{}", OPEN_FROM.0).parse()?).await
    }

    /// The places of tasks that have pending numbers and are paused because they once had none.
    pub async fn idle(&self) -> Result<Vec<usize>> {
        let mut idle = Vec::new();
        for (place, task) in self.tasks.iter().enumerate() {
            let progress = self.api(place).get(&format!("tasks/{}/progress", task.id)).await?;
            let pending = progress["numbers"]["pending"].as_u64().unwrap_or(0);
            if pending > 0 && progress["pause_reason"] == "no_pending_numbers" {
                idle.push(place);
            }
        }
        Ok(idle)
    }

    /// Numbers that have not ended, over all tasks, and all numbers.
    pub async fn open(&self) -> Result<(u64, u64)> {
        let (mut open, mut all) = (0, 0);
        for (place, task) in self.tasks.iter().enumerate() {
            let progress = self.api(place).get(&format!("tasks/{}/progress", task.id)).await?;
            let count = |name: &str| progress["numbers"][name].as_u64().unwrap_or(0);
            open += ["pending", "waiting", "calling"].map(count).iter().sum::<u64>();
            all += progress["total"].as_u64().unwrap_or(0);
        }
        Ok((open, all))
    }
}

/// Try until it is done. A refusal by a rule is an answer as well.
pub async fn surely<Try, Tried>(attempt: Try) -> Result<Value>
where
    Try: Fn() -> Tried,
    Tried: Future<Output = Result<Value>>,
{
    let deadline = Instant::now() + PATIENCE;
    loop {
        let tried = tokio::time::timeout(ANSWER, attempt()).await;
        match tried.unwrap_or_else(|_| Err(anyhow::anyhow!("no answer in {ANSWER:?}"))) {
            Ok(value) => return Ok(value),
            // The try before was done, and its answer lost.
            Err(error) if is_done(&error.to_string()) => return Ok(Value::Null),
            Err(error) if Instant::now() > deadline => {
                bail!("still refused after {} s: {error:#}", PATIENCE.as_secs())
            }
            Err(_) => tokio::time::sleep(RETRY).await,
        }
    }
}

fn is_done(refusal: &str) -> bool {
    ["(task_not_running)", "(task_already_running)", "(task_already_ended)"]
        .iter()
        .any(|code| refusal.contains(code))
}

/// A navigation that says a word and hangs up, published.
async fn navigation(api: &Api, name: &str) -> Result<String> {
    let nodes = json!([{"name": "word", "kind": "play", "text": "Hello", "next": "end"},
        {"name": "end", "kind": "hangup"}]);
    let draft = json!({"name": name, "start": "word", "nodes": nodes});
    let navigation = made(api, "navigations", draft).await?;
    let path = format!("navigations/{navigation}/publish");
    surely(|| api.post(&path, &Value::Null)).await?;
    Ok(navigation)
}

async fn made(api: &Api, path: &str, body: Value) -> Result<String> {
    let made = surely(|| api.post(path, &body)).await?;
    Ok(made["id"].as_str().with_context(|| format!("no id in {made}"))?.to_owned())
}
