//! The durable queue's motor: claim, work, keep alive, wake up. It knows neither stages nor channels.
//!
//! What is queued are rows, and their queries are their tables' own (`db::jobs`, `db::deliveries`). A [`Queue`] ties
//! those queries to the work; a [`Worker`] drives it; a [`Wake`] tells workers that something is due; [`GroupCommit`] lets
//! concurrent callers share a transaction.

mod group_commit;
mod wake;
mod worker;

pub use self::{
    group_commit::{Committer, GroupCommit, GroupCommitError},
    wake::{Signal, Wake},
    worker::{Claim, Worker, WorkerSettings},
};

use std::{fmt::Display, time::Duration};

use chrono::{DateTime, Utc};
use tracing::warn;
use uuid::Uuid;

use crate::domain::clock::{Clock, after};

/// How long the queue waits for the database. A connection whose other end is gone gives no error by itself, and one of
/// them must not hold up claims, leases or commits for ever.
const DATABASE_TIMEOUT: Duration = Duration::from_secs(10);

/// The pause before what was done is recorded again.
const RECORD_AGAIN: Duration = Duration::from_secs(1);

/// Waits for the database, but not for ever.
pub async fn in_time<T, E: From<sqlx::Error>>(asking: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    let gave_up = || sqlx::Error::Io(std::io::Error::from(std::io::ErrorKind::TimedOut));
    tokio::time::timeout(DATABASE_TIMEOUT, asking).await.unwrap_or_else(|_| Err(gave_up().into()))
}

/// Tries to record what was done, again and again while the error may pass: what is not on record is done once more. A
/// database that is away is waited for, `tries` seconds at most.
pub async fn keep_trying<T, E: Display, F: Future<Output = Result<T, E>>>(
    tries: u32,
    mut record: impl FnMut() -> F,
    may_pass: impl Fn(&E) -> bool,
) -> Result<T, E> {
    let mut left = tries;
    loop {
        let error = match record().await {
            Ok(recorded) => return Ok(recorded),
            Err(error) => error,
        };
        left = left.saturating_sub(1);
        if left == 0 || !may_pass(&error) {
            return Err(error);
        }
        warn!(%error, "what was done could not be recorded yet");
        tokio::time::sleep(RECORD_AGAIN).await;
    }
}

/// Renews a lease until `extend` says that it is lost. One that cannot be renewed is not lost yet: it is tried again.
pub async fn renew_until_lost<F: Future<Output = sqlx::Result<bool>>>(
    clock: &Clock,
    lease: Duration,
    extend: impl Fn(DateTime<Utc>) -> F,
) {
    loop {
        tokio::time::sleep(lease / 4).await;
        if matches!(in_time(extend(after(clock.now(), lease))).await, Ok(false)) {
            return;
        }
    }
}

/// Whether an error of the database may pass by itself.
#[must_use]
pub fn may_pass(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::WorkerCrashed => true,
        // Serialization failure and deadlock (PostgreSQL, appendix A).
        sqlx::Error::Database(error) if error.code().is_some_and(|code| matches!(&*code, "40001" | "40P01")) => true,
        error => is_away(error),
    }
}

/// Whether a server that is being shut down or started refused everything, whatever it was (PostgreSQL, appendix A).
fn is_away(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| matches!(&*code, "57P01" | "57P02" | "57P03"))
}

/// Something a worker can claim from and work on.
pub trait Queue: Send + Sync + 'static {
    /// One unit of work, leased to us.
    type Item: Send + 'static;

    /// The name in logs.
    const NAME: &'static str;

    /// The least time between two claims of a process. The first one after a rest is made at once; under load, fewer and
    /// larger claims cost the database less.
    const PACE: Duration;

    /// Leases up to `limit` due items.
    fn claim(&self, claim: Claim, limit: i64) -> impl Future<Output = sqlx::Result<Vec<Self::Item>>> + Send;

    /// Does the work and settles it, presenting the item's claim. Never fails: how it went is part of the record.
    fn work(&self, item: Self::Item) -> impl Future<Output = ()> + Send;

    /// Renews the leases of claims.
    fn extend(&self, claims: &[Uuid], until: DateTime<Utc>) -> impl Future<Output = sqlx::Result<()>> + Send;

    /// Gives back what claims still hold: their worker is stopping.
    fn release(&self, claims: &[Uuid]) -> impl Future<Output = sqlx::Result<()>> + Send;
}
