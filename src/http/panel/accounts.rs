//! Accounts: customers, told of where no other system does.

use axum::response::Response;
use minijinja::{Value, context, value::Serde};
use serde_json::json;

use super::{
    asked::Asked,
    form::{Change, Fields},
    session::Viewer,
};
use crate::{
    db::{Page, accounts},
    http::{
        admin::{
            ListResponse,
            accounts::{self as api, AccountResponse},
            one_more, paged,
        },
        extract::{Json, PathText},
        problem::{Problem, ProblemKind},
    },
};

/// So many are shown at once.
const SHOWN: i64 = 50;

pub async fn list(viewer: Viewer) -> Result<Response, Problem> {
    let context = content(&viewer, Form { is_known: false, fields: context! {} }).await?;
    viewer.page("accounts.html", context)
}

/// The list with the form filled in: the number is in the query, since one may hold anything, slashes and dots too.
pub async fn edit(viewer: Viewer) -> Result<Response, Problem> {
    let number = Asked::of(&viewer.uri).plain("number").unwrap_or_default();
    let only = Page { limit: 1, before: None };
    let row = accounts::list_accounts(&viewer.app.pool, viewer.tenant(), Some(&number), only).await?.pop();
    let row = row.ok_or(ProblemKind::NotFound)?;
    let fields = context! {
        number => row.number, name => row.name, domains => row.domains.join("\n"),
        cs_email => row.cs_email.unwrap_or_default(), am_email => row.am_email.unwrap_or_default(),
    };
    let context = content(&viewer, Form { is_known: true, fields }).await?;
    viewer.page("accounts.html", context)
}

pub async fn save(change: Change) -> Result<Response, Problem> {
    let Change { viewer, fields } = &change;
    match put(&change).await {
        Ok(()) => {
            let word = if is_known(fields) { "changed" } else { "added" };
            Ok(viewer.done("/panel/accounts", format!("The account {} is {word}.", fields.text("name"))))
        }
        Err(problem) => {
            let form = Form { is_known: is_known(fields), fields: fields.to_value() };
            viewer.refused("accounts.html", content(viewer, form).await?, problem)
        }
    }
}

async fn put(change: &Change) -> Result<(), Problem> {
    let Change { viewer, fields } = change;
    let number = fields.text("number").to_owned();
    let only = Page { limit: 1, before: None };
    let known = accounts::list_accounts(&viewer.app.pool, viewer.tenant(), Some(&number), only).await?.pop();
    if let Some(known) = known.filter(|_| !is_known(fields)) {
        let detail = format!("This is the number of {}: edit that account, or choose another number.", known.name);
        return Err(Problem::invalid_field("/number", detail));
    }
    let body = json!({
        "name": fields.text("name"), "domains": fields.list("domains"),
        "cs_email": fields.filled("cs_email"), "am_email": fields.filled("am_email"),
    });
    let request = Json(Change::body(&body)?);
    api::put(change.app(), change.admin(), PathText(number), request).await.map(drop)
}

/// Whether the form is that of an account which is there: one that is new must not replace it.
fn is_known(fields: &Fields) -> bool {
    fields.ticked("known")
}

/// The form beside the list.
struct Form {
    is_known: bool,
    fields: Value,
}

async fn content(viewer: &Viewer, form: Form) -> Result<Value, Problem> {
    let (pool, tenant) = (&viewer.app.pool, viewer.tenant());
    let mut asked = Asked::of(&viewer.uri);
    let (page, text) = (asked.page(SHOWN), asked.plain("text"));
    let rows = match &text {
        Some(text) => accounts::search_accounts(pool, tenant, text, one_more(page)).await?,
        None => accounts::list_accounts(pool, tenant, None, one_more(page)).await?,
    };
    let ListResponse { items, next_cursor } = paged::<_, AccountResponse>(rows, page, |row| row.row_id);
    Ok(context! {
        accounts => Serde(items), next_cursor, text => text.unwrap_or_default(), faults => asked.refusal(),
        is_later_page => page.before.is_some(), form => form.fields, is_known => form.is_known,
    })
}
