//! One run of the server: watching it end, and stopping it.

use std::fs;
use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use tokio::net::UnixStream;
use tokio::process::Child;
use tokio::time::{sleep, timeout};

use super::error::EmbeddedError;
use super::plan::Plan;

/// How long a fast shutdown may take before the immediate one, which the next start recovers from.
const FAST_STOP_LIMIT: Duration = Duration::from_secs(10);
/// How long an immediate shutdown may take.
const IMMEDIATE_STOP_LIMIT: Duration = Duration::from_secs(5);

/// A server that answered.
#[derive(Debug)]
pub(super) enum Server {
    /// Our own child.
    Child(Child, Pid),
    /// One that was running already; without a number when it lives where we cannot see it, as in another container.
    Attached(Option<Pid>),
}

impl Server {
    /// Gives the process number if it can be signalled from here.
    pub(super) fn pid(&self) -> Option<Pid> {
        match self {
            Self::Child(_, pid) => Some(*pid),
            Self::Attached(pid) => *pid,
        }
    }

    /// Waits until the server is gone, and says what was seen.
    pub(super) async fn ended(&mut self, plan: &Plan) -> String {
        match self {
            Self::Child(child, _) => match child.wait().await {
                Ok(status) => ended(status),
                Err(error) => format!("it cannot be watched any more: {error}"),
            },
            Self::Attached(Some(pid)) => {
                while is_running(*pid, plan) {
                    sleep(Duration::from_millis(100)).await;
                }
                "it is gone".to_owned()
            }
            Self::Attached(None) => {
                while UnixStream::connect(plan.layout.socket_file()).await.is_ok() {
                    sleep(Duration::from_secs(1)).await;
                }
                "it does not answer any more".to_owned()
            }
        }
    }

    /// Stops the server: a fast shutdown, then an immediate one. Call it with the turn taken.
    pub(super) async fn stop(mut self, plan: &Plan) -> Result<(), EmbeddedError> {
        let Some(pid) = self.pid() else {
            tracing::warn!("the database server belongs to another container and is left running");
            return Ok(());
        };
        if let Self::Attached(Some(pid)) = &self
            && !is_running(*pid, plan)
        {
            return Ok(());
        }
        for (signal, limit) in [(Signal::INT, FAST_STOP_LIMIT), (Signal::QUIT, IMMEDIATE_STOP_LIMIT)] {
            if kill_process(pid, signal).is_err() {
                tracing::debug!(pid = pid.as_raw_nonzero().get(), "the database server was gone already");
            }
            if timeout(limit, self.ended(plan)).await.is_ok() {
                return Ok(());
            }
        }
        Err(EmbeddedError::Stop(pid.as_raw_nonzero().get()))
    }
}

/// A child that is not ready: asked to stop when given up, be it for an error or because nobody waits any more.
#[derive(Debug)]
pub(super) struct Starting {
    /// Taken out once ready, and once it has ended.
    child: Option<Child>,
    pid: Pid,
}

impl Starting {
    /// Takes charge of a child.
    pub(super) fn new(child: Child, pid: Pid) -> Self {
        Self { child: Some(child), pid }
    }

    /// Hands the child over as a server.
    pub(super) fn ready(mut self) -> Option<Server> {
        Some(Server::Child(self.child.take()?, self.pid))
    }

    /// Gives how the child ended, if it did.
    pub(super) fn status(&mut self) -> std::io::Result<Option<ExitStatus>> {
        let status = match &mut self.child {
            Some(child) => child.try_wait()?,
            None => None,
        };
        if status.is_some() {
            self.child = None;
        }
        Ok(status)
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        if self.child.is_some()
            && let Err(error) = kill_process(self.pid, Signal::INT)
        {
            tracing::warn!(%error, "a database server that is not needed cannot be stopped");
        }
    }
}

/// Tells whether a process lives and still is the one the cluster's file names.
fn is_running(pid: Pid, plan: &Plan) -> bool {
    test_kill_process(pid) != Err(rustix::io::Errno::SRCH)
        && pid_in(&plan.layout.pid_file()) == Some(pid)
        && !is_zombie(pid)
}

/// Tells whether a process only waits for its parent to take notice. Where there is no `/proc` the answer is no.
fn is_zombie(pid: Pid) -> bool {
    let text = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
    text.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('Z'))
}

/// Words how a process ended.
pub(super) fn ended(status: ExitStatus) -> String {
    format!("it ended with {status}")
}

/// Reads which process the cluster's own file names.
pub(super) fn pid_in(file: &Path) -> Option<Pid> {
    pid_in_text(&fs::read_to_string(file).ok()?)
}

/// Reads the same from the file's text.
pub(super) fn pid_in_text(text: &str) -> Option<Pid> {
    text.lines().next()?.trim().parse().ok().and_then(Pid::from_raw)
}
