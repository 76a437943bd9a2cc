//! One delivery: what it is, every try, what went out; and sending it again.

use axum::response::Response;
use minijinja::{context, value::Serde};

use super::line::Line;
use crate::{
    db::{Page, delivery_log, delivery_log::LogFilter},
    domain::{delivery::DeliveryStatus, event::event_type, ids::DeliveryKind},
    http::{
        admin::logs::{self as api, RetryRequest},
        extract::{OptionalJson, PathId},
        panel::{form::Change, session::Viewer},
        problem::{Problem, ProblemKind},
    },
};

pub async fn show(PathId(id): PathId<DeliveryKind>, viewer: Viewer) -> Result<Response, Problem> {
    let mut db = viewer.app.pool.acquire().await?;
    let filter = LogFilter { id: Some(id), ..LogFilter::default() };
    let row = delivery_log::list_log(&mut db, viewer.tenant(), &filter, Page { limit: 1, before: None }).await?.pop();
    let row = row.ok_or(ProblemKind::NotFound)?;
    let (mut attempts, payload) = api::contents(&viewer.app, &viewer.caller, &row).await?;
    let line = Line::of(&mut db, viewer.tenant(), vec![row]).await?.pop().ok_or(ProblemKind::NotFound)?;
    drop(db);
    // What was said of a call before it turned private is nobody's business any more, nor is what receivers said to it.
    let is_withheld = line.call.as_ref().is_some_and(|call| call.is_private || call.is_erased);
    if is_withheld {
        for attempt in &mut attempts {
            attempt.response_excerpt = None;
        }
    }
    // The last try's; of one that was not tried yet, what would go out now.
    let at = attempts.last().map_or(viewer.now(), |attempt| attempt.started_at);
    let request = viewer.app.notifier.describe(viewer.tenant(), id, at).await?;
    viewer.page(
        "log/delivery.html",
        context! {
            can_retry => can_go_out(&line) && line.log.status == DeliveryStatus::Failed,
            can_repeat => can_go_out(&line) && line.log.status == DeliveryStatus::Sent,
            line => Serde(line), attempts => Serde(attempts), request => Serde(request), is_withheld,
            payload => Serde((!is_withheld).then_some(payload)),
        },
    )
}

/// Whether sending it again is not refused from the first.
fn can_go_out(line: &Line) -> bool {
    let is_private = line.call.as_ref().is_some_and(|call| call.is_private);
    line.endpoint_enabled && !line.endpoint_is_deleted && !is_private && line.log.event_type != event_type::TEST_PING
}

pub async fn retry(PathId(id): PathId<DeliveryKind>, change: Change) -> Result<Response, Problem> {
    let page = format!("/panel/log/{id}");
    let request = RetryRequest { include_sent: change.fields.ticked("include_sent") };
    match api::retry(change.app(), change.admin(), PathId(id), OptionalJson(Some(request))).await {
        Ok(_) => Ok(change.viewer.done(&page, "It goes out again now, with a fresh budget of tries.")),
        Err(problem) => change.viewer.not_done(&page, problem),
    }
}
