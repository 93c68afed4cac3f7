//! Which line a call goes out on. A line is a caller ID with its trunk.

use crate::ids::{CallerIdId, TrunkId};
use crate::phone::Phone;
use crate::task::Rotation;

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

/// What the choice of a line goes by, beside the lines.
#[derive(Debug, Clone, Copy)]
pub struct LineChoice<'a> {
    pub rotation: Rotation,
    /// Counts the task's calls, for taking turns.
    pub calls: i64,
    /// Any random number.
    pub random: u64,
    /// Where the callee is; empty where not known.
    pub callee_province: &'a str,
    pub callee_city: &'a str,
}

/// Which line the next call goes out on, of those with room; `None` if there is none.
pub fn pick_line(lines: &[Line], choice: LineChoice<'_>) -> Option<usize> {
    let LineChoice { rotation, calls, random, callee_province, callee_city } = choice;
    let free = |at: &usize| lines[*at].room > 0;
    let province =
        |at: &usize| !callee_province.is_empty() && lines[*at].province == callee_province;
    let city =
        |at: &usize| province(at) && !callee_city.is_empty() && lines[*at].city == callee_city;
    match rotation {
        Rotation::Sequential => in_turn(lines.len(), calls, free),
        Rotation::Random => {
            let open: Vec<usize> = (0..lines.len()).filter(free).collect();
            let count = u64::try_from(open.len()).ok().filter(|count| *count > 0)?;
            usize::try_from(random % count).ok().map(|at| open[at])
        }
        Rotation::Location => in_turn(lines.len(), calls, |at| free(at) && city(at))
            .or_else(|| in_turn(lines.len(), calls, |at| free(at) && province(at)))
            .or_else(|| in_turn(lines.len(), calls, free)),
    }
}

/// Of those that fit, the one whose turn it is: turns go round over those that fit.
fn in_turn(length: usize, calls: i64, fits: impl Fn(&usize) -> bool) -> Option<usize> {
    let fitting: Vec<usize> = (0..length).filter(fits).collect();
    let count = i64::try_from(fitting.len()).ok().filter(|count| *count > 0)?;
    usize::try_from(calls.rem_euclid(count)).ok().map(|at| fitting[at])
}
