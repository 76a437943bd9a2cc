//! `worker`: the workers only.

use std::{process::ExitCode, sync::Arc};

use tracing::info;

use super::{
    serve::{serve_metrics, warn_of_unused_variables},
    session::Session,
};
use crate::{
    app::App,
    config::Config,
    jobs,
    lifecycle::{self, Shutdown},
    telemetry::Metrics,
};

/// Works until a signal.
pub async fn run(config: Config, metrics: Arc<Metrics>) -> anyhow::Result<ExitCode> {
    warn_of_unused_variables(&config);
    let shutdown = Shutdown::on_signals(config.service.shutdown_timeout)?;
    let session = Session::open(&config).await?;
    let port = config.service.bind.port();
    let app = App::new(config, session.pool.clone(), session.clock.clone(), metrics, port)?;
    jobs::renew_seals(&app.pool, &app.key_ring).await?;
    let background = lifecycle::start_workers(&app, &shutdown);
    serve_metrics(&app, &background, &shutdown).await?;
    info!("working");
    shutdown.soft.cancelled().await;
    background.close();
    background.wait().await;
    drop(app);
    session.close().await;
    info!("stopped");
    Ok(ExitCode::SUCCESS)
}
