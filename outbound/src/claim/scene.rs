//! What a claim sees: limits, live calls, lines with their room, tasks with their queues.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::line::Line;
use super::queue::{Cursor, LaneFacts, Queue};
use super::share::{TaskRoom, share_out};
use crate::Time;
use crate::breaker::{BreakerState, Passes, passes};
use crate::enterprise::EnterpriseSettings;
use crate::hours::Hours;
use crate::ids::{BatchId, CallerIdId, NavigationId, TaskId, TrunkId};
use crate::order::Switches;
use crate::pace::claimable;
use crate::task::{Dials, TaskConfig};
use crate::trunk::TrunkConfig;

/// What must be known before a claim looks at numbers.
#[derive(Debug, Clone)]
pub struct SceneFacts {
    pub settings: EnterpriseSettings,
    pub trunks: Vec<TrunkFacts>,
    /// Every caller ID of the enterprise. Their room is worked out here.
    pub lines: Vec<Line>,
    pub tasks: Vec<TaskFacts>,
    pub lanes: Vec<LaneFacts>,
    pub live: Vec<LiveCalls>,
    /// Calls to people, for customers who are transferred. They take slots of their trunk, and of nothing else.
    pub transfers: Vec<LiveTransfers>,
}

/// Calls to people that are up on a trunk.
#[derive(Debug, Clone, Copy)]
pub struct LiveTransfers {
    pub trunk: TrunkId,
    pub up: u32,
}

#[derive(Debug, Clone)]
pub struct TrunkFacts {
    pub id: TrunkId,
    pub config: TrunkConfig,
    pub breaker: BreakerState,
    pub next_probe_at: Option<Time>,
    pub next_invite_at: Option<Time>,
}

#[derive(Debug, Clone)]
pub struct TaskFacts {
    pub id: TaskId,
    pub config: TaskConfig,
    /// Which of its calls may begin, by its state.
    pub dials: Dials,
    pub hours: Hours,
    /// The redial policy that is in force for it now.
    pub policy: i64,
    /// The published version of its voice navigation.
    pub navigation_version: i32,
    /// Calls that it has claimed so far. Caller IDs take turns by it.
    pub calls: i64,
    pub next_invite_at: Option<Time>,
}

/// Calls that a task has up on a trunk.
#[derive(Debug, Clone, Copy)]
pub struct LiveCalls {
    pub task: TaskId,
    pub trunk: TrunkId,
    pub up: u32,
    /// Those of them that are claimed and not begun.
    pub claimed: u32,
    pub probes: u32,
}

/// Everything that a claim decides by, except the numbers.
#[derive(Debug)]
pub struct Scene {
    pub(super) settings: EnterpriseSettings,
    pub(super) switches: Switches,
    /// Calls that the enterprise may still begin.
    pub(super) free: u32,
    trunks: HashMap<TrunkId, TrunkRoom>,
    pub(super) lines: Vec<Line>,
    pub(super) tasks: Vec<ClaimTask>,
    wake_at: Option<Time>,
    /// A number whose own caller ID has no room was passed over. Such numbers are not read any more.
    pub(super) leaves_out_blocked: bool,
    /// Batches that this claim starts.
    pub(super) started: HashSet<BatchId>,
}

/// How many more calls a trunk may take.
#[derive(Debug, Clone)]
pub struct TrunkRoom {
    pub config: Arc<TrunkConfig>,
    pub room: u32,
    /// Its breaker is open, so that the one call that it takes is a probe.
    pub probe: bool,
}

/// A task whose numbers may be dialled.
#[derive(Debug)]
pub struct ClaimTask {
    pub id: TaskId,
    pub config: TaskConfig,
    pub policy: i64,
    pub navigation: (NavigationId, i32),
    pub hours: Arc<Hours>,
    /// The places of its caller IDs in the scene's lines.
    pub(super) lines: Vec<usize>,
    pub(super) live: u32,
    pub(super) calls: i64,
    /// This claim took calls of it, so that `calls` changed.
    has_claimed: bool,
    /// How many calls it may claim now by its calls per second.
    paced: u32,
    dials: Dials,
    pub(super) queue: Queue,
    /// No line has room for its numbers: it takes nothing more in this claim.
    pub(super) stopped: bool,
}

impl Scene {
    /// Tasks that may not dial now are left out: by their hours, or by their state.
    pub fn new(facts: SceneFacts, now: Time) -> Self {
        let SceneFacts { settings, trunks, lines, tasks, lanes, live, transfers } = facts;
        let up: u32 = live.iter().map(|live| live.up).sum();
        let mut scene = Self {
            switches: Switches {
                priorities: settings.predict_call_priority_strategy_gray,
                full_cache: settings.gray_predict_call_use_full_cache,
            },
            free: settings.concurrency_limit.saturating_sub(up),
            settings,
            trunks: HashMap::new(),
            lines,
            tasks: Vec::new(),
            wake_at: None,
            leaves_out_blocked: false,
            started: HashSet::new(),
        };
        for trunk in trunks {
            scene.add_trunk(trunk, &live, &transfers, now);
        }
        for task in tasks {
            scene.add_task(task, &live, now);
        }
        scene.add_lanes(lanes);
        scene
    }

    fn add_trunk(
        &mut self,
        facts: TrunkFacts,
        live: &[LiveCalls],
        transfers: &[LiveTransfers],
        now: Time,
    ) {
        let on_it = || live.iter().filter(|live| live.trunk == facts.id);
        let to_people = transfers.iter().filter(|transfers| transfers.trunk == facts.id);
        let to_people: u32 = to_people.map(|transfers| transfers.up).sum();
        let up = on_it().map(|live| live.up).sum::<u32>() + to_people;
        let paced = self.paced(
            facts.config.calls_per_second,
            on_it().map(|live| live.claimed).sum(),
            facts.next_invite_at,
            now,
        );
        let probing = on_it().any(|live| live.probes > 0);
        let free = facts.config.concurrency.saturating_sub(up).min(paced);
        let room = match passes(facts.breaker, facts.next_probe_at, probing, now) {
            _ if !facts.config.in_service => 0,
            Passes::Calls => free,
            Passes::OneProbe => free.min(1),
            Passes::Nothing { until } => {
                self.wake_at(until);
                0
            }
        };
        let probe = facts.breaker == BreakerState::Open;
        self.trunks.insert(facts.id, TrunkRoom { config: Arc::new(facts.config), room, probe });
    }

    fn add_task(&mut self, facts: TaskFacts, live: &[LiveCalls], now: Time) {
        if facts.dials == Dials::NoCalls || facts.hours.task_closed(now).is_some() {
            return;
        }
        let of_it = || live.iter().filter(|live| live.task == facts.id);
        let claimed = of_it().map(|live| live.claimed).sum();
        let paced = self.paced(facts.config.calls_per_second, claimed, facts.next_invite_at, now);
        let place = |caller| self.lines.iter().position(|line| line.caller_id == caller);
        let task = ClaimTask {
            id: facts.id,
            policy: facts.policy,
            navigation: (facts.config.navigation, facts.navigation_version),
            hours: Arc::new(facts.hours),
            lines: facts.config.caller_ids.iter().filter_map(|caller| place(*caller)).collect(),
            live: of_it().map(|live| live.up).sum(),
            calls: facts.calls,
            has_claimed: false,
            paced,
            dials: facts.dials,
            queue: Queue::default(),
            stopped: false,
            config: facts.config,
        };
        self.tasks.push(task);
    }

    fn add_lanes(&mut self, lanes: Vec<LaneFacts>) {
        for facts in lanes {
            if let Some(task) = self.tasks.iter_mut().find(|task| task.id == facts.task) {
                task.queue.add(facts, self.switches);
            }
        }
        for task in &mut self.tasks {
            task.queue.sort();
        }
    }

    fn paced(&mut self, rate: Option<u32>, claimed: u32, next: Option<Time>, now: Time) -> u32 {
        let claimable = claimable(rate, claimed, next, now);
        self.wake_at(claimable.from);
        claimable.calls
    }

    fn wake_at(&mut self, at: Option<Time>) {
        self.wake_at = [self.wake_at, at].into_iter().flatten().min();
    }

    /// Start where earlier claims got to in each lane.
    pub fn load_cursors(&mut self, cursors: &HashMap<i64, Cursor>) {
        let switches = self.switches;
        for task in &mut self.tasks {
            task.queue.load_cursors(cursors, switches);
        }
    }

    /// Where this claim got to in each lane. It holds once the claim is committed: until then the numbers are
    /// still in their lanes.
    pub fn cursors(&self) -> impl Iterator<Item = (i64, Cursor)> + '_ {
        self.tasks.iter().flat_map(|task| task.queue.cursors(self.switches))
    }

    /// Claim again at this time: by calls per second, or as an open breaker lets a probe through then.
    pub const fn next_claim_at(&self) -> Option<Time> {
        self.wake_at
    }

    /// Some trunk's breaker is open.
    pub fn is_probing(&self) -> bool {
        self.trunks.values().any(|trunk| trunk.probe)
    }

    pub fn settings(&self) -> &EnterpriseSettings {
        &self.settings
    }

    pub fn trunk(&self, trunk: TrunkId) -> Option<&TrunkRoom> {
        self.trunks.get(&trunk)
    }

    pub fn line(&self, caller: CallerIdId) -> Option<&Line> {
        self.lines.iter().find(|line| line.caller_id == caller)
    }

    /// A task by its place in the scene.
    pub fn task(&self, place: usize) -> &ClaimTask {
        &self.tasks[place]
    }

    /// Running tasks that have no call up and no number to dial.
    pub fn idle_tasks(&self) -> Vec<TaskId> {
        let idle = |task: &&ClaimTask| {
            task.dials == Dials::AllCalls && task.live == 0 && task.queue.is_exhausted()
        };
        self.tasks.iter().filter(idle).map(|task| task.id).collect()
    }

    /// For each task with caller IDs that take turns, and calls in this claim: how many calls it has claimed so far.
    pub fn rotations(&self) -> impl Iterator<Item = (TaskId, i64)> + '_ {
        let turned = self.tasks.iter().filter(|task| task.has_claimed && task.lines.len() > 1);
        turned.map(|task| (task.id, task.calls))
    }

    /// How many numbers each task may take now, of `left` slots. Tasks with nothing to take are left out.
    pub(super) fn wants(&self, left: u32) -> BTreeMap<usize, u32> {
        let tasks = self.tasks.iter().enumerate();
        let rooms: Vec<TaskRoom<usize>> = tasks
            .filter(|(_, task)| !task.stopped && !task.queue.is_spent())
            .map(|(place, task)| TaskRoom {
                task: place,
                free: self.room(task),
                live: task.live,
                limit: task.config.concurrency,
            })
            .collect();
        share_out(left, &rooms).into_iter().collect()
    }

    /// How many calls a task may begin now. Whether a line has room is judged for each number.
    fn room(&self, task: &ClaimTask) -> u32 {
        let usable = self.trunks.values().filter(|trunk| task.may_use(trunk));
        let lines: u32 = usable.map(|trunk| trunk.room).sum();
        task.config.concurrency.saturating_sub(task.live).min(task.paced).min(lines)
    }

    /// The calls that a line may take for a task.
    pub(super) fn line_room(&self, task: usize, line: &Line) -> u32 {
        let trunk = self.trunks.get(&line.trunk).filter(|trunk| self.tasks[task].may_use(trunk));
        trunk.map_or(0, |trunk| trunk.room)
    }

    /// Take one slot in every scope for a call of a task on a trunk.
    pub(super) fn occupy(&mut self, task: usize, trunk: TrunkId) {
        self.free = self.free.saturating_sub(1);
        if let Some(trunk) = self.trunks.get_mut(&trunk) {
            trunk.room = trunk.room.saturating_sub(1);
        }
        let task = &mut self.tasks[task];
        task.live += 1;
        task.paced = task.paced.saturating_sub(1);
        task.calls += 1;
        task.has_claimed = true;
    }

    /// Whether some trunk has room for fewer calls than these.
    pub(super) fn is_short_of_lines(&self, calls: usize) -> bool {
        self.trunks.values().any(|trunk| trunk.room > 0 && trunk.room as usize <= calls)
    }

    /// Caller IDs whose trunk has no room for a call.
    pub(super) fn blocked_callers(&self) -> Vec<CallerIdId> {
        let full = |trunk| self.trunks.get(&trunk).is_none_or(|trunk| trunk.room == 0);
        let blocked = self.lines.iter().filter(|line| full(line.trunk));
        blocked.map(|line| line.caller_id).collect()
    }
}

impl ClaimTask {
    /// Whether a call must wait for its pace, by calls per second of this task or of the trunk.
    pub fn is_paced_on(&self, trunk: &TrunkConfig) -> bool {
        self.config.calls_per_second.or(trunk.calls_per_second).is_some()
    }

    fn may_use(&self, trunk: &TrunkRoom) -> bool {
        match self.dials {
            Dials::AllCalls => true,
            Dials::ProbesOnly => trunk.probe,
            Dials::NoCalls => false,
        }
    }
}
