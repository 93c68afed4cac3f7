//! What runs until the process stops, whatever happens in it.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt;

use crate::Environment;

/// Between a panic and the next start.
const RESTART: Duration = Duration::from_millis(500);

/// Run it to its end, and again whenever it panics: without renewals every call of the process would be
/// lost, without a dispatcher none would begin, and nothing else would say so.
pub async fn unending<Run, Running>(what: &'static str, env: Environment, run: Run)
where
    Run: Fn(Environment) -> Running,
    Running: Future<Output = ()>,
{
    while AssertUnwindSafe(run(env.clone())).catch_unwind().await.is_err() {
        metrics::counter!("callwright_worker_restarts_total", "queue" => what).increment(1);
        tracing::error!(what, "it panicked, and is started again");
        tokio::time::sleep(RESTART).await;
    }
}
