//! Dial one phone number once. When the call ends, go on with the calls that follow on its slot.

mod place;
mod record;

use jobs::{Delivery, DialAttempt};
use storage::attempts::{DialOrder, ToBegin};
use telephony::carrier::{Carrier, CarrierError};

use crate::call::Talk;
use crate::environment::{DIAL_CONCURRENCY, Environment, Settings};
use crate::fail_point::FailPoint;
use crate::ledger::FollowOnCall;
use crate::live::LiveCall;
use crate::work::{Failure, Work};
use place::{Check, check, leg, not_placed, place};
use record::finish;

/// Calls that are up when [`FailPoint::ThreadsBusy`] comes.
const SEVERAL: usize = 5;

/// The attempt's row decides whether the call is made. A second delivery of the job finds the attempt begun. It does
/// nothing when the call is up here. When the first delivery failed, nobody knows whether the INVITE left, and the
/// attempt ends as `worker_lost`. When the call ends, another may follow on its slot: it has a job of its own, which
/// takes the place of this one in its delivery.
///
/// The call runs as a task of its own, so it goes on when Redis forgets the job.
impl Work for DialAttempt {
    const CONCURRENCY: usize = DIAL_CONCURRENCY;
    const DELIVERIES_MAX: u32 = 100;

    fn concurrency(settings: &Settings) -> usize {
        settings.dial_concurrency
    }

    async fn run(self, env: Environment, delivery: Delivery) -> Result<(), Failure> {
        let dialled = tokio::spawn(async move { dial(&env, &self, &delivery).await }).await;
        dialled.unwrap_or_else(|error| Err(Failure::Broken(error.to_string())))
    }
}

async fn dial(env: &Environment, job: &DialAttempt, delivery: &Delivery) -> Result<(), Failure> {
    let Some(live) = env.live.enter(job.attempt) else { return Ok(()) };
    env.settings.die_at.pass(FailPoint::Delivered);
    let first = ToBegin::new(job.attempt, job.token);
    let Some(order) = place(env, first).await? else { return Ok(()) };
    let mut next = Some((order, live));
    while let Some((order, live)) = next {
        let Some(followed) = call(env, order, live, delivery).await? else { break };
        next = follow(env, followed).await?;
    }
    Ok(())
}

/// Make the call, from its INVITE to its record. What comes back is the call that follows on.
async fn call(
    env: &Environment,
    order: DialOrder,
    mut live: LiveCall,
    delivery: &Delivery,
) -> Result<Option<FollowOnCall>, Failure> {
    let die_at = &env.settings.die_at;
    let mut begun = Some(order);
    let (order, started_at, placed, call) = loop {
        let Some(order) = begun else { return Ok(None) };
        live.begin();
        die_at.pass(FailPoint::Begun);
        let started_at = env.clock.now();
        let placed = leg(env, &order);
        match env.lines.originate(placed.clone()).await {
            Ok(call) => break (order, started_at, placed, call),
            // It came too late for the time that its begin allows. Begin it again.
            Err(CarrierError::Late) => {
                begun = place(env, ToBegin::again(order.attempt, order.token)).await?;
            }
            // The call that left is up here or over; its attempt is not ours to give back.
            Err(error @ CarrierError::SecondInvite) => return Err(error.into()),
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
    die_at.busy(env.settings.lease * 2, || env.live.len() >= SEVERAL);
    metrics::counter!("callwright_calls_started_total").increment(1);
    let call_id = call.call_id().to_owned();
    let talk = Talk::new(env, &order, placed, call);
    let Some(account) = talk.run(started_at, &mut live).await else {
        metrics::counter!("callwright_calls_lost_total").increment(1);
        tracing::warn!(attempt = %order.attempt, "the lease of a live call was lost; it was hung up");
        return Ok(None);
    };
    die_at.pass(FailPoint::Ended);
    finish(env, order, call_id, account, delivery).await
}

/// Check the windows and the time again before the INVITE, as the commit may have taken long.
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
