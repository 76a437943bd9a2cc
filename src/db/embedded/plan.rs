//! How the server is run: its settings, starting it or attaching to one that runs, knowing when it is ready.
//!
//! Watching and stopping a run is `server`'s matter, who may start and stop is `lease`'s.

use std::fs;
use std::time::Duration;

use rustix::process::Pid;
use sqlx::Connection;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use tokio::net::UnixStream;
use tokio::process::Command;
use tokio::time::{Instant, sleep, timeout};

use super::binaries::Binaries;
use super::error::EmbeddedError;
use super::layout::Layout;
use super::log::Log;
use super::server::{Server, Starting, ended, pid_in, pid_in_text};

/// How long a start may take, recovery after a crash included.
const START_LIMIT: Duration = Duration::from_mins(2);
/// How long remains of a killed server may stand in the way of a new one.
const REMAINS_LIMIT: Duration = Duration::from_secs(15);
/// How long opening one session may take.
const SESSION_LIMIT: Duration = Duration::from_secs(10);
/// What the server says while remains of its predecessor are still there.
const REMAINS: [&str; 2] = ["lock file \"postmaster.pid\" already exists", "pre-existing shared memory block"];

/// Settings of every server. They are given on the command line, so that an old cluster gets new ones too.
///
/// The log leaves out statements and row contents, which may be personal.
const SETTINGS: [&str; 13] = [
    "listen_addresses=",
    "unix_socket_permissions=0700",
    "port=5432",
    "max_connections=100",
    "shared_buffers=64MB",
    "max_wal_size=256MB",
    "jit=off",
    // Parallel queries need shared memory that containers limit, and small data gains nothing from them.
    "max_parallel_workers_per_gather=0",
    "logging_collector=off",
    "log_destination=stderr",
    "log_checkpoints=off",
    "log_error_verbosity=terse",
    "log_min_error_statement=panic",
];

/// Settings for tests: what is not on disk may be lost.
const FAST_AND_UNSAFE: [&str; 3] = ["fsync=off", "full_page_writes=off", "synchronous_commit=off"];

/// Everything needed to run the server, any number of times.
#[derive(Debug)]
pub(super) struct Plan {
    pub layout: Layout,
    pub binaries: Binaries,
    pub fast_and_unsafe: bool,
}

impl Plan {
    /// Gives the options to reach a database of the cluster.
    pub(super) fn options(&self, database: &str) -> PgConnectOptions {
        PgConnectOptions::new_without_pgpass()
            .socket(&self.layout.socket)
            .port(5432)
            .username(super::USER)
            .database(database)
            .ssl_mode(PgSslMode::Disable)
    }

    /// Opens one real session.
    pub(super) async fn session(&self, database: &str) -> Result<PgConnection, EmbeddedError> {
        let options = self.options(database);
        let mut session = match timeout(SESSION_LIMIT, PgConnection::connect_with(&options)).await {
            Ok(outcome) => outcome?,
            Err(elapsed) => return Err(sqlx::Error::Io(elapsed.into()).into()),
        };
        session.ping().await?;
        Ok(session)
    }

    /// Attaches to the running server, or starts one; call it with the turn taken.
    pub(super) async fn start_or_attach(&self) -> Result<Server, EmbeddedError> {
        let deadline = Instant::now() + REMAINS_LIMIT;
        loop {
            if let Some(server) = self.attach().await? {
                return Ok(server);
            }
            match self.start().await {
                Err(EmbeddedError::Start { tail, .. })
                    if REMAINS.iter().any(|remains| tail.contains(remains)) && Instant::now() < deadline =>
                {
                    tracing::debug!("remains of the previous database server are still there");
                    sleep(Duration::from_millis(250)).await;
                }
                outcome => return outcome,
            }
        }
    }

    /// Attaches to a server of this cluster that survived its service or serves another process.
    pub(super) async fn attach(&self) -> Result<Option<Server>, EmbeddedError> {
        let deadline = Instant::now() + START_LIMIT;
        loop {
            let Ok(stream) = UnixStream::connect(self.layout.socket_file()).await else {
                return Ok(None);
            };
            // The kernel tells who listens; a number in a stale file may belong to anybody by now.
            let listener = stream.peer_cred().ok().and_then(|peer| peer.pid()).and_then(Pid::from_raw);
            drop(stream);
            let Some(named) = pid_in(&self.layout.pid_file()) else {
                return Ok(None);
            };
            if listener.is_some_and(|listener| listener != named) {
                return Ok(None);
            }
            match self.session("postgres").await {
                Ok(session) => {
                    session.close().await?;
                    tracing::info!(pid = ?listener, "using the database server that runs already");
                    return Ok(Some(Server::Attached(listener)));
                }
                Err(EmbeddedError::Session(error)) if is_passing(&error) && Instant::now() < deadline => {
                    sleep(Duration::from_millis(100)).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn start(&self) -> Result<Server, EmbeddedError> {
        let log = Log::begin(self.layout.log())?;
        let program = self.binaries.program("postgres");
        let (output, errors) = log.outputs()?;
        let mut command = self.layout.account.command(&program);
        self.arguments(&mut command).stdout(output).stderr(errors);
        let failure = |source| EmbeddedError::Run { program: program.display().to_string(), source };
        let child = command.spawn().map_err(failure)?;
        let Some(pid) = child.id().and_then(|id| Pid::from_raw(id.cast_signed())) else {
            return Err(log.failure("it ended at once"));
        };
        let mut starting = Starting::new(child, pid);
        let deadline = Instant::now() + START_LIMIT;
        while !self.says_ready(pid) {
            if let Some(status) = starting.status().map_err(EmbeddedError::io("watch", &program))? {
                return Err(log.failure(&ended(status)));
            }
            if Instant::now() > deadline {
                return Err(log.failure("it was not ready in time"));
            }
            sleep(Duration::from_millis(20)).await;
        }
        self.session("postgres").await?.close().await?;
        starting.ready().ok_or_else(|| log.failure("it ended at once"))
    }

    fn arguments<'command>(&self, command: &'command mut Command) -> &'command mut Command {
        let socket = self.layout.socket.to_string_lossy().replace('"', "\"\"");
        command.arg("-D").arg(self.layout.cluster());
        command.args(["-c", &format!("unix_socket_directories=\"{socket}\"")]);
        let unsafe_ones = FAST_AND_UNSAFE.iter().filter(|_| self.fast_and_unsafe);
        for setting in SETTINGS.iter().chain(unsafe_ones) {
            command.args(["-c", setting]);
        }
        command
    }

    /// Tells whether the cluster's own file says that this very process is ready: a stale one says ready too.
    fn says_ready(&self, pid: Pid) -> bool {
        let text = fs::read_to_string(self.layout.pid_file()).unwrap_or_default();
        pid_in_text(&text) == Some(pid) && text.lines().nth(7).is_some_and(|state| state.trim() == "ready")
    }
}

/// Tells whether a refusal will pass by itself: the server is starting up, shutting down, or was just replaced.
fn is_passing(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(refusal) => refusal.code().is_some_and(|code| code == "57P03" || code == "57P01"),
        sqlx::Error::Io(_) => true,
        _ => false,
    }
}
