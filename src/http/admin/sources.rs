//! Sources: connections that callbacks come in by, beside the one of the environment.

use std::sync::Arc;

use axum::{Json, extract::State, response::Response};
use chrono::{DateTime, Utc};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use url::Url;
use utoipa::ToSchema;

use super::{IdempotencyHeader, ListResponse, PageQuery, audit, faults::Faults, one_more, paged, read::word};
use crate::{
    app::App,
    config::public_key,
    db::sources::{self, SourceRow},
    domain::{
        access::generate_token,
        ids::{DEFAULT_SOURCE, SourceId, SourceKind},
    },
    http::{
        auth::{Admin, Reader},
        extract::{Params, PathId},
        idempotency::{Begun, Once},
        problem::{Problem, ProblemBody, ProblemKind},
    },
    intake::proof::{self, Source, SourceKeys},
};

/// How many public keys a source may have, and how long each may be.
const PUBLIC_KEYS: (usize, usize) = (10, 4000);
/// Lengths of a key or secret that somebody chose.
const SECRET_LENGTH: std::ops::RangeInclusive<usize> = 16..=256;

/// A connection.
#[derive(Debug, Serialize, ToSchema)]
pub struct SourceResponse {
    #[schema(example = "src_019a3c5e8f7b7c3e9d2a1b4c5d6e7f80")]
    id: String,
    #[schema(example = "gong")]
    kind: &'static str,
    name: String,
    /// What to paste into Gong's rule. In the answer to its creation it carries the key, later it does not.
    webhook_url: Option<String>,
    /// By which proofs a sender comes in: `signed_token`, `url_key`, `hmac`. Any one that verifies is enough.
    proofs: Vec<&'static str>,
    created_at: DateTime<Utc>,
}

impl SourceResponse {
    pub(in crate::http) fn new(app: &App, row: &SourceRow) -> Result<Self, Problem> {
        let proofs = if row.id == DEFAULT_SOURCE {
            app.default_source.proofs()
        } else {
            Source::from_row(&app.key_ring, row).map_err(Problem::internal)?.proofs()
        };
        Ok(Self {
            id: row.id.to_string(),
            kind: "gong",
            name: row.name.clone(),
            webhook_url: webhook_url(app, row.id, None).map(String::from),
            proofs,
            created_at: row.created_at,
        })
    }
}

/// Where callbacks of a connection go.
fn webhook_url(app: &App, id: SourceId, key: Option<&str>) -> Option<Url> {
    let mut url = app.public_urls.first()?.clone();
    let base = url.path().trim_end_matches('/').to_owned();
    let own = if id == DEFAULT_SOURCE { String::new() } else { format!("/{id}") };
    url.set_path(&format!("{base}/webhooks/gong{own}"));
    if let Some(key) = key {
        url.query_pairs_mut().append_pair("key", key);
    }
    Some(url)
}

/// A new connection. Without any proof, a key for the URL is made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateSourceRequest {
    #[serde(deserialize_with = "word")]
    kind: SourceType,
    #[schema(min_length = 1, max_length = 200, example = "Gong EMEA")]
    name: String,
    /// Gong's public keys: callbacks signed by one of them come in.
    #[serde(default)]
    #[schema(max_items = 10)]
    public_keys: Vec<String>,
    /// Callbacks with this `?key=` come in.
    #[schema(min_length = 16, max_length = 256, pattern = "^[!-~]+$")]
    url_key: Option<String>,
    /// Callbacks with an HMAC of this secret come in.
    #[schema(min_length = 16, max_length = 256, pattern = "^[!-~]+$")]
    secret: Option<String>,
}

/// What a connection leads to.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SourceType {
    /// Gong's webhook rules.
    Gong,
}

#[utoipa::path(
    get, path = "/api/v1/admin/sources", tag = "sources", operation_id = "list_sources",
    summary = "List connections, newest first", security(("token" = [])), params(PageQuery),
    responses((status = 200, body = ListResponse<SourceResponse>)),
)]
pub async fn list(
    State(app): State<Arc<App>>,
    Reader(caller): Reader,
    mut params: Params,
) -> Result<Json<ListResponse<SourceResponse>>, Problem> {
    let page = params.page();
    params.finish()?;
    let rows = sources::list_sources(&app.pool, &caller.tenant, one_more(page)).await?;
    let ListResponse { items, next_cursor } = paged::<_, SourceRow>(rows, page, |row| row.id.uuid());
    let items = items.iter().map(|row| SourceResponse::new(&app, row)).collect::<Result<_, _>>()?;
    Ok(Json(ListResponse { items, next_cursor }))
}

#[utoipa::path(
    post, path = "/api/v1/admin/sources", tag = "sources", operation_id = "create_source",
    summary = "Add a connection", security(("token" = [])), params(IdempotencyHeader), request_body = CreateSourceRequest,
    responses((status = 201, description = "Added; a key in webhook_url is shown this once", body = SourceResponse)),
)]
pub async fn create(
    State(app): State<Arc<App>>,
    Admin(caller): Admin,
    once: Once<CreateSourceRequest>,
) -> Result<Response, Problem> {
    let (request, mut creation) = match once.begin(&app, &caller, check).await? {
        Begun::New(request, creation) => (request, creation),
        Begun::Known(answer) => return Ok(answer),
    };
    let CreateSourceRequest { kind: SourceType::Gong, name, public_keys, mut url_key, secret } = request;
    if public_keys.is_empty() && secret.is_none() {
        url_key = url_key.or_else(|| Some(generate_token()));
    }
    let (id, now) = (SourceId::new(), creation.now);
    let keys = SourceKeys { url_key, secret };
    let row = SourceRow {
        id,
        tenant: caller.tenant.clone(),
        name,
        public_keys,
        sealed: Some(proof::seal(&app.key_ring, id, &keys)),
        created_at: now,
    };
    sources::insert_source(creation.db(), &row).await?;
    let mut response = SourceResponse::new(&app, &row)?;
    let after = json!({"kind": response.kind, "name": response.name, "proofs": response.proofs});
    audit(creation.db(), &caller, "source.create", id, None, Some(after), now).await?;
    response.webhook_url = webhook_url(&app, id, keys.url_key.as_deref()).map(String::from);
    creation.finish(StatusCode::CREATED, None, &response).await
}

#[utoipa::path(
    delete, path = "/api/v1/admin/sources/{id}", tag = "sources", operation_id = "delete_source",
    summary = "Remove a connection; its history stays readable", security(("token" = [])),
    params(("id" = String, Path, description = "The connection")),
    responses((status = 204, description = "Removed"),
              (status = 409, description = "It is the environment's", body = ProblemBody)),
)]
pub async fn delete(
    State(app): State<Arc<App>>,
    Admin(caller): Admin,
    PathId(id): PathId<SourceKind>,
) -> Result<StatusCode, Problem> {
    let now = app.clock.now();
    let mut tx = app.pool.begin().await?;
    let Some(name) = sources::delete_source(&mut *tx, &caller.tenant, id, now).await? else {
        let own = sources::find_source(&mut *tx, id).await?.is_some_and(|row| row.tenant == caller.tenant);
        if own {
            return Err(Problem::new(
                ProblemKind::Conflict,
                "this connection is configured by GONG_WEBHOOK_* variables",
            ));
        }
        return Err(ProblemKind::NotFound.into());
    };
    audit(&mut tx, &caller, "source.delete", id, Some(json!({"name": name})), None, now).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

fn check(request: &CreateSourceRequest) -> Result<(), Problem> {
    let mut faults = Faults::default();
    faults.check_name("/name", &request.name);
    let (most, longest) = PUBLIC_KEYS;
    if request.public_keys.len() > most {
        faults.add("/public_keys", "at most 10 keys");
    }
    for (index, key) in request.public_keys.iter().enumerate() {
        if key.len() > longest || public_key(key).is_none() {
            let detail = "not an RSA public key: PEM, or the one line of base64 that Gong shows";
            faults.add(format!("/public_keys/{index}"), detail);
        }
    }
    for (pointer, secret) in [("/url_key", &request.url_key), ("/secret", &request.secret)] {
        let usable =
            |secret: &String| SECRET_LENGTH.contains(&secret.len()) && secret.bytes().all(|b| b.is_ascii_graphic());
        if secret.as_ref().is_some_and(|secret| !usable(secret)) {
            faults.add(pointer, "16 to 256 visible ASCII characters");
        }
    }
    faults.finish()
}
