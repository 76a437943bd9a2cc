//! Access tokens. Only their hashes are kept.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use super::Page;
use crate::domain::{access::Role, ids::TokenId};

/// A token about to be made.
#[derive(Debug)]
pub struct NewToken<'a> {
    /// Its id.
    pub id: TokenId,
    /// Whose data it opens.
    pub tenant: &'a str,
    /// What people call it.
    pub name: &'a str,
    /// What it may do.
    pub role: Role,
    /// SHA-256 of the token.
    pub hash: &'a [u8],
    /// When it ends.
    pub expires_at: Option<DateTime<Utc>>,
}

/// Inserts a token. Fails with the constraint `tokens_tenant_id_fkey` when there is no such tenant.
pub async fn insert_token(db: impl PgExecutor<'_>, token: &NewToken<'_>, now: DateTime<Utc>) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO tokens (id, tenant_id, name, role, token_hash, expires_at, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        token.id.uuid(),
        token.tenant,
        token.name,
        token.role.as_str(),
        token.hash,
        token.expires_at,
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// A token as it stands.
#[derive(Debug, Clone)]
pub struct TokenRow {
    /// Its id.
    pub id: TokenId,
    /// Whose data it opens.
    pub tenant: String,
    /// What people call it.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it ends.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<DateTime<Utc>>,
}

/// Finds the token with this hash, unless it has ended or was revoked, and notes that it was used: once a minute.
pub async fn use_token(db: impl PgExecutor<'_>, hash: &[u8], now: DateTime<Utc>) -> sqlx::Result<Option<TokenRow>> {
    sqlx::query_as!(
        TokenRow,
        r#"WITH used AS (
               UPDATE tokens SET last_used_at = $2
               WHERE token_hash = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2)
                 AND (last_used_at IS NULL OR last_used_at < $2::timestamptz - interval '1 minute')
           )
           SELECT id AS "id: TokenId", tenant_id AS tenant, name, role AS "role: Role", created_at, expires_at,
                  last_used_at
           FROM tokens WHERE token_hash = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2)"#,
        hash,
        now,
    )
    .fetch_optional(db)
    .await
}

/// Lists the tokens of a tenant, or of all, that were not revoked, newest first.
pub async fn list_tokens(db: impl PgExecutor<'_>, tenant: Option<&str>, page: Page) -> sqlx::Result<Vec<TokenRow>> {
    sqlx::query_as!(
        TokenRow,
        r#"SELECT id AS "id: TokenId", tenant_id AS tenant, name, role AS "role: Role", created_at, expires_at,
                  last_used_at
           FROM tokens
           WHERE ($1::text IS NULL OR tenant_id = $1) AND revoked_at IS NULL AND ($2::uuid IS NULL OR id < $2)
           ORDER BY id DESC LIMIT $3"#,
        tenant,
        page.before,
        page.limit,
    )
    .fetch_all(db)
    .await
}

/// Revokes a token of a tenant, or of any, and returns what it was.
pub async fn revoke_token(
    db: impl PgExecutor<'_>,
    tenant: Option<&str>,
    id: TokenId,
    now: DateTime<Utc>,
) -> sqlx::Result<Option<TokenRow>> {
    sqlx::query_as!(
        TokenRow,
        r#"UPDATE tokens SET revoked_at = $3
           WHERE ($1::text IS NULL OR tenant_id = $1) AND id = $2 AND revoked_at IS NULL
           RETURNING id AS "id: TokenId", tenant_id AS tenant, name, role AS "role: Role", created_at, expires_at,
                     last_used_at"#,
        tenant,
        id.uuid(),
        now,
    )
    .fetch_optional(db)
    .await
}
