//! How a stage ends.

use std::time::Duration;

use crate::{
    clients::http::UpstreamError,
    domain::{
        call::Account,
        ids::EndpointId,
        payload::{CallData, DocumentLinks},
        summary::{Spent, Summary},
    },
};

/// What a stage that succeeded brought; committed together with the next stage's job.
#[derive(Debug)]
pub enum Effect {
    /// The transcript is there, and the call was with this customer.
    Fetched(Option<Account>),
    /// The summary, and what it took.
    Summarised(Box<Made>),
    /// Where the summary was filed, and what `call.documented` says.
    Documented(DocumentLinks, Box<CallData>),
    /// What `call.summarised` says, its intent, and who gets it beside those who asked for it.
    Notified(Box<CallData>, Option<String>, Vec<EndpointId>),
}

/// A summary, and how it came about.
#[derive(Debug)]
pub struct Made {
    /// The summary.
    pub summary: Summary,
    /// What a model took to make it.
    pub spent: Option<Spent>,
    /// Why the built-in summariser stepped in, for the record of the attempt.
    pub instead_of: Option<String>,
}

/// Why a stage did not succeed: decided where the error is understood.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// It may succeed when it is tried again.
    #[error("{0:#}")]
    Retry(anyhow::Error),
    /// What it needs is not there yet; waiting costs no retry.
    #[error("{why}")]
    Later {
        /// What is awaited.
        why: String,
        /// How long to wait.
        wait: Duration,
    },
    /// Trying again would not help.
    #[error("{0:#}")]
    Failed(anyhow::Error),
    /// The call must not or cannot be published.
    #[error("skipped: {0}")]
    Skipped(&'static str),
}

impl From<UpstreamError> for StageError {
    fn from(error: UpstreamError) -> Self {
        match error {
            UpstreamError::Retry(_) => Self::Retry(error.into()),
            UpstreamError::Later { why, wait } => Self::Later { why, wait },
            UpstreamError::Never(_) => Self::Failed(error.into()),
        }
    }
}

impl From<sqlx::Error> for StageError {
    fn from(error: sqlx::Error) -> Self {
        Self::Retry(error.into())
    }
}
