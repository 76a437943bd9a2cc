//! One event on its way to one endpoint.

use std::{str::FromStr, time::Duration};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::run::UnknownWord;

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum DeliveryStatus {
    /// Not tried yet.
    Pending,
    /// Tried without success, will be tried again.
    Retrying,
    /// The endpoint took it.
    Sent,
    /// Given up; can be sent again by hand.
    Failed,
    /// The endpoint did not ask for it.
    Filtered,
}

impl DeliveryStatus {
    /// All of them, in the order of a delivery's life.
    pub const ALL: [Self; 5] = [Self::Pending, Self::Retrying, Self::Sent, Self::Failed, Self::Filtered];

    /// The name in the API and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Retrying => "retrying",
            Self::Sent => "sent",
            Self::Failed => "failed",
            Self::Filtered => "filtered",
        }
    }
}

impl FromStr for DeliveryStatus {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        Self::ALL.into_iter().find(|status| status.as_str() == text).ok_or_else(|| UnknownWord(text.to_owned()))
    }
}

/// One try at a delivery, as it is recorded.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// How long it took.
    pub duration_ms: i64,
    /// The HTTP or SMTP status, if there was an answer.
    pub status_code: Option<i32>,
    /// What went wrong, without any secret in it.
    pub error: Option<String>,
    /// The beginning of what the receiver answered.
    pub response_excerpt: Option<String>,
    /// What follows from it.
    pub verdict: Verdict,
}

/// What an answer means for the delivery (INTERFACE §7, "Answers").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The receiver took it.
    Sent,
    /// Try again when the schedule says.
    Retry,
    /// Try again after this long; costs no retry.
    Later(Duration),
    /// Trying again would not help.
    Failed,
    /// The receiver is gone for good: the endpoint is disabled.
    Gone,
}
