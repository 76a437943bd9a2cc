//! PostgreSQL: the queries, one file of functions per table, and the private server for machines that have none.
//!
//! Functions take a connection or a transaction of their caller, who owns what commits together. "Not there" is
//! `Option`. SQL is written out and checked against the migrations when the crate is compiled.

pub mod accounts;
pub mod audit;
pub mod call_labels;
pub mod call_search;
pub mod calls;
mod columns;
pub mod deliveries;
pub mod delivery_log;
pub mod departure;
pub mod documents;
pub mod embedded;
pub mod endpoints;
pub mod erasure;
pub mod events;
pub mod idempotency;
pub mod jobs;
pub mod paces;
pub mod rate_limits;
pub mod retention;
pub mod run_documents;
pub mod runs;
pub mod sealed;
pub mod sessions;
pub mod sources;
pub mod stage_attempts;
pub mod statistics;
pub mod stats;
pub mod summaries;
pub mod sync_state;
pub mod tallies;
pub mod tenants;
pub mod tokens;
pub mod transcripts;

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::{
    Connection, Executor, PgConnection, PgPool,
    migrate::Migrator,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use uuid::Uuid;

/// The migrations, embedded. A static so that tests use the very same.
pub static MIGRATOR: Migrator = sqlx::migrate!();

/// How long a request or a worker waits for a connection before it gives up.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// For so long after its use a connection is taken to be alive.
const TRUSTED_FOR: Duration = Duration::from_secs(1);

/// Opens a pool. Connections are made when they are needed, the first one now: a wrong URL is found at the start.
pub async fn connect(options: PgConnectOptions, max_connections: u32) -> sqlx::Result<PgPool> {
    let options = options.application_name("aftercall");
    // By itself first: its error says what is wrong, the pool's only that it waited.
    PgConnection::connect_with(&options).await?.close().await?;
    PgPoolOptions::new()
        .max_connections(max_connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        // A connection that was used a moment ago is not asked whether it still lives: that would be a round trip more for
        // every statement.
        .test_before_acquire(false)
        .before_acquire(|connection, last| {
            Box::pin(async move {
                if last.idle_for > TRUSTED_FOR {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        // Statements here are short: compiling one takes longer than running it. Not a start-up option, which poolers refuse.
        .after_connect(|connection, _| Box::pin(async { connection.execute("SET jit = off").await.map(drop) }))
        .connect_with(options)
        .await
}

/// Whether the database has every migration that this binary knows. One that is newer is fine: a rollout is under way.
pub async fn is_migrated(pool: &PgPool) -> sqlx::Result<bool> {
    let newest = MIGRATOR.iter().map(|migration| migration.version).max().unwrap_or(0);
    // Not a checked query: the table is the migrator's own, made when it first runs.
    let applied = sqlx::query_scalar::<_, Option<i64>>("SELECT max(version) FROM _sqlx_migrations WHERE success");
    match applied.fetch_one(pool).await {
        Ok(applied) => Ok(applied.is_some_and(|applied| applied >= newest)),
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("42P01") => Ok(false),
        Err(error) => Err(error),
    }
}

/// The time by the database's clock.
pub async fn now(pool: &PgPool) -> sqlx::Result<DateTime<Utc>> {
    sqlx::query_scalar!(r#"SELECT clock_timestamp() AS "now!""#).fetch_one(pool).await
}

/// What part of a list is wanted: newest first, at most `limit` rows older than `before`.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    /// How many rows at most.
    pub limit: i64,
    /// The id of the last row of the page before.
    pub before: Option<Uuid>,
}
