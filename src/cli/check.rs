//! `check`: validates the whole configuration and contacts each configured system.

use std::{
    io::{Write, stdout},
    process::ExitCode,
    sync::Arc,
};

use super::session::Session;
use crate::{
    app::App,
    config::Config,
    jobs,
    systems::{Check, CheckStatus, Report},
    telemetry::Metrics,
};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print JSON, for machines
    #[arg(long)]
    json: bool,
}

/// Contacts every system, prints what was found, and exits 1 if any failed.
pub async fn run(config: Config, args: &Args, metrics: Arc<Metrics>) -> anyhow::Result<ExitCode> {
    let session = match Session::open(&config).await {
        Ok(session) => session,
        // Also an answer to what was asked, in the form it was asked for.
        Err(error) => return say(&Report::without_database(&config, &error), args),
    };
    let port = config.service.bind.port();
    let app = App::new(config, session.pool.clone(), session.clock.clone(), metrics, port)?;
    let report = app.systems.check().await;
    let report = match jobs::check_seals(&app.pool, &app.key_ring).await {
        Ok(()) => report,
        Err(error) => report.with_lost_key(&error),
    };
    drop(app);
    session.close().await;
    say(&report, args)
}

/// Prints what was found and tells the exit code.
fn say(report: &Report, args: &Args) -> anyhow::Result<ExitCode> {
    if args.json {
        writeln!(stdout(), "{}", serde_json::to_string_pretty(report)?)?;
    } else {
        print(report)?;
    }
    Ok(ExitCode::from(u8::from(!report.ok)))
}

fn print(report: &Report) -> std::io::Result<()> {
    let mut out = stdout();
    for Check { system, status, detail, warnings, .. } in &report.systems {
        let word = match status {
            CheckStatus::Ok => "ok",
            CheckStatus::Failed => "FAILED",
            CheckStatus::NotConfigured => "-",
            CheckStatus::NotContacted => "?",
        };
        writeln!(out, "{system:<14} {word:<8} {detail}")?;
        for warning in warnings {
            writeln!(out, "{:<14} {:<8} {warning}", "", "warning")?;
        }
    }
    Ok(())
}
