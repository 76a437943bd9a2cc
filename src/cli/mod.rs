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

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{Config, ConfigError};

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
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error.into()),
    };
    match runtime.block_on(dispatch(command)) {
        Ok(code) => code,
        Err(error) => fail(&error),
    }
}

async fn dispatch(command: Command) -> anyhow::Result<ExitCode> {
    if let Command::Openapi = command {
        return openapi::run();
    }
    let config = match &command {
        Command::Demo(_) => Config::load_without(demo::IGNORED)?,
        _ => Config::load()?,
    };
    match command {
        Command::Serve(args) => serve::run(config, &args).await,
        Command::Worker => worker::run(config).await,
        Command::Demo(args) => demo::run(config, &args).await,
        Command::Migrate => migrate::run(config).await,
        Command::Check(args) => check::run(config, &args).await,
        Command::Sync(args) => sync::run(config, args).await,
        Command::Job(args) => job::run(config, &args).await,
        Command::Token(args) => token::run(config, args).await,
        Command::Import(args) => import::run(config, args).await,
        Command::Healthcheck => healthcheck::run(&config).await,
        Command::Openapi => openapi::run(),
    }
}

#[expect(clippy::print_stderr, reason = "the last word of a command that failed")]
fn fail(error: &anyhow::Error) -> ExitCode {
    eprintln!("aftercall: {error:#}");
    ExitCode::from(if error.is::<ConfigError>() { 2 } else { 1 })
}
