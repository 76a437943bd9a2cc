//! The secret of a webhook: shown once, in the answer to the form that made it, with what a receiver does with it.

use axum::response::Response;
use minijinja::{context, value::Serde};
use serde_json::json;

use super::{
    one::{self, page_of},
    snippets,
};
use crate::{
    domain::ids::EndpointKind,
    http::{
        admin::endpoints::secret as api,
        extract::PathId,
        panel::{form::Change, session::Viewer},
        problem::Problem,
    },
};

pub async fn rotate(PathId(id): PathId<EndpointKind>, change: Change) -> Result<Response, Problem> {
    let viewer = &change.viewer;
    let (row, _) = one::find(viewer, id).await?;
    let overlap = change.fields.text("overlap").parse::<i64>().unwrap_or(-1);
    let rotate = |app, admin, once| api::rotate_once(app, admin, PathId(id), once);
    match change.make(&json!({"overlap_seconds": overlap}), rotate).await {
        Ok(rotated) => {
            let secret = rotated["secret"].as_str().unwrap_or_default();
            show(viewer, &id.to_string(), &row.name, secret, Some(&rotated["previous_valid_until"]))
        }
        Err(problem) => viewer.not_done(&page_of(id), problem),
    }
}

/// The page that shows a secret; `previous` is until when the one before signs too, if there was one before.
pub fn show(
    viewer: &Viewer,
    id: &str,
    name: &str,
    secret: &str,
    previous: Option<&serde_json::Value>,
) -> Result<Response, Problem> {
    let content = context! {
        id, name, secret, is_rotated => previous.is_some(), previous_valid_until => Serde(previous),
        snippets => Serde(snippets::all()),
    };
    viewer.page("endpoints/secret.html", content)
}
