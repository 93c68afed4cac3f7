//! Numbers that wait, fall due, or are taken out.

use chrono::TimeDelta;
use outbound::Time;
use outbound::number::NumberState;
use outbound::task::{Event, PauseReason, TaskState};

use super::{Stands, Why, World};
use crate::op::Which;

/// A window that does not open within the time that is looked ahead is looked at again after this.
pub const NEVER_OPEN_WAIT: TimeDelta = TimeDelta::days(1);

impl World {
    /// What waits and is due may be dialled, or is put off to an opening. How many were moved.
    pub fn promote(&mut self, task: usize) -> usize {
        let now = self.now;
        let due = |number: &usize| match self.numbers[*number].stands {
            Stands::Waiting { due, .. } => due <= now,
            _ => false,
        };
        let due: Vec<usize> = self.numbers_of(task).filter(due).collect();
        if due.is_empty() {
            return 0;
        }
        let found = &self.tasks[task];
        let stopped = match found.state {
            TaskState::Initial | TaskState::Ended | TaskState::Paused(PauseReason::Manual) => true,
            TaskState::Running | TaskState::Paused(_) => false,
        };
        // Of a task that a person stopped they stand ready for its start, whatever the hour.
        if !stopped && found.plan.task_closed(now).is_some() {
            let opens = found.plan.task_opens(now).unwrap_or(now + NEVER_OPEN_WAIT);
            for number in &due {
                if let Stands::Waiting { due, put_off, .. } = &mut self.numbers[*number].stands {
                    (*due, *put_off) = (opens, true);
                }
            }
            return due.len();
        }
        for number in &due {
            self.numbers[*number].stands = Stands::Ready;
        }
        if found.state == TaskState::Paused(PauseReason::NoPendingNumbers) {
            self.occur(task, Event::RedialDue);
        }
        due.len()
    }

    /// The windows changed: what was put off to an opening is looked at again.
    pub fn reopen(&mut self, task: usize) {
        let now = self.now;
        for number in self.numbers.iter_mut().filter(|number| number.task == task) {
            if let Stands::Waiting { due, why, put_off } = &mut number.stands
                && *due > now
                && (*put_off || *why == Why::CalleeWindow)
            {
                (*due, *put_off) = (now, false);
            }
        }
    }

    /// A phone's call has ended: who waits for it goes back to its place.
    pub fn phone_freed(&mut self, phone: u8) {
        for number in &mut self.numbers {
            if matches!(number.stands, Stands::Waiting { why: Why::PhoneBusy(busy), .. } if busy == phone)
            {
                number.stands = Stands::Ready;
            }
        }
    }

    /// The numbers of a task that a person names.
    pub fn named(&self, task: usize, which: Which) -> Vec<usize> {
        let all: Vec<usize> = self.numbers_of(task).collect();
        match which {
            Which::All => all,
            Which::Batch(n) => match self.batch(n) {
                Some(batch) => {
                    all.into_iter().filter(|number| self.numbers[*number].batch == batch).collect()
                }
                None => Vec::new(),
            },
            Which::Number(n) if !all.is_empty() => vec![all[usize::from(n) % all.len()]],
            Which::Number(_) => all,
        }
    }

    /// Take out those that are pending or waiting; how many.
    pub fn cancel(&mut self, numbers: &[usize]) -> u64 {
        let mut cancelled = 0;
        for number in numbers {
            let stands = &mut self.numbers[*number].stands;
            if matches!(stands, Stands::Ready | Stands::Waiting { .. }) {
                *stands = Stands::Ended(NumberState::Cancelled);
                cancelled += 1;
            }
        }
        cancelled
    }

    /// Delete a number, unless a call is up.
    pub fn delete(&mut self, number: usize) -> Result<(), &'static str> {
        self.cancel(&[number]);
        if self.numbers[number].stands == Stands::Calling {
            return Err("number_has_live_call");
        }
        self.numbers[number].stands = Stands::Deleted;
        Ok(())
    }

    /// Delete a batch with its numbers, unless a call is up.
    pub fn delete_batch(&mut self, batch: usize) -> Result<(), &'static str> {
        let all: Vec<usize> = self
            .numbers_of(self.batches[batch].task)
            .filter(|number| self.numbers[*number].batch == batch)
            .collect();
        self.cancel(&all);
        if all.iter().any(|number| self.numbers[*number].stands == Stands::Calling) {
            return Err("batch_has_live_calls");
        }
        for number in all {
            self.numbers[number].stands = Stands::Deleted;
        }
        self.batches[batch].deleted = true;
        Ok(())
    }

    /// When the next number that waits is due.
    pub fn next_due(&self) -> Option<Time> {
        let due = |stands: &Stands| match stands {
            Stands::Waiting { due, .. } => Some(*due),
            _ => None,
        };
        self.numbers.iter().filter_map(|number| due(&number.stands)).min()
    }
}
