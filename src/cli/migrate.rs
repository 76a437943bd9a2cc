//! `migrate`: applies the migrations and exits.

use std::process::ExitCode;

use super::session::Session;
use crate::{config::Config, telemetry};

/// Brings the database up to this binary.
pub async fn run(config: Config) -> anyhow::Result<ExitCode> {
    let _logs = telemetry::start_logs(&config.service)?;
    Session::open(&config).await?.close().await;
    Ok(ExitCode::SUCCESS)
}
