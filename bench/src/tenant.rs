//! An enterprise with a simulated line, and who works for it: tasks, numbers, what came of them.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use callwright::client::{Access, Api};
use callwright::node::Node;
use outbound::api_key::{Permission, Role};
use outbound::enterprise::EnterpriseSettings;
use outbound::ids::{EnterpriseId, ImportId, TaskId};
use outbound::import::ImportOptions;
use outbound::phone::Phone;
use serde_json::{Value, json};
use storage::batches::{InMemory, Landing, LandingRow, land};
use storage::statistics::Counts;

/// How long any measurement may take.
const PATIENCE: Duration = Duration::from_secs(1_800);
const LOOK: Duration = Duration::from_millis(20);
/// Rows of one import, at most (the product's own bound).
const IMPORT_ROWS_MAX: u64 = 100_000;

/// What an enterprise is made with.
pub struct Plan {
    /// Calls up at a time of enterprise, trunk and dialer.
    pub concurrency: u32,
    pub calls_per_second: Option<u32>,
    /// The simulated line's model.
    pub simulated: Value,
}

impl Plan {
    /// A line on which nobody answers, each call lasting `call_ms`.
    pub fn unanswered(concurrency: u32, call_ms: u32) -> Self {
        let simulated = json!({
            "setup_ms": [0, 0], "ring_ms": [call_ms, call_ms], "talk_ms": [0, 0],
            "mix": {"no_answer": 1}, "test_numbers": false,
        });
        Self { concurrency, calls_per_second: None, simulated }
    }
}

/// See the module.
pub struct Tenant {
    pub api: Api,
    pub enterprise: EnterpriseId,
    node: Node,
    concurrency: u32,
    navigation: String,
    caller: String,
}

impl Tenant {
    /// An enterprise with a trunk, a caller ID, and a navigation that says a word and hangs up.
    pub async fn open(node: &Node, url: &str, name: &str, plan: &Plan) -> Result<Self> {
        let (store, now) = (&node.store, node.clock.now());
        let settings = EnterpriseSettings::new(chrono_tz::Asia::Shanghai, plan.concurrency);
        let enterprise = storage::enterprises::create(store, name, settings, now).await?.id;
        let all = &Permission::ALL;
        let key = storage::keys::create(store, enterprise, "administrator", Role::Admin, all, now);
        let api = Api::new(Access { url: url.to_owned(), key: key.await?.secret })?;
        let trunk = json!({
            "name": "line", "concurrency": plan.concurrency, "simulated": plan.simulated,
            "calls_per_second": plan.calls_per_second,
        });
        let trunk = made(&api, "trunks", trunk).await?;
        let caller = json!({"trunk": trunk, "phone": "+862155500100"});
        let caller = made(&api, "caller_ids", caller).await?;
        let navigation = json!({"name": "word", "start": "word", "nodes": [
            {"name": "word", "kind": "play", "text": "Hello", "next": "end"},
            {"name": "end", "kind": "hangup"},
        ]});
        let navigation = made(&api, "navigations", navigation).await?;
        api.post(&format!("navigations/{navigation}/publish"), &json!({})).await?;
        let (node, concurrency) = (node.clone(), plan.concurrency);
        Ok(Self { api, enterprise, node, concurrency, navigation, caller })
    }

    /// A task; over its configuration `more`.
    pub async fn task(&self, name: &str, more: Value) -> Result<TaskId> {
        let mut config = json!({
            "name": name, "concurrency": self.concurrency, "navigation": self.navigation,
            "caller_ids": [self.caller], "recording": false, "redial": {"enabled": false},
        });
        if let (Some(config), Value::Object(more)) = (config.as_object_mut(), more) {
            config.extend(more);
        }
        Ok(made(&self.api, "tasks", config).await?.parse()?)
    }

    /// Land numbers `from` to `from + count`, in batches as large as the product allows. It is the
    /// landing of an import without its file.
    pub async fn land(&self, task: TaskId, from: u64, count: u64) -> Result<()> {
        let mut first = from;
        while first < from + count {
            let last = (first + IMPORT_ROWS_MAX).min(from + count);
            self.land_batch(
                task,
                json!({"batch_name": format!("from {first}"), "format": "json"}),
                first..last,
            )
            .await?;
            first = last;
        }
        Ok(())
    }

    /// Land one batch of numbers with these options.
    pub async fn land_batch(
        &self,
        task: TaskId,
        options: Value,
        numbers: std::ops::Range<u64>,
    ) -> Result<()> {
        let rows: Vec<LandingRow> = numbers.map(row).collect();
        let options: ImportOptions = serde_json::from_value(options)?;
        let (store, now) = (&self.node.store, self.node.clock.now());
        let new = storage::imports::NewImport {
            id: clock::new_id::<ImportId>(),
            enterprise: self.enterprise,
            task,
            options: &options,
            object_key: "imports/none",
            actor: "bench",
        };
        let import = new.id;
        storage::imports::create(store, new, now).await?;
        let taken = storage::imports::take(store, import, 0, Duration::from_secs(600)).await?;
        let landing = Landing {
            import,
            token: taken.context("the import was taken by another")?.token,
            enterprise: self.enterprise,
            task,
            options: &options,
            rows: rows.len() as u64,
            invalid: 0,
            hidden: 0,
            error_key: None,
            actor: "bench",
        };
        let landed = land(store, landing, &mut InMemory::new(&rows), now).await?;
        ensure!(landed.result.imported == rows.len() as u64, "not all rows landed");
        Ok(())
    }

    /// Make something by the API. Gives its id.
    pub async fn made(&self, path: &str, body: Value) -> Result<String> {
        made(&self.api, path, body).await
    }

    pub async fn start(&self, task: TaskId) -> Result<()> {
        self.api.post(&format!("tasks/{task}/start"), &json!({})).await?;
        Ok(())
    }

    pub async fn pause(&self, task: TaskId) -> Result<()> {
        self.api.post(&format!("tasks/{task}/pause"), &json!({})).await?;
        Ok(())
    }

    pub async fn counts(&self, task: TaskId) -> Result<Counts> {
        Ok(storage::statistics::of_task(&self.node.store, self.enterprise, task).await?)
    }

    /// Wait until a task has that many call records.
    pub async fn until_calls(&self, task: TaskId, calls: u64) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while self.counts(task).await?.calls.total() < calls {
            ensure!(Instant::now() < deadline, "waited too long for {calls} calls");
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }
}

/// The `n`th customer.
pub fn phone(n: u64) -> Phone {
    Phone::from_digits(8_613_000_000_000 + n)
}

fn row(n: u64) -> LandingRow {
    LandingRow {
        phone: phone(n),
        priority: 0,
        caller_id: None,
        backups: Vec::new(),
        variables: std::collections::BTreeMap::new(),
        province: String::new(),
        city: String::new(),
    }
}

async fn made(api: &Api, path: &str, body: Value) -> Result<String> {
    let made = api.post(path, &body).await?;
    Ok(made["id"].as_str().with_context(|| format!("no id in {made}"))?.to_owned())
}
