//! Where notifications go.

use std::{collections::BTreeMap, fmt, str::FromStr};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::run::UnknownWord;

/// The channel of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum EndpointChannel {
    /// A Slack incoming webhook.
    Slack,
    /// A mailbox.
    Email,
    /// A signed webhook.
    Webhook,
}

impl EndpointChannel {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Slack, Self::Email, Self::Webhook];

    /// The name in the API and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Slack => "slack",
            Self::Email => "email",
            Self::Webhook => "webhook",
        }
    }
}

impl FromStr for EndpointChannel {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or_else(|| UnknownWord(text.to_owned()))
    }
}

/// What of an endpoint is sealed at rest: a Slack URL is a credential and a mailbox is personal data.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointSecrets {
    /// The URL or the mailbox.
    pub target: String,
    /// What webhooks are signed with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// What they were signed with before: it signs too until its time is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<PreviousSecret>,
    /// Headers that an administrator added.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
}

/// A secret that was rotated away.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviousSecret {
    /// The secret.
    pub secret: String,
    /// Until when it signs.
    pub valid_until: DateTime<Utc>,
}

impl EndpointSecrets {
    /// What webhooks are signed with at a time, the present secret first.
    pub fn signing(&self, now: DateTime<Utc>) -> impl Iterator<Item = &str> {
        let previous = self.previous.as_ref().filter(|previous| now < previous.valid_until);
        self.secret.as_deref().into_iter().chain(previous.map(|previous| previous.secret.as_str()))
    }
}

impl fmt::Debug for EndpointSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EndpointSecrets([REDACTED])")
    }
}

/// From so many failures in a row on, an endpoint gets one delivery at a time (enough to see whether it is back), and its
/// next success is told of.
pub const FAILING_FROM: i32 = 3;

/// From so many failures in a row on, the breaker of an endpoint opens: only a probe now and then is sent.
pub const OPENS_FROM: i32 = 5;

/// How an endpoint is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum HealthState {
    /// The last try succeeded, or there was none.
    Ok,
    /// The last tries failed.
    Failing,
    /// So many failed that only a probe now and then is sent.
    Open,
    /// Nothing is sent to it.
    Disabled,
}

/// Why an endpoint or its deliveries were stopped; part of the API.
pub mod disabled_reason {
    /// The receiver answered 410 Gone.
    pub const GONE: &str = "gone";
    /// Nothing but failures for five days.
    pub const FAILING: &str = "failing_for_5_days";
    /// An administrator disabled it.
    pub const ADMIN: &str = "disabled_by_admin";
    /// The error of deliveries that waited when their endpoint was disabled.
    pub const DELIVERY: &str = "endpoint_disabled";
}
