//! What a claim sees before it looks at numbers, read in one query.

use std::collections::HashMap;

use outbound::Time;
use outbound::breaker::BreakerState;
use outbound::claim::{
    LaneFacts, Line, LiveCalls, LiveTransfers, Scene, SceneFacts, TaskFacts, TrunkFacts,
};
use outbound::enterprise::EnterpriseSettings;
use outbound::hours::Hours;
use outbound::ids::{EnterpriseId, TaskId};
use outbound::order::{CallOrder, Lane, LaneClass, UncalledOrder};
use outbound::task::{TaskConfig, TaskState};
use outbound::trunk::TrunkConfig;
use serde::Deserialize;
use sqlx::PgConnection;
use sqlx::types::{Json, Uuid};

use crate::rows::phone;
use crate::{Store, StoreError, lanes};

#[derive(Debug, Deserialize)]
struct TaskRow {
    id: Uuid,
    state: String,
    pause_reason: Option<String>,
    config: TaskConfig,
    policy: Option<i64>,
    hours: Option<Hours>,
    calls: Option<i64>,
    next_invite_at: Option<Time>,
}

#[derive(Debug, Deserialize)]
struct TrunkRow {
    id: Uuid,
    config: TrunkConfig,
    breaker: String,
    breaker_until: Option<Time>,
    next_invite_at: Option<Time>,
}

#[derive(Debug, Deserialize)]
struct CallerRow {
    id: Uuid,
    trunk_id: Uuid,
    phone: i64,
    province: String,
    city: String,
}

#[derive(Debug, Deserialize)]
struct NavigationRow {
    id: Uuid,
    version: i32,
}

#[derive(Debug, Deserialize)]
struct LiveRow {
    task_id: Uuid,
    trunk_id: Uuid,
    live: u32,
    ahead: u32,
    probes: u32,
    lowest_slot: i64,
}

#[derive(Debug, Deserialize)]
struct TransfersRow {
    trunk_id: Uuid,
    up: u32,
}

#[derive(Debug, Deserialize)]
struct LaneRow {
    id: i64,
    task_id: Uuid,
    batch_id: Option<Uuid>,
    class: String,
    round: u16,
    order_revision: i32,
    call_order: CallOrder,
    entered: i64,
    priority: u32,
    started_at: Option<Time>,
}

/// `None`: no task may dial.
///
/// Locks the enterprise, its trunks and the tasks that it reads, for share. So an edit of a limit or a state
/// waits for this claim, and the next claim sees the edit.
pub(super) async fn read(
    store: &Store,
    conn: &mut PgConnection,
    enterprise: EnterpriseId,
    now: Time,
) -> Result<Option<Scene>, StoreError> {
    let from = store.slots.from(enterprise.uuid());
    let row = sqlx::query!(
        r#"select
            (select settings from enterprise where id = $1 for share)
                as "settings: Json<EnterpriseSettings>",
            (select json_agg(x) from (
                select tr.id, tr.config, tr.breaker, tr.breaker_until,
                       (select p.next_invite_at from pace p where p.scope_id = tr.id)
                           as next_invite_at
                  from trunk tr where tr.enterprise_id = $1 order by tr.id for share of tr) x)
                as "trunks: Json<Vec<TrunkRow>>",
            (select json_agg(x) from (
                select t.id, t.state, t.pause_reason, t.config, t.redial_policy_id as policy,
                       (select p.next_invite_at from pace p where p.scope_id = t.id)
                           as next_invite_at,
                       (select p.hours from task_plan p where p.task_id = t.id
                         order by p.id desc limit 1) as hours,
                       (select r.calls from task_rotation r where r.task_id = t.id) as calls
                  from task t
                 where t.enterprise_id = $1 and t.deleted_at is null and t.reorder_to is null
                   and (t.state = 'running' or t.pause_reason = 'trunk_failure')
                 order by t.id for share of t) x)
                as "tasks: Json<Vec<TaskRow>>",
            (select json_agg(x) from (
                select id, trunk_id, phone, province, city from caller_id
                 where enterprise_id = $1 order by id) x)
                as "callers: Json<Vec<CallerRow>>",
            (select json_agg(x) from (
                select id, published_version as version from navigation
                 where enterprise_id = $1 and published_version is not null) x)
                as "navigations: Json<Vec<NavigationRow>>",
            (select json_agg(x) from (
                select task_id, trunk_id, count(*) as live,
                       count(*) filter (where phase = 'claimed') as ahead,
                       count(*) filter (where probe) as probes, min(slot) as lowest_slot
                  from attempt where enterprise_id = $1 and slot >= $2
                 group by task_id, trunk_id) x)
                as "live: Json<Vec<LiveRow>>",
            (select json_agg(x) from (
                select l.trunk_id, count(*) as up
                  from transfer_leg l join attempt a on a.id = l.attempt_id
                 where l.enterprise_id = $1 and l.ended_at is null group by l.trunk_id) x)
                as "transfers: Json<Vec<TransfersRow>>",
            (select json_agg(x) from (
                select l.id, l.task_id, l.batch_id, l.class, l.round, l.order_revision, l.call_order,
                       l.entered, coalesce(b.priority, 0) as priority, b.started_at
                  from task t
                  join lane l on l.task_id = t.id
                  left join batch b on b.id = l.batch_id
                 where t.enterprise_id = $1 and t.deleted_at is null and t.reorder_to is null
                   and (t.state = 'running' or t.pause_reason = 'trunk_failure')) x)
                as "lanes: Json<Vec<LaneRow>>"
        "#,
        enterprise.uuid(),
        from.slot
    )
    .fetch_one(conn)
    .await?;
    let (Some(Json(settings)), Some(Json(tasks))) = (row.settings, row.tasks) else {
        return Ok(None);
    };
    let live = row.live.map_or_else(Vec::new, |live| live.0);
    if let Some(lowest) = live.iter().map(|row| row.lowest_slot).min() {
        store.slots.seen(enterprise.uuid(), from, lowest);
    }
    let navigations = row.navigations.map_or_else(Vec::new, |navigations| navigations.0);
    let versions = navigations.into_iter().map(|row| (row.id, row.version)).collect();
    let facts = SceneFacts {
        settings,
        trunks: gather(row.trunks, TrunkRow::facts)?,
        lines: gather(row.callers, |row| Ok(row.line()))?,
        tasks: task_facts(tasks, &versions)?,
        lanes: gather(row.lanes, LaneRow::facts)?,
        live: live.iter().map(LiveRow::calls).collect(),
        transfers: gather(row.transfers, |row| {
            Ok(LiveTransfers { trunk: row.trunk_id.into(), up: row.up })
        })?,
    };
    Ok(Some(Scene::new(facts, now)))
}

fn gather<Row, Facts>(
    rows: Option<Json<Vec<Row>>>,
    facts: impl Fn(Row) -> Result<Facts, StoreError>,
) -> Result<Vec<Facts>, StoreError> {
    rows.map_or_else(Vec::new, |rows| rows.0).into_iter().map(facts).collect()
}

fn task_facts(
    rows: Vec<TaskRow>,
    versions: &HashMap<Uuid, i32>,
) -> Result<Vec<TaskFacts>, StoreError> {
    let mut facts = Vec::with_capacity(rows.len());
    for row in rows {
        let id = TaskId::from(row.id);
        let damaged = |what: &str| StoreError::Damaged(format!("{id} has no {what}"));
        let state = TaskState::from_words(&row.state, row.pause_reason.as_deref());
        let Some(version) = versions.get(&row.config.navigation.uuid()) else {
            tracing::error!(task = %id, "the voice navigation of a running task is not published");
            continue;
        };
        facts.push(TaskFacts {
            id,
            dials: state.ok_or_else(|| damaged("known state"))?.dials(),
            hours: row.hours.ok_or_else(|| damaged("plan"))?,
            policy: row.policy.ok_or_else(|| damaged("redial policy"))?,
            navigation_version: *version,
            calls: row.calls.unwrap_or(0),
            next_invite_at: row.next_invite_at,
            config: row.config,
        });
    }
    Ok(facts)
}

impl TrunkRow {
    fn facts(self) -> Result<TrunkFacts, StoreError> {
        let breaker = BreakerState::from_word(&self.breaker);
        Ok(TrunkFacts {
            id: self.id.into(),
            breaker: lanes::word(breaker, "a breaker", &self.breaker)?,
            next_probe_at: self.breaker_until,
            next_invite_at: self.next_invite_at,
            config: self.config,
        })
    }
}

impl CallerRow {
    fn line(self) -> Line {
        Line {
            caller_id: self.id.into(),
            trunk: self.trunk_id.into(),
            phone: phone(self.phone),
            province: self.province,
            city: self.city,
            room: 0,
        }
    }
}

impl LiveRow {
    fn calls(&self) -> LiveCalls {
        LiveCalls {
            task: self.task_id.into(),
            trunk: self.trunk_id.into(),
            up: self.live,
            claimed: self.ahead,
            probes: self.probes,
        }
    }
}

impl LaneRow {
    fn facts(self) -> Result<LaneFacts, StoreError> {
        let class = lanes::word(LaneClass::from_word(&self.class), "a lane's class", &self.class)?;
        let lane = Lane {
            id: self.id,
            class,
            round: self.round,
            order: self.call_order,
            order_revision: self.order_revision,
            batch_priority: self.priority,
            batch_started_at: self.started_at,
            random: class == LaneClass::Uncalled
                && self.call_order.uncalled == UncalledOrder::Random,
        };
        Ok(LaneFacts {
            task: self.task_id.into(),
            batch: self.batch_id.map(Into::into),
            lane,
            entered: self.entered,
        })
    }
}
