//! `POST …/test/{id}` and `POST …/endpoints/{id}/recover`: sends now, or again.

use std::sync::Arc;

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tracing::warn;
use utoipa::ToSchema;

use crate::{
    app::App,
    db::{
        deliveries::{self, Resend},
        endpoints,
    },
    domain::{
        delivery::{Attempt, Verdict},
        ids::{DeliveryId, EndpointId, EndpointKind},
    },
    http::{
        admin::{audit, read::moment},
        auth::{Admin, Caller},
        extract::{self, PathId},
        problem::{Problem, ProblemBody, ProblemKind},
    },
};

/// How many deliveries are put back in one transaction.
const BATCH: i64 = 1000;

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
    responses((status = 200, description = "How it went", body = TestResponse)),
)]
pub async fn test(
    State(app): State<Arc<App>>,
    Admin(caller): Admin,
    PathId(id): PathId<EndpointKind>,
) -> Result<Json<TestResponse>, Problem> {
    let (log_id, attempt) = test_now(&app, &caller, id).await?;
    Ok(Json(TestResponse {
        status: if attempt.verdict == Verdict::Sent { "sent" } else { "failed" },
        status_code: attempt.status_code,
        duration_ms: attempt.duration_ms,
        error: attempt.error,
        response_excerpt: attempt.response_excerpt,
        log_id: log_id.to_string(),
    }))
}

/// Sends `test.ping` and tells how that went, and where it stands in the log.
pub(in crate::http) async fn test_now(
    app: &App,
    caller: &Caller,
    id: EndpointId,
) -> Result<(DeliveryId, Attempt), Problem> {
    endpoints::find_endpoint(&app.pool, &caller.tenant, id).await?.ok_or(ProblemKind::NotFound)?;
    app.notifier.send_test(&caller.tenant, id).await.map_err(Problem::internal)
}

/// What to send again.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RecoverRequest {
    /// What was decided then or later.
    #[serde(deserialize_with = "moment")]
    pub since: DateTime<Utc>,
    /// Only count.
    #[serde(default)]
    pub dry_run: bool,
    /// Also what the endpoint has taken already.
    #[serde(default)]
    pub include_sent: bool,
}

/// How much is sent again.
#[derive(Debug, Serialize, ToSchema)]
pub struct RecoverResponse {
    pub count: i64,
}

#[utoipa::path(
    post, path = "/api/v1/admin/notify/endpoints/{id}/recover", tag = "endpoints", operation_id = "recover_endpoint",
    summary = "Send again all that failed since a time", security(("token" = [])),
    description = "What succeeded is left out unless asked for; tests, and calls that are private or erased, always are.",
    params(("id" = String, Path, description = "The endpoint")), request_body = RecoverRequest,
    responses((status = 202, description = "Will be sent, or would be", body = RecoverResponse),
              (status = 409, description = "The endpoint is disabled", body = ProblemBody)),
)]
pub async fn recover(
    State(app): State<Arc<App>>,
    Admin(caller): Admin,
    PathId(id): PathId<EndpointKind>,
    extract::Json(request): extract::Json<RecoverRequest>,
) -> Result<(StatusCode, Json<RecoverResponse>), Problem> {
    let now = app.clock.now();
    let RecoverRequest { since, dry_run, include_sent } = request;
    let mut wanted = Resend::since(&caller.tenant, id, since, include_sent);
    let mut tx = app.pool.begin().await?;
    let endpoint = endpoints::find_endpoint(&mut *tx, &caller.tenant, id).await?.ok_or(ProblemKind::NotFound)?;
    let count = deliveries::count_resendable(&mut *tx, &wanted).await?;
    if dry_run {
        return Ok((StatusCode::ACCEPTED, Json(RecoverResponse { count })));
    }
    if !endpoint.enabled {
        return Err(Problem::new(ProblemKind::Conflict, "the endpoint is disabled: enable it first"));
    }
    let first = deliveries::resend_some(&mut tx, &wanted, BATCH, now).await?;
    let after = json!({"since": since, "include_sent": include_sent, "count": count});
    audit(&mut tx, &caller, "endpoint.recover", id, None, Some(after), now).await?;
    tx.commit().await?;
    app.wake.now();
    if let Some(last) = first.last {
        wanted.after = last;
        tokio::spawn(async move {
            if let Err(error) = resend_rest(&app, wanted).await {
                warn!(endpoint.id = %id, %error, "not everything is sent again; what still failed can be recovered anew");
            }
        });
    }
    Ok((StatusCode::ACCEPTED, Json(RecoverResponse { count })))
}

/// Goes on behind the first batch, beside the answer: there may be very many.
async fn resend_rest(app: &App, mut wanted: Resend) -> sqlx::Result<()> {
    loop {
        let mut tx = app.pool.begin().await?;
        let batch = deliveries::resend_some(&mut tx, &wanted, BATCH, app.clock.now()).await?;
        tx.commit().await?;
        app.wake.now();
        match batch.last {
            Some(last) => wanted.after = last,
            None => return Ok(()),
        }
    }
}
