//! Numbers taken off the queues of all tasks, and the pages that must be read for that.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};

use super::queue::{LanePlace, QueuedNumber, ReadyNumber};
use super::scene::Scene;
use crate::ids::CallerIdId;

/// Rows that one lane is asked for at a time, at most.
const PAGE_MAX: u32 = 128;

/// Rows of lanes that must be known. Read them and hand both to [`super::Engine::read_lanes`].
#[derive(Debug)]
pub struct LanesToRead {
    pub pages: Vec<PageToRead>,
    /// Leave out numbers that must be called from one of these caller IDs: their trunks are full.
    pub leave_out: Vec<CallerIdId>,
    /// The rows of a lane stand by [`crate::order::Rank::ord`]; else by [`crate::order::Rank::plain_ord`].
    pub priorities: bool,
}

/// The next rows of one lane.
#[derive(Debug, Clone, Copy)]
pub struct PageToRead {
    pub lane: i64,
    pub after: LanePlace,
    pub rows_max: u32,
    task: usize,
    place: usize,
}

impl Scene {
    /// The rows that must be known to give each task the numbers that it wants. `None`: enough is known.
    pub(super) fn lanes_to_read(&self, wants: &BTreeMap<usize, u32>) -> Option<LanesToRead> {
        let mut pages = Vec::new();
        for (task, want) in wants {
            let rows_max =
                if self.leaves_out_blocked { PAGE_MAX } else { (*want).clamp(1, PAGE_MAX) };
            pages.extend(self.tasks[*task].queue.to_read().into_iter().map(|lane| PageToRead {
                lane: lane.lane,
                after: lane.after,
                rows_max,
                task: *task,
                place: lane.place,
            }));
        }
        let leave_out = if self.leaves_out_blocked { self.blocked_callers() } else { Vec::new() };
        let priorities = self.switches.priorities;
        (!pages.is_empty()).then_some(LanesToRead { pages, leave_out, priorities })
    }

    /// Take in rows that were read. Those of one lane stand in its order.
    pub(super) fn add_rows(&mut self, asked: &LanesToRead, rows: Vec<ReadyNumber>) {
        let mut by_lane: HashMap<i64, Vec<ReadyNumber>> = HashMap::new();
        for row in rows {
            by_lane.entry(row.lane).or_default().push(row);
        }
        let (switches, left_out) = (self.switches, !asked.leave_out.is_empty());
        for page in &asked.pages {
            let rows = by_lane.remove(&page.lane).unwrap_or_default();
            let all = rows.len() < page.rows_max as usize;
            self.tasks[page.task].queue.add_rows(page.place, rows, switches, all, left_out);
        }
    }

    /// Take each task's best numbers off its queue, for each the place of its task: as many as it wants, or as are
    /// known yet. They stand in the order in which [`super::share_out`] gives out slots, so that a trunk that can't
    /// take all of them is shared among the tasks in the same way.
    pub(super) fn pull(&mut self, wants: &BTreeMap<usize, u32>) -> Vec<(usize, QueuedNumber)> {
        let full_cache = self.switches.full_cache;
        let mut placed = Vec::new();
        // The first number of each task that it wants and that is not known yet.
        let mut unknown = Vec::new();
        for (place, want) in wants {
            let task = &mut self.tasks[*place];
            let limit = u64::from(task.config.concurrency.max(1));
            let (pulled, more) = task.queue.pull(*want, full_cache);
            let mut up = u64::from(task.live);
            for pulled in pulled {
                placed.push((SharePlace { up, limit }, *place, pulled));
                up += 1;
            }
            if more {
                unknown.push(SharePlace { up, limit });
            }
        }
        placed.sort_by_key(|(share, ..)| *share);
        let wanted: u32 = wants.values().sum();
        if let Some(unknown) = unknown.into_iter().min()
            && self.is_short_of_lines(wanted as usize)
        {
            // Whoever comes after that number waits for it, as it may take the last line.
            let known = placed.partition_point(|(share, ..)| *share <= unknown);
            for (_, task, back) in placed.split_off(known).into_iter().rev() {
                self.tasks[task].queue.put_back(back);
            }
        }
        placed.into_iter().map(|(_, task, pulled)| (task, pulled)).collect()
    }
}

/// The place of a task's next slot: the task whose calls are the lowest share of its limit goes first.
#[derive(Debug, Clone, Copy)]
struct SharePlace {
    up: u64,
    limit: u64,
}

impl Ord for SharePlace {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.up * other.limit).cmp(&(other.up * self.limit))
    }
}

impl PartialOrd for SharePlace {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for SharePlace {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for SharePlace {}
