//! The model world: one enterprise in memory, with everything that SPEC 3, 4, 5, 7, 8 and 9 say of it.
//!
//! It decides by the rules of `outbound` (each checked on the spot, see [`crate::rules`]) and keeps the
//! books plainly: no queue, no cursor, no lock. What is true of the whole afterwards is checked by
//! [`crate::sound`].

pub mod calls;
pub mod claim;
pub mod configure;
pub mod edits;
pub mod imports;
pub mod judge;
pub mod numbers;
pub mod room;
pub mod tasks;

use std::collections::BTreeMap;

use chrono::{NaiveDateTime, TimeDelta};
use outbound::Time;
use outbound::enterprise::EnterpriseSettings;
use outbound::hours::Hours;
use outbound::number::NumberState;
use outbound::order::{CallOrder, LaneClass, Switches};
use outbound::outcome::{CallResult, CalledStatus};
use outbound::period::PeriodConfig;
use outbound::redial::RedialPolicy;
use outbound::task::{Rotation, TaskState, WhenDone};

use crate::furniture::place_of;
use crate::op::{Plan, Setup, Windows};
use crate::rules::hours;

/// Everything there is. Things are named by their places in these lists, and never leave them.
#[derive(Debug)]
pub struct World {
    pub now: Time,
    pub settings: EnterpriseSettings,
    pub trunks: Vec<Trunk>,
    pub lines: Vec<Line>,
    /// Two call periods and a do-not-call period.
    pub periods: Vec<PeriodConfig>,
    pub tasks: Vec<Task>,
    pub batches: Vec<Batch>,
    pub numbers: Vec<Number>,
    pub policies: Vec<RedialPolicy>,
    /// The do-not-call list, with the times at which entries expire.
    pub forbidden: BTreeMap<u8, Option<Time>>,
    /// Live attempts, in the order of their claims.
    pub calls: Vec<Call>,
    pub records: Vec<Record>,
    /// Attempts that are over, with their last tokens.
    pub over: Vec<Call>,
    /// INVITEs, for calls per second.
    pub invites: Vec<Invite>,
    claims: u64,
}

#[derive(Debug)]
pub struct Trunk {
    pub concurrency: u32,
    pub calls_per_second: Option<u32>,
    pub in_service: bool,
    pub next_invite_at: Option<Time>,
}

/// A caller ID.
#[derive(Debug)]
pub struct Line {
    pub trunk: usize,
    pub province: &'static str,
    pub city: &'static str,
}

#[derive(Debug)]
pub struct Task {
    pub concurrency: u32,
    pub calls_per_second: Option<u32>,
    pub next_invite_at: Option<Time>,
    pub windows: Windows,
    pub scheduled_start: Option<NaiveDateTime>,
    pub scheduled_end: Option<NaiveDateTime>,
    pub policy: usize,
    pub order: CallOrder,
    pub revision: i32,
    pub lines: Vec<usize>,
    pub rotation: Rotation,
    pub when_done: WhenDone,
    pub state: TaskState,
    /// The windows in force.
    pub plan: hours::Plan,
    pub start_at: Option<Time>,
    pub end_at: Option<Time>,
    pub edge_at: Option<Time>,
    /// Calls, for taking turns among caller IDs.
    pub turns: i64,
    pub next_seq: i64,
}

#[derive(Debug)]
pub struct Batch {
    pub task: usize,
    pub name: u8,
    pub priority: u32,
    pub started_at: Option<Time>,
    pub deleted: bool,
}

#[derive(Debug)]
pub struct Number {
    pub task: usize,
    pub batch: usize,
    pub seq: i64,
    /// Its own, then its backups.
    pub phones: Vec<u8>,
    pub priority: u32,
    pub line: Option<usize>,
    pub order: CallOrder,
    pub revision: i32,
    pub random: u32,
    /// The queue that it stands in, waits for, or was taken from.
    pub class: LaneClass,
    pub round: u16,
    pub chain_index: usize,
    pub statuses: Vec<Option<CalledStatus>>,
    pub refusals: u16,
    pub first_called_at: Option<Time>,
    pub round_called_at: Option<Time>,
    pub last_called_at: Option<Time>,
    pub policy: Option<usize>,
    pub stands: Stands,
}

/// Where a number stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stands {
    Ready,
    Waiting { due: Time, why: Why, put_off: bool },
    Calling,
    Ended(NumberState),
    Deleted,
}

/// What a number waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    Redial,
    PhoneBusy(u8),
    FrequencyCap,
    CalleeWindow,
    TrunkRefused,
}

impl Why {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Redial => "redial",
            Self::PhoneBusy(_) => "phone_busy",
            Self::FrequencyCap => "frequency_cap",
            Self::CalleeWindow => "callee_window",
            Self::TrunkRefused => "trunk_refused",
        }
    }
}

/// A live attempt.
#[derive(Debug, Clone)]
pub struct Call {
    /// Rises with every claim.
    pub id: u64,
    pub number: usize,
    pub task: usize,
    pub phone: u8,
    pub round: u16,
    pub chain_index: usize,
    pub policy: usize,
    pub line: usize,
    pub trunk: usize,
    pub token: i64,
    pub begun: Option<Begun>,
    pub lease_over: bool,
}

/// Who began an attempt, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Begun {
    pub by: Holder,
    pub at: Time,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    Worker(u8),
    /// The sweep that records a lost call.
    Sweep,
}

/// A call that ended.
#[derive(Debug, Clone)]
pub struct Record {
    pub id: u64,
    pub number: usize,
    pub phone: u8,
    pub round: u16,
    pub chain_index: usize,
    pub policy: usize,
    pub result: CallResult,
    pub cause: &'static str,
    /// The line turned it down, and nobody was called.
    pub uncounted: bool,
    pub started_at: Time,
    pub ended_at: Time,
}

#[derive(Debug, Clone, Copy)]
pub struct Invite {
    pub at: Time,
    pub trunk: usize,
    pub task: usize,
}

impl World {
    pub fn new(setup: &Setup) -> Self {
        let now = setup.start();
        let trunk = |(concurrency, calls_per_second): &(u32, Option<u32>)| Trunk {
            concurrency: *concurrency,
            calls_per_second: *calls_per_second,
            in_service: true,
            next_invite_at: None,
        };
        let trunks: Vec<Trunk> = setup.trunks.iter().map(trunk).collect();
        let of_trunks = (0..trunks.len()).chain([0]).enumerate();
        let lines = of_trunks.map(|(n, trunk)| {
            let (province, city) = place_of(u8::try_from(n).expect("few lines"));
            Line { trunk, province, city }
        });
        let mut world = Self {
            now,
            settings: EnterpriseSettings::new(setup.place.zone(), setup.limit),
            lines: lines.collect(),
            trunks,
            periods: setup.periods(),
            tasks: Vec::new(),
            batches: Vec::new(),
            numbers: Vec::new(),
            policies: Vec::new(),
            forbidden: BTreeMap::new(),
            calls: Vec::new(),
            records: Vec::new(),
            over: Vec::new(),
            invites: Vec::new(),
            claims: 0,
        };
        for plan in &setup.tasks {
            world.add_task(plan);
        }
        world
    }

    fn add_task(&mut self, plan: &Plan) {
        // A plan that would be refused begins without windows.
        let hours = self.hours_of(plan.windows);
        let fits = hours::check(&hours).is_empty();
        let windows = if fits { plan.windows } else { Windows::default() };
        self.policies.push(plan.redial.clone());
        self.tasks.push(Task {
            concurrency: plan.concurrency.min(self.settings.concurrency_limit),
            calls_per_second: plan.calls_per_second,
            next_invite_at: None,
            windows,
            scheduled_start: None,
            scheduled_end: None,
            policy: self.policies.len() - 1,
            order: plan.order,
            revision: 1,
            lines: self.lines_of(plan.lines),
            rotation: plan.rotation,
            when_done: plan.when_done,
            state: TaskState::Initial,
            plan: hours::Plan::new(self.hours_of(windows)),
            start_at: None,
            end_at: None,
            edge_at: None,
            turns: 0,
            next_seq: 1,
        });
    }

    /// The windows that a task with these periods keeps to.
    pub fn hours_of(&self, windows: Windows) -> Hours {
        Hours {
            zone: self.settings.time_zone,
            call: windows.call.map(|place| self.periods[usize::from(place) % 2].clone()),
            do_not_call: windows.do_not_call.then(|| self.periods[2].clone()),
            callee_local_time: windows.callee_local_time,
        }
    }

    /// The caller IDs that the bits name; at least one.
    pub fn lines_of(&self, bits: u8) -> Vec<usize> {
        let named: Vec<usize> =
            (0..self.lines.len()).filter(|line| bits & (1 << line) != 0).collect();
        if named.is_empty() { vec![0] } else { named }
    }

    pub fn switches(&self) -> Switches {
        Switches {
            priorities: self.settings.predict_call_priority_strategy_gray,
            full_cache: self.settings.gray_predict_call_use_full_cache,
        }
    }

    /// Whether a phone is on the do-not-call list.
    pub fn is_forbidden(&self, phone: u8) -> bool {
        let expires = self.forbidden.get(&phone);
        expires.is_some_and(|expires| expires.is_none_or(|at| at > self.now))
    }

    /// The number's batch is started, or not.
    pub fn batch_of(&self, number: usize) -> &Batch {
        &self.batches[self.numbers[number].batch]
    }

    pub fn numbers_of(&self, task: usize) -> impl Iterator<Item = usize> {
        let of_it = move |number: &usize| {
            let number = &self.numbers[*number];
            number.task == task && number.stands != Stands::Deleted
        };
        (0..self.numbers.len()).filter(of_it)
    }

    pub fn tick(&mut self) {
        self.now += TimeDelta::seconds(1);
    }

    // What the small numbers of operations stand for.

    pub fn task(&self, n: u8) -> usize {
        usize::from(n) % self.tasks.len()
    }

    pub fn call(&self, n: u8) -> Option<usize> {
        (!self.calls.is_empty()).then(|| usize::from(n) % self.calls.len())
    }

    pub fn number(&self, n: u8) -> Option<usize> {
        let there = |number: &usize| self.numbers[*number].stands != Stands::Deleted;
        let all: Vec<usize> = (0..self.numbers.len()).filter(there).collect();
        (!all.is_empty()).then(|| all[usize::from(n) % all.len()])
    }

    pub fn batch(&self, n: u8) -> Option<usize> {
        let there = |batch: &usize| !self.batches[*batch].deleted;
        let all: Vec<usize> = (0..self.batches.len()).filter(there).collect();
        (!all.is_empty()).then(|| all[usize::from(n) % all.len()])
    }
}
