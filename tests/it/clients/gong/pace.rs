//! Paces for tests: one that lets everything through and counts, one that holds everybody back until it is told.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use aftercall::clients::gong::Pace;
use aftercall::clients::http::UpstreamError;
use futures_util::future::{BoxFuture, FutureExt};
use tokio::sync::Semaphore;

/// Lets everything through, unless told to refuse; takes note of everything.
#[derive(Default)]
pub struct NoPace {
    turns: AtomicUsize,
    told: Mutex<Vec<Duration>>,
    refuses: Mutex<Option<UpstreamError>>,
}

impl NoPace {
    /// How many turns were taken.
    pub fn turns(&self) -> usize {
        self.turns.load(Ordering::SeqCst)
    }

    /// How long Gong asked to wait, each time.
    pub fn told(&self) -> Vec<Duration> {
        self.told.lock().unwrap().clone()
    }

    /// No further turn is granted.
    pub fn refuse(&self, error: UpstreamError) {
        *self.refuses.lock().unwrap() = Some(error);
    }
}

impl Pace for NoPace {
    fn turn(&self) -> BoxFuture<'_, Result<(), UpstreamError>> {
        let refused = self.refuses.lock().unwrap().clone();
        if refused.is_none() {
            self.turns.fetch_add(1, Ordering::SeqCst);
        }
        futures_util::future::ready(refused.map_or(Ok(()), Err)).boxed()
    }

    fn told_to_wait(&self, wait: Duration) -> BoxFuture<'_, ()> {
        self.told.lock().unwrap().push(wait);
        futures_util::future::ready(()).boxed()
    }
}

/// Grants a turn when the test does.
pub struct HeldBack {
    granted: Semaphore,
    waiting: AtomicUsize,
}

impl HeldBack {
    pub fn new() -> Self {
        Self { granted: Semaphore::new(0), waiting: AtomicUsize::new(0) }
    }

    pub fn grant(&self, turns: usize) {
        self.granted.add_permits(turns);
    }

    /// How many turns were asked for, granted or not.
    pub fn asked(&self) -> usize {
        self.waiting.load(Ordering::SeqCst)
    }
}

impl Pace for HeldBack {
    fn turn(&self) -> BoxFuture<'_, Result<(), UpstreamError>> {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        async {
            self.granted.acquire().await.expect("stays open").forget();
            Ok(())
        }
        .boxed()
    }

    fn told_to_wait(&self, _wait: Duration) -> BoxFuture<'_, ()> {
        futures_util::future::ready(()).boxed()
    }
}
