//! The metrics of INTERFACE §9: OpenTelemetry meters, read by Prometheus, and pushed over OTLP where that is configured.

use std::time::Duration;

use chrono::{DateTime, Utc};
use opentelemetry::{
    KeyValue,
    metrics::{Counter, Gauge, Histogram, Meter, MeterProvider},
};
use opentelemetry_otlp::MetricExporter;
use opentelemetry_sdk::{
    Resource,
    metrics::{PeriodicReader, SdkMeterProvider},
};
use prometheus::{Encoder, Registry, TextEncoder, process_collector::ProcessCollector};

use crate::{
    clients::http::BreakerState,
    db::{
        deliveries::ClaimedDelivery,
        stats::{EndpointCounts, QueueDepth},
    },
    domain::{
        clock::elapsed_ms,
        delivery::{Attempt, DeliveryStatus},
        endpoint::EndpointChannel,
        event::event_type,
        run::{RunState, Stage},
        summary::Spent,
    },
};

/// Seconds, from a millisecond to the half hour that a stage may wait.
const SECONDS: &[f64] = &[0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0];
/// Seconds around the promise of five minutes.
const PROMISE_SECONDS: &[f64] =
    &[0.1, 0.5, 1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 180.0, 240.0, 300.0, 600.0, 1800.0, 7200.0];
/// What becomes of callbacks.
const CALLBACK_OUTCOMES: [&str; 6] = ["accepted", "duplicate", "test", "refused", "invalid", "failed"];

/// How metrics are pushed.
pub struct MetricsPush {
    /// Reads the meters now and then.
    pub reader: PeriodicReader<MetricExporter>,
    /// Who we are.
    pub resource: Resource,
}

/// Counts and times what happens.
pub struct Metrics {
    registry: Registry,
    provider: SdkMeterProvider,
    callbacks: Counter<u64>,
    runs: Counter<u64>,
    stage_seconds: Histogram<f64>,
    stage_failures: Counter<u64>,
    deliveries: Counter<u64>,
    delivery_seconds: Histogram<f64>,
    callback_to_sent: Histogram<f64>,
    queue_depth: Gauge<i64>,
    queue_oldest: Gauge<f64>,
    endpoints: Gauge<i64>,
    database_up: Gauge<i64>,
    disk_free: Gauge<u64>,
    upstream_requests: Counter<u64>,
    upstream_open: Gauge<i64>,
    upstream_used_today: Gauge<i64>,
    summary_tokens: Counter<u64>,
}

impl Metrics {
    /// Sets the meters up; what `push` exports is also pushed.
    pub fn new(push: Option<MetricsPush>) -> anyhow::Result<Self> {
        let registry = Registry::new();
        registry.register(Box::new(ProcessCollector::for_self()))?;
        let exporter = opentelemetry_prometheus::exporter()
            .scope_info_enabled(false)
            .with_registry(registry.clone())
            .without_target_info()
            .build()?;
        let provider = SdkMeterProvider::builder().with_reader(exporter);
        let provider = match push {
            Some(MetricsPush { reader, resource }) => provider.with_reader(reader).with_resource(resource),
            None => provider,
        };
        let provider = provider.build();
        let meter = provider.meter("aftercall");
        let metrics = Self {
            registry,
            callbacks: counter(&meter, "aftercall_callbacks", "Callbacks by source and what became of them"),
            runs: counter(&meter, "aftercall_runs", "Runs that ended, by how"),
            stage_seconds: histogram(&meter, "aftercall_stage_seconds", "Time one try of a stage took", SECONDS),
            stage_failures: counter(
                &meter,
                "aftercall_stage_failures",
                "Tries of a stage that did not succeed, by kind",
            ),
            deliveries: counter(&meter, "aftercall_deliveries", "Tries of deliveries by channel and how they ended"),
            delivery_seconds: histogram(
                &meter,
                "aftercall_delivery_seconds",
                "Time one try of a delivery took",
                SECONDS,
            ),
            callback_to_sent: histogram(
                &meter,
                "aftercall_callback_to_sent_seconds",
                "Time from a callback to the arrival of its summary",
                PROMISE_SECONDS,
            ),
            queue_depth: meter
                .i64_gauge("aftercall_queue_depth")
                .with_description("What waits or is under way")
                .build(),
            queue_oldest: meter
                .f64_gauge("aftercall_queue_oldest_seconds")
                .with_description("How long the one that is due longest has been due")
                .build(),
            endpoints: meter
                .i64_gauge("aftercall_endpoints")
                .with_description("Endpoints of all tenants by their health")
                .build(),
            database_up: meter
                .i64_gauge("aftercall_database_up")
                .with_description("1 while the database answers this process")
                .build(),
            disk_free: meter
                .u64_gauge("aftercall_disk_free_bytes")
                .with_description("What this process may still write where DATA_DIR lies")
                .build(),
            upstream_requests: counter(
                &meter,
                "aftercall_upstream_requests",
                "Requests to outside systems, by status or by what went wrong",
            ),
            upstream_open: meter
                .i64_gauge("aftercall_upstream_breaker_open")
                .with_description("1 while a system that keeps failing is left alone")
                .build(),
            upstream_used_today: meter
                .i64_gauge("aftercall_upstream_used_today")
                .with_description("How much of a system's daily limit all replicas have used (UTC)")
                .build(),
            summary_tokens: counter(&meter, "aftercall_summary_tokens", "Tokens that models read and wrote"),
            provider,
        };
        metrics.begin_at_zero();
        Ok(metrics)
    }

    /// Shows the counters that alerts look at from the start: of one that appears with its first count, no rate can be
    /// told, and the first failure would go unseen.
    fn begin_at_zero(&self) {
        for outcome in CALLBACK_OUTCOMES {
            self.callbacks.add(0, &[KeyValue::new("source", "default"), KeyValue::new("outcome", outcome)]);
        }
        for state in [RunState::Done, RunState::Failed, RunState::Skipped] {
            self.runs.add(0, &[KeyValue::new("outcome", state.as_str())]);
        }
        for kind in EndpointChannel::ALL {
            for status in [DeliveryStatus::Sent, DeliveryStatus::Retrying, DeliveryStatus::Failed] {
                let outcome = KeyValue::new("outcome", status.as_str());
                self.deliveries.add(0, &[KeyValue::new("kind", kind.as_str()), outcome]);
            }
        }
    }

    /// A callback was answered.
    pub fn callback(&self, source: &str, outcome: &'static str) {
        let source = KeyValue::new("source", source.to_owned());
        self.callbacks.add(1, &[source, KeyValue::new("outcome", outcome)]);
    }

    /// A try of a stage ended.
    pub fn stage(&self, stage: Stage, took: Duration, outcome: &'static str) {
        let stage = KeyValue::new("stage", stage.as_str());
        self.stage_seconds.record(took.as_secs_f64(), std::slice::from_ref(&stage));
        if outcome != "done" {
            self.stage_failures.add(1, &[stage, KeyValue::new("kind", outcome)]);
        }
    }

    /// A run ended.
    pub fn run_ended(&self, state: RunState) {
        self.runs.add(1, &[KeyValue::new("outcome", state.as_str())]);
    }

    /// A try of a delivery was settled.
    pub fn delivered(&self, delivery: &ClaimedDelivery, attempt: &Attempt, status: DeliveryStatus, now: DateTime<Utc>) {
        let kind = KeyValue::new("kind", delivery.kind.as_str());
        let seconds = |ms: i64| Duration::from_millis(ms.unsigned_abs()).as_secs_f64();
        self.delivery_seconds.record(seconds(attempt.duration_ms), std::slice::from_ref(&kind));
        self.deliveries.add(1, &[kind, KeyValue::new("outcome", status.as_str())]);
        if status == DeliveryStatus::Sent && delivery.event_type == event_type::CALL_SUMMARISED {
            self.callback_to_sent.record(seconds(elapsed_ms(delivery.origin_at, now)), &[]);
        }
    }

    /// A request to an outside system ended.
    pub fn upstream(&self, system: &'static str, status: &str) {
        let status = KeyValue::new("status", status.to_owned());
        self.upstream_requests.add(1, &[KeyValue::new("system", system), status]);
    }

    /// A model made a summary.
    pub fn summarised(&self, spent: &Spent) {
        for (direction, tokens) in [("input", spent.input_tokens), ("output", spent.output_tokens)] {
            self.summary_tokens.add(tokens, &[KeyValue::new("direction", direction)]);
        }
    }

    /// Notes how the endpoints are, for the next text.
    pub fn note_endpoints(&self, counts: &EndpointCounts) {
        let EndpointCounts { ok, failing, open, disabled } = *counts;
        for (state, count) in [("ok", ok), ("failing", failing), ("open", open), ("disabled", disabled)] {
            self.endpoints.record(count, &[KeyValue::new("state", state)]);
        }
    }

    /// Notes whether the database answers, and the room where `DATA_DIR` lies if that can be told, for the next text.
    pub fn note_foundations(&self, database_up: bool, disk_free_bytes: Option<u64>) {
        self.database_up.record(i64::from(database_up), &[]);
        if let Some(bytes) = disk_free_bytes {
            self.disk_free.record(bytes, &[KeyValue::new("what", "data")]);
        }
    }

    /// Notes how the outside systems are doing, for the next text.
    pub fn note_systems(&self, systems: &[(&'static str, BreakerState)], gong_today: Option<i64>) {
        for (system, breaker) in systems {
            let open = i64::from(matches!(breaker, BreakerState::Open(_)));
            self.upstream_open.record(open, &[KeyValue::new("system", *system)]);
        }
        if let Some(requests) = gong_today {
            self.upstream_used_today.record(requests, &[KeyValue::new("system", "gong")]);
        }
    }

    /// Notes how the queues are doing, for the next text.
    pub fn note_queues(&self, queues: &[QueueDepth]) {
        for queue in queues {
            let name = [KeyValue::new("queue", queue.queue.clone())];
            self.queue_depth.record(queue.depth, &name);
            self.queue_oldest.record(queue.oldest_seconds, &name);
        }
    }

    /// The Prometheus text of everything.
    pub fn text(&self) -> anyhow::Result<String> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(String::from_utf8(text)?)
    }

    /// Pushes what there is for the last time. Waits for it, however long that takes.
    pub(super) fn shut_down(&self) {
        let _ = self.provider.shutdown(); // what went wrong was said by whoever sends
    }
}

fn counter(meter: &Meter, name: &'static str, description: &'static str) -> Counter<u64> {
    meter.u64_counter(name).with_description(description).build()
}

fn histogram(meter: &Meter, name: &'static str, description: &'static str, bounds: &[f64]) -> Histogram<f64> {
    meter.f64_histogram(name).with_description(description).with_boundaries(bounds.to_vec()).build()
}
