//! Claims: the best numbers that there are for the slots that are free.
//!
//! Nothing here chooses between what SPEC leaves open (chance, and which task's number is looked at
//! first when two have a slot): a [`Guide`] does. In memory it is drawn; beside a database it is what
//! the database did, and what it did must be something that is allowed.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use outbound::number::NumberState;
use outbound::order::LaneClass;
use outbound::redial::After;
use outbound::task::{Event, TaskState, WhenDone};

use super::judge::Verdict;
use super::{Call, Stands, Why, World};
use crate::rules::lines::share;

/// A call that a database opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dialled {
    pub number: usize,
    pub phone: u8,
    pub chain_index: usize,
    pub line: usize,
}

/// What a database did in a claim.
#[derive(Debug)]
pub struct Seen<'a> {
    /// In the order in which they are to be dialled.
    pub dialled: &'a [Dialled],
    /// It had not looked at everything.
    pub more: bool,
    /// Numbers that it did not touch.
    pub untouched: &'a BTreeSet<usize>,
    /// Tasks that do not run any more.
    pub stopped: &'a BTreeSet<usize>,
    /// It stops what has nothing left to dial: a dispatcher does, a dialer leaves it to one.
    pub settles: bool,
}

/// Who decides what SPEC leaves open.
#[derive(Debug)]
pub enum Guide<'a> {
    Chance(u64),
    Follow(Seen<'a>),
}

/// One claim under way.
#[derive(Debug, Default)]
pub struct Round {
    pub passed: BTreeSet<usize>,
    /// Tasks whose lines are full.
    pub full: BTreeSet<usize>,
    pub dialled: Vec<usize>,
}

impl World {
    /// Make a claim; gives how many calls it opened.
    pub fn claim(&mut self, at_most: u32, guide: Guide<'_>) -> usize {
        let turns: Vec<i64> = self.tasks.iter().map(|task| task.turns).collect();
        let mut round = Round::default();
        match guide {
            Guide::Chance(random) => {
                self.choose(at_most, random, &mut round);
                self.is_complete(at_most, &round);
                for task in 0..self.tasks.len() {
                    self.let_idle(task);
                }
            }
            Guide::Follow(seen) => self.follow(at_most, &seen, &mut round),
        }
        self.is_fair(&round);
        for (task, turns) in self.tasks.iter_mut().zip(turns) {
            // With one caller ID there are no turns to remember.
            if task.lines.len() == 1 {
                task.turns = turns;
            }
        }
        round.dialled.len()
    }

    fn choose(&mut self, at_most: u32, mut random: u64, round: &mut Round) {
        while (round.dialled.len() as u32) < at_most {
            let rooms = self.rooms(round);
            let free = self.free().min(at_most - round.dialled.len() as u32);
            let shares = share(free, &rooms);
            // Slot by slot: a number that can't be dialled leaves its slot to whoever is next then.
            let first = share(free.min(1), &rooms).iter().position(|got| *got > 0);
            let Some(first) = first else { return };
            assert!(shares[first] > 0, "the first of {free} slots goes to a task that gets none");
            let task = rooms[first].task;
            let number = self.candidate(task, round).expect("tasks without are left out");
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            match self.judge(number, random >> 11) {
                Verdict::Dial { chain_index, line } => {
                    self.dial(number, chain_index, line);
                    round.dialled.push(task);
                }
                verdict => self.put_aside(number, verdict, round),
            }
        }
    }

    fn follow(&mut self, at_most: u32, seen: &Seen<'_>, round: &mut Round) {
        for dialled in seen.dialled {
            let task = self.numbers[dialled.number].task;
            assert!(self.dials(task), "a call of task {task}, which may not call: {dialled:?}");
            let mut number = self.candidate(task, round).expect("a candidate");
            while number != dialled.number {
                let verdict = self.judge(number, 0);
                let better = matches!(verdict, Verdict::Dial { .. });
                assert!(!better, "{number} goes before {dialled:?}: {:?}", self.numbers[number]);
                self.put_aside(number, verdict, round);
                number = self.candidate(task, round).expect("a candidate");
            }
            let verdict = self.judge(number, 0);
            let Verdict::Dial { chain_index, line } = verdict else {
                panic!("{dialled:?}, which is {verdict:?}: {:?}", self.numbers[number]);
            };
            assert_eq!(chain_index, dialled.chain_index, "the phone of {dialled:?}");
            let allowed = self.lines_for(number);
            assert!(allowed.contains(&dialled.line), "the line of {dialled:?}, not {allowed:?}");
            let random = self.tasks[task].rotation == outbound::task::Rotation::Random;
            assert!(random || line == dialled.line, "whose turn it is: {dialled:?}, not {line}");
            self.dial(number, chain_index, dialled.line);
            round.dialled.push(task);
        }
        // What was looked at and could not be dialled, after the last call of each task.
        for task in 0..self.tasks.len() {
            while let Some(number) = self.candidate(task, round).filter(|_| self.dials(task)) {
                let verdict = self.judge(number, 0);
                let left = seen.untouched.contains(&number);
                match verdict {
                    Verdict::Dial { .. } => break,
                    Verdict::NoLine { .. } => {}
                    _ if left => break,
                    _ => {}
                }
                self.put_aside(number, verdict, round);
            }
        }
        if !seen.more {
            self.is_complete(at_most, round);
        }
        for task in 0..self.tasks.len() {
            if seen.stopped.contains(&task) && self.tasks[task].state == TaskState::Running {
                assert!(self.nothing_pending(task).is_some(), "task {task} has numbers to dial");
                self.let_idle(task);
            } else if seen.settles && !seen.more && self.free() > 0 && self.any_room() {
                assert!(!self.is_idle(task), "task {task} runs with nothing to dial");
            }
        }
    }

    /// Nothing is left that could have been dialled.
    fn is_complete(&mut self, at_most: u32, round: &Round) {
        if self.free() == 0 || round.dialled.len() as u32 >= at_most {
            return;
        }
        for task in 0..self.tasks.len() {
            let room = self.room(task);
            if room > 0 && self.dials(task) && !round.full.contains(&task) {
                let left = self.candidate(task, round);
                let verdict = left.map(|number| self.judge(number, 0));
                let waits = verdict.is_none_or(|it| matches!(it, Verdict::NoLine { .. }));
                assert!(waits, "{left:?} of task {task} was left, though {room} slots are free");
            }
        }
    }

    /// No task got its last slot while another, further behind, could have used it.
    fn is_fair(&mut self, round: &Round) {
        let Some(last) = round.dialled.last().copied() else { return };
        let mut got: Vec<usize> = round.dialled.clone();
        got.sort_unstable();
        got.dedup();
        for task in got {
            for other in 0..self.tasks.len() {
                if task == other || !self.dials(other) || self.own_room(other) == 0 {
                    continue;
                }
                // Also one that was left because the lines had become full.
                let left = Round { passed: round.passed.clone(), ..Round::default() };
                let Some(number) = self.candidate(other, &left) else { continue };
                // Only where the one call would have gone out on a line that the other could use.
                let line =
                    self.calls.iter().rev().find(|call| call.task == task).expect("its call");
                let (trunk, line) = (line.trunk, line.line);
                if !self.would_dial_on(number, trunk, line) {
                    continue;
                }
                let up = |task: usize| self.up(task) as u64;
                let limit = |task: usize| u64::from(self.tasks[task].concurrency);
                let behind = (up(task) - 1) * limit(other) > up(other) * limit(task);
                assert!(!behind, "task {task} (last {last}) was served before {other}: {round:?}");
            }
        }
    }

    fn would_dial_on(&mut self, number: usize, trunk: usize, line: usize) -> bool {
        let uses = match self.numbers[number].line {
            Some(own) => own == line,
            None => self.tasks[self.numbers[number].task]
                .lines
                .iter()
                .any(|line| self.lines[*line].trunk == trunk),
        };
        let verdict = self.judge(number, 0);
        uses && matches!(verdict, Verdict::Dial { .. } | Verdict::NoLine { .. })
    }

    /// A task that runs with nothing to dial pauses, or ends when nothing will come.
    fn let_idle(&mut self, task: usize) {
        if let Some(later) = self.nothing_pending(task)
            && self.dials(task)
        {
            let when_done = if later { WhenDone::Pause } else { self.tasks[task].when_done };
            self.occur(task, Event::NothingPending(when_done));
        }
    }

    fn is_idle(&self, task: usize) -> bool {
        self.dials(task) && self.nothing_pending(task).is_some()
    }

    /// Whether a task may be dialled for.
    pub fn dials(&self, task: usize) -> bool {
        let found = &self.tasks[task];
        found.state == TaskState::Running && found.plan.task_closed(self.now).is_none()
    }

    fn dial(&mut self, number: usize, chain_index: usize, line: usize) {
        let found = &self.numbers[number];
        let (task, phone) = (found.task, found.phones[chain_index]);
        let call = Call {
            id: self.claims,
            number,
            task,
            phone,
            round: found.round,
            chain_index,
            policy: self.tasks[task].policy,
            line,
            trunk: self.lines[line].trunk,
            token: 1,
            begun: None,
            lease_over: false,
        };
        self.claims += 1;
        let batch = found.batch;
        let found = &mut self.numbers[number];
        (found.stands, found.chain_index) = (Stands::Calling, chain_index);
        self.tasks[task].turns += 1;
        self.calls.push(call);
        // Later by what can't be told apart otherwise.
        let started_at = self.now + TimeDelta::microseconds(self.calls.len() as i64);
        let batch = &mut self.batches[batch];
        batch.started_at = batch.started_at.or(Some(started_at));
        assert!(
            self.calls.len() <= self.settings.concurrency_limit as usize,
            "the enterprise's limit"
        );
        assert!(self.up(task) <= self.tasks[task].concurrency, "the task's limit");
    }

    fn put_aside(&mut self, number: usize, verdict: Verdict, round: &mut Round) {
        let found = &mut self.numbers[number];
        match verdict {
            Verdict::Dial { .. } => unreachable!("it is dialled"),
            Verdict::NoLine { own: true } => drop(round.passed.insert(number)),
            Verdict::NoLine { own: false } => drop(round.full.insert(found.task)),
            Verdict::Suppress => found.stands = Stands::Ended(NumberState::Suppressed),
            Verdict::Wait { due, why } => {
                found.stands = Stands::Waiting { due, why, put_off: false };
            }
            Verdict::Onward(After::Redial { round, chain_index, at }) => {
                if round != found.round {
                    found.round_called_at = None;
                }
                (found.round, found.chain_index) = (round, chain_index.into());
                found.class = LaneClass::Redial;
                found.stands = Stands::Waiting { due: at, why: Why::Redial, put_off: false };
            }
            Verdict::Onward(_) => found.stands = Stands::Ended(NumberState::Unconnected),
        }
    }
}
