//! Scheduled work: functions that may run twice, woken by a timer. Purging history comes here too.

mod poll;
mod sweep;

pub use self::{poll::poll_until, sweep::sweep};

use std::time::Duration;

use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::{
    db,
    domain::{clock::Clock, retry::jittered},
    queue::Wake,
};

/// How often the sweeper looks, before jitter.
const SWEEP_EVERY: Duration = Duration::from_secs(30);

/// Sweeps until `stop`, and keeps the clock with the database's. Every replica does: the work is idempotent and cheap.
pub async fn sweep_until(stop: CancellationToken, pool: PgPool, clock: Clock, wake: Wake) {
    let scheduled = async {
        loop {
            tokio::time::sleep(jittered(SWEEP_EVERY, rand::random())).await;
            if let Ok(now) = db::now(&pool).await {
                clock.agree_with(now);
            }
            match sweep(&pool, clock.now()).await {
                Ok(0) => {}
                Ok(_) => wake.now(),
                Err(error) => tracing::warn!(%error, "the sweeper could not look; it will again"),
            }
        }
    };
    stop.run_until_cancelled(scheduled).await;
}
