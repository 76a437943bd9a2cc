//! Removes what is older than it shall be kept: a small batch a call, without waiting for anybody's locks, so that traffic
//! goes on beside it. Each function tells how many rows it removed; fewer than `limit` means that nothing is left.
//!
//! Ids begin with the time they were made at, so the oldest rows are found at the left edge of the primary key; how old they
//! are, their own columns say.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

/// The smallest id that can have been made at a time.
#[must_use]
pub fn first_id_at(at: DateTime<Utc>) -> Uuid {
    let millis = u64::try_from(at.timestamp_millis()).unwrap_or(0);
    Uuid::from_u64_pair(millis << 16 | 0x7000, 0x8000_0000_0000_0000)
}

/// Removes settled deliveries with their attempts.
pub async fn purge_deliveries(db: impl PgExecutor<'_>, before: DateTime<Utc>, limit: i64) -> sqlx::Result<u64> {
    let purged = sqlx::query!(
        "DELETE FROM deliveries WHERE id IN (
             SELECT id FROM deliveries WHERE id < $1 AND created_at < $2 AND status IN ('sent', 'failed', 'filtered')
             ORDER BY id LIMIT $3 FOR UPDATE SKIP LOCKED)",
        first_id_at(before),
        before,
        limit,
    );
    Ok(purged.execute(db).await?.rows_affected())
}

/// Removes those events among the `limit` oldest after `after` that no delivery and no run under way needs. Returns how many
/// that were and the last one looked at; `None` when there are no more.
pub async fn purge_events(
    db: impl PgExecutor<'_>,
    after: Uuid,
    before: DateTime<Utc>,
    limit: i64,
) -> sqlx::Result<Option<(u64, Uuid)>> {
    let row = sqlx::query!(
        r#"WITH old AS (
               SELECT id, run_id FROM events WHERE id > $1 AND id < $2 AND created_at < $3 ORDER BY id LIMIT $4
           ), free AS (
               SELECT e.id FROM events e JOIN old ON old.id = e.id
               WHERE NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.event_id = old.id)
                 AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.id = old.run_id AND r.state = 'active')
               FOR UPDATE OF e SKIP LOCKED
           ), purged AS (
               DELETE FROM events USING free WHERE events.id = free.id RETURNING events.id
           )
           SELECT (SELECT count(*) FROM purged) AS "purged!", (SELECT id FROM old ORDER BY id DESC LIMIT 1) AS last"#,
        after,
        first_id_at(before),
        before,
        limit,
    );
    let row = row.fetch_one(db).await?;
    Ok(row.last.map(|last| (u64::try_from(row.purged).unwrap_or(0), last)))
}

/// Removes transcripts of calls without a run under way.
pub async fn purge_transcripts(db: impl PgExecutor<'_>, before: DateTime<Utc>, limit: i64) -> sqlx::Result<u64> {
    let purged = sqlx::query!(
        "DELETE FROM transcripts t USING (
             SELECT tenant_id, call_id FROM transcripts o
             WHERE fetched_at < $1
               AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.tenant_id = o.tenant_id AND r.call_id = o.call_id
                                                      AND r.state = 'active')
             LIMIT $2 FOR UPDATE SKIP LOCKED) old
         WHERE t.tenant_id = old.tenant_id AND t.call_id = old.call_id",
        before,
        limit,
    );
    Ok(purged.execute(db).await?.rows_affected())
}

/// Removes calls without a run under way, with their transcripts, runs and summaries. One that was erased stays: it must not
/// come back. What is filed of a call stays too, or the next call of the account would take it out of "Summary Log".
pub async fn purge_calls(db: impl PgExecutor<'_>, before: DateTime<Utc>, limit: i64) -> sqlx::Result<u64> {
    let purged = sqlx::query!(
        "WITH old AS (
             SELECT id, tenant_id, call_id FROM calls c
             WHERE id < $1 AND updated_at < $2 AND erased_at IS NULL
               AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.tenant_id = c.tenant_id AND r.call_id = c.call_id
                                                      AND r.state = 'active')
             ORDER BY id LIMIT $3 FOR UPDATE SKIP LOCKED
         ), transcripts AS (
             DELETE FROM transcripts t USING old WHERE t.tenant_id = old.tenant_id AND t.call_id = old.call_id
         ), runs AS (
             DELETE FROM runs r USING old WHERE r.tenant_id = old.tenant_id AND r.call_id = old.call_id
         )
         DELETE FROM calls USING old WHERE calls.id = old.id",
        first_id_at(before),
        before,
        limit,
    );
    Ok(purged.execute(db).await?.rows_affected())
}

/// Removes entries of the audit.
pub async fn purge_audit(db: impl PgExecutor<'_>, before: DateTime<Utc>, limit: i64) -> sqlx::Result<u64> {
    let purged = sqlx::query!(
        "DELETE FROM admin_audit WHERE id IN (
             SELECT id FROM admin_audit WHERE id < $1 AND at < $2 ORDER BY id LIMIT $3 FOR UPDATE SKIP LOCKED)",
        first_id_at(before),
        before,
        limit,
    );
    Ok(purged.execute(db).await?.rows_affected())
}

/// Removes answers that were kept for repeated requests.
pub async fn purge_idempotency_keys(db: impl PgExecutor<'_>, before: DateTime<Utc>, limit: i64) -> sqlx::Result<u64> {
    let purged = sqlx::query!(
        "DELETE FROM idempotency_keys WHERE ctid IN (
             SELECT ctid FROM idempotency_keys WHERE created_at < $1 LIMIT $2 FOR UPDATE SKIP LOCKED)",
        before,
        limit,
    );
    Ok(purged.execute(db).await?.rows_affected())
}

/// Removes what a stage that was under way filed of a call while it was being erased.
pub async fn purge_leftovers_of_erased(db: impl PgExecutor<'_>) -> sqlx::Result<u64> {
    let purged = sqlx::query!(
        "DELETE FROM document_entries e USING calls c
         WHERE c.erased_at IS NOT NULL AND e.tenant_id = c.tenant_id AND e.call_id = c.call_id",
    );
    Ok(purged.execute(db).await?.rows_affected())
}
