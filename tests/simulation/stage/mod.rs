//! The same operations on the real storage, with the model beside it: the database acts first, the model
//! follows, and after every operation the rows must say what the model says.
//!
//! [`Stage`] stands for the processes around a database: dispatchers, workers, sweeps and people, one
//! step at a time, at times that the model's clock says.

mod calls;
mod compare;
mod configure;
mod rows;

use std::collections::BTreeMap;

use dialog::navigation::Navigation;
use outbound::ids::{
    AttemptId, BatchId, CallerIdId, EnterpriseId, NavigationId, NumberId, PeriodId, TaskId, TrunkId,
};
use outbound::phone::Phone;
use outbound::task::TaskConfig;
use serde_json::json;
use storage::attempts::DialOrder;
use storage::claim::Claimer;
use storage::{Store, StoreConfig, StoreError};

use crate::model::World;
use crate::model::edits::Change;
use crate::op::{Case, Op};
use crate::settle;
use rows::Rows;

const ACTOR: &str = "somebody";

/// A database for many runs.
pub struct Theatre {
    store: Store,
    rows: Rows,
    server: String,
    name: String,
}

impl Theatre {
    /// A database of its own on the server of `DATABASE_URL`.
    pub async fn open() -> Self {
        let server =
            std::env::var("DATABASE_URL").expect("DATABASE_URL: run with `callwright services --`");
        let name = format!("simulation_{}", uuid::Uuid::now_v7().simple());
        storage::store::create_database(&server, &name).await.expect("a database");
        let (base, _) = server.rsplit_once('/').expect("a database in DATABASE_URL");
        let url = format!("{base}/{name}");
        let store = Store::connect(&StoreConfig::new(url.clone())).expect("a URL");
        store.migrate().await.expect("a schema");
        Self { store, rows: Rows::open(&url), server, name }
    }

    pub async fn close(self) {
        self.store.close().await;
        drop(self.rows);
        storage::store::drop_database(&self.server, &self.name).await.expect("it is dropped");
    }

    /// What the case says, to its end and until everything has come to rest.
    pub async fn run(&mut self, case: &Case) {
        let mut stage = Stage::set(self, case).await;
        for op in &case.ops {
            stage.step(op).await;
        }
        for _ in 0..settle::ROUNDS_MAX {
            let ops = settle::next(&stage.world);
            if ops.is_empty() {
                return stage.counters().await;
            }
            for op in ops {
                stage.step(&op).await;
            }
        }
        panic!("it does not come to rest: {:?}", settle::left(&stage.world));
    }
}

/// One enterprise on the stage. Lists stand in the order of the model's.
struct Stage<'a> {
    world: World,
    store: Store,
    rows: &'a mut Rows,
    enterprise: EnterpriseId,
    navigation: NavigationId,
    trunks: Vec<TrunkId>,
    lines: Vec<CallerIdId>,
    periods: Vec<PeriodId>,
    tasks: Vec<TaskId>,
    batches: Vec<BatchId>,
    numbers: Vec<NumberId>,
    /// By the ids of the model's calls; the orders of those that were begun.
    attempts: BTreeMap<u64, AttemptId>,
    orders: BTreeMap<u64, DialOrder>,
    dispatchers: [Claimer; 2],
    /// Of the workers, for calls that follow on.
    claimer: Claimer,
    claims: u64,
}

impl<'a> Stage<'a> {
    async fn set(theatre: &'a mut Theatre, case: &Case) -> Self {
        let world = World::new(&case.setup);
        let store = theatre.store.clone();
        let name = format!("Simulation {}", uuid::Uuid::now_v7());
        let settings = world.settings.clone();
        let enterprise =
            storage::enterprises::create(&store, &name, settings, world.now).await.expect("it").id;
        let draft: Navigation = serde_json::from_value(json!({
            "name": "word", "start": "word", "nodes": [
                { "name": "word", "kind": "play", "text": "Hello", "next": "end" },
                { "name": "end", "kind": "hangup" },
            ],
        }))
        .expect("a navigation");
        let made = storage::navigations::create(&store, enterprise, draft, world.now).await;
        let navigation = made.expect("a navigation").id;
        let published =
            storage::navigations::publish(&store, enterprise, navigation, world.now).await;
        published.expect("it is published");
        let mut stage = Self {
            world,
            store,
            rows: &mut theatre.rows,
            enterprise,
            navigation,
            trunks: Vec::new(),
            lines: Vec::new(),
            periods: Vec::new(),
            tasks: Vec::new(),
            batches: Vec::new(),
            numbers: Vec::new(),
            attempts: BTreeMap::new(),
            orders: BTreeMap::new(),
            dispatchers: [Claimer::new(), Claimer::new()],
            claimer: Claimer::new(),
            claims: 0,
        };
        stage.furnish().await;
        stage
    }

    async fn furnish(&mut self) {
        let (store, enterprise, now) = (&self.store, self.enterprise, self.world.now);
        for (place, trunk) in self.world.trunks.iter().enumerate() {
            let config = json!({
                "name": format!("Trunk {place}"), "concurrency": trunk.concurrency,
                "calls_per_second": trunk.calls_per_second, "breaker": { "enabled": false },
            });
            let config = serde_json::from_value(config).expect("a trunk");
            let made = storage::trunks::create(store, enterprise, config, now).await;
            self.trunks.push(made.expect("a trunk").id);
        }
        for (place, line) in self.world.lines.iter().enumerate() {
            let new = storage::trunks::NewCallerId {
                trunk: self.trunks[line.trunk],
                phone: Phone::from_digits(1_000_000_000_000 + place as u64),
                label: String::new(),
                province: line.province.to_owned(),
                city: line.city.to_owned(),
            };
            let made = storage::trunks::create_caller_id(store, enterprise, new, now).await;
            self.lines.push(made.expect("a caller ID").id);
        }
        for period in &self.world.periods {
            let made = storage::periods::create(store, enterprise, period.clone(), now).await;
            self.periods.push(made.expect("a period").id);
        }
        for task in 0..self.world.tasks.len() {
            let config = self.config(&self.world.as_it_is(task));
            let made = storage::tasks::create(&self.store, enterprise, config, now, ACTOR).await;
            self.tasks.push(made.expect("a task").id);
        }
    }

    /// A task's configuration as storage takes it.
    fn config(&self, change: &Change) -> TaskConfig {
        let task = &self.world.tasks[change.task];
        let period = |place: usize| self.periods[place];
        let lines: Vec<CallerIdId> = change.lines.iter().map(|line| self.lines[*line]).collect();
        let windows = change.windows;
        let config = json!({
            "name": format!("Task {}", change.task),
            "concurrency": change.concurrency,
            "calls_per_second": task.calls_per_second,
            "navigation": self.navigation,
            "caller_ids": lines,
            "rotation": change.rotation,
            "redial": change.redial,
            "call_order": change.order,
            "when_done": task.when_done,
            "schedule": {
                "scheduled_start": change.start,
                "scheduled_end": change.end,
                "call_period": windows.call.map(|place| period(usize::from(place) % 2)),
                "do_not_call_period": windows.do_not_call.then(|| period(2)),
                "callee_local_time": windows.callee_local_time,
            },
        });
        serde_json::from_value(config).expect("a configuration")
    }

    async fn step(&mut self, op: &Op) {
        self.world.tick();
        self.apply(op).await;
        crate::sound::check(&self.world);
        self.compare(op);
    }

    async fn apply(&mut self, op: &Op) {
        match op {
            Op::Claim { dispatcher, at_most } => self.claim(*dispatcher, (*at_most).into()).await,
            Op::Begin { call, worker } => self.begin(*call, *worker).await,
            Op::FinishAndGoOn { call, outcome } => self.finish_and_go_on(*call, *outcome).await,
            Op::Finish { call, outcome, twice } => self.finish(*call, *outcome, *twice).await,
            Op::Withdraw { call, minutes } => self.place_no_call(*call, *minutes).await,
            Op::Die(call) => self.die(*call),
            Op::Sweep { record } => self.sweep(*record).await,
            Op::Zombie(call, late) => self.zombie(*call, *late).await,
            Op::LostJobs => self.lost_jobs().await,
            op => self.configure(op).await,
        }
    }
}

/// The code of a refusal, as the model gives it.
fn refused<T>(result: Result<T, StoreError>) -> Result<T, &'static str> {
    result.map_err(|error| match error {
        StoreError::Conflict { code, .. } => code,
        other => panic!("{other}"),
    })
}

/// The codes of what is wrong with an input, in order.
fn faults<T>(result: Result<T, StoreError>) -> Result<(), Vec<String>> {
    match result {
        Ok(_) => Ok(()),
        Err(StoreError::Refused(faults)) => {
            Err(sorted(faults.iter().map(|fault| fault.code.to_string()).collect()))
        }
        Err(other) => panic!("{other}"),
    }
}

fn sorted(mut codes: Vec<String>) -> Vec<String> {
    codes.sort_unstable();
    codes
}
