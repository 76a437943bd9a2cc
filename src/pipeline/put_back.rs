//! Puts stages back until they are due again, those that come together in one transaction: most calls are looked at more than
//! once before their transcript is there, and nobody waits for that to be on record.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use sqlx::{Connection, PgConnection, PgPool};
use uuid::Uuid;

use crate::{
    db::{
        jobs::{self, Held},
        stage_attempts::{self, EndedAttempt},
    },
    domain::clock::Clock,
    queue::{Committer, GroupCommit, GroupCommitError},
};

/// How many stages share a transaction at most.
const LARGEST_BATCH: usize = 64;

/// A stage to be put back.
#[derive(Debug, Clone)]
pub(super) struct PutBack {
    /// The job, which must still be ours.
    pub(super) held: Held,
    /// When it is due again.
    pub(super) at: DateTime<Utc>,
    /// Whether the attempt cost nothing.
    pub(super) free: bool,
    /// The call, if its words are awaited: they may have come while it was being put back.
    pub(super) awaits_words_of: Option<String>,
    /// The attempt.
    pub(super) attempt: EndedAttempt,
}

/// Puts stages back.
pub struct PutBacks(GroupCommit<PutBackCommitter>);

impl PutBacks {
    /// Starts the committing task.
    #[must_use]
    pub fn start(pool: PgPool, clock: Clock) -> Self {
        Self(GroupCommit::start(pool, PutBackCommitter { clock }, LARGEST_BATCH))
    }

    /// Puts a stage back; `false` says that it was no longer ours.
    pub(super) async fn put_back(&self, stage: PutBack) -> Result<bool, GroupCommitError> {
        self.0.commit(stage).await
    }
}

struct PutBackCommitter {
    clock: Clock,
}

impl Committer for PutBackCommitter {
    type Item = PutBack;
    type Answer = bool;

    async fn commit(&self, db: &mut PgConnection, batch: &[PutBack]) -> sqlx::Result<Vec<bool>> {
        let mut tx = db.begin().await?;
        let held: Vec<Held> = batch.iter().map(|stage| stage.held).collect();
        let ours: HashSet<Uuid> = jobs::hold_all(&mut *tx, &held).await?.into_iter().collect();
        let ours: Vec<&PutBack> = batch.iter().filter(|stage| ours.contains(&stage.held.job_id)).collect();
        let attempts: Vec<&EndedAttempt> = ours.iter().map(|stage| &stage.attempt).collect();
        stage_attempts::finish_attempts(&mut *tx, &attempts).await?;
        let due: Vec<jobs::Due<'_>> = ours
            .iter()
            .map(|stage| jobs::Due {
                job_id: stage.held.job_id,
                at: stage.at,
                free: stage.free,
                awaits_words_of: stage.awaits_words_of.as_deref(),
            })
            .collect();
        jobs::put_back(&mut *tx, &due, self.clock.now()).await?;
        tx.commit().await?;
        let ours: HashSet<Uuid> = ours.iter().map(|stage| stage.held.job_id).collect();
        Ok(batch.iter().map(|stage| ours.contains(&stage.held.job_id)).collect())
    }
}
