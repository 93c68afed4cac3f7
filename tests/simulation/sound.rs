//! What is true of the whole world after every operation, told from what happened and not from the
//! books that the model keeps.

use chrono::TimeDelta;
use outbound::Time;
use outbound::number::NumberState;
use outbound::outcome::CallResult;
use outbound::redial::Reference;
use outbound::task::{PauseReason, TaskState};

use crate::model::{Record, Stands, World};
use crate::rules::redial::covers;

/// Stops the run where something is wrong.
pub fn check(world: &World) {
    phones_are_on_one_call(world);
    numbers_stand_in_one_place(world);
    tasks_are_watched(world);
    records_tell_the_policy(world);
}

/// Never two calls to one phone at a time.
fn phones_are_on_one_call(world: &World) {
    let mut up: Vec<u8> = world.calls.iter().map(|call| call.phone).collect();
    up.sort_unstable();
    let twice = up.windows(2).find(|pair| pair[0] == pair[1]);
    assert_eq!(twice, None, "a phone is on two calls");
}

/// A number is on a call exactly where a live attempt is its own; nobody is lost.
fn numbers_stand_in_one_place(world: &World) {
    for (place, number) in world.numbers.iter().enumerate() {
        let live = world.calls.iter().filter(|call| call.number == place).count();
        let calling = usize::from(number.stands == Stands::Calling);
        assert_eq!(live, calling, "live attempts of number {place}: {number:?}");
        if number.stands == Stands::Ready {
            assert!(number.chain_index < number.phones.len(), "no phone to call: {number:?}");
        }
        let connected = number.stands == Stands::Ended(NumberState::Connected);
        let answered = world
            .records
            .iter()
            .any(|record| record.number == place && record.result == CallResult::Answered);
        let deleted = number.stands == Stands::Deleted;
        assert!(deleted || connected == answered, "a connected call ends the number: {number:?}");
    }
}

/// A task that its windows move has its next edge planned, and none is moved by a window that it
/// does not keep to.
fn tasks_are_watched(world: &World) {
    for (place, task) in world.tasks.iter().enumerate() {
        let closed = match task.state {
            TaskState::Running => None,
            TaskState::Paused(PauseReason::DoNotCallPeriod | PauseReason::OutsideCallPeriod) => {
                Some(())
            }
            _ => {
                assert_eq!(task.edge_at, None, "task {place} is woken for nothing");
                continue;
            }
        };
        // Between edges the state is what the window says; at an edge the step is due.
        if task.edge_at.is_none_or(|edge| edge > world.now) {
            let says = task.plan.task_closed(world.now).map(drop);
            assert_eq!(closed, says, "task {place} is {:?}", task.state);
        }
    }
}

/// Each round began when the policy in force said, for a status that it covers, and none came after
/// the end. Only the newest record is new.
fn records_tell_the_policy(world: &World) {
    let Some(record) = world.records.last() else { return };
    let earlier: Vec<&Record> =
        world.records.iter().filter(|it| it.number == record.number && it.id < record.id).collect();
    for before in &earlier {
        assert!(before.ended_at <= record.started_at, "two calls of a number at a time");
        assert_ne!(before.result, CallResult::Answered, "called after it was connected");
    }
    let counted: Vec<&Record> = earlier.into_iter().filter(|record| !record.uncounted).collect();
    let Some(last) = counted.last() else {
        assert_eq!((record.round, record.chain_index), (0, record.chain_index), "{record:?}");
        return;
    };
    if last.round == record.round {
        assert!(last.chain_index < record.chain_index, "{record:?} after {last:?}");
        return;
    }
    assert_eq!(last.round + 1, record.round, "{record:?} after {last:?}");
    let policy = &world.policies[last.policy];
    let status = |record: &&&Record| match record.result {
        CallResult::Unanswered(status) => covers(policy, status),
        CallResult::Answered => false,
    };
    assert!(policy.enabled, "{record:?} of a policy that is off");
    let wait = policy.retry_seconds[usize::from(last.round)];
    assert!(counted.iter().any(|record| status(&record)), "nothing of {counted:?} is redialled");
    let first_of = |round: u16| -> Time {
        let first = counted.iter().find(|record| record.round == round);
        first.expect("its round").started_at
    };
    let from = match policy.reference {
        Reference::FirstCall => counted[0].started_at,
        Reference::LastCall => first_of(last.round),
    };
    let due = from + TimeDelta::seconds(wait.into());
    assert!(record.started_at >= due, "{record:?} before {due}");
}
