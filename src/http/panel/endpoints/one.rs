//! An endpoint's page: how it is doing, what it was sent, and what can be done with it.

use axum::response::Response;
use minijinja::{Value, context, value::Serde};
use serde_json::json;

use super::failed_recently;
use crate::{
    db::{
        Page,
        delivery_log::{self, LogFilter},
        endpoints::{self, EndpointRow},
    },
    domain::{
        delivery::Verdict,
        endpoint::EndpointSecrets,
        ids::{EndpointId, EndpointKind},
    },
    http::{
        admin::{
            endpoints::{self as api, EndpointResponse, change::toggle as api_toggle, send},
            logs::LogResponse,
        },
        extract::{OptionalJson, PathId},
        panel::{form::Change, session::Viewer},
        problem::{Problem, ProblemKind},
    },
    notify,
};

/// So many of its deliveries are shown here; all of them are in the log.
const DELIVERIES: i64 = 10;

pub async fn show(PathId(id): PathId<EndpointKind>, viewer: Viewer) -> Result<Response, Problem> {
    page(&viewer, id, ()).await
}

/// Sends a test and shows, on the endpoint's page, what was sent and what came back.
pub async fn test(PathId(id): PathId<EndpointKind>, change: Change) -> Result<Response, Problem> {
    let viewer = &change.viewer;
    let (log_id, attempt) = send::test_now(&viewer.app, &viewer.caller, id).await?;
    let request = viewer.app.notifier.describe(viewer.tenant(), log_id, attempt.started_at).await?;
    let test = context! {
        log_id => log_id.to_string(),
        state => if attempt.verdict == Verdict::Sent { "sent" } else { "failed" },
        status_code => attempt.status_code,
        duration_ms => attempt.duration_ms,
        error => attempt.error,
        excerpt => attempt.response_excerpt,
        request => Serde(request),
    };
    page(viewer, id, test).await
}

/// Enables or disables, and goes back to where that was asked for.
pub async fn toggle(PathId(id): PathId<EndpointKind>, change: Change) -> Result<Response, Problem> {
    let Change { viewer, fields } = &change;
    let enabled = fields.text("enabled") == "true";
    let request = OptionalJson(Some(Change::body(&json!({"enabled": enabled}))?));
    let endpoint = api_toggle(change.app(), change.admin(), PathId(id), request).await?.0;
    let page = if fields.text("from") == "list" { "/panel/endpoints".to_owned() } else { page_of(id) };
    let told = if enabled {
        "is enabled. What failed in the meantime can be sent again from its log."
    } else {
        "is disabled. What waited for it has failed; it can be sent again by hand."
    };
    Ok(viewer.done(&page, format!("“{}” {told}", endpoint.name())))
}

pub async fn delete(PathId(id): PathId<EndpointKind>, change: Change) -> Result<Response, Problem> {
    api::delete(change.app(), change.admin(), PathId(id)).await?;
    Ok(change.viewer.done("/panel/endpoints", "The endpoint is removed. What it was sent stays in the log."))
}

/// Where an endpoint's page is.
pub fn page_of(id: EndpointId) -> String {
    format!("/panel/endpoints/{id}")
}

/// An endpoint of the tenant, with what is sealed of it.
pub async fn find(viewer: &Viewer, id: EndpointId) -> Result<(EndpointRow, EndpointSecrets), Problem> {
    let row = endpoints::find_endpoint(&viewer.app.pool, viewer.tenant(), id).await?.ok_or(ProblemKind::NotFound)?;
    let secrets = notify::open(&viewer.app.key_ring, id, &row.sealed).map_err(Problem::internal)?;
    Ok((row, secrets))
}

/// The page, with how a test went if there was one.
async fn page(viewer: &Viewer, id: EndpointId, test: impl Into<Value>) -> Result<Response, Problem> {
    let (row, secrets) = find(viewer, id).await?;
    let is_mailbox = row.is_mailbox;
    let filter = LogFilter { endpoint_id: Some(id), ..LogFilter::default() };
    let newest = Page { limit: DELIVERIES, before: None };
    let mut db = viewer.app.pool.acquire().await?;
    let deliveries = delivery_log::list_log(&mut db, viewer.tenant(), &filter, newest).await?;
    drop(db);
    let deliveries: Vec<LogResponse> = deliveries.into_iter().map(Into::into).collect();
    let previous = secrets.previous.map(|previous| previous.valid_until).filter(|until| viewer.now() < *until);
    let (failed, or_more) = failed_recently(viewer).await?;
    let failed = failed.get(&id).copied().unwrap_or_default();
    let endpoint = EndpointResponse::new(&viewer.app, row)?.shown_to(&viewer.caller);
    let content = context! {
        endpoint => Serde(endpoint), is_mailbox, previous_valid_until => Serde(previous), failed, or_more,
        deliveries => Serde(deliveries), test => test.into(),
    };
    viewer.page("endpoints/one.html", content)
}
