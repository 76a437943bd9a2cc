//! `sync gong`: reads calls and transcripts from the Gong API.

use std::{
    io::{IsTerminal, Write, stderr, stdout},
    num::NonZeroUsize,
    process::ExitCode,
    sync::Arc,
};

use anyhow::Context;
use chrono::{DateTime, NaiveDate, Utc};
use clap::Subcommand;
use indicatif::{ProgressBar, ProgressStyle};
use tokio_util::sync::CancellationToken;

use super::session::Session;
use crate::{
    app::App,
    config::{Config, ConfigError, Problem},
    intake::gong::{Sync, SyncMode, SyncPlan, SyncProgress},
    lifecycle::Shutdown,
    telemetry::Metrics,
};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    source: Source,
}

#[derive(Debug, Subcommand)]
enum Source {
    /// Read calls from the Gong API; one that was stopped goes on where it was
    Gong(GongArgs),
}

#[derive(Debug, clap::Args)]
struct GongArgs {
    /// How much is read
    #[arg(long, value_enum, default_value_t = SyncMode::Incremental)]
    mode: SyncMode,
    /// From this day or time on (2031-05-06, or RFC 3339)
    #[arg(long, value_parser = moment)]
    from: Option<DateTime<Utc>>,
    /// Up to this day or time, exclusive
    #[arg(long, value_parser = moment)]
    to: Option<DateTime<Utc>>,
    /// Leave the transcripts out
    #[arg(long)]
    no_transcripts: bool,
    /// Also start a run for each call that has none; running workers take it up
    #[arg(long)]
    process: bool,
    /// How many calls are asked for in one request
    #[arg(long, default_value = "50", value_parser = clap::value_parser!(u8).range(1..=100))]
    batch_size: u8,
}

/// Reads, shows how far it is, and says what it brought.
pub async fn run(config: Config, args: Args, metrics: Arc<Metrics>) -> anyhow::Result<ExitCode> {
    let Source::Gong(args) = args.source;
    if config.gong.api.is_none() {
        let text = "must be given, with GONG_ACCESS_KEY_SECRET, for sync gong".to_owned();
        return Err(ConfigError(vec![Problem { variable: "GONG_ACCESS_KEY".to_owned(), text }]).into());
    }
    if let (Some(from), Some(to)) = (args.from, args.to)
        && from >= to
    {
        let text = format!("must be before --to: {from} is not before {to}");
        return Err(ConfigError(vec![Problem { variable: "--from".to_owned(), text }]).into());
    }
    let stop = Shutdown::on_signals(config.service.shutdown_timeout)?.soft;
    let session = Session::open(&config).await?;
    let port = config.service.bind.port();
    let app = App::new(config, session.pool.clone(), session.clock.clone(), metrics, port)?;
    let done = sync(&app, &args, stop).await;
    app.wake.tell_others(&app.pool).await;
    drop(app);
    session.close().await;
    let SyncProgress { listed, stored, transcripts, runs, .. } = done?;
    writeln!(stdout(), "listed {listed} calls, stored {stored} and {transcripts} transcripts, started {runs} runs")?;
    Ok(ExitCode::SUCCESS)
}

async fn sync(app: &App, args: &GongArgs, stop: CancellationToken) -> anyhow::Result<SyncProgress> {
    let api =
        app.systems.gong_in_background.clone().context("GONG_ACCESS_KEY and GONG_ACCESS_KEY_SECRET are not given")?;
    let sync = Sync {
        pool: app.pool.clone(),
        clock: app.clock.clone(),
        intake: app.intake.clone(),
        api,
        batch: NonZeroUsize::new(args.batch_size.into()).context("--batch-size must be at least 1")?,
        stop,
    };
    let plan = SyncPlan {
        mode: args.mode,
        from: args.from,
        to: args.to,
        transcripts: !args.no_transcripts,
        process: args.process,
    };
    let mut display = Display::new();
    let done = sync.run(plan, |progress| display.show(progress)).await;
    display.end();
    Ok(done?)
}

/// A bar at a terminal, and a line now and then elsewhere.
enum Display {
    Bar(ProgressBar),
    Lines { shown: u16 },
}

impl Display {
    fn new() -> Self {
        if !stderr().is_terminal() {
            return Self::Lines { shown: 0 };
        }
        let bar = ProgressBar::new(1000);
        let style = ProgressStyle::with_template("{bar:40} {percent:>3}% {elapsed_precise} {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self::Bar(bar)
    }

    fn show(&mut self, progress: SyncProgress) {
        let SyncProgress { listed, stored, transcripts, permille, resumed, .. } = progress;
        let resumed = if resumed { " (resumed)" } else { "" };
        let text = format!("{listed} listed, {stored} stored, {transcripts} transcripts{resumed}");
        match self {
            Self::Bar(bar) => {
                bar.set_position(permille.into());
                bar.set_message(text);
            }
            Self::Lines { shown } if permille >= *shown + 50 || permille == 1000 => {
                *shown = permille;
                let _ = writeln!(stderr(), "{:>3} % {text}", permille / 10); // nobody may be listening
            }
            Self::Lines { .. } => {}
        }
    }

    fn end(self) {
        if let Self::Bar(bar) = self {
            bar.abandon();
        }
    }
}

/// A day begins at midnight UTC.
fn moment(text: &str) -> Result<DateTime<Utc>, String> {
    let day = text.parse::<NaiveDate>().ok().and_then(|day| day.and_hms_opt(0, 0, 0)).map(|start| start.and_utc());
    day.or_else(|| DateTime::parse_from_rfc3339(text).ok().map(|at| at.to_utc()))
        .ok_or_else(|| "a day such as 2031-05-06, or a time such as 2031-05-06T09:30:00Z".to_owned())
}
