//! Looks at PostgreSQL that give back what a queue, a worker or an outage lost. None is on the fast
//! path: what they find in good times is nothing.

mod clock_edges;
mod deleted_tasks;
mod dispatch;
mod due_redials;
mod expired_leases;
mod lost_jobs;
mod lost_wakeups;
mod retention;
mod soundness;
mod spool;

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt;
use storage::StoreError;

use crate::Environment;
use crate::unending::unending;

pub use dispatch::dispatch;

/// A look that fails is made again this much later.
const RETRY: Duration = Duration::from_millis(500);

/// The sweeps that look every so often, by the names that metrics give them.
pub(crate) const NAMES: [&str; 9] = [
    "expired_leases",
    "clock_edges",
    "due_redials",
    "deleted_tasks",
    "lost_jobs",
    "lost_wakeups",
    "soundness",
    "retention",
    "spool",
];

/// Run every sweep until the process stops.
pub async fn run(env: Environment) {
    let every = env.settings.sweep_every;
    let lost_jobs_pause = lost_jobs::pause(every, env.settings.lease);
    tokio::join!(
        unending("dispatch", env.clone(), dispatch),
        repeat(&env, "expired_leases", every, expired_leases::look),
        repeat(&env, "clock_edges", every, clock_edges::look),
        repeat(&env, "due_redials", every, due_redials::look),
        repeat(&env, "deleted_tasks", every * 10, deleted_tasks::look),
        repeat(&env, "lost_jobs", lost_jobs_pause, lost_jobs::look),
        repeat(&env, "lost_wakeups", lost_wakeups::pause(every), lost_wakeups::look),
        repeat(&env, "soundness", every * 30, soundness::look),
        repeat(&env, "retention", Duration::from_secs(600), retention::look),
    );
}

/// Keep this machine's spool folder free of what nobody waits for, until the process stops. It goes with the
/// uploads, as only they are sure to run where the folder is.
pub async fn keep_spool(env: Environment) {
    repeat(&env, "spool", Duration::from_secs(600), spool::look).await;
}

/// Look at once, then every so often, until the process stops.
async fn repeat<Look, Looked>(env: &Environment, name: &'static str, every: Duration, look: Look)
where
    Look: Fn(Environment) -> Looked,
    Looked: Future<Output = Result<u64, StoreError>>,
{
    while !env.stopping.is_cancelled() {
        // A look that panics must not end the others.
        let looked = AssertUnwindSafe(async { look(env.clone()).await }).catch_unwind().await;
        let looked = looked.unwrap_or_else(|_| Err(StoreError::Damaged("it panicked".into())));
        let pause = match looked {
            Ok(0) => every,
            Ok(found) => {
                metrics::counter!("callwright_sweep_found_total", "sweep" => name).increment(found);
                tracing::info!(sweep = name, found, "gave back what was lost or due");
                every
            }
            Err(error) => {
                metrics::counter!("callwright_sweep_failed_total", "sweep" => name).increment(1);
                tracing::warn!(sweep = name, %error, "is looked at again");
                RETRY
            }
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = env.stopping.cancelled() => {}
        }
    }
}
