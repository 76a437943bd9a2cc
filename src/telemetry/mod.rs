//! What can be seen from outside: log lines, metrics, and with a collector configured traces, all three over OTLP.
//!
//! Whatever becomes of it holds nothing up: what cannot be written or sent in time is dropped. What is counted and traced
//! is said by the rooms where it happens.

mod collector;
mod logs;
mod metrics;
mod otlp;
pub mod traces;

pub use self::metrics::{Metrics, MetricsPush};

use std::sync::Arc;

use anyhow::Context;
use tracing_subscriber::{layer::SubscriberExt, util::SubscriberInitExt};

use self::{logs::LogGuard, otlp::Otlp};
use crate::config::Config;

/// The telemetry of a process. Start it before the runtime and finish it after.
pub struct Telemetry {
    /// Counts and times.
    pub metrics: Arc<Metrics>,
    otlp: Option<Otlp>,
    logs: LogGuard,
}

impl Telemetry {
    /// Starts logging, and exporting where a collector is configured. Not within a runtime: exporters bring their own.
    pub fn start(config: &Config) -> anyhow::Result<Self> {
        let (to_stderr, to_files, logs) = logs::layers(&config.service)?;
        let otlp = config.otlp.as_ref().map(|otlp| Otlp::start(otlp, &config.egress.extra_ca));
        let mut otlp = otlp.transpose().context("OTEL_EXPORTER_OTLP_ENDPOINT, EXTRA_CA_FILE")?;
        let metrics = Arc::new(Metrics::new(otlp.as_mut().and_then(Otlp::take_metrics))?);
        let spans = otlp.as_ref().and_then(Otlp::span_layer);
        let records = otlp.as_ref().map(|otlp| otlp.log_layer(&config.service)).transpose()?.flatten();
        tracing_subscriber::registry().with(spans).with(to_stderr).with(to_files).with(records).init();
        Ok(Self { metrics, otlp, logs })
    }

    /// Sends and writes what is left, for a moment.
    pub fn finish(self) {
        if let Some(otlp) = self.otlp {
            otlp.finish(self.metrics);
        }
        drop(self.logs);
    }
}
