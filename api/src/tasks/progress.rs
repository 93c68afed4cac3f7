//! `GET /v1/tasks/{task_id}/progress`: how a task stands, and what it waits for.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use chrono_tz::Tz;
use outbound::fleet::Fleet;
use outbound::number::NumberState;
use outbound::task::{PauseReason, TaskState};
use outbound::wait::WaitReason;
use outbound::{Time, wall};
use schemars::JsonSchema;
use serde::Serialize;
use storage::tasks::progress::Waiting;
use storage::tasks::{self, PlannedStep, Progress, Step};
use storage::workers;

use super::{StateWord, TaskPath, pause_reason};
use crate::auth::Viewer;
use crate::input::Path;
use crate::reply::Reply;
use crate::state::ApiState;
use crate::why::Why;

/// How a task stands.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "TaskProgress")]
pub(crate) struct ProgressView {
    /// Business time of this answer.
    at: Time,
    state: StateWord,
    pause_reason: Option<PauseReason>,
    /// Numbers by state; every state is there.
    numbers: BTreeMap<&'static str, u64>,
    total: u64,
    /// Calls that are up.
    live: u64,
    /// Calls that may be up.
    limit: u32,
    /// Calls that are up, by round.
    live_by_round: BTreeMap<String, u64>,
    /// Calls that ended.
    calls: u64,
    answered: u64,
    /// Answered calls to calls; `null` before the first.
    connect_rate: Option<f64>,
    /// Seconds of talk over all answered calls.
    talk_seconds: f64,
    waiting: Vec<WaitingView>,
    /// What it does next by itself.
    next_step: Option<StepView>,
    /// Why no more calls than these are up.
    why: Vec<Why>,
}

/// Numbers that wait for one reason.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "WaitingNumbers")]
struct WaitingView {
    /// `redial`, `phone_busy`, `frequency_cap`, `callee_window` or `trunk_refused`.
    reason: &'static str,
    numbers: u64,
    /// When the first of them may be called: it is due, and the window is open.
    next_due_at: Time,
}

/// Something that a task does by itself.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "PlannedStep")]
struct StepView {
    /// `start`, `end`, or `edge`: a window opens or closes.
    step: &'static str,
    at: Time,
}

pub(crate) async fn progress(
    State(state): State<ApiState>,
    Viewer(caller): Viewer,
    Path(path): Path<TaskPath>,
) -> Reply<Json<ProgressView>> {
    let now = state.clock.now();
    let progress = tasks::progress(&state.store, caller.enterprise, path.task_id, now).await?;
    let fleet = workers::fleet(&state.store).await?;
    Ok(Json(ProgressView::new(progress, &fleet)))
}

const fn step_word(step: Step) -> &'static str {
    match step {
        Step::Start => "start",
        Step::End => "end",
        Step::Edge => "edge",
    }
}

impl ProgressView {
    fn new(progress: Progress, fleet: &Fleet) -> Self {
        let next = progress.next_step;
        Self {
            why: why(&progress, fleet),
            at: progress.at,
            state: StateWord::of(progress.state),
            pause_reason: pause_reason(progress.state),
            total: progress.total(),
            live: progress.live(),
            connect_rate: progress.connect_rate(),
            numbers: progress.numbers.into_iter().map(|(state, n)| (state.word(), n)).collect(),
            limit: progress.limit,
            live_by_round: progress
                .live_by_round
                .into_iter()
                .map(|(round, calls)| (round.to_string(), calls))
                .collect(),
            calls: progress.calls,
            answered: progress.answered,
            talk_seconds: progress.talk_ms as f64 / 1_000.0,
            waiting: progress.waiting.into_iter().map(WaitingView::from).collect(),
            next_step: next.map(|next| StepView { step: step_word(next.step), at: next.at }),
        }
    }
}

impl From<Waiting> for WaitingView {
    fn from(waiting: Waiting) -> Self {
        Self {
            reason: waiting.reason.word(),
            numbers: waiting.numbers,
            next_due_at: waiting.next_due_at,
        }
    }
}

/// What keeps a task from having more calls up than it has.
fn why(progress: &Progress, fleet: &Fleet) -> Vec<Why> {
    let mut reasons = vec![why_state(progress.state, progress.next_step, progress.zone)];
    let waits = progress.state == TaskState::Running
        || progress.next_step.is_some()
        || !progress.waiting.is_empty();
    if waits {
        reasons.extend(fleet.absent_for_calls().into_iter().map(Why::from));
    }
    let pending = progress.numbers.get(&NumberState::Pending).copied().unwrap_or(0);
    if progress.reordering {
        let detail =
            "its numbers are being put into the new call order; it dials when that is done";
        reasons.push(Why { code: "reordering", detail: detail.to_owned() });
    } else if progress.state == TaskState::Running {
        if progress.live() >= u64::from(progress.limit) {
            let detail = match progress.limit {
                1 => "its one slot is taken".to_owned(),
                limit => format!("all {limit} slots are taken"),
            };
            reasons.push(Why { code: "slots_full", detail });
        } else if pending == 0 {
            let detail = "no number is pending".to_owned();
            reasons.push(Why { code: "nothing_pending", detail });
        }
    }
    reasons.extend(progress.waiting.iter().map(|waiting| why_waiting(waiting, progress.zone)));
    reasons
}

/// Times are told by the clock of `zone`, the enterprise's.
fn why_state(state: TaskState, next: Option<PlannedStep>, zone: Tz) -> Why {
    let (code, text) = match state {
        TaskState::Initial => ("not_started", "it was never started"),
        TaskState::Running => ("running", "it is running"),
        TaskState::Ended => ("ended", "it was ended; it can be started again"),
        TaskState::Paused(reason) => (reason.word(), reason.title()),
    };
    let next = next.map(|next| match next.step {
        Step::Start => format!("; it starts at {}", wall::zoned(next.at, zone)),
        Step::End => format!("; it ends at {}", wall::zoned(next.at, zone)),
        Step::Edge => format!("; its window changes at {}", wall::zoned(next.at, zone)),
    });
    Why { code, detail: format!("{text}{}", next.unwrap_or_default()) }
}

fn why_waiting(waiting: &Waiting, zone: Tz) -> Why {
    let (code, one, many) = match waiting.reason {
        WaitReason::Redial => ("waiting_redial", "waits for its redial", "wait for their redial"),
        WaitReason::PhoneBusy => (
            "waiting_phone_busy",
            "waits for another call to the same phone to end",
            "wait for another call to the same phone to end",
        ),
        WaitReason::FrequencyCap => (
            "waiting_frequency_cap",
            "was called as often as the frequency cap allows",
            "were called as often as the frequency cap allows",
        ),
        WaitReason::CalleeWindow => (
            "waiting_callee_window",
            "waits for the hours at the callee's place",
            "wait for the hours at the callee's place",
        ),
        WaitReason::TrunkRefused => (
            "waiting_trunk_refused",
            "waits because the line refused",
            "wait because the line refused",
        ),
    };
    let due = wall::zoned(waiting.next_due_at, zone);
    let detail = match waiting.numbers {
        1 => format!("1 number {one}; it is next at {due}"),
        numbers => format!("{numbers} numbers {many}; the next at {due}"),
    };
    Why { code, detail }
}

#[cfg(test)]
mod tests {
    use outbound::fleet::Kind;
    use outbound::ids::TaskId;

    use super::*;

    #[test]
    fn a_task_that_nobody_can_carry_says_which_process_is_missing() {
        let fleet = |kinds: &[Kind]| Fleet::of([kinds.to_vec()]);
        let codes = |progress: &Progress, kinds: &[Kind]| -> Vec<&'static str> {
            why(progress, &fleet(kinds)).into_iter().map(|why| why.code).collect()
        };
        let busy = running(9, 2, 5);
        assert_eq!(codes(&busy, &[Kind::Sweep, Kind::Step]), ["running", "no_dialer"]);
        assert_eq!(codes(&busy, &[Kind::Dial]), ["running", "no_dispatcher"]);
        assert_eq!(codes(&busy, &[]), ["running", "no_dispatcher", "no_dialer"]);
        let never = Progress { state: TaskState::Initial, ..running(9, 0, 5) };
        assert_eq!(codes(&never, &[]), ["not_started"]);
    }

    fn running(pending: u64, live: u64, limit: u32) -> Progress {
        Progress {
            state: TaskState::Running,
            reordering: false,
            numbers: [(NumberState::Pending, pending)].into(),
            live_by_round: [(0, live)].into(),
            limit,
            calls: 0,
            answered: 0,
            talk_ms: 0,
            waiting: Vec::new(),
            next_step: None,
            at: Time::UNIX_EPOCH,
            zone: chrono_tz::Asia::Shanghai,
        }
    }

    fn all_at_work() -> Fleet {
        Fleet::of([Kind::WORK.to_vec()])
    }

    fn codes(progress: &Progress) -> Vec<&'static str> {
        why(progress, &all_at_work()).into_iter().map(|why| why.code).collect()
    }

    #[test]
    fn a_task_tells_what_it_waits_for() {
        assert_eq!(codes(&running(9, 5, 5)), ["running", "slots_full"]);
        assert_eq!(codes(&running(0, 2, 5)), ["running", "nothing_pending"]);
        assert_eq!(codes(&running(9, 2, 5)), ["running"]);
        let moving = Progress { reordering: true, ..running(9, 0, 5) };
        assert_eq!(codes(&moving), ["running", "reordering"]);
        let paused = Progress {
            state: TaskState::Paused(PauseReason::NoPendingNumbers),
            waiting: vec![Waiting {
                reason: WaitReason::Redial,
                numbers: 3,
                next_due_at: Time::UNIX_EPOCH,
            }],
            ..running(0, 0, 5)
        };
        assert_eq!(codes(&paused), ["no_pending_numbers", "waiting_redial"]);
        assert_eq!(
            why(&paused, &all_at_work())[1].detail,
            "3 numbers wait for their redial; the next at 1970-01-01 08:00:00 +08:00"
        );
    }

    #[test]
    fn one_number_is_told_as_one_and_times_are_the_enterprise_s_to_the_second() {
        let at: Time = "2026-12-01T02:25:58.364686Z".parse().expect("a time");
        let one = |reason| Waiting { reason, numbers: 1, next_due_at: at };
        let progress = Progress {
            waiting: WaitReason::ALL.map(one).to_vec(),
            next_step: Some(PlannedStep { task: clock::new_id::<TaskId>(), step: Step::Edge, at }),
            ..running(9, 1, 1)
        };
        for why in why(&progress, &all_at_work()) {
            let detail = why.detail;
            assert!(!detail.contains("1 numbers") && !detail.contains("all 1"), "{detail}");
            assert!(!detail.contains(".36") && !detail.contains('T'), "{detail}");
            assert!(
                why.code == "slots_full" || detail.ends_with(" at 2026-12-01 10:25:58 +08:00"),
                "{detail}"
            );
        }
    }
}
