//! Gong's limit, kept where all replicas see it: a row. A turn that is near is waited for; for one that is far away the
//! job is put back, since a worker has better things to do.

use std::time::Duration;

use chrono::SecondsFormat;
use futures_util::future::BoxFuture;
use sqlx::PgPool;
use tracing::warn;

use crate::{
    clients::{gong::Pace, http::UpstreamError},
    db::rate_limits::{self, SharedLimit, Turn},
    domain::clock::{Clock, after},
};

/// Three calls a second and ten thousand a day for the whole company (contracts: Gong §6.4). A window somewhat longer than a
/// second allows for requests that overtake each other on the way.
pub const GONG_LIMIT: SharedLimit =
    SharedLimit { key: "gong", turns: 3, window: Duration::from_millis(1100), daily: 10_000 };
/// The poller and the sync leave a fifth of the day to calls that came by callback, and to other integrations.
pub const GONG_BACKGROUND_LIMIT: SharedLimit = SharedLimit { daily: 8_000, ..GONG_LIMIT };
/// A turn that is further away is not waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long the database may take: whoever waits for a turn holds up all who would share the request.
const DATABASE_TIMEOUT: Duration = Duration::from_secs(10);

/// The pace of all replicas together.
pub struct SharedPace {
    /// The database.
    pub pool: PgPool,
    /// What time it is.
    pub clock: Clock,
    /// How much is allowed.
    pub limit: SharedLimit,
}

impl SharedPace {
    async fn wait_for_turn(&self) -> Result<(), UpstreamError> {
        let turn = rate_limits::take_turn(&self.pool, GONG_LIMIT, self.clock.now(), PATIENCE).await;
        let turn =
            turn.map_err(|error| UpstreamError::Retry(format!("the pace of Gong's API is not known: {error}")))?;
        match turn {
            Turn::Given(at) => {
                let wait = (at - self.clock.now()).to_std().unwrap_or(Duration::ZERO);
                if !wait.is_zero() && self.clock.moves() {
                    tokio::time::sleep(wait).await;
                }
                Ok(())
            }
            Turn::NotBefore(at) => Err(UpstreamError::Later {
                why: format!("Gong's limit is used up until {}", at.to_rfc3339_opts(SecondsFormat::Secs, true)),
                wait: (at - self.clock.now()).to_std().unwrap_or(Duration::ZERO).max(Duration::from_secs(1)),
            }),
        }
    }
}

impl Pace for SharedPace {
    fn turn(&self) -> BoxFuture<'_, Result<(), UpstreamError>> {
        Box::pin(self.wait_for_turn())
    }

    fn told_to_wait(&self, wait: Duration) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let telling = rate_limits::keep_silent(&self.pool, self.limit.key, after(self.clock.now(), wait));
            if let Ok(Err(error)) = tokio::time::timeout(DATABASE_TIMEOUT, telling).await {
                warn!(%error, "other replicas could not be told that Gong wants to be left alone");
            }
        })
    }
}
