//! How the free slots of an enterprise are shared among its tasks.

/// What a task may still take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TaskRoom<Task> {
    pub task: Task,
    /// Calls that it may begin now.
    pub free: u32,
    /// Calls that it has up.
    pub live: u32,
    /// Calls that it may have up.
    pub limit: u32,
}

/// Share out the free slots of an enterprise among its tasks: each slot goes to the task whose calls
/// are the lowest share of its limit. Tasks that get nothing are left out; the order is kept.
pub fn share_out<Task: Copy>(free_slots: u32, tasks: &[TaskRoom<Task>]) -> Vec<(Task, u32)> {
    let mut given = vec![0u32; tasks.len()];
    let mut open: Vec<usize> = (0..tasks.len()).filter(|at| tasks[*at].free > 0).collect();
    let share = |at: usize, given: &[u32]| {
        let room = &tasks[at];
        (u64::from(room.live) + u64::from(given[at]), u64::from(room.limit.max(1)))
    };
    for _ in 0..free_slots {
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
