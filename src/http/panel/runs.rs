//! Runs that failed, with what happened in words; each is retried by a button.

use std::collections::HashMap;

use axum::response::{IntoResponse, Redirect, Response};
use chrono::{DateTime, Utc};
use minijinja::{context, value::Serde};
use serde::Serialize;

use super::{
    asked::Asked,
    calls,
    causes::{self, Cause},
    form::Change,
    session::Viewer,
};
use crate::{
    db::{
        Page,
        call_labels::{self, CallLabel},
        runs::{self, Run},
    },
    domain::{
        ids::{RunId, RunKind},
        run::{RunState, Stage},
    },
    http::{
        admin::{ListResponse, one_more, paged, runs as api},
        extract::PathId,
        problem::{Problem, ProblemKind},
    },
};

/// So many are shown at once.
const SHOWN: i64 = 50;
/// What can be chosen beside the failed ones, and how it reads.
const STATES: [(&str, &str); 5] =
    [("failed", "Failed"), ("active", "Under way"), ("skipped", "Skipped"), ("done", "Done"), ("all", "All")];

/// A run in the list.
#[derive(Debug, Serialize)]
struct RunLine {
    id: String,
    call_id: String,
    call_name: String,
    state: RunState,
    stage: Stage,
    stage_in_words: &'static str,
    cause: Option<Cause>,
    created_at: DateTime<Utc>,
    finished_at: Option<DateTime<Utc>>,
    /// How a later run of the same call stands: then this one is history.
    later: Option<RunState>,
    is_erased: bool,
}

pub async fn list(viewer: Viewer) -> Result<Response, Problem> {
    let (pool, tenant) = (&viewer.app.pool, viewer.tenant());
    let mut asked = Asked::of(&viewer.uri);
    let state = asked.read("state", |text| match text {
        "all" => Ok(None),
        word => word.parse().map(Some).map_err(|_| "one of the states of the list".to_owned()),
    });
    let state: Option<RunState> = state.unwrap_or(Some(RunState::Failed));
    let page = asked.page(SHOWN);
    let found = runs::list_runs(pool, tenant, None, state, one_more(page)).await?;
    let ListResponse { items, next_cursor } = paged::<_, Run>(found, page, |run| run.id.uuid());
    let call_ids: Vec<String> = items.iter().map(|run| run.call_id.clone()).collect();
    let labels = call_labels::find_labels(pool, tenant, &call_ids).await?;
    let labels: HashMap<&str, &CallLabel> = labels.iter().map(|label| (label.call_id.as_str(), label)).collect();
    let lines: Vec<RunLine> =
        items.into_iter().map(|run| line(labels.get(run.call_id.as_str()).copied(), run)).collect();
    let context = context! {
        runs => Serde(lines), next_cursor, states => STATES, state => state.map_or("all", RunState::as_str),
        faults => asked.refusal(), is_later_page => page.before.is_some(),
    };
    viewer.page("runs.html", context)
}

fn line(label: Option<&CallLabel>, run: Run) -> RunLine {
    let later = label.and_then(|label| label.run_state.filter(|_| label.run_id != Some(run.id)));
    RunLine {
        id: run.id.to_string(),
        call_name: label.map_or_else(|| format!("Call {}", run.call_id), calls::name),
        call_id: run.call_id,
        state: run.state,
        stage: run.stage,
        stage_in_words: calls::in_words(run.stage),
        cause: causes::of_run(run.state, run.stage, run.reason.as_deref()),
        created_at: run.created_at,
        finished_at: run.finished_at,
        later,
        is_erased: label.is_some_and(|label| label.erased_at.is_some()),
    }
}

/// A run is shown on its call's page.
pub async fn show(PathId(id): PathId<RunKind>, viewer: Viewer) -> Result<Response, Problem> {
    Ok(Redirect::to(&page_of(&viewer, id).await?).into_response())
}

pub async fn retry(PathId(id): PathId<RunKind>, change: Change) -> Result<Response, Problem> {
    let page = match change.fields.text("from") {
        "call" => page_of(&change.viewer, id).await?,
        _ => "/panel/runs".to_owned(),
    };
    match api::retry(change.app(), change.admin(), PathId(id)).await {
        Ok(_) => Ok(change.viewer.done(&page, "The run is under way again.")),
        Err(problem) => change.viewer.not_done(&page, problem),
    }
}

/// Where a run is shown.
async fn page_of(viewer: &Viewer, id: RunId) -> Result<String, Problem> {
    let only = Page { limit: 1, before: None };
    let run = runs::list_runs(&viewer.app.pool, viewer.tenant(), Some(id), None, only).await?.pop();
    let run = run.ok_or(ProblemKind::NotFound)?;
    Ok(format!("{}#{id}", calls::url(&run.call_id)))
}
