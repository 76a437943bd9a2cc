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

use std::time::Duration;

use chrono::{DateTime, Utc};
use uuid::Uuid;

/// How long the queue waits for the database. A connection whose other end is gone gives no error by itself, and one of
/// them must not hold up claims, leases or commits for ever.
const DATABASE_TIMEOUT: Duration = Duration::from_secs(10);

/// Waits for the database, but not for ever.
async fn in_time<T>(asking: impl Future<Output = sqlx::Result<T>>) -> sqlx::Result<T> {
    let gave_up = || sqlx::Error::Io(std::io::Error::from(std::io::ErrorKind::TimedOut));
    tokio::time::timeout(DATABASE_TIMEOUT, asking).await.unwrap_or_else(|_| Err(gave_up()))
}

/// Something a worker can claim from and work on.
pub trait Queue: Send + Sync + 'static {
    /// One unit of work, leased to us.
    type Item: Send + 'static;

    /// The name in logs.
    const NAME: &'static str;

    /// Leases up to `limit` due items.
    fn claim(&self, claim: Claim, limit: i64) -> impl Future<Output = sqlx::Result<Vec<Self::Item>>> + Send;

    /// Does the work and settles it, presenting the item's claim. Never fails: how it went is part of the record.
    fn work(&self, item: Self::Item) -> impl Future<Output = ()> + Send;

    /// Renews the leases of claims.
    fn extend(&self, claims: &[Uuid], until: DateTime<Utc>) -> impl Future<Output = sqlx::Result<()>> + Send;

    /// Gives back what claims still hold: their worker is stopping.
    fn release(&self, claims: &[Uuid]) -> impl Future<Output = sqlx::Result<()>> + Send;
}
