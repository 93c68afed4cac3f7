//! An enterprise with a task, and call records to read.

use chrono::{TimeDelta, TimeZone, Utc};
use outbound::Time;
use outbound::ids::{AttemptId, BatchId, EnterpriseId, NavigationId, NumberId, TaskId, TrunkId};
use sqlx::PgPool;
use sqlx::types::Uuid;
use storage::Store;

pub struct World {
    pub store: Store,
    pub pool: PgPool,
    pub enterprise: EnterpriseId,
    pub task: TaskId,
    pub batch: BatchId,
}

/// 2026-11-23 09:00 UTC, a Monday.
pub fn nine() -> Time {
    Utc.with_ymd_and_hms(2026, 11, 23, 9, 0, 0).unwrap()
}

pub fn minutes(n: i64) -> TimeDelta {
    TimeDelta::minutes(n)
}

pub async fn world(pool: PgPool) -> World {
    let (enterprise, task) = enterprise(&pool, "Acme", 365).await;
    let store = Store::over(pool.clone());
    World { store, pool, enterprise, task, batch: clock::new_id::<BatchId>() }
}

pub async fn enterprise(pool: &PgPool, name: &str, keeps_days: u32) -> (EnterpriseId, TaskId) {
    let (enterprise, task) = (clock::new_id::<EnterpriseId>(), clock::new_id::<TaskId>());
    let settings = serde_json::json!({
        "time_zone": "UTC", "concurrency_limit": 10, "record_retention_days": keeps_days,
    });
    sqlx::query("insert into enterprise (id, name, settings, created_at) values ($1, $2, $3, $4)")
        .bind(enterprise.uuid())
        .bind(name)
        .bind(settings)
        .bind(nine())
        .execute(pool)
        .await
        .unwrap();
    sqlx::query(
        "insert into task (id, enterprise_id, name, config, state, created_at)
         values ($1, $2, 'reminders', '{}', 'running', $3)",
    )
    .bind(task.uuid())
    .bind(enterprise.uuid())
    .bind(nine())
    .execute(pool)
    .await
    .unwrap();
    (enterprise, task)
}

/// One call record, with what matters to the test changed.
pub struct Call {
    pub id: AttemptId,
    pub started_at: Time,
    pub result: &'static str,
    pub phone: i64,
    pub turns: i32,
    pub variables: serde_json::Value,
    pub tags: Vec<&'static str>,
}

impl Call {
    pub fn at(started_at: Time) -> Self {
        Self {
            id: clock::new_id::<AttemptId>(),
            started_at,
            result: "answered",
            phone: 8_613_800_000_001,
            turns: 3,
            variables: serde_json::json!({ "customerName": "Ann" }),
            tags: vec![],
        }
    }

    pub fn result(self, result: &'static str) -> Self {
        Self { result, ..self }
    }
}

impl World {
    pub async fn call(&self, call: Call) -> AttemptId {
        self.call_of(self.enterprise, self.task, call).await
    }

    /// A record as a finished attempt leaves it: answered after 10 s, 62.5 s of talk, a conversation.
    pub async fn call_of(&self, enterprise: EnterpriseId, task: TaskId, call: Call) -> AttemptId {
        let answered = call.result == "answered";
        let answered_at = answered.then(|| call.started_at + TimeDelta::seconds(10));
        let ended_at =
            call.started_at + TimeDelta::milliseconds(if answered { 72_500 } else { 30_000 });
        sqlx::query(
            "insert into call_record (id, enterprise_id, task_id, batch_id, number_id, trunk_id,
                 round, chain_index, policy_id, customer_number, customer_number_province,
                 customer_number_city, outbound_number, trunk_name, batch_name, task_name, result,
                 started_at, ringing_at, answered_at, ended_at, robot_entered_at, turns, variables,
                 intent_tags, sip_code, opening_hangup_seconds, hangup_party)
             values ($1, $2, $3, $4, $5, $6, 0, 0, 1, $7, 'Guangdong', 'Shenzhen', 861050000001,
                 'east', 'november', 'reminders', $8, $9, $10, $11, $12, $11, $13, $14, $15, $16,
                 $17, $18)",
        )
        .bind(call.id.uuid())
        .bind(enterprise.uuid())
        .bind(task.uuid())
        .bind(self.batch.uuid())
        .bind(clock::new_id::<NumberId>().uuid())
        .bind(clock::new_id::<TrunkId>().uuid())
        .bind(call.phone)
        .bind(call.result)
        .bind(call.started_at)
        .bind(answered.then(|| call.started_at + TimeDelta::seconds(4)))
        .bind(answered_at)
        .bind(ended_at)
        .bind(if answered { call.turns } else { 0 })
        .bind(&call.variables)
        .bind(call.tags.iter().map(|tag| (*tag).to_owned()).collect::<Vec<_>>())
        .bind((!answered).then_some(486_i16))
        .bind(answered.then_some(2.3_f32))
        .bind(answered.then_some("customer"))
        .execute(&self.pool)
        .await
        .unwrap();
        if answered {
            sqlx::query(
                "insert into conversation (id, started_at, navigation_id, navigation_version,
                     transcript, log)
                 values ($1, $2, $3, 1, '[{\"text\": \"hello\", \"speaker\": \"customer\", \"start_ms\": 0}]', '[]')",
            )
            .bind(call.id.uuid())
            .bind(call.started_at)
            .bind(clock::new_id::<NavigationId>().uuid())
            .execute(&self.pool)
            .await
            .unwrap();
        }
        call.id
    }

    pub async fn recording(&self, attempt: AttemptId, started_at: Time, state: &str) {
        sqlx::query(
            "insert into recording (attempt_id, enterprise_id, task_id, started_at, state, spool,
                 object_key, duration_ms)
             values ($1, $2, $3, $4, $5, 'spool-a', $6, 62500)",
        )
        .bind(attempt.uuid())
        .bind(self.enterprise.uuid())
        .bind(self.task.uuid())
        .bind(started_at)
        .bind(state)
        .bind(format!("recordings/{attempt}.wav"))
        .execute(&self.pool)
        .await
        .unwrap();
    }

    /// What finishing calls would have counted.
    pub async fn count_calls(&self) {
        sqlx::query(
            "insert into call_count (task_id, batch_id, hour, result, calls, talk_ms)
             select task_id, batch_id, date_trunc('hour', started_at, 'UTC'), result, count(*),
                    sum(case when answered_at is null then 0 else 62500 end)
               from call_record group by 1, 2, 3, 4",
        )
        .execute(&self.pool)
        .await
        .unwrap();
    }

    pub async fn number(&self, seq: i64, state: &str) -> NumberId {
        let number = clock::new_id::<NumberId>();
        sqlx::query(
            "insert into number (id, enterprise_id, task_id, batch_id, seq, phone, ord, plain_ord,
                 order_revision, state)
             values ($1, $2, $3, $4, $5, 8613800000000 + $5, $5, $5, 1, $6)",
        )
        .bind(number.uuid())
        .bind(self.enterprise.uuid())
        .bind(self.task.uuid())
        .bind(self.batch.uuid())
        .bind(seq)
        .bind(state)
        .execute(&self.pool)
        .await
        .unwrap();
        number
    }

    pub async fn run(&self, sql: &'static str, id: Uuid) {
        sqlx::query(sql).bind(id).execute(&self.pool).await.unwrap();
    }

    pub async fn one<T>(&self, sql: &'static str) -> T
    where
        T: for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres> + Send + Unpin,
    {
        sqlx::query_scalar(sql).fetch_one(&self.pool).await.unwrap()
    }
}
