//! What is configured: that it is stored as SPEC sections 2 to 5 say, that nothing is changed by what is
//! refused, and that what tasks do by the clock is planned anew when what it derives from is edited.

#![allow(clippy::unwrap_used, reason = "a test stops where something is missing")]

mod access;
mod knowledge;
mod lines;
mod navigations;
mod periods;
mod providers;
mod reach;
mod schedule;
mod tasks;
mod wakeups;
mod workers;

use chrono::NaiveDateTime;
use outbound::Time;
use outbound::enterprise::EnterpriseSettings;
use outbound::ids::{CallerIdId, EnterpriseId, NavigationId, PeriodId, TaskId, TrunkId};
use outbound::period::{PeriodConfig, PeriodKind};
use outbound::schedule::instant;
use outbound::task::TaskConfig;
use sqlx::PgPool;
use storage::{Store, StoreError};

const ZONE: chrono_tz::Tz = chrono_tz::Asia::Shanghai;
const ACTOR: &str = "somebody";

/// A time of day of Monday, 2 March 2026, in Shanghai: `09:00`, or `09:00:30`.
fn at(time: &str) -> Time {
    on("2026-03-02", time)
}

fn on(date: &str, time: &str) -> Time {
    instant(local(date, time), ZONE)
}

fn local(date: &str, time: &str) -> NaiveDateTime {
    let seconds = if time.len() == 5 { ":00" } else { "" };
    format!("{date}T{time}{seconds}").parse().unwrap()
}

/// An enterprise with a line, a caller ID and a published navigation.
struct Office {
    store: Store,
    pool: PgPool,
    enterprise: EnterpriseId,
    trunk: TrunkId,
    caller: CallerIdId,
    navigation: NavigationId,
}

impl Office {
    async fn open(pool: PgPool) -> Self {
        Self::named(pool, "Office").await
    }

    async fn named(pool: PgPool, name: &str) -> Self {
        let store = Store::over(pool.clone());
        let now = at("07:00");
        let settings = EnterpriseSettings::new(ZONE, 100);
        let enterprise =
            storage::enterprises::create(&store, name, settings, now).await.unwrap().id;
        let config = serde_json::json!({ "name": "Line", "concurrency": 50 });
        let config = serde_json::from_value(config).unwrap();
        let trunk = storage::trunks::create(&store, enterprise, config, now).await.unwrap().id;
        let mut office = Self {
            store,
            pool,
            enterprise,
            trunk,
            caller: clock::new_id::<CallerIdId>(),
            navigation: clock::new_id::<NavigationId>(),
        };
        office.caller = office.caller_id(trunk, 861_012_345_678).await;
        office.navigation = office.navigation("Reminder", Some(1)).await;
        office
    }

    async fn caller_id(&self, trunk: TrunkId, digits: u64) -> CallerIdId {
        let new = storage::trunks::NewCallerId {
            trunk,
            phone: outbound::phone::Phone::from_digits(digits),
            label: String::new(),
            province: String::new(),
            city: String::new(),
        };
        let made =
            storage::trunks::create_caller_id(&self.store, self.enterprise, new, at("07:00"));
        made.await.unwrap().id
    }

    /// A navigation's row alone: what is said does not matter here.
    async fn navigation(&self, name: &str, published: Option<i32>) -> NavigationId {
        let id = clock::new_id::<NavigationId>();
        sqlx::query(
            "insert into navigation (id, enterprise_id, name, draft, published_version, created_at)
             values ($1, $2, $3, '{}', $4, $5)",
        )
        .bind(id.uuid())
        .bind(self.enterprise.uuid())
        .bind(name)
        .bind(published)
        .bind(at("07:00"))
        .execute(&self.pool)
        .await
        .unwrap();
        id
    }

    /// A configuration with everything that is not required left out.
    fn config(&self, name: &str) -> TaskConfig {
        serde_json::from_value(serde_json::json!({
            "name": name,
            "concurrency": 10,
            "navigation": self.navigation,
            "caller_ids": [self.caller],
        }))
        .unwrap()
    }

    async fn task(&self, config: TaskConfig) -> storage::tasks::Task {
        storage::tasks::create(&self.store, self.enterprise, config, at("08:00"), ACTOR)
            .await
            .unwrap()
    }

    /// A task that has numbers.
    async fn filled(&self, config: TaskConfig) -> TaskId {
        let task = self.task(config).await.id;
        self.fill(task).await;
        task
    }

    /// Counters as an import leaves them.
    async fn fill(&self, task: TaskId) {
        let batch = clock::new_id::<outbound::ids::BatchId>().uuid();
        sqlx::query(
            "insert into batch (id, enterprise_id, task_id, name, created_at)
             values ($1, $2, $3, 'first', $4)",
        )
        .bind(batch)
        .bind(self.enterprise.uuid())
        .bind(task.uuid())
        .bind(at("08:00"))
        .execute(&self.pool)
        .await
        .unwrap();
        sqlx::query(
            "insert into number_count (batch_id, task_id, state, n) values ($1, $2, 'pending', 3)",
        )
        .bind(batch)
        .bind(task.uuid())
        .execute(&self.pool)
        .await
        .unwrap();
    }

    /// A call of the task that began this moment.
    async fn call(&self, task: TaskId) -> outbound::ids::AttemptId {
        let id = clock::new_id::<outbound::ids::AttemptId>();
        sqlx::query(
            "insert into attempt (id, enterprise_id, task_id, batch_id, number_id, lane_id, trunk_id,
                 caller_id, phone, round, chain_index, policy_id, navigation_id, navigation_version, phase,
                 claimed_at, pushed_at, begun_at, lease_until)
             values ($1, $2, $3, $1, $1, 1, $4, $5, 8613800000001, 0, 0, 1, $6, 1, 'begun',
                 $7, clock_timestamp(), clock_timestamp(), clock_timestamp() + interval '1 minute')",
        )
        .bind(id.uuid())
        .bind(self.enterprise.uuid())
        .bind(task.uuid())
        .bind(self.trunk.uuid())
        .bind(self.caller.uuid())
        .bind(self.navigation.uuid())
        .bind(at("08:00"))
        .execute(&self.pool)
        .await
        .unwrap();
        id
    }

    async fn period(&self, name: &str, kind: PeriodKind, ranges: &[(&str, &str)]) -> PeriodId {
        let config = period(name, kind, ranges);
        let made = storage::periods::create(&self.store, self.enterprise, config, at("07:00"));
        made.await.unwrap().id
    }

    async fn get(&self, task: TaskId) -> storage::tasks::Task {
        storage::tasks::get(&self.store, self.enterprise, task).await.unwrap()
    }

    async fn start(&self, task: TaskId, now: Time) -> storage::tasks::Task {
        storage::tasks::start(&self.store, self.enterprise, task, now, ACTOR).await.unwrap()
    }

    /// Edit a task as it is now.
    async fn edit(
        &self,
        task: TaskId,
        now: Time,
        change: impl FnOnce(&mut TaskConfig),
    ) -> Result<storage::tasks::Task, StoreError> {
        let old = self.get(task).await;
        let mut config = old.config;
        change(&mut config);
        let (store, enterprise) = (&self.store, self.enterprise);
        storage::tasks::update(store, enterprise, task, old.version, config, now, ACTOR).await
    }

    /// The events of a task's history, and the state that each led to.
    async fn history(&self, task: TaskId) -> Vec<String> {
        sqlx::query_scalar(
            "select event || ' ' || state || coalesce(' ' || reason, '') || ' ' || actor
               from task_event where task_id = $1 order by id",
        )
        .bind(task.uuid())
        .fetch_all(&self.pool)
        .await
        .unwrap()
    }

    /// Every value that a limit had.
    async fn limits(&self, scope: &str, id: sqlx::types::Uuid) -> Vec<i32> {
        sqlx::query_scalar(
            "select value from limit_change
              where scope = $1 and scope_id = $2 and what = 'concurrency' order by id",
        )
        .bind(scope)
        .bind(id)
        .fetch_all(&self.pool)
        .await
        .unwrap()
    }

    async fn count(&self, table: &'static str) -> i64 {
        let sql = sqlx::AssertSqlSafe(format!("select count(*) from {table}"));
        sqlx::query_scalar(sql).fetch_one(&self.pool).await.unwrap()
    }
}

fn period(name: &str, kind: PeriodKind, ranges: &[(&str, &str)]) -> PeriodConfig {
    let range = |(start, end): &(&str, &str)| outbound::period::Range {
        start: start.parse().unwrap(),
        end: end.parse().unwrap(),
        weekdays: Vec::new(),
    };
    PeriodConfig {
        name: name.into(),
        kind,
        complement_of: None,
        ranges: ranges.iter().map(range).collect(),
        exceptions: Vec::new(),
    }
}

/// The code of a conflict.
fn conflict<T: std::fmt::Debug>(result: Result<T, StoreError>) -> (&'static str, String) {
    match result {
        Err(StoreError::Conflict { code, detail }) => (code, detail),
        other => panic!("a conflict was expected, not {other:?}"),
    }
}

/// The faults of a refusal, as `pointer code`.
fn faults<T: std::fmt::Debug>(result: Result<T, StoreError>) -> Vec<String> {
    match result {
        Err(StoreError::Refused(faults)) => {
            faults.iter().map(|fault| format!("{} {}", fault.pointer, fault.code)).collect()
        }
        other => panic!("a refusal was expected, not {other:?}"),
    }
}

fn not_found<T: std::fmt::Debug>(result: Result<T, StoreError>) -> bool {
    matches!(result, Err(StoreError::NotFound(_)))
}
