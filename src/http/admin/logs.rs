//! The log: every delivery with every attempt.

use std::sync::Arc;

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{ListResponse, PageQuery, audit, one_more, paged};
use crate::{
    app::App,
    db::{
        Page,
        deliveries::{self, Resend},
        delivery_log::{self, AttemptRow, LogFilter, LogRow},
        events,
    },
    domain::{
        delivery::DeliveryStatus, endpoint::EndpointChannel, filter::pattern_problem, ids::DeliveryKind,
        payload::Envelope,
    },
    http::{
        auth::{Admin, Caller, Reader},
        extract::{OptionalJson, Params, PathId, moment},
        problem::{Problem, ProblemBody, ProblemKind},
    },
};

/// A delivery.
#[derive(Debug, Serialize, ToSchema)]
pub struct LogResponse {
    #[schema(example = "dlv_019a3c5e8f7b7c3e9d2a1b4c5d6e7f80")]
    pub id: String,
    pub event_id: String,
    pub event_type: String,
    pub intent: Option<String>,
    pub subject: Option<String>,
    pub endpoint_id: String,
    pub endpoint_kind: EndpointChannel,
    pub status: DeliveryStatus,
    pub attempt_count: i32,
    pub last_status_code: Option<i32>,
    pub last_error: Option<String>,
    pub duration_ms: Option<i64>,
    pub created_at: DateTime<Utc>,
    pub sent_at: Option<DateTime<Utc>>,
    pub next_attempt_at: Option<DateTime<Utc>>,
}

impl From<LogRow> for LogResponse {
    fn from(row: LogRow) -> Self {
        Self {
            id: row.id.to_string(),
            event_id: row.event_id.to_string(),
            event_type: row.event_type,
            intent: row.intent,
            subject: row.subject,
            endpoint_id: row.endpoint_id.to_string(),
            endpoint_kind: row.endpoint_kind,
            status: row.status,
            attempt_count: row.attempt_count,
            last_status_code: row.last_status_code,
            last_error: row.last_error,
            duration_ms: row.duration_ms,
            created_at: row.created_at,
            sent_at: row.sent_at,
            next_attempt_at: row.next_attempt_at,
        }
    }
}

/// A delivery with all its attempts and what it says.
#[derive(Debug, Serialize, ToSchema)]
pub struct LogDetailResponse {
    #[serde(flatten)]
    log: LogResponse,
    attempts: Vec<AttemptResponse>,
    /// The body of a webhook of this event.
    payload: serde_json::Value,
}

/// One try.
#[derive(Debug, Serialize, ToSchema)]
pub struct AttemptResponse {
    pub number: i32,
    pub started_at: DateTime<Utc>,
    pub duration_ms: i64,
    pub status_code: Option<i32>,
    pub error: Option<String>,
    pub response_excerpt: Option<String>,
}

impl From<AttemptRow> for AttemptResponse {
    fn from(row: AttemptRow) -> Self {
        Self {
            number: row.number,
            started_at: row.started_at,
            duration_ms: row.duration_ms,
            status_code: row.status_code,
            error: row.error,
            response_excerpt: row.response_excerpt,
        }
    }
}

#[utoipa::path(
    get, path = "/api/v1/admin/notify/logs", tag = "log", operation_id = "list_log",
    summary = "List deliveries, newest first", security(("token" = [])),
    params(("status" = Option<DeliveryStatus>, Query, description = "Only of this status"),
           ("event" = Option<String>, Query, description = "Only of events of this type or family (`call.*`)",
            max_length = 100, pattern = "^[a-z0-9_-]+(\\.[a-z0-9_-]+)*(\\.\\*)?$"),
           ("endpoint_id" = Option<String>, Query, description = "Only to this endpoint", pattern = "^ep_[0-9a-f]{32}$"),
           ("since" = Option<DateTime<Utc>>, Query, description = "Decided then or later"),
           ("until" = Option<DateTime<Utc>>, Query, description = "Decided before then"),
           PageQuery),
    responses((status = 200, body = ListResponse<LogResponse>)),
)]
pub async fn list(
    State(app): State<Arc<App>>,
    Reader(caller): Reader,
    mut params: Params,
) -> Result<Json<ListResponse<LogResponse>>, Problem> {
    let filter = LogFilter {
        id: None,
        status: params
            .read("status", |text| text.parse().map_err(|_| "sent, failed, filtered, pending or retrying".to_owned())),
        event_type: params.read("event", |text| match pattern_problem(text) {
            Some(detail) => Err(detail.to_owned()),
            None => Ok(text.to_owned()),
        }),
        endpoint_id: params
            .read("endpoint_id", |text| text.parse().map_err(|_| "the id of an endpoint, ep_…".to_owned())),
        since: params.read("since", moment),
        until: params.read("until", moment),
    };
    let page = params.page();
    params.finish()?;
    let rows = delivery_log::list_log(&mut *app.pool.acquire().await?, &caller.tenant, &filter, one_more(page)).await?;
    Ok(Json(paged(rows, page, |row| row.id.uuid())))
}

#[utoipa::path(
    get, path = "/api/v1/admin/notify/logs/{id}", tag = "log", operation_id = "read_log",
    summary = "Read a delivery with all its attempts", security(("token" = [])),
    params(("id" = String, Path, description = "The delivery")),
    responses((status = 200, body = LogDetailResponse)),
)]
pub async fn read(
    State(app): State<Arc<App>>,
    Reader(caller): Reader,
    PathId(id): PathId<DeliveryKind>,
) -> Result<Json<LogDetailResponse>, Problem> {
    let filter = LogFilter { id: Some(id), ..LogFilter::default() };
    let only = Page { limit: 1, before: None };
    let row = delivery_log::list_log(&mut *app.pool.acquire().await?, &caller.tenant, &filter, only).await?.pop();
    let row = row.ok_or(ProblemKind::NotFound)?;
    let (attempts, payload) = contents(&app, &caller, &row).await?;
    Ok(Json(LogDetailResponse { log: row.into(), attempts, payload }))
}

/// The attempts of a delivery, and the body of a webhook of its event.
pub(in crate::http) async fn contents(
    app: &App,
    caller: &Caller,
    row: &LogRow,
) -> Result<(Vec<AttemptResponse>, serde_json::Value), Problem> {
    let attempts = delivery_log::list_attempts(&app.pool, &caller.tenant, row.id).await?;
    let event = events::find_event(&app.pool, &caller.tenant, row.event_id).await?.ok_or(ProblemKind::NotFound)?;
    let envelope = Envelope {
        id: event.id.to_string(),
        event_type: &event.event_type,
        timestamp: event.created_at,
        tenant: &caller.tenant,
        intent: event.intent.as_deref(),
        data: &event.data,
    };
    let payload = serde_json::to_value(&envelope).map_err(Problem::internal)?;
    Ok((attempts.into_iter().map(AttemptResponse::from).collect(), payload))
}

/// What may be sent again.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RetryRequest {
    /// Also one that the endpoint has taken already.
    #[serde(default)]
    pub include_sent: bool,
}

#[utoipa::path(
    post, path = "/api/v1/admin/notify/logs/{id}/retry", tag = "log", operation_id = "retry_delivery",
    summary = "Send a failed delivery again", security(("token" = [])),
    params(("id" = String, Path, description = "The delivery")), request_body = Option<RetryRequest>,
    responses((status = 202, description = "Will be sent", body = LogResponse), (status = 409, description = "Not failed, or its endpoint is disabled", body = ProblemBody)),
)]
pub async fn retry(
    State(app): State<Arc<App>>,
    Admin(caller): Admin,
    PathId(id): PathId<DeliveryKind>,
    OptionalJson(request): OptionalJson<RetryRequest>,
) -> Result<(StatusCode, Json<LogResponse>), Problem> {
    let now = app.clock.now();
    let mut tx = app.pool.begin().await?;
    let wanted = Resend::one(&caller.tenant, id, request.unwrap_or_default().include_sent);
    let revived = deliveries::resend_some(&mut tx, &wanted, 1, now).await?.count > 0;
    let filter = LogFilter { id: Some(id), ..LogFilter::default() };
    let row = delivery_log::list_log(&mut tx, &caller.tenant, &filter, Page { limit: 1, before: None }).await?.pop();
    let row = row.ok_or(ProblemKind::NotFound)?;
    if !revived {
        let detail = format!(
            "only a failed delivery to an enabled endpoint can be sent again (one that was sent with include_sent), none of \
             a private call; this one is {}",
            row.status.as_str()
        );
        return Err(Problem::new(ProblemKind::Conflict, detail));
    }
    audit(&mut tx, &caller, "delivery.retry", id, None, None, now).await?;
    tx.commit().await?;
    app.wake.now();
    Ok((StatusCode::ACCEPTED, Json(row.into())))
}
