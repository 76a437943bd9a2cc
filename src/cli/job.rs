//! `job run`: one scheduled job, now.

use std::{
    io::{Write, stdout},
    process::ExitCode,
};

use anyhow::Context;
use clap::{Subcommand, ValueEnum};

use super::session::Session;
use crate::{
    app::App,
    config::{Config, ConfigError, Problem},
    intake::gong::Polled,
    jobs, telemetry,
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
        name: Name,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Name {
    /// Ask Gong for calls that no callback told of
    Poll,
    /// Look for work that would wait for ever
    Sweep,
}

/// Runs the job and says what it did.
pub async fn run(config: Config, args: &Args) -> anyhow::Result<ExitCode> {
    let _logs = telemetry::start_logs(&config.service)?;
    let Command::Run { name } = args.command;
    if matches!(name, Name::Poll) && config.gong.polling.is_none() {
        let text = "must be on for the job poll, and GONG_ACCESS_KEY and GONG_ACCESS_KEY_SECRET be given".to_owned();
        return Err(ConfigError(vec![Problem { variable: "GONG_POLLING".to_owned(), text }]).into());
    }
    let session = Session::open(&config).await?;
    let port = config.service.bind.port();
    let app = App::new(config, session.pool.clone(), session.clock.clone(), port)?;
    let done = match name {
        Name::Poll => poll(&app).await,
        Name::Sweep => {
            jobs::sweep(&app.pool, app.clock.now()).await.map(|found| format!("found {found}")).map_err(Into::into)
        }
    };
    app.wake.tell_others(&app.pool).await;
    drop(app);
    session.close().await;
    writeln!(stdout(), "{}", done?)?;
    Ok(ExitCode::SUCCESS)
}

async fn poll(app: &App) -> anyhow::Result<String> {
    let poller = app.poller.as_ref().context("GONG_POLLING is off: nothing is polled")?;
    Ok(match poller.poll(true).await? {
        Polled::NotNow => "another process polls at this moment".to_owned(),
        Polled::Done { listed, new } => format!("listed {listed} calls, {new} of them new"),
    })
}
