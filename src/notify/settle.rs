//! Settles attempts in batches: the log, the endpoints' health, and what follows for an endpoint that is gone.

use std::collections::{BTreeMap, HashSet};

use chrono::{DateTime, Utc};
use serde_json::json;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::emit;
use crate::{
    db::{
        deliveries::{self, Settlement},
        endpoints::{self, HealthChange},
    },
    domain::{
        clock::Clock,
        delivery::Verdict,
        endpoint::{FAILING_FROM, disabled_reason},
        event::{Audience, NewEvent, event_type, new_trace_id},
        ids::{DeliveryId, EndpointId, EventId},
    },
    queue::{Committer, Wake},
};

/// An endpoint that only failed for this long is disabled.
const FAILING_LIMIT: chrono::TimeDelta = chrono::TimeDelta::days(5);

/// An attempt to be recorded.
#[derive(Clone)]
pub(super) struct Settled {
    pub(super) settlement: Settlement,
    pub(super) endpoint_id: EndpointId,
    pub(super) verdict: Verdict,
}

/// Commits attempts; answers whether each was still ours to settle.
pub(super) struct SettleCommitter {
    pub(super) pool: PgPool,
    pub(super) clock: Clock,
    pub(super) wake: Wake,
}

impl Committer for SettleCommitter {
    type Item = Settled;
    type Answer = bool;

    async fn commit(&self, batch: &[Settled]) -> sqlx::Result<Vec<bool>> {
        let now = self.clock.now();
        let mut tx = self.pool.begin().await?;
        let settlements: Vec<Settlement> = batch.iter().map(|settled| settled.settlement.clone()).collect();
        let ours: HashSet<DeliveryId> = deliveries::settle(&mut tx, &settlements, now).await?.into_iter().collect();
        let settled: Vec<&Settled> = batch.iter().filter(|settled| ours.contains(&settled.settlement.id)).collect();
        let raised = note_health(&mut tx, &settled, now).await?;
        tx.commit().await?;
        if raised {
            self.wake.now();
        }
        Ok(batch.iter().map(|settled| ours.contains(&settled.settlement.id)).collect())
    }
}

/// Updates the health of the endpoints in a batch, tells of those that work again, and disables those that are gone or
/// only failed for five days.
/// Tells whether that raised events.
async fn note_health(tx: &mut PgConnection, settled: &[&Settled], now: DateTime<Utc>) -> sqlx::Result<bool> {
    let mut changes: BTreeMap<Uuid, HealthChange> = BTreeMap::new();
    for one in settled {
        let id = one.endpoint_id.uuid();
        let change = changes.entry(id).or_insert(HealthChange { id, succeeded: false, failures: 0 });
        match one.verdict {
            Verdict::Sent => change.succeeded = true,
            Verdict::Retry | Verdict::Failed | Verdict::Gone => change.failures += 1,
            Verdict::Later(_) => {} // busy is not broken
        }
    }
    let changes: Vec<HealthChange> =
        changes.into_values().filter(|change| change.succeeded || change.failures > 0).collect();
    let health = if changes.is_empty() { Vec::new() } else { endpoints::note_health(&mut *tx, &changes, now).await? };
    let gone: Vec<Uuid> =
        settled.iter().filter(|one| one.verdict == Verdict::Gone).map(|one| one.endpoint_id.uuid()).collect();
    let worn_out: Vec<Uuid> = health
        .iter()
        .filter(|row| row.failing_since.is_some_and(|since| now - since >= FAILING_LIMIT))
        .map(|row| row.id.uuid())
        .collect();
    let mut raised = Vec::new();
    for row in health.iter().filter(|row| row.failing_since.is_none() && row.failures_before >= FAILING_FROM) {
        raised.push(endpoint_event(event_type::ENDPOINT_RECOVERED, row.id, &row.tenant, None, now));
    }
    for (ids, reason) in [(gone, disabled_reason::GONE), (worn_out, disabled_reason::FAILING)] {
        if ids.is_empty() {
            continue;
        }
        for (id, tenant) in endpoints::disable_endpoints(&mut *tx, &ids, reason, now).await? {
            deliveries::fail_waiting(&mut *tx, Some(id), disabled_reason::DELIVERY, now).await?;
            raised.push(endpoint_event(event_type::ENDPOINT_DISABLED, id, &tenant, Some(reason), now));
        }
    }
    emit(tx, &raised, now).await?;
    Ok(!raised.is_empty())
}

fn endpoint_event(
    event_type: &str,
    id: EndpointId,
    tenant: &str,
    reason: Option<&str>,
    now: DateTime<Utc>,
) -> NewEvent {
    NewEvent {
        id: EventId::new(),
        tenant: tenant.to_owned(),
        event_type: event_type.to_owned(),
        intent: None,
        subject: Some(id.to_string()),
        data: json!({"endpoint_id": id, "reason": reason}),
        audience: Audience::Endpoints,
        mailboxes: Vec::new(),
        callback: None,
        run_id: None,
        trace_id: new_trace_id(),
        origin_at: now,
    }
}
