//! `demo`: the whole main job on this machine, with nothing configured.
//!
//! Everything between the rims is production code: the server, the workers, the private database. The demo only plays
//! the sender (it signs callbacks with a key of its own) and the receivers (on loopback), and tells what it sees through
//! the same API that everybody has.

mod api;
mod conversations;
mod receiver;
mod sender;
mod story;

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use anyhow::Context;
use secrecy::ExposeSecret;
use tokio::net::TcpListener;

use self::{api::Api, receiver::Receiver, sender::Sender, story::Story};
use super::session::Session;
use crate::{
    app::App,
    config::{Config, ConfigError},
    http,
    intake::import::import,
    lifecycle::{self, Shutdown},
    telemetry::Metrics,
};

/// Variables that the demo leaves alone, so that it runs on embedded defaults whatever is configured.
const IGNORED: &[&str] = &[
    "ACCOUNT_MAIL",
    "ASSISTANT_ID",
    "DATABASE_URL",
    "EXTRA_CA_FILE",
    "FROM_EMAIL",
    "GONG_ACCESS_KEY",
    "GONG_ACCESS_KEY_SECRET",
    "GONG_API_URL",
    "GONG_POLLING",
    "GONG_POLL_OVERLAP",
    "GOOGLE_API_URL",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "GOOGLE_CREDS_JSON",
    "GOOGLE_DRIVE_FOLDER_ID",
    "GOOGLE_IMPERSONATE",
    "OPENAI_API",
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
    "OPENAI_INPUT_TOKENS",
    "OPENAI_MODEL",
    "OTEL_*",
    "POLL_INTERVAL",
    "PUBLIC_URL",
    "SMTP_HOST",
    "SMTP_PASSWORD",
    "SMTP_PORT",
    "SMTP_TLS",
    "SMTP_USER",
    "SNOWFLAKE_ACCOUNT",
    "SNOWFLAKE_AUTHENTICATOR",
    "SNOWFLAKE_DATABASE",
    "SNOWFLAKE_PASSWORD",
    "SNOWFLAKE_PRIVATE_KEY_PATH",
    "SNOWFLAKE_QUERY_PATH",
    "SNOWFLAKE_ROLE",
    "SNOWFLAKE_SCHEMA",
    "SNOWFLAKE_TOKEN",
    "SNOWFLAKE_URL",
    "SNOWFLAKE_USER",
    "SNOWFLAKE_WAREHOUSE",
    "SUMMARY_FALLBACK",
    "SUMMARY_INSTRUCTIONS_PATH",
    "SUMMARY_INTENTS_PATH",
    "TRANSCRIPT_SOURCE",
];
/// The result has to be there by then.
const PATIENCE: Duration = Duration::from_mins(1);

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Exit when the result is there: 0, or 1 if it is not within 60 seconds
    #[arg(long)]
    once: bool,
}

/// The configuration of the demo, whatever else is configured.
pub fn config() -> Result<Config, ConfigError> {
    let mut config = Config::load_without(IGNORED)?;
    if config.service.log_level == "info" {
        "warn".clone_into(&mut config.service.log_level); // the story is the output
    }
    Ok(config)
}

/// Runs the demo, and then stays up until a signal unless told otherwise.
pub async fn run(mut config: Config, args: &Args, metrics: Arc<Metrics>) -> anyhow::Result<ExitCode> {
    let sender = Sender::new()?;
    adapt(&mut config, &sender);
    let shutdown = Shutdown::on_signals(config.service.shutdown_timeout)?;
    let story = Story::begin(&config)?;
    let listener = listen(config.service.bind).await?;
    let address = listener.local_addr()?;
    let session = Session::open(&config).await?;
    let app = App::new(config, session.pool.clone(), session.clock.clone(), metrics, address.port())?;
    let workers = lifecycle::start_workers(&app, &shutdown);
    let server = tokio::spawn(http::server::serve(listener, http::router(Arc::clone(&app)), shutdown.clone()));

    api::remove_endpoints(&app).await?; // of a demo that was killed
    let told = tokio::select! {
        told = tokio::time::timeout(PATIENCE, tell(&app, address, &sender, &story)) => {
            told.unwrap_or_else(|_| Err(anyhow::anyhow!("the result was not there within {PATIENCE:?}")))
        }
        () = shutdown.soft.cancelled() => Err(anyhow::anyhow!("stopped before the result was there")),
    };
    if told.is_ok() && !args.once {
        Story::stays_up(address, app.admin_token.expose_secret())?;
        shutdown.soft.cancelled().await;
    }
    // Their receiver ends with this process; a later `serve` must not go on sending there.
    let removed = api::remove_endpoints(&app).await;
    shutdown.soft.cancel();
    let _ = server.await;
    workers.close();
    workers.wait().await;
    drop(app);
    session.close().await;
    told.and(removed).map(|()| ExitCode::SUCCESS)
}

/// The demo's own settings: its key proves its callbacks, its receivers may be on loopback, it listens there only.
fn adapt(config: &mut Config, sender: &Sender) {
    config.gong.public_keys = vec![sender.public_key.clone()];
    config.egress.allow_http = true;
    config.egress.allowed_networks.push(ipnet::IpNet::from(IpAddr::V4(Ipv4Addr::LOCALHOST)));
    config.service.bind.set_ip(Ipv4Addr::LOCALHOST.into());
}

/// The configured port, or any other if somebody has it.
async fn listen(bind: SocketAddr) -> anyhow::Result<TcpListener> {
    match TcpListener::bind(bind).await {
        Ok(listener) => Ok(listener),
        Err(_) => TcpListener::bind((bind.ip(), 0)).await.context("cannot listen on loopback"),
    }
}

/// Plays the demo and tells it.
async fn tell(app: &App, address: SocketAddr, sender: &Sender, story: &Story) -> anyhow::Result<()> {
    let api = Api::new(address, app.admin_token.expose_secret())?;
    let receiver = Receiver::start().await?;
    story.up(address)?;

    let endpoints = api.register_endpoints(&receiver).await?;
    receiver.expect_signatures(&endpoints.webhook_secret);
    story.endpoints(&receiver)?;

    let folder = app.config.service.data_dir.join("demo");
    let conversations = conversations::fresh(&folder)?;
    let imported = import(&app.pool, "default", &[folder], app.clock.now()).await?;
    anyhow::ensure!(imported.problems.is_empty(), "a bundled conversation cannot be read: {:?}", imported.problems);
    story.imported(imported.transcripts)?;

    let (first, others) = conversations.split_first().context("there are no bundled conversations")?;
    let run_id = api.post_callback(sender, first).await?;
    story.accepted(&first.title, &run_id)?;
    story.watch(&api, &run_id).await?;
    let mut runs = vec![(first, run_id)];
    for other in others {
        runs.push((other, api.post_callback(sender, other).await?));
    }
    for (_, run_id) in &runs {
        api.ended_run(run_id).await?;
    }
    let log = api.settled_log(&endpoints).await?;

    story.summary(&api.recorded_call(&first.call_id).await?)?;
    story.others(&api, &runs[1..]).await?;
    story.arrivals(&receiver, &log)?;
    story.log(&log, &first.call_id)?;
    story.places(&app.config)?;
    receiver.verified()
}
