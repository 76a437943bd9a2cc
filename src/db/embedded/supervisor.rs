//! Watches the server while the service runs and starts it again when it dies.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, interval, sleep};

use super::error::EmbeddedError;
use super::lease::Turn;
use super::log;
use super::plan::Plan;
use super::server::Server;

/// First and longest wait before a new start; each failure doubles it.
const DELAYS: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(30));

/// A server that ran this long makes the next wait a short one again.
const STEADY: Duration = Duration::from_mins(1);

/// How often the log's size is looked at.
const LOG_CHECK: Duration = Duration::from_mins(1);

/// The handle of the watching task; the task ends when this is dropped.
#[derive(Debug)]
pub(super) struct Supervisor {
    finish: oneshot::Sender<()>,
    task: JoinHandle<Option<Server>>,
    /// The server's process number while it runs, else 0.
    pid: Arc<AtomicI32>,
}

impl Supervisor {
    /// Begins watching.
    pub(super) fn watch(plan: Arc<Plan>, server: Server) -> Self {
        let (finish, finished) = oneshot::channel();
        let pid = Arc::new(AtomicI32::new(raw(&server)));
        let task = tokio::spawn(watch(plan, server, finished, Arc::clone(&pid)));
        Self { finish, task, pid }
    }

    /// Ends watching and hands the server over; `None` when it is down at this moment.
    pub(super) async fn finish(self) -> Option<Server> {
        let _ = self.finish.send(());
        self.task.await.ok().flatten()
    }

    /// Asks the server to stop, without waiting: for places that cannot wait.
    pub(super) fn request_stop(&self) {
        if let Some(pid) = Pid::from_raw(self.pid.load(Ordering::SeqCst)) {
            let _ = kill_process(pid, Signal::INT);
        }
    }
}

async fn watch(
    plan: Arc<Plan>,
    mut server: Server,
    mut finished: oneshot::Receiver<()>,
    pid: Arc<AtomicI32>,
) -> Option<Server> {
    let (shortest, longest) = DELAYS;
    let mut delay = shortest;
    let mut log_check = interval(LOG_CHECK);
    loop {
        let since = Instant::now();
        let reason = loop {
            tokio::select! {
                _ = &mut finished => return Some(server),
                reason = server.ended(&plan) => break reason,
                _ = log_check.tick() => log::bound(&plan.layout.log()),
            }
        };
        pid.store(0, Ordering::SeqCst);
        tracing::error!(%reason, log = %plan.layout.log().display(), "the database server died and is started again");
        if since.elapsed() > STEADY {
            delay = shortest;
        }
        server = loop {
            tokio::select! {
                _ = &mut finished => return None,
                () = sleep(delay) => {}
            }
            delay = longest.min(delay * 2);
            match restart(&plan).await {
                Ok(server) => break server,
                Err(error) => tracing::error!(%error, next_in = ?delay, "the database server cannot be started again"),
            }
        };
        pid.store(raw(&server), Ordering::SeqCst);
        tracing::info!("the database server answers again");
    }
}

async fn restart(plan: &Plan) -> Result<Server, EmbeddedError> {
    let _turn = Turn::take(&plan.layout.home).await?;
    plan.start_or_attach().await
}

fn raw(server: &Server) -> i32 {
    server.pid().map_or(0, |pid| pid.as_raw_nonzero().get())
}
