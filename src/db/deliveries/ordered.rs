//! Deliveries that keep their order: of one key to one endpoint, only the first by position can be claimed; the others
//! wait at infinity, where no claim looks, so a long queue of one key costs the claim nothing.
//!
//! Whoever decides and whoever settles hold the key's advisory lock, so that neither misses the other's rows. Keys share a
//! fixed number of locks: a recovery of many subjects must not fill the server's lock table.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use crate::domain::ids::EndpointId;

/// The first half of our advisory locks' keys, which tells them from others'.
const LOCKS: i32 = 0x6f72_6472;

/// What deliveries keep their order by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderKey {
    /// Where they go.
    pub endpoint_id: EndpointId,
    /// What their events are about.
    pub key: String,
}

/// Locks keys until the transaction ends, always in the same order.
pub(super) async fn lock_keys(db: &mut PgConnection, keys: &[OrderKey]) -> sqlx::Result<()> {
    if keys.is_empty() {
        return Ok(());
    }
    let (endpoints, words) = columns(keys);
    sqlx::query!(
        "SELECT pg_advisory_xact_lock($3, slot)
         FROM (SELECT DISTINCT (hashtextextended(endpoint_id::text || word, 0) & 1023)::int AS slot
               FROM unnest($1::uuid[], $2::text[]) AS k(endpoint_id, word) ORDER BY slot) locks",
        &endpoints,
        &words,
        LOCKS,
    )
    .fetch_all(db)
    .await?;
    Ok(())
}

/// Makes the first of each key due, if it still waits: the one before it is settled. Tells how many that were.
pub async fn call_next(db: &mut PgConnection, keys: &[OrderKey], now: DateTime<Utc>) -> sqlx::Result<u64> {
    if keys.is_empty() {
        return Ok(0);
    }
    lock_keys(&mut *db, keys).await?;
    let (endpoints, words) = columns(keys);
    let called = sqlx::query!(
        "UPDATE deliveries d SET ready_at = $3
         FROM (SELECT DISTINCT * FROM unnest($1::uuid[], $2::text[])) AS k(endpoint_id, word)
         CROSS JOIN LATERAL (
             SELECT id FROM deliveries w
             WHERE w.endpoint_id = k.endpoint_id AND w.order_key = k.word AND w.status IN ('pending', 'retrying')
             ORDER BY position LIMIT 1
         ) first
         WHERE d.id = first.id AND d.ready_at = 'infinity'",
        &endpoints,
        &words,
        now,
    );
    Ok(called.execute(db).await?.rows_affected())
}

/// Makes due whatever waits behind nothing. There should be none; the sweeper looks all the same.
pub async fn call_stranded(db: impl PgExecutor<'_>, now: DateTime<Utc>) -> sqlx::Result<u64> {
    let called = sqlx::query!(
        "UPDATE deliveries d SET ready_at = $1
         FROM (SELECT DISTINCT ON (endpoint_id, order_key) id FROM deliveries
               WHERE order_key IS NOT NULL AND status IN ('pending', 'retrying')
               ORDER BY endpoint_id, order_key, position) first
         WHERE d.id = first.id AND d.ready_at = 'infinity' AND d.status IN ('pending', 'retrying')",
        now,
    );
    Ok(called.execute(db).await?.rows_affected())
}

fn columns(keys: &[OrderKey]) -> (Vec<Uuid>, Vec<String>) {
    keys.iter().map(|key| (key.endpoint_id.uuid(), key.key.clone())).unzip()
}
