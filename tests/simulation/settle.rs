//! How a world comes to rest: everything that stands in the way is taken away, and every number that is
//! left is called until it ends. Whoever is left then was lost.

use outbound::enterprise::FrequencyCap;
use outbound::task::{PauseReason, TaskState};

use crate::model::{Stands, World};
use crate::op::{Op, Outcome, Windows};

/// Rounds after which something is stuck.
pub const ROUNDS_MAX: usize = 1_500;

/// A person stopped it: it does not go on by itself.
pub fn is_stopped(state: TaskState) -> bool {
    matches!(state, TaskState::Initial | TaskState::Ended | TaskState::Paused(PauseReason::Manual))
}

/// Numbers that are not at their end.
pub fn left(world: &World) -> Vec<(usize, Stands)> {
    let stands = |place: usize| (place, world.numbers[place].stands);
    let open =
        |(_, stands): &(usize, Stands)| !matches!(stands, Stands::Ended(_) | Stands::Deleted);
    (0..world.numbers.len()).map(stands).filter(open).collect()
}

/// What happens next; nothing when all is at rest.
pub fn next(world: &World) -> Vec<Op> {
    if left(world).is_empty() {
        return Vec::new();
    }
    let small = |place: usize| u8::try_from(place).expect("few of everything");
    let mut ops = obstacles(world);
    if !ops.is_empty() {
        return ops;
    }
    for (place, call) in world.calls.iter().enumerate() {
        if call.begun.is_none() && !call.lease_over {
            ops.push(Op::Begin { call: small(place), worker: 0 });
        }
    }
    if ops.is_empty() {
        for place in (0..world.calls.len()).rev() {
            ops.push(match world.calls[place].begun.map(|begun| begun.by) {
                Some(crate::model::Holder::Worker(_)) => {
                    Op::Finish { call: small(place), outcome: Outcome::Answered, twice: false }
                }
                _ => Op::Die(small(place)),
            });
        }
        ops.push(Op::Sweep { record: true });
    }
    let waits = world.next_due().is_some_and(|due| due > world.now);
    let ready = world.numbers.iter().any(|number| number.stands == Stands::Ready);
    if waits && !ready && world.calls.is_empty() {
        ops.push(Op::JumpToDue { seconds: 1 });
    }
    ops.extend([Op::Steps, Op::Redials, Op::Claim { dispatcher: 0, at_most: 200 }]);
    ops
}

/// What keeps numbers from being called, taken away.
fn obstacles(world: &World) -> Vec<Op> {
    let small = |place: usize| u8::try_from(place).expect("few of everything");
    let mut ops = Vec::new();
    if world.settings.frequency_cap != FrequencyCap::default() {
        ops.push(Op::Cap(FrequencyCap::default()));
    }
    if world.settings.concurrency_limit < 100 {
        ops.push(Op::Limit(100));
    }
    for (place, trunk) in world.trunks.iter().enumerate() {
        if !trunk.in_service || trunk.concurrency < 100 {
            let trunk = small(place);
            ops.push(Op::Trunk { trunk, concurrency: 100, in_service: true });
        }
    }
    if !ops.is_empty() {
        return ops;
    }
    for (place, task) in world.tasks.iter().enumerate() {
        let (here, windows) = (small(place), Windows::default());
        let has_numbers =
            left(world).iter().any(|(number, _)| world.numbers[*number].task == place);
        if task.scheduled_start.is_some() || task.scheduled_end.is_some() {
            ops.push(Op::EditDates { task: here, start: None, end: None, on_range: false });
        } else if task.plan.hours != world.hours_of(windows) {
            ops.push(Op::EditWindows(here, windows));
        } else if task.concurrency < 50 {
            ops.push(Op::EditConcurrency(here, 50));
        } else if task.state != TaskState::Running && has_numbers {
            let waits = |number: &crate::model::Number| {
                number.task == place && matches!(number.stands, Stands::Waiting { .. })
            };
            let ready = |number: &crate::model::Number| {
                number.task == place && number.stands == Stands::Ready
            };
            let paused = task.state == TaskState::Paused(PauseReason::NoPendingNumbers);
            let only_waits =
                paused && world.numbers.iter().any(waits) && !world.numbers.iter().any(ready);
            if !only_waits {
                ops.push(Op::Start(here));
            }
        }
    }
    ops
}
