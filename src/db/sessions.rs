//! Who is signed in to the panel. Only hashes of the cookies are kept.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use crate::domain::{access::Role, ids::TokenId};

/// A session about to begin.
#[derive(Debug)]
pub struct NewSession<'a> {
    /// The token signed in with; `None` for `ADMIN_TOKEN`.
    pub token_id: Option<TokenId>,
    /// Its SHA-256.
    pub token_hash: &'a [u8],
    /// SHA-256 of the cookie's value.
    pub cookie_hash: &'a [u8],
    /// What its forms carry.
    pub csrf: &'a str,
    /// When it ends, however much it is used.
    pub expires_at: DateTime<Utc>,
}

/// Inserts a session.
pub async fn insert_session(db: impl PgExecutor<'_>, session: &NewSession<'_>, now: DateTime<Utc>) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO panel_sessions (id, token_id, token_hash, cookie_hash, csrf, expires_at, renewed_at, created_at,
                                     last_seen_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $7)",
        Uuid::now_v7(),
        session.token_id.map(TokenId::uuid),
        session.token_hash,
        session.cookie_hash,
        session.csrf,
        session.expires_at,
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// A session that is on.
#[derive(Debug)]
pub struct SessionRow {
    /// Its id.
    pub id: Uuid,
    /// What its forms carry.
    pub csrf: String,
    /// When its cookie was made.
    pub renewed_at: DateTime<Utc>,
    /// Whether the cookie is the one that was made last.
    pub is_current: bool,
    /// The token it was begun with; `None` for `ADMIN_TOKEN`.
    pub token: Option<SessionToken>,
}

/// The token a session was begun with.
#[derive(Debug)]
pub struct SessionToken {
    /// Its id.
    pub id: TokenId,
    /// Whose data it opens.
    pub tenant: String,
    /// What people call it.
    pub name: String,
    /// What it may do.
    pub role: Role,
}

/// How long sessions and cookies are good for.
#[derive(Debug, Clone, Copy)]
pub struct SessionLimits {
    /// Without being used.
    pub idle: TimeDelta,
    /// A cookie that was renewed, from then on.
    pub previous_cookie: TimeDelta,
}

/// Finds the session of a cookie, if it is on and so is the token it was begun with, and notes that it was used: once a
/// minute. `admin_hash` is the hash of `ADMIN_TOKEN` as it is now.
pub async fn use_session(
    db: impl PgExecutor<'_>,
    cookie_hash: &[u8],
    admin_hash: &[u8],
    limits: SessionLimits,
    now: DateTime<Utc>,
) -> sqlx::Result<Option<SessionRow>> {
    let row = sqlx::query!(
        r#"WITH found AS (
               SELECT s.id, s.csrf, s.renewed_at, s.last_seen_at, s.cookie_hash = $1 AS is_current,
                      t.id AS token_id, t.tenant_id, t.name, t.role
               FROM panel_sessions s LEFT JOIN tokens t ON t.id = s.token_id
               WHERE (s.cookie_hash = $1 OR s.previous_hash = $1 AND s.renewed_at > $4)
                 AND s.expires_at > $2 AND s.last_seen_at > $3
                 AND CASE WHEN s.token_id IS NULL THEN s.token_hash = $5
                          ELSE t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > $2) END
           ), seen AS (
               UPDATE panel_sessions s SET last_seen_at = $2 FROM found
               WHERE s.id = found.id AND found.last_seen_at < $2::timestamptz - interval '1 minute'
           )
           SELECT id, csrf, renewed_at, is_current AS "is_current!", token_id AS "token_id?: TokenId",
                  tenant_id AS "tenant_id?", name AS "name?", role AS "role?: Role"
           FROM found"#,
        cookie_hash,
        now,
        now - limits.idle,
        now - limits.previous_cookie,
        admin_hash,
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| SessionRow {
        id: row.id,
        csrf: row.csrf,
        renewed_at: row.renewed_at,
        is_current: row.is_current,
        token: match (row.token_id, row.tenant_id, row.name, row.role) {
            (Some(id), Some(tenant), Some(name), Some(role)) => Some(SessionToken { id, tenant, name, role }),
            _ => None,
        },
    }))
}

/// Gives a session another cookie, unless somebody has just done so. Tells whether it did.
pub async fn renew_cookie(
    db: impl PgExecutor<'_>,
    id: Uuid,
    old_hash: &[u8],
    new_hash: &[u8],
    now: DateTime<Utc>,
) -> sqlx::Result<bool> {
    let renewed = sqlx::query!(
        "UPDATE panel_sessions SET cookie_hash = $3, previous_hash = cookie_hash, renewed_at = $4
         WHERE id = $1 AND cookie_hash = $2",
        id,
        old_hash,
        new_hash,
        now,
    );
    Ok(renewed.execute(db).await?.rows_affected() == 1)
}

/// Ends a session.
pub async fn delete_session(db: impl PgExecutor<'_>, id: Uuid) -> sqlx::Result<()> {
    sqlx::query!("DELETE FROM panel_sessions WHERE id = $1", id).execute(db).await?;
    Ok(())
}

/// Removes up to `limit` sessions that are over, so that they do not pile up.
pub async fn purge_sessions(db: impl PgExecutor<'_>, now: DateTime<Utc>, limit: i64) -> sqlx::Result<u64> {
    let purged = sqlx::query!(
        "DELETE FROM panel_sessions WHERE id IN (
             SELECT id FROM panel_sessions WHERE expires_at <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED)",
        now,
        limit,
    );
    Ok(purged.execute(db).await?.rows_affected())
}
