//! Operations that people and the clock do to the world, and that need no choice.

use chrono::TimeDelta;
use outbound::Time;
use outbound::task::Event;

use super::tasks::Step;
use super::{Why, World};
use crate::furniture;
use crate::op::Op;

impl World {
    /// What happens in memory as it does beside a database; a refusal changes nothing.
    pub fn configure(&mut self, op: &Op) {
        match op {
            Op::Start(task) => _ = self.happen(self.task(*task), Event::Start),
            Op::Pause(task) => _ = self.happen(self.task(*task), Event::Pause),
            Op::End(task) => _ = self.happen(self.task(*task), Event::End),
            Op::EditPeriod(place, shape) => drop(self.edit_period(*place, *shape)),
            Op::Switches { priorities, full_cache } => {
                self.settings.predict_call_priority_strategy_gray = *priorities;
                self.settings.gray_predict_call_use_full_cache = *full_cache;
            }
            Op::Limit(limit) => self.settings.concurrency_limit = *limit,
            Op::Cap(cap) => self.settings.frequency_cap = *cap,
            Op::Trunk { trunk, concurrency, in_service } => {
                let place = usize::from(*trunk) % self.trunks.len();
                let trunk = &mut self.trunks[place];
                (trunk.concurrency, trunk.in_service) = (*concurrency, *in_service);
            }
            Op::BatchPriority(batch, priority) => {
                if let Some(batch) = self.batch(*batch) {
                    self.batches[batch].priority = (*priority).into();
                }
            }
            Op::Forbid { phone, minutes } => {
                let until = minutes.map(|minutes| self.now + TimeDelta::minutes(minutes.into()));
                self.forbid(*phone, until);
            }
            Op::Allow(phone) => drop(self.forbidden.remove(phone)),
            Op::Cancel(task, which) => {
                let named = self.named(self.task(*task), *which);
                self.cancel(&named);
            }
            Op::DeleteNumber(number) => {
                if let Some(number) = self.number(*number) {
                    _ = self.delete(number);
                }
            }
            Op::DeleteBatch(batch) => {
                if let Some(batch) = self.batch(*batch) {
                    _ = self.delete_batch(batch);
                }
            }
            Op::Die(call) => {
                if let Some(call) = self.call(*call) {
                    self.calls[call].lease_over = true;
                }
            }
            Op::Steps => {
                for (_, task, step) in self.due_steps() {
                    self.step(task, step);
                }
            }
            Op::Redials => {
                for task in 0..self.tasks.len() {
                    self.promote(task);
                }
            }
            op => self.now = self.moved(op).unwrap_or(self.now).max(self.now),
        }
    }

    /// Where the clock jumps to.
    fn moved(&self, op: &Op) -> Option<Time> {
        let seconds = |seconds: &i8| TimeDelta::seconds((*seconds).into());
        match op {
            Op::Advance(minutes) => Some(self.now + TimeDelta::minutes((*minutes).into())),
            Op::JumpToEdge { task, seconds: by } => {
                let task = &self.tasks[self.task(*task)];
                let edge = task.edge_at.or(task.start_at).or(task.end_at);
                edge.map(|edge| edge + seconds(by))
            }
            Op::JumpToDue { seconds: by } => self.next_due().map(|due| due + seconds(by)),
            _ => None,
        }
    }

    /// Why the INVITE of a call that was just begun must not leave: where its number goes instead.
    #[allow(clippy::option_option, reason = "it goes back at once, or waits")]
    pub fn closes_on_the_way(&mut self, place: usize) -> Option<Option<(Time, Why)>> {
        let call = &self.calls[place];
        let (task, phone) = (call.task, furniture::phone(call.phone));
        let plan = &self.tasks[task].plan;
        plan.closed(self.now, phone)?;
        if plan.hours.callee_local_time.is_on() {
            let opens = plan.next_open(self.now, phone);
            return Some(opens.map(|opens| (opens, Why::CalleeWindow)));
        }
        self.step(task, Step::Edge);
        Some(None)
    }
}
