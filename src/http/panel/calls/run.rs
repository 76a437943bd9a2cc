//! A run as a way through its stages: what was tried when, what came of it, and what is next.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::{
    app::App,
    db::{jobs, runs::Run, stage_attempts, stage_attempts::StageAttempt, summaries},
    domain::{
        run::{RunState, Stage},
        summary::Spent,
    },
    http::{
        panel::causes::{self, Cause},
        problem::Problem,
    },
};

/// So many tries in a row that ended alike are shown as one.
const ALIKE: usize = 4;

/// A run on a call's page.
#[derive(Debug, Serialize)]
pub struct RunView {
    id: String,
    state: RunState,
    cause: Option<Cause>,
    trace_id: String,
    created_at: DateTime<Utc>,
    finished_at: Option<DateTime<Utc>>,
    /// From the callback to the end.
    took_ms: Option<i64>,
    steps: Vec<Step>,
    /// When the stage that waits is tried next.
    next_try_at: Option<DateTime<Utc>>,
    /// The stages that are still to come, that which waits included.
    ahead: Vec<&'static str>,
    /// What a model took for the summary.
    spent: Option<Spent>,
    /// Why the built-in summariser stepped in.
    pub fallback: Option<String>,
}

/// A try at a stage, or several in a row that ended alike.
#[derive(Debug, Serialize)]
struct Step {
    stage: &'static str,
    /// `active` while it is under way.
    outcome: String,
    error: Option<String>,
    started_at: DateTime<Utc>,
    duration_ms: Option<i64>,
    /// When those behind the first began.
    again_at: Vec<DateTime<Utc>>,
}

impl RunView {
    /// Reads a run's way.
    pub async fn read(app: &App, tenant: &str, run: Run) -> Result<Self, Problem> {
        let attempts = stage_attempts::list_attempts(&app.pool, tenant, run.id).await?;
        let spent = summaries::find_spent(&app.pool, tenant, run.id).await?;
        let is_active = run.state == RunState::Active;
        let next_try_at = if is_active { jobs::find_next_try(&app.pool, tenant, run.id).await? } else { None };
        let is_trying = attempts.iter().any(|attempt| attempt.outcome.is_none());
        let ahead = Stage::ALL.into_iter().skip_while(|stage| *stage != run.stage).skip(usize::from(is_trying));
        let fallback = attempts.iter().rev().find(|one| one.stage == Stage::Summarise);
        let fallback = fallback.filter(|one| one.outcome.as_deref() == Some("done")).and_then(|one| one.error.clone());
        Ok(Self {
            id: run.id.to_string(),
            state: run.state,
            cause: causes::of_run(run.state, run.stage, run.reason.as_deref()),
            trace_id: run.trace_id,
            created_at: run.created_at,
            finished_at: run.finished_at,
            took_ms: run.finished_at.map(|end| (end - run.created_at).num_milliseconds()),
            steps: steps(&attempts),
            next_try_at,
            ahead: if is_active { ahead.map(in_words).collect() } else { Vec::new() },
            spent,
            fallback,
        })
    }
}

/// A stage, as people read it.
pub const fn in_words(stage: Stage) -> &'static str {
    match stage {
        Stage::Fetch => "Fetch",
        Stage::Summarise => "Summarise",
        Stage::Document => "Document",
        Stage::Notify => "Notify",
    }
}

fn steps(attempts: &[StageAttempt]) -> Vec<Step> {
    let is_alike = |one: &StageAttempt, other: &StageAttempt| {
        (one.stage, &one.outcome, &one.error) == (other.stage, &other.outcome, &other.error)
    };
    let mut steps = Vec::new();
    for alike in attempts.chunk_by(is_alike) {
        let size = if alike.len() < ALIKE { 1 } else { alike.len() };
        steps.extend(alike.chunks(size).filter_map(step));
    }
    steps
}

fn step(alike: &[StageAttempt]) -> Option<Step> {
    let (first, others) = alike.split_first()?;
    Some(Step {
        stage: in_words(first.stage),
        outcome: first.outcome.clone().unwrap_or_else(|| RunState::Active.as_str().to_owned()),
        error: first.error.clone(),
        started_at: first.started_at,
        duration_ms: first.duration_ms,
        again_at: others.iter().map(|attempt| attempt.started_at).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(number: i32, outcome: &str) -> StageAttempt {
        StageAttempt {
            stage: Stage::Fetch,
            number,
            started_at: DateTime::UNIX_EPOCH,
            duration_ms: Some(1),
            outcome: Some(outcome.to_owned()),
            error: None,
        }
    }

    #[test]
    fn many_tries_that_end_alike_are_one_step_and_few_are_not() {
        let few = (1..=3).map(|number| attempt(number, "retry"));
        let many = (4..=9).map(|number| attempt(number, "later"));
        let sizes: Vec<_> =
            steps(&few.chain(many).collect::<Vec<_>>()).iter().map(|step| step.again_at.len() + 1).collect();
        assert_eq!(sizes, [1, 1, 1, 6]);
    }
}
