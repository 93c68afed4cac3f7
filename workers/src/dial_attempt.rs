//! Dial one phone number once; then the next, while the slot is ours to fill.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use apalis::prelude::{BoxDynError, Data};
use dialog::conversation::Report;
use dialog::transcript::Speaker;
use jobs::DialAttempt;
use outbound::Time;
use outbound::ids::AttemptId;
use outbound::outcome::RobotResult;
use outbound::record::CallRecord;
use storage::attempts::{self, Begun, DialOrder, PutOff, ToBegin};
use storage::finish::{Finished, NewConversation, NewRecording};
use storage::tasks::{PlannedStep, Step};
use telephony::carrier::{CarrierError, Order};
use telephony::recording::{self, Side, Span};

use crate::call::{Account, Talk};
use crate::environment::Environment;
use crate::fail_point::FailPoint;
use crate::ledger::{EndedCall, FinishedCall, FollowOnCall};
use crate::live::LiveCall;
use crate::runner::Failure;
use crate::{lost_calls, steps};

/// The INVITE leaves within this of the begin, or the attempt is begun again: what a pause's
/// acknowledgement waits for (250 ms), less a margin.
const INVITE_WITHIN: Duration = Duration::from_millis(200);
/// How late an INVITE may be on the time that calls per second gave it.
const PACE_LATENESS: Duration = Duration::from_millis(attempts::PACE_LATENESS_MS);
/// Between two tries while the database is away.
const RETRY: Duration = Duration::from_millis(200);
/// Tries to get an INVITE out in time, before the number goes back.
const TRIES_MAX: u32 = 50;
/// Calls of one job, at most.
const CALLS_MAX: u32 = 1_000;
/// Calls that are up when [`FailPoint::ThreadsBusy`] comes.
const SEVERAL: usize = 5;
/// How long a number waits when the line takes no call at all.
const LINE_AWAY: chrono::TimeDelta = chrono::TimeDelta::seconds(10);

/// The row says whether this happens: a second delivery finds it begun. When the call is up here, it does
/// nothing; when the first one failed, nobody knows what left, and the attempt ends as `worker_lost`. When
/// the call ends, the job goes on with the calls that follow on the slot it frees: they need no wake-up.
///
/// The call runs as a task of its own: when Redis forgets the job, the call goes on.
pub async fn dial_attempt(job: DialAttempt, env: Data<Environment>) -> Result<(), BoxDynError> {
    let env = env.0;
    tokio::spawn(async move { dial(&env, &job).await }).await??;
    Ok(())
}

async fn dial(env: &Environment, job: &DialAttempt) -> Result<(), Failure> {
    let Some(live) = env.live.enter(job.attempt) else { return Ok(()) };
    env.settings.die_at.pass(FailPoint::Delivered);
    let first = ToBegin::new(job.attempt, job.token);
    let Some(order) = place(env, first).await? else { return Ok(()) };
    let mut next = Some((order, live));
    for left in (0..CALLS_MAX).rev() {
        let Some((order, live)) = next else { return Ok(()) };
        let Some(followed) = call(env, order, live, left > 0).await? else { return Ok(()) };
        next = follow(env, followed).await?;
    }
    Ok(())
}

/// Make the call, from its INVITE to its record. What comes back is the call that follows on.
async fn call(
    env: &Environment,
    order: DialOrder,
    mut live: LiveCall,
    may_go_on: bool,
) -> Result<Option<FollowOnCall>, Failure> {
    let die_at = &env.settings.die_at;
    let mut placed = Some(order);
    let (order, started_at, call) = loop {
        let Some(order) = placed else { return Ok(None) };
        live.begin();
        die_at.pass(FailPoint::Begun);
        let started_at = env.clock.now();
        match env.carrier.originate(leg(&order)).await {
            Ok(call) => break (order, started_at, call),
            // Held up on the last steps: the fence is asked again.
            Err(CarrierError::Late) => {
                placed = place(env, ToBegin::again(order.attempt, order.token)).await?;
            }
            Err(error) => {
                not_placed(env, &order, &error).await?;
                return Ok(None);
            }
        }
    };
    die_at.pass(FailPoint::Invited);
    die_at.pass(FailPoint::InvitePanics);
    if die_at.fails(FailPoint::InviteFails) {
        return Err(Failure::Broken(FailPoint::InviteFails.to_string()));
    }
    if env.live.len() >= SEVERAL {
        die_at.busy(env.settings.lease * 2);
    }
    metrics::counter!("callwright_calls_started_total").increment(1);
    let call_id = call.call_id().to_owned();
    let talk = Talk::new(env, &order, call);
    let Some(account) = talk.run(started_at, &mut live).await else {
        metrics::counter!("callwright_calls_lost_total").increment(1);
        tracing::warn!(attempt = %order.attempt, "the lease of a live call was lost; it was hung up");
        return Ok(None);
    };
    die_at.pass(FailPoint::Ended);
    finish(env, order, call_id, account, may_go_on).await
}

/// The windows once more, and the time: the commit may have taken long.
async fn follow(
    env: &Environment,
    followed: FollowOnCall,
) -> Result<Option<(DialOrder, LiveCall)>, Failure> {
    let FollowOnCall { order, live } = followed;
    let placed = match check(env, &order).await? {
        Check::Place => Some(order),
        Check::TooLate => place(env, ToBegin::again(order.attempt, order.token)).await?,
        Check::PutOff => None,
    };
    Ok(placed.map(|placed| (placed, live)))
}

/// Do something for a begun attempt whose INVITE has not left. Nobody else may while its lease lasts, so a
/// database that is away is asked until then: left to the next delivery, the call would count as lost.
async fn insist<T, Try, Tried>(env: &Environment, of: AttemptId, attempt: Try) -> Result<T, Failure>
where
    Try: Fn() -> Tried,
    Tried: Future<Output = Result<T, Failure>>,
{
    let asked = Instant::now();
    loop {
        match attempt().await {
            Err(error @ (Failure::Store(_) | Failure::Shared(_)))
                if asked.elapsed() < env.settings.lease =>
            {
                tracing::warn!(%error, attempt = %of, "a step before an INVITE is tried again");
                tokio::time::sleep(RETRY).await;
            }
            done => return done,
        }
    }
}

/// What is left to do with a begun attempt.
enum Check {
    Place,
    /// The time for its INVITE is over: begin it again.
    TooLate,
    /// The window closed on the way; the number is back.
    PutOff,
}

/// See that nothing forbids the INVITE of a begun attempt at this very moment.
async fn check(env: &Environment, order: &DialOrder) -> Result<Check, Failure> {
    let now = env.clock.now();
    if order.hours.may_call(now, Some(order.facts.callee)).is_err() {
        put_off(env, order, now).await?;
        return Ok(Check::PutOff);
    }
    if order.fenced.elapsed() > INVITE_WITHIN {
        return Ok(Check::TooLate);
    }
    Ok(Check::Place)
}

/// Begin the attempt, in its turn. `None`: it is not to be dialled, and whatever had to be done about
/// that is done.
async fn place(env: &Environment, mut begin: ToBegin) -> Result<Option<DialOrder>, Failure> {
    let attempt = begin.attempt;
    let mut turn: Option<Time> = None;
    for _ in 0..TRIES_MAX {
        if let Some(at) = turn {
            tokio::time::sleep(env.clock.until(at)).await;
        }
        let begun = || async { Ok(env.ledger.begin(begin).await?) };
        // Should the first begin fail, nobody knows whether it was written, nor who begins it next.
        let begun = match begin.unplaced {
            true => insist(env, attempt, begun).await?,
            false => begun().await?,
        };
        let order = match begun {
            Begun::Dial(order) => *order,
            Begun::Refused => return Ok(None),
            Begun::Lost(lost) => {
                lost_calls::end(env, &[lost]).await?;
                return Ok(None);
            }
        };
        // From here on it is known that no INVITE has left.
        begin.unplaced = true;
        let now = env.clock.now();
        if order.paced && !turn.is_some_and(|at| in_time(env, at, now)) {
            turn = insist(env, attempt, || async { Ok(env.ledger.pace(attempt).await?) }).await?;
            if turn.is_some_and(|at| !in_time(env, at, env.clock.now())) {
                continue;
            }
        }
        match check(env, &order).await? {
            Check::Place => return Ok(Some(order)),
            Check::TooLate => {}
            Check::PutOff => return Ok(None),
        }
    }
    tracing::warn!(%attempt, "no INVITE got out in time; the number goes back");
    undo(env, attempt, begin.token, None).await?;
    Ok(None)
}

/// Give back a begun attempt whose INVITE has not left.
async fn undo(
    env: &Environment,
    attempt: AttemptId,
    token: i64,
    until: Option<PutOff>,
) -> Result<(), Failure> {
    let withdraw = || async {
        Ok(attempts::withdraw(&env.store, attempt, token, env.clock.now(), until).await?)
    };
    insist(env, attempt, withdraw).await
}

/// Whether an INVITE that leaves now keeps the turn that calls per second gave it.
fn in_time(env: &Environment, turn: Time, now: Time) -> bool {
    (now - turn).to_std().is_ok_and(|late| env.clock.real(late) <= PACE_LATENESS)
}

/// The window closed on the way: the number goes back, and the task's state is made to say so.
async fn put_off(env: &Environment, order: &DialOrder, now: Time) -> Result<(), Failure> {
    let until = if order.hours.callee_local_time.is_on() {
        order.hours.next_open(now, Some(order.facts.callee)).map(PutOff::callee_window)
    } else {
        let edge = PlannedStep { task: order.facts.task, step: Step::Edge, at: now };
        insist(env, order.attempt, || async { Ok(steps::take(env, edge).await?) }).await?;
        None
    };
    undo(env, order.attempt, order.token, until).await
}

/// No INVITE left: the number goes back and waits a little for the line.
async fn not_placed(
    env: &Environment,
    order: &DialOrder,
    error: &CarrierError,
) -> Result<(), Failure> {
    metrics::counter!("callwright_calls_not_placed_total").increment(1);
    tracing::error!(%error, attempt = %order.attempt, "the line placed no call; the number waits");
    let until = PutOff::trunk_refused(env.clock.now() + LINE_AWAY);
    undo(env, order.attempt, order.token, Some(until)).await
}

fn leg(order: &DialOrder) -> Order {
    let facts = &order.facts;
    Order {
        attempt: order.attempt,
        token: order.token,
        enterprise: facts.enterprise,
        task: facts.task,
        trunk: facts.trunk,
        line: order.line.clone(),
        callee: facts.callee,
        caller: facts.caller,
        round: facts.round,
        chain_index: facts.chain_index,
        ring_timeout: Duration::from_secs(order.ring_timeout_seconds.into()),
        max_call: Duration::from_secs(order.max_call_seconds.into()),
        invite_by: order.fenced + INVITE_WITHIN,
        hours: Arc::clone(&order.hours),
    }
}

async fn finish(
    env: &Environment,
    order: DialOrder,
    call_id: String,
    account: Account,
    may_go_on: bool,
) -> Result<Option<FollowOnCall>, Failure> {
    let attempt = order.attempt;
    let recording = match &account.report {
        Some(report) if order.recording => record_call(env, &order, report, &account).await,
        _ => None,
    };
    env.settings.die_at.pass(FailPoint::Recorded);
    let conversation = match &account.report {
        Some(report) => Some(NewConversation {
            transcript: serde_json::to_value(&report.transcript)?,
            log: serde_json::to_value(&report.log)?,
        }),
        None => None,
    };
    let mut record = record_of(&order, call_id, &account);
    record.recording_state = recording.as_ref().map(|_| "pending".to_owned());
    let result = record.result;
    let finished = Finished {
        attempt,
        token: order.token,
        record,
        trunk_refused: account.ending.trunk_refused,
        conversation,
        recording,
    };
    let ending = EndedCall { finished, go_on: may_go_on && env.goes_on() };
    let ended = env.ledger.finish(ending).await?;
    let FinishedCall { done, next, pushed } = ended;
    if done.written {
        metrics::counter!("callwright_calls_finished_total", "result" => result.word())
            .increment(1);
    } else {
        metrics::counter!("callwright_calls_lost_total").increment(1);
        tracing::warn!(%attempt, "the call's lease was lost; nothing was written");
    }
    if next.is_none() {
        // The job is over: what follows from it is pushed before it is acknowledged.
        pushed.wait().await;
    }
    Ok(next)
}

/// Write the recording into the spool. A disk that fails costs the recording, not the record.
async fn record_call(
    env: &Environment,
    order: &DialOrder,
    report: &Report,
    account: &Account,
) -> Option<NewRecording> {
    let attempt = order.attempt;
    let path = env.spool.path(attempt);
    let length_ms = (account.ending.at - account.answered_at?).num_milliseconds();
    let length_ms = u64::try_from(length_ms).unwrap_or(0);
    let spans = spans(report);
    let written = tokio::task::spawn_blocking(move || recording::write(&path, &spans, length_ms));
    let failed = match written.await {
        Ok(Ok(recorded)) => {
            let key = storage::objects::keys::recording(
                order.facts.enterprise,
                order.facts.task,
                attempt,
                account.started_at,
            );
            return Some(NewRecording {
                spool: env.spool.id().to_owned(),
                object_key: key,
                duration_ms: i64::try_from(recorded.duration_ms).unwrap_or(i64::MAX),
            });
        }
        Ok(Err(error)) => error.to_string(),
        Err(error) => error.to_string(),
    };
    metrics::counter!("callwright_recordings_failed_total").increment(1);
    tracing::error!(error = failed, %attempt, "the recording can't be written");
    None
}

fn spans(report: &Report) -> Vec<Span> {
    let lines = report.transcript.iter().map(|line| Span {
        side: match line.speaker {
            Speaker::Customer => Side::Customer,
            Speaker::Robot => Side::Robot,
        },
        from_ms: line.start_ms,
        to_ms: line.end_ms,
        text: line.text.clone(),
    });
    lines.collect()
}

fn record_of(order: &DialOrder, call_id: String, account: &Account) -> CallRecord {
    let ending = &account.ending;
    let result = ending.result.for_cause(&ending.cause);
    let mut record = order.facts.record(order.attempt, result, account.started_at, ending.at);
    record.call_id = call_id;
    record.cause = ending.cause.clone();
    record.sip_code = ending.sip_code;
    record.q850_cause = ending.q850_cause;
    // A call that nobody answered was hung up by nobody.
    record.hangup_party = ending.party.filter(|_| record.answered());
    record.ringing_at = account.ringing_at;
    record.answered_at = account.answered_at;
    if let Some(report) = &account.report {
        let after = |ms: u64| {
            let ms = i64::try_from(ms).unwrap_or(0);
            account.answered_at.map(|at| at + chrono::TimeDelta::milliseconds(ms))
        };
        record.robot_entered_at = report.robot_entered_ms.and_then(after);
        record.robot_ended_at = report.robot_ended_ms.and_then(after);
        record.robot_name = report.robot_name.clone();
        record.robot_answer_result = report.robot_result.map(robot_result);
        record.turns = report.turns;
        record.interruptions = report.interruptions;
        record.transferred = report.transferred;
        record.intent_tags = report.intent_tags.clone();
        record.opening_hangup_seconds = report.opening_hangup_seconds;
        record.process_hangup_point = report.process_hangup_point.clone();
        record.captures = report.captures.clone();
    }
    record
}

const fn robot_result(result: dialog::conversation::RobotResult) -> RobotResult {
    match result {
        dialog::conversation::RobotResult::Answered => RobotResult::Answered,
        dialog::conversation::RobotResult::NotAnswered => RobotResult::NotAnswered,
        dialog::conversation::RobotResult::Error => RobotResult::Error,
    }
}
