//! Records what is told of calls, by whichever way it came in.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use crate::{
    db::{call_search, calls, deliveries},
    domain::{call::Call, run::skip_reason},
};

/// Calls of which nothing may go out, as pairs of tenant and call id.
#[derive(Debug, Default)]
pub struct Withheld {
    /// Somebody said that they are private.
    pub private: HashSet<(String, String)>,
    /// They were erased: nothing of them is kept either.
    pub erased: HashSet<(String, String)>,
}

/// Brings calls up to date, with what they are found by, and returns those that must not be published. What waits to go out
/// of a call that has turned private is stopped. The same call must not be given twice.
pub async fn record_calls(tx: &mut PgConnection, told: &[(&str, &Call)], now: DateTime<Utc>) -> sqlx::Result<Withheld> {
    let withheld = upsert_calls(tx, told, now).await?;
    let written: Vec<_> = told.iter().map(|(tenant, call)| (*tenant, call.id.as_str())).collect();
    call_search::refresh_held(tx, &written).await?;
    Ok(withheld)
}

/// The same for whoever changes more of them first, and brings what they are found by up to date then.
pub(super) async fn upsert_calls(
    tx: &mut PgConnection,
    told: &[(&str, &Call)],
    now: DateTime<Utc>,
) -> sqlx::Result<Withheld> {
    if told.is_empty() {
        return Ok(Withheld::default());
    }
    let mut erased: HashSet<(String, String)> =
        told.iter().map(|(tenant, call)| ((*tenant).to_owned(), call.id.clone())).collect();
    let mut private = Vec::new();
    for known in calls::upsert_calls(tx, told, now).await? {
        let call = (known.tenant, known.call_id);
        erased.remove(&call);
        if known.is_private {
            private.push(call);
        }
    }
    if !private.is_empty() {
        deliveries::fail_private(&mut *tx, &private, skip_reason::PRIVATE, now).await?;
    }
    Ok(Withheld { private: private.into_iter().collect(), erased })
}
