//! One file per command. Exit codes: 0 done, 1 failed, 2 bad usage or configuration.

mod check;
mod demo;
mod healthcheck;
mod import;
mod job;
mod migrate;
mod openapi;
mod serve;
mod session;
mod sync;
mod token;
mod worker;

use std::{process::ExitCode, sync::Arc};

use clap::{Parser, Subcommand};
use tokio::runtime::Runtime;

use crate::{
    config::{Config, ConfigError},
    telemetry::{Metrics, Telemetry},
};

/// Turns recorded customer calls into summaries, documents and notifications.
///
/// Configured by environment variables; with none set it runs whole on this machine. Without a command it serves.
#[derive(Debug, Parser)]
#[command(name = "aftercall", version)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the HTTP server and the workers (the default)
    Serve(serve::Args),
    /// Run the workers only; health and metrics stay reachable on `METRICS_PORT`
    Worker,
    /// Show the whole main job on this machine: no credentials, no network, nothing configured
    Demo(demo::Args),
    /// Apply the migrations and exit
    Migrate,
    /// Validate the configuration and contact each configured system; exit 1 if any fails
    Check(check::Args),
    /// Read calls from a source's API
    Sync(sync::Args),
    /// Scheduled jobs
    Job(job::Args),
    /// Admin tokens, straight on the database
    Token(token::Args),
    /// Take calls and transcripts from files in the Gong API's JSON shapes
    Import(import::Args),
    /// Print the `OpenAPI` document
    Openapi,
    /// Ask the running server's /readyz; exit 0 if it is ready
    Healthcheck,
}

/// Parses the command line, runs the command and tells the exit code.
#[must_use]
pub fn run() -> ExitCode {
    let cli = Cli::parse(); // exits 2 on bad usage
    let command = cli.command.unwrap_or(Command::Serve(serve::Args::default()));
    if rustls::crypto::aws_lc_rs::default_provider().install_default().is_err() {
        unreachable!("nothing else installs a crypto provider");
    }
    dispatch(command).unwrap_or_else(|error| fail(&error))
}

fn dispatch(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Openapi => openapi::run(),
        Command::Healthcheck => runtime()?.block_on(healthcheck::run(&Config::load()?)),
        Command::Demo(args) => {
            observed(demo::config()?, async |config, metrics| demo::run(config, &args, metrics).await)
        }
        Command::Serve(args) => {
            observed(Config::load()?, async |config, metrics| serve::run(config, &args, metrics).await)
        }
        Command::Worker => observed(Config::load()?, worker::run),
        Command::Check(args) => {
            observed(Config::load()?, async |config, metrics| check::run(config, &args, metrics).await)
        }
        Command::Sync(args) => {
            observed(Config::load()?, async |config, metrics| sync::run(config, args, metrics).await)
        }
        Command::Job(args) => observed(Config::load()?, async |config, metrics| job::run(config, &args, metrics).await),
        Command::Migrate => observed(Config::load()?, async |config, _| migrate::run(config).await),
        Command::Token(args) => observed(Config::load()?, async |config, _| token::run(config, args).await),
        Command::Import(args) => observed(Config::load()?, async |config, _| import::run(config, args).await),
    }
}

/// Runs a command between the start and the end of telemetry, which both lie outside of its runtime, and whatever becomes
/// of it.
fn observed(
    config: Config,
    command: impl AsyncFnOnce(Config, Arc<Metrics>) -> anyhow::Result<ExitCode>,
) -> anyhow::Result<ExitCode> {
    let telemetry = Telemetry::start(&config)?;
    let metrics = Arc::clone(&telemetry.metrics);
    let ended = runtime().and_then(|runtime| runtime.block_on(command(config, metrics)));
    telemetry.finish();
    ended
}

fn runtime() -> anyhow::Result<Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}

#[expect(clippy::print_stderr, reason = "the last word of a command that failed")]
fn fail(error: &anyhow::Error) -> ExitCode {
    eprintln!("aftercall: {error:#}");
    ExitCode::from(if error.is::<ConfigError>() { 2 } else { 1 })
}
