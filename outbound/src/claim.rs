//! What a claim may take: how much each task gets, which line a call goes out on, how long a phone
//! number has to be left alone.

use chrono::TimeDelta;
use chrono_tz::Tz;

use crate::Time;
use crate::enterprise::FrequencyCap;
use crate::hours::midnight;
use crate::ids::{CallerIdId, TaskId, TrunkId};
use crate::phone::Phone;
use crate::schedule;
use crate::task::Rotation;

/// What a running task may still take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TaskRoom {
    pub task: TaskId,
    /// Calls that it may begin now.
    pub free: u32,
    /// Calls that it has up.
    pub live: u32,
    /// Calls that it may have up.
    pub limit: u32,
}

/// Share out the free slots of an enterprise among its tasks: each slot goes to the task whose calls
/// are the lowest share of its limit. Tasks that get nothing are left out; the order is kept.
pub fn allot(free_enterprise: u32, tasks: &[TaskRoom]) -> Vec<(TaskId, u32)> {
    let mut given = vec![0u32; tasks.len()];
    let mut open: Vec<usize> = (0..tasks.len()).filter(|at| tasks[*at].free > 0).collect();
    let share = |at: usize, given: &[u32]| {
        let room = &tasks[at];
        (u64::from(room.live) + u64::from(given[at]), u64::from(room.limit.max(1)))
    };
    for _ in 0..free_enterprise {
        let lowest = open.iter().copied().min_by(|a, b| {
            let ((a_up, a_limit), (b_up, b_limit)) = (share(*a, &given), share(*b, &given));
            (a_up * b_limit).cmp(&(b_up * a_limit)).then(a.cmp(b))
        });
        let Some(at) = lowest else { break };
        given[at] += 1;
        if given[at] == tasks[at].free {
            open.retain(|other| *other != at);
        }
    }
    let got = tasks.iter().zip(given).filter(|(_, given)| *given > 0);
    got.map(|(room, given)| (room.task, given)).collect()
}

/// A caller ID with the trunk it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub caller_id: CallerIdId,
    pub trunk: TrunkId,
    pub phone: Phone,
    /// Where the caller ID is from; empty where not known.
    pub province: String,
    pub city: String,
    /// Calls that its trunk may begin now; 0 also for one that is out of service.
    pub room: u32,
}

/// Which line the next call goes out on, of those with room; `None` if there is none.
///
/// `counter` counts a task's calls, for taking turns; `random` is any random number. `own` is the
/// caller ID of the number's row: it alone will do.
pub fn pick_line(
    lines: &[Line],
    rotation: Rotation,
    counter: i64,
    random: u64,
    callee_province: &str,
    callee_city: &str,
    own: Option<CallerIdId>,
) -> Option<usize> {
    let free = |at: &usize| lines[*at].room > 0;
    if let Some(own) = own {
        return lines.iter().position(|line| line.caller_id == own).filter(free);
    }
    let province =
        |at: &usize| !callee_province.is_empty() && lines[*at].province == callee_province;
    let city =
        |at: &usize| province(at) && !callee_city.is_empty() && lines[*at].city == callee_city;
    match rotation {
        Rotation::Sequential => in_turn(lines.len(), counter, free),
        Rotation::Random => {
            let open: Vec<usize> = (0..lines.len()).filter(free).collect();
            let count = u64::try_from(open.len()).ok().filter(|count| *count > 0)?;
            usize::try_from(random % count).ok().map(|at| open[at])
        }
        Rotation::Location => in_turn(lines.len(), counter, |at| free(at) && city(at))
            .or_else(|| in_turn(lines.len(), counter, |at| free(at) && province(at)))
            .or_else(|| in_turn(lines.len(), counter, free)),
    }
}

/// Of those that fit, the one whose turn it is: turns go round over those that fit.
fn in_turn(length: usize, counter: i64, fits: impl Fn(&usize) -> bool) -> Option<usize> {
    let fitting: Vec<usize> = (0..length).filter(fits).collect();
    let count = i64::try_from(fitting.len()).ok().filter(|count| *count > 0)?;
    usize::try_from(counter.rem_euclid(count)).ok().map(|at| fitting[at])
}

/// When a phone number may next be called; `None` if it may be now.
///
/// `calls_today` are its calls since midnight in `zone`, the enterprise's; `last_started_at` the start
/// of the last one on any day.
pub fn frequency_wait(
    cap: &FrequencyCap,
    zone: Tz,
    now: Time,
    calls_today: u32,
    last_started_at: Option<Time>,
) -> Option<Time> {
    let used_up = cap.per_day.filter(|most| calls_today >= *most);
    let tomorrow = used_up.and_then(|_| {
        let date = now.with_timezone(&zone).date_naive().succ_opt()?;
        Some(schedule::instant(midnight(date), zone))
    });
    let apart = cap
        .distance_seconds
        .zip(last_started_at)
        .map(|(seconds, last)| last + TimeDelta::seconds(i64::from(seconds)));
    tomorrow.max(apart.filter(|at| *at > now))
}

#[cfg(test)]
mod tests;
