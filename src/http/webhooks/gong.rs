//! `POST /webhooks/gong`: reads a bounded body, has the sender proven over its raw bytes, and answers once it is committed.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode, Uri};
use serde::Serialize;
use tracing::{Instrument, Span, field, info, info_span};
use url::Url;
use utoipa::ToSchema;

use crate::{
    app::App,
    db::sources,
    domain::{
        ids::{DEFAULT_SOURCE, SourceId},
        run::RunState,
    },
    http::{
        extract::{PathText, read_body, require_json},
        problem::{Problem, ProblemBody, ProblemKind},
    },
    intake::{
        Accepted, Callback,
        proof::{Evidence, ProofError, Source},
    },
};

/// The largest callback that is read.
const CALLBACK_BODY: usize = 1024 * 1024;

/// What a callback is answered.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum CallbackResponse {
    /// A call: 202 when it is new, 200 when it was known, with the first one's ids.
    Call {
        /// The event on record.
        #[schema(example = "evt_019a3c5e8f7b7c3e9d2a1b4c5d6e7f80")]
        event_id: String,
        /// The run of the call.
        #[schema(example = "run_019a3c5e8f7b7c3e9d2a1b4c5d6e7f80")]
        run_id: String,
        /// Whether the call was known.
        duplicate: bool,
    },
    /// Gong's "Test now": on record, starts nothing.
    Test {
        /// Always true.
        test: bool,
    },
}

#[utoipa::path(
    post, path = "/webhooks/gong", tag = "callbacks", operation_id = "gong_callback",
    summary = "Take a Gong callback in (the connection of the environment)",
    request_body(content = serde_json::Value, description = "Gong's webhook body; only callData.metaData.id is required"),
    responses(
        (status = 202, description = "Committed; work follows", body = CallbackResponse),
        (status = 200, description = "Known already, or a test", body = CallbackResponse),
        (status = 400, description = "Not JSON, or no call id", body = ProblemBody),
        (status = 401, description = "The sender is not proven", body = ProblemBody),
        (status = 413, description = "Over 1 MiB", body = ProblemBody),
        (status = 415, description = "Not JSON by its type", body = ProblemBody),
        (status = 503, description = "Cannot be stored now", body = ProblemBody),
    ),
)]
pub async fn default_source(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let source = app.default_source.clone();
    counted(app, source, request).await
}

#[utoipa::path(
    post, path = "/webhooks/gong/{source_id}", tag = "callbacks", operation_id = "gong_callback_of_source",
    summary = "Take a Gong callback in (a named connection)",
    params(("source_id" = String, Path, description = "The connection")),
    request_body(content = serde_json::Value, description = "Gong's webhook body; only callData.metaData.id is required"),
    responses(
        (status = 202, description = "Committed; work follows", body = CallbackResponse),
        (status = 200, description = "Known already, or a test", body = CallbackResponse),
        (status = 400, description = "Not JSON, or no call id", body = ProblemBody),
        (status = 401, description = "The sender is not proven", body = ProblemBody),
        (status = 404, description = "No such connection", body = ProblemBody),
        (status = 413, description = "Over 1 MiB", body = ProblemBody),
        (status = 415, description = "Not JSON by its type", body = ProblemBody),
        (status = 503, description = "Cannot be stored now", body = ProblemBody),
    ),
)]
pub async fn named_source(
    State(app): State<Arc<App>>,
    PathText(id): PathText,
    request: Request,
) -> Result<Response, Problem> {
    let unknown = || Problem::new(ProblemKind::NotFound, "there is no such connection");
    let id: SourceId = id.parse().map_err(|_| unknown())?;
    let source = if id == DEFAULT_SOURCE {
        app.default_source.clone()
    } else {
        // Asked each time, so that one that was removed is shut at once, on every replica.
        let row = sources::find_source(&app.pool, id).await.map_err(Problem::unavailable)?.ok_or_else(unknown)?;
        Source::from_row(&app.key_ring, &row).map_err(Problem::internal)?
    };
    counted(app, source, request).await
}

async fn counted(app: Arc<App>, source: Source, request: Request) -> Result<Response, Problem> {
    let answer = take(&app, &source, request).await;
    let outcome = match &answer {
        Ok((accepted, _)) if accepted.run_id.is_none() => "test",
        Ok((accepted, _)) if accepted.duplicate => "duplicate",
        Ok(_) => "accepted",
        Err(problem) => problem.callback_outcome(),
    };
    if let Ok((accepted, _)) = &answer
        && accepted.skipped
        && !accepted.duplicate
    {
        app.metrics.run_ended(RunState::Skipped);
    }
    let name = if source.id == DEFAULT_SOURCE { "default".to_owned() } else { source.id.to_string() };
    app.metrics.callback(&name, outcome);
    if let Err(problem) = &answer {
        info!(source = name, reason = problem.detail(), "refused a callback");
    }
    answer.map(|(_, response)| response)
}

async fn take(app: &App, source: &Source, request: Request) -> Result<(Accepted, Response), Problem> {
    let (parts, body) = request.into_parts();
    let query = Query::of(&parts.uri);
    let evidence = evidence(&parts.headers, &query);
    let unproven = |error: ProofError| Problem::new(ProblemKind::Unproven, error.to_string());
    source.expect(&evidence).map_err(unproven)?;
    let body = read_body(body, CALLBACK_BODY).await?;
    let verified = source.prove(&evidence, body, &addresses(app, &parts.uri), app.clock.now()).map_err(unproven)?;
    require_json(&parts.headers)?;
    let span = info_span!("callback.accept", trace.id = field::Empty);
    async {
        let callback =
            Callback::parse(&verified).map_err(|error| Problem::new(ProblemKind::Unreadable, error.to_string()))?;
        Span::current().record("trace.id", callback.trace_id());
        let accepted = app.intake.accept(callback).await.map_err(Problem::unavailable)?;
        info!(
            event.id = %accepted.event_id,
            run.id = accepted.run_id.map(tracing::field::display),
            duplicate = accepted.duplicate,
            "took a callback in"
        );
        Ok((accepted, respond(accepted)))
    }
    .instrument(span)
    .await
}

fn respond(accepted: Accepted) -> Response {
    let Some(run_id) = accepted.run_id else {
        return axum::Json(CallbackResponse::Test { test: true }).into_response();
    };
    let status = if accepted.duplicate { StatusCode::OK } else { StatusCode::ACCEPTED };
    let body = CallbackResponse::Call {
        event_id: accepted.event_id.to_string(),
        run_id: run_id.to_string(),
        duplicate: accepted.duplicate,
    };
    (status, axum::Json(body)).into_response()
}

/// The `key` of the query, decoded.
struct Query {
    key: Option<String>,
}

impl Query {
    fn of(uri: &Uri) -> Self {
        let query = uri.query().unwrap_or_default();
        let key = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "key");
        Self { key: key.map(|(_, value)| value.into_owned()) }
    }
}

fn evidence<'a>(headers: &'a HeaderMap, query: &'a Query) -> Evidence<'a> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let standard = text("webhook-id").zip(text("webhook-timestamp")).zip(text("webhook-signature"));
    Evidence {
        authorization: text("authorization"),
        url_key: query.key.as_deref(),
        plain_signature: text("x-signature"),
        standard_signature: standard.map(|((id, timestamp), signature)| (id, timestamp, signature)),
    }
}

/// The addresses under which this request may have been sent: our public ones with the path and query that arrived.
fn addresses(app: &App, uri: &Uri) -> Vec<Url> {
    let address = |base: &Url| {
        let mut url = base.clone();
        url.set_path(&format!("{}{}", base.path().trim_end_matches('/'), uri.path()));
        url.set_query(uri.query());
        url
    };
    app.public_urls.iter().map(address).collect()
}
