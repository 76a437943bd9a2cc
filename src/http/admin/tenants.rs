//! Tenants. `ADMIN_TOKEN` alone manages them.

use std::sync::Arc;

use axum::{Json, extract::State, response::Response};
use chrono::{DateTime, Utc};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::{
    IdempotencyHeader, ListResponse, audit, cut,
    faults::Faults,
    read::{LimitChange, whole},
};
use crate::{
    app::App,
    db::{
        paces,
        tenants::{self, TenantRow},
    },
    domain::access::OWN_TENANT,
    http::{
        auth::Root,
        extract::{self, Params, PathText},
        idempotency::{Begun, Once},
        problem::{Problem, ProblemBody, ProblemKind},
    },
};

/// How long an id may be.
const ID_LENGTH: usize = 63;

/// A tenant.
#[derive(Debug, Serialize, ToSchema)]
pub struct TenantResponse {
    #[schema(example = "emea")]
    id: String,
    name: String,
    /// No more deliveries than so many in any 60 seconds, all endpoints together.
    rate_limit_per_minute: Option<i32>,
    created_at: DateTime<Utc>,
}

impl From<TenantRow> for TenantResponse {
    fn from(row: TenantRow) -> Self {
        let TenantRow { id, name, rate_limit_per_minute, created_at } = row;
        Self { id, name, rate_limit_per_minute, created_at }
    }
}

/// A new tenant.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateTenantRequest {
    /// Lower-case letters, digits and dashes.
    #[schema(pattern = "^[a-z0-9][a-z0-9-]{0,62}$", example = "emea")]
    id: String,
    #[schema(min_length = 1, max_length = 200, example = "EMEA")]
    name: String,
    /// No more deliveries than so many in any 60 seconds, all endpoints together.
    #[serde(default, deserialize_with = "whole")]
    #[schema(minimum = 1, maximum = 60_000)]
    rate_limit_per_minute: Option<i32>,
}

/// What of a tenant shall be otherwise; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeTenantRequest {
    #[schema(min_length = 1, max_length = 200)]
    name: Option<String>,
    /// Null lifts the limit.
    #[serde(default)]
    #[schema(value_type = Option<i32>, minimum = 1, maximum = 60_000)]
    rate_limit_per_minute: LimitChange,
}

#[utoipa::path(
    get, path = "/api/v1/admin/tenants", tag = "access", operation_id = "list_tenants",
    summary = "List tenants by their ids", security(("token" = [])),
    params(("limit" = Option<u16>, Query, description = "How many items, 50 if left out.", minimum = 1, maximum = 200),
           ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before.",
            pattern = "^[a-z0-9][a-z0-9-]{0,62}$")),
    responses((status = 200, body = ListResponse<TenantResponse>)),
)]
pub async fn list(
    State(app): State<Arc<App>>,
    Root(_caller): Root,
    mut params: Params,
) -> Result<Json<ListResponse<TenantResponse>>, Problem> {
    let limit = params.limit();
    let after = params.read("cursor", slug);
    params.finish()?;
    let rows = tenants::list_tenants(&app.pool, None, after.as_deref(), limit + 1).await?;
    Ok(Json(cut(rows, limit, |row| row.id.clone())))
}

#[utoipa::path(
    post, path = "/api/v1/admin/tenants", tag = "access", operation_id = "create_tenant",
    summary = "Add a tenant", security(("token" = [])), params(IdempotencyHeader), request_body = CreateTenantRequest,
    responses((status = 201, description = "Added", body = TenantResponse),
              (status = 409, description = "The id is taken", body = ProblemBody)),
)]
pub async fn create(
    State(app): State<Arc<App>>,
    Root(caller): Root,
    once: Once<CreateTenantRequest>,
) -> Result<Response, Problem> {
    let (request, mut creation) = match once.begin(&app, &caller, check).await? {
        Begun::New(request, creation) => (request, creation),
        Begun::Known(answer) => return Ok(answer),
    };
    let CreateTenantRequest { id, name, rate_limit_per_minute } = request;
    let now = creation.now;
    let tenant = TenantRow { id, name, rate_limit_per_minute, created_at: now };
    if !tenants::insert_tenant(creation.db(), &tenant).await? {
        let detail = "this id is taken, maybe by a tenant that is being removed";
        return Err(creation.refuse(Problem::new(ProblemKind::Conflict, detail)).await);
    }
    paces::set_pace(creation.db(), &tenant.id, None, rate_limit_per_minute).await?;
    let after = json!({"name": tenant.name, "rate_limit_per_minute": rate_limit_per_minute});
    audit(creation.db(), &caller, "tenant.create", &tenant.id, None, Some(after), now).await?;
    creation.finish(StatusCode::CREATED, None, &TenantResponse::from(tenant)).await
}

#[utoipa::path(
    patch, path = "/api/v1/admin/tenants/{id}", tag = "access", operation_id = "change_tenant",
    summary = "Change a tenant", security(("token" = [])), params(("id" = String, Path, description = "The tenant")),
    request_body = ChangeTenantRequest, responses((status = 200, body = TenantResponse)),
)]
pub async fn change(
    State(app): State<Arc<App>>,
    Root(caller): Root,
    PathText(id): PathText,
    extract::Json(request): extract::Json<ChangeTenantRequest>,
) -> Result<Json<TenantResponse>, Problem> {
    faults(request.name.as_deref(), request.rate_limit_per_minute.of(None)).finish()?;
    let now = app.clock.now();
    let mut tx = app.pool.begin().await?;
    let mut tenant = tenants::lock_tenant(&mut tx, &id).await?.ok_or(ProblemKind::NotFound)?;
    let before = json!({"name": tenant.name, "rate_limit_per_minute": tenant.rate_limit_per_minute});
    tenant.name = request.name.unwrap_or(tenant.name);
    tenant.rate_limit_per_minute = request.rate_limit_per_minute.of(tenant.rate_limit_per_minute);
    tenants::update_tenant(&mut *tx, &tenant).await?;
    paces::set_pace(&mut *tx, &id, None, tenant.rate_limit_per_minute).await?;
    let after = json!({"name": tenant.name, "rate_limit_per_minute": tenant.rate_limit_per_minute});
    audit(&mut tx, &caller, "tenant.change", &id, Some(before), Some(after), now).await?;
    tx.commit().await?;
    Ok(Json(tenant.into()))
}

#[utoipa::path(
    delete, path = "/api/v1/admin/tenants/{id}", tag = "access", operation_id = "delete_tenant",
    summary = "Remove a tenant with all it has", security(("token" = [])),
    description = "Its tokens, connections and endpoints end at once; what it had is removed by the retention job.",
    params(("id" = String, Path, description = "The tenant")),
    responses((status = 204, description = "Closed; being removed"),
              (status = 409, description = "The tenant default stays", body = ProblemBody)),
)]
pub async fn delete(
    State(app): State<Arc<App>>,
    Root(caller): Root,
    PathText(id): PathText,
) -> Result<StatusCode, Problem> {
    if id == OWN_TENANT {
        return Err(Problem::new(ProblemKind::Conflict, "the tenant default belongs to the service itself"));
    }
    let now = app.clock.now();
    let mut tx = app.pool.begin().await?;
    let tenant = tenants::find_tenant(&mut *tx, &id).await?.ok_or(ProblemKind::NotFound)?;
    tenants::close_tenant(&mut tx, &id, now).await?;
    audit(&mut tx, &caller, "tenant.delete", &id, Some(json!({"name": tenant.name})), None, now).await?;
    tx.commit().await?; // what waits for its endpoints the sweeper fails, and the retention job removes
    Ok(StatusCode::NO_CONTENT)
}

fn check(request: &CreateTenantRequest) -> Result<(), Problem> {
    let mut faults = faults(Some(&request.name), request.rate_limit_per_minute);
    if let Err(detail) = slug(&request.id) {
        faults.add("/id", detail);
    }
    faults.finish()
}

fn faults(name: Option<&str>, rate_limit_per_minute: Option<i32>) -> Faults {
    let mut faults = Faults::default();
    if let Some(name) = name {
        faults.check_name("/name", name);
    }
    faults.check_rate_limit(rate_limit_per_minute);
    faults
}

fn slug(text: &str) -> Result<String, String> {
    let letters = text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    let fits = letters && (1..=ID_LENGTH).contains(&text.len()) && !text.starts_with('-');
    if fits { Ok(text.to_owned()) } else { Err("lower-case letters, digits and dashes, at most 63".to_owned()) }
}
