//! Exports over OTLP (protobuf over HTTP): the providers of the three signals, the layers that feed them, and their end.
//!
//! Each signal is gathered in memory up to a bound and sent by a thread of its own; what does not fit is dropped.

use std::{
    sync::{Arc, mpsc},
    time::Duration,
};

use anyhow::Context;
use opentelemetry::{KeyValue, trace::TracerProvider};
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_otlp::{LogExporter, MetricExporter, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{
    Resource,
    logs::{BatchConfigBuilder as LogBatches, BatchLogProcessor, SdkLoggerProvider},
    metrics::PeriodicReader,
    trace::{BatchConfigBuilder as SpanBatches, BatchSpanProcessor, Sampler, SdkTracerProvider},
};
use reqwest::blocking::Client;
use tracing::{Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{Layer, filter::filter_fn, registry::LookupSpan};
use uuid::Uuid;

use super::{
    collector::{self, Collector},
    logs,
    metrics::{Metrics, MetricsPush},
};
use crate::config::{BatchConfig, OtlpConfig, SamplerConfig, ServiceConfig, SignalConfig};

/// How long the end may take: shorter than any `SHUTDOWN_TIMEOUT`, since telemetry may be lost and work may not.
const FINISH_TIMEOUT: Duration = Duration::from_secs(1);
/// What sending itself logs would be sent, and logged.
const SENDING: &[&str] = &["hyper=off", "h2=off", "reqwest=off", "rustls=off", "opentelemetry=off"];

/// What is exported.
pub(super) struct Otlp {
    traces: Option<SdkTracerProvider>,
    logs: Option<SdkLoggerProvider>,
    metrics: Option<MetricsPush>,
}

impl Otlp {
    pub(super) fn start(config: &OtlpConfig, extra_ca: &[Vec<u8>]) -> anyhow::Result<Self> {
        let client = collector::client(extra_ca)?;
        let resource = resource(config);
        let traces = config.traces.as_ref().map(|signal| tracer(config, signal, &client, &resource)).transpose()?;
        let logs = config.logs.as_ref().map(|signal| logger(config, signal, &client, &resource)).transpose()?;
        let metrics = config.metrics.as_ref().map(|signal| reader(config, signal, &client)).transpose()?;
        Ok(Self { traces, logs, metrics: metrics.map(|reader| MetricsPush { reader, resource }) })
    }

    /// What pushes metrics, the first time.
    pub(super) fn take_metrics(&mut self) -> Option<MetricsPush> {
        self.metrics.take()
    }

    /// Makes spans of ours, whatever `LOG_LEVEL` is. Log lines are no part of them: they are exported as such.
    pub(super) fn span_layer<S>(&self) -> Option<impl Layer<S> + Send + Sync + use<S>>
    where
        S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
    {
        let tracer = self.traces.as_ref()?.tracer("aftercall");
        let ours = filter_fn(|metadata| metadata.is_span() && metadata.target().starts_with("aftercall"));
        let layer = tracing_opentelemetry::layer()
            .with_tracer(tracer)
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false);
        Some(layer.with_filter(ours.with_max_level_hint(LevelFilter::DEBUG)))
    }

    /// Exports what is logged, with the trace and the span it was logged in.
    pub(super) fn log_layer<S>(
        &self,
        config: &ServiceConfig,
    ) -> anyhow::Result<Option<impl Layer<S> + Send + Sync + use<S>>>
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        let Some(provider) = &self.logs else { return Ok(None) };
        let filter = SENDING.iter().try_fold(logs::filter(config)?, |filter, directive| {
            anyhow::Ok(filter.add_directive(directive.parse()?))
        })?;
        Ok(Some(OpenTelemetryTracingBridge::new(provider).with_filter(filter)))
    }

    /// Sends what is left. A collector that is away or hangs is left behind with its threads; they end with the process.
    pub(super) fn finish(self, metrics: Arc<Metrics>) {
        let (done, ended) = mpsc::channel::<()>();
        let finish = |finishing: Box<dyn FnOnce() + Send>| {
            let done = done.clone();
            std::thread::spawn(move || {
                finishing();
                drop(done);
            });
        };
        if let Some(traces) = self.traces {
            finish(Box::new(move || drop(traces.shutdown())));
        }
        if let Some(logs) = self.logs {
            finish(Box::new(move || drop(logs.shutdown())));
        }
        finish(Box::new(move || metrics.shut_down()));
        drop(done);
        let _ = ended.recv_timeout(FINISH_TIMEOUT); // nothing is ever sent: it returns when all have ended, or at last
    }
}

fn resource(config: &OtlpConfig) -> Resource {
    let ours = [
        ("service.name", "aftercall".to_owned()),
        ("service.version", env!("CARGO_PKG_VERSION").to_owned()),
        ("service.instance.id", Uuid::now_v7().to_string()),
    ];
    let given = config.resource.iter().map(|(key, value)| KeyValue::new(key.clone(), value.clone()));
    let ours = ours.into_iter().map(|(key, value)| KeyValue::new(key, value));
    Resource::builder_empty().with_attributes(ours.chain(given)).build()
}

fn tracer(
    config: &OtlpConfig,
    signal: &SignalConfig,
    client: &Client,
    resource: &Resource,
) -> anyhow::Result<SdkTracerProvider> {
    let exporter = SpanExporter::builder()
        .with_http()
        .with_endpoint(signal.endpoint.as_str())
        .with_timeout(signal.timeout)
        .with_http_client(Collector::new("traces", client.clone(), signal))
        .build()
        .context("the exporter of traces")?;
    let BatchConfig { delay, queue, batch } = config.span_batches;
    let batches = SpanBatches::default()
        .with_scheduled_delay(delay)
        .with_max_queue_size(queue)
        .with_max_export_batch_size(batch)
        .build();
    let SamplerConfig { parent_based, ratio } = config.sampler;
    let sampler = Sampler::TraceIdRatioBased(ratio);
    Ok(SdkTracerProvider::builder()
        .with_span_processor(BatchSpanProcessor::builder(exporter).with_batch_config(batches).build())
        .with_sampler(if parent_based { Sampler::ParentBased(Box::new(sampler)) } else { sampler })
        .with_resource(resource.clone())
        .build())
}

fn logger(
    config: &OtlpConfig,
    signal: &SignalConfig,
    client: &Client,
    resource: &Resource,
) -> anyhow::Result<SdkLoggerProvider> {
    let exporter = LogExporter::builder()
        .with_http()
        .with_endpoint(signal.endpoint.as_str())
        .with_timeout(signal.timeout)
        .with_http_client(Collector::new("logs", client.clone(), signal))
        .build()
        .context("the exporter of logs")?;
    let BatchConfig { delay, queue, batch } = config.log_batches;
    let batches = LogBatches::default()
        .with_scheduled_delay(delay)
        .with_max_queue_size(queue)
        .with_max_export_batch_size(batch)
        .build();
    Ok(SdkLoggerProvider::builder()
        .with_log_processor(BatchLogProcessor::builder(exporter).with_batch_config(batches).build())
        .with_resource(resource.clone())
        .build())
}

fn reader(
    config: &OtlpConfig,
    signal: &SignalConfig,
    client: &Client,
) -> anyhow::Result<PeriodicReader<MetricExporter>> {
    let exporter = MetricExporter::builder()
        .with_temporality(config.temporality)
        .with_http()
        .with_endpoint(signal.endpoint.as_str())
        .with_timeout(signal.timeout)
        .with_http_client(Collector::new("metrics", client.clone(), signal))
        .build()
        .context("the exporter of metrics")?;
    Ok(PeriodicReader::builder(exporter).with_interval(config.metric_interval).build())
}
