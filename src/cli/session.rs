//! What every command that touches the database begins and ends with: the database, given or our own, migrated.

use std::time::Duration;

use anyhow::Context;
use secrecy::ExposeSecret;
use sqlx::{PgPool, postgres::PgConnectOptions};
use tracing::info;

use crate::{
    config::Config,
    db::{
        self,
        embedded::{EmbeddedPostgres, Settings},
    },
    domain::clock::Clock,
};

/// How long connections are waited for at the end: with all that comes behind `SHUTDOWN_TIMEOUT` (8 s) within the ten seconds
/// after which Cloud Run kills.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// An open database, and the private server if it is ours.
pub struct Session {
    /// The pool.
    pub pool: PgPool,
    /// A clock that agrees with the database's.
    pub clock: Clock,
    embedded: Option<EmbeddedPostgres>,
}

impl Session {
    /// Opens `DATABASE_URL`, or starts the private PostgreSQL under `DATA_DIR`, and applies the migrations.
    pub async fn open(config: &Config) -> anyhow::Result<Self> {
        let (options, embedded) = if let Some(url) = &config.database.url {
            let options: PgConnectOptions =
                url.expose_secret().parse().map_err(|_| anyhow::anyhow!("DATABASE_URL cannot be read"))?;
            (options, None)
        } else {
            let data_dir = config.service.data_dir.clone();
            let settings = Settings { data_dir, binaries: None, fast_and_unsafe: false };
            let server = EmbeddedPostgres::start(&settings)
                .await
                .context("the private PostgreSQL (DATA_DIR, or DATABASE_URL for another)")?;
            (server.connect_options(), Some(server))
        };
        let whose = if embedded.is_some() { "private" } else { "DATABASE_URL" };
        let pool = db::connect(options, config.database.max_connections)
            .await
            .with_context(|| format!("cannot connect to the database ({whose})"))?;
        // Migrating takes an advisory lock: replicas that start together wait for each other.
        db::MIGRATOR.run(&pool).await.context("cannot apply the migrations")?;
        let clock = Clock::system();
        clock.agree_with(db::now(&pool).await?);
        info!(database = whose, "the database is ready");
        Ok(Self { pool, clock, embedded })
    }

    /// Closes the pool and stops the private server, unless another process uses it.
    pub async fn close(self) {
        // A statement that is still running must not hold up the end.
        if tokio::time::timeout(CLOSE_TIMEOUT, self.pool.close()).await.is_err() {
            tracing::warn!("the database still works on something of ours; leaving it");
        }
        if let Some(server) = self.embedded
            && let Err(error) = server.stop().await
        {
            tracing::warn!(%error, "the private PostgreSQL did not stop cleanly; the next start attaches to it or recovers");
        }
    }
}
