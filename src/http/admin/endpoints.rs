//! Endpoints: list, create, read, toggle, test, delete.

use std::{collections::BTreeMap, sync::Arc};

use axum::{Json, extract::State, response::IntoResponse};
use chrono::{DateTime, Utc};
use http::{StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::{ListResponse, PageQuery, audit, new_endpoint::CreateEndpointRequest, one_more, paged};
use crate::{
    app::App,
    db::{
        deliveries,
        endpoints::{self, EndpointRow, NewEndpoint},
    },
    domain::{
        delivery::Verdict,
        endpoint::{EndpointChannel, EndpointSecrets, HealthState, disabled_reason},
        filter::Filters,
        ids::{EndpointId, EndpointKind},
        signature,
    },
    http::{
        extract::{self, Caller, OptionalJson, Params, PathId},
        problem::{Problem, ProblemBody, ProblemKind},
    },
    notify,
};

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
    params(PageQuery),
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
    let errors = request.faults(&app);
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
    audit(&mut tx, &caller, "endpoint.create", id, None, Some(response.for_audit()), now).await?;
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
    audit(&mut tx, &caller, "endpoint.toggle", id, Some(was), Some(is), now).await?;
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
    audit(&mut tx, &caller, "endpoint.delete", id, Some(before), None, now).await?;
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
