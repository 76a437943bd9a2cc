//! The overview: is everything well, and if not, where?

mod charts;
mod troubles;

use std::collections::BTreeMap;

use axum::response::Response;
use minijinja::{Value, context, value::Serde};
use serde::Serialize;

use self::troubles::Day;
use super::session::Viewer;
use crate::{
    db::{
        Page,
        delivery_log::{self, LogFilter},
        endpoints::{self, EndpointRow},
        runs, stats,
        tallies::{self, CallCounts, DeliveryBucket, Outcomes, Span},
    },
    domain::{
        delivery::DeliveryStatus,
        endpoint::{EndpointChannel, HealthState, disabled_reason},
        latency::Histogram,
        run::RunState,
    },
    http::{
        admin::{logs::LogResponse, runs::RunResponse},
        problem::Problem,
    },
};

/// How many of each are shown of what failed last and of what is in trouble.
const SHOWN: i64 = 5;
/// How many endpoints are looked at for trouble: more than anybody has.
const ENDPOINTS: i64 = 200;

pub async fn show(viewer: Viewer) -> Result<Response, Problem> {
    let (pool, tenant, now) = (&viewer.app.pool, viewer.tenant(), viewer.now());
    let day = tallies::delivery_series(pool, tenant, Span::Day, now).await?;
    let month = tallies::delivery_series(pool, tenant, Span::Month, now).await?;
    let latencies = tallies::latency_series(pool, tenant, now).await?;
    let since = tallies::first_of_last_hours(now, 24);
    let mut all_latencies = Histogram::default();
    for hour in &latencies {
        all_latencies.add_all(&hour.latencies);
    }
    let calls = tallies::count_calls(pool, tenant, since).await?;
    let today = tallies::calls_today(pool, tenant, now).await?;
    let queues = stats::tenant_queues(pool, tenant, now).await?;
    let health = stats::count_endpoints(pool, Some(tenant)).await?;
    let troubles = troubles::find(&Day {
        runs: (calls.done, calls.failed),
        latencies: &all_latencies,
        queues: &queues,
        endpoints: &health,
    });
    let has_endpoints = health.ok + health.failing + health.open + health.disabled > 0;
    let has_calls = runs::list_runs(pool, tenant, None, None, first(1)).await?.pop().is_some();
    let figures = context! {
        received => today.received,
        success => success(&calls),
        done => calls.done, failed => calls.failed,
        p50 => all_latencies.percentile(50), p95 => all_latencies.percentile(95),
        on_time => all_latencies.within_promise(), measured => all_latencies.count(),
        waiting => queues.iter().map(|queue| queue.depth).sum::<i64>(),
        oldest => queues.iter().map(|queue| queue.oldest_seconds).fold(0.0, f64::max),
    };
    viewer.page(
        "overview.html",
        context! {
            troubles => Serde(troubles), figures, has_endpoints, has_calls,
            stages => Serde(stages(&today)), today_failed => today.failed, today_skipped => today.skipped,
            day => Serde(charts::deliveries(&day, Span::Day)), month => Serde(charts::deliveries(&month, Span::Month)),
            channels => Serde(channels(&day, &month)),
            latencies => Serde(charts::latencies(&latencies)),
            ..failures(&viewer).await?
        },
    )
}

fn first(limit: i64) -> Page {
    Page { limit, before: None }
}

#[expect(clippy::cast_precision_loss, reason = "counts of a day are far below 2^52")]
fn success(calls: &CallCounts) -> Option<f64> {
    let ended = calls.done + calls.failed;
    (ended > 0).then(|| calls.done as f64 / ended as f64)
}

/// A bar of the way that today's calls took.
#[derive(Serialize)]
struct StageBar {
    name: &'static str,
    count: i64,
    /// Hundredths of the longest bar.
    share: f64,
}

#[expect(clippy::cast_precision_loss, reason = "counts of a day are far below 2^52")]
fn stages(today: &CallCounts) -> [StageBar; 5] {
    let counts = [
        ("Received", today.received),
        ("Transcript fetched", today.fetched),
        ("Summarised", today.summarised),
        ("Filed", today.documented),
        ("Told to everyone", today.done),
    ];
    let longest = counts.iter().map(|(_, count)| *count).max().unwrap_or(0).max(1) as f64;
    counts.map(|(name, count)| StageBar { name, count, share: (count as f64 / longest * 1000.0).round() / 10.0 })
}

/// What became of a channel's deliveries.
#[derive(Serialize)]
struct ChannelLine {
    kind: &'static str,
    day: [i64; 3],
    month: [i64; 3],
}

fn channels(day: &[DeliveryBucket], month: &[DeliveryBucket]) -> Vec<ChannelLine> {
    let sum = |buckets: &[DeliveryBucket], place: usize| {
        let outcomes = buckets.iter().map(|bucket| bucket.channels[place].outcomes);
        outcomes.fold([0; 3], |[sent, failed, filtered], one: Outcomes| {
            [sent + one.sent, failed + one.failed, filtered + one.filtered]
        })
    };
    let kinds = month.first().map(|bucket| bucket.channels.map(|counts| counts.channel)).into_iter().flatten();
    let line = |(place, channel): (usize, EndpointChannel)| ChannelLine {
        kind: channel.as_str(),
        day: sum(day, place),
        month: sum(month, place),
    };
    kinds.enumerate().map(line).collect()
}

/// Whether the service itself disabled it: an admin who did knows.
fn is_stopped_by_us(row: &EndpointRow) -> bool {
    !row.enabled && row.disabled_reason.as_deref().is_some_and(|reason| reason != disabled_reason::ADMIN)
}

/// What failed last, and which endpoints are in trouble.
async fn failures(viewer: &Viewer) -> Result<Value, Problem> {
    let (pool, tenant) = (&viewer.app.pool, viewer.tenant());
    let failed = runs::list_runs(pool, tenant, None, Some(RunState::Failed), first(SHOWN)).await?;
    let failed: Vec<RunResponse> = failed.into_iter().map(Into::into).collect();
    let filter = LogFilter { status: Some(DeliveryStatus::Failed), ..LogFilter::default() };
    let undelivered = delivery_log::list_log(&mut *pool.acquire().await?, tenant, &filter, first(SHOWN)).await?;
    let undelivered: Vec<LogResponse> = undelivered.into_iter().map(Into::into).collect();
    let all = endpoints::list_endpoints(pool, tenant, None, first(ENDPOINTS)).await?;
    let names: BTreeMap<String, String> = all.iter().map(|row| (row.id.to_string(), row.name.clone())).collect();
    let is_troubled =
        |row: &EndpointRow| matches!(row.health(), HealthState::Failing | HealthState::Open) || is_stopped_by_us(row);
    let troubled = all.into_iter().filter(is_troubled);
    let troubled = troubled.take(usize::try_from(SHOWN).unwrap_or_default()).map(|row| context! {
        id => row.id.to_string(), name => row.name.clone(), kind => row.kind.as_str(), state => Serde(row.health()),
        failures => row.consecutive_failures, last_failure_at => Serde(row.last_failure_at), last_success_at => Serde(row.last_success_at),
    });
    Ok(context! {
        failed_runs => Serde(failed), undelivered => Serde(undelivered), troubled => troubled.collect::<Value>(),
        endpoint_names => Serde(names),
    })
}
