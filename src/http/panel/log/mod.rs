//! The log: every delivery, what became of it, and sending again what failed.

mod csv;
mod delivery;
mod filter;
mod line;
mod recover;

use std::sync::Arc;

use axum::{
    Router,
    response::Response,
    routing::{get, post},
};
use minijinja::{Value, context, value::Serde};

use self::{
    filter::{Filter, PERIODS, event_groups},
    line::Line,
};
use super::{asked::Asked, session::Viewer};
use crate::{
    app::App,
    db::{delivery_log, endpoints},
    domain::delivery::DeliveryStatus,
    http::{admin, problem::Problem},
};

/// How many deliveries a page shows.
const SHOWN: i64 = 50;
/// How many endpoints can be chosen from.
const CHOICES: i64 = 1000;

pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/panel/log", get(list))
        .route("/panel/log.csv", get(csv::export))
        .route("/panel/log/recover", get(recover::count).post(recover::send))
        .route("/panel/log/{id}", get(delivery::show))
        .route("/panel/log/{id}/retry", post(delivery::retry))
}

async fn list(viewer: Viewer) -> Result<Response, Problem> {
    let mut asked = Asked::of(&viewer.uri);
    let filter = Filter::read(&mut asked, &viewer).await?;
    let page = asked.page(SHOWN);
    let mut db = viewer.app.pool.acquire().await?;
    let rows = delivery_log::list_log(&mut db, viewer.tenant(), &filter.log, admin::one_more(page)).await?;
    let rows = admin::paged::<_, delivery_log::LogRow>(rows, page, |row| row.id.uuid());
    let lines = Line::of(&mut db, viewer.tenant(), rows.items).await?;
    drop(db);
    let context = context! {
        lines => Serde(lines), next => rows.next_cursor.map(|cursor| filter.url("/panel/log", Some(&cursor))),
        is_first => page.before.is_none(), is_filtered => filter.is_any(), filter => filter.fields(),
        csv => filter.url("/panel/log.csv", None), recover => filter.url("/panel/log/recover", None),
        ..choices(&viewer).await?
    };
    asked.page_for(&viewer, "log/list.html", context)
}

/// What the fields of the filter offer.
async fn choices(viewer: &Viewer) -> Result<Value, Problem> {
    let endpoints = endpoints::list_labels(&viewer.app.pool, viewer.tenant(), CHOICES).await?;
    let endpoints: Value = endpoints
        .into_iter()
        .map(|endpoint| context! { id => endpoint.id.to_string(), name => endpoint.name, kind => endpoint.kind.as_str() })
        .collect();
    let statuses: Value = DeliveryStatus::ALL.map(DeliveryStatus::as_str).into_iter().collect();
    let periods: Value = PERIODS.iter().map(|(name, words, _)| (*name, *words)).collect();
    Ok(context! { endpoints, statuses, periods, event_groups => event_groups() })
}
