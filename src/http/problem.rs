//! The one error body: RFC 9457 problem details.
//!
//! The kinds are a closed list and part of the contract. The body of a 5xx never tells the cause; that is logged, once,
//! here.

use std::any::Any;

use axum::{
    extract::Request,
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

use crate::queue::may_pass;

/// After so many seconds a database that was away is worth another try.
const RETRY_AFTER: u64 = 5;

/// What went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProblemKind {
    /// The request cannot be read.
    Unreadable,
    /// No token, or a wrong one.
    Unauthorized,
    /// The sender of a callback is not proven.
    Unproven,
    /// The token is good, but its role is too small.
    Forbidden,
    /// No such thing, or not for this caller.
    NotFound,
    /// No such method here.
    MethodNotAllowed,
    /// The state of the thing does not allow it.
    Conflict,
    /// The body is too large.
    TooLarge,
    /// The body is of another type.
    UnsupportedType,
    /// Readable, but not valid.
    Invalid,
    /// Too many of these in too short a time.
    TooMany,
    /// Something of ours broke.
    Internal,
    /// We cannot do it now.
    Unavailable,
}

impl ProblemKind {
    /// Status, id and title: the one table.
    fn row(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::Unreadable => (StatusCode::BAD_REQUEST, "unreadable", "The request cannot be read"),
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "unauthorized", "A valid token is required"),
            Self::Unproven => (StatusCode::UNAUTHORIZED, "unproven", "The sender is not proven"),
            Self::Forbidden => (StatusCode::FORBIDDEN, "forbidden", "The token may not do this"),
            Self::NotFound => (StatusCode::NOT_FOUND, "not-found", "There is nothing here"),
            Self::MethodNotAllowed => {
                (StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "The method is not allowed here")
            }
            Self::Conflict => (StatusCode::CONFLICT, "conflict", "The state does not allow it"),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too-large", "The body is too large"),
            Self::UnsupportedType => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-type", "The body is of an unsupported type")
            }
            Self::Invalid => (StatusCode::UNPROCESSABLE_ENTITY, "invalid", "The request is not valid"),
            Self::TooMany => (StatusCode::TOO_MANY_REQUESTS, "too-many", "Too many requests"),
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "internal", "Something broke on our side"),
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Not possible right now"),
        }
    }
}

/// An error answer.
#[derive(Debug)]
pub struct Problem {
    kind: ProblemKind,
    detail: Option<String>,
    errors: Vec<FieldError>,
    /// Seconds after which it is worth trying again.
    retry_after: Option<u64>,
    cause: Option<anyhow::Error>,
}

/// One field that is wrong.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FieldError {
    /// JSON pointer into the body, or `/name` of a query parameter.
    #[schema(example = "/filters/events/0")]
    pub pointer: String,
    /// What is wrong with it and what to do.
    pub detail: String,
}

/// The body of every error.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProblemBody {
    /// Which kind of problem this is; stable.
    #[serde(rename = "type")]
    #[schema(example = "urn:aftercall:problem:invalid")]
    pub kind: String,
    /// The kind in words.
    pub title: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// What happened this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The path that was asked for.
    pub instance: String,
    /// What is wrong with which field.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

impl Problem {
    /// A problem that says what happened this time.
    pub fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self { detail: Some(detail.into()), ..kind.into() }
    }

    /// A request that is readable, but has invalid fields.
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        Self { errors, ..Self::new(ProblemKind::Invalid, "see errors for each field") }
    }

    /// One invalid field.
    pub fn invalid_field(pointer: &str, detail: impl Into<String>) -> Self {
        Self::invalid(vec![FieldError { pointer: pointer.to_owned(), detail: detail.into() }])
    }

    /// Something of ours broke; the cause is logged and not told.
    pub fn internal(cause: impl Into<anyhow::Error>) -> Self {
        Self { cause: Some(cause.into()), ..ProblemKind::Internal.into() }
    }

    /// The database cannot take it now; the cause is logged and not told.
    pub fn unavailable(cause: impl Into<anyhow::Error>) -> Self {
        let detail = "the request could not be stored; try again soon";
        Self { cause: Some(cause.into()), ..Self::new(ProblemKind::Unavailable, detail) }
    }

    /// Too many of these; to be tried again after so many seconds.
    pub fn too_many(detail: impl Into<String>, retry_after: u64) -> Self {
        Self { retry_after: Some(retry_after), ..Self::new(ProblemKind::TooMany, detail) }
    }

    /// What became of a callback that was answered so, for `aftercall_callbacks_total`.
    pub fn callback_outcome(&self) -> &'static str {
        match self.kind {
            ProblemKind::Unproven => "refused",
            ProblemKind::Internal | ProblemKind::Unavailable => "failed",
            _ => "invalid",
        }
    }

    /// The status it is answered with.
    pub fn status(&self) -> StatusCode {
        self.kind.row().0
    }

    /// What it is, in a few words.
    pub fn title(&self) -> &'static str {
        self.kind.row().2
    }

    /// What is wrong with which field.
    pub fn errors(&self) -> &[FieldError] {
        &self.errors
    }

    /// Logs the cause, if there is one: it is told to nobody.
    pub fn log_cause(&self, path: &str) {
        if let Some(cause) = &self.cause {
            let id = self.kind.row().1;
            tracing::error!(problem.id = id, http.path = path, error = format!("{cause:#}"), "a request failed");
        }
    }

    /// What happened this time, for a log line.
    pub fn detail(&self) -> &str {
        self.detail.as_deref().unwrap_or(self.kind.row().2)
    }
}

impl From<ProblemKind> for Problem {
    fn from(kind: ProblemKind) -> Self {
        let retry_after = (kind == ProblemKind::Unavailable).then_some(RETRY_AFTER);
        Self { kind, detail: None, errors: Vec::new(), retry_after, cause: None }
    }
}

impl From<sqlx::Error> for Problem {
    fn from(error: sqlx::Error) -> Self {
        let passes = may_pass(&error) || matches!(error, sqlx::Error::PoolClosed);
        if passes { Self::unavailable(error) } else { Self::internal(error) }
    }
}

/// A problem on its way to [`render`], which knows the path.
#[derive(Clone)]
struct Unrendered(std::sync::Arc<Problem>);

/// Takes a problem out of an answer, for pages that tell it in their own way.
pub fn take(response: &mut Response) -> Option<std::sync::Arc<Problem>> {
    response.extensions_mut().remove::<Unrendered>().map(|Unrendered(problem)| problem)
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.kind.row().0.into_response();
        response.extensions_mut().insert(Unrendered(std::sync::Arc::new(self)));
        response
    }
}

/// Writes the bodies of problems: a layer, because only it knows the path.
pub async fn render(request: Request, next: Next) -> Response {
    let instance = request.uri().path().to_owned();
    let mut response = next.run(request).await;
    let problem = match response.extensions_mut().remove::<Unrendered>() {
        Some(Unrendered(problem)) => problem,
        // The time-out layer answers without a body; a page has one of its own.
        None if response.status() == StatusCode::SERVICE_UNAVAILABLE && !has_body(&response) => {
            std::sync::Arc::new(Problem::new(ProblemKind::Unavailable, "the request took too long"))
        }
        None => return response,
    };
    let (status, id, title) = problem.kind.row();
    problem.log_cause(&instance);
    let body = ProblemBody {
        kind: format!("urn:aftercall:problem:{id}"),
        title,
        status: status.as_u16(),
        detail: problem.detail.clone(),
        instance,
        errors: problem.errors.clone(),
    };
    let body = serde_json::to_vec(&body).expect("plain data always becomes JSON");
    let mut rendered = (status, body).into_response();
    let headers = rendered.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    if problem.kind == ProblemKind::Unauthorized {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if let Some(seconds) = problem.retry_after {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if let Some(allow) = response.headers_mut().remove(header::ALLOW) {
        headers.insert(header::ALLOW, allow);
    }
    rendered
}

fn has_body(response: &Response) -> bool {
    response.headers().contains_key(header::CONTENT_TYPE)
}

/// Turns a panic into a 500.
#[expect(clippy::needless_pass_by_value, reason = "the signature that the panic layer asks for")]
pub fn after_panic(panic: Box<dyn Any + Send + 'static>) -> Response {
    let said = panic.downcast_ref::<String>().cloned();
    let said = said.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default();
    Problem::internal(anyhow::anyhow!("a handler panicked: {said}")).into_response()
}
