//! What orchestrators and Prometheus ask.

use std::{sync::Arc, time::Duration};

use axum::{Json, Router, extract::State, http::StatusCode, response::IntoResponse, routing::get};
use serde_json::json;
use tokio::time::timeout;

use super::problem::Problem;
use crate::{
    app::App,
    db::{
        self,
        stats::{self, QueueDepth},
    },
};

/// How long a scrape waits for the database and the disk: less than the ten seconds that Prometheus waits for us.
const PATIENCE: Duration = Duration::from_secs(5);

/// `/healthz` and `/readyz`.
pub fn routes() -> Router<Arc<App>> {
    Router::new().route("/healthz", get(|| async { "ok" })).route("/readyz", get(readyz))
}

/// `/metrics`.
pub fn metrics_routes() -> Router<Arc<App>> {
    Router::new().route("/metrics", get(metrics))
}

async fn readyz(State(app): State<Arc<App>>) -> impl IntoResponse {
    let migrated = db::is_migrated(&app.pool).await;
    let database = if migrated.is_ok() { "ok" } else { "unreachable" };
    let migrations = match migrated {
        Ok(true) => "ok",
        Ok(false) => "pending",
        Err(_) => "unknown",
    };
    let ready = matches!(migrated, Ok(true));
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let workers = if app.has_workers() { "ok" } else { "none" };
    (status, Json(json!({"ready": ready, "database": database, "migrations": migrations, "workers": workers})))
}

async fn metrics(State(app): State<Arc<App>>) -> Result<impl IntoResponse, Problem> {
    // Without the database, or while a disk hangs, the rest is worth all the more.
    let (asked, disk_free) = tokio::join!(timeout(PATIENCE, ask_database(&app)), timeout(PATIENCE, ask_disk(&app)));
    let asked = asked.ok().and_then(Result::ok);
    app.metrics.note_foundations(asked.is_some(), disk_free.ok().flatten());
    let (queues, gong_today) = asked.unwrap_or_default();
    app.metrics.note_systems(&app.systems.breakers(), gong_today);
    let text = app.metrics.text(&queues).map_err(Problem::internal)?;
    Ok(([("content-type", "text/plain; version=0.0.4; charset=utf-8")], text))
}

/// Asks for what only the database knows: the queues, and how many requests to Gong were made today. Nothing here reads
/// history.
async fn ask_database(app: &App) -> sqlx::Result<(Vec<QueueDepth>, Option<i64>)> {
    let queues = stats::queue_depths(&app.pool, app.clock.now()).await?;
    app.metrics.note_endpoints(&stats::count_endpoints(&app.pool, None).await?);
    let used = app.systems.gong_used().await?;
    Ok((queues, used.map(|used| used.today)))
}

async fn ask_disk(app: &App) -> Option<u64> {
    let data_dir = app.config.service.data_dir.clone();
    // A network volume may take its time.
    let stat = tokio::task::spawn_blocking(move || rustix::fs::statvfs(&data_dir)).await.ok()?.ok()?;
    Some(stat.f_bavail.saturating_mul(stat.f_frsize))
}
