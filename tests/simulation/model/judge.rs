//! The best number of a task, and whether it may be dialled now.

use chrono::TimeDelta;
use outbound::Time;
use outbound::claim::Line;
use outbound::ids::{CallerIdId, TrunkId};
use outbound::order::LaneClass;
use outbound::outcome::{CallResult, cause};
use outbound::redial::After;

use super::claim::Round;
use super::numbers::NEVER_OPEN_WAIT;
use super::{Stands, Why, World};
use crate::furniture;
use crate::furniture::{phone, place_of};
use crate::rules::lines::{Choice, allowed, pick, wait};
use crate::rules::order::{Standing, best};
use crate::rules::redial::{Ending, covers, next};

const PHONE_BUSY_WAIT: TimeDelta = TimeDelta::seconds(60);

/// What becomes of a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Dial {
        chain_index: usize,
        line: usize,
    },
    Suppress,
    Wait {
        due: Time,
        why: Why,
    },
    Onward(After),
    /// No line has room: of its own caller ID, or of all that the task has.
    NoLine {
        own: bool,
    },
}

impl World {
    /// The best number of a task that has not been passed over.
    pub fn candidate(&self, task: usize, round: &Round) -> Option<usize> {
        if round.full.contains(&task) {
            return None;
        }
        let ready = |number: &usize| {
            self.numbers[*number].stands == Stands::Ready && !round.passed.contains(number)
        };
        let standing = |number: usize| {
            let (found, batch) = (&self.numbers[number], self.batch_of(number));
            let standing = Standing {
                class: found.class,
                round: found.round,
                order: found.order,
                revision: found.revision,
                batch_priority: batch.priority,
                batch_started_at: batch.started_at,
                priority: found.priority,
                seq: found.seq,
                random: found.random,
            };
            (number, standing)
        };
        let all: Vec<_> = self.numbers_of(task).filter(ready).map(standing).collect();
        best(&all, self.switches())
    }

    pub fn judge(&self, number: usize, random: u64) -> Verdict {
        let found = &self.numbers[number];
        if self.is_forbidden(found.phones[0]) {
            return Verdict::Suppress;
        }
        let mut chain_index = found.chain_index;
        if self.is_forbidden(found.phones[chain_index]) {
            match self.skip(number) {
                After::NextBackup { chain_index: next } => chain_index = next.into(),
                onward => return Verdict::Onward(onward),
            }
        }
        let phone = found.phones[chain_index];
        if self.calls.iter().any(|call| call.phone == phone) {
            return Verdict::Wait { due: self.now + PHONE_BUSY_WAIT, why: Why::PhoneBusy(phone) };
        }
        if let Some(due) = self.capped(phone) {
            return Verdict::Wait { due, why: Why::FrequencyCap };
        }
        let plan = &self.tasks[found.task].plan;
        let callee = furniture::phone(phone);
        if plan.closed(self.now, callee).is_some() {
            let opens = plan.next_open(self.now, callee);
            let due = opens.unwrap_or(self.now + NEVER_OPEN_WAIT);
            return Verdict::Wait { due, why: Why::CalleeWindow };
        }
        match self.line_for(number, random) {
            Some(line) => Verdict::Dial { chain_index, line },
            None => Verdict::NoLine { own: found.line.is_some() },
        }
    }

    /// Until when the frequency cap keeps a phone from being called. Calls that the line refused never
    /// reached it.
    fn capped(&self, phone: u8) -> Option<Time> {
        let called = self
            .records
            .iter()
            .filter(|record| record.phone == phone && record.cause != cause::TRUNK_REFUSED);
        let starts: Vec<Time> = called.map(|record| record.started_at).collect();
        wait(&self.settings.frequency_cap, self.settings.time_zone, self.now, &starts)
    }

    /// What comes instead of a backup that may not be called.
    fn skip(&self, number: usize) -> After {
        let found = &self.numbers[number];
        let policy = &self.policies[found.policy.unwrap_or(self.tasks[found.task].policy)];
        let barred = |place: usize| self.is_forbidden(found.phones[place]);
        if found.class != LaneClass::Backup {
            // A round that begins: behind those that may not be called.
            let dials = |place: &usize| {
                let status = found.statuses[*place];
                !barred(*place) && status.is_none_or(|status| covers(policy, status))
            };
            let next = (found.chain_index..found.phones.len()).find(dials);
            return next.map_or(After::Unconnected, |place| After::NextBackup {
                chain_index: u16::try_from(place).expect("a place"),
            });
        }
        // In the middle of a round: as if the call before it had had no such backup behind it.
        let before = (0..found.chain_index).rev();
        let last = before.filter_map(|place| Some((place, found.statuses[place]?))).next();
        let Some(((here, status), at)) = last.zip(found.last_called_at) else {
            return After::Unconnected;
        };
        let chain = (0..found.phones.len()).map(|place| (found.statuses[place], barred(place)));
        next(&Ending {
            policy,
            round: found.round,
            here,
            chain: chain.collect(),
            first_called_at: found.first_called_at.unwrap_or(at),
            round_called_at: found.round_called_at.unwrap_or(at),
            refusals: found.refusals,
            result: CallResult::Unanswered(status),
            trunk_refused: false,
            ended_at: at,
        })
    }

    fn line_for(&self, number: usize, random: u64) -> Option<usize> {
        let (lines, places) = self.choices(number);
        pick(self.choice(number, &lines, random)).map(|place| places[place])
    }

    /// The lines that would do for a number's next call.
    pub fn lines_for(&self, number: usize) -> Vec<usize> {
        let (lines, places) = self.choices(number);
        let allowed = allowed(self.choice(number, &lines, 0));
        allowed.into_iter().map(|place| places[place]).collect()
    }

    fn choices(&self, number: usize) -> (Vec<Line>, Vec<usize>) {
        let found = &self.numbers[number];
        let places =
            found.line.map_or_else(|| self.tasks[found.task].lines.clone(), |own| vec![own]);
        let line = |place: &usize| Line {
            caller_id: caller(*place),
            trunk: TrunkId::from(uuid::Uuid::from_u128(self.lines[*place].trunk as u128)),
            phone: phone(0),
            province: self.lines[*place].province.to_owned(),
            city: self.lines[*place].city.to_owned(),
            room: self.trunk_room(self.lines[*place].trunk),
        };
        (places.iter().map(line).collect(), places)
    }

    fn choice<'a>(&self, number: usize, lines: &'a [Line], random: u64) -> Choice<'a> {
        let found = &self.numbers[number];
        let task = &self.tasks[found.task];
        let (province, city) = place_of(found.phones[0]);
        let own = found.line.is_some();
        Choice { lines, rotation: task.rotation, counter: task.turns, random, province, city, own }
    }
}

fn caller(line: usize) -> CallerIdId {
    CallerIdId::from(uuid::Uuid::from_u128(line as u128))
}
