//! Log lines: to standard error for people or machines, and into daily files if asked for.
//!
//! Lines are written by threads of their own. When a disk is full or nobody reads what standard error leads to, lines are
//! lost and nothing waits: writing them where they arise would block the service, or end the request they are about.

use std::io::IsTerminal;

use anyhow::Context;
use tracing::{Level, Subscriber, level_filters::LevelFilter};
use tracing_appender::{non_blocking, non_blocking::WorkerGuard, rolling};
use tracing_subscriber::{
    EnvFilter, Layer,
    filter::{FilterExt, filter_fn},
    fmt,
    layer::Filter,
    registry::LookupSpan,
};

use crate::config::{LogFormat, ServiceConfig};

/// Said of crates whatever `LOG_LEVEL` is: those that render mail log its text, those of SQL what is there already.
const QUIET: &[&str] = &["html5ever=off", "selectors=off", "css_inline=off", "sqlx::postgres::notice=warn"];
/// How many daily files are kept.
const LOG_FILES: usize = 14;

/// Writes out what is buffered when it is dropped, and waits for that a second at most.
pub(super) struct LogGuard {
    _stderr: WorkerGuard,
    _files: Option<WorkerGuard>,
}

/// A layer of log lines.
pub(super) type Lines<S> = Box<dyn Layer<S> + Send + Sync>;

/// What is logged at all.
pub(super) fn filter(config: &ServiceConfig) -> anyhow::Result<EnvFilter> {
    let filter = EnvFilter::try_new(&config.log_level).context("LOG_LEVEL")?;
    QUIET.iter().try_fold(filter, |filter, directive| Ok(filter.add_directive(directive.parse()?)))
}

/// What lines are written of. Spans that only traces are made of are left out: with one around it, a line would tell of
/// that one instead of the work it is part of, whose trace it carries.
fn lines<S>(config: &ServiceConfig) -> anyhow::Result<impl Filter<S> + Send + Sync + use<S>> {
    let work = filter_fn(|metadata| metadata.is_event() || *metadata.level() <= Level::INFO);
    Ok(filter(config)?.and(work.with_max_level_hint(LevelFilter::TRACE)))
}

/// The layers that write to standard error and into files.
pub(super) fn layers<S, T>(config: &ServiceConfig) -> anyhow::Result<(Lines<S>, Option<Lines<T>>, LogGuard)>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    T: Subscriber + for<'span> LookupSpan<'span>,
{
    let terminal = std::io::stderr().is_terminal();
    let (writer, stderr) = tracing_appender::non_blocking(std::io::stderr());
    let to_stderr = match config.log_format.unwrap_or(if terminal { LogFormat::Pretty } else { LogFormat::Json }) {
        LogFormat::Json => json(writer).with_filter(lines(config)?).boxed(),
        LogFormat::Pretty => {
            let layer = fmt::layer().with_writer(writer).with_ansi(terminal).with_target(false).compact();
            layer.with_filter(lines(config)?).boxed()
        }
    };
    let Some(dir) = &config.log_dir else {
        return Ok((to_stderr, None, LogGuard { _stderr: stderr, _files: None }));
    };
    let files = rolling::Builder::new()
        .rotation(rolling::Rotation::DAILY)
        .filename_prefix("aftercall")
        .filename_suffix("json")
        .max_log_files(LOG_FILES)
        .build(dir)
        .with_context(|| format!("LOG_DIR: cannot write to {}", dir.display()))?;
    let (writer, files) = tracing_appender::non_blocking(files);
    let to_files = json(writer).with_filter(lines(config)?).boxed();
    Ok((to_stderr, Some(to_files), LogGuard { _stderr: stderr, _files: Some(files) }))
}

/// One object a line: the fields of the event, and the innermost span with its own.
fn json<S>(writer: non_blocking::NonBlocking) -> impl Layer<S> + Send + Sync
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    fmt::layer().with_writer(writer).json().flatten_event(true).with_span_list(false)
}
