//! Endpoints: where notifications go, how each is doing, and everything that an admin does with one.

mod draft;
mod edit;
mod events;
mod one;
mod secret;
mod snippets;

use std::{collections::HashMap, sync::Arc};

use axum::{
    Router,
    extract::OriginalUri,
    response::{Redirect, Response},
    routing::{get, post},
};
use chrono::TimeDelta;
use minijinja::{context, value::Serde};

use super::session::Viewer;
use crate::{
    app::App,
    db::{
        Page,
        delivery_log::{self, COUNTED},
        endpoints,
    },
    domain::ids::EndpointId,
    http::{
        admin::endpoints::EndpointResponse,
        problem::{Problem, ProblemKind},
    },
};

/// So many are shown: more than a tenant has.
const SHOWN: i64 = 200;
/// What failed is counted for so long.
const RECENT: TimeDelta = TimeDelta::hours(24);

/// Every page of this family.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/panel/endpoints", get(list).post(edit::create))
        .route("/panel/endpoints/new", get(edit::draw_up))
        .route("/panel/endpoints/{id}", get(one::show))
        .route("/panel/endpoints/{id}/edit", get(edit::open).post(edit::change))
        .route("/panel/endpoints/{id}/toggle", post(one::toggle).get(back))
        .route("/panel/endpoints/{id}/delete", post(one::delete).get(back))
        .route("/panel/endpoints/{id}/test", post(one::test).get(back))
        .route("/panel/endpoints/{id}/rotate-secret", post(secret::rotate).get(back))
}

/// Where an action answered with a page, its address leads back to the endpoint.
async fn back(OriginalUri(uri): OriginalUri) -> Redirect {
    Redirect::to(uri.path().rsplit_once('/').map_or("/panel/endpoints", |(endpoint, _)| endpoint))
}

async fn list(viewer: Viewer) -> Result<Response, Problem> {
    let (pool, page) = (&viewer.app.pool, Page { limit: SHOWN, before: None });
    let rows = endpoints::list_endpoints(pool, viewer.tenant(), None, page).await?;
    let (failed, or_more) = failed_recently(&viewer).await?;
    let mut items = Vec::with_capacity(rows.len());
    for row in rows {
        let failed = failed.get(&row.id).copied().unwrap_or_default();
        let endpoint = EndpointResponse::new(&viewer.app, row)?.shown_to(&viewer.caller);
        items.push(context! { failed, or_more, endpoint => Serde(endpoint) });
    }
    viewer.page("endpoints/list.html", context! { items })
}

/// How many deliveries to each endpoint failed of late, and whether there may be more.
async fn failed_recently(viewer: &Viewer) -> Result<(HashMap<EndpointId, i64>, bool), Problem> {
    let counts = delivery_log::count_failed(&viewer.app.pool, viewer.tenant(), viewer.now() - RECENT).await?;
    let all: i64 = counts.iter().map(|(_, count)| count).sum();
    Ok((counts.into_iter().collect(), all >= COUNTED))
}

/// Pages that only lead to changes are not for those who may make none.
fn only_for_admins(viewer: &Viewer) -> Result<(), Problem> {
    if viewer.may_change() {
        return Ok(());
    }
    Err(Problem::new(ProblemKind::Forbidden, "endpoints are made and changed by admins"))
}
