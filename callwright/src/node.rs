//! The wiring: from a configuration to what commands work with.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use api::ApiState;
use api::limits::RateConfig;
use clock::Clock;
use jobs::{Queues, Tracing};
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use storage::objects::Objects;
use storage::sealing::SealKeySource;
use storage::{Store, StoreConfig};
use telephony::journal::Journal;
use tokio_util::sync::CancellationToken;
use tracing_opentelemetry::OpenTelemetrySpanExt;
use workers::ear::Senses;
use workers::lines::{LineAddresses, Lines};
use workers::providers::Providers;
use workers::voice::SpokenVoice;
use workers::{Environment, Settings};

use crate::config::Config;

/// The file of the data folder with the key that passwords are sealed with.
const SECRETS_KEY: &str = "secrets.key";

/// The servers that a process works with.
#[derive(Clone)]
pub struct Node {
    pub store: Store,
    pub queues: Queues,
    pub objects: Objects,
    pub clock: Clock,
}

impl Node {
    /// Connect to all of them; all that are missing or can't be reached are told together.
    pub async fn connect(config: &Config) -> Result<Self> {
        match tokio::join!(store(config), queues(config), objects(config)) {
            (Ok(store), Ok(queues), Ok(objects)) => {
                Ok(Self { store, queues, objects, clock: config.clock.clock() })
            }
            (store, queues, objects) => {
                let faults = [store.err(), queues.err(), objects.err()];
                let faults: Vec<String> =
                    faults.into_iter().flatten().map(|fault| format!("{fault:#}")).collect();
                match faults.as_slice() {
                    [one] => anyhow::bail!("{one}"),
                    all => anyhow::bail!(
                        "{} servers can't be used:\n  {}",
                        all.len(),
                        all.join("\n  ")
                    ),
                }
            }
        }
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
        let addresses = LineAddresses { sip: config.sip.clone(), asterisk: config.asterisk };
        let providers = Providers::new(self.store.clone(), self.clock.clone(), &config.speech);
        let providers = providers.context("providers can't be asked")?;
        let voice = SpokenVoice::new(providers.clone(), self.objects.clone());
        let lines = Lines::new(self.store.clone(), self.clock.clone(), journal, addresses, voice);
        let senses = Senses::new(config.speech.models.clone());
        let settings = Settings {
            lease: config.lease,
            die_at: config.die_at.clone(),
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
            lines,
            (providers, senses),
            &config.spool,
            settings,
            stopping,
        )
        .context("the spool folder can't be opened")
    }

    /// What the API works with.
    pub fn api(&self, config: &Config) -> ApiState {
        let state = ApiState::new(
            self.store.clone(),
            self.objects.clone(),
            self.queues.clone(),
            self.clock.clone(),
            RateConfig::default(),
        );
        state.behind(config.trusted_proxies.clone())
    }
}

/// As long as a call may last: it rings, it is answered, and a minute for what is said after that.
const LONGEST_CALL: Duration = Duration::from_secs(
    outbound::task::RING_TIMEOUT_SECONDS_MAX as u64
        + outbound::task::MAX_CALL_SECONDS_MAX as u64
        + 60,
);

/// PostgreSQL alone.
pub async fn store(config: &Config) -> Result<Store> {
    let form = "DATABASE_URL is missing; write postgres://user:password@host:port/database";
    let database = config.database.as_ref().context(form)?;
    storage::reach::database(database).await?;
    let seal_key = match &config.secrets_key {
        Some(key) => SealKeySource::Given(key.clone()),
        None => SealKeySource::File(config.data.join(SECRETS_KEY)),
    };
    Ok(Store::connect(&StoreConfig { seal_key: Some(seal_key), ..database.clone() })?)
}

async fn queues(config: &Config) -> Result<Queues> {
    let form = "REDIS_URL is missing; write redis://:password@host:port";
    let redis = config.redis.as_deref().context(form)?;
    let queues = Queues::connect(redis, &config.queue_prefix).await?;
    Ok(queues.with_tracing(Tracing { current: current_trace, adopt: adopt_trace }))
}

async fn objects(config: &Config) -> Result<Objects> {
    let form = "S3_ENDPOINT is missing; write https://host, with S3_BUCKET, S3_ACCESS_KEY and S3_SECRET_KEY";
    let objects = config.objects.as_ref().context(form)?;
    Ok(storage::objects::reach::reach(objects).await?)
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

#[cfg(test)]
mod tests {
    use super::*;

    async fn refused(set: &[(&str, &str)]) -> String {
        let get = |name: &str| {
            set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        let config = Config::read(&get).expect("a configuration");
        Node::connect(&config).await.err().expect("no server is there").to_string()
    }

    #[tokio::test]
    async fn all_missing_servers_are_told_together() {
        let said = refused(&[]).await;
        for part in
            ["3 servers", "DATABASE_URL is missing", "REDIS_URL is missing", "S3_ENDPOINT is"]
        {
            assert!(said.contains(part), "{part} is not in: {said}");
        }
    }

    #[tokio::test]
    async fn all_unreachable_servers_are_told_together_and_no_password() {
        let said = refused(&[
            ("DATABASE_URL", "postgres://clara:hush@127.0.0.1:1/calls"),
            ("REDIS_URL", "redis://:hush@127.0.0.1:2"),
            ("S3_ENDPOINT", "http://127.0.0.1:3"),
            ("S3_BUCKET", "files"),
            ("S3_ACCESS_KEY", "hush"),
            ("S3_SECRET_KEY", "hush"),
        ])
        .await;
        for part in [
            "PostgreSQL at 127.0.0.1:1, database calls, user clara: nothing listens there",
            "Redis at 127.0.0.1:2, database 0: nothing listens there",
            "the object store at http://127.0.0.1:3, bucket files: nothing listens there",
        ] {
            assert!(said.contains(part), "{part} is not in: {said}");
        }
        assert!(!said.contains("hush"), "{said}");
        let one = refused(&[("REDIS_URL", "redis://127.0.0.1:2")]).await;
        assert!(
            one.contains("DATABASE_URL is missing") && one.contains("Redis at 127.0.0.1:2"),
            "{one}"
        );
    }
}
