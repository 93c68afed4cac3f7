//! Room: how many calls each scope may still begin.

use chrono::TimeDelta;
use outbound::Time;
use outbound::claim::TaskRoom;

use super::claim::Round;
use super::{Call, World};

impl World {
    pub fn up(&self, task: usize) -> u32 {
        self.calls.iter().filter(|call| call.task == task).count() as u32
    }

    pub fn free(&self) -> u32 {
        self.settings.concurrency_limit.saturating_sub(self.calls.len() as u32)
    }

    /// With calls per second, a second's worth is claimed ahead, and none while turns are given out for
    /// more than a second.
    pub fn paced(&self, rate: Option<u32>, next: Option<Time>, claimed: usize) -> u32 {
        let Some(rate) = rate else { return u32::MAX };
        let from = next.map(|next| next - TimeDelta::seconds(1));
        if from.is_some_and(|from| from > self.now && from < self.now + TimeDelta::seconds(10)) {
            return 0;
        }
        rate.saturating_sub(claimed as u32)
    }

    pub fn trunk_room(&self, trunk: usize) -> u32 {
        let found = &self.trunks[trunk];
        let on_it = || self.calls.iter().filter(|call| call.trunk == trunk);
        let claimed = on_it().filter(|call| call.begun.is_none()).count();
        let free = found.concurrency.saturating_sub(on_it().count() as u32);
        let paced = self.paced(found.calls_per_second, found.next_invite_at, claimed);
        if found.in_service { free.min(paced) } else { 0 }
    }

    pub fn any_room(&self) -> bool {
        (0..self.trunks.len()).any(|trunk| self.trunk_room(trunk) > 0)
    }

    /// What the task's own limits leave.
    pub fn own_room(&self, task: usize) -> u32 {
        let found = &self.tasks[task];
        let of_it = |call: &&Call| call.task == task && call.begun.is_none();
        let claimed = self.calls.iter().filter(of_it).count();
        let paced = self.paced(found.calls_per_second, found.next_invite_at, claimed);
        found.concurrency.saturating_sub(self.up(task)).min(paced)
    }

    pub fn room(&self, task: usize) -> u32 {
        let rooms = (0..self.trunks.len()).map(|trunk| self.trunk_room(trunk));
        self.own_room(task).min(rooms.sum())
    }

    pub fn rooms(&mut self, round: &Round) -> Vec<TaskRoom<usize>> {
        let mut rooms = Vec::new();
        for task in 0..self.tasks.len() {
            if !self.dials(task) || round.full.contains(&task) {
                continue;
            }
            if self.candidate(task, round).is_some() {
                rooms.push(TaskRoom {
                    task,
                    free: self.room(task),
                    live: self.up(task),
                    limit: self.tasks[task].concurrency,
                });
            }
        }
        rooms
    }
}
