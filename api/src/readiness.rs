//! What `/ready` found last: however often strangers ask, the servers are asked twice a second at most.

use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::sync::Mutex;

/// For so long the parts are not asked again.
const FRESH: Duration = Duration::from_millis(500);

/// Which parts answered. The reply says nothing else, as it needs no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Parts {
    pub database: &'static str,
    pub queue: &'static str,
    pub objects: &'static str,
}

/// What was found last, and when.
#[derive(Debug, Default)]
pub(crate) struct Readiness(Mutex<Option<(Instant, Parts)>>);

impl Readiness {
    /// The last answer while it is fresh, else a new one. Requests that come while the servers are asked wait for that
    /// answer.
    pub async fn fresh_or(&self, ask: impl Future<Output = Parts>) -> Parts {
        let mut last = self.0.lock().await;
        match *last {
            Some((at, parts)) if at.elapsed() < FRESH => parts,
            _ => {
                let parts = ask.await;
                *last = Some((Instant::now(), parts));
                parts
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_servers_are_asked_once_for_many_who_ask() {
        let readiness = Readiness::default();
        let up = Parts { database: "up", queue: "up", objects: "up" };
        assert_eq!(readiness.fresh_or(async { up }).await, up);
        let asked_again = async { panic!("the servers are asked again") };
        assert_eq!(readiness.fresh_or(asked_again).await, up);
    }
}
