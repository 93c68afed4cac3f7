//! Tasks on their way: what people ask of them, and what they do by the clock.

use outbound::Time;
use outbound::task::{Event, Facts, PauseReason, TaskState};

use super::{Stands, World};
use crate::rules::{hours, states};

/// A timed step of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    Start,
    End,
    Edge,
}

impl World {
    /// Let an event happen to a task; a refusal's code leaves everything as it was.
    pub fn happen(&mut self, task: usize, event: Event) -> Result<(), &'static str> {
        let facts = Facts {
            numbers: self.numbers_of(task).next().is_some(),
            closed: self.tasks[task].plan.task_closed(self.now),
            trunk_failed: false,
        };
        let found = &mut self.tasks[task];
        found.state = states::after(found.state, event, facts)?;
        let moved_by_windows = matches!(
            found.state,
            TaskState::Running
                | TaskState::Paused(PauseReason::DoNotCallPeriod | PauseReason::OutsideCallPeriod)
        );
        // An edge that is due is not skipped for something else that happens before it is taken.
        let judged = matches!(event, Event::WindowOpened | Event::WindowClosed(_));
        let due = found.edge_at.filter(|edge| *edge <= self.now && !judged);
        found.edge_at = due.or_else(|| found.plan.next_edge(self.now)).filter(|_| moved_by_windows);
        Ok(())
    }

    /// An event that nobody refuses.
    pub fn occur(&mut self, task: usize, event: Event) {
        self.happen(task, event).expect("only people are refused");
    }

    /// Put the windows of its configuration in force for a task.
    pub fn rehour(&mut self, task: usize) {
        self.tasks[task].plan = hours::Plan::new(self.hours_of(self.tasks[task].windows));
        self.reopen(task);
        self.look_at_window(task);
    }

    fn look_at_window(&mut self, task: usize) {
        let event = match self.tasks[task].plan.task_closed(self.now) {
            Some(closed) => Event::WindowClosed(closed),
            None => Event::WindowOpened,
        };
        self.occur(task, event);
    }

    /// The steps that are due, earliest first.
    pub fn due_steps(&self) -> Vec<(Time, usize, Step)> {
        let mut due = Vec::new();
        for (place, task) in self.tasks.iter().enumerate() {
            let planned = [
                (task.start_at, Step::Start),
                (task.end_at, Step::End),
                (task.edge_at, Step::Edge),
            ];
            for (at, step) in planned {
                due.extend(at.filter(|at| *at <= self.now).map(|at| (at, place, step)));
            }
        }
        due.sort_unstable();
        due
    }

    /// Take a step if it is due.
    pub fn step(&mut self, task: usize, step: Step) {
        let now = self.now;
        let due = |at: Option<Time>| at.is_some_and(|at| at <= now);
        let found = &mut self.tasks[task];
        match step {
            Step::Start if due(found.start_at) => {
                found.start_at = None;
                let over = due(found.end_at);
                if !over {
                    self.occur(task, Event::ScheduledStart);
                }
            }
            Step::End if due(found.end_at) => {
                // A start that was to be before the end is not made up for after it.
                found.start_at = found.start_at.filter(|start| Some(*start) > found.end_at);
                found.end_at = None;
                self.occur(task, Event::ScheduledEnd);
            }
            Step::Edge if due(found.edge_at) => self.look_at_window(task),
            _ => {}
        }
    }

    /// Whether a task has nothing that could be dialled now, and whether something may come later.
    pub fn nothing_pending(&self, task: usize) -> Option<bool> {
        let busy_until = self.now + chrono::TimeDelta::minutes(2);
        let mut later = false;
        for number in self.numbers_of(task) {
            match self.numbers[number].stands {
                Stands::Ready | Stands::Calling => return None,
                Stands::Waiting { due, why: super::Why::PhoneBusy(_), .. } if due <= busy_until => {
                    return None;
                }
                Stands::Waiting { .. } => later = true,
                Stands::Ended(_) | Stands::Deleted => {}
            }
        }
        Some(later)
    }
}
