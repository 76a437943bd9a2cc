//! The span of a request. It names the route that matched, never the path: that has ids in it, and keys behind it.
//!
//! A `traceparent` that a request brings is not gone on with. The callback's route is open to anybody, and a proof comes
//! too late to choose the trace of what was done until then.

use axum::{
    extract::{MatchedPath, Request},
    middleware::Next,
    response::Response,
};
use http::Method;
use tracing::{Instrument, debug_span, field};

use crate::telemetry::traces;

/// Puts a request into a span.
pub async fn span(matched: Option<MatchedPath>, request: Request, next: Next) -> Response {
    let method = known(request.method());
    let route = matched.as_ref().map_or("no route", MatchedPath::as_str);
    let span = debug_span!(
        "http.request",
        otel.kind = "server",
        otel.name = %format_args!("{method} {route}"),
        http.request.method = method,
        http.route = route,
        http.response.status_code = field::Empty,
    );
    let answering = async {
        let response = next.run(request).await;
        tracing::Span::current().record("http.response.status_code", response.status().as_u16());
        if response.status().is_server_error() {
            traces::mark_failed("server error");
        }
        response
    };
    answering.instrument(span).await
}

/// The method, or one word for all that clients make up.
fn known(method: &Method) -> &str {
    match *method {
        Method::GET | Method::POST | Method::PUT | Method::PATCH | Method::DELETE | Method::HEAD | Method::OPTIONS => {
            method.as_str()
        }
        _ => "_OTHER",
    }
}
