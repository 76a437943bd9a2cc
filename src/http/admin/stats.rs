//! How it is going: counts, rates and latencies of the last day.

use std::{collections::BTreeMap, sync::Arc};

use axum::{Json, extract::State};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    app::App,
    db::stats::{self, DeliveryCount, EndpointCounts, Latency, QueueDepth},
    http::{auth::Reader, problem::Problem},
};

/// The time that is looked back on.
const WINDOW: TimeDelta = TimeDelta::hours(24);

/// How it is going.
#[derive(Debug, Serialize, ToSchema)]
pub struct StatsResponse {
    /// From then on.
    since: DateTime<Utc>,
    /// Until then.
    until: DateTime<Utc>,
    runs: RunStats,
    /// From the callback to the first delivery of `call.summarised`; the promise is under five minutes.
    callback_to_sent: LatencyStats,
    deliveries: Vec<DeliveryStats>,
    /// What waits at this moment.
    queues: Vec<QueueStats>,
    endpoints: EndpointStats,
}

/// Runs that began in the time.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct RunStats {
    active: i64,
    done: i64,
    failed: i64,
    skipped: i64,
    /// Done out of done and failed; null when there was neither.
    success_rate: Option<f64>,
}

/// A latency in seconds.
#[derive(Debug, Serialize, ToSchema)]
pub struct LatencyStats {
    count: i64,
    p50_seconds: Option<f64>,
    p95_seconds: Option<f64>,
    max_seconds: Option<f64>,
}

/// Deliveries that were decided in the time, of one channel with one outcome.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeliveryStats {
    #[schema(example = "webhook")]
    kind: String,
    #[schema(example = "sent")]
    status: String,
    count: i64,
}

/// A queue.
#[derive(Debug, Serialize, ToSchema)]
pub struct QueueStats {
    #[schema(example = "deliveries")]
    queue: String,
    depth: i64,
    /// How long what is due longest has been due.
    oldest_seconds: f64,
}

/// Endpoints by their health.
#[derive(Debug, Serialize, ToSchema)]
pub struct EndpointStats {
    ok: i64,
    failing: i64,
    open: i64,
    disabled: i64,
}

#[utoipa::path(
    get, path = "/api/v1/admin/stats", tag = "log", operation_id = "read_stats",
    summary = "How the last 24 hours went", security(("token" = [])),
    responses((status = 200, body = StatsResponse)),
)]
pub async fn read(State(app): State<Arc<App>>, Reader(caller): Reader) -> Result<Json<StatsResponse>, Problem> {
    let until = app.clock.now();
    let since = until - WINDOW;
    let tenant = caller.tenant.as_str();
    let runs = stats::count_runs(&app.pool, tenant, since).await?;
    let latency = stats::callback_to_sent(&app.pool, tenant, since).await?;
    let deliveries = stats::count_deliveries(&app.pool, tenant, since).await?;
    let queues = stats::tenant_queues(&app.pool, tenant, until).await?;
    let endpoints = stats::count_endpoints(&app.pool, tenant).await?;
    Ok(Json(StatsResponse {
        since,
        until,
        runs: run_stats(&runs),
        callback_to_sent: latency.into(),
        deliveries: deliveries.into_iter().map(Into::into).collect(),
        queues: queues.into_iter().map(Into::into).collect(),
        endpoints: endpoints.into(),
    }))
}

#[expect(clippy::cast_precision_loss, reason = "counts of a day are far below 2^52")]
fn run_stats(counts: &BTreeMap<String, i64>) -> RunStats {
    let of = |state: &str| counts.get(state).copied().unwrap_or(0);
    let (done, failed) = (of("done"), of("failed"));
    RunStats {
        active: of("active"),
        done,
        failed,
        skipped: of("skipped"),
        success_rate: (done + failed > 0).then(|| done as f64 / (done + failed) as f64),
    }
}

impl From<Latency> for LatencyStats {
    fn from(latency: Latency) -> Self {
        let Latency { count, p50_seconds, p95_seconds, max_seconds } = latency;
        Self { count, p50_seconds, p95_seconds, max_seconds }
    }
}

impl From<EndpointCounts> for EndpointStats {
    fn from(counts: EndpointCounts) -> Self {
        let EndpointCounts { ok, failing, open, disabled } = counts;
        Self { ok, failing, open, disabled }
    }
}

impl From<DeliveryCount> for DeliveryStats {
    fn from(count: DeliveryCount) -> Self {
        let DeliveryCount { kind, status, count } = count;
        Self { kind, status, count }
    }
}

impl From<QueueDepth> for QueueStats {
    fn from(depth: QueueDepth) -> Self {
        let QueueDepth { queue, depth, oldest_seconds } = depth;
        Self { queue, depth, oldest_seconds }
    }
}
