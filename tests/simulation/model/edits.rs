//! What people configure, and what they are refused.

use chrono::{NaiveDateTime, TimeDelta, Timelike};
use outbound::Time;
use outbound::period::PeriodConfig;
use outbound::schedule::Schedule;

use super::World;
use crate::furniture::period;
use crate::op::{Op, Shape, Windows};
use crate::rules::hours;

/// A task's configuration after an edit.
#[derive(Debug, Clone)]
pub struct Change {
    pub task: usize,
    pub concurrency: u32,
    pub windows: Windows,
    pub start: Option<NaiveDateTime>,
    pub end: Option<NaiveDateTime>,
    pub redial: outbound::redial::RedialPolicy,
    pub order: outbound::order::CallOrder,
    pub lines: Vec<usize>,
    pub rotation: outbound::task::Rotation,
}

impl World {
    /// What an operation makes of a task's configuration; `None` if it is no edit of a task.
    pub fn change(&self, op: &Op) -> Option<Change> {
        let task = match op {
            Op::EditRedial(task, _) | Op::EditOrder(task, _) | Op::EditConcurrency(task, _) => task,
            Op::EditWindows(task, _) | Op::EditLines(task, ..) => task,
            Op::EditDates { task, .. } => task,
            _ => return None,
        };
        let task = self.task(*task);
        let found = &self.tasks[task];
        let mut change = self.as_it_is(task);
        match op {
            Op::EditRedial(_, redial) => change.redial = redial.clone(),
            Op::EditOrder(_, order) => change.order = *order,
            Op::EditConcurrency(_, most) => change.concurrency = *most,
            Op::EditWindows(_, windows) => change.windows = *windows,
            Op::EditLines(_, lines, rotation) => {
                (change.lines, change.rotation) = (self.lines_of(*lines), *rotation);
            }
            Op::EditDates { start, end, on_range, .. } => {
                change.start = start.map(|minutes| self.wall_in(minutes));
                change.end = end.map(|minutes| self.wall_in(minutes));
                if let (Some(start), Some(place), true) =
                    (change.start, found.windows.call, on_range)
                {
                    change.start = Some(self.on_range(start, place));
                }
            }
            _ => {}
        }
        Some(change)
    }

    /// A task's configuration without a change.
    pub fn as_it_is(&self, task: usize) -> Change {
        let found = &self.tasks[task];
        Change {
            task,
            concurrency: found.concurrency,
            windows: found.windows,
            start: found.scheduled_start,
            end: found.scheduled_end,
            redial: self.policies[found.policy].clone(),
            order: found.order,
            lines: found.lines.clone(),
            rotation: found.rotation,
        }
    }

    /// The wall clock some minutes from now, without its seconds.
    fn wall_in(&self, minutes: i16) -> NaiveDateTime {
        let at = self.now + TimeDelta::minutes(minutes.into());
        let wall = at.with_timezone(&self.settings.time_zone).naive_local();
        wall - TimeDelta::seconds(wall.second().into())
            - TimeDelta::nanoseconds(wall.nanosecond().into())
    }

    /// The same time or the next at which a range of a call period starts.
    fn on_range(&self, from: NaiveDateTime, place: u8) -> NaiveDateTime {
        let ranges = &self.periods[usize::from(place) % 2].ranges;
        let starts = |at: &NaiveDateTime| {
            ranges
                .iter()
                .any(|range| u32::from(range.start.of_day()) == at.hour() * 60 + at.minute())
        };
        let mut at = from;
        while !starts(&at) {
            at += TimeDelta::minutes(1);
        }
        at
    }

    /// Carry out an edit of a task, or give the codes of what is wrong with it, in any order.
    pub fn edit(&mut self, change: &Change) -> Result<(), Vec<String>> {
        self.judge_edit(change)?;
        let zone = self.settings.time_zone;
        let redial = (self.policies[self.tasks[change.task].policy] != change.redial).then(|| {
            self.policies.push(change.redial.clone());
            self.policies.len() - 1
        });
        let hours = self.hours_of(change.windows);
        let task = &mut self.tasks[change.task];
        task.policy = redial.unwrap_or(task.policy);
        if task.order != change.order {
            task.revision += 1;
            task.order = change.order;
            // Before the first start it holds for the numbers that are there, too.
            if task.state == outbound::task::TaskState::Initial {
                for number in &mut self.numbers {
                    if number.task == change.task {
                        (number.order, number.revision) = (task.order, task.revision);
                    }
                }
            }
        }
        task.concurrency = change.concurrency;
        task.windows = change.windows;
        task.lines.clone_from(&change.lines);
        task.rotation = change.rotation;
        // A step that was taken, and whose date nobody touched, stays taken.
        let planned = |old, new: Option<NaiveDateTime>, pending: Option<Time>| {
            if old == new && pending.is_none() {
                None
            } else {
                new.map(|local| hours::instant(local, zone))
            }
        };
        task.start_at = planned(task.scheduled_start, change.start, task.start_at);
        task.end_at = planned(task.scheduled_end, change.end, task.end_at);
        (task.scheduled_start, task.scheduled_end) = (change.start, change.end);
        if task.plan.hours != hours {
            self.rehour(change.task);
        }
        Ok(())
    }

    fn judge_edit(&self, change: &Change) -> Result<(), Vec<String>> {
        let task = &self.tasks[change.task];
        let hours = self.hours_of(change.windows);
        let mut wrong = hours::check(&hours);
        // One that the edit leaves alone is not judged again: the limit may have been lowered under it.
        let edited = change.concurrency != task.concurrency;
        if edited && change.concurrency > self.settings.concurrency_limit {
            wrong.push("too_large".to_owned());
        }
        let gone = |at: Time| at <= self.now;
        // Dates that are behind us and that the edit leaves alone are not judged again.
        let past =
            |old: Option<NaiveDateTime>, new: Option<NaiveDateTime>, pending: Option<Time>| {
                old == new
                    && pending.is_none_or(gone)
                    && new.is_none_or(|local| gone(hours::instant(local, hours.zone)))
            };
        let start_stays = task.scheduled_start == change.start;
        let start_past = past(task.scheduled_start, change.start, task.start_at);
        let end_past = start_stays && past(task.scheduled_end, change.end, task.end_at);
        let schedule = Schedule {
            scheduled_start: change.start.filter(|_| !start_past),
            scheduled_end: change.end.filter(|_| !end_past),
            ..Schedule::default()
        };
        wrong.extend(hours::check_dates(&schedule, &hours, self.now));
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }

    /// A period's place, and what it is with another shape.
    pub fn shaped(&self, place: u8, shape: Shape) -> (usize, PeriodConfig) {
        let place = usize::from(place) % self.periods.len();
        let today = self.now.with_timezone(&self.settings.time_zone).date_naive();
        (place, period(u8::try_from(place).expect("few"), shape, today))
    }

    /// Give a period another shape, unless a task that keeps to it does not allow that.
    pub fn edit_period(&mut self, place: u8, shape: Shape) -> Result<(), Vec<String>> {
        let (place, new) = self.shaped(place, shape);
        let old = std::mem::replace(&mut self.periods[place], new);
        let uses = |windows: Windows| match place {
            2 => windows.do_not_call,
            place => windows.call.is_some_and(|call| usize::from(call) % 2 == place),
        };
        let using: Vec<usize> =
            (0..self.tasks.len()).filter(|task| uses(self.tasks[*task].windows)).collect();
        let faults = |task: &usize| hours::check(&self.hours_of(self.tasks[*task].windows));
        let wrong: Vec<String> = using.iter().flat_map(faults).collect();
        if !wrong.is_empty() {
            self.periods[place] = old;
            return Err(wrong);
        }
        for task in using {
            self.rehour(task);
        }
        Ok(())
    }
}
