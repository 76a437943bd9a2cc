//! A recorded conversation, who took part, and which customer it was with.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{contacts, text};

/// What is known of a call, whichever source told it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Call {
    /// The source's id. Gong's are up to twenty digits, too long for an integer: always text.
    pub id: String,
    /// The title, if the call has one.
    pub title: Option<String>,
    /// The page of the call at the source.
    pub url: Option<String>,
    /// When the recording began.
    pub started_at: Option<DateTime<Utc>>,
    /// How long it lasted.
    pub duration_seconds: Option<i64>,
    /// ISO 639 code as the source gave it.
    pub language: Option<String>,
    /// A private call is never published.
    pub is_private: bool,
    /// Who took part.
    pub parties: Vec<Party>,
    /// The customer named by the CRM context, if there is one.
    pub crm_account: Option<Account>,
}

impl Call {
    /// Takes over what another telling of the same call knows: what is told later wins, but nothing known is forgotten
    /// for a telling that is silent about it, and what one of them says is private stays so.
    pub fn merge(&mut self, later: Self) {
        self.title = later.title.or(self.title.take());
        self.url = later.url.or(self.url.take());
        self.started_at = later.started_at.or(self.started_at);
        self.duration_seconds = later.duration_seconds.or(self.duration_seconds);
        self.language = later.language.or(self.language.take());
        self.is_private |= later.is_private;
        if !later.parties.is_empty() {
            self.parties = later.parties;
        }
        self.crm_account = later.crm_account.or(self.crm_account.take());
    }
}

/// Somebody who took part in a call.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Party {
    /// The key that the transcript's turns carry. Absent for those who did not speak.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speaker_id: Option<String>,
    /// The name, where the source knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Never leaves this service: no payload carries it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Whose side the party is on.
    #[serde(default)]
    pub side: Side,
}

/// Whether somebody works for us or for the customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// Our own people.
    Ours,
    /// The customer's.
    Theirs,
    /// The source does not say.
    #[default]
    Unknown,
}

/// The customer a call was with.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Account {
    /// The name people use.
    pub name: String,
    /// The number in the CRM, where it is known.
    pub number: Option<String>,
}

impl Account {
    /// As it goes out: people write addresses and numbers into any field of a CRM.
    #[must_use]
    pub fn without_contacts(&self) -> Self {
        Self {
            name: text::without_contacts(&self.name),
            number: self.number.as_deref().map(contacts::identifier_without_contacts),
        }
    }
}
