//! The claim–work loop.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use chrono::{DateTime, Utc};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};
use uuid::Uuid;

use super::{Queue, in_time, wake::Signal};
use crate::domain::clock::{Clock, after};

/// What a claim is made with.
#[derive(Debug, Clone, Copy)]
pub struct Claim {
    /// The fence: settling presents it.
    pub id: Uuid,
    /// The time of the claim.
    pub now: DateTime<Utc>,
    /// When the lease ends unless it is renewed.
    pub until: DateTime<Utc>,
}

/// How a worker works.
#[derive(Debug, Clone, Copy)]
pub struct WorkerSettings {
    /// How many items are under way at once.
    pub concurrency: usize,
    /// How long a lease lasts; it is renewed three times in that time.
    pub lease: Duration,
}

/// Works on a queue: claims as much as it has room for, renews leases while the work runs, sleeps when nothing is due.
pub struct Worker<Q> {
    queue: Arc<Q>,
    clock: Clock,
    settings: WorkerSettings,
    permits: Arc<Semaphore>,
    /// How many items of each claim are under way.
    claims: Arc<Mutex<HashMap<Uuid, usize>>>,
}

impl<Q: Queue> Worker<Q> {
    /// Makes a worker that has claimed nothing yet.
    pub fn new(queue: Arc<Q>, clock: Clock, settings: WorkerSettings) -> Self {
        let permits = Arc::new(Semaphore::new(settings.concurrency));
        Self { queue, clock, settings, permits, claims: Arc::default() }
    }

    /// Works until `stop`, then lets what is under way finish until `cut`; what is not done by then is given back.
    pub async fn run(&self, signal: Signal, stop: CancellationToken, cut: CancellationToken) {
        let mut tasks = JoinSet::new();
        tokio::select! {
            () = self.work_until_done(&mut tasks, signal, stop, cut) => {}
            () = self.keep_leases() => {}
        }
        let held = self.held();
        tasks.shutdown().await;
        if !held.is_empty()
            && let Err(error) = in_time(self.queue.release(&held)).await
        {
            warn!(queue = Q::NAME, %error, "cannot give leases back; they run out by themselves");
        }
    }

    async fn work_until_done(
        &self,
        tasks: &mut JoinSet<()>,
        signal: Signal,
        stop: CancellationToken,
        cut: CancellationToken,
    ) {
        while !stop.is_cancelled() {
            // Registered before looking: what is enqueued in between is not slept over.
            let woken = signal.notified();
            let room = self.permits.available_permits();
            let paced = tokio::time::Instant::now() + Q::PACE;
            let Some(claimed) = cut.run_until_cancelled(self.claim(tasks)).await else { return };
            let claimed = claimed.unwrap_or_else(|error| {
                warn!(queue = Q::NAME, %error, "cannot claim, will try again");
                0
            });
            if claimed == 0 || claimed < room || self.permits.available_permits() == 0 {
                let full = self.permits.available_permits() == 0;
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = woken, if !full => {}
                    // Room here, and at the endpoint it went to.
                    Some(ended) = tasks.join_next() => log_panic::<Q>(&ended),
                }
            }
            while let Some(ended) = tasks.try_join_next() {
                log_panic::<Q>(&ended);
            }
            if claimed > 0 && !Q::PACE.is_zero() {
                stop.run_until_cancelled(tokio::time::sleep_until(paced)).await;
            }
        }
        let finishing = async {
            while let Some(ended) = tasks.join_next().await {
                log_panic::<Q>(&ended);
            }
        };
        cut.run_until_cancelled(finishing).await;
    }

    /// Renews leases for ever; whoever works decides when that ends.
    async fn keep_leases(&self) {
        let mut renewal = tokio::time::interval(self.settings.lease / 3);
        renewal.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            renewal.tick().await;
            let claims = self.held();
            if claims.is_empty() {
                continue;
            }
            if let Err(error) = in_time(self.queue.extend(&claims, after(self.clock.now(), self.settings.lease))).await
            {
                warn!(queue = Q::NAME, %error, "cannot renew leases; the work may be done twice");
            }
        }
    }

    /// Claims and works until nothing is due, and tells how many items that were. For tests and commands that step.
    pub async fn run_due(&self) -> sqlx::Result<usize> {
        let mut total = 0;
        loop {
            let mut tasks = JoinSet::new();
            let claimed = self.claim(&mut tasks).await?;
            while let Some(ended) = tasks.join_next().await {
                log_panic::<Q>(&ended);
            }
            if claimed == 0 {
                return Ok(total);
            }
            total += claimed;
        }
    }

    async fn claim(&self, tasks: &mut JoinSet<()>) -> sqlx::Result<usize> {
        let room = self.permits.available_permits();
        if room == 0 {
            return Ok(0);
        }
        let now = self.clock.now();
        let claim = Claim { id: Uuid::now_v7(), now, until: after(now, self.settings.lease) };
        let items = in_time(self.queue.claim(claim, i64::try_from(room).unwrap_or(i64::MAX))).await?;
        let claimed = items.len();
        for item in items {
            let permit = Arc::clone(&self.permits).acquire_owned().await.expect("the semaphore is never closed");
            let under_way = UnderWay::new(Arc::clone(&self.claims), claim.id, permit);
            let queue = Arc::clone(&self.queue);
            tasks.spawn(async move {
                let _under_way = under_way; // also given back when the work panics
                queue.work(item).await;
            });
        }
        Ok(claimed)
    }

    fn held(&self) -> Vec<Uuid> {
        self.claims.lock().unwrap_or_else(PoisonError::into_inner).keys().copied().collect()
    }
}

fn log_panic<Q: Queue>(ended: &Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        // The lease runs out and the item comes back, against its budget.
        error!(queue = Q::NAME, %error, "work panicked");
    }
}

/// Counts an item as under way for as long as it lives.
struct UnderWay {
    claims: Arc<Mutex<HashMap<Uuid, usize>>>,
    claim_id: Uuid,
    _permit: OwnedSemaphorePermit,
}

impl UnderWay {
    fn new(claims: Arc<Mutex<HashMap<Uuid, usize>>>, claim_id: Uuid, permit: OwnedSemaphorePermit) -> Self {
        *claims.lock().unwrap_or_else(PoisonError::into_inner).entry(claim_id).or_default() += 1;
        Self { claims, claim_id, _permit: permit }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut claims = self.claims.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = claims.get_mut(&self.claim_id) {
            *count -= 1;
            if *count == 0 {
                claims.remove(&self.claim_id);
            }
        }
    }
}
