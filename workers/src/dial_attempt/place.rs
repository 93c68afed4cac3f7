//! From a job to the moment of the INVITE: begin the attempt, wait for its pace, check the windows a last time.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use outbound::Time;
use outbound::ids::AttemptId;
use outbound::timing::INVITE_WITHIN;
use storage::attempts::{self, Begun, DialOrder, PutOff, ToBegin};
use storage::tasks::{PlannedStep, Step};
use telephony::carrier::{CarrierError, Order};

use crate::environment::Environment;
use crate::work::Failure;
use crate::{lost_calls, redial, steps};

/// How late an INVITE may leave after the moment that calls per second gave it.
const PACE_LATENESS: Duration = Duration::from_millis(outbound::pace::LATENESS_MS);
/// Between two tries while the database is away.
const RETRY: Duration = Duration::from_millis(200);
/// How often it tries to send an INVITE in time. Then the number goes back to its lane.
const TRIES_MAX: u32 = 50;
/// How long a number waits when the line takes no call at all.
const LINE_AWAY: chrono::TimeDelta = chrono::TimeDelta::seconds(10);

/// Do something for a begun attempt whose INVITE has not left. While the database is away, it tries again until the
/// lease ends: nobody else may touch the attempt, and the next delivery of the job would record it as lost.
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

/// What to do with a begun attempt.
pub(super) enum Check {
    Place,
    /// The time for its INVITE is over. Begin it again.
    TooLate,
    /// The window closed meanwhile. The number is back in its lane.
    PutOff,
}

/// Check that the INVITE of a begun attempt may leave at this moment.
pub(super) async fn check(env: &Environment, order: &DialOrder) -> Result<Check, Failure> {
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

/// Begin the attempt, at its pace. `None`: it must not be dialled, and nothing is left to do about it.
pub(super) async fn place(
    env: &Environment,
    mut begin: ToBegin,
) -> Result<Option<DialOrder>, Failure> {
    let attempt = begin.attempt;
    let mut planned: Option<Time> = None;
    for _ in 0..TRIES_MAX {
        if let Some(at) = planned {
            tokio::time::sleep(env.clock.until(at)).await;
        }
        let begun = || async { Ok(env.ledger.begin(begin).await?) };
        // When the first begin fails, nobody knows whether it was written. It is left to the next delivery.
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
        // From here on this worker knows that no INVITE has left.
        begin.unplaced = true;
        let now = env.clock.now();
        if order.paced && !planned.is_some_and(|at| in_time(env, at, now)) {
            planned =
                insist(env, attempt, || async { Ok(env.ledger.pace(attempt).await?) }).await?;
            if planned.is_some_and(|at| !in_time(env, at, env.clock.now())) {
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

/// Whether an INVITE that leaves now keeps to its planned moment.
fn in_time(env: &Environment, planned: Time, now: Time) -> bool {
    (now - planned).to_std().is_ok_and(|late| env.clock.real(late) <= PACE_LATENESS)
}

/// The window closed meanwhile. The number goes back, and the task's state changes as at the edge of a window.
async fn put_off(env: &Environment, order: &DialOrder, now: Time) -> Result<(), Failure> {
    let until = if order.hours.callee_local_time.is_on() {
        order.hours.next_open(now, Some(order.facts.callee)).map(PutOff::callee_window)
    } else {
        let edge = PlannedStep { task: order.facts.task, step: Step::Edge, at: now };
        insist(env, order.attempt, || async { Ok(steps::take(env, edge).await?) }).await?;
        None
    };
    undo(env, order.attempt, order.token, until).await?;
    plan(env, order, until).await;
    Ok(())
}

/// Push the job for the time at which the number comes back.
async fn plan(env: &Environment, order: &DialOrder, until: Option<PutOff>) {
    let times = until.map(|until| (order.facts.task, until.until));
    if let Err(error) = redial::plan(&env.queues, &env.clock, times).await {
        tracing::warn!(%error, attempt = %order.attempt, "a number's wait has no job; the sweep makes up for it");
    }
}

/// No INVITE left: the number goes back and waits a little for the line.
pub(super) async fn not_placed(
    env: &Environment,
    order: &DialOrder,
    error: &CarrierError,
) -> Result<(), Failure> {
    metrics::counter!("callwright_calls_not_placed_total").increment(1);
    tracing::error!(%error, attempt = %order.attempt, "the line placed no call; the number waits");
    let until = Some(PutOff::trunk_refused(env.clock.now() + LINE_AWAY));
    undo(env, order.attempt, order.token, until).await?;
    plan(env, order, until).await;
    Ok(())
}

pub(super) fn leg(env: &Environment, order: &DialOrder) -> Order {
    let facts = &order.facts;
    Order {
        attempt: order.attempt,
        token: order.token,
        enterprise: facts.enterprise,
        task: facts.task,
        trunk: facts.trunk,
        line: order.line.clone(),
        transfer_of: None,
        callee: facts.callee,
        caller: facts.caller,
        round: facts.round,
        chain_index: facts.chain_index,
        ring_timeout: Duration::from_secs(order.ring_timeout_seconds.into()),
        max_call: Duration::from_secs(order.max_call_seconds.into()),
        recording: order.recording.map(|_| env.spool.path(order.attempt)),
        begun_at: order.fenced,
        invite_by: order.fenced + INVITE_WITHIN,
        hours: Arc::clone(&order.hours),
    }
}
