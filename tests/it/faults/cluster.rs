//! A PostgreSQL of its own that may be killed: with everything on disk that it says is, and started again when it dies.

use std::{fs::Permissions, os::unix::fs::PermissionsExt, path::PathBuf};

use aftercall::db::{
    self,
    embedded::{EmbeddedPostgres, Settings},
};
use rustix::process::{Pid, Signal, kill_process};
use sqlx::{Connection, PgConnection, PgPool};
use tempfile::TempDir;

use super::until;
use crate::support::Database;

/// The connections of processes, and ours to the service's tables.
const SESSIONS: &str = "SELECT pid FROM pg_stat_activity WHERE application_name = 'aftercall' ORDER BY pid";

pub(super) struct Cluster {
    server: EmbeddedPostgres,
    pid_file: PathBuf,
    _dir: TempDir,
}

impl Cluster {
    /// Starts one with the service's tables in it.
    pub(super) async fn start() -> (Self, Database) {
        // Whoever runs the server is not root, and must get there.
        let open = Permissions::from_mode(0o755);
        let dir = tempfile::Builder::new().permissions(open).tempdir().unwrap();
        let settings = Settings { data_dir: dir.path().to_owned(), binaries: None, fast_and_unsafe: false };
        let server = EmbeddedPostgres::start(&settings).await.unwrap();
        let options = server.connect_options();
        let pool: PgPool = db::connect(options.clone(), 4).await.unwrap();
        db::MIGRATOR.run(&pool).await.unwrap();
        let pid_file = dir.path().join("postgres/cluster/postmaster.pid");
        (Self { server, pid_file, _dir: dir }, Database { pool, options })
    }

    fn pid(&self) -> Option<Pid> {
        let file = std::fs::read_to_string(&self.pid_file).ok()?;
        Pid::from_raw(file.lines().next()?.parse().ok()?)
    }

    async fn session(&self) -> sqlx::Result<PgConnection> {
        PgConnection::connect_with(&self.server.connect_options()).await
    }

    /// Signals the server and waits until another one has taken its place and answers.
    pub(super) async fn end_by(&self, signal: Signal) {
        let before = self.pid().expect("the server runs");
        kill_process(before, signal).unwrap();
        until("PostgreSQL is there again", async || {
            self.pid().is_some_and(|pid| pid != before) && self.session().await.is_ok()
        })
        .await;
    }

    /// Kills the server process of one connection: all the others' end with it, and PostgreSQL recovers.
    pub(super) async fn kill_a_session(&self, which: usize) {
        let Some(mut session) = self.session().await.ok() else { return };
        let pids: Vec<i32> = sqlx::query_scalar(SESSIONS).fetch_all(&mut session).await.unwrap();
        let Some(victim) = pids.get(which % pids.len().max(1)).copied().and_then(Pid::from_raw) else { return };
        kill_process(victim, Signal::KILL).unwrap();
        until("the other sessions end", async || session.ping().await.is_err()).await;
        until("PostgreSQL is there again", async || self.session().await.is_ok()).await;
    }

    /// Ends every connection of the service.
    pub(super) async fn cut_connections(&self) {
        let mut session = self.session().await.unwrap();
        let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'aftercall'";
        sqlx::query(cut).execute(&mut session).await.unwrap();
    }

    pub(super) async fn stop(self) {
        self.server.stop().await.unwrap();
    }
}
