//! What happens to a call: *fetch → summarise → document → notify*, one file per stage.
//!
//! A run has one job at a time. Its worker does the stage's work outside of any transaction, then commits the result,
//! the record of the attempt and the next stage's job together, presenting its claim (`commit.rs`). As long as stages
//! succeed it goes straight on; what fails is put back until it is due again.

mod commit;
pub mod document;
mod fetch;
mod next;
mod notify;
mod outcome;
mod privacy;
mod put_back;
mod retry;
pub mod summarise;

pub use self::{
    fetch::TranscriptSource,
    outcome::{Effect, StageError},
    put_back::PutBacks,
    retry::{RerunError, RetryError, rerun_call, retry_run},
};

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use tokio::sync::Semaphore;
use tracing::{Instrument, info_span, warn};
use uuid::Uuid;

use self::{document::DocumentStore, summarise::Summarisers};
use crate::{
    clients::gong::GongBatches,
    config::RetryConfig,
    db::{call_search, jobs, jobs::ClaimedJob},
    domain::{clock::Clock, run::Stage},
    intake::import::ImportDir,
    notify::Mailboxes,
    queue::{Claim, Queue, Wake},
    telemetry::{Metrics, traces},
    templates::Templates,
};

/// Drives runs through their stages.
pub struct Pipeline {
    /// The database.
    pub pool: PgPool,
    /// What time it is.
    pub clock: Clock,
    /// Wakes the workers that send what *notify* emits.
    pub wake: Wake,
    /// How often and how long.
    pub retries: RetryConfig,
    /// Files that may hold a transcript that is missing.
    pub import_dir: Option<ImportDir>,
    /// Where other transcripts come from.
    pub transcripts: TranscriptSource,
    /// The Gong API, if there are credentials for it.
    pub gong: Option<GongBatches>,
    /// Makes summaries.
    pub summarisers: Summarisers,
    /// Where documents are kept.
    pub documents: DocumentStore,
    /// Who is mailed beside those who asked, if that is wanted.
    pub mailboxes: Option<Mailboxes>,
    /// How documents read.
    pub templates: Arc<Templates>,
    /// Counts and times.
    pub metrics: Arc<Metrics>,
    /// Turns at committing.
    pub commits: Semaphore,
    /// Puts back what has to wait.
    pub put_backs: PutBacks,
}

/// So many stages commit at once. More would not be faster, but take the database from those who wait for an answer; far
/// fewer would keep runs from asking Gong together.
pub const COMMITS: usize = 8;

impl Pipeline {
    /// Does the work of one stage. What it returns is committed by [`Pipeline::commit`].
    async fn stage(&self, job: &ClaimedJob) -> Result<Effect, StageError> {
        let call = privacy::publishable_call(self, job).await?;
        match job.stage {
            Stage::Fetch => fetch::fetch(self, job, call).await,
            Stage::Summarise => summarise::summarise(self, job, &call).await,
            Stage::Document => document::document(self, job, &call).await,
            Stage::Notify => notify::notify(self, job, call).await,
        }
    }

    /// One try, bounded in time and, for a job that outlived its workers, in number.
    async fn try_stage(&self, job: &ClaimedJob) -> Result<Effect, StageError> {
        let tries = i32::try_from(self.retries.max_retries).unwrap_or(i32::MAX).saturating_add(1);
        if job.attempt - job.free_attempts > tries {
            return Err(StageError::Failed(anyhow::anyhow!("the worker ended during every try")));
        }
        let timed_out = || StageError::Retry(anyhow::anyhow!("not done within {:?}", self.retries.timeout));
        tokio::time::timeout(self.retries.timeout, self.stage(job)).await.unwrap_or_else(|_| Err(timed_out()))
    }

    /// Lets the calls of new runs be found, all of a claim in one stroke: no callback waits for that.
    async fn index_for_search(&self, claimed: &[ClaimedJob]) -> sqlx::Result<()> {
        let first = claimed.iter().filter(|job| job.stage == Stage::Fetch && job.attempt == 1);
        let calls: Vec<(&str, &str)> = first.map(|job| (job.tenant.as_str(), job.call_id.as_str())).collect();
        if calls.is_empty() {
            return Ok(());
        }
        let mut tx = self.pool.begin().await?;
        call_search::refresh(&mut tx, &calls).await?;
        tx.commit().await
    }

    async fn work_on(&self, job: ClaimedJob) {
        let mut next = Some(job);
        while let Some(job) = next.take() {
            let span = info_span!(
                "stage.run",
                trace.id = job.trace_id,
                run.id = %job.run_id,
                call.id = job.call_id,
                stage = job.stage.as_str(),
            );
            traces::follow(&span, &job.trace_id, job.trace_parent.as_deref());
            let trying = async {
                let stopwatch = tokio::time::Instant::now();
                let result = self.try_stage(&job).await;
                self.commit(&job, result, stopwatch.elapsed()).await
            };
            next = trying.instrument(span).await;
        }
    }
}

impl Queue for Pipeline {
    type Item = ClaimedJob;
    const NAME: &'static str = "stages";
    // A call takes seconds, most of them outside. Whoever waits for an answer to a callback comes first.
    const PACE: Duration = Duration::from_millis(100);

    async fn claim(&self, claim: Claim, limit: i64) -> sqlx::Result<Vec<ClaimedJob>> {
        let claimed = jobs::claim_due_jobs(&self.pool, claim.id, claim.now, claim.until, limit).await?;
        if let Err(error) = self.index_for_search(&claimed).await {
            warn!(%error, "calls cannot be found by their words yet"); // the end of their stage tries again
        }
        Ok(claimed)
    }

    async fn work(&self, job: ClaimedJob) {
        self.work_on(job).await;
    }

    async fn extend(&self, claims: &[Uuid], until: DateTime<Utc>) -> sqlx::Result<()> {
        jobs::extend_leases(&self.pool, claims, until).await
    }

    async fn release(&self, claims: &[Uuid]) -> sqlx::Result<()> {
        jobs::release_claims(&self.pool, claims, self.clock.now()).await
    }
}
