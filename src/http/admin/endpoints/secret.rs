//! `POST …/endpoints/{id}/rotate-secret`.

use std::sync::Arc;

use axum::{Json, extract::State, response::Response};
use chrono::{DateTime, TimeDelta, Utc};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::PgConnection;
use utoipa::ToSchema;

use crate::{
    app::App,
    db::endpoints::{self, EndpointChange},
    domain::{
        endpoint::PreviousSecret,
        ids::{EndpointId, EndpointKind},
        signature,
    },
    http::{
        admin::{audit, read::whole},
        auth::{Admin, Caller},
        extract::{OptionalJson, PathId},
        idempotency::{Begun, Once},
        problem::{Problem, ProblemBody, ProblemKind},
    },
    notify,
};

/// How long the old secret signs too, unless told otherwise and at most, in seconds: a day and thirty.
const OVERLAP: (i64, i64) = (86_400, 30 * 86_400);

/// How to rotate.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RotateRequest {
    /// How long the old secret signs too: 86400 if left out, 0 ends it at once.
    #[serde(default, deserialize_with = "whole")]
    #[schema(minimum = 0, maximum = 2_592_000)]
    overlap_seconds: Option<i64>,
}

/// The new secret.
#[derive(Debug, Serialize, ToSchema)]
pub struct RotateResponse {
    /// Shown this once.
    secret: String,
    /// Until when the old one signs too; null if it does not.
    previous_valid_until: Option<DateTime<Utc>>,
}

#[utoipa::path(
    post, path = "/api/v1/admin/notify/endpoints/{id}/rotate-secret", tag = "endpoints", operation_id = "rotate_secret",
    summary = "Give a webhook a new secret", security(("token" = [])),
    description = "While the two overlap, webhook-signature carries both signatures; X-Signature is made with the new one.",
    params(("id" = String, Path, description = "The endpoint")), request_body = Option<RotateRequest>,
    responses((status = 200, description = "The new secret, shown this once", body = RotateResponse),
              (status = 409, description = "It is no webhook", body = ProblemBody)),
)]
pub async fn rotate(
    State(app): State<Arc<App>>,
    Admin(caller): Admin,
    PathId(id): PathId<EndpointKind>,
    OptionalJson(request): OptionalJson<RotateRequest>,
) -> Result<Json<RotateResponse>, Problem> {
    let request = request.unwrap_or_default();
    check(&request)?;
    let mut tx = app.pool.begin().await?;
    let response = give_another(&app, &mut tx, &caller, id, &request, app.clock.now()).await?;
    tx.commit().await?;
    Ok(Json(response))
}

/// The same for a form, which may be sent twice: a second rotation would put the first new secret into the place of the old
/// one, which receivers still have.
pub(in crate::http) async fn rotate_once(
    State(app): State<Arc<App>>,
    Admin(caller): Admin,
    PathId(id): PathId<EndpointKind>,
    once: Once<RotateRequest>,
) -> Result<Response, Problem> {
    let (request, mut creation) = match once.begin(&app, &caller, check).await? {
        Begun::New(request, creation) => (request, creation),
        Begun::Known(answer) => return Ok(answer),
    };
    let now = creation.now;
    match give_another(&app, creation.db(), &caller, id, &request, now).await {
        Ok(response) => creation.finish(StatusCode::OK, None, &response).await,
        Err(problem) => Err(creation.refuse(problem).await),
    }
}

fn check(request: &RotateRequest) -> Result<(), Problem> {
    let (_, most) = OVERLAP;
    if request.overlap_seconds.is_none_or(|overlap| (0..=most).contains(&overlap)) {
        return Ok(());
    }
    Err(Problem::invalid_field("/overlap_seconds", "0 to 2592000 (thirty days)"))
}

async fn give_another(
    app: &App,
    tx: &mut PgConnection,
    caller: &Caller,
    id: EndpointId,
    request: &RotateRequest,
    now: DateTime<Utc>,
) -> Result<RotateResponse, Problem> {
    let overlap = request.overlap_seconds.unwrap_or(OVERLAP.0);
    let row = endpoints::lock_endpoint(&mut *tx, &caller.tenant, id).await?.ok_or(ProblemKind::NotFound)?;
    let mut secrets = notify::open(&app.key_ring, id, &row.sealed).map_err(Problem::internal)?;
    let Some(old) = secrets.secret.take() else {
        return Err(Problem::new(ProblemKind::Conflict, "only webhooks are signed; this endpoint has no secret"));
    };
    let valid_until = (overlap > 0).then(|| now + TimeDelta::seconds(overlap));
    secrets.previous = valid_until.map(|valid_until| PreviousSecret { secret: old, valid_until });
    let secret = signature::generate_secret();
    secrets.secret = Some(secret.clone());
    let (sealed, filters) = (notify::seal(&app.key_ring, id, &secrets), row.filters());
    let change = EndpointChange { sealed: &sealed, ..row.as_it_is(&filters) };
    endpoints::update_endpoint(&mut *tx, &caller.tenant, id, &change, now).await?;
    let after = json!({"previous_valid_until": valid_until});
    audit(&mut *tx, caller, "endpoint.rotate_secret", id, None, Some(after), now).await?;
    Ok(RotateResponse { secret, previous_valid_until: valid_until })
}
