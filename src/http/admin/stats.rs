//! How it is going: counts, rates and latencies of the last hours.

use std::sync::Arc;

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    app::App,
    db::{
        runs,
        stats::{self, EndpointCounts, QueueDepth},
        tallies::{self, CallCounts, DeliveryCount},
    },
    domain::{latency::Histogram, run::RunState},
    http::{auth::Reader, extract::Params, problem::Problem},
};

/// How many hours are looked back on unless told otherwise, and at most.
const HOURS: (u32, u32) = (24, 720);

/// How it is going.
#[derive(Debug, Serialize, ToSchema)]
pub struct StatsResponse {
    /// From then on: the beginning of an hour.
    since: DateTime<Utc>,
    /// Until then.
    until: DateTime<Utc>,
    runs: RunStats,
    calls: CallStats,
    /// From the callback to the first delivery of `call.summarised`; the promise is under five minutes.
    callback_to_sent: LatencyStats,
    deliveries: Vec<DeliveryStats>,
    /// What waits at this moment.
    queues: Vec<QueueStats>,
    endpoints: EndpointStats,
}

/// Runs that ended in the time.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct RunStats {
    /// Under way at this moment.
    active: i64,
    done: i64,
    failed: i64,
    skipped: i64,
    /// Done out of done and failed; null when there was neither.
    success_rate: Option<f64>,
}

/// How many runs came how far in the time.
#[derive(Debug, Serialize, ToSchema)]
pub struct CallStats {
    received: i64,
    fetched: i64,
    summarised: i64,
    documented: i64,
    notified: i64,
}

/// A latency in seconds, to 2.2 %.
#[derive(Debug, Serialize, ToSchema)]
pub struct LatencyStats {
    count: u64,
    p50_seconds: Option<f64>,
    p95_seconds: Option<f64>,
    /// None took longer.
    max_seconds: Option<f64>,
    /// The share that took five minutes at most, from 0 to 1; exact.
    within_five_minutes: Option<f64>,
}

/// What became of deliveries in the time, of one channel with one outcome; `retrying` counts tries that another one follows.
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
    summary = "How the last hours went", security(("token" = [])),
    params(("hours" = Option<u32>, Query, description = "How many hours, the one that is under way included; 24 if left out",
            minimum = 1, maximum = 720)),
    responses((status = 200, body = StatsResponse)),
)]
pub async fn read(
    State(app): State<Arc<App>>,
    Reader(caller): Reader,
    mut params: Params,
) -> Result<Json<StatsResponse>, Problem> {
    let (usual, most) = HOURS;
    let hours = params.whole("hours", most).unwrap_or(usual);
    params.finish()?;
    let until = app.clock.now();
    let since = tallies::first_of_last_hours(until, hours);
    let tenant = caller.tenant.as_str();
    let calls = tallies::count_calls(&app.pool, tenant, since).await?;
    let active = runs::count_in_state(&app.pool, tenant, RunState::Active).await?;
    let latency = tallies::callback_to_sent(&app.pool, tenant, since).await?;
    let deliveries = tallies::count_deliveries(&app.pool, tenant, since).await?;
    let queues = stats::tenant_queues(&app.pool, tenant, until).await?;
    let endpoints = stats::count_endpoints(&app.pool, Some(tenant)).await?;
    Ok(Json(StatsResponse {
        since,
        until,
        runs: run_stats(&calls, active),
        calls: calls.into(),
        callback_to_sent: (&latency).into(),
        deliveries: deliveries.into_iter().map(Into::into).collect(),
        queues: queues.into_iter().map(Into::into).collect(),
        endpoints: endpoints.into(),
    }))
}

#[expect(clippy::cast_precision_loss, reason = "counts of a month are far below 2^52")]
fn run_stats(calls: &CallCounts, active: i64) -> RunStats {
    let CallCounts { done, failed, skipped, .. } = *calls;
    let success_rate = (done + failed > 0).then(|| done as f64 / (done + failed) as f64);
    RunStats { active, done, failed, skipped, success_rate }
}

impl From<CallCounts> for CallStats {
    fn from(counts: CallCounts) -> Self {
        let CallCounts { received, fetched, summarised, documented, done: notified, .. } = counts;
        Self { received, fetched, summarised, documented, notified }
    }
}

impl From<&Histogram> for LatencyStats {
    fn from(latencies: &Histogram) -> Self {
        Self {
            count: latencies.count(),
            p50_seconds: latencies.percentile(50),
            p95_seconds: latencies.percentile(95),
            max_seconds: latencies.longest(),
            within_five_minutes: latencies.within_promise(),
        }
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
