//! Signs of life for the calls of this process, and word of calls that are to be hung up.

use std::collections::HashSet;
use std::time::Duration;

use outbound::outcome::cause;
use storage::StoreError;
use storage::attempts::Renewals;

use crate::environment::Environment;
use crate::live::Notice;

const RETRY: Duration = Duration::from_millis(200);

/// Renew the leases of all calls that are up, three times a lease. A call whose attempt is no longer this
/// worker's is told so: its slot was given back.
///
/// It runs on a thread of its own ([`crate::apart`]).
pub async fn renew(env: Environment) {
    let every = env.settings.lease / 3;
    // A database that takes the question and never answers must not cost the lease.
    let patience = env.settings.lease / 2;
    let mut renewals = Renewals::of(&env.store);
    loop {
        // Read before the renewal: a call that begins meanwhile has a fresh lease. Attempts that are about to be
        // begun are renewed, too. The database may have begun them already, and a busy process not have read so.
        let (up, begun) = env.live.attempts();
        if up.is_empty() && env.stopping.is_cancelled() {
            return;
        }
        let mut pause = every;
        if !up.is_empty() {
            let renewed = renewals.renew(&env.worker, env.settings.lease, &up);
            let renewed = tokio::time::timeout(patience, renewed).await.unwrap_or_else(|_| {
                Err(StoreError::Unavailable("a renewal of leases got no answer".into()))
            });
            match renewed {
                Ok(ours) => {
                    let ours: HashSet<_> = ours.into_iter().collect();
                    for lost in begun.into_iter().filter(|attempt| !ours.contains(attempt)) {
                        env.live.tell(lost, Notice::Lost);
                    }
                }
                Err(error) => {
                    metrics::counter!("callwright_renewals_failed_total").increment(1);
                    tracing::warn!(%error, "leases were not renewed; it is tried again");
                    pause = RETRY;
                }
            }
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = env.stopping.cancelled(), if !env.stopping.is_cancelled() => {}
        }
    }
}

/// Hang up the calls of tasks that were ended with `hang_up`.
pub async fn hang_up(env: Environment) {
    while !env.stopping.is_cancelled() {
        let heard = async {
            let mut listener = env.store.listen_hang_up().await?;
            loop {
                let attempt = listener.next().await?;
                env.live.tell(attempt, Notice::HangUp(cause::TASK_ENDED));
            }
            #[expect(unreachable_code, reason = "tells the block's type")]
            Ok::<(), StoreError>(())
        };
        tokio::select! {
            () = env.stopping.cancelled() => return,
            ended = heard => if let Err(error) = ended {
                tracing::warn!(%error, "listening for hang-ups starts over");
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}
