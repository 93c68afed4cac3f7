//! Calls of workers that are lost: they are hung up where they still stand, and written down.

use storage::StoreError;
use storage::attempts::{LostAttempt, finish_lost};
use telephony::carrier::Carrier;

use crate::Environment;
use crate::fail_point::FailPoint;
use crate::{faults, redial};

/// End attempts whose calls nobody carries any more: `call_failed`, cause `worker_lost`. Their numbers go
/// the redial way.
pub async fn end(env: &Environment, lost: &[LostAttempt]) -> Result<(), StoreError> {
    if lost.is_empty() {
        return Ok(());
    }
    for lost in lost {
        metrics::counter!("callwright_workers_lost_calls_total").increment(1);
        // The line is asked for the call, and hangs it up where it still stands.
        let stood = env.lines.hang_up_lost(lost.attempt).await;
        tracing::warn!(attempt = %lost.attempt, stood, "a worker was lost with this call");
    }
    env.settings.die_at.pass(FailPoint::FoundLost);
    let finished = match finish_lost(&env.store, env.clock.now(), lost).await {
        Err(error) if error.is_passing() => return Err(error),
        Ok(finished) => finished,
        // One of them can't be written: the others can.
        Err(_) => {
            let mut finished = Vec::new();
            for lost in lost {
                let done = finish_lost(&env.store, env.clock.now(), &[*lost]).await;
                finished
                    .extend(faults::stays("lost_call", lost.attempt, done)?.into_iter().flatten());
            }
            finished
        }
    };
    let times = finished.iter().filter_map(|finished| Some((finished.task, finished.due_at()?)));
    if let Err(error) = redial::plan(&env.queues, &env.clock, times).await {
        tracing::warn!(%error, "redials of lost calls were not pushed; the sweep makes up for it");
    }
    Ok(())
}
