//! Tells workers that something is due: those of this process at once, those of others by `NOTIFY`.
//!
//! A wake-up is a hint. Losing one costs a poll interval, so none is sent inside a transaction (a `NOTIFY` there makes
//! commits wait for each other) and many in a short time become one.

use std::{sync::Arc, time::Duration};

use sqlx::{PgPool, postgres::PgListener};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

/// The channel of `LISTEN` and `NOTIFY`; the payload names the sending process, which need not hear itself.
const CHANNEL: &str = "aftercall_due";
/// The least time between two notifications to other processes.
const QUIET: Duration = Duration::from_millis(50);
/// How often a worker looks without being told, before jitter.
const POLL: Duration = Duration::from_secs(1);

/// Wakes the workers of this and other processes.
#[derive(Clone, Default)]
pub struct Wake {
    here: Arc<Notify>,
    elsewhere: Arc<Notify>,
}

/// What a worker sleeps on.
#[derive(Clone)]
pub struct Signal(Arc<Notify>);

impl Wake {
    /// Says that something is due. Call it after the commit.
    pub fn now(&self) {
        self.here.notify_waiters();
        self.elsewhere.notify_one();
    }

    /// What a worker of this process sleeps on.
    #[must_use]
    pub fn signal(&self) -> Signal {
        Signal(Arc::clone(&self.here))
    }

    /// Passes wake-ups on to other processes until `stop`.
    pub async fn announce(&self, pool: PgPool, process: uuid::Uuid, stop: CancellationToken) {
        while stop.run_until_cancelled(self.elsewhere.notified()).await.is_some() {
            let sent = sqlx::query!("SELECT pg_notify($1, $2)", CHANNEL, process.to_string()).execute(&pool).await;
            if let Err(error) = sent {
                debug!(%error, "cannot notify other processes; they poll");
            }
            tokio::time::sleep(QUIET).await;
        }
    }

    /// Tells other processes once: for a command that ends before an announcer would have its turn.
    pub async fn tell_others(&self, pool: &PgPool) {
        if let Err(error) = sqlx::query!("SELECT pg_notify($1, '')", CHANNEL).execute(pool).await {
            debug!(%error, "cannot notify other processes; they poll");
        }
    }

    /// Wakes this process's workers when another process says that something is due, until `stop`.
    pub async fn listen(&self, pool: PgPool, process: uuid::Uuid, stop: CancellationToken) {
        let own = process.to_string();
        let listening = async {
            loop {
                if let Err(error) = self.listen_once(&pool, &own).await {
                    warn!(%error, "not listening for other processes; polling until that works again");
                    tokio::time::sleep(POLL).await;
                }
            }
        };
        stop.run_until_cancelled(listening).await;
    }

    async fn listen_once(&self, pool: &PgPool, own: &str) -> sqlx::Result<()> {
        let mut listener = PgListener::connect_with(pool).await?;
        listener.listen(CHANNEL).await?;
        loop {
            if listener.recv().await?.payload() != own {
                self.here.notify_waiters();
            }
        }
    }
}

impl Signal {
    /// Completes when something is due, or after a jittered poll interval. Interest is registered by the call.
    pub fn notified(&self) -> impl Future<Output = ()> + use<> {
        let notify = Arc::clone(&self.0);
        // `notify_waiters` reaches this future from its creation on, polled or not.
        let notified = notify.notified_owned();
        let poll = crate::domain::retry::jittered(POLL, rand::random());
        async move {
            tokio::select! {
                () = notified => {}
                () = tokio::time::sleep(poll) => {}
            }
        }
    }
}
