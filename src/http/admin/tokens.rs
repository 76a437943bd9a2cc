//! Access tokens: shown once when they are made, afterwards only by name.

use std::sync::Arc;

use axum::{Json, extract::State, response::Response};
use chrono::{DateTime, Utc};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{
    IdempotencyHeader, ListResponse, PageQuery, audit,
    faults::Faults,
    one_more, paged,
    read::{optional_moment, word},
};
use crate::{
    app::App,
    db::{
        tenants,
        tokens::{self, NewToken, TokenRow},
    },
    domain::{
        access::{Role, generate_token, token_hash},
        ids::{TokenId, TokenKind},
    },
    http::{
        auth::{Admin, Caller},
        extract::{Params, PathId},
        idempotency::{Begun, Once},
        problem::{Problem, ProblemKind},
    },
};

/// A token.
#[derive(Debug, Serialize, ToSchema)]
pub struct TokenResponse {
    #[schema(example = "tok_019a3c5e8f7b7c3e9d2a1b4c5d6e7f80")]
    id: String,
    name: String,
    role: Role,
    tenant: String,
    created_at: DateTime<Utc>,
    expires_at: Option<DateTime<Utc>>,
    /// To the minute.
    last_used_at: Option<DateTime<Utc>>,
    /// Only in the answer to its creation.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

impl From<TokenRow> for TokenResponse {
    fn from(row: TokenRow) -> Self {
        Self {
            id: row.id.to_string(),
            name: row.name,
            role: row.role,
            tenant: row.tenant,
            created_at: row.created_at,
            expires_at: row.expires_at,
            last_used_at: row.last_used_at,
            token: None,
        }
    }
}

impl TokenResponse {
    fn for_audit(&self) -> Value {
        json!({"name": self.name, "role": self.role, "tenant": self.tenant, "expires_at": self.expires_at})
    }
}

/// A new token.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateTokenRequest {
    /// Who or what will use it.
    #[schema(min_length = 1, max_length = 200, example = "CRM import")]
    name: String,
    #[serde(deserialize_with = "word")]
    role: Role,
    /// The caller's own if left out; only `ADMIN_TOKEN` may name another.
    #[schema(pattern = "^[a-z0-9][a-z0-9-]{0,62}$", example = "default")]
    tenant: Option<String>,
    /// Never, if left out.
    #[serde(default, deserialize_with = "optional_moment")]
    expires_at: Option<DateTime<Utc>>,
}

#[utoipa::path(
    get, path = "/api/v1/admin/tokens", tag = "access", operation_id = "list_tokens",
    summary = "List access tokens, newest first", security(("token" = [])), params(PageQuery),
    responses((status = 200, body = ListResponse<TokenResponse>)),
)]
pub async fn list(
    State(app): State<Arc<App>>,
    Admin(caller): Admin,
    mut params: Params,
) -> Result<Json<ListResponse<TokenResponse>>, Problem> {
    let page = params.page();
    params.finish()?;
    let rows = tokens::list_tokens(&app.pool, Some(&caller.tenant), one_more(page)).await?;
    Ok(Json(paged(rows, page, |row| row.id.uuid())))
}

#[utoipa::path(
    post, path = "/api/v1/admin/tokens", tag = "access", operation_id = "create_token",
    summary = "Make an access token", security(("token" = [])), params(IdempotencyHeader),
    request_body = CreateTokenRequest,
    responses((status = 201, description = "Made; the token is shown this once", body = TokenResponse)),
)]
pub async fn create(
    State(app): State<Arc<App>>,
    Admin(caller): Admin,
    once: Once<CreateTokenRequest>,
) -> Result<Response, Problem> {
    let (request, mut creation) =
        match once.begin(&app, &caller, |request| check(request, &caller, app.clock.now())).await? {
            Begun::New(request, creation) => (request, creation),
            Begun::Known(answer) => return Ok(answer),
        };
    let (id, secret, now) = (TokenId::new(), generate_token(), creation.now);
    let tenant = request.tenant.unwrap_or_else(|| caller.tenant.clone());
    if tenant != caller.tenant && tenants::find_tenant(creation.db(), &tenant).await?.is_none() {
        return Err(creation.refuse(Problem::invalid_field("/tenant", "there is no such tenant")).await);
    }
    let token = NewToken {
        id,
        tenant: &tenant,
        name: &request.name,
        role: request.role,
        hash: &token_hash(&secret),
        expires_at: request.expires_at,
    };
    tokens::insert_token(creation.db(), &token, now).await?;
    let mut response = TokenResponse {
        id: id.to_string(),
        name: request.name,
        role: request.role,
        tenant,
        created_at: now,
        expires_at: request.expires_at,
        last_used_at: None,
        token: None,
    };
    // Whose token it is may look it up, also where ADMIN_TOKEN made it for them.
    let owner = Caller { tenant: response.tenant.clone(), ..caller.clone() };
    audit(creation.db(), &owner, "token.create", id, None, Some(response.for_audit()), now).await?;
    response.token = Some(secret);
    creation.finish(StatusCode::CREATED, None, &response).await
}

fn check(request: &CreateTokenRequest, caller: &Caller, now: DateTime<Utc>) -> Result<(), Problem> {
    let mut faults = Faults::default();
    faults.check_name("/name", &request.name);
    if request.expires_at.is_some_and(|at| at <= now) {
        faults.add("/expires_at", "a time that is still to come");
    }
    if request.tenant.as_ref().is_some_and(|tenant| *tenant != caller.tenant) && !caller.is_root {
        faults.add("/tenant", "your own tenant; only ADMIN_TOKEN makes tokens for others");
    }
    faults.finish()
}

#[utoipa::path(
    delete, path = "/api/v1/admin/tokens/{id}", tag = "access", operation_id = "revoke_token",
    summary = "Revoke an access token, at once", security(("token" = [])),
    params(("id" = String, Path, description = "The token's id")),
    responses((status = 204, description = "Revoked")),
)]
pub async fn revoke(
    State(app): State<Arc<App>>,
    Admin(caller): Admin,
    PathId(id): PathId<TokenKind>,
) -> Result<StatusCode, Problem> {
    let now = app.clock.now();
    let mut tx = app.pool.begin().await?;
    let revoked = tokens::revoke_token(&mut *tx, Some(&caller.tenant), id, now).await?.ok_or(ProblemKind::NotFound)?;
    let before = TokenResponse::from(revoked).for_audit();
    audit(&mut tx, &caller, "token.revoke", id, Some(before), None, now).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
