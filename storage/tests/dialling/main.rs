//! The dial path: who is dialled next, within every limit, once, and what becomes of them.
//!
//! Each test has a database of its own. [`Floor`] stands for the processes around it: dispatchers,
//! workers and people, one step at a time, at times that the test says.

#![allow(clippy::unwrap_used, reason = "a test stops where something is missing")]

mod breaker;
mod fences;
mod follow_on;
mod imports;
mod limits;
mod listed;
mod order;
mod phones;
mod redials;
mod soundness;
mod speed;
mod states;
mod transfers;

use std::time::Duration;

use chrono::{NaiveDateTime, TimeDelta};
use outbound::Time;
use outbound::enterprise::EnterpriseSettings;
use outbound::ids::{
    AttemptId, BatchId, CallerIdId, EnterpriseId, ImportId, NavigationId, TaskId, TrunkId,
};
use outbound::import::ImportOptions;
use outbound::outcome::{CallResult, CalledStatus};
use outbound::phone::Phone;
use outbound::redial::After;
use outbound::schedule::instant;
use outbound::task::{TaskConfig, TaskState};
use serde_json::{Value, json};
use sqlx::PgPool;
use storage::attempts::{Begun, ClaimedAttempt, DialOrder, ToBegin, begin_many};
use storage::batches::{InMemory, Landed, Landing, LandingRow, land};
use storage::claim::{Claimed, Claimer};
use storage::finish::{Finished, FinishedAs, finish_many};
use storage::numbers::{Promoted, promote_due};
use storage::{Store, StoreError};

const ZONE: chrono_tz::Tz = chrono_tz::Asia::Shanghai;
const ACTOR: &str = "somebody";
const WORKER: &str = "dialer-1";
const LEASE: Duration = Duration::from_secs(60);
const BUSY: CallResult = CallResult::Unanswered(CalledStatus::Busy);
const NO_ANSWER: CallResult = CallResult::Unanswered(CalledStatus::NoAnswer);
const POWER_OFF: CallResult = CallResult::Unanswered(CalledStatus::PowerOff);
const ANSWERED: CallResult = CallResult::Answered;

/// A time of day of Monday, 2 March 2026, in Shanghai.
fn at(time: &str) -> Time {
    on("2026-03-02", time)
}

fn on(date: &str, time: &str) -> Time {
    let seconds = if time.len() == 5 { ":00" } else { "" };
    let local: NaiveDateTime = format!("{date}T{time}{seconds}").parse().unwrap();
    instant(local, ZONE)
}

/// The wall clock of a time: `10:30`.
fn clock(time: Time) -> String {
    time.with_timezone(&ZONE).format("%H:%M").to_string()
}

/// The `n`th customer.
fn phone(n: u64) -> Phone {
    Phone::from_digits(8_613_800_000_000_u64.wrapping_add(n))
}

/// Of a phone abroad too, whose digits may be fewer.
fn nth(phone: Phone) -> u64 {
    phone.digits().wrapping_sub(8_613_800_000_000)
}

/// A row of an import: a phone, and nothing else.
fn row(n: u64) -> LandingRow {
    LandingRow {
        phone: phone(n),
        priority: 0,
        caller_id: None,
        backups: Vec::new(),
        variables: Default::default(),
        province: String::new(),
        city: String::new(),
    }
}

fn rows(n: std::ops::RangeInclusive<u64>) -> Vec<LandingRow> {
    n.map(row).collect()
}

fn chain(n: u64, backups: &[u64]) -> LandingRow {
    LandingRow { backups: backups.iter().map(|n| phone(*n)).collect(), ..row(n) }
}

/// An enterprise with a line, a caller ID and a published navigation, and who works for it.
struct Floor {
    store: Store,
    pool: PgPool,
    enterprise: EnterpriseId,
    trunk: TrunkId,
    caller: CallerIdId,
    navigation: NavigationId,
    claimer: Claimer,
    claims: u64,
}

/// An attempt that a claim opened.
#[derive(Debug, Clone, Copy)]
struct Call {
    attempt: AttemptId,
    token: i64,
    task: TaskId,
    phone: Phone,
}

impl Floor {
    async fn open(pool: PgPool) -> Self {
        Self::with(pool, json!({})).await
    }

    /// With these settings beside those of a new enterprise.
    async fn with(pool: PgPool, settings: Value) -> Self {
        let store = Store::over(pool.clone());
        let now = at("07:00");
        let mut all = serde_json::to_value(EnterpriseSettings::new(ZONE, 1_000)).unwrap();
        merge(&mut all, settings);
        let settings = serde_json::from_value(all).unwrap();
        let enterprise =
            storage::enterprises::create(&store, "Floor", settings, now).await.unwrap().id;
        let mut floor = Self {
            store,
            pool,
            enterprise,
            trunk: clock::new_id::<TrunkId>(),
            caller: clock::new_id::<CallerIdId>(),
            navigation: clock::new_id::<NavigationId>(),
            claimer: Claimer::new(),
            claims: 0,
        };
        floor.trunk = floor.trunk(json!({ "name": "Line", "concurrency": 1_000 })).await;
        floor.caller = floor.caller_id(floor.trunk, 1, "", "").await;
        floor.publish().await;
        floor
    }

    async fn trunk(&self, config: Value) -> TrunkId {
        let config = serde_json::from_value(config).unwrap();
        storage::trunks::create(&self.store, self.enterprise, config, at("07:00")).await.unwrap().id
    }

    async fn edit_trunk(&self, trunk: TrunkId, change: Value, now: Time) {
        let found = storage::trunks::get(&self.store, self.enterprise, trunk).await.unwrap();
        let mut config = serde_json::to_value(&found.config).unwrap();
        merge(&mut config, change);
        let config = serde_json::from_value(config).unwrap();
        storage::trunks::update(
            &self.store,
            self.enterprise,
            trunk,
            found.version,
            config,
            now,
            ACTOR,
        )
        .await
        .unwrap();
    }

    async fn caller_id(&self, trunk: TrunkId, n: u64, province: &str, city: &str) -> CallerIdId {
        let new = storage::trunks::NewCallerId {
            trunk,
            phone: Phone::from_digits(861_000_000_000 + n),
            label: String::new(),
            province: province.into(),
            city: city.into(),
        };
        let made =
            storage::trunks::create_caller_id(&self.store, self.enterprise, new, at("07:00"));
        made.await.unwrap().id
    }

    async fn publish(&self) {
        self.sql(
            "insert into navigation (id, enterprise_id, name, draft, published_version, created_at)
             values ($1, $2, 'Flow', '{}', 1, now())",
            &[self.navigation.uuid(), self.enterprise.uuid()],
        )
        .await;
        self.sql(
            r#"insert into navigation_version (navigation_id, number, content, published_at)
               values ($1, 1, '{"navigation": {"name": "Flow", "start": "end", "nodes": []},
                                "robots": {}}', now())"#,
            &[self.navigation.uuid()],
        )
        .await;
    }

    async fn sql(&self, sql: &'static str, ids: &[sqlx::types::Uuid]) -> u64 {
        let mut query = sqlx::query(sql);
        for id in ids {
            query = query.bind(*id);
        }
        query.execute(&self.pool).await.unwrap().rows_affected()
    }

    /// A configuration; `change` is merged into it.
    fn config(&self, name: &str, change: Value) -> TaskConfig {
        let mut config = json!({
            "name": name,
            "concurrency": 1_000,
            "navigation": self.navigation,
            "caller_ids": [self.caller],
        });
        merge(&mut config, change);
        serde_json::from_value(config).unwrap()
    }

    async fn task(&self, name: &str, change: Value) -> TaskId {
        let config = self.config(name, change);
        storage::tasks::create(&self.store, self.enterprise, config, at("08:00"), ACTOR)
            .await
            .unwrap()
            .id
    }

    async fn edit(&self, task: TaskId, change: Value, now: Time) {
        let found = self.get(task).await;
        let mut config = serde_json::to_value(&found.config).unwrap();
        merge(&mut config, change);
        let config = serde_json::from_value(config).unwrap();
        storage::tasks::update(
            &self.store,
            self.enterprise,
            task,
            found.version,
            config,
            now,
            ACTOR,
        )
        .await
        .unwrap();
    }

    async fn edit_enterprise(&self, change: Value, now: Time) {
        let found = storage::enterprises::get(&self.store, self.enterprise).await.unwrap();
        let mut settings = serde_json::to_value(&found.settings).unwrap();
        merge(&mut settings, change);
        let settings = serde_json::from_value(settings).unwrap();
        storage::enterprises::update(
            &self.store,
            self.enterprise,
            found.version,
            settings,
            now,
            ACTOR,
        )
        .await
        .unwrap();
    }

    async fn get(&self, task: TaskId) -> storage::tasks::Task {
        storage::tasks::get(&self.store, self.enterprise, task).await.unwrap()
    }

    async fn state(&self, task: TaskId) -> TaskState {
        self.get(task).await.state
    }

    async fn start(&self, task: TaskId, now: Time) {
        storage::tasks::start(&self.store, self.enterprise, task, now, ACTOR).await.unwrap();
    }

    /// A running task with these rows in a batch `first`.
    async fn running(&self, name: &str, change: Value, rows: &[LandingRow]) -> TaskId {
        let task = self.task(name, change).await;
        self.import(task, json!({ "batch_name": "first" }), rows).await;
        self.start(task, at("09:00")).await;
        task
    }

    async fn import(&self, task: TaskId, options: Value, rows: &[LandingRow]) -> Landed {
        self.try_import(task, options, rows).await.unwrap()
    }

    async fn try_import(
        &self,
        task: TaskId,
        options: Value,
        rows: &[LandingRow],
    ) -> Result<Landed, StoreError> {
        let options = import_options(options);
        let (import, token) = self.taken_import(task, &options).await;
        let landing = Landing {
            import,
            token,
            enterprise: self.enterprise,
            task,
            options: &options,
            rows: rows.len() as u64,
            invalid: 0,
            hidden: 0,
            error_key: None,
            actor: ACTOR,
        };
        land(&self.store, landing, &mut InMemory::new(rows), at("08:30")).await
    }

    /// An import that a worker has taken.
    async fn taken_import(&self, task: TaskId, options: &ImportOptions) -> (ImportId, i64) {
        let id = clock::new_id::<ImportId>();
        let new = storage::imports::NewImport {
            id,
            enterprise: self.enterprise,
            task,
            options,
            object_key: "imports/file",
            actor: ACTOR,
        };
        storage::imports::create(&self.store, new, at("08:30")).await.unwrap();
        let token = sqlx::query_scalar::<_, i64>("select token from import where id = $1")
            .bind(id.uuid())
            .fetch_one(&self.pool)
            .await
            .unwrap();
        let taken = storage::imports::take(&self.store, id, token, LEASE).await.unwrap().unwrap();
        (id, taken.token)
    }

    async fn try_claim(&mut self, at_most: u32, now: Time) -> Claimed {
        self.claims += 1;
        let claim = self.claimer.claim(&self.store, self.enterprise, now, at_most, self.claims);
        claim.await.unwrap()
    }

    /// Claim until there is nothing more, or `at_most` are claimed.
    async fn claim(&mut self, at_most: u32, now: Time) -> Vec<Call> {
        let mut calls = Vec::new();
        loop {
            let left = at_most - u32::try_from(calls.len()).unwrap();
            let claimed = self.try_claim(left.max(1), now).await;
            for ClaimedAttempt { attempt, token } in claimed.attempts {
                calls.push(self.call_of(attempt, token).await);
            }
            if !claimed.more || calls.len() >= at_most as usize {
                return calls;
            }
        }
    }

    async fn call_of(&self, attempt: AttemptId, token: i64) -> Call {
        let (task, phone): (sqlx::types::Uuid, i64) =
            sqlx::query_as("select task_id, phone from attempt where id = $1")
                .bind(attempt.uuid())
                .fetch_one(&self.pool)
                .await
                .unwrap();
        Call { attempt, token, task: task.into(), phone: Phone::from_digits(phone.unsigned_abs()) }
    }

    async fn try_begin(&self, worker: &str, calls: &[Call], now: Time) -> Vec<Begun> {
        let items: Vec<_> = calls.iter().map(to_begin).collect();
        begin_many(&self.store, worker, LEASE, now, &items).await.unwrap()
    }

    async fn begin(&self, calls: &[Call], now: Time) -> Vec<DialOrder> {
        self.try_begin(WORKER, calls, now).await.into_iter().map(dials).collect()
    }

    /// Begin again what the worker has begun, and whose INVITE has not left.
    async fn begin_again(&self, call: Call, now: Time) -> Begun {
        let item = ToBegin::again(call.attempt, call.token);
        begin_many(&self.store, WORKER, LEASE, now, &[item]).await.unwrap().remove(0)
    }

    /// Begin and finish calls at one moment, each with this result; they may be begun.
    async fn ring(&self, calls: &[Call], result: CallResult, now: Time) -> Vec<FinishedAs> {
        let items: Vec<_> =
            calls.iter().map(|call| ToBegin::again(call.attempt, call.token)).collect();
        let begun = begin_many(&self.store, WORKER, LEASE, now, &items).await.unwrap();
        let orders: Vec<_> = begun.into_iter().map(dials).collect();
        let finished: Vec<_> =
            orders.iter().map(|order| finished(order, result, now, now)).collect();
        finish_many(&self.store, now, &finished).await.unwrap()
    }

    async fn promote(&self, now: Time) -> Promoted {
        promote_due(&self.store, None, now, 100_000).await.unwrap()
    }

    /// Everything that must hold whatever happened.
    async fn sound(&self) {
        let wrong = sqlx::query_scalar::<_, String>(
            "select format('counter of %s in %s: %s, rows %s', state, batch_id, counted, found) from (
                 select batch_id, state, sum(counted) as counted, sum(found) as found from (
                     select batch_id, state, n as counted, 0 as found from number_count
                     union all
                     select batch_id, state, 0, count(*) from number group by batch_id, state) both_
                  group by batch_id, state) sums where counted <> found
             union all
             select format('calls of %s: %s, records %s', result, counted, found) from (
                 select result, sum(counted) as counted, sum(found) as found from (
                     select task_id, batch_id, hour, result, calls as counted, 0 as found from call_count
                     union all
                     select task_id, batch_id, date_trunc('hour', started_at), result, 0, count(*)
                       from call_record group by 1, 2, 3, 4) both_
                  group by task_id, batch_id, hour, result) sums where counted <> found
             union all
             select format('number %s is %s and stands in %s', seq, state, places) from (
                 select n.seq, n.state,
                        array(select 'ready' from ready where number_id = n.id
                              union all select 'waiting' from waiting where number_id = n.id
                              union all select 'attempt' from attempt where number_id = n.id) as places
                   from number n) stands
              where places <> case state when 'pending' then '{ready}'::text[]
                                         when 'waiting' then '{waiting}'
                                         when 'calling' then '{attempt}' else '{}' end
             union all
             select format('task counts %s numbers, rows %s', t.number_count, count(n.id))
               from task t left join number n on n.task_id = t.id
              group by t.id having t.number_count <> count(n.id)",
        )
        .fetch_all(&self.pool)
        .await
        .unwrap();
        assert_eq!(wrong, Vec::<String>::new());
    }

    /// How many of a task's numbers are in a state.
    async fn count(&self, task: TaskId, state: &str) -> i64 {
        sqlx::query_scalar("select count(*) from number where task_id = $1 and state = $2")
            .bind(task.uuid())
            .bind(state)
            .fetch_one(&self.pool)
            .await
            .unwrap()
    }

    /// When and why the customer's number waits.
    async fn waits(&self, n: u64) -> Option<(Time, String)> {
        sqlx::query_as(
            "select w.due_at, w.reason from waiting w join number n on n.id = w.number_id
              where n.phone = $1",
        )
        .bind(i64::try_from(phone(n).digits()).unwrap())
        .fetch_optional(&self.pool)
        .await
        .unwrap()
    }

    async fn batch(&self, task: TaskId, name: &str) -> BatchId {
        let id: sqlx::types::Uuid = sqlx::query_scalar(
            "select id from batch where task_id = $1 and name = $2 order by id desc limit 1",
        )
        .bind(task.uuid())
        .bind(name)
        .fetch_one(&self.pool)
        .await
        .unwrap();
        id.into()
    }
}

/// For a worker that was just given its job.
fn to_begin(call: &Call) -> ToBegin {
    ToBegin::new(call.attempt, call.token)
}

/// The order of a begin that was allowed.
fn dials(begun: Begun) -> DialOrder {
    match begun {
        Begun::Dial(order) => *order,
        other => panic!("a begin was refused: {other:?}"),
    }
}

fn import_options(options: Value) -> ImportOptions {
    let mut all = json!({ "batch_name": "first", "format": "json" });
    merge(&mut all, options);
    serde_json::from_value(all).unwrap()
}

/// The end of a call.
fn finished(order: &DialOrder, result: CallResult, started_at: Time, ended_at: Time) -> Finished {
    let mut record = order.facts.record(order.attempt, result, started_at, ended_at);
    record.answered_at = (result == CallResult::Answered).then_some(started_at);
    record.intent_tags = vec!["vip".into()];
    Finished::of(order.token, record)
}

/// A merge patch, as the API's.
fn merge(into: &mut Value, patch: Value) {
    match (into, patch) {
        (Value::Object(into), Value::Object(patch)) => {
            for (name, value) in patch {
                merge(into.entry(name).or_insert(Value::Null), value);
            }
        }
        (into, patch) => *into = patch,
    }
}

/// Which customers are called, in order.
fn who(calls: &[Call]) -> Vec<u64> {
    calls.iter().map(|call| nth(call.phone)).collect()
}

fn minutes(n: i64) -> TimeDelta {
    TimeDelta::minutes(n)
}
