//! Settles attempts in batches: the log, the endpoints' health, and what follows for an endpoint that is gone.

use std::{
    collections::{BTreeMap, HashSet},
    time::Duration,
};

use chrono::{DateTime, Utc};
use serde_json::json;
use sqlx::{Connection, PgConnection, PgPool};
use tracing::{info_span, warn};
use uuid::Uuid;

use super::emit;
pub(super) use crate::db::endpoints::BreakerPauses;
use crate::{
    db::{
        deliveries::{self, OrderKey, Settlement},
        endpoints::{self, HealthChange},
    },
    domain::{
        clock::Clock,
        delivery::{DeliveryStatus, Verdict},
        endpoint::{FAILING_FROM, OPENS_FROM, disabled_reason},
        event::{Audience, NewEvent, event_type},
        ids::{DeliveryId, EndpointId, EventId},
        retry::Schedule,
    },
    queue::{Committer, Wake},
    telemetry::traces,
};

/// An endpoint that only failed for this long is disabled.
const FAILING_LIMIT: chrono::TimeDelta = chrono::TimeDelta::days(5);

/// The longest pause between two probes of an endpoint whose breaker is open.
const LONGEST_PAUSE: Duration = Duration::from_mins(15);

/// An attempt to be recorded.
#[derive(Clone)]
pub(super) struct Settled {
    pub(super) settlement: Settlement,
    pub(super) endpoint_id: EndpointId,
    pub(super) order_key: Option<String>,
    pub(super) verdict: Verdict,
}

impl Settled {
    /// What waits behind this delivery, if it is done with.
    fn makes_way_for(&self) -> Option<OrderKey> {
        let waiting = matches!(self.settlement.status, DeliveryStatus::Pending | DeliveryStatus::Retrying);
        let key = self.order_key.clone().filter(|_| !waiting)?;
        Some(OrderKey { endpoint_id: self.endpoint_id, key })
    }
}

/// Commits attempts; answers whether each was still ours to settle.
pub(super) struct SettleCommitter {
    pub(super) pool: PgPool,
    pub(super) clock: Clock,
    pub(super) wake: Wake,
    pub(super) breaker: BreakerPauses,
}

impl SettleCommitter {
    /// Fails what waits for an endpoint that was disabled: the first of it now, the rest beside the settling of others.
    /// Should the process end before that is done, the sweeper goes on.
    async fn drop_waiting(&self, id: EndpointId) {
        let (pool, now, error) = (self.pool.clone(), self.clock.now(), disabled_reason::DELIVERY);
        let unsaid = move |error: sqlx::Error| {
            warn!(endpoint.id = %id, %error, "what waits for a disabled endpoint could not be failed; the sweeper will");
        };
        match deliveries::fail_some_waiting(&pool, Some(id), error, now).await {
            Ok(0) => {}
            Ok(_) => drop(tokio::spawn(async move {
                let rest = deliveries::fail_waiting(&pool, Some(id), error, now).await;
                rest.map_or_else(unsaid, drop);
            })),
            Err(error) => unsaid(error),
        }
    }
}

/// What a batch meant for the endpoints.
struct Noted {
    /// Whether that raised events.
    raised: bool,
    /// Endpoints that were disabled for it.
    disabled: Vec<EndpointId>,
}

impl BreakerPauses {
    /// The first pause is the first wait of the schedule, so that the breaker does not hold up a lone delivery.
    pub(super) fn of(schedule: &Schedule) -> Self {
        let first = schedule.delay(1).unwrap_or(LONGEST_PAUSE).clamp(Duration::from_secs(1), LONGEST_PAUSE);
        Self { opens_from: OPENS_FROM, first, longest: LONGEST_PAUSE }
    }
}

impl Committer for SettleCommitter {
    type Item = Settled;
    type Answer = bool;

    async fn commit(&self, db: &mut PgConnection, batch: &[Settled]) -> sqlx::Result<Vec<bool>> {
        let now = self.clock.now();
        let mut tx = db.begin().await?;
        let settlements: Vec<Settlement> = batch.iter().map(|settled| settled.settlement.clone()).collect();
        let ours: HashSet<DeliveryId> = deliveries::settle(&mut tx, &settlements, now).await?.into_iter().collect();
        let settled: Vec<&Settled> = batch.iter().filter(|settled| ours.contains(&settled.settlement.id)).collect();
        let noted = note_health(&mut tx, &settled, self.breaker, now).await?;
        let next: Vec<OrderKey> = settled.iter().filter_map(|settled| settled.makes_way_for()).collect();
        let called = deliveries::call_next(&mut tx, &next, now).await?;
        tx.commit().await?;
        for id in noted.disabled {
            self.drop_waiting(id).await;
        }
        if noted.raised || called > 0 {
            self.wake.now();
        }
        Ok(batch.iter().map(|settled| ours.contains(&settled.settlement.id)).collect())
    }
}

/// Updates the health of the endpoints in a batch, tells of those that work again, and disables those that are gone or
/// only failed for five days.
async fn note_health(
    tx: &mut PgConnection,
    settled: &[&Settled],
    breaker: BreakerPauses,
    now: DateTime<Utc>,
) -> sqlx::Result<Noted> {
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
    let health =
        if changes.is_empty() { Vec::new() } else { endpoints::note_health(&mut *tx, &changes, breaker, now).await? };
    let gone: Vec<Uuid> =
        settled.iter().filter(|one| one.verdict == Verdict::Gone).map(|one| one.endpoint_id.uuid()).collect();
    let worn_out: Vec<Uuid> = health
        .iter()
        .filter(|row| row.failing_since.is_some_and(|since| now - since >= FAILING_LIMIT))
        .map(|row| row.id.uuid())
        .collect();
    let (mut raised, mut disabled) = (Vec::new(), Vec::new());
    for row in health.iter().filter(|row| row.failing_since.is_none() && row.failures_before >= FAILING_FROM) {
        raised.push(endpoint_event(event_type::ENDPOINT_RECOVERED, row.id, &row.tenant, None, now));
    }
    for (ids, reason) in [(gone, disabled_reason::GONE), (worn_out, disabled_reason::FAILING)] {
        if ids.is_empty() {
            continue;
        }
        for (id, tenant) in endpoints::disable_endpoints(&mut *tx, &ids, reason, now).await? {
            disabled.push(id);
            raised.push(endpoint_event(event_type::ENDPOINT_DISABLED, id, &tenant, Some(reason), now));
        }
    }
    emit(tx, &raised, now).await?;
    Ok(Noted { raised: !raised.is_empty(), disabled })
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
        external_id: None,
        audience: Audience::Endpoints,
        mailboxes: Vec::new(),
        callback: None,
        run_id: None,
        trace: info_span!("event.raise", event.r#type = event_type, endpoint.id = %id).in_scope(traces::current),
        origin_at: now,
    }
}
