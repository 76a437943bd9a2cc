//! Scheduled work: functions that may run twice, woken by a timer, a command or the API.

mod poll;
mod retention;
mod run;
mod seals;
mod sweep;

pub use self::{
    poll::poll_until,
    retention::{Purged, retention},
    run::{Job, JobError, run},
    seals::{check_seals, renew_seals},
    sweep::sweep,
};

use std::time::Duration;

use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::{
    config::RetentionConfig,
    db,
    domain::{clock::Clock, retry::jittered},
    queue::Wake,
};

/// How often the sweeper looks, before jitter.
const SWEEP_EVERY: Duration = Duration::from_secs(30);
/// How often the time is compared with the database's, before jitter.
const TIME_EVERY: Duration = Duration::from_secs(30);
/// How often the sizes of tables are looked at.
const STATISTICS_EVERY: Duration = Duration::from_secs(2);
/// How often history is looked through, before jitter. Where nothing is due that costs a few index look-ups.
const RETENTION_EVERY: Duration = Duration::from_hours(1);

/// Keeps the clock with the database's until `stop`.
pub async fn keep_time_until(stop: CancellationToken, pool: PgPool, clock: Clock) {
    let compare = || async {
        if let Ok(now) = db::now(&pool).await {
            clock.agree_with(now);
        }
    };
    every(TIME_EVERY, stop, compare).await;
}

/// Sweeps until `stop`. Every replica does: the work is idempotent and cheap.
pub async fn sweep_until(stop: CancellationToken, pool: PgPool, clock: Clock, wake: Wake) {
    let look = || async {
        match sweep(&pool, clock.now()).await {
            Ok(0) => {}
            Ok(_) => wake.now(),
            Err(error) => tracing::warn!(%error, "the sweeper could not look; it will again"),
        }
    };
    every(SWEEP_EVERY, stop, look).await;
}

/// Keeps the planner's knowledge of growing tables fresh until `stop`.
pub async fn analyze_until(stop: CancellationToken, pool: PgPool) {
    let analyze = || async {
        if let Err(error) = db::statistics::analyze_grown(&pool).await {
            tracing::debug!(%error, "tables that have grown could not be analyzed; the database does so in its time");
        }
    };
    every(STATISTICS_EVERY, stop, analyze).await;
}

/// Removes what is due to be removed, again and again until `stop`.
pub async fn retention_until(stop: CancellationToken, pool: PgPool, clock: Clock, keep: RetentionConfig) {
    let remove = || async {
        match retention(&pool, &keep, clock.now()).await {
            Ok(purged) if purged.total() > 0 => tracing::info!(?purged, "removed old history"),
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "old history could not be removed; it will be tried again"),
        }
    };
    every(RETENTION_EVERY, stop, remove).await;
}

/// Works at a jittered interval until `stop`, the first time after one.
async fn every<F: Future<Output = ()>>(interval: Duration, stop: CancellationToken, work: impl Fn() -> F) {
    let scheduled = async {
        loop {
            tokio::time::sleep(jittered(interval, rand::random())).await;
            work().await;
        }
    };
    stop.run_until_cancelled(scheduled).await;
}
