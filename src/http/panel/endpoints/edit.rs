//! The form of an endpoint: for a new one, and for one that there is.

use axum::response::Response;
use minijinja::{Value, context};

use super::{draft::Draft, one, only_for_admins, secret};
use crate::{
    domain::{endpoint::EndpointChannel, ids::EndpointKind},
    http::{
        admin::endpoints::{change as api_change, create as api_create},
        extract::{Json, Params, PathId},
        panel::{form::Change, session::Viewer},
        problem::Problem,
    },
};

const FORM: &str = "endpoints/form.html";

/// The kinds to choose from, or the empty form of the one that was chosen.
pub async fn draw_up(viewer: Viewer, mut params: Params) -> Result<Response, Problem> {
    only_for_admins(&viewer)?;
    match params.read("kind", |text| text.parse::<EndpointChannel>().map_err(|_| String::new())) {
        Some(kind) => viewer.page(FORM, content(&viewer, &Draft::empty(kind), ())),
        None => viewer.page("endpoints/kinds.html", context! {}),
    }
}

pub async fn create(change: Change) -> Result<Response, Problem> {
    let Change { viewer, fields } = &change;
    let kind = fields.text("kind").parse().map_err(|_| Problem::invalid_field("/kind", "slack, email or webhook"))?;
    let draft = Draft::of_form(kind, fields, None);
    let made = match draft.creation() {
        Ok(body) => change.make(&body, api_create::create).await,
        Err(problem) => Err(problem),
    };
    let made = match made {
        Ok(made) => made,
        Err(problem) => return viewer.refused(FORM, content(viewer, &draft, ()), draft.named(problem)),
    };
    let text = |name: &str| made[name].as_str().unwrap_or_default();
    if made["secret"].is_string() {
        return secret::show(viewer, text("id"), text("name"), text("secret"), None);
    }
    let told = format!("“{}” is made. Send it a test to see whether it arrives.", text("name"));
    Ok(viewer.done(&format!("/panel/endpoints/{}", text("id")), told))
}

pub async fn open(PathId(id): PathId<EndpointKind>, viewer: Viewer) -> Result<Response, Problem> {
    only_for_admins(&viewer)?;
    let (row, secrets) = one::find(&viewer, id).await?;
    let there = context! { id => id.to_string(), name => row.name.as_str(), is_mailbox => row.is_mailbox };
    viewer.page(FORM, content(&viewer, &Draft::of_endpoint(&row, &secrets), there))
}

pub async fn change(PathId(id): PathId<EndpointKind>, change: Change) -> Result<Response, Problem> {
    let Change { viewer, fields } = &change;
    let (row, secrets) = one::find(viewer, id).await?;
    let draft = Draft::of_form(row.kind, fields, Some(&secrets));
    let changed = match draft.change().and_then(|body| Change::body(&body)) {
        Ok(request) => api_change::change(change.app(), change.admin(), PathId(id), Json(request)).await,
        Err(problem) => Err(problem),
    };
    match changed {
        Ok(_) => Ok(viewer.done(&one::page_of(id), "Saved. It holds for what is sent from now on.")),
        Err(problem) => {
            let there = context! { id => id.to_string(), name => row.name.as_str(), is_mailbox => row.is_mailbox };
            viewer.refused(FORM, content(viewer, &draft, there), draft.named(problem))
        }
    }
}

/// `there` is the endpoint, if there is one already.
fn content(viewer: &Viewer, draft: &Draft, there: impl Into<Value>) -> Value {
    let form = draft.to_value(viewer.app.pipeline.summarisers.local.intents());
    context! { form, there => there.into(), http_allowed => viewer.app.config.egress.allow_http }
}
