//! Sends deliveries and records every attempt.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use tracing::{Instrument, error, info, info_span, warn};
use uuid::Uuid;

use super::{
    channels::{Channels, SentRequest},
    settle::{BreakerPauses, SettleCommitter, Settled},
};
use crate::{
    config::RetryConfig,
    db::deliveries::{self, ClaimedDelivery, EndpointRoom, NewDelivery, Settlement},
    domain::{
        clock::{Clock, after},
        delivery::{Attempt, DeliveryStatus, Verdict},
        endpoint::FAILING_FROM,
        event::{Audience, NewEvent, event_type},
        ids::{DeliveryId, EndpointId, EventId},
        retry::{Schedule, jittered},
    },
    queue::{Claim, GroupCommit, Queue, Wake, keep_trying},
    telemetry::{Metrics, traces},
};

/// At most so many under way to one endpoint, whatever the concurrency: a receiver that answers in 10 ms then takes 1,600
/// a second.
const MOST_PER_ENDPOINT: usize = 16;
/// How many attempts share a transaction at most.
const LARGEST_BATCH: usize = 128;
/// For so many seconds a database that is away is waited for: ten minutes outlast the failover of a managed one.
const SETTLE_TRIES: u32 = 600;
/// From this age on "later" costs a retry, so that a receiver which always says 429 does not keep a delivery for ever.
const LONGEST_PATIENCE: Duration = Duration::from_hours(120);

/// A quarter of what a process sends at once goes to one endpoint at most, so that slow ones leave room for others.
fn room(concurrency: usize) -> EndpointRoom {
    let healthy = (concurrency / 4).clamp(1, MOST_PER_ENDPOINT);
    EndpointRoom { healthy: i64::try_from(healthy).unwrap_or(1), failing: 1, failing_from: FAILING_FROM }
}

/// Sends what [`super::emit`] decided. The queue of deliveries is their log itself.
pub struct Notifier {
    pool: PgPool,
    clock: Clock,
    lease: Duration,
    room: EndpointRoom,
    schedule: Schedule,
    channels: Channels,
    settling: GroupCommit<SettleCommitter>,
    metrics: Arc<Metrics>,
}

impl Notifier {
    /// Wires the channels to the log.
    #[must_use]
    pub fn start(
        pool: PgPool,
        clock: Clock,
        retries: &RetryConfig,
        concurrency: usize,
        channels: Channels,
        metrics: Arc<Metrics>,
        wake: Wake,
    ) -> Self {
        let breaker = BreakerPauses::of(&retries.deliveries);
        let committer = SettleCommitter { pool: pool.clone(), clock: clock.clone(), wake, breaker };
        let settling = GroupCommit::start(pool.clone(), committer, LARGEST_BATCH);
        Self {
            pool,
            clock,
            lease: retries.lease,
            room: room(concurrency),
            schedule: retries.deliveries.clone(),
            channels,
            settling,
            metrics,
        }
    }

    /// Raises `test.ping` for one endpoint, sends it now, once, and tells how that went; it stands in the log like any
    /// other delivery.
    pub async fn send_test(
        self: &Arc<Self>,
        tenant: &str,
        endpoint_id: EndpointId,
    ) -> anyhow::Result<(DeliveryId, Attempt)> {
        // A task of its own: an administrator who closes the page does not leave half a test behind.
        let (notifier, tenant) = (Arc::clone(self), tenant.to_owned());
        let sending = async move { notifier.send_test_now(&tenant, endpoint_id).await };
        Ok(tokio::spawn(sending.in_current_span()).await??)
    }

    async fn send_test_now(&self, tenant: &str, endpoint_id: EndpointId) -> sqlx::Result<(DeliveryId, Attempt)> {
        let now = self.clock.now();
        let event = test_ping(tenant, endpoint_id, now);
        let id = DeliveryId::at(now);
        let delivery = NewDelivery {
            id,
            tenant,
            event_id: event.id,
            endpoint_id,
            event_type: &event.event_type,
            intent: None,
            subject: None,
            wanted: true,
            ordered: false,
        };
        // Claimed before it is committed, so that no worker sends it too.
        let until = after(now, self.channels.timeout + self.lease);
        let mut tx = self.pool.begin().await?;
        super::emit(&mut tx, std::slice::from_ref(&event), now).await?;
        deliveries::insert_deliveries(&mut tx, std::slice::from_ref(&delivery), now).await?;
        let claimed = deliveries::claim_delivery(&mut *tx, id, Uuid::now_v7(), until).await?;
        tx.commit().await?;
        let claimed = claimed.ok_or(sqlx::Error::RowNotFound)?;
        let attempt = self.channels.send(&claimed).await;
        let settlement = settlement(&claimed, &attempt, self.schedule_of(&claimed), self.clock.now());
        self.settle(&claimed, &attempt, settlement).await;
        Ok((id, attempt))
    }

    /// Tells what the attempt at a delivery that began at `at` sent. Nothing is told of a call that is private or erased by
    /// now, nor of what cannot be opened any more.
    pub async fn describe(&self, tenant: &str, id: DeliveryId, at: DateTime<Utc>) -> sqlx::Result<Option<SentRequest>> {
        let found = deliveries::find_stored(&self.pool, tenant, id).await?;
        Ok(found.and_then(|delivery| self.channels.describe(&delivery, at)))
    }

    async fn deliver(&self, delivery: ClaimedDelivery) {
        let tries = i32::try_from(self.schedule_of(&delivery).0.len()).unwrap_or(i32::MAX).saturating_add(1);
        let attempt = if delivery.attempt - delivery.free_attempts > tries {
            out_of_budget(self.clock.now())
        } else {
            self.channels.send(&delivery).await
        };
        let settlement = settlement(&delivery, &attempt, self.schedule_of(&delivery), self.clock.now());
        self.settle(&delivery, &attempt, settlement).await;
    }

    async fn settle(&self, delivery: &ClaimedDelivery, attempt: &Attempt, settlement: Settlement) {
        let status = settlement.status;
        info!(
            delivery.status = status.as_str(),
            delivery.attempt = delivery.attempt,
            http.status = attempt.status_code,
            duration_ms = attempt.duration_ms,
            error = attempt.error,
            "attempted a delivery"
        );
        if matches!(status, DeliveryStatus::Retrying | DeliveryStatus::Failed) {
            traces::mark_failed(status.as_str());
        }
        let settled = Settled {
            settlement,
            endpoint_id: delivery.endpoint_id,
            order_key: delivery.order_key.clone(),
            verdict: attempt.verdict,
        };
        // Should the claim not be ours any more when the database is back, the fence says so.
        match keep_trying(SETTLE_TRIES, || self.settling.commit(settled.clone()), |_| true).await {
            Ok(true) => self.metrics.delivered(delivery, attempt, status, self.clock.now()),
            Ok(false) => warn!("the lease had run out; another worker sends this delivery"),
            Err(error) => error!(%error, "an attempt could not be recorded; the delivery will be sent again"),
        }
    }

    /// A test is sent once.
    fn schedule_of(&self, delivery: &ClaimedDelivery) -> &Schedule {
        static ONCE: Schedule = Schedule(Vec::new());
        if delivery.event_type == event_type::TEST_PING { &ONCE } else { &self.schedule }
    }
}

impl Queue for Notifier {
    type Item = ClaimedDelivery;
    const NAME: &'static str = "deliveries";
    const PACE: Duration = Duration::ZERO;

    async fn claim(&self, claim: Claim, limit: i64) -> sqlx::Result<Vec<ClaimedDelivery>> {
        let claimed =
            deliveries::claim_due_deliveries(&self.pool, claim.id, claim.now, claim.until, limit, self.room).await?;
        let lost: Vec<(DeliveryId, i32)> = claimed
            .iter()
            .filter(|delivery| delivery.lost_before)
            .map(|delivery| (delivery.id, delivery.attempt - 1))
            .collect();
        if !lost.is_empty()
            && let Err(error) = deliveries::insert_lost_attempts(&self.pool, &lost, claim.now).await
        {
            warn!(%error, "attempts whose worker died could not be recorded"); // what is claimed is sent all the same
        }
        Ok(claimed)
    }

    async fn work(&self, delivery: ClaimedDelivery) {
        let span = info_span!(
            "delivery.attempt",
            trace.id = delivery.trace_id,
            delivery.id = %delivery.id,
            event.id = %delivery.event_id,
            event.r#type = delivery.event_type,
            endpoint.id = %delivery.endpoint_id,
            endpoint.kind = delivery.kind.as_str(),
        );
        traces::follow(&span, &delivery.trace_id, delivery.trace_parent.as_deref());
        self.deliver(delivery).instrument(span).await;
    }

    async fn extend(&self, claims: &[Uuid], until: DateTime<Utc>) -> sqlx::Result<()> {
        deliveries::extend_leases(&self.pool, claims, until).await
    }

    async fn release(&self, claims: &[Uuid]) -> sqlx::Result<()> {
        deliveries::release_claims(&self.pool, claims, self.clock.now()).await
    }
}

fn test_ping(tenant: &str, endpoint_id: EndpointId, now: DateTime<Utc>) -> NewEvent {
    NewEvent {
        id: EventId::new(),
        tenant: tenant.to_owned(),
        event_type: event_type::TEST_PING.to_owned(),
        intent: None,
        subject: None,
        data: serde_json::json!({"endpoint_id": endpoint_id, "message": "This is a test from aftercall."}),
        external_id: None,
        audience: Audience::Nobody, // the one delivery is decided here, not by filters
        mailboxes: Vec::new(),
        callback: None,
        run_id: None,
        trace: traces::current(),
        origin_at: now,
    }
}

/// What follows from an attempt.
fn settlement(delivery: &ClaimedDelivery, attempt: &Attempt, schedule: &Schedule, now: DateTime<Utc>) -> Settlement {
    let spent = u32::try_from(delivery.attempt - delivery.free_attempts).unwrap_or(1);
    let patient = now < after(delivery.event_created_at, LONGEST_PATIENCE);
    let scheduled = || schedule.delay(spent).map(|delay| jittered(delay, rand::random()));
    let (status, wait, free) = match attempt.verdict {
        Verdict::Sent => (DeliveryStatus::Sent, None, false),
        Verdict::Failed | Verdict::Gone => (DeliveryStatus::Failed, None, false),
        Verdict::Later(wait) if patient && !schedule.0.is_empty() => (DeliveryStatus::Retrying, Some(wait), true),
        Verdict::Retry | Verdict::Later(_) => match scheduled() {
            Some(wait) => (DeliveryStatus::Retrying, Some(wait), false),
            None => (DeliveryStatus::Failed, None, false),
        },
    };
    Settlement {
        id: delivery.id,
        claim_id: delivery.claim_id,
        status,
        ready_at: wait.map_or(now, |wait| after(now, wait)),
        free,
        started_at: attempt.started_at,
        duration_ms: attempt.duration_ms,
        status_code: attempt.status_code,
        error: attempt.error.clone(),
        response_excerpt: attempt.response_excerpt.clone(),
    }
}

/// A delivery whose every try ended with its worker is given up without another.
fn out_of_budget(now: DateTime<Utc>) -> Attempt {
    Attempt {
        started_at: now,
        duration_ms: 0,
        status_code: None,
        error: Some("given up: the worker ended during every try".to_owned()),
        response_excerpt: None,
        verdict: Verdict::Failed,
    }
}
