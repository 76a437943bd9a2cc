//! `serve`: the HTTP server and, unless told otherwise, the workers.

use std::{process::ExitCode, sync::Arc};

use anyhow::Context;
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use super::session::Session;
use crate::{
    app::App,
    config::{Config, ConfigError, Problem},
    http, jobs,
    lifecycle::{self, Shutdown},
    telemetry::Metrics,
};

#[derive(Debug, Default, clap::Args)]
pub struct Args {
    /// Serve HTTP only; `aftercall worker` processes do the work
    #[arg(long)]
    no_workers: bool,
}

/// Runs until a signal.
pub async fn run(config: Config, args: &Args, metrics: Arc<Metrics>) -> anyhow::Result<ExitCode> {
    warn_of_unused_variables(&config);
    // A worker has no other port, so this is `serve`'s to refuse.
    if config.service.metrics_port == Some(config.service.bind.port()) {
        let text = "must differ from PORT; left out, /metrics is on that".to_owned();
        return Err(ConfigError(vec![Problem { variable: "METRICS_PORT".to_owned(), text }]).into());
    }
    let shutdown = Shutdown::on_signals(config.service.shutdown_timeout)?;
    let listener = TcpListener::bind(config.service.bind)
        .await
        .with_context(|| format!("cannot listen on {} (BIND_ADDR, PORT)", config.service.bind))?;
    let address = listener.local_addr()?;
    let session = Session::open(&config).await?;
    let app = App::new(config, session.pool.clone(), session.clock.clone(), metrics, address.port())?;
    jobs::renew_seals(&app.pool, &app.key_ring).await?;
    let background = if args.no_workers {
        lifecycle::start_without_workers(&app, &shutdown)
    } else {
        lifecycle::start_workers(&app, &shutdown)
    };
    serve_metrics(&app, &background, &shutdown).await?;
    info!("listening on http://{address}, API at /docs");
    http::server::serve(listener, http::router(Arc::clone(&app)), shutdown.clone()).await;
    background.close();
    background.wait().await;
    drop(app);
    session.close().await;
    info!("stopped");
    Ok(ExitCode::SUCCESS)
}

/// Serves health and metrics on their own port, if there is one.
pub(super) async fn serve_metrics(app: &Arc<App>, tasks: &TaskTracker, shutdown: &Shutdown) -> anyhow::Result<()> {
    let Some(port) = app.config.service.metrics_port else { return Ok(()) };
    let listener = TcpListener::bind((app.config.service.bind.ip(), port))
        .await
        .with_context(|| format!("cannot listen on port {port} (METRICS_PORT)"))?;
    tasks.spawn(http::server::serve(listener, http::metrics_router(Arc::clone(app)), shutdown.clone()));
    Ok(())
}

pub(super) fn warn_of_unused_variables(config: &Config) {
    for name in &config.unused {
        warn!(variable = name, "this version does not use this variable");
    }
}
