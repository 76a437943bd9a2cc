//! `PATCH …/endpoints/{id}` and `POST …/endpoints/{id}/toggle`.

use std::{collections::BTreeMap, sync::Arc};

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::json;
use sqlx::PgConnection;
use utoipa::ToSchema;

use super::{
    EndpointResponse, HIDDEN, drop_waiting,
    fields::{Fields, pace},
};
use crate::{
    app::App,
    db::{
        endpoints::{self, EndpointChange, EndpointRow},
        paces,
    },
    domain::{
        endpoint::{EndpointSecrets, disabled_reason},
        filter::Filters,
        ids::EndpointKind,
    },
    http::{
        admin::{
            audit,
            read::{LimitChange, optional_object},
        },
        auth::{Admin, Caller},
        extract::{self, OptionalJson, PathId},
        problem::{Problem, ProblemBody, ProblemKind},
    },
    notify,
};

/// What of an endpoint shall be otherwise; what is left out stays. Each field that is given replaces the old one whole.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeEndpointRequest {
    #[schema(min_length = 1, max_length = 200)]
    name: Option<String>,
    /// The URL, or the mailbox.
    #[schema(min_length = 1, max_length = 2000, example = "https://crm.example.com/hooks/aftercall")]
    target: Option<String>,
    enabled: Option<bool>,
    #[serde(default, deserialize_with = "optional_object")]
    filters: Option<Filters>,
    /// Headers added to each webhook. A value of `[hidden]`, as it is shown, leaves that header as it is.
    headers: Option<BTreeMap<String, String>>,
    /// Null lifts the limit.
    #[serde(default)]
    #[schema(value_type = Option<i32>, minimum = 1, maximum = 60_000)]
    rate_limit_per_minute: LimitChange,
    /// Holds for events from now on.
    ordered: Option<bool>,
}

#[utoipa::path(
    patch, path = "/api/v1/admin/notify/endpoints/{id}", tag = "endpoints", operation_id = "change_endpoint",
    summary = "Change an endpoint", security(("token" = [])), params(("id" = String, Path, description = "The endpoint")),
    description = "What waits goes to the new target. The secret is changed by rotate-secret.",
    request_body = ChangeEndpointRequest,
    responses((status = 200, body = EndpointResponse),
              (status = 409, description = "The service made it for a mailbox", body = ProblemBody)),
)]
pub async fn change(
    State(app): State<Arc<App>>,
    Admin(caller): Admin,
    PathId(id): PathId<EndpointKind>,
    extract::Json(request): extract::Json<ChangeEndpointRequest>,
) -> Result<Json<EndpointResponse>, Problem> {
    let now = app.clock.now();
    let mut tx = app.pool.begin().await?;
    let before = endpoints::lock_endpoint(&mut tx, &caller.tenant, id).await?.ok_or(ProblemKind::NotFound)?;
    let secrets = notify::open(&app.key_ring, id, &before.sealed).map_err(Problem::internal)?;
    let was = EndpointResponse::opened(before.clone(), secrets.clone()).for_audit();
    let mut wanted = Wanted { row: before.clone(), secrets: secrets.clone() };
    wanted.apply(request);
    wanted.check(&app)?;
    if before.is_mailbox && wanted.secrets.target != secrets.target {
        let detail = "the service made this endpoint for a mailbox; change the account instead";
        return Err(Problem::new(ProblemKind::Conflict, detail));
    }
    let moved = wanted.secrets.target != secrets.target;
    let response = save(&app, &mut tx, &caller, &before, wanted, moved, now).await?;
    audit(&mut tx, &caller, "endpoint.change", id, Some(was), Some(response.for_audit()), now).await?;
    tx.commit().await?;
    drop_waiting(&app, id).await?;
    Ok(Json(response))
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
    responses((status = 200, body = EndpointResponse)),
)]
pub async fn toggle(
    State(app): State<Arc<App>>,
    Admin(caller): Admin,
    PathId(id): PathId<EndpointKind>,
    OptionalJson(request): OptionalJson<ToggleRequest>,
) -> Result<Json<EndpointResponse>, Problem> {
    let now = app.clock.now();
    let mut tx = app.pool.begin().await?;
    let before = endpoints::lock_endpoint(&mut tx, &caller.tenant, id).await?.ok_or(ProblemKind::NotFound)?;
    let secrets = notify::open(&app.key_ring, id, &before.sealed).map_err(Problem::internal)?;
    let mut wanted = Wanted { row: before.clone(), secrets };
    wanted.row.enabled = request.unwrap_or_default().enabled.unwrap_or(!before.enabled);
    let (was, is) = (json!({"enabled": before.enabled}), json!({"enabled": wanted.row.enabled}));
    let response = save(&app, &mut tx, &caller, &before, wanted, false, now).await?;
    audit(&mut tx, &caller, "endpoint.toggle", id, Some(was), Some(is), now).await?;
    tx.commit().await?;
    drop_waiting(&app, id).await?;
    Ok(Json(response))
}

/// An endpoint as it shall be.
struct Wanted {
    row: EndpointRow,
    secrets: EndpointSecrets,
}

impl Wanted {
    fn apply(&mut self, request: ChangeEndpointRequest) {
        let Self { row, secrets } = self;
        row.name = request.name.unwrap_or_else(|| row.name.clone());
        row.enabled = request.enabled.unwrap_or(row.enabled);
        row.ordered = request.ordered.unwrap_or(row.ordered);
        row.rate_limit_per_minute = request.rate_limit_per_minute.of(row.rate_limit_per_minute);
        if let Some(Filters { events, intents }) = request.filters {
            (row.filter_events, row.filter_intents) = (events, intents);
        }
        if let Some(target) = request.target {
            secrets.target = target;
        }
        if let Some(headers) = request.headers {
            let old = std::mem::take(&mut secrets.headers);
            let kept = |name: &String, value: String| match old.get(name) {
                Some(old) if value == HIDDEN => old.clone(),
                _ => value,
            };
            secrets.headers = headers.into_iter().map(|(name, value)| (name.clone(), kept(&name, value))).collect();
        }
    }

    fn check(&self, app: &App) -> Result<(), Problem> {
        let fields = Fields {
            kind: self.row.kind,
            name: &self.row.name,
            target: &self.secrets.target,
            filters: &self.row.filters(),
            headers: &self.secrets.headers,
            rate_limit_per_minute: self.row.rate_limit_per_minute,
        };
        fields.faults(app).finish()
    }
}

/// Writes an endpoint as it shall be; one that is enabled or `moved` elsewhere starts with fresh health.
async fn save(
    app: &App,
    tx: &mut PgConnection,
    caller: &Caller,
    before: &EndpointRow,
    wanted: Wanted,
    moved: bool,
    now: DateTime<Utc>,
) -> Result<EndpointResponse, Problem> {
    let Wanted { row, secrets } = wanted;
    let disabled_reason = match (before.enabled, row.enabled) {
        (_, true) => None,
        (true, false) => Some(disabled_reason::ADMIN),
        (false, false) => before.disabled_reason.as_deref(),
    };
    let change = EndpointChange {
        name: &row.name,
        sealed: &notify::seal(&app.key_ring, row.id, &secrets),
        enabled: row.enabled,
        disabled_reason,
        filters: &row.filters(),
        rate_limit_per_minute: row.rate_limit_per_minute,
        ordered: row.ordered,
        fresh: moved || row.enabled && !before.enabled,
    };
    endpoints::update_endpoint(&mut *tx, &caller.tenant, row.id, &change, now).await?;
    paces::set_pace(&mut *tx, &caller.tenant, Some(row.id), pace(row.kind, row.rate_limit_per_minute)).await?;
    let row = endpoints::find_endpoint(&mut *tx, &caller.tenant, row.id).await?.ok_or(ProblemKind::NotFound)?;
    Ok(EndpointResponse::opened(row, secrets))
}
