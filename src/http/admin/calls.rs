//! Calls with their run, summary and documents.

use std::sync::Arc;

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::{ListResponse, PageQuery, one_more, paged};
use crate::{
    app::App,
    db::{
        Page,
        calls::{self, CallRecord},
    },
    domain::{
        call::Account,
        payload::{DocumentLinks, SummaryFacts},
        run::RunState,
    },
    http::{
        extract::{Caller, Params, PathText},
        problem::{Problem, ProblemBody, ProblemKind},
    },
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
            title: record.title,
            url: record.url,
            started_at: record.started_at,
            duration_seconds: record.duration_seconds,
            account: record.account_name.map(|name| Account { name, number: record.account_number }),
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
    responses((status = 200, body = ListResponse<CallResponse>), (status = 401, body = ProblemBody),
              (status = 422, body = ProblemBody)),
)]
pub async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
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
    responses((status = 200, body = CallResponse), (status = 401, body = ProblemBody), (status = 404, body = ProblemBody)),
)]
pub async fn read(
    State(app): State<Arc<App>>,
    caller: Caller,
    PathText(id): PathText,
) -> Result<Json<CallResponse>, Problem> {
    let only = Page { limit: 1, before: None };
    let row = calls::list_calls(&app.pool, &caller.tenant, Some(&id), only).await?.pop();
    Ok(Json(row.ok_or(ProblemKind::NotFound)?.into()))
}
