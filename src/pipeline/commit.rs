//! Commits how a stage ended: its result, the record of the attempt, the events it raises, and what comes next, all
//! together or not at all, and only while the claim still holds.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use tracing::{info, warn};

use super::{
    Effect, Pipeline, StageError,
    next::{LATER, Next, Step},
    put_back::PutBack,
};
use crate::{
    db::{
        call_search, calls,
        jobs::{self, ClaimedJob, Held},
        run_documents, runs,
        stage_attempts::{self, EndedAttempt},
        summaries,
    },
    domain::{
        clock::after,
        event::{Audience, NewEvent, event_type},
        ids::EventId,
        payload::CallData,
        run::{RunState, Stage, skip_reason},
        text,
    },
    notify,
    queue::{GroupCommitError, in_time, keep_trying, may_pass},
    telemetry::traces,
};

const LEASE_LOST: &str = "the lease had run out";
/// For so many seconds a database that is away is waited for.
const COMMIT_TRIES: u32 = 30;
/// How much of an error is kept.
const ERROR_LENGTH: usize = 500;

impl Pipeline {
    /// Commits how a stage ended and returns the next stage's job, already claimed by us, if there is one.
    pub(super) async fn commit(
        &self,
        job: &ClaimedJob,
        result: Result<Effect, StageError>,
        took: Duration,
    ) -> Option<ClaimedJob> {
        let note = match &result {
            Ok(Effect::Summarised(made)) => made.instead_of.clone(),
            Ok(_) => None,
            Err(error) => Some(error.to_string()),
        };
        let error = note
            .map(|note| text::shorten(&text::without_contacts(&text::clean(&note).unwrap_or_default()), ERROR_LENGTH));
        let next = self.next(job, result, error.as_deref());
        let outcome = next.outcome();
        self.metrics.stage(job.stage, took, outcome);
        if matches!(outcome, "retry" | "failed") {
            traces::mark_failed(outcome);
        }
        if let Next::Go(Step::Done(Effect::Summarised(made))) = &next
            && let Some(spent) = &made.spent
        {
            self.metrics.summarised(spent);
        }
        let duration_ms = i64::try_from(took.as_millis()).unwrap_or(i64::MAX);
        info!(job.attempt, stage.outcome = outcome, duration_ms, error, "a stage ended");
        let (run_id, stage, claim_id) = (job.run_id, job.stage, job.claim_id);
        let attempt = EndedAttempt { run_id, stage, claim_id, duration_ms, outcome, error };
        let committed = match next {
            Next::Go(step) => self.go(job, &step, &attempt).await,
            Next::PutBack { outcome, at, free } => {
                // What a fetch waits for may have come while it was being put back.
                let waits = outcome == LATER && stage == Stage::Fetch;
                let awaits_words_of = waits.then(|| job.call_id.clone());
                let held = Held { job_id: job.id, claim_id, stage };
                self.put_back(PutBack { held, at, free, awaits_words_of, attempt }).await.map(|()| None)
            }
        };
        committed.unwrap_or_else(|error| {
            warn!(error = format!("{error:#}"), "the end of a stage could not be recorded; it will be done again");
            None
        })
    }

    async fn put_back(&self, stage: PutBack) -> anyhow::Result<()> {
        let passing = |error: &GroupCommitError| match error {
            GroupCommitError::Database(error) => may_pass(error),
            GroupCommitError::Overloaded => true,
        };
        let ours = keep_trying(COMMIT_TRIES, || self.put_backs.put_back(stage.clone()), passing).await?;
        anyhow::ensure!(ours, LEASE_LOST);
        Ok(())
    }

    /// Lets the run go on or end, and returns the next stage's job.
    async fn go(&self, job: &ClaimedJob, step: &Step, attempt: &EndedAttempt) -> anyhow::Result<Option<ClaimedJob>> {
        // A connection whose other end is gone gives no error, and must not keep others from their turn. Should it have
        // committed all the same, the next try finds the job at another stage.
        let write = || in_time(self.write(job, step, attempt));
        let passing = |error: &anyhow::Error| error.downcast_ref::<sqlx::Error>().is_some_and(may_pass);
        keep_trying(COMMIT_TRIES, write, passing).await
    }

    async fn write(&self, job: &ClaimedJob, step: &Step, attempt: &EndedAttempt) -> anyhow::Result<Option<ClaimedJob>> {
        let _turn = self.commits.acquire().await?;
        let now = self.clock.now();
        let mut tx = self.pool.begin().await?;
        match jobs::hold(&mut tx, job.id, job.claim_id).await? {
            None => anyhow::bail!(LEASE_LOST),
            // Committed before, and only the answer to that was lost.
            Some(stage) if stage != job.stage => return Ok(Some(following(job, stage, now))),
            Some(_) => {}
        }
        stage_attempts::finish_attempts(&mut *tx, &[attempt]).await?;
        let ended = match step {
            Step::Done(effect) => {
                self.save(&mut tx, job, effect, now).await?;
                job.stage.next().is_none().then_some((RunState::Done, None))
            }
            Step::End { state, reason, .. } => {
                self.raise_end(&mut tx, job, *state, reason, now).await?;
                Some((*state, Some(reason.as_str())))
            }
        };
        let mut next_job = None;
        if let Some((state, reason)) = ended {
            runs::finish_run(&mut *tx, job.run_id, state, reason, now).await?;
            jobs::delete_job(&mut *tx, job.id).await?;
        } else if let Some(stage) = job.stage.next() {
            jobs::advance(&mut *tx, job.id, stage, after(now, self.retries.lease), now).await?;
            runs::set_stage(&mut *tx, job.run_id, stage, now).await?;
            stage_attempts::insert_attempt(&mut *tx, &job.tenant, job.run_id, stage, job.claim_id, now).await?;
            next_job = Some(following(job, stage, now));
        }
        if ended.is_some() || matches!(step, Step::Done(Effect::Fetched(_) | Effect::Summarised(_))) {
            call_search::refresh(&mut tx, &[(&job.tenant, &job.call_id)]).await?;
        }
        tx.commit().await?;
        if let Some((state, _)) = ended {
            self.metrics.run_ended(state);
        }
        if matches!(step, Step::End { .. } | Step::Done(Effect::Documented(..) | Effect::Notified(..))) {
            self.wake.now(); // there may be deliveries
        }
        Ok(next_job)
    }

    /// Stores what a stage brought and raises its event.
    async fn save(
        &self,
        tx: &mut PgConnection,
        job: &ClaimedJob,
        effect: &Effect,
        now: DateTime<Utc>,
    ) -> anyhow::Result<()> {
        match effect {
            Effect::Fetched(Some(account)) => {
                calls::set_account(&mut *tx, &job.tenant, &job.call_id, account, now).await?;
            }
            Effect::Fetched(None) => {}
            Effect::Summarised(made) => {
                let (summary, spent) = (&made.summary, made.spent.as_ref());
                summaries::upsert_summary(&mut *tx, &job.tenant, job.run_id, &job.call_id, summary, spent, now).await?;
            }
            Effect::Documented(links, data) => {
                run_documents::upsert_run_documents(&mut *tx, &job.tenant, job.run_id, links, now).await?;
                raise(tx, job, event(job, event_type::CALL_DOCUMENTED, data, None), now).await?;
            }
            Effect::Notified(data, intent, mailboxes) => {
                let event = event(job, event_type::CALL_SUMMARISED, data, intent.clone());
                raise(tx, job, NewEvent { mailboxes: mailboxes.clone(), ..event }, now).await?;
            }
        }
        Ok(())
    }

    /// Raises `call.failed` or `call.skipped`. Nobody hears of a private call, nor of one that may be.
    async fn raise_end(
        &self,
        tx: &mut PgConnection,
        job: &ClaimedJob,
        state: RunState,
        reason: &str,
        now: DateTime<Utc>,
    ) -> anyhow::Result<()> {
        let Some(call) = calls::find_call(&mut *tx, &job.tenant, &job.call_id).await? else { return Ok(()) };
        let mut data = CallData::new(&call, call.crm_account.as_ref(), job.run_id);
        data.reason = Some(reason.to_owned());
        let mut kind = event_type::CALL_SKIPPED;
        if state == RunState::Failed {
            // What went wrong inside is for those who can see the run, not for every receiver.
            kind = event_type::CALL_FAILED;
            data.reason = Some(format!("{}_failed", job.stage.as_str()));
            data.stage = Some(job.stage);
        }
        let mut event = event(job, kind, &data, None);
        if call.is_private || matches!(reason, skip_reason::PRIVATE | skip_reason::NOT_VISIBLE) {
            event.audience = Audience::Nobody;
        }
        notify::emit(tx, &[event], now).await?;
        Ok(())
    }
}

/// The job of the next stage, under the same claim.
fn following(job: &ClaimedJob, stage: Stage, now: DateTime<Utc>) -> ClaimedJob {
    ClaimedJob { stage, attempt: 1, free_attempts: 0, created_at: now, ..job.clone() }
}

async fn raise(tx: &mut PgConnection, job: &ClaimedJob, mut event: NewEvent, now: DateTime<Utc>) -> sqlx::Result<()> {
    if calls::is_private_now(&mut *tx, &job.tenant, &job.call_id).await? {
        event.audience = Audience::Nobody; // turned private since the stage began
    }
    notify::emit(tx, &[event], now).await?;
    Ok(())
}

fn event(job: &ClaimedJob, event_type: &str, data: &CallData, intent: Option<String>) -> NewEvent {
    NewEvent {
        id: EventId::new(),
        tenant: job.tenant.clone(),
        event_type: event_type.to_owned(),
        intent,
        subject: Some(job.call_id.clone()),
        data: data.to_value(),
        external_id: None,
        audience: Audience::Endpoints,
        mailboxes: Vec::new(),
        callback: None,
        run_id: Some(job.run_id),
        trace: traces::current_in(&job.trace_id),
        origin_at: job.run_created_at,
    }
}
