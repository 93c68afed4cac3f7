//! The wiring: from a configuration to what commands work with.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use api::ApiState;
use api::limits::RateConfig;
use clock::Clock;
use jobs::{Queues, Tracing};
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use storage::Store;
use storage::objects::Objects;
use telephony::journal::Journal;
use telephony::simulated::SimulatedCarrier;
use tokio_util::sync::CancellationToken;
use tracing_opentelemetry::OpenTelemetrySpanExt;
use workers::{Environment, Settings};

use crate::config::Config;

/// The servers that a process works with.
#[derive(Clone)]
pub struct Node {
    pub store: Store,
    pub queues: Queues,
    pub objects: Objects,
    pub clock: Clock,
}

impl Node {
    /// Connect to all of them.
    pub async fn connect(config: &Config) -> Result<Self> {
        let store = store(config)?;
        store.ping().await.context("PostgreSQL does not answer")?;
        let redis = config.redis.as_deref().context("REDIS_URL is missing")?;
        let queues = Queues::connect(redis, &config.queue_prefix)
            .await
            .context("Redis does not answer")?
            .with_tracing(Tracing { current: current_trace, adopt: adopt_trace });
        let objects = config.objects.as_ref().context("S3_ENDPOINT is missing")?;
        let objects = Objects::new(objects);
        objects.ensure_bucket().await.context("the object store does not answer")?;
        Ok(Self { store, queues, objects, clock: config.clock.clock() })
    }

    /// What job handlers work with.
    pub fn environment(
        &self,
        config: &Config,
        metrics: Option<SocketAddr>,
        stopping: CancellationToken,
    ) -> Result<Environment> {
        let journal = Journal::open(&config.journal, &format!("dialer-{}", std::process::id()))
            .context("the journal can't be opened")?;
        self.environment_with(config, journal, metrics, stopping)
    }

    fn environment_with(
        &self,
        config: &Config,
        journal: Journal,
        metrics: Option<SocketAddr>,
        stopping: CancellationToken,
    ) -> Result<Environment> {
        let carrier = SimulatedCarrier::new(self.clock.clone(), Arc::new(journal));
        let settings = Settings {
            lease: config.lease,
            die_at: config.die_at,
            drain: config.drain.unwrap_or(LONGEST_CALL),
            metrics,
            dial_concurrency: config.dial_concurrency,
            ..Settings::default()
        };
        Environment::new(
            self.store.clone(),
            self.queues.clone(),
            self.objects.clone(),
            self.clock.clone(),
            Arc::new(carrier),
            &config.spool,
            settings,
            stopping,
        )
        .context("the spool folder can't be opened")
    }

    /// What the API works with.
    pub fn api(&self) -> ApiState {
        ApiState::new(
            self.store.clone(),
            self.objects.clone(),
            self.queues.clone(),
            self.clock.clone(),
            RateConfig::default(),
        )
    }
}

/// As long as a call may last: it rings, it is answered, and a minute for what is said after that.
const LONGEST_CALL: Duration = Duration::from_secs(
    outbound::task::RING_TIMEOUT_SECONDS_MAX as u64
        + outbound::task::MAX_CALL_SECONDS_MAX as u64
        + 60,
);

/// PostgreSQL alone.
pub fn store(config: &Config) -> Result<Store> {
    let database = config.database.as_ref().context("DATABASE_URL is missing")?;
    Ok(Store::connect(database)?)
}

/// Make the folders of a configuration.
pub fn make_folder(path: &Path) -> Result<()> {
    std::fs::create_dir_all(path).with_context(|| format!("{} can't be made", path.display()))
}

const TRACEPARENT: &str = "traceparent";

/// The trace that a job is pushed in, as a W3C `traceparent`.
fn current_trace() -> Option<String> {
    let mut carrier = Single(None);
    TraceContextPropagator::new().inject_context(&tracing::Span::current().context(), &mut carrier);
    carrier.0
}

fn adopt_trace(span: &tracing::Span, traceparent: &str) {
    let carrier = Single(Some(traceparent.to_owned()));
    // A span that no exporter follows has no parent to set.
    let _ = span.set_parent(TraceContextPropagator::new().extract(&carrier));
}

struct Single(Option<String>);

impl Injector for Single {
    fn set(&mut self, key: &str, value: String) {
        if key == TRACEPARENT {
            self.0 = Some(value);
        }
    }
}

impl Extractor for Single {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.as_deref().filter(|_| key == TRACEPARENT)
    }

    fn keys(&self) -> Vec<&str> {
        vec![TRACEPARENT]
    }
}
