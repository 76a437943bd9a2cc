//! Every admin change: who, when, from where, what before and after.

use std::sync::Arc;

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{ListResponse, PageQuery, one_more, paged};
use crate::{
    app::App,
    db::audit::{self, AuditRow},
    http::{
        auth::Reader,
        extract::{Params, plain},
        problem::Problem,
    },
};

/// A change.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditResponse {
    #[schema(example = "aud_019a3c5e8f7b7c3e9d2a1b4c5d6e7f80")]
    id: String,
    at: DateTime<Utc>,
    /// `ADMIN_TOKEN`, or a token's id and name.
    actor: String,
    /// The client's address.
    address: Option<String>,
    #[schema(example = "endpoint.create")]
    action: String,
    /// The id of what was changed.
    object: String,
    /// Without secrets; null where there was nothing.
    before: Option<Value>,
    /// Without secrets; null where there is nothing.
    after: Option<Value>,
}

impl From<AuditRow> for AuditResponse {
    fn from(row: AuditRow) -> Self {
        let AuditRow { id, at, actor, address, action, object, before, after } = row;
        Self { id: id.to_string(), at, actor, address, action, object, before, after }
    }
}

#[utoipa::path(
    get, path = "/api/v1/admin/audit", tag = "access", operation_id = "list_audit",
    summary = "List admin changes, newest first", security(("token" = [])),
    params(("action" = Option<String>, Query, description = "Only of this kind (`endpoint.create`) or family (`endpoint.*`)", pattern = "^[^\\u0000]*$"),
           ("object" = Option<String>, Query, description = "Only of what has this id", pattern = "^[^\\u0000]*$"),
           PageQuery),
    responses((status = 200, body = ListResponse<AuditResponse>)),
)]
pub async fn list(
    State(app): State<Arc<App>>,
    Reader(caller): Reader,
    mut params: Params,
) -> Result<Json<ListResponse<AuditResponse>>, Problem> {
    let (action, object) = (params.read("action", plain), params.read("object", plain));
    let page = params.page();
    params.finish()?;
    let (action, object) = (action.as_deref(), object.as_deref());
    let rows = audit::list_audit(&app.pool, &caller.tenant, action, object, one_more(page)).await?;
    Ok(Json(paged(rows, page, |row| row.id.uuid())))
}
