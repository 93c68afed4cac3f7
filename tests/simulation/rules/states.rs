//! The moves of a task, beside the table of `docs/task-states.md`.

use PauseReason::{DoNotCallPeriod, Manual, NoPendingNumbers, OutsideCallPeriod};
use TaskState::{Ended, Initial, Paused, Running};
use outbound::hours::Closed;
use outbound::task::{Event, Facts, PauseReason, TaskState, WhenDone};

/// The state after an event, or the code of a refusal.
pub fn after(state: TaskState, event: Event, facts: Facts) -> Result<TaskState, &'static str> {
    let said = state.after(event, facts).map_err(|refusal| refusal.code());
    assert_eq!(said, table(state, event, facts), "{state:?} {event:?} {facts:?}");
    said
}

/// The table, row by row.
fn table(state: TaskState, event: Event, facts: Facts) -> Result<TaskState, &'static str> {
    let runs = match facts.closed {
        Some(Closed::DoNotCallPeriod) => Paused(DoNotCallPeriod),
        Some(Closed::OutsideCallPeriod) => Paused(OutsideCallPeriod),
        None => Running,
    };
    let by_window = state == Paused(DoNotCallPeriod) || state == Paused(OutsideCallPeriod);
    Ok(match event {
        Event::Start if state == Running => return Err("task_already_running"),
        Event::Start if !facts.numbers => return Err("task_has_no_numbers"),
        Event::Start => runs,
        Event::AutoImport if state == Running => Running,
        Event::AutoImport => runs,
        Event::ScheduledStart if state == Running || state == Paused(Manual) => state,
        Event::ScheduledStart if !facts.numbers => state,
        Event::ScheduledStart => runs,
        Event::RedialDue if state == Paused(NoPendingNumbers) => runs,
        Event::WindowOpened if by_window => runs,
        Event::WindowClosed(Closed::DoNotCallPeriod) if state == Running || by_window => {
            Paused(DoNotCallPeriod)
        }
        Event::WindowClosed(Closed::OutsideCallPeriod) if state == Running || by_window => {
            Paused(OutsideCallPeriod)
        }
        Event::NothingPending(WhenDone::Pause) if state == Running => Paused(NoPendingNumbers),
        Event::NothingPending(WhenDone::End) if state == Running => Ended,
        Event::Pause if state == Initial || state == Ended => return Err("task_not_running"),
        Event::Pause => Paused(Manual),
        Event::End if state == Ended => return Err("task_already_ended"),
        Event::End if state == Initial && !facts.numbers => return Err("task_has_no_numbers"),
        Event::End | Event::ScheduledEnd => Ended,
        _ => state,
    })
}
