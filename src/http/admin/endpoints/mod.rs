//! Endpoints: where notifications go. Here how they are shown, listed and removed; creating, changing, signing and sending
//! have files of their own.

pub mod change;
pub mod create;
mod fields;
pub mod secret;
pub mod send;

use std::{collections::BTreeMap, sync::Arc};

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use http::StatusCode;
use serde::Serialize;
use serde_json::{Value, json};
use url::Url;
use utoipa::ToSchema;

use super::{ListResponse, PageQuery, audit, mailbox_for_audit, one_more, paged};
use crate::{
    app::App,
    db::{
        deliveries,
        endpoints::{self, EndpointRow},
        paces,
    },
    domain::{
        access::Role,
        endpoint::{EndpointChannel, EndpointSecrets, HealthState, disabled_reason},
        filter::Filters,
        ids::{EndpointId, EndpointKind},
    },
    http::{
        auth::{Admin, Caller, Reader},
        extract::{Params, PathId},
        problem::{Problem, ProblemKind},
    },
    notify,
};

/// What stands for the value of a header that is not shown again; given back, it leaves the value as it is.
pub(in crate::http) const HIDDEN: &str = "[hidden]";

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
    /// While the breaker is open: when the next probe may go out.
    open_until: Option<DateTime<Utc>>,
}

impl EndpointResponse {
    /// As the row stands, opened.
    pub(in crate::http) fn new(app: &App, row: EndpointRow) -> Result<Self, Problem> {
        let secrets = notify::open(&app.key_ring, row.id, &row.sealed).map_err(Problem::internal)?;
        Ok(Self::opened(row, secrets))
    }

    fn opened(row: EndpointRow, secrets: EndpointSecrets) -> Self {
        Self {
            id: row.id.to_string(),
            kind: row.kind,
            filters: row.filters(),
            health: HealthResponse {
                state: row.health(),
                consecutive_failures: row.consecutive_failures,
                last_success_at: row.last_success_at,
                last_failure_at: row.last_failure_at,
                disabled_reason: row.disabled_reason,
                open_until: row.open_until,
            },
            name: row.name,
            target: secrets.target,
            enabled: row.enabled,
            headers: secrets.headers.into_keys().map(|name| (name, HIDDEN.to_owned())).collect(),
            has_secret: row.has_secret,
            rate_limit_per_minute: row.rate_limit_per_minute,
            ordered: row.ordered,
            created_at: row.created_at,
            updated_at: row.updated_at,
            secret: None,
        }
    }

    /// What people call it.
    pub(in crate::http) fn name(&self) -> &str {
        &self.name
    }

    /// As a caller may see it: a Slack URL is a credential, and whoever only reads does not need it.
    pub(in crate::http) fn shown_to(mut self, caller: &Caller) -> Self {
        if self.kind == EndpointChannel::Slack && caller.role != Role::Admin {
            self.target = destination(self.kind, &self.target);
        }
        self
    }

    /// What the audit keeps: of the target only where it leads, since a Slack URL is a credential.
    fn for_audit(&self) -> Value {
        json!({
            "kind": self.kind, "name": self.name, "target": destination(self.kind, &self.target),
            "enabled": self.enabled, "filters": self.filters, "headers": self.headers,
            "rate_limit_per_minute": self.rate_limit_per_minute, "ordered": self.ordered,
        })
    }
}

/// The host or the domain of a target, without what may be secret or personal.
fn destination(kind: EndpointChannel, target: &str) -> String {
    match kind {
        EndpointChannel::Email => mailbox_for_audit(target),
        EndpointChannel::Slack | EndpointChannel::Webhook => {
            let url = Url::parse(target).ok();
            url.map_or_else(String::new, |url| format!("{}/…", &url[..url::Position::BeforePath]))
        }
    }
}

#[utoipa::path(
    get, path = "/api/v1/admin/notify/endpoints", tag = "endpoints", operation_id = "list_endpoints",
    summary = "List endpoints, newest first", security(("token" = [])),
    params(PageQuery),
    responses((status = 200, body = ListResponse<EndpointResponse>)),
)]
pub async fn list(
    State(app): State<Arc<App>>,
    Reader(caller): Reader,
    mut params: Params,
) -> Result<Json<ListResponse<EndpointResponse>>, Problem> {
    let page = params.page();
    params.finish()?;
    let rows = endpoints::list_endpoints(&app.pool, &caller.tenant, None, one_more(page)).await?;
    let ListResponse { items, next_cursor } = paged::<_, EndpointRow>(rows, page, |row| row.id.uuid());
    let item = |row| EndpointResponse::new(&app, row).map(|endpoint| endpoint.shown_to(&caller));
    let items = items.into_iter().map(item).collect::<Result<_, _>>()?;
    Ok(Json(ListResponse { items, next_cursor }))
}

#[utoipa::path(
    get, path = "/api/v1/admin/notify/endpoints/{id}", tag = "endpoints", operation_id = "read_endpoint",
    summary = "Read an endpoint", security(("token" = [])), params(("id" = String, Path, description = "The endpoint")),
    responses((status = 200, body = EndpointResponse)),
)]
pub async fn read(
    State(app): State<Arc<App>>,
    Reader(caller): Reader,
    PathId(id): PathId<EndpointKind>,
) -> Result<Json<EndpointResponse>, Problem> {
    let row = endpoints::find_endpoint(&app.pool, &caller.tenant, id).await?.ok_or(ProblemKind::NotFound)?;
    EndpointResponse::new(&app, row).map(|endpoint| Json(endpoint.shown_to(&caller)))
}

#[utoipa::path(
    delete, path = "/api/v1/admin/notify/endpoints/{id}", tag = "endpoints", operation_id = "delete_endpoint",
    summary = "Remove an endpoint; its history stays readable", security(("token" = [])),
    params(("id" = String, Path, description = "The endpoint")),
    responses((status = 204, description = "Removed")),
)]
pub async fn delete(
    State(app): State<Arc<App>>,
    Admin(caller): Admin,
    PathId(id): PathId<EndpointKind>,
) -> Result<StatusCode, Problem> {
    let now = app.clock.now();
    let mut tx = app.pool.begin().await?;
    let row = endpoints::lock_endpoint(&mut tx, &caller.tenant, id).await?.ok_or(ProblemKind::NotFound)?;
    endpoints::delete_endpoint(&mut *tx, &caller.tenant, id, now).await?;
    paces::set_pace(&mut *tx, &caller.tenant, Some(id), None).await?;
    let before = EndpointResponse::new(&app, row)?.for_audit();
    audit(&mut tx, &caller, "endpoint.delete", id, Some(before), None, now).await?;
    tx.commit().await?;
    drop_waiting(&app, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Fails what waits for an endpoint, should it be disabled by now. Outside of the change's transaction: the queue may be
/// long, and should this not get to its end, the sweeper goes on.
async fn drop_waiting(app: &App, id: EndpointId) -> sqlx::Result<()> {
    deliveries::fail_waiting(&app.pool, Some(id), disabled_reason::DELIVERY, app.clock.now()).await.map(drop)
}
