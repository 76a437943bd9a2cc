//! Start and stop: signals, the workers of a process, and a drain that ends in time.

use std::{sync::Arc, time::Duration};

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{info, warn};
use uuid::Uuid;

use crate::{
    app::App,
    config::OtlpConfig,
    domain::text,
    jobs,
    queue::{Queue, Worker, WorkerSettings},
    systems::CheckStatus,
};

/// Said to everything that runs: stop taking work, and later: stop.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    /// Take nothing new, finish what is under way.
    pub soft: CancellationToken,
    /// Leave it.
    pub hard: CancellationToken,
}

impl Shutdown {
    /// Listens for SIGTERM and SIGINT: the first stops softly and, after `patience`, hard; a second one hard at once.
    pub fn on_signals(patience: Duration) -> std::io::Result<Self> {
        let shutdown = Self::default();
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let told = shutdown.clone();
        tokio::spawn(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
                () = told.soft.cancelled() => {}
            }
            info!(patience_s = patience.as_secs(), "stopping: finishing what is under way");
            told.soft.cancel();
            tokio::select! {
                _ = terminate.recv() => warn!("stopping at once"),
                _ = interrupt.recv() => warn!("stopping at once"),
                () = tokio::time::sleep(patience) => {}
            }
            told.hard.cancel();
        });
        Ok(shutdown)
    }
}

/// Starts what works in the background: both queues, the scheduled jobs, the check of the outside systems, and the wire between processes.
#[must_use]
pub fn start_workers(app: &Arc<App>, shutdown: &Shutdown) -> TaskTracker {
    let tasks = TaskTracker::new();
    let process = Uuid::now_v7();
    spawn_worker(&tasks, app, &app.pipeline, shutdown);
    spawn_worker(&tasks, app, &app.notifier, shutdown);
    let stop = || shutdown.soft.clone();
    tasks.spawn(jobs::sweep_until(stop(), app.pool.clone(), app.clock.clone(), app.wake.clone()));
    tasks.spawn(jobs::poll_until(stop(), Arc::clone(app)));
    tasks.spawn(jobs::retention_until(stop(), app.pool.clone(), app.clock.clone(), app.config.retention));
    let (wake, pool, token) = (app.wake.clone(), app.pool.clone(), stop());
    tasks.spawn(async move { wake.listen(pool, process, token).await });
    spawn_upkeep(&tasks, app, process, shutdown);
    check_systems(&tasks, app, shutdown);
    app.workers_started();
    tasks
}

/// Asks the configured systems whether they would work, and warns of what would not: at the start, and not with the first
/// call. Nothing waits for it, since a system that is away today must not keep the service down.
fn check_systems(tasks: &TaskTracker, app: &Arc<App>, shutdown: &Shutdown) {
    let (systems, stop) = (app.systems.clone(), shutdown.soft.clone());
    tasks.spawn(async move {
        let Some(report) = stop.run_until_cancelled(systems.check()).await else { return };
        for check in report.systems {
            let system = check.system;
            let detail = text::without_contacts(&check.detail); // the log is read by more people than `check`
            match check.status {
                CheckStatus::Failed => warn!(system, detail, "a configured system does not work"),
                CheckStatus::Ok => info!(system, detail, "a configured system works"),
                CheckStatus::NotConfigured | CheckStatus::NotContacted => {}
            }
            for warning in check.warnings {
                let warning = text::without_contacts(&warning);
                warn!(system, warning, "a configured system may not work for long");
            }
        }
    });
}

/// Starts what a process without workers needs.
#[must_use]
pub fn start_without_workers(app: &Arc<App>, shutdown: &Shutdown) -> TaskTracker {
    let tasks = TaskTracker::new();
    spawn_upkeep(&tasks, app, Uuid::now_v7(), shutdown);
    tasks
}

/// What every process does: telling others that something is due, keeping the time and good plans, showing how it is.
fn spawn_upkeep(tasks: &TaskTracker, app: &Arc<App>, process: Uuid, shutdown: &Shutdown) {
    let (wake, pool, stop) = (app.wake.clone(), app.pool.clone(), shutdown.soft.clone());
    tasks.spawn(async move { wake.announce(pool, process, stop).await });
    tasks.spawn(jobs::keep_time_until(shutdown.soft.clone(), app.pool.clone(), app.clock.clone()));
    tasks.spawn(jobs::analyze_until(shutdown.soft.clone(), app.pool.clone()));
    spawn_gauges(tasks, app, shutdown);
}

/// Keeps the gauges fresh where metrics are pushed; where they are only asked for, asking does it.
fn spawn_gauges(tasks: &TaskTracker, app: &Arc<App>, shutdown: &Shutdown) {
    let Some(OtlpConfig { metrics: Some(_), metric_interval, .. }) = &app.config.otlp else { return };
    let (app, mut due, stop) = (Arc::clone(app), tokio::time::interval(*metric_interval), shutdown.soft.clone());
    due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    tasks.spawn(async move {
        while stop.run_until_cancelled(due.tick()).await.is_some() {
            app.note_gauges().await;
        }
    });
}

fn spawn_worker<Q: Queue>(tasks: &TaskTracker, app: &Arc<App>, queue: &Arc<Q>, shutdown: &Shutdown) {
    let settings =
        WorkerSettings { concurrency: app.config.service.worker_concurrency, lease: app.config.retries.lease };
    let worker = Worker::new(Arc::clone(queue), app.clock.clone(), settings);
    let (signal, shutdown) = (app.wake.signal(), shutdown.clone());
    tasks.spawn(async move { worker.run(signal, shutdown.soft, shutdown.hard).await });
}
