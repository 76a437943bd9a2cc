//! Calls with their run, summary and documents; running one again, and erasing one.

use std::sync::Arc;

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use http::StatusCode;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::{
    ListResponse, PageQuery, audit, one_more, paged,
    runs::{RunDetailResponse, detail},
};
use crate::{
    app::App,
    db::{
        Page,
        calls::{self, CallRecord},
        erasure,
    },
    domain::{
        call::Account,
        contacts,
        payload::{DocumentLinks, SummaryFacts},
        run::RunState,
        text,
    },
    http::{
        auth::{Admin, Reader},
        extract::{Params, PathText},
        problem::{Problem, ProblemBody, ProblemKind},
    },
    pipeline::{RerunError, rerun_call},
};

/// A call.
#[derive(Debug, Serialize, ToSchema)]
pub struct CallResponse {
    /// Gong's id.
    #[schema(example = "3140000000000000159")]
    id: String,
    title: Option<String>,
    url: Option<String>,
    started_at: Option<DateTime<Utc>>,
    duration_seconds: Option<i64>,
    account: Option<Account>,
    is_private: bool,
    /// The state of its latest run; `imported` for a call that no run was started for.
    #[schema(example = "done")]
    status: &'static str,
    summary: Option<CallSummary>,
    documents: Option<DocumentLinks>,
    /// Its latest run.
    run_id: Option<String>,
}

/// A call's summary, with what it was about.
#[derive(Debug, Serialize, ToSchema)]
pub struct CallSummary {
    #[serde(flatten)]
    summary: SummaryFacts,
    intent: Option<String>,
}

impl From<CallRecord> for CallResponse {
    fn from(record: CallRecord) -> Self {
        Self {
            id: record.call_id,
            title: record.title.as_deref().map(text::without_contacts),
            url: record.url.as_deref().map(contacts::link_without_contacts),
            started_at: record.started_at,
            duration_seconds: record.duration_seconds,
            account: record.account_name.map(|name| Account { name, number: record.account_number }.without_contacts()),
            is_private: record.is_private,
            status: record.run_state.map_or("imported", RunState::as_str),
            summary: record
                .summary
                .map(|summary| CallSummary { summary: SummaryFacts::from(&summary.0), intent: summary.0.intent }),
            documents: record.documents.map(|documents| documents.0),
            run_id: record.run_id.map(|id| id.to_string()),
        }
    }
}

#[utoipa::path(
    get, path = "/api/v1/admin/calls", tag = "calls", operation_id = "list_calls",
    summary = "List calls, newest first", security(("token" = [])),
    params(PageQuery),
    responses((status = 200, body = ListResponse<CallResponse>)),
)]
pub async fn list(
    State(app): State<Arc<App>>,
    Reader(caller): Reader,
    mut params: Params,
) -> Result<Json<ListResponse<CallResponse>>, Problem> {
    let page = params.page();
    params.finish()?;
    let rows = calls::list_calls(&app.pool, &caller.tenant, None, one_more(page)).await?;
    Ok(Json(paged(rows, page, |row| row.row_id)))
}

#[utoipa::path(
    get, path = "/api/v1/admin/calls/{id}", tag = "calls", operation_id = "read_call",
    summary = "Read a call", security(("token" = [])), params(("id" = String, Path, description = "Gong's id of the call")),
    responses((status = 200, body = CallResponse)),
)]
pub async fn read(
    State(app): State<Arc<App>>,
    Reader(caller): Reader,
    PathText(id): PathText,
) -> Result<Json<CallResponse>, Problem> {
    let only = Page { limit: 1, before: None };
    let row = calls::list_calls(&app.pool, &caller.tenant, Some(&id), only).await?.pop();
    Ok(Json(row.ok_or(ProblemKind::NotFound)?.into()))
}

#[utoipa::path(
    post, path = "/api/v1/admin/calls/{id}/reprocess", tag = "calls", operation_id = "reprocess_call",
    summary = "Send a call through the whole pipeline again", security(("token" = [])),
    description = "A further run: it is fetched, summarised, filed and told of anew. What stood in the documents is replaced.",
    params(("id" = String, Path, description = "Gong's id of the call")),
    responses((status = 202, description = "Under way", body = RunDetailResponse),
              (status = 409, description = "It is private, or a run is under way", body = ProblemBody)),
)]
pub async fn reprocess(
    State(app): State<Arc<App>>,
    Admin(caller): Admin,
    PathText(id): PathText,
) -> Result<(StatusCode, Json<RunDetailResponse>), Problem> {
    let now = app.clock.now();
    let mut tx = app.pool.begin().await?;
    let run_id = rerun_call(&mut tx, &caller.tenant, &id, now).await.map_err(|error| match error {
        RerunError::NotFound => ProblemKind::NotFound.into(),
        RerunError::Private | RerunError::UnderWay => Problem::new(ProblemKind::Conflict, error.to_string()),
        RerunError::Database(error) => error.into(),
    })?;
    audit(&mut tx, &caller, "call.reprocess", &id, None, Some(json!({"run_id": run_id})), now).await?;
    tx.commit().await?;
    app.wake.now();
    Ok((StatusCode::ACCEPTED, Json(detail(&app, &caller, run_id).await?)))
}

#[utoipa::path(
    delete, path = "/api/v1/admin/calls/{id}", tag = "calls", operation_id = "erase_call",
    summary = "Erase all personal data of a call", security(("token" = [])),
    description = "Payload, transcript, summary, people and links go, and what waits is not sent. That there was a call, its \
                   runs and its deliveries stay without their contents, so that no repeated callback brings it back. It leaves \
                   the documents on this machine at once, and those in Google Drive when its account's next call is filed. \
                   What the receivers have is theirs.",
    params(("id" = String, Path, description = "Gong's id of the call")),
    responses((status = 204, description = "Erased")),
)]
pub async fn erase(
    State(app): State<Arc<App>>,
    Admin(caller): Admin,
    PathText(id): PathText,
) -> Result<StatusCode, Problem> {
    let now = app.clock.now();
    let mut tx = app.pool.begin().await?;
    if !erasure::erase_call(&mut tx, &caller.tenant, &id, now).await? {
        return Err(ProblemKind::NotFound.into());
    }
    audit(&mut tx, &caller, "call.erase", &id, None, None, now).await?;
    // Before it is committed: should the disk refuse, the erasure can be asked for again.
    app.pipeline.documents.take_out(&caller.tenant, &id).await.map_err(Problem::internal)?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
