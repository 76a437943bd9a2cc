//! Log lines: to standard error for people or machines, and into daily files if asked for.

use std::io::IsTerminal;

use anyhow::Context;
use tracing_appender::{non_blocking::WorkerGuard, rolling};
use tracing_subscriber::{EnvFilter, Layer, fmt, layer::SubscriberExt, util::SubscriberInitExt};

use crate::config::{LogFormat, ServiceConfig};

/// Said of crates whatever `LOG_LEVEL` is: those that render mail log its text, those of SQL what is there already.
const QUIET: &[&str] = &["html5ever=off", "selectors=off", "css_inline=off", "sqlx::postgres::notice=warn"];
/// How many daily files are kept.
const LOG_FILES: usize = 14;

/// Writes out what is buffered when it is dropped.
pub struct LogGuard(Option<WorkerGuard>);

impl std::fmt::Debug for LogGuard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("LogGuard").field(&self.0.is_some()).finish()
    }
}

/// Starts logging for the whole process.
pub fn start_logs(config: &ServiceConfig) -> anyhow::Result<LogGuard> {
    let filter = || {
        let filter = EnvFilter::try_new(&config.log_level).context("LOG_LEVEL")?;
        QUIET.iter().try_fold(filter, |filter, directive| anyhow::Ok(filter.add_directive(directive.parse()?)))
    };
    let format =
        config.log_format.unwrap_or(if std::io::stderr().is_terminal() { LogFormat::Pretty } else { LogFormat::Json });
    let to_stderr = fmt::layer().with_writer(std::io::stderr);
    let to_stderr = match format {
        LogFormat::Json => to_stderr.json().flatten_event(true).with_span_list(false).boxed(),
        LogFormat::Pretty => to_stderr.with_ansi(std::io::stderr().is_terminal()).with_target(false).compact().boxed(),
    };
    let (to_files, guard) = match &config.log_dir {
        Some(dir) => {
            let files = rolling::Builder::new()
                .rotation(rolling::Rotation::DAILY)
                .filename_prefix("aftercall")
                .filename_suffix("json")
                .max_log_files(LOG_FILES)
                .build(dir)
                .with_context(|| format!("LOG_DIR: cannot write to {}", dir.display()))?;
            let (writer, guard) = tracing_appender::non_blocking(files);
            let layer = fmt::layer()
                .with_writer(writer)
                .json()
                .flatten_event(true)
                .with_span_list(false)
                .with_filter(filter()?);
            (Some(layer), Some(guard))
        }
        None => (None, None),
    };
    tracing_subscriber::registry().with(to_stderr.with_filter(filter()?)).with(to_files).init();
    Ok(LogGuard(guard))
}
