//! Answers to creating requests that carried an `Idempotency-Key`.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};

/// Whose key it is.
#[derive(Debug, Clone, Copy)]
pub struct KeyOwner<'a> {
    /// The tenant.
    pub tenant: &'a str,
    /// Who asks.
    pub actor: &'a str,
    /// The key.
    pub key: &'a str,
}

/// A remembered answer.
#[derive(Debug)]
pub struct KnownAnswer {
    /// SHA-256 of the request that it answered.
    pub request_hash: Vec<u8>,
    /// The answer.
    pub sealed: Vec<u8>,
}

/// Takes the key until the transaction ends; `false` when another request has it at this moment.
pub async fn take_key(db: &mut PgConnection, owner: KeyOwner<'_>) -> sqlx::Result<bool> {
    let lock = sqlx::query_scalar!(
        r#"SELECT pg_try_advisory_xact_lock(hashtextextended(jsonb_build_array($1::text, $2::text, $3::text)::text, 1)) AS "taken!""#,
        owner.tenant,
        owner.actor,
        owner.key,
    );
    lock.fetch_one(db).await
}

/// Finds what was answered.
pub async fn find_answer(db: impl PgExecutor<'_>, owner: KeyOwner<'_>) -> sqlx::Result<Option<KnownAnswer>> {
    sqlx::query_as!(
        KnownAnswer,
        "SELECT request_hash, sealed FROM idempotency_keys WHERE tenant_id = $1 AND actor = $2 AND key = $3",
        owner.tenant,
        owner.actor,
        owner.key,
    )
    .fetch_optional(db)
    .await
}

/// Remembers what was answered.
pub async fn insert_answer(
    db: impl PgExecutor<'_>,
    owner: KeyOwner<'_>,
    answer: &KnownAnswer,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO idempotency_keys (tenant_id, actor, key, request_hash, sealed, created_at)
         VALUES ($1, $2, $3, $4, $5, $6)",
        owner.tenant,
        owner.actor,
        owner.key,
        answer.request_hash,
        answer.sealed,
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}
