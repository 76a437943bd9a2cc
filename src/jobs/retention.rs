//! Removes history that is older than it shall be kept, and what tenants had that have left. Every replica may run it at any
//! time: rows that another one has locked are left to it.

use std::{ops::AddAssign, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use sqlx::PgPool;
use uuid::Uuid;

use crate::{
    config::RetentionConfig,
    db::{departure, retention, sessions},
};

/// How many rows go in one transaction: small, so that no lock is held long.
const BATCH: i64 = 1000;
/// The pause between two batches, so that traffic comes first.
const PAUSE: Duration = Duration::from_millis(20);
/// How long the answer to an `Idempotency-Key` is given again.
const IDEMPOTENCY: TimeDelta = TimeDelta::hours(24);

/// How many rows were removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Purged {
    /// Deliveries with their attempts.
    pub deliveries: u64,
    /// Events.
    pub events: u64,
    /// Transcripts.
    pub transcripts: u64,
    /// Calls.
    pub calls: u64,
    /// Entries of the audit.
    pub audit: u64,
    /// Everything of tenants that have left.
    pub departed: u64,
}

impl Purged {
    /// How many in all.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.deliveries + self.events + self.transcripts + self.calls + self.audit + self.departed
    }
}

/// Removes all that is due.
pub async fn retention(pool: &PgPool, keep: &RetentionConfig, now: DateTime<Utc>) -> sqlx::Result<Purged> {
    let mut purged = Purged::default();
    let before = |kept: Option<TimeDelta>| kept.map(|kept| now - kept);
    if let Some(before) = before(keep.deliveries) {
        emptied(&mut purged.deliveries, || retention::purge_deliveries(pool, before, BATCH)).await?;
    }
    if let Some(before) = before(keep.events) {
        let mut after = Uuid::nil();
        while let Some((count, last)) = retention::purge_events(pool, after, before, BATCH).await? {
            (purged.events, after) = (purged.events + count, last);
            tokio::time::sleep(PAUSE).await;
        }
    }
    if let Some(before) = before(keep.transcripts) {
        emptied(&mut purged.transcripts, || retention::purge_transcripts(pool, before, BATCH)).await?;
    }
    if let Some(before) = before(keep.calls) {
        emptied(&mut purged.calls, || retention::purge_calls(pool, before, BATCH)).await?;
    }
    if let Some(before) = before(keep.audit) {
        emptied(&mut purged.audit, || retention::purge_audit(pool, before, BATCH)).await?;
    }
    emptied(&mut 0, || retention::purge_idempotency_keys(pool, now - IDEMPOTENCY, BATCH)).await?;
    emptied(&mut 0, || sessions::purge_sessions(pool, now, BATCH)).await?;
    retention::purge_leftovers_of_erased(pool).await?;
    for tenant in departure::list_departed(pool).await? {
        emptied(&mut purged.departed, || departure::remove_some(pool, &tenant, BATCH)).await?;
    }
    Ok(purged)
}

/// Runs batch after batch until one finds nothing.
async fn emptied<F: Future<Output = sqlx::Result<u64>>>(
    count: &mut u64,
    mut batch: impl FnMut() -> F,
) -> sqlx::Result<()> {
    loop {
        let removed = batch().await?;
        if removed == 0 {
            return Ok(());
        }
        count.add_assign(removed);
        tokio::time::sleep(PAUSE).await;
    }
}
