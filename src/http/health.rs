//! What orchestrators and Prometheus ask.

use std::sync::Arc;

use axum::{Json, Router, extract::State, http::StatusCode, response::IntoResponse, routing::get};
use serde_json::json;

use super::problem::Problem;
use crate::{app::App, db};

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
    app.note_gauges().await;
    let text = app.metrics.text().map_err(Problem::internal)?;
    Ok(([("content-type", "text/plain; version=0.0.4; charset=utf-8")], text))
}
