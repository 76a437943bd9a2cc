//! Finds what would wait for ever: active runs without a job, deliveries to endpoints that were disabled in the moment they
//! were decided, and ones that wait for their turn behind nothing. None should exist; a service that is trusted looks all the same.
//! Adds up the tallies on the way.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgPool;

use crate::{
    db::{deliveries, runs, tallies},
    domain::endpoint::disabled_reason,
};

/// A run this young may be between its transactions.
const YOUNG: TimeDelta = TimeDelta::seconds(60);

/// Sweeps once and tells how much was found.
pub async fn sweep(pool: &PgPool, now: DateTime<Utc>) -> sqlx::Result<u64> {
    let adopted = runs::readopt_orphans(pool, now - YOUNG, now).await?;
    for run_id in &adopted {
        tracing::warn!(run.id = %run_id, "an active run had no job and was given one");
    }
    let failed = deliveries::fail_waiting(pool, None, disabled_reason::DELIVERY, now).await?;
    tallies::compact(pool).await?;
    let called = deliveries::call_stranded(pool, now).await?;
    Ok(adopted.len() as u64 + failed + called)
}
