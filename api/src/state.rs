//! What the handlers work with.

use std::net::IpAddr;
use std::sync::Arc;

use clock::Clock;
use jobs::{Job, Queues};
use storage::Store;
use storage::objects::Objects;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::at_once::AtOnce;
use crate::limits::{RateConfig, Rates};
use crate::readiness::Readiness;
use crate::strangers::Strangers;

/// What the handlers work with. Clones share all of it.
#[derive(Clone)]
pub struct ApiState {
    pub store: Store,
    pub objects: Objects,
    pub queues: Queues,
    pub clock: Clock,
    pub rates: Arc<Rates<Uuid>>,
    /// Requests of each enterprise that are worked on.
    pub at_once: AtOnce,
    pub strangers: Arc<Strangers>,
    pub(crate) readiness: Arc<Readiness>,
    /// Requests that go on when their callers have gone. Who stops the API waits for them.
    pub requests: TaskTracker,
}

impl ApiState {
    pub fn new(
        store: Store,
        objects: Objects,
        queues: Queues,
        clock: Clock,
        rate: RateConfig,
    ) -> Self {
        Self {
            store,
            objects,
            queues,
            clock,
            rates: Arc::new(Rates::new(rate)),
            at_once: AtOnce::default(),
            strangers: Arc::new(Strangers::new(Vec::new())),
            readiness: Arc::default(),
            requests: TaskTracker::new(),
        }
    }

    /// Behind these proxies, whose `X-Forwarded-For` is believed.
    pub fn behind(self, proxies: Vec<IpAddr>) -> Self {
        Self { strangers: Arc::new(Strangers::new(proxies)), ..self }
    }

    /// Push a wake-up for a row that is committed. When the queue can't take it the request has
    /// succeeded all the same: the sweep finds the row and pushes the job again.
    pub(crate) async fn wake<J: Job>(&self, job: &J) {
        if let Err(error) = self.queues.push(job).await {
            tracing::warn!(%error, kind = J::KIND, "a job was not pushed; the sweep makes up for it");
        }
    }

    /// Push a wake-up that is due at a business time.
    pub(crate) async fn wake_at<J: Job>(&self, job: &J, at: outbound::Time) {
        if let Err(error) = self.queues.push_in(job, self.clock.until(at)).await {
            tracing::warn!(%error, kind = J::KIND, "a job was not pushed; the sweep makes up for it");
        }
    }
}
