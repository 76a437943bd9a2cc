//! Records what is told of calls, by whichever way it came in.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use crate::{
    db::{calls, deliveries},
    domain::{call::Call, run::skip_reason},
};

/// Brings calls up to date and returns those that are private, as pairs of tenant and call id. What waits to go out of a
/// call that has turned private is stopped. The same call must not be given twice.
pub async fn record_calls(
    tx: &mut PgConnection,
    told: &[(&str, &Call)],
    now: DateTime<Utc>,
) -> sqlx::Result<HashSet<(String, String)>> {
    if told.is_empty() {
        return Ok(HashSet::new());
    }
    let known = calls::upsert_calls(tx, told, now).await?;
    let private: Vec<(String, String)> =
        known.into_iter().filter(|call| call.is_private).map(|call| (call.tenant, call.call_id)).collect();
    if !private.is_empty() {
        deliveries::fail_private(&mut *tx, &private, skip_reason::PRIVATE, now).await?;
    }
    Ok(private.into_iter().collect())
}
