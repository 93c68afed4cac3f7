use super::PauseReason::{
    DoNotCallPeriod, Manual, NoPendingNumbers, OutsideCallPeriod, TrunkFailure,
};
use super::TaskState::{Ended, Initial, Paused, Running};
use super::*;

const OPEN: Facts = Facts { numbers: true, closed: None, trunk_failed: false };
const NIGHT: Facts = Facts { closed: Some(Closed::DoNotCallPeriod), ..OPEN };
const EVENING: Facts = Facts { closed: Some(Closed::OutsideCallPeriod), ..OPEN };
const EMPTY: Facts = Facts { numbers: false, ..OPEN };
const DOWN: Facts = Facts { trunk_failed: true, ..OPEN };

const STATES: [TaskState; 8] = [
    Initial,
    Running,
    Paused(NoPendingNumbers),
    Paused(DoNotCallPeriod),
    Paused(OutsideCallPeriod),
    Paused(Manual),
    Paused(TrunkFailure),
    Ended,
];

#[test]
fn the_guides_execution_table() {
    let walk = [
        (Event::Start, EMPTY, Err(Refusal::TaskHasNoNumbers)),
        (Event::End, EMPTY, Err(Refusal::TaskHasNoNumbers)),
        (Event::ScheduledStart, OPEN, Ok(Running)),
        (Event::NothingPending(WhenDone::Pause), OPEN, Ok(Paused(NoPendingNumbers))),
        (Event::RedialDue, OPEN, Ok(Running)),
        (Event::WindowClosed(Closed::DoNotCallPeriod), NIGHT, Ok(Paused(DoNotCallPeriod))),
        (Event::WindowOpened, OPEN, Ok(Running)),
        (Event::NothingPending(WhenDone::Pause), OPEN, Ok(Paused(NoPendingNumbers))),
    ];
    let mut state = Initial;
    for (event, facts, next) in walk {
        assert_eq!(state.after(event, facts), next, "{state:?} {event:?}");
        state = next.unwrap_or(state);
    }
}

/// One row a state, one column an event, in open hours.
#[test]
fn each_event_moves_each_state_as_the_diagram_shows() {
    let same = |state| Ok(state);
    for state in STATES {
        let auto_paused = matches!(state, Paused(reason) if reason != Manual);
        let start = if state == Running { Err(Refusal::AlreadyRunning) } else { Ok(Running) };
        let held = state == Paused(Manual);
        for (event, next) in [
            (Event::Start, start),
            (Event::AutoImport, Ok(Running)),
            (Event::ScheduledStart, Ok(if held { state } else { Running })),
            (Event::RedialDue, Ok(if state == Paused(NoPendingNumbers) { Running } else { state })),
            (
                Event::TrunkRecovered,
                Ok(if state == Paused(TrunkFailure) { Running } else { state }),
            ),
            (
                Event::WindowOpened,
                match state {
                    Paused(DoNotCallPeriod | OutsideCallPeriod) => Ok(Running),
                    _ => same(state),
                },
            ),
            (
                Event::NothingPending(WhenDone::End),
                Ok(if state == Running { Ended } else { state }),
            ),
            (
                Event::Pause,
                match state {
                    Initial | Ended => Err(Refusal::NotRunning),
                    _ => Ok(Paused(Manual)),
                },
            ),
            (Event::End, if state == Ended { Err(Refusal::AlreadyEnded) } else { Ok(Ended) }),
            (Event::ScheduledEnd, Ok(Ended)),
        ] {
            assert_eq!(state.after(event, OPEN), next, "{state:?} {event:?} {auto_paused}");
        }
    }
}

#[test]
fn a_manual_pause_and_an_end_are_never_undone_by_themselves() {
    let automatic = [
        Event::RedialDue,
        Event::WindowOpened,
        Event::WindowClosed(Closed::OutsideCallPeriod),
        Event::NothingPending(WhenDone::Pause),
        Event::NothingPending(WhenDone::End),
        Event::TrunkFailed,
        Event::TrunkRecovered,
    ];
    for facts in [OPEN, NIGHT, EMPTY, DOWN] {
        for event in automatic {
            for state in [Paused(Manual), Ended, Initial] {
                assert_eq!(state.after(event, facts), Ok(state), "{event:?}");
            }
        }
        assert_eq!(Paused(Manual).after(Event::ScheduledStart, facts), Ok(Paused(Manual)));
    }
}

#[test]
fn a_start_in_a_closed_window_lands_in_its_pause() {
    for event in [Event::Start, Event::AutoImport, Event::ScheduledStart] {
        assert_eq!(Initial.after(event, NIGHT), Ok(Paused(DoNotCallPeriod)));
        assert_eq!(Ended.after(event, EVENING), Ok(Paused(OutsideCallPeriod)));
        assert_eq!(Initial.after(event, DOWN), Ok(Paused(TrunkFailure)));
    }
    assert_eq!(
        Paused(NoPendingNumbers).after(Event::RedialDue, NIGHT),
        Ok(Paused(DoNotCallPeriod))
    );
    assert_eq!(
        Paused(TrunkFailure).after(Event::TrunkRecovered, NIGHT),
        Ok(Paused(DoNotCallPeriod))
    );
}

#[test]
fn one_window_may_close_as_another_opens() {
    let closed = Event::WindowClosed(Closed::DoNotCallPeriod);
    assert_eq!(Paused(OutsideCallPeriod).after(closed, NIGHT), Ok(Paused(DoNotCallPeriod)));
    assert_eq!(
        Paused(DoNotCallPeriod).after(Event::WindowOpened, EVENING),
        Ok(Paused(OutsideCallPeriod))
    );
    assert_eq!(Paused(NoPendingNumbers).after(closed, NIGHT), Ok(Paused(NoPendingNumbers)));
}

#[test]
fn a_scheduled_start_without_numbers_changes_nothing() {
    for state in [Initial, Paused(NoPendingNumbers), Ended] {
        assert_eq!(state.after(Event::ScheduledStart, EMPTY), Ok(state));
    }
}

#[test]
fn states_read_back_from_their_words() {
    for state in STATES {
        let (word, reason) = state.words();
        assert_eq!(TaskState::from_words(word, reason), Some(state));
    }
    assert_eq!(TaskState::from_words("paused", None), None);
    assert_eq!(TaskState::from_words("running", Some("manual")), None);
}

#[test]
fn a_tasks_history_its_list_and_a_refusal_use_the_words_that_are_documented() {
    for (event, word) in [
        (Event::Start, "start"),
        (Event::AutoImport, "auto_import"),
        (Event::ScheduledStart, "scheduled_start"),
        (Event::RedialDue, "redial_due"),
        (Event::WindowOpened, "window_opened"),
        (Event::WindowClosed(Closed::OutsideCallPeriod), "window_closed"),
        (Event::NothingPending(WhenDone::End), "nothing_pending"),
        (Event::Pause, "pause"),
        (Event::End, "end"),
        (Event::ScheduledEnd, "scheduled_end"),
        (Event::TrunkFailed, "trunk_failed"),
        (Event::TrunkRecovered, "trunk_recovered"),
    ] {
        assert_eq!(event.word(), word);
    }
    for (reason, word, title) in [
        (NoPendingNumbers, "no_pending_numbers", "No Pending Numbers"),
        (DoNotCallPeriod, "do_not_call_period", "Do-Not-Call Time Period"),
        (OutsideCallPeriod, "outside_call_period", "Outside Call Time Period"),
        (Manual, "manual", "Paused by Hand"),
        (TrunkFailure, "trunk_failure", "Trunk Failure"),
    ] {
        assert_eq!((reason.word(), reason.title()), (word, title));
        assert_eq!(serde_json::json!(reason), word, "the API and the database agree");
    }
    for (refusal, code) in [
        (Refusal::TaskHasNoNumbers, "task_has_no_numbers"),
        (Refusal::NotRunning, "task_not_running"),
        (Refusal::AlreadyRunning, "task_already_running"),
        (Refusal::AlreadyEnded, "task_already_ended"),
    ] {
        assert_eq!(refusal.code(), code);
    }
}
