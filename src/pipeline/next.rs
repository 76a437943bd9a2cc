//! What follows when a stage has ended: the next one, another try after a wait, or the end of the run.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::{Effect, Pipeline, StageError};
use crate::{
    db::jobs::ClaimedJob,
    domain::{clock::after, retry::jittered, run::RunState},
};

/// The outcome of an attempt that has to wait for something.
pub(super) const LATER: &str = "later";
/// For so long a stage may be told "later" before its run fails, and always longer than a transcript is awaited.
const LONGEST_PATIENCE: Duration = Duration::from_hours(96);

/// How an attempt is recorded and what follows.
pub(super) enum Next {
    /// The run goes on or ends.
    Go(Step),
    /// The job comes back.
    PutBack { outcome: &'static str, at: DateTime<Utc>, free: bool },
}

/// What a run does next.
pub(super) enum Step {
    /// The stage is done; the run goes on or ends.
    Done(Effect),
    /// The run ends here.
    End { outcome: &'static str, state: RunState, reason: String },
}

impl Next {
    pub(super) const fn outcome(&self) -> &'static str {
        match self {
            Self::Go(Step::Done(_)) => "done",
            Self::PutBack { outcome, .. } | Self::Go(Step::End { outcome, .. }) => outcome,
        }
    }
}

impl Pipeline {
    /// Decides it. `error` is what may be shown of why the stage did not succeed.
    pub(super) fn next(&self, job: &ClaimedJob, result: Result<Effect, StageError>, error: Option<&str>) -> Next {
        let now = self.clock.now();
        let spent = u32::try_from(job.attempt - job.free_attempts).unwrap_or(1);
        let failed = || {
            let reason = error.unwrap_or_default().to_owned();
            Next::Go(Step::End { outcome: "failed", state: RunState::Failed, reason })
        };
        let patience = LONGEST_PATIENCE.max(self.retries.transcript_wait * 2);
        match result {
            Ok(effect) => Next::Go(Step::Done(effect)),
            Err(StageError::Retry(_)) if spent <= self.retries.max_retries => {
                let wait = jittered(self.retries.stage.delay(spent), rand::random());
                Next::PutBack { outcome: "retry", at: after(now, wait), free: false }
            }
            Err(StageError::Retry(_) | StageError::Failed(_)) => failed(),
            // Patience has an end, or a system that always says "later" would keep a run for ever.
            Err(StageError::Later { .. }) if now >= after(job.created_at, patience) => failed(),
            Err(StageError::Later { wait, .. }) => Next::PutBack { outcome: LATER, at: after(now, wait), free: true },
            Err(StageError::Skipped(reason)) => {
                Next::Go(Step::End { outcome: "skipped", state: RunState::Skipped, reason: reason.to_owned() })
            }
        }
    }
}
