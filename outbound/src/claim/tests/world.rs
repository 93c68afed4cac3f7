//! An enterprise in memory, with a claim of its own: it sorts all numbers anew for each slot, and knows nothing of
//! lanes, pages, cursors and passes. It serves an [`Engine`] what that asks for, and then checks each decision.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use chrono::TimeDelta;
use uuid::Uuid;

use super::super::*;
use crate::Time;
use crate::breaker::BreakerState;
use crate::chain::{Chain, ChainPlace};
use crate::enterprise::{EnterpriseSettings, FrequencyCap};
use crate::hours::{CalleeLocalTime, Hours};
use crate::ids::{BatchId, CallerIdId, NavigationId, NumberId, TaskId, TrunkId};
use crate::order::{CallOrder, Class, Lane, LaneClass, RedialOrder, Switches, UncalledOrder, rank};
use crate::phone::Phone;
use crate::redial::RedialPolicy;
use crate::task::{Dials, TaskConfig};
use crate::trunk::TrunkConfig;

pub struct World {
    pub now: Time,
    pub limit: u32,
    pub switches: Switches,
    pub cap: FrequencyCap,
    pub trunks: Vec<Trunk>,
    /// The trunk of each caller ID.
    pub lines: Vec<usize>,
    pub tasks: Vec<Task>,
    pub batches: Vec<Batch>,
    pub numbers: Vec<Number>,
    /// The numbers with a call up, and whether it is a probe.
    pub calls: Vec<Call>,
    pub listed: BTreeSet<u64>,
    pub called_today: HashMap<u64, u32>,
    /// For each lane, how many numbers entered it.
    entered: HashMap<i64, i64>,
    cursors: HashMap<i64, Cursor>,
}

pub struct Trunk {
    pub concurrency: u32,
    /// Calls to people that are up on it.
    pub transfers: u32,
    pub in_service: bool,
    pub open: bool,
}

pub struct Task {
    pub concurrency: u32,
    pub lines: Vec<usize>,
    pub order: CallOrder,
    pub dials: Dials,
    pub calls: i64,
}

pub struct Batch {
    pub task: usize,
    pub priority: u32,
    pub started_at: Option<Time>,
}

#[derive(Debug, Clone)]
pub struct Number {
    pub batch: usize,
    pub class: LaneClass,
    pub round: u16,
    pub priority: u32,
    pub random: u32,
    pub phones: Vec<u64>,
    pub chain_index: u16,
    pub own: Option<usize>,
    pub ready: bool,
}

#[derive(Debug, Clone, Copy)]
pub struct Call {
    pub number: usize,
    pub phone: u64,
    pub line: usize,
    pub probe: bool,
}

fn uuid(place: usize) -> Uuid {
    Uuid::from_u128(place as u128 + 1)
}

fn place(id: Uuid) -> usize {
    usize::try_from(id.as_u128() - 1).unwrap()
}

impl World {
    pub fn new(now: Time, switches: Switches) -> Self {
        Self {
            now,
            limit: 0,
            switches,
            cap: FrequencyCap::default(),
            trunks: Vec::new(),
            lines: Vec::new(),
            tasks: Vec::new(),
            batches: Vec::new(),
            numbers: Vec::new(),
            calls: Vec::new(),
            listed: BTreeSet::new(),
            called_today: HashMap::new(),
            entered: HashMap::new(),
            cursors: HashMap::new(),
        }
    }

    fn task_of(&self, number: usize) -> usize {
        self.batches[self.numbers[number].batch].task
    }

    fn is_random(&self, number: usize) -> bool {
        let order = self.tasks[self.task_of(number)].order;
        self.numbers[number].class == LaneClass::Uncalled && order.uncalled == UncalledOrder::Random
    }

    /// The lane of a number, with the batch that it is of.
    fn lane(&self, number: usize) -> (i64, Option<usize>) {
        let (found, task) = (&self.numbers[number], self.task_of(number));
        let of_batch =
            (found.class != LaneClass::Backup && !self.is_random(number)).then_some(found.batch);
        let class = match found.class {
            LaneClass::Backup => 0,
            LaneClass::Redial => i64::from(found.round),
            LaneClass::Uncalled => 99,
        };
        let batch = of_batch.map_or(0, |batch| batch as i64 + 1);
        ((task as i64 * 100 + batch) * 100 + class, of_batch)
    }

    fn rank(&self, number: usize) -> crate::order::Rank {
        let found = &self.numbers[number];
        let order =
            if self.is_random(number) { UncalledOrder::Random } else { UncalledOrder::Sequential };
        rank(order, found.priority, number as i64, found.random)
    }

    /// A number comes to stand in its lane.
    pub fn enter(&mut self, number: usize) {
        self.numbers[number].ready = true;
        *self.entered.entry(self.lane(number).0).or_default() += 1;
    }

    fn facts(&self) -> SceneFacts {
        let mut settings = EnterpriseSettings::new(chrono_tz::UTC, self.limit);
        settings.predict_call_priority_strategy_gray = self.switches.priorities;
        settings.gray_predict_call_use_full_cache = self.switches.full_cache;
        settings.frequency_cap = self.cap;
        let trunks = self.trunks.iter().enumerate().map(|(id, trunk)| {
            let config = serde_json::json!({
                "name": "line", "concurrency": trunk.concurrency, "in_service": trunk.in_service,
            });
            let config: TrunkConfig = serde_json::from_value(config).unwrap();
            let breaker = if trunk.open { BreakerState::Open } else { BreakerState::Closed };
            let id = TrunkId::from(uuid(id));
            TrunkFacts { id, config, breaker, next_probe_at: None, next_invite_at: None }
        });
        let lines = self.lines.iter().enumerate().map(|(id, trunk)| Line {
            caller_id: CallerIdId::from(uuid(id)),
            trunk: TrunkId::from(uuid(*trunk)),
            phone: Phone::from_digits(861_012_345_678),
            province: String::new(),
            city: String::new(),
            room: 0,
        });
        let tasks = self.tasks.iter().enumerate().map(|(id, task)| {
            let callers: Vec<CallerIdId> =
                task.lines.iter().map(|line| CallerIdId::from(uuid(*line))).collect();
            let config = serde_json::json!({
                "name": "task", "concurrency": task.concurrency,
                "navigation": NavigationId::from(uuid(0)), "caller_ids": callers,
            });
            TaskFacts {
                id: TaskId::from(uuid(id)),
                config: serde_json::from_value::<TaskConfig>(config).unwrap(),
                dials: task.dials,
                hours: Hours {
                    zone: chrono_tz::UTC,
                    call: None,
                    do_not_call: None,
                    callee_local_time: CalleeLocalTime::Off,
                },
                policy: 1,
                navigation_version: 1,
                calls: task.calls,
                next_invite_at: None,
            }
        });
        let mut lanes: HashMap<i64, LaneFacts> = HashMap::new();
        for number in 0..self.numbers.len() {
            let ((id, batch), task) = (self.lane(number), self.task_of(number));
            let of_batch = batch.map(|batch| &self.batches[batch]);
            lanes.entry(id).or_insert_with(|| LaneFacts {
                task: TaskId::from(uuid(task)),
                batch: batch.map(|batch| BatchId::from(uuid(batch))),
                lane: Lane {
                    id,
                    class: self.numbers[number].class,
                    round: self.numbers[number].round,
                    order: self.tasks[task].order,
                    order_revision: 1,
                    batch_priority: of_batch.map_or(0, |batch| batch.priority),
                    batch_started_at: of_batch.and_then(|batch| batch.started_at),
                    random: self.is_random(number),
                },
                entered: self.entered.get(&id).copied().unwrap_or(0),
            });
        }
        let live = self.calls.iter().map(|call| LiveCalls {
            task: TaskId::from(uuid(self.task_of(call.number))),
            trunk: TrunkId::from(uuid(self.lines[call.line])),
            up: 1,
            claimed: 0,
            probes: u32::from(call.probe),
        });
        let transfers = self.trunks.iter().enumerate().map(|(id, trunk)| LiveTransfers {
            trunk: TrunkId::from(uuid(id)),
            up: trunk.transfers,
        });
        SceneFacts {
            settings,
            trunks: trunks.collect(),
            lines: lines.collect(),
            tasks: tasks.collect(),
            lanes: lanes.into_values().collect(),
            live: live.collect(),
            transfers: transfers.collect(),
        }
    }

    /// Run a claim, and check each of its decisions. Gives how many calls it opened.
    pub fn claim(&mut self, at_most: u32, seed: u64) -> usize {
        let mut scene = Scene::new(self.facts(), self.now);
        scene.load_cursors(&self.cursors);
        let mut engine = Engine::new(scene, self.now, at_most, seed);
        loop {
            match engine.step() {
                Step::ReadLanes(asked) => {
                    let rows = asked.pages.iter().flat_map(|page| self.page(&asked, page));
                    let rows = rows.collect();
                    engine.read_lanes(&asked, rows);
                }
                Step::ReadNumbers(asked) => {
                    let facts = self.number_facts(asked.numbers().map(|(id, _)| place(id.uuid())));
                    engine.judge(asked, facts).unwrap();
                }
                Step::Decided => break,
            }
        }
        self.check(&engine, at_most);
        self.cursors.extend(engine.scene().cursors());
        engine.dials().count()
    }

    fn page(&self, asked: &LanesToRead, page: &PageToRead) -> Vec<ReadyNumber> {
        let left_out = |number: &usize| {
            let own = self.numbers[*number].own.map(|own| CallerIdId::from(uuid(own)));
            own.is_some_and(|own| asked.leave_out.contains(&own))
        };
        let mut rows: Vec<_> = (0..self.numbers.len())
            .filter(|number| self.numbers[*number].ready && self.lane(*number).0 == page.lane)
            .filter(|number| !left_out(number))
            .map(|number| {
                let rank = self.rank(number);
                let id = NumberId::from(uuid(number));
                let by = if asked.priorities { rank.ord } else { rank.plain_ord };
                (
                    LanePlace { rank: by, number: id },
                    ReadyNumber { lane: page.lane, number: id, rank },
                )
            })
            .filter(|(at, _)| *at > page.after)
            .collect();
        rows.sort_by_key(|(at, _)| *at);
        rows.into_iter().map(|(_, row)| row).take(page.rows_max as usize).collect()
    }

    fn number_facts(&self, numbers: impl Iterator<Item = usize>) -> Facts {
        let mut facts = Facts::default();
        for number in numbers {
            let found = &self.numbers[number];
            let phones: Vec<Phone> = found.phones.iter().copied().map(Phone::from_digits).collect();
            let listed: Vec<Phone> = self.listed.iter().copied().map(Phone::from_digits).collect();
            let at = ChainPlace {
                round: found.round,
                chain_index: found.chain_index,
                ..ChainPlace::default()
            };
            let backups = phones[1..].iter().copied();
            let chain = Chain::new(phones[0], backups, &[], &listed, at).unwrap();
            let called = phones.iter().filter_map(|phone| {
                let today = *self.called_today.get(&phone.digits())?;
                Some((*phone, PhoneCalls { today, last_started_at: None }))
            });
            facts.calls.extend(called);
            facts.live.extend(phones.iter().filter(|phone| self.is_live(phone.digits())));
            let number_facts = NumberFacts {
                batch: BatchId::from(uuid(found.batch)),
                batch_started: self.batches[found.batch].started_at.is_some(),
                chain,
                policy: Some(Arc::new(RedialPolicy::default())),
                caller: found.own.map(|own| CallerIdId::from(uuid(own))),
                province: String::new(),
                city: String::new(),
            };
            facts.numbers.insert(NumberId::from(uuid(number)), number_facts);
        }
        facts
    }

    fn is_live(&self, phone: u64) -> bool {
        self.calls.iter().any(|call| call.phone == phone)
    }

    /// The best number of a task by SPEC 7, of those that stand ready and were not passed over.
    fn best(&self, task: usize, passed: &BTreeSet<usize>) -> Option<usize> {
        let ready = |number: &usize| {
            self.numbers[*number].ready && self.task_of(*number) == task && !passed.contains(number)
        };
        (0..self.numbers.len()).filter(ready).min_by_key(|number| self.goes_by(*number))
    }

    /// What decides who goes first, in words of SPEC 7: the lowest does.
    fn goes_by(&self, number: usize) -> impl Ord + use<> {
        let (found, task) = (&self.numbers[number], &self.tasks[self.task_of(number)]);
        let batch = &self.batches[found.batch];
        let counts = |priority: u32| Reverse(if self.switches.priorities { priority } else { 0 });
        let started = batch.started_at.filter(|_| !self.switches.full_cache);
        let (batch_priority, own) = (counts(batch.priority), counts(found.priority));
        let class_behind = |class| u8::from(task.order.first != class);
        match found.class {
            LaneClass::Backup => ((0, 0, 0, 0), (0, None), Reverse(0), own, 0, number),
            LaneClass::Redial => {
                let round = match task.order.redial {
                    RedialOrder::Descending => -i32::from(found.round),
                    RedialOrder::Ascending => i32::from(found.round),
                };
                let class = (1, class_behind(Class::Redial), 0, round);
                (class, (1, None), batch_priority, own, 0, number)
            }
            LaneClass::Uncalled => {
                let class = (1, class_behind(Class::Uncalled), 1, 0);
                if task.order.uncalled == UncalledOrder::Random {
                    // Those with a priority first, by it; chance decides among the others.
                    let drawn = if own.0 == 0 { found.random } else { 0 };
                    return (class, (1, None), Reverse(0), own, drawn, number);
                }
                let waits = (u8::from(started.is_none()), started);
                (class, waits, batch_priority, own, 0, number)
            }
        }
    }

    fn up_on(&self, trunk: usize) -> u32 {
        self.calls.iter().filter(|call| self.lines[call.line] == trunk).count() as u32
    }

    fn trunk_room(&self, trunk: usize) -> u32 {
        let found = &self.trunks[trunk];
        let free = found.concurrency.saturating_sub(self.up_on(trunk) + found.transfers);
        let probing = self.calls.iter().any(|call| call.probe && self.lines[call.line] == trunk);
        match (found.in_service, found.open) {
            (false, _) => 0,
            (true, false) => free,
            (true, true) => free.min(u32::from(!probing)),
        }
    }

    fn may_use(&self, task: usize, trunk: usize) -> bool {
        self.tasks[task].dials.allows(self.trunks[trunk].open)
    }

    fn up(&self, task: usize) -> u32 {
        self.calls.iter().filter(|call| self.task_of(call.number) == task).count() as u32
    }

    fn own_room(&self, task: usize) -> u32 {
        self.tasks[task].concurrency.saturating_sub(self.up(task))
    }

    /// The lines that could take a number's call now, in their order.
    fn lines_for(&self, number: usize) -> Vec<usize> {
        let task = self.task_of(number);
        let all = self.numbers[number]
            .own
            .map_or_else(|| self.tasks[task].lines.clone(), |own| vec![own]);
        let open = |line: &usize| {
            self.trunk_room(self.lines[*line]) > 0 && self.may_use(task, self.lines[*line])
        };
        all.into_iter().filter(open).collect()
    }

    /// What must become of a number: the name of a verdict, and the phone that it is about.
    fn judge(&self, number: usize) -> (&'static str, u64) {
        let found = &self.numbers[number];
        let listed = |place: usize| self.listed.contains(&found.phones[place]);
        if listed(0) {
            return ("suppress", 0);
        }
        let mut at = usize::from(found.chain_index);
        if listed(at) {
            if found.class == LaneClass::Backup {
                // Nothing is known of the calls of this round.
                return ("round over", 0);
            }
            let Some(next) = (at..found.phones.len()).find(|place| !listed(*place)) else {
                return ("round over", 0);
            };
            at = next;
        }
        let phone = found.phones[at];
        let called = self.called_today.get(&phone).copied().unwrap_or(0);
        if self.is_live(phone) {
            ("phone busy", phone)
        } else if self.cap.per_day.is_some_and(|most| called >= most) {
            ("capped", phone)
        } else if self.lines_for(number).is_empty() {
            (if found.own.is_some() { "own line full" } else { "lines full" }, phone)
        } else {
            ("dial", phone)
        }
    }

    fn check(&mut self, engine: &Engine, at_most: u32) {
        let mut passed = BTreeSet::new();
        let mut dialled = Vec::new();
        for taken in engine.taken() {
            let number = place(taken.queued.number.uuid());
            let task = place(engine.scene().task(taken.task).id.uuid());
            let mut best = self.best(task, &passed).expect("a number is there");
            while best != number {
                // Left where it stands, as its own line is full.
                let full = self.numbers[best].own.is_some() && self.lines_for(best).is_empty();
                assert!(full, "{best} goes before {number}: {:?}", self.judge(best));
                passed.insert(best);
                best = self.best(task, &passed).expect("a number is there");
            }
            let must = self.judge(number);
            let said = match taken.verdict {
                Verdict::Dial(dial) => ("dial", dial.phone.digits()),
                Verdict::Suppress => ("suppress", 0),
                Verdict::Wait { reason: crate::wait::WaitReason::PhoneBusy, phone, .. } => {
                    ("phone busy", phone.digits())
                }
                Verdict::Wait { phone, .. } => ("capped", phone.digits()),
                Verdict::RoundOver(_) => ("round over", 0),
                Verdict::PassOver => panic!("a number that was passed over was taken"),
            };
            assert_eq!(said, must, "what becomes of {number}: {:?}", self.numbers[number]);
            if let Verdict::Dial(dial) = taken.verdict {
                self.dial(number, dial);
                dialled.push(task);
            }
            self.numbers[number].ready = false;
        }
        assert!(dialled.len() <= at_most as usize, "{} of {at_most}", dialled.len());
        assert!(self.calls.len() <= self.limit as usize || dialled.is_empty(), "the limit of all");
        if !engine.is_more()
            && (self.calls.len() as u32) < self.limit
            && (dialled.len() as u32) < at_most
        {
            self.nothing_is_left(&passed);
        }
        self.is_fair(&dialled, &passed);
    }

    fn dial(&mut self, number: usize, dial: Dial) {
        let (task, batch) = (self.task_of(number), self.numbers[number].batch);
        assert!(self.own_room(task) > 0, "the limit of task {task}");
        let (line, open) = (place(dial.caller.uuid()), self.lines_for(number));
        let in_turn = self.tasks[task].calls.rem_euclid(open.len() as i64);
        assert_eq!(line, open[usize::try_from(in_turn).unwrap()], "whose turn it is of {open:?}");
        assert_eq!(dial.probe, self.trunks[self.lines[line]].open);
        assert_eq!(dial.starts_batch, self.batches[batch].started_at.is_none());
        self.calls.push(Call { number, phone: dial.phone.digits(), line, probe: dial.probe });
        self.tasks[task].calls += 1;
        let at = self.now + TimeDelta::microseconds(i64::from(self.up(task)));
        self.batches[batch].started_at.get_or_insert(at);
        self.numbers[number].chain_index = dial.chain_index;
    }

    /// No number that could be dialled was left, though there is room for it.
    fn nothing_is_left(&self, passed: &BTreeSet<usize>) {
        for task in 0..self.tasks.len() {
            let dials = self.tasks[task].dials != Dials::NoCalls;
            let trunks = (0..self.trunks.len()).filter(|trunk| self.may_use(task, *trunk));
            let room: u32 = trunks.map(|trunk| self.trunk_room(trunk)).sum();
            if !dials || self.own_room(task).min(room) == 0 {
                continue;
            }
            let Some(left) = self.best(task, passed) else { continue };
            // Its line was full when it was its turn, whatever else keeps it now.
            let verdict = self.judge(left).0;
            assert!(self.lines_for(left).is_empty(), "{left} of task {task} was left: {verdict}");
        }
    }

    /// No task got its last slot while another with a lower share of its limit could have had it. A number that
    /// waits for its own line uses up a slot of its task's share, so such tasks are left out.
    fn is_fair(&self, dialled: &[usize], passed: &BTreeSet<usize>) {
        for task in dialled.iter().copied().collect::<BTreeSet<_>>() {
            let last = self.calls.iter().rev().find(|call| self.task_of(call.number) == task);
            let last = last.expect("its call");
            for other in (0..self.tasks.len()).filter(|other| *other != task) {
                if self.tasks[other].dials != Dials::AllCalls || self.own_room(other) == 0 {
                    continue;
                }
                let blocked = |number: &usize| {
                    let found = &self.numbers[*number];
                    found.ready && found.own.is_some() && self.lines_for(*number).is_empty()
                };
                let of_other = |number: &usize| self.task_of(*number) == other;
                if (0..self.numbers.len()).filter(of_other).any(|number| blocked(&number)) {
                    continue;
                }
                let Some(number) = self.best(other, passed) else { continue };
                let uses = match self.numbers[number].own {
                    Some(own) => own == last.line,
                    None => self.tasks[other]
                        .lines
                        .iter()
                        .any(|line| self.lines[*line] == self.lines[last.line]),
                };
                let verdict = self.judge(number).0;
                if !uses || (verdict != "dial" && !verdict.ends_with("full")) {
                    continue;
                }
                let limit = |task: usize| u64::from(self.tasks[task].concurrency);
                let up = |task: usize| u64::from(self.up(task));
                let behind = (up(task) - 1) * limit(other) > up(other) * limit(task);
                assert!(!behind, "task {task} was served before {other}");
            }
        }
    }
}
