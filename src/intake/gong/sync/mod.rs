//! The sync that an operator starts: reads calls and transcripts of a span of time, window by window, and remembers how
//! far it came, so that one that was killed goes on where it was.

mod plan;

pub use self::plan::{SyncMode, SyncPlan, SyncProgress};

use std::{collections::HashMap, num::NonZeroUsize, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::try_join_all;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use self::plan::{State, UnderWay};
use super::window::{Window, with_details};
use crate::{
    clients::{gong::GongApi, http::UpstreamError},
    db::{
        calls::{self, StoredCall},
        jobs,
        sync_state::{self, Reader},
        transcripts,
    },
    domain::{
        access::OWN_TENANT,
        call::Call,
        clock::{Clock, after},
        ids::DEFAULT_SOURCE,
        retry::Backoff,
        transcript::StoredTurn,
    },
    intake::{Callback, Intake, record_calls},
    queue::{self, GroupCommitError},
};

const READER: Reader<'static> = Reader { tenant: OWN_TENANT, source: DEFAULT_SOURCE, name: "sync" };
/// How long a sync that was killed keeps the next one waiting.
const LEASE: Duration = Duration::from_secs(20);
/// So much time is read before the place is remembered.
const WINDOW: TimeDelta = TimeDelta::days(7);
/// What Gong does not answer now it may answer later.
const AGAIN: Backoff = Backoff { base: Duration::from_secs(2), factor: 2, cap: Duration::from_mins(2) };
/// So often in a row.
const TRIES: u32 = 6;

/// Why a sync stopped. What it stored stays, and the next one goes on there.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// Another one is under way.
    #[error("another sync is under way; there is one at a time")]
    Busy,
    /// Somebody stopped it.
    #[error("stopped; the same command goes on here")]
    Stopped,
    /// There is no span to read.
    #[error("nothing to read: --from is not before --to")]
    NoSpan,
    /// Gong refused, or did not answer for long.
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    /// The database did not answer.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// A call could not be taken in.
    #[error(transparent)]
    Intake(#[from] GroupCommitError),
}

/// Reads calls from the Gong API.
pub struct Sync {
    /// The database.
    pub pool: PgPool,
    /// What time it is.
    pub clock: Clock,
    /// Takes calls in.
    pub intake: Intake,
    /// The API.
    pub api: GongApi,
    /// How many ids are asked for in one request.
    pub batch: NonZeroUsize,
    /// Stops it; what it stored stays, and its place is kept.
    pub stop: CancellationToken,
}

impl Sync {
    /// Reads what `plan` asks for and tells `report` of every step. The same plan goes on where it was stopped.
    pub async fn run(&self, plan: SyncPlan, mut report: impl FnMut(SyncProgress)) -> Result<SyncProgress, SyncError> {
        let claim = Uuid::now_v7();
        let mut state = self.claim(claim).await?;
        let work = async {
            let mut at = state.begin(plan, self.clock.now()).ok_or(SyncError::NoSpan)?;
            while at.next < at.to {
                let end = (at.next + WINDOW).min(at.to);
                self.read_window(&mut at, end, &mut report).await?;
                at.next = end;
                at.progress.permille = at.permille();
                report(at.progress);
                state.stopped(&at);
                self.save(claim, &state, Some(LEASE)).await?;
            }
            state.finished(&at);
            self.save(claim, &state, None).await?;
            Ok(at.progress)
        };
        let extend = |until| sync_state::extend_reader(&self.pool, READER, claim, until);
        let renewed = queue::renew_until_lost(&self.clock, LEASE, extend);
        let done = tokio::select! {
            done = work => done,
            () = renewed => Err(SyncError::Busy),
            () = self.stop.cancelled() => Err(SyncError::Stopped),
        };
        if done.is_err()
            && let Err(error) = sync_state::release_reader(&self.pool, READER, claim).await
        {
            tracing::warn!(%error, "the sync could not be given back; it is free again in {} s", LEASE.as_secs());
        }
        done
    }

    /// A sync that was killed lets go by itself within its lease.
    async fn claim(&self, claim: Uuid) -> Result<State, SyncError> {
        for _ in 0..=LEASE.as_secs() {
            let now = self.clock.now();
            let state = sync_state::claim_reader(&self.pool, READER, claim, now, after(now, LEASE)).await?;
            if let Some(state) = state {
                return Ok(state);
            }
            self.pause(Duration::from_secs(1)).await;
        }
        Err(SyncError::Busy)
    }

    async fn save(&self, claim: Uuid, state: &State, lease: Option<Duration>) -> Result<(), SyncError> {
        let now = self.clock.now();
        let until = lease.map(|lease| after(now, lease));
        let ours = sync_state::save_reader(&self.pool, READER, claim, state, now, until).await?;
        if ours { Ok(()) } else { Err(SyncError::Busy) }
    }

    async fn read_window(
        &self,
        at: &mut UnderWay,
        end: DateTime<Utc>,
        report: &mut impl FnMut(SyncProgress),
    ) -> Result<(), SyncError> {
        let mut window = Window::new(at.next, end);
        let mut failures = 0;
        loop {
            let page = match window.next(&self.api).await {
                Ok(None) => return Ok(()),
                Ok(Some(page)) => page,
                Err(error) => {
                    self.wait_out(error, &mut failures).await?;
                    continue;
                }
            };
            at.progress.listed += page.len();
            for batch in page.chunks(self.batch.get()) {
                failures = 0;
                while let Err(error) = self.take(at, batch).await {
                    match error {
                        SyncError::Upstream(error) => self.wait_out(error, &mut failures).await?,
                        other => return Err(other),
                    }
                }
                report(at.progress);
            }
        }
    }

    /// Waits for what may pass, for a while; what cannot is the error.
    async fn wait_out(&self, error: UpstreamError, failures: &mut u32) -> Result<(), UpstreamError> {
        *failures += 1;
        let wait = match &error {
            UpstreamError::Later { wait, .. } => *wait,
            UpstreamError::Retry(_) if *failures < TRIES => AGAIN.delay(*failures),
            UpstreamError::Retry(_) | UpstreamError::Never(_) => return Err(error),
        };
        tracing::warn!(%error, wait_s = wait.as_secs(), "waiting for Gong");
        self.pause(wait).await;
        Ok(())
    }

    /// A clock that stands still is moved on: for whoever waits, time passes.
    async fn pause(&self, wait: Duration) {
        if self.clock.moves() {
            tokio::time::sleep(wait).await;
        } else {
            self.clock.advance(wait);
        }
    }

    /// Stores a batch of calls with their details and transcripts, and starts their runs.
    async fn take(&self, at: &mut UnderWay, batch: &[Call]) -> Result<(), SyncError> {
        let ids: Vec<String> = batch.iter().map(|call| call.id.clone()).collect();
        let stored = calls::list_stored(&self.pool, READER.tenant, &ids).await?;
        let lacking = |has: fn(&StoredCall) -> bool| -> Vec<String> {
            let has_it = |id: &&String| stored.iter().any(|call| call.call_id == **id && has(call));
            ids.iter().filter(|id| at.plan.mode == SyncMode::Full || !has_it(id)).cloned().collect()
        };
        let unknown = lacking(|call| call.has_parties);
        let silent = lacking(|call| call.has_words);
        let details = self.api.calls(&unknown).await?;
        let calls = with_details(batch.to_vec(), details);
        let brought = calls.iter().filter(|call| unknown.contains(&call.id)).count();
        // What was said on a private call is nobody's business, not even ours.
        let wanted = calls.iter().filter(|call| at.plan.transcripts && !call.is_private && silent.contains(&call.id));
        let wanted: Vec<String> = wanted.map(|call| call.id.clone()).collect();
        let spoken = self.api.transcripts(&wanted).await?;
        self.store(&calls, &spoken).await?;
        at.progress.stored += brought;
        at.progress.transcripts += spoken.len();
        if at.plan.process {
            let callbacks = calls.into_iter().map(|call| Callback::found(READER.tenant, DEFAULT_SOURCE, call));
            let accepted = try_join_all(callbacks.map(|callback| self.intake.accept(callback))).await?;
            at.progress.runs += accepted.iter().filter(|accepted| !accepted.duplicate).count();
        }
        Ok(())
    }

    /// Commits calls and transcripts together and hurries the runs that waited for them.
    async fn store(&self, calls: &[Call], spoken: &HashMap<String, Vec<StoredTurn>>) -> sqlx::Result<()> {
        let now = self.clock.now();
        let rows: Vec<(&str, &Call)> = calls.iter().map(|call| (READER.tenant, call)).collect();
        let ids: Vec<String> = spoken.keys().cloned().collect();
        let mut tx = self.pool.begin().await?;
        jobs::hurry(&mut *tx, READER.tenant, &ids, now).await?;
        record_calls(&mut tx, &rows, now).await?;
        for (id, turns) in spoken {
            transcripts::upsert_transcript(&mut *tx, READER.tenant, id, turns, "gong", now).await?;
        }
        tx.commit().await
    }
}
