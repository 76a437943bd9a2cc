//! The jobs by name: what `job run` and `POST …/jobs/{name}` start.

use std::str::FromStr;

use clap::ValueEnum;

use super::{retention, sweep};
use crate::{
    app::App,
    domain::run::UnknownWord,
    intake::gong::{PollError, Polled},
};

/// A scheduled job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Job {
    /// Ask Gong for calls that no callback told of
    Poll,
    /// Remove history that is older than it shall be kept
    Retention,
    /// Look for work that would wait for ever
    Sweep,
}

/// Why a job did not end well.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// Nothing is configured that could be polled.
    #[error("GONG_POLLING is off: nothing is polled")]
    PollingOff,
    /// Gong was not read to the end.
    #[error(transparent)]
    Poll(#[from] PollError),
    /// The database did not take it.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

impl Job {
    const ALL: [Self; 3] = [Self::Poll, Self::Retention, Self::Sweep];

    /// The name in the API and on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Poll => "poll",
            Self::Retention => "retention",
            Self::Sweep => "sweep",
        }
    }
}

impl FromStr for Job {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        Self::ALL.into_iter().find(|job| job.as_str() == text).ok_or_else(|| UnknownWord(text.to_owned()))
    }
}

/// Runs a job once, whether it is due or not, and says what it did.
pub async fn run(app: &App, job: Job) -> Result<String, JobError> {
    let now = app.clock.now();
    match job {
        Job::Poll => {
            let poller = app.poller.as_ref().ok_or(JobError::PollingOff)?;
            Ok(match poller.poll(true).await? {
                Polled::NotNow => "another process polls at this moment".to_owned(),
                Polled::Done { listed, new } => format!("listed {listed} calls, {new} of them new"),
            })
        }
        Job::Retention => {
            let purged = retention(&app.pool, &app.config.retention, now).await?;
            Ok(format!(
                "removed {} deliveries, {} events, {} transcripts, {} calls, {} audit entries, {} rows of tenants that left",
                purged.deliveries, purged.events, purged.transcripts, purged.calls, purged.audit, purged.departed
            ))
        }
        Job::Sweep => Ok(format!("found {}", sweep(&app.pool, now).await?)),
    }
}
