//! The HTTP edge: turns requests into domain values and answers into bytes. Knows no outside system and does nothing that
//! outlasts a transaction.

mod admin;
pub mod admission;
mod auth;
mod client_address;
mod extract;
mod health;
mod idempotency;
mod openapi;
mod panel;
mod problem;
pub mod server;
mod spans;
mod webhooks;

use std::{sync::Arc, time::Duration};

use axum::{
    Extension, Router, middleware,
    response::Redirect,
    routing::{get, post},
};
use http::{HeaderValue, StatusCode, header};
use tower_http::{catch_panic::CatchPanicLayer, set_header::SetResponseHeaderLayer, timeout::TimeoutLayer};

use self::{
    admission::Admission,
    problem::{Problem, ProblemKind},
};
use crate::app::App;

pub use self::openapi::document as openapi_document;

/// No request of ours takes longer: the longest sends a test to an endpoint.
const REQUEST_TIMEOUT: Duration = Duration::from_mins(1);

/// The whole public router.
pub fn router(app: Arc<App>) -> Router {
    let (api, document) = openapi::described_routes();
    let mut router = api
        .merge(health::routes())
        .merge(openapi::pages(document))
        .merge(panel::routes(&app))
        // The rule's URL may end in a slash.
        .route("/webhooks/gong/", post(webhooks::gong::default_source))
        .route("/", get(|| async { Redirect::to("/panel") }));
    if app.config.service.metrics_port.is_none() {
        router = router.merge(health::metrics_routes());
    }
    finish(router, app)
}

/// What stays reachable on `METRICS_PORT`, and what a process without a server of its own shows.
pub fn metrics_router(app: Arc<App>) -> Router {
    finish(health::routes().merge(health::metrics_routes()), app)
}

fn finish(router: Router<Arc<App>>, app: Arc<App>) -> Router {
    let nosniff =
        SetResponseHeaderLayer::if_not_present(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    router
        .fallback(|| async { Problem::from(ProblemKind::NotFound) })
        .method_not_allowed_fallback(|| async { Problem::from(ProblemKind::MethodNotAllowed) })
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, REQUEST_TIMEOUT))
        .layer(CatchPanicLayer::custom(problem::after_panic))
        .layer(middleware::from_fn(admission::admit))
        .layer(middleware::from_fn(problem::render))
        .layer(nosniff)
        .layer(middleware::from_fn(spans::span))
        .layer(Extension(Arc::<auth::WrongTokens>::default()))
        .layer(Extension(Admission::default()))
        .with_state(app)
}
