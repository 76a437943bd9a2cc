//! `migrate`: applies the migrations and exits.

use std::process::ExitCode;

use super::session::Session;
use crate::config::Config;

/// Brings the database up to this binary.
pub async fn run(config: Config) -> anyhow::Result<ExitCode> {
    Session::open(&config).await?.close().await;
    Ok(ExitCode::SUCCESS)
}
