//! `job run`: one scheduled job, now.

use std::{
    io::{Write, stdout},
    process::ExitCode,
    sync::Arc,
};

use clap::Subcommand;

use super::session::Session;
use crate::{
    app::App,
    config::{Config, ConfigError, Problem},
    jobs::{self, Job},
    telemetry::Metrics,
};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a job once, whether it is due or not
    Run {
        /// Which one
        name: Job,
    },
}

/// Runs the job and says what it did.
pub async fn run(config: Config, args: &Args, metrics: Arc<Metrics>) -> anyhow::Result<ExitCode> {
    let Command::Run { name } = args.command;
    if name == Job::Poll && config.gong.polling.is_none() {
        let text = "must be on for the job poll, and GONG_ACCESS_KEY and GONG_ACCESS_KEY_SECRET be given".to_owned();
        return Err(ConfigError(vec![Problem { variable: "GONG_POLLING".to_owned(), text }]).into());
    }
    let session = Session::open(&config).await?;
    let port = config.service.bind.port();
    let app = App::new(config, session.pool.clone(), session.clock.clone(), metrics, port)?;
    let done = jobs::run(&app, name).await;
    app.wake.tell_others(&app.pool).await;
    drop(app);
    session.close().await;
    writeln!(stdout(), "{}", done?)?;
    Ok(ExitCode::SUCCESS)
}
