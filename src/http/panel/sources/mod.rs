//! Sources: where Gong's callbacks come in, with the way to set up Gong's side.

mod keys;

use std::{collections::HashMap, sync::Arc};

use axum::{
    Router,
    response::Response,
    routing::{get, post},
};
use minijinja::{Value, context, value::Serde};
use serde_json::json;

use crate::{
    app::App,
    db::{Page, sources},
    domain::ids::{DEFAULT_SOURCE, SourceId, SourceKind},
    http::{
        admin::sources::{self as api, SourceResponse},
        extract::PathId,
        panel::{
            form::{Change, Fields},
            session::Viewer,
        },
        problem::Problem,
    },
};

/// So many are shown: more than a tenant has.
const SHOWN: i64 = 200;

pub fn routes() -> Router<Arc<App>> {
    Router::new().route("/panel/sources", get(list).post(create)).route("/panel/sources/{id}/delete", post(delete))
}

async fn list(viewer: Viewer) -> Result<Response, Problem> {
    let context = content(&viewer, &Fields::default()).await?;
    viewer.page("sources/list.html", context)
}

async fn create(change: Change) -> Result<Response, Problem> {
    let Change { viewer, fields } = &change;
    let body = json!({
        "kind": "gong", "name": fields.text("name"), "public_keys": keys::split(fields.text("public_keys")),
        "url_key": fields.filled("url_key"), "secret": fields.filled("secret"),
    });
    match change.make(&body, api::create).await {
        Ok(made) => {
            let rest = content(viewer, &Fields::default()).await?;
            viewer.page("sources/list.html", context! { made => Serde(made), ..rest })
        }
        Err(problem) => viewer.refused("sources/list.html", content(viewer, fields).await?, problem),
    }
}

async fn delete(PathId(id): PathId<SourceKind>, change: Change) -> Result<Response, Problem> {
    match api::delete(change.app(), change.admin(), PathId(id)).await {
        Ok(_) => {
            Ok(change.viewer.done("/panel/sources", "The source is removed. Callbacks to its URL are refused now."))
        }
        Err(problem) => change.viewer.not_done("/panel/sources", problem),
    }
}

async fn content(viewer: &Viewer, form: &Fields) -> Result<Value, Problem> {
    let (app, tenant) = (&viewer.app, viewer.tenant());
    let rows = sources::list_sources(&app.pool, tenant, Page { limit: SHOWN, before: None }).await?;
    let ids: Vec<SourceId> = rows.iter().map(|row| row.id).collect();
    let last = sources::last_callbacks(&app.pool, tenant, &ids).await?;
    let last: HashMap<SourceId, _> = last.into_iter().map(|last| (last.source, last)).collect();
    let shown = rows.iter().map(|row| {
        let last = last.get(&row.id).map(|last| context! { at => Serde(last.at), is_test => last.is_test });
        let is_environment = row.id == DEFAULT_SOURCE;
        Ok(context! { source => Serde(SourceResponse::new(app, row)?), is_environment, last })
    });
    let shown = shown.collect::<Result<Vec<Value>, Problem>>()?;
    Ok(context! {
        sources => shown, form => form.to_value(), made => (), is_public => app.config.service.public_url.is_some(),
    })
}
