//! How a stage ends.

use std::time::Duration;

use crate::domain::{
    call::Account,
    payload::{CallData, DocumentLinks},
    summary::Summary,
};

/// What a stage that succeeded brought; committed together with the next stage's job.
#[derive(Debug)]
pub enum Effect {
    /// The transcript is there, and the call was with this customer.
    Fetched(Option<Account>),
    /// The summary.
    Summarised(Summary),
    /// Where the summary was filed, and what `call.documented` says.
    Documented(DocumentLinks, Box<CallData>),
    /// What `call.summarised` says, and its intent.
    Notified(Box<CallData>, Option<String>),
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
        why: &'static str,
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

impl From<sqlx::Error> for StageError {
    fn from(error: sqlx::Error) -> Self {
        Self::Retry(error.into())
    }
}
