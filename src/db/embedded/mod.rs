//! A supervised private Postgres cluster, for when no `DATABASE_URL` is configured.
//!
//! The server is Postgres itself, as installed on the machine or from a portable bundle. It listens on a Unix
//! socket in a directory only its own account can enter, never on TCP. Processes that share one `DATA_DIR` share one
//! server: whoever comes first starts it, all watch it, the last one to leave stops it.
//!
//! Deliberately not here: reading configuration, migrations, connection pools. Whoever has a `DATABASE_URL` never
//! gets here.

mod account;
mod archive;
mod binaries;
mod bundle;
mod cluster;
mod error;
mod layout;
mod lease;
mod log;
mod plan;
mod search;
mod server;
mod supervisor;
mod watchdog;

use std::path::PathBuf;
use std::sync::Arc;

use sqlx::Connection;
use sqlx::error::DatabaseError;
use sqlx::postgres::PgConnectOptions;
use url::Url;

pub use error::EmbeddedError;
pub use search::Search;

use binaries::Binaries;
use layout::Layout;
use lease::{Lease, Turn};
use plan::Plan;
use supervisor::Supervisor;

/// The superuser of the cluster, and the database the service uses.
const USER: &str = "aftercall";
const DATABASE: &str = "aftercall";

/// What the private cluster needs to know.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The service's data directory; everything is kept under `postgres` in it.
    pub data_dir: PathBuf,
    /// The directory of Postgres's programs, when one is configured; no other is used then.
    pub binaries: Option<PathBuf>,
    /// For tests only: trades durability for speed, and removes the cluster when this process ends in any way.
    pub fast_and_unsafe: bool,
}

/// A private Postgres server that this process uses and watches.
///
/// End it with [`stop`](Self::stop). Merely dropped, it asks the server to stop but waits for nothing.
#[derive(Debug)]
pub struct EmbeddedPostgres {
    plan: Arc<Plan>,
    /// Present until stopped.
    running: Option<(Supervisor, Lease)>,
}

impl EmbeddedPostgres {
    /// Provides the server: finds the programs, makes the cluster once, starts the server or attaches to the one that
    /// runs, and returns when a real session on the service's database works.
    ///
    /// # Errors
    /// Says what is missing and what would help; nothing half-made is left in the way of the next try.
    pub async fn start(settings: &Settings) -> Result<Self, EmbeddedError> {
        Self::start_with(settings, &Search::default()).await
    }

    /// Does the same as [`start`](Self::start), looking for programs only where told.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn start_with(settings: &Settings, search: &Search) -> Result<Self, EmbeddedError> {
        let home = Layout::home(&settings.data_dir)?;
        let turn = Turn::take(&home).await?;
        let lease = Lease::join(&home)?;
        let layout = Layout::decide(home).await?;
        if settings.fast_and_unsafe {
            watchdog::start(&layout)?;
        }
        let version = cluster::version(&layout)?;
        let configured = settings.binaries.as_deref();
        let binaries = Binaries::find(configured, search, layout.account, &layout.cluster(), version).await?;
        let plan = Arc::new(Plan { layout, binaries, fast_and_unsafe: settings.fast_and_unsafe });
        cluster::ensure(&plan).await?;
        let server = plan.start_or_attach().await?;
        let supervisor = Supervisor::watch(Arc::clone(&plan), server);
        let this = Self { plan, running: Some((supervisor, lease)) };
        let outcome = create_database(&this.plan).await;
        drop(turn);
        match outcome {
            Ok(()) => Ok(this),
            Err(error) => {
                this.stop().await?;
                Err(error)
            }
        }
    }

    /// Gives the options to connect to the service's database.
    #[must_use]
    pub fn connect_options(&self) -> PgConnectOptions {
        self.plan.options(DATABASE)
    }

    /// Gives the same as a URL, for other programs.
    #[must_use]
    pub fn url(&self) -> String {
        let base = format!("postgres://{USER}@localhost:5432/{DATABASE}?sslmode=disable");
        let socket = self.plan.layout.socket.to_string_lossy();
        match Url::parse_with_params(&base, [("host", socket.as_ref())]) {
            Ok(url) => url.into(),
            // The base is made of constants that parse; this merely avoids a panic in library code.
            Err(_) => base,
        }
    }

    /// Stops the server if no other process uses it, else leaves it to those, and returns when it is gone.
    ///
    /// This holds for a server that this process started as well as for one it attached to.
    ///
    /// # Errors
    /// When the server does not end in time.
    pub async fn stop(mut self) -> Result<(), EmbeddedError> {
        let Some((supervisor, lease)) = self.running.take() else {
            return Ok(());
        };
        let server = supervisor.finish().await;
        let _turn = Turn::take(&self.plan.layout.home).await?;
        if !lease.leave()? {
            tracing::info!("another process uses the database server, which is left running");
            return Ok(());
        }
        let server = match server {
            Some(server) => Some(server),
            None => self.plan.attach().await?,
        };
        match server {
            Some(server) => server.stop(&self.plan).await,
            None => Ok(()),
        }
    }
}

impl Drop for EmbeddedPostgres {
    fn drop(&mut self) {
        let Some((supervisor, lease)) = self.running.take() else {
            return;
        };
        if lease.leave().unwrap_or(false) {
            supervisor.request_stop();
        }
    }
}

/// Creates the service's database once, and proves with a session on it that everything works.
async fn create_database(plan: &Plan) -> Result<(), EmbeddedError> {
    let mut session = plan.session("postgres").await?;
    let existing: Option<i32> = sqlx::query_scalar("SELECT 1 FROM pg_database WHERE datname = $1")
        .bind(DATABASE)
        .fetch_optional(&mut session)
        .await?;
    if existing.is_none() {
        // A start that was killed may have left the server in the middle of making it: then it is there by now.
        let created = sqlx::query("CREATE DATABASE aftercall").execute(&mut session).await;
        let there_already = |error: &dyn DatabaseError| matches!(error.code().as_deref(), Some("42P04" | "23505"));
        match created {
            Ok(_) => {}
            Err(sqlx::Error::Database(error)) if there_already(&*error) => {}
            Err(error) => return Err(error.into()),
        }
    }
    session.close().await?;
    plan.session(DATABASE).await?.close().await?;
    Ok(())
}
