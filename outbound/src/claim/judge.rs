//! May this number be dialled now, and on which line; if not, what becomes of it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use chrono::TimeDelta;

use super::frequency::{PhoneCalls, frequency_wait};
use super::line::{Line, LineChoice, pick_line};
use super::queue::QueuedNumber;
use super::scene::Scene;
use crate::Time;
use crate::chain::Chain;
use crate::ids::{BatchId, CallerIdId, NumberId, TrunkId};
use crate::number::NumberState;
use crate::order::LaneClass;
use crate::phone::Phone;
use crate::redial::{After, RedialPolicy};
use crate::wait::{NEVER_OPEN_WAIT, PHONE_BUSY_WAIT, WaitReason};

/// What a verdict needs to know of one number.
#[derive(Debug, Clone)]
pub struct NumberFacts {
    pub batch: BatchId,
    pub batch_started: bool,
    pub chain: Chain,
    /// The policy that was in force when its round began, else that of its task. Needed only where the phone that is
    /// next is on the do-not-call list; a number that needs it and has none keeps its place. So a policy that can't be
    /// read holds up no other number.
    pub policy: Option<Arc<RedialPolicy>>,
    /// The caller ID that its row names.
    pub caller: Option<CallerIdId>,
    pub province: String,
    pub city: String,
}

/// What is known of the numbers that [`super::NumbersToRead`] names.
#[derive(Debug, Default)]
pub struct Facts {
    pub numbers: HashMap<NumberId, NumberFacts>,
    /// Their phones that have a call up.
    pub live: HashSet<Phone>,
    /// Their phones' calls that the frequency cap counts. Needed only where there is one.
    pub calls: HashMap<Phone, PhoneCalls>,
}

/// A call that the claim opens an attempt for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dial {
    /// The place of the phone in the number's chain. Backups on the do-not-call list are skipped.
    pub chain_index: u16,
    pub phone: Phone,
    pub caller: CallerIdId,
    pub trunk: TrunkId,
    pub probe: bool,
    /// It is the first call of its batch.
    pub starts_batch: bool,
}

/// What becomes of a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Dial(Dial),
    /// On the do-not-call list.
    Suppress,
    /// It waits, and comes back to the same lane.
    Wait {
        due_at: Time,
        reason: WaitReason,
        phone: Phone,
    },
    /// All other phones of its chain are on the do-not-call list, so this round is over.
    RoundOver(After),
    /// No line has room for it. It stays in its place.
    PassOver,
}

impl Verdict {
    pub const fn dial(&self) -> Option<&Dial> {
        match self {
            Self::Dial(dial) => Some(dial),
            _ => None,
        }
    }

    /// When the number comes back by itself, if it waits.
    pub const fn comes_back_at(&self) -> Option<Time> {
        match self {
            Self::Wait { due_at, .. } => Some(*due_at),
            Self::RoundOver(After::Redial { at, .. }) => Some(*at),
            _ => None,
        }
    }

    /// The state that the number goes to.
    pub const fn state(&self) -> NumberState {
        match self {
            Self::Dial(_) => NumberState::Calling,
            Self::Suppress => NumberState::Suppressed,
            Self::Wait { .. } => NumberState::Waiting,
            Self::RoundOver(after) => after.state(),
            Self::PassOver => NumberState::Pending,
        }
    }
}

/// What is known of phones.
pub(super) struct KnownCalls<'a> {
    /// Phones with a call up, those that this claim has taken among them.
    pub live: &'a HashSet<Phone>,
    /// As in [`Facts::calls`].
    pub counted: &'a HashMap<Phone, PhoneCalls>,
}

impl Scene {
    /// Decide what happens to one number of the task at that place. A call takes its slot in the scene at once.
    pub(super) fn judge(
        &mut self,
        task: usize,
        queued: &QueuedNumber,
        number: &NumberFacts,
        calls: &KnownCalls<'_>,
        random: u64,
        now: Time,
    ) -> Verdict {
        if self.tasks[task].stopped {
            return Verdict::PassOver;
        }
        let chain = &number.chain;
        if chain.is_suppressed(0) {
            return Verdict::Suppress;
        }
        let mut chain_index = chain.place().chain_index;
        if chain.is_suppressed(chain_index) {
            let Some(policy) = &number.policy else { return Verdict::PassOver };
            match chain.skip(policy, queued.class == LaneClass::Backup) {
                After::NextBackup { chain_index: next } => chain_index = next,
                after => return Verdict::RoundOver(after),
            }
        }
        let phone = chain.phone(chain_index);
        if calls.live.contains(&phone) {
            let due_at = now + PHONE_BUSY_WAIT;
            return Verdict::Wait { due_at, reason: WaitReason::PhoneBusy, phone };
        }
        let counted = calls.counted.get(&phone).copied().unwrap_or_default();
        if let Some(wait) = self.must_wait(task, phone, counted, now) {
            return wait;
        }
        let Some(line) = self.pick_line(task, number, random) else {
            return Verdict::PassOver;
        };
        let (caller, trunk) = (line.caller_id, line.trunk);
        let probe = self.trunk(trunk).is_some_and(|trunk| trunk.probe);
        self.occupy(task, trunk);
        let starts_batch = !number.batch_started && self.started.insert(number.batch);
        if starts_batch {
            // One microsecond later for each live call, so that batches that one claim starts keep their order.
            let at = now + TimeDelta::microseconds(i64::from(self.tasks[task].live));
            let switches = self.switches;
            self.tasks[task].queue.batch_started(number.batch, at, switches);
        }
        Verdict::Dial(Dial { chain_index, phone, caller, trunk, probe, starts_batch })
    }

    /// The reason why a phone without a call can't be called now, if there is one. Lines are not looked at here.
    fn must_wait(
        &self,
        task: usize,
        phone: Phone,
        calls: PhoneCalls,
        now: Time,
    ) -> Option<Verdict> {
        let (cap, zone) = (&self.settings.frequency_cap, self.settings.time_zone);
        if let Some(due_at) = frequency_wait(cap, zone, now, calls) {
            return Some(Verdict::Wait { due_at, reason: WaitReason::FrequencyCap, phone });
        }
        let hours = &self.tasks[task].hours;
        hours.may_call(now, Some(phone)).err().map(|_| {
            let opens = hours.next_open(now, Some(phone));
            let due_at = opens.unwrap_or(now + NEVER_OPEN_WAIT);
            Verdict::Wait { due_at, reason: WaitReason::CalleeWindow, phone }
        })
    }

    /// Choose the line for a call. `None`: no line has room for it.
    fn pick_line(&mut self, task: usize, number: &NumberFacts, random: u64) -> Option<Line> {
        let calling = &self.tasks[task];
        // The row may name a caller ID that was deleted since. Then the task's caller IDs are used.
        let own =
            number.caller.and_then(|own| self.lines.iter().position(|line| line.caller_id == own));
        let places = own.map_or_else(|| calling.lines.clone(), |own| vec![own]);
        let mut lines: Vec<Line> = places
            .iter()
            .map(|place| {
                let line = &self.lines[*place];
                Line { room: self.line_room(task, line), ..line.clone() }
            })
            .collect();
        let choice = LineChoice {
            rotation: calling.config.rotation,
            calls: calling.calls,
            random,
            callee_province: &number.province,
            callee_city: &number.city,
        };
        let picked = pick_line(&lines, choice).map(|place| lines.swap_remove(place));
        if picked.is_none() {
            // Numbers with a caller ID of their own wait for that line alone; others of the task may still go
            // out. When the task's own lines are full, nothing of this task can.
            self.leaves_out_blocked = true;
            self.tasks[task].stopped = own.is_none();
        }
        picked
    }
}
