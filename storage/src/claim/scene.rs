//! What a claim sees: limits, live calls, tasks with their lanes, lines with their room.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::TimeDelta;
use outbound::Time;
use outbound::claim::Line;
use outbound::enterprise::EnterpriseSettings;
use outbound::hours::Hours;
use outbound::ids::{EnterpriseId, TaskId};
use outbound::order::{CallOrder, Lane, LaneClass, Switches, UncalledOrder};
use outbound::task::TaskConfig;
use outbound::trunk::TrunkConfig;
use serde::Deserialize;
use sqlx::PgConnection;
use sqlx::types::{Json, Uuid};

use super::queue::{Cursor, Queue};
use crate::rows::phone;
use crate::{Store, StoreError, lanes};

/// How far ahead INVITEs are planned for trunks and tasks that have calls per second.
const AHEAD: TimeDelta = TimeDelta::seconds(1);
/// A planned INVITE that is further ahead than this was planned by a clock that was set back since. It is ignored.
const AHEAD_MAX: TimeDelta = TimeDelta::seconds(10);

/// Everything that a claim decides by, except the numbers.
pub(super) struct Scene {
    pub enterprise: EnterpriseId,
    pub settings: EnterpriseSettings,
    pub switches: Switches,
    /// Calls that the enterprise may still begin.
    pub free: u32,
    pub trunks: HashMap<Uuid, TrunkRoom>,
    /// Every caller ID of the enterprise. Their room is filled in when it is needed.
    pub lines: Vec<Line>,
    pub tasks: Vec<ClaimTask>,
    /// The time at which an open breaker lets the next probe through.
    pub wake_at: Option<Time>,
    /// A number whose own caller ID has no room was passed over. The queries leave such numbers out from then on.
    pub skip_blocked: bool,
}

/// How many more calls a trunk may take.
#[derive(Debug, Clone)]
pub(super) struct TrunkRoom {
    pub config: Arc<TrunkConfig>,
    pub room: u32,
    /// Its breaker is open, so that the one call that it takes is a probe.
    pub probe: bool,
}

/// A task whose numbers may be dialled.
pub(super) struct ClaimTask {
    pub id: Uuid,
    pub config: TaskConfig,
    pub policy: i64,
    pub navigation: (Uuid, i32),
    pub hours: Arc<Hours>,
    pub live: u32,
    /// How many calls it may claim now by its calls per second.
    paced: u32,
    /// The places of its caller IDs in [`Scene::lines`].
    pub lines: Vec<usize>,
    pub calls: i64,
    pub turned: bool,
    pub queue: Queue,
    running: bool,
    /// No line has room for its numbers: it takes nothing more in this claim.
    pub stopped: bool,
}

#[derive(Debug, Deserialize)]
struct TaskRow {
    id: Uuid,
    state: String,
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

/// Read the scene in one query. `None`: no task may dial.
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
                select t.id, t.state, t.config, t.redial_policy_id as policy,
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
    let up: u32 = live.iter().map(|row| row.live).sum();
    if let Some(lowest) = live.iter().map(|row| row.lowest_slot).min() {
        store.slots.seen(enterprise.uuid(), from, lowest);
    }
    let mut scene = Scene {
        enterprise,
        switches: Switches {
            priorities: settings.predict_call_priority_strategy_gray,
            full_cache: settings.gray_predict_call_use_full_cache,
        },
        free: settings.concurrency_limit.saturating_sub(up),
        settings,
        trunks: HashMap::new(),
        lines: lines(row.callers.map_or_else(Vec::new, |callers| callers.0)),
        tasks: Vec::new(),
        wake_at: None,
        skip_blocked: false,
    };
    scene.add_trunks(row.trunks.map_or_else(Vec::new, |trunks| trunks.0), &live, now);
    let navigations = row.navigations.map_or_else(Vec::new, |navigations| navigations.0);
    let versions = navigations.into_iter().map(|row| (row.id, row.version)).collect();
    scene.add_tasks(tasks, &live, &versions, now)?;
    scene.add_lanes(row.lanes.map_or_else(Vec::new, |lanes| lanes.0))?;
    Ok(Some(scene))
}

fn lines(callers: Vec<CallerRow>) -> Vec<Line> {
    let line = |row: CallerRow| Line {
        caller_id: row.id.into(),
        trunk: row.trunk_id.into(),
        phone: phone(row.phone),
        province: row.province,
        city: row.city,
        room: 0,
    };
    callers.into_iter().map(line).collect()
}

impl Scene {
    fn add_trunks(&mut self, rows: Vec<TrunkRow>, live: &[LiveRow], now: Time) {
        for row in rows {
            let on_it = || live.iter().filter(|live| live.trunk_id == row.id);
            let up: u32 = on_it().map(|live| live.live).sum();
            let ahead: u32 = on_it().map(|live| live.ahead).sum();
            let probing = on_it().any(|live| live.probes > 0);
            let probe = row.breaker != "closed";
            let due = row.breaker_until.is_none_or(|until| until <= now);
            let free = row.config.concurrency.saturating_sub(up);
            let paced = self.paced(row.config.calls_per_second, ahead, row.next_invite_at, now);
            let room = match (row.config.in_service, probe) {
                (false, _) => 0,
                (true, false) => free.min(paced),
                (true, true) => free.min(paced).min(u32::from(due && !probing)),
            };
            if probe && row.config.in_service && !due {
                self.wake_at = [self.wake_at, row.breaker_until].into_iter().flatten().min();
            }
            let config = Arc::new(row.config);
            self.trunks.insert(row.id, TrunkRoom { config, room, probe });
        }
    }

    /// With calls per second, calls for one second are claimed ahead at most. None are while INVITEs are planned
    /// for more than a second ahead.
    fn paced(&mut self, cps: Option<u32>, ahead: u32, next: Option<Time>, now: Time) -> u32 {
        let Some(cps) = cps else { return u32::MAX };
        let from =
            next.map(|next| next - AHEAD).filter(|from| *from > now && *from < now + AHEAD_MAX);
        if from.is_some() {
            self.wake_at = [self.wake_at, from].into_iter().flatten().min();
            return 0;
        }
        cps.saturating_sub(ahead)
    }

    fn add_tasks(
        &mut self,
        rows: Vec<TaskRow>,
        live: &[LiveRow],
        versions: &HashMap<Uuid, i32>,
        now: Time,
    ) -> Result<(), StoreError> {
        for row in rows {
            let id = TaskId::from(row.id);
            let hours =
                row.hours.ok_or_else(|| StoreError::Damaged(format!("{id} has no plan")))?;
            let policy = row
                .policy
                .ok_or_else(|| StoreError::Damaged(format!("{id} has no redial policy")))?;
            if hours.task_closed(now).is_some() {
                continue;
            }
            let navigation = row.config.navigation.uuid();
            let Some(version) = versions.get(&navigation) else {
                tracing::error!(task = %id, "the voice navigation of a running task is not published");
                continue;
            };
            let of_it = || live.iter().filter(|live| live.task_id == row.id);
            let ahead = of_it().map(|live| live.ahead).sum();
            let paced = self.paced(row.config.calls_per_second, ahead, row.next_invite_at, now);
            let place = |caller| self.lines.iter().position(|line| line.caller_id == caller);
            self.tasks.push(ClaimTask {
                id: row.id,
                policy,
                navigation: (navigation, *version),
                hours: Arc::new(hours),
                live: of_it().map(|live| live.live).sum(),
                paced,
                lines: row.config.caller_ids.iter().filter_map(|caller| place(*caller)).collect(),
                calls: row.calls.unwrap_or(0),
                turned: false,
                queue: Queue::default(),
                running: row.state == "running",
                stopped: false,
                config: row.config,
            });
        }
        Ok(())
    }

    fn add_lanes(&mut self, rows: Vec<LaneRow>) -> Result<(), StoreError> {
        let switches = self.switches;
        for row in rows {
            let Some(task) = self.tasks.iter_mut().find(|task| task.id == row.task_id) else {
                continue;
            };
            let class =
                lanes::word(LaneClass::from_word(&row.class), "a lane's class", &row.class)?;
            let lane = Lane {
                id: row.id,
                class,
                round: row.round,
                order: row.call_order,
                order_revision: row.order_revision,
                batch_priority: row.priority,
                batch_started_at: row.started_at,
                random: class == LaneClass::Uncalled
                    && row.call_order.uncalled == UncalledOrder::Random,
            };
            task.queue.add(lane, row.batch_id, row.entered, switches);
        }
        for task in &mut self.tasks {
            task.queue.sort();
        }
        Ok(())
    }

    pub fn load_cursors(&mut self, cursors: &HashMap<i64, Cursor>, plain: bool) {
        for task in &mut self.tasks {
            task.queue.load_cursors(cursors, plain);
        }
    }

    /// Take one slot in every scope for a call of a task on a trunk.
    pub fn occupy(&mut self, task: usize, trunk: Uuid) {
        self.free = self.free.saturating_sub(1);
        if let Some(trunk) = self.trunks.get_mut(&trunk) {
            trunk.room = trunk.room.saturating_sub(1);
        }
        let task = &mut self.tasks[task];
        task.live += 1;
        task.paced = task.paced.saturating_sub(1);
        task.calls += 1;
        task.turned = true;
    }

    /// Whether some trunk has room for fewer calls than these.
    pub fn is_short_of_lines(&self, calls: usize) -> bool {
        self.trunks.values().any(|trunk| trunk.room > 0 && trunk.room as usize <= calls)
    }

    /// Running tasks that have no call up and no number to dial.
    pub fn idle_tasks(&self) -> Vec<TaskId> {
        let idle = |task: &&ClaimTask| task.running && task.live == 0 && task.queue.is_exhausted();
        self.tasks.iter().filter(idle).map(|task| task.id.into()).collect()
    }
}

impl ClaimTask {
    /// How many calls it may begin now. Whether a trunk has room is judged for each number.
    pub fn free(&self, trunks: &HashMap<Uuid, TrunkRoom>) -> u32 {
        let free = self.config.concurrency.saturating_sub(self.live);
        // A task whose trunk failed may make probes only.
        let usable = |room: &&TrunkRoom| self.running || room.probe;
        let lines: u32 = trunks.values().filter(usable).map(|trunk| trunk.room).sum();
        free.min(self.paced).min(lines)
    }

    pub fn may_use(&self, room: &TrunkRoom) -> bool {
        self.running || room.probe
    }
}
