//! Who changed what, when and from where.

mod changes;
mod words;

use std::{collections::HashSet, sync::Arc};

use axum::{Router, response::Response, routing::get};
use minijinja::{Value, context, value::Serde};
use serde::Serialize;

use self::changes::{Changed, changed};
use crate::{
    app::App,
    db::{
        audit::{self, AuditRow},
        call_labels, endpoints,
    },
    domain::ids::{DeliveryId, EndpointId, RunId, SourceId, TokenId},
    http::{
        admin,
        panel::{asked::Asked, session::Viewer},
        problem::Problem,
    },
};

/// How many changes a page shows.
const SHOWN: i64 = 50;

pub fn routes() -> Router<Arc<App>> {
    Router::new().route("/panel/audit", get(list))
}

/// A change as it is shown.
#[derive(Debug, Serialize)]
struct Entry {
    at: chrono::DateTime<chrono::Utc>,
    who: String,
    /// The id of the token that somebody came with.
    token: Option<String>,
    address: Option<String>,
    /// In words, or as it is where there are none.
    action: String,
    object: String,
    /// The page of what was changed.
    link: Option<String>,
    changed: Vec<Changed>,
}

async fn list(viewer: Viewer) -> Result<Response, Problem> {
    let mut asked = Asked::of(&viewer.uri);
    let (action, object, page) = (asked.plain("action"), asked.plain("object"), asked.page(SHOWN));
    let (pool, tenant) = (&viewer.app.pool, viewer.tenant());
    let rows = audit::list_audit(pool, tenant, action.as_deref(), object.as_deref(), admin::one_more(page)).await?;
    let rows = admin::paged::<_, AuditRow>(rows, page, |row| row.id.uuid());
    let links = Links::of(&viewer, &rows.items).await?;
    let entries: Vec<Entry> = rows.items.into_iter().map(|row| entry(row, &links)).collect();
    let families = words::ACTIONS.iter().map(|&(family, about, actions)| {
        context! { family, about, actions => actions.iter().copied().collect::<Value>() }
    });
    let context = context! {
        entries => Serde(entries), next => rows.next_cursor, action, object, is_first => page.before.is_none(),
        families => families.collect::<Value>(),
    };
    asked.page_for(&viewer, "audit/list.html", context)
}

fn entry(row: AuditRow, links: &Links) -> Entry {
    // An actor is ADMIN_TOKEN, or a token's id with its name behind.
    let named = row.actor.split_once(" (").and_then(|(id, name)| Some((id, name.strip_suffix(')')?)));
    let (token, who) = match named {
        Some((id, name)) => (Some(id.to_owned()), name.to_owned()),
        None => (None, row.actor.clone()),
    };
    Entry {
        at: row.at,
        who,
        token,
        address: row.address,
        link: links.to(&row.action, &row.object),
        action: words::of(&row.action).map_or(row.action, str::to_owned),
        object: row.object,
        changed: changed(row.before.as_ref(), row.after.as_ref()),
    }
}

/// What of the objects is still there to be looked at.
struct Links {
    endpoints: HashSet<String>,
    calls: HashSet<String>,
}

impl Links {
    async fn of(viewer: &Viewer, rows: &[AuditRow]) -> Result<Self, Problem> {
        let (pool, tenant) = (&viewer.app.pool, viewer.tenant());
        let ids: Vec<EndpointId> = rows.iter().filter_map(|row| row.object.parse().ok()).collect();
        let endpoints = endpoints::find_labels(pool, tenant, &ids).await?.into_iter();
        let calls = rows.iter().filter(|row| row.action.starts_with("call.")).map(|row| row.object.clone());
        let calls = call_labels::find_labels(pool, tenant, &calls.collect::<Vec<_>>()).await?.into_iter();
        Ok(Self {
            endpoints: endpoints.filter(|endpoint| !endpoint.is_deleted).map(|one| one.id.to_string()).collect(),
            calls: calls.filter(|call| call.erased_at.is_none()).map(|call| call.call_id).collect(),
        })
    }

    fn to(&self, action: &str, object: &str) -> Option<String> {
        let segment = || url::form_urlencoded::byte_serialize(object.as_bytes()).collect::<String>();
        match action.split('.').next().unwrap_or_default() {
            "endpoint" => self.endpoints.contains(object).then(|| format!("/panel/endpoints/{object}")),
            "call" => self.calls.contains(object).then(|| format!("/panel/calls/{}", segment())),
            "delivery" => object.parse::<DeliveryId>().ok().map(|id| format!("/panel/log/{id}")),
            "run" => object.parse::<RunId>().ok().map(|id| format!("/panel/runs/{id}")),
            "source" => object.parse::<SourceId>().ok().map(|_| "/panel/sources".to_owned()),
            "token" => object.parse::<TokenId>().ok().map(|_| "/panel/tokens".to_owned()),
            "account" => Some("/panel/accounts".to_owned()),
            _ => None,
        }
    }
}
