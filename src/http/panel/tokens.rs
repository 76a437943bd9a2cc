//! Access tokens: made, shown once, revoked.

use axum::response::Response;
use chrono::{Days, NaiveDate, NaiveTime, SecondsFormat};
use minijinja::{Value, context, value::Serde};
use serde_json::json;

use super::{
    form::{Change, Fields},
    session::Viewer,
};
use crate::{
    db::{Page, tokens},
    domain::{access::Role, ids::TokenKind},
    http::{
        admin::tokens::{self as api, TokenResponse},
        extract::PathId,
        problem::{Problem, ProblemKind},
    },
};

/// So many are shown: more than a tenant has.
const SHOWN: i64 = 200;

pub async fn list(viewer: Viewer) -> Result<Response, Problem> {
    let context = content(&viewer, &Fields::default()).await?;
    viewer.page("tokens.html", context)
}

pub async fn create(change: Change) -> Result<Response, Problem> {
    let Change { viewer, fields } = &change;
    let body = json!({"name": fields.text("name"), "role": fields.text("role"), "expires_at": end(fields)});
    match change.make(&body, api::create).await {
        Ok(made) => {
            let rest = content(viewer, &Fields::default()).await?;
            viewer.page("tokens.html", context! { made => Serde(made), ..rest })
        }
        Err(problem) => viewer.refused("tokens.html", content(viewer, fields).await?, problem),
    }
}

pub async fn revoke(PathId(id): PathId<TokenKind>, change: Change) -> Result<Response, Problem> {
    api::revoke(change.app(), change.admin(), PathId(id)).await?;
    Ok(change.viewer.done("/panel/tokens", "The token is revoked. Sessions that were begun with it have ended."))
}

/// A token is good until the end of the day that was chosen.
fn end(fields: &Fields) -> Option<String> {
    let day: NaiveDate = fields.text("expires").parse().ok()?;
    let end = day.checked_add_days(Days::new(1))?.and_time(NaiveTime::MIN).and_utc();
    Some(end.to_rfc3339_opts(SecondsFormat::Secs, true))
}

async fn content(viewer: &Viewer, form: &Fields) -> Result<Value, Problem> {
    if !viewer.may_change() {
        return Err(Problem::new(ProblemKind::Forbidden, "tokens are for admins"));
    }
    let page = Page { limit: SHOWN, before: None };
    let rows = tokens::list_tokens(&viewer.app.pool, Some(viewer.tenant()), page).await?;
    let tokens: Vec<TokenResponse> = rows.into_iter().map(Into::into).collect();
    let roles = Value::from_iter(
        [
            (Role::Viewer.as_str(), "sees everything, changes nothing"),
            (Role::Admin.as_str(), "does everything"),
            (Role::Producer.as_str(), "raises events by API, sees nothing"),
        ]
        .map(|(name, meaning)| context! { name, meaning }),
    );
    Ok(context! { tokens => Serde(tokens), roles, form => form.to_value(), made => () })
}
