//! A look at what must always hold, for the metrics: `callwright_unsound{what}` is 0 while it does.

use chrono::TimeDelta;
use storage::{StoreError, soundness};

use crate::Environment;

/// A timed step, or a number that fell due, is forgotten when it is later than this.
const STEP_LATE: TimeDelta = TimeDelta::minutes(5);
/// A lease that is past by this many leases more was forgotten.
const LEASES: f64 = 4.0;

pub async fn look(env: Environment) -> Result<u64, StoreError> {
    let late = LEASES * env.settings.lease.as_secs_f64();
    let found = soundness::look(&env.store, env.clock.now() - STEP_LATE, late).await?;
    for (what, n) in [
        ("miscounts", found.miscounts),
        ("overdue_steps", found.overdue_steps),
        ("overdue_waiting", found.overdue_waiting),
        ("dead_leases", found.dead_leases),
        ("stuck_imports", found.stuck_imports),
    ] {
        metrics::gauge!("callwright_unsound", "what" => what).set(n as f64);
        if n > 0 {
            tracing::error!(what, n, "what must always hold does not");
        }
    }
    Ok(0)
}
