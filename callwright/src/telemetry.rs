//! Logs, traces and metrics of the process.
//!
//! Logs go to standard error: JSON lines for services, plain lines for a person at a terminal. Traces
//! go by OTLP where `OTEL_EXPORTER_OTLP_ENDPOINT` says. Metrics are rendered by the `/metrics` of each process.

pub mod held;

use anyhow::{Context, Result};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::{Level, Metadata};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

/// What the log looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogForm {
    Json,
    Plain,
}

/// Upper bounds of the duration histograms, in seconds.
const BUCKETS: [f64; 14] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// Keeps what must be flushed when the process ends.
#[derive(Debug, Default)]
pub struct Telemetry {
    traces: Option<SdkTracerProvider>,
}

impl Telemetry {
    /// Start logs and traces. `CALLWRIGHT_LOG` filters (`info`, `storage=debug,info`).
    pub fn start(service: &'static str, form: LogForm) -> Result<Self> {
        let default = if form == LogForm::Json { "info" } else { "warn" };
        let wanted = std::env::var("CALLWRIGHT_LOG").unwrap_or_else(|_| default.into());
        let filter = EnvFilter::try_new(&wanted).with_context(|| {
            format!("CALLWRIGHT_LOG: `{wanted}` is not a filter; write as `info`")
        })?;
        let lines = tracing_subscriber::fmt::layer().with_writer(|| held::Lines);
        let lines = match form {
            LogForm::Json => lines.json().flatten_event(true).boxed(),
            LogForm::Plain => lines.with_target(false).boxed(),
        };
        let traces = exporter(service)?;
        let spans = traces
            .as_ref()
            .map(|provider| tracing_opentelemetry::layer().with_tracer(provider.tracer(service)));
        tracing_subscriber::registry()
            .with(filter)
            .with(filter_fn(names_nobody))
            .with(lines)
            .with(spans)
            .try_init()
            .context("logging was started twice")?;
        Ok(Self { traces })
    }

    /// Send what is left.
    pub fn stop(self) {
        if let Some(traces) = self.traces
            && let Err(error) = traces.shutdown()
        {
            tracing::warn!(%error, "the last traces were not sent");
        }
    }
}

/// The SIP stack writes addresses, and so phone numbers, into its messages below `warn`: nobody gets those, whatever
/// the filter of the log says.
fn names_nobody(of: &Metadata<'_>) -> bool {
    !of.target().starts_with("rsipstack") || *of.level() <= Level::WARN
}

fn exporter(service: &'static str) -> Result<Option<SdkTracerProvider>> {
    if std::env::var_os("OTEL_EXPORTER_OTLP_ENDPOINT").is_none() {
        return Ok(None);
    }
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_http()
        .build()
        .context("OTEL_EXPORTER_OTLP_ENDPOINT can't be used")?;
    let resource = opentelemetry_sdk::Resource::builder().with_service_name(service).build();
    let provider =
        SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build();
    Ok(Some(provider))
}

/// Install the metrics recorder of this process.
pub fn metrics() -> Result<PrometheusHandle> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &BUCKETS)?
        .install_recorder()
        .context("metrics were started twice")?;
    workers::counters::start_at_zero();
    Ok(handle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_counter_of_an_alert_stands_at_0_from_the_start() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        metrics::with_local_recorder(&recorder, workers::counters::start_at_zero);
        let told = handle.render();
        let alerts = include_str!("../../docs/operations/alerts.yml");
        let words = alerts.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let mut counters = 0;
        for counter in words.filter(|word| word.ends_with("_total")) {
            let at_zero = |line: &str| line.starts_with(counter) && line.ends_with(" 0");
            assert!(told.lines().any(at_zero), "{counter} is not at 0 in:\n{told}");
            counters += 1;
        }
        assert!(counters > 5, "the alerts name counters");
    }
}
