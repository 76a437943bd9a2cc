//! Whether what is configured would work: what the environment says, and what each system answers when it is asked.

mod facts;

use std::sync::Arc;

use axum::{Router, extract::State, response::Response, routing::get};
use minijinja::{Value, context, value::Serde};

use crate::{
    app::App,
    http::{
        admin::config,
        auth::Operator,
        panel::{form::Change, session::Viewer},
        problem::{Problem, ProblemKind},
    },
};

pub fn routes() -> Router<Arc<App>> {
    Router::new().route("/panel/configuration", get(show).post(check))
}

async fn show(viewer: Viewer) -> Result<Response, Problem> {
    let context = content(&viewer)?;
    viewer.page("configuration/show.html", context! { report => (), ..context })
}

/// Asks every system; that may take seconds, so nobody is asked before somebody wants to know.
async fn check(change: Change) -> Result<Response, Problem> {
    let viewer = &change.viewer;
    let context = content(viewer)?;
    let report = config::check(State(viewer.app.clone()), Operator(viewer.caller.clone())).await?;
    viewer.page("configuration/show.html", context! { report => Serde(report.0), ..context })
}

fn content(viewer: &Viewer) -> Result<Value, Problem> {
    if !viewer.caller.is_operator() {
        let detail = "this concerns the whole service: it takes an admin token of the tenant default";
        return Err(Problem::new(ProblemKind::Forbidden, detail));
    }
    Ok(context! {
        groups => Serde(facts::groups(&viewer.app)), unused => viewer.app.config.unused.clone(),
        has_workers => viewer.app.has_workers(),
    })
}
