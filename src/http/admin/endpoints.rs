//! Endpoints: list, create, read, toggle, test, delete.

use std::{collections::BTreeMap, sync::Arc};

use axum::{Json, extract::State, response::IntoResponse};
use chrono::{DateTime, Utc};
use http::{HeaderName, HeaderValue, StatusCode, header};
use lettre::message::Mailbox;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::{ListResponse, one_more, paged};
use crate::{
    app::App,
    db::{
        audit::{NewAudit, insert_audit},
        deliveries,
        endpoints::{self, EndpointRow, NewEndpoint},
    },
    domain::{
        delivery::Verdict,
        endpoint::{EndpointChannel, EndpointSecrets, HealthState, disabled_reason},
        filter::{Filters, pattern_problem},
        ids::{EndpointId, EndpointKind},
        signature,
    },
    http::{
        extract::{self, Caller, OptionalJson, Params, PathId},
        problem::{FieldError, Problem, ProblemBody, ProblemKind},
    },
    notify,
};

/// Headers that are ours to set.
const RESERVED_HEADERS: &[&str] = &[
    "connection",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "webhook-id",
    "webhook-signature",
    "webhook-timestamp",
    "x-event",
    "x-signature",
];
/// How many headers an endpoint may add, and how long each value may be.
const HEADERS: (usize, usize) = (20, 1000);
/// Lengths of a secret that somebody chose.
const SECRET_LENGTH: std::ops::RangeInclusive<usize> = 16..=256;
/// How long names, targets and lists may be.
const NAME_LENGTH: usize = 200;
const TARGET_LENGTH: usize = 2000;
const FILTER_ENTRIES: usize = 100;

/// A new endpoint.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateEndpointRequest {
    kind: EndpointChannel,
    /// What people call it; the kind, if left out.
    name: Option<String>,
    /// The URL, or the mailbox.
    #[schema(example = "https://crm.example.com/hooks/aftercall")]
    target: String,
    /// Whether it takes deliveries from the start.
    #[serde(default = "yes")]
    enabled: bool,
    /// What it wants; nothing listed means everything.
    #[serde(default)]
    filters: Filters,
    /// What webhooks are signed with; made when null.
    secret: Option<String>,
    /// Headers added to each webhook.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// Not supported by this version: must be null.
    rate_limit_per_minute: Option<i32>,
    /// Not supported by this version: must be false.
    #[serde(default)]
    ordered: bool,
}

const fn yes() -> bool {
    true
}

/// An endpoint.
#[derive(Debug, Serialize, ToSchema)]
pub struct EndpointResponse {
    /// Its id.
    #[schema(example = "ep_019a3c5e8f7b7c3e9d2a1b4c5d6e7f80")]
    id: String,
    kind: EndpointChannel,
    name: String,
    target: String,
    enabled: bool,
    filters: Filters,
    /// Names of the added headers; their values are not shown again.
    headers: BTreeMap<String, String>,
    has_secret: bool,
    rate_limit_per_minute: Option<i32>,
    ordered: bool,
    health: HealthResponse,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    /// Only in the answer to its creation.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

/// How an endpoint is doing.
#[derive(Debug, Serialize, ToSchema)]
pub struct HealthResponse {
    state: HealthState,
    consecutive_failures: i32,
    last_success_at: Option<DateTime<Utc>>,
    last_failure_at: Option<DateTime<Utc>>,
    disabled_reason: Option<String>,
}

impl EndpointResponse {
    fn new(app: &App, row: EndpointRow) -> Result<Self, Problem> {
        let secrets = notify::open(&app.key_ring, row.id, &row.sealed).map_err(Problem::internal)?;
        let hidden = |name: String| (name, "[hidden]".to_owned());
        Ok(Self {
            id: row.id.to_string(),
            kind: row.kind,
            filters: row.filters(),
            health: HealthResponse {
                state: row.health(),
                consecutive_failures: row.consecutive_failures,
                last_success_at: row.last_success_at,
                last_failure_at: row.last_failure_at,
                disabled_reason: row.disabled_reason,
            },
            name: row.name,
            target: secrets.target,
            enabled: row.enabled,
            headers: secrets.headers.into_keys().map(hidden).collect(),
            has_secret: row.has_secret,
            rate_limit_per_minute: row.rate_limit_per_minute,
            ordered: row.ordered,
            created_at: row.created_at,
            updated_at: row.updated_at,
            secret: None,
        })
    }

    /// What the audit keeps: neither target (a Slack URL is a credential) nor secret.
    fn for_audit(&self) -> serde_json::Value {
        json!({"kind": self.kind, "name": self.name, "enabled": self.enabled, "filters": self.filters})
    }
}

#[utoipa::path(
    get, path = "/api/v1/admin/notify/endpoints", tag = "endpoints", operation_id = "list_endpoints",
    summary = "List endpoints, newest first", security(("token" = [])),
    params(("limit" = Option<u16>, Query, description = "1 to 200, 50 if left out"),
           ("cursor" = Option<String>, Query, description = "next_cursor of the page before")),
    responses((status = 200, body = ListResponse<EndpointResponse>), (status = 401, body = ProblemBody),
              (status = 422, body = ProblemBody)),
)]
pub async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    mut params: Params,
) -> Result<Json<ListResponse<EndpointResponse>>, Problem> {
    let page = params.page();
    params.finish()?;
    let rows = endpoints::list_endpoints(&app.pool, &caller.tenant, None, one_more(page)).await?;
    let ListResponse { items, next_cursor } = paged::<_, EndpointRow>(rows, page, |row| row.id.uuid());
    let items = items.into_iter().map(|row| EndpointResponse::new(&app, row)).collect::<Result<_, _>>()?;
    Ok(Json(ListResponse { items, next_cursor }))
}

#[utoipa::path(
    post, path = "/api/v1/admin/notify/endpoints", tag = "endpoints", operation_id = "create_endpoint",
    summary = "Create an endpoint", security(("token" = [])), request_body = CreateEndpointRequest,
    responses((status = 201, description = "Created; the secret is shown this once", body = EndpointResponse),
              (status = 400, body = ProblemBody), (status = 401, body = ProblemBody), (status = 413, body = ProblemBody),
              (status = 415, body = ProblemBody), (status = 422, body = ProblemBody)),
)]
pub async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    extract::Json(request): extract::Json<CreateEndpointRequest>,
) -> Result<impl IntoResponse, Problem> {
    let errors = validate(&app, &request);
    if !errors.is_empty() {
        return Err(Problem::invalid(errors));
    }
    let id = EndpointId::new();
    let secret = match request.kind {
        EndpointChannel::Webhook => Some(request.secret.unwrap_or_else(signature::generate_secret)),
        EndpointChannel::Slack | EndpointChannel::Email => None,
    };
    let secrets = EndpointSecrets { target: request.target, secret: secret.clone(), headers: request.headers };
    let name = request.name.unwrap_or_else(|| request.kind.as_str().to_owned());
    let endpoint = NewEndpoint {
        id,
        tenant: &caller.tenant,
        kind: request.kind,
        name: &name,
        sealed: &notify::seal(&app.key_ring, id, &secrets),
        has_secret: secret.is_some(),
        enabled: request.enabled,
        filters: &request.filters,
        rate_limit_per_minute: request.rate_limit_per_minute,
        ordered: request.ordered,
    };
    let now = app.clock.now();
    let mut tx = app.pool.begin().await?;
    endpoints::insert_endpoint(&mut *tx, &endpoint, now).await?;
    let row = endpoints::find_endpoint(&mut *tx, &caller.tenant, id).await?;
    let mut response = EndpointResponse::new(&app, row.ok_or(ProblemKind::Internal)?)?;
    record(&mut tx, &caller, "endpoint.create", id, None, Some(response.for_audit()), now).await?;
    tx.commit().await?;
    response.secret = secret;
    let location = format!("/api/v1/admin/notify/endpoints/{id}");
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(response)))
}

#[utoipa::path(
    get, path = "/api/v1/admin/notify/endpoints/{id}", tag = "endpoints", operation_id = "read_endpoint",
    summary = "Read an endpoint", security(("token" = [])), params(("id" = String, Path, description = "The endpoint")),
    responses((status = 200, body = EndpointResponse), (status = 401, body = ProblemBody), (status = 404, body = ProblemBody)),
)]
pub async fn read(
    State(app): State<Arc<App>>,
    caller: Caller,
    PathId(id): PathId<EndpointKind>,
) -> Result<Json<EndpointResponse>, Problem> {
    let row = endpoints::find_endpoint(&app.pool, &caller.tenant, id).await?.ok_or(ProblemKind::NotFound)?;
    EndpointResponse::new(&app, row).map(Json)
}

/// What to do with an endpoint; without it, flips.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ToggleRequest {
    /// Whether it shall take deliveries.
    enabled: Option<bool>,
}

#[utoipa::path(
    post, path = "/api/v1/admin/notify/endpoints/{id}/toggle", tag = "endpoints", operation_id = "toggle_endpoint",
    summary = "Enable or disable an endpoint", security(("token" = [])),
    description = "What waits for an endpoint when it is disabled fails with the reason endpoint_disabled and can be sent \
                   again by hand.",
    params(("id" = String, Path, description = "The endpoint")), request_body = Option<ToggleRequest>,
    responses((status = 200, body = EndpointResponse), (status = 400, body = ProblemBody), (status = 401, body = ProblemBody),
              (status = 404, body = ProblemBody), (status = 415, body = ProblemBody), (status = 422, body = ProblemBody)),
)]
pub async fn toggle(
    State(app): State<Arc<App>>,
    caller: Caller,
    PathId(id): PathId<EndpointKind>,
    OptionalJson(request): OptionalJson<ToggleRequest>,
) -> Result<Json<EndpointResponse>, Problem> {
    let now = app.clock.now();
    let wanted = request.unwrap_or_default().enabled;
    let mut tx = app.pool.begin().await?;
    let before = endpoints::find_endpoint(&mut *tx, &caller.tenant, id).await?.ok_or(ProblemKind::NotFound)?;
    let enabled = endpoints::toggle_endpoint(&mut *tx, &caller.tenant, id, wanted, disabled_reason::ADMIN, now).await?;
    if enabled == Some(false) {
        deliveries::fail_waiting(&mut *tx, Some(id), disabled_reason::DELIVERY, now).await?;
    }
    let row = endpoints::find_endpoint(&mut *tx, &caller.tenant, id).await?.ok_or(ProblemKind::NotFound)?;
    let (was, is) = (json!({"enabled": before.enabled}), json!({"enabled": row.enabled}));
    record(&mut tx, &caller, "endpoint.toggle", id, Some(was), Some(is), now).await?;
    tx.commit().await?;
    EndpointResponse::new(&app, row).map(Json)
}

#[utoipa::path(
    delete, path = "/api/v1/admin/notify/endpoints/{id}", tag = "endpoints", operation_id = "delete_endpoint",
    summary = "Remove an endpoint; its history stays readable", security(("token" = [])),
    params(("id" = String, Path, description = "The endpoint")),
    responses((status = 204, description = "Removed"), (status = 401, body = ProblemBody), (status = 404, body = ProblemBody)),
)]
pub async fn delete(
    State(app): State<Arc<App>>,
    caller: Caller,
    PathId(id): PathId<EndpointKind>,
) -> Result<StatusCode, Problem> {
    let now = app.clock.now();
    let mut tx = app.pool.begin().await?;
    let row = endpoints::find_endpoint(&mut *tx, &caller.tenant, id).await?.ok_or(ProblemKind::NotFound)?;
    if !endpoints::delete_endpoint(&mut *tx, &caller.tenant, id, now).await? {
        return Err(ProblemKind::NotFound.into());
    }
    deliveries::fail_waiting(&mut *tx, Some(id), disabled_reason::DELIVERY, now).await?;
    let before = EndpointResponse::new(&app, row)?.for_audit();
    record(&mut tx, &caller, "endpoint.delete", id, Some(before), None, now).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// How a test went.
#[derive(Debug, Serialize, ToSchema)]
pub struct TestResponse {
    /// `sent` or `failed`.
    status: &'static str,
    status_code: Option<i32>,
    duration_ms: i64,
    error: Option<String>,
    response_excerpt: Option<String>,
    /// Where it stands in the log.
    #[schema(example = "dlv_019a3c5e8f7b7c3e9d2a1b4c5d6e7f80")]
    log_id: String,
}

#[utoipa::path(
    post, path = "/api/v1/admin/notify/test/{id}", tag = "endpoints", operation_id = "test_endpoint",
    summary = "Send test.ping to an endpoint now", security(("token" = [])),
    params(("id" = String, Path, description = "The endpoint")),
    responses((status = 200, description = "How it went", body = TestResponse), (status = 401, body = ProblemBody),
              (status = 404, body = ProblemBody)),
)]
pub async fn test(
    State(app): State<Arc<App>>,
    caller: Caller,
    PathId(id): PathId<EndpointKind>,
) -> Result<Json<TestResponse>, Problem> {
    endpoints::find_endpoint(&app.pool, &caller.tenant, id).await?.ok_or(ProblemKind::NotFound)?;
    let (log_id, attempt) = app.notifier.send_test(&caller.tenant, id).await.map_err(Problem::internal)?;
    Ok(Json(TestResponse {
        status: if attempt.verdict == Verdict::Sent { "sent" } else { "failed" },
        status_code: attempt.status_code,
        duration_ms: attempt.duration_ms,
        error: attempt.error,
        response_excerpt: attempt.response_excerpt,
        log_id: log_id.to_string(),
    }))
}

async fn record(
    tx: &mut sqlx::PgConnection,
    caller: &Caller,
    action: &str,
    id: EndpointId,
    before: Option<serde_json::Value>,
    after: Option<serde_json::Value>,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    let audit = NewAudit {
        tenant: &caller.tenant,
        actor: &caller.actor,
        address: caller.address.clone(),
        action,
        object: id.to_string(),
        before,
        after,
    };
    insert_audit(tx, audit, now).await
}

/// Everything that is wrong with a new endpoint.
fn validate(app: &App, request: &CreateEndpointRequest) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let mut wrong = |pointer: String, detail: &str| errors.push(FieldError { pointer, detail: detail.to_owned() });
    if let Some(detail) = target_problem(app, request.kind, &request.target) {
        wrong("/target".to_owned(), &detail);
    }
    if request.name.as_ref().is_some_and(|name| !is_line(name, NAME_LENGTH)) {
        wrong("/name".to_owned(), "one line of 1 to 200 characters");
    }
    for (index, pattern) in request.filters.events.iter().enumerate() {
        if let Some(detail) = pattern_problem(pattern) {
            wrong(format!("/filters/events/{index}"), detail);
        }
    }
    for (index, intent) in
        request.filters.intents.iter().enumerate().filter(|(_, intent)| !is_line(intent, NAME_LENGTH))
    {
        wrong(format!("/filters/intents/{index}"), if intent.is_empty() { "not empty" } else { "one line of text" });
    }
    for (name, entries) in [("events", &request.filters.events), ("intents", &request.filters.intents)] {
        if entries.len() > FILTER_ENTRIES {
            wrong(format!("/filters/{name}"), "at most 100 entries");
        }
    }
    let webhook = request.kind == EndpointChannel::Webhook;
    match &request.secret {
        Some(_) if !webhook => wrong("/secret".to_owned(), "only webhooks are signed: leave it out"),
        Some(secret) if !SECRET_LENGTH.contains(&secret.len()) || !secret.bytes().all(|b| b.is_ascii_graphic()) => {
            wrong("/secret".to_owned(), "16 to 256 visible ASCII characters, or null to have one made");
        }
        _ => {}
    }
    if !webhook && !request.headers.is_empty() {
        wrong("/headers".to_owned(), "only webhooks take headers: leave them out");
    }
    let (most, longest) = HEADERS;
    if request.headers.len() > most {
        wrong("/headers".to_owned(), "at most 20 headers");
    }
    for (name, value) in &request.headers {
        let pointer = format!("/headers/{}", name.replace('~', "~0").replace('/', "~1"));
        if RESERVED_HEADERS.contains(&name.to_ascii_lowercase().as_str()) {
            wrong(pointer, "this header is ours to set");
        } else if HeaderName::try_from(name).is_err() || HeaderValue::from_str(value).is_err() || value.len() > longest
        {
            wrong(
                pointer,
                "not a header: a name of letters, digits and dashes, and one line of at most 1000 characters",
            );
        }
    }
    if request.rate_limit_per_minute.is_some() {
        wrong("/rate_limit_per_minute".to_owned(), "not supported by this version: leave it out");
    }
    if request.ordered {
        wrong("/ordered".to_owned(), "not supported by this version: leave it out");
    }
    errors
}

fn target_problem(app: &App, kind: EndpointChannel, target: &str) -> Option<String> {
    if target.len() > TARGET_LENGTH {
        return Some("at most 2000 characters".to_owned());
    }
    match kind {
        EndpointChannel::Slack | EndpointChannel::Webhook => app.egress.check(target).err(),
        EndpointChannel::Email => {
            target.parse::<Mailbox>().err().map(|_| "a mailbox such as team@example.com".to_owned())
        }
    }
}

fn is_line(text: &str, longest: usize) -> bool {
    !text.trim().is_empty() && text.chars().count() <= longest && !text.chars().any(char::is_control)
}
