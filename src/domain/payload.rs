//! The `data` of the events about calls, as it goes out (INTERFACE §7). Fields may be added, none renamed.
//!
//! No e-mail address and no phone number gets in here: parties are left out altogether, and free text passes
//! [`text::without_contacts`].

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{
    call::{Account, Call},
    contacts,
    ids::RunId,
    run::Stage,
    summary::{ActionItem, Summary},
    text,
};

/// `data` of `call.received`, `.summarised`, `.documented`, `.failed` and `.skipped`: what is known at that point.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CallData {
    /// The call.
    pub call: CallFacts,
    /// Its summary, once there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary: Option<SummaryFacts>,
    /// Where the summary was filed, once it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub documents: Option<DocumentLinks>,
    /// The run.
    #[schema(value_type = String)]
    pub run_id: RunId,
    /// Why the call was skipped or failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The stage that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage: Option<Stage>,
}

/// A call, without its people.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CallFacts {
    /// The source's id.
    pub id: String,
    /// The title.
    pub title: Option<String>,
    /// The page of the call at the source.
    pub url: Option<String>,
    /// When it began.
    pub started_at: Option<DateTime<Utc>>,
    /// How long it lasted.
    pub duration_seconds: Option<i64>,
    /// The customer, once known.
    pub account: Option<Account>,
}

/// A summary as it goes out.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SummaryFacts {
    /// One line.
    pub headline: String,
    /// A paragraph or two.
    pub text: String,
    /// Most important first.
    pub key_points: Vec<String>,
    /// Who promised what.
    pub action_items: Vec<ActionItem>,
    /// What may go wrong.
    pub risks: Vec<String>,
    /// −1 to 1.
    pub sentiment: f64,
    /// ISO 639-1.
    pub language: String,
    /// Who made it.
    pub provider: String,
}

/// Where an account's documents are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DocumentLinks {
    /// The account's folder.
    pub folder_url: String,
    /// "Call Summary".
    pub summary_url: String,
    /// "Summary Log".
    pub log_url: String,
}

impl CallData {
    /// The call alone; what more is known is added by the caller.
    #[must_use]
    pub fn new(call: &Call, account: Option<&Account>, run_id: RunId) -> Self {
        let account = account.map(Account::without_contacts);
        let call = CallFacts {
            id: call.id.clone(),
            title: call.title.as_deref().map(text::without_contacts),
            url: call.url.as_deref().map(contacts::link_without_contacts),
            started_at: call.started_at,
            duration_seconds: call.duration_seconds,
            account,
        };
        Self { call, summary: None, documents: None, run_id, reason: None, stage: None }
    }

    /// As JSON.
    #[must_use]
    pub fn to_value(&self) -> Value {
        serde_json::to_value(self).expect("plain data always becomes JSON")
    }
}

impl From<&Summary> for SummaryFacts {
    fn from(summary: &Summary) -> Self {
        let clean = |list: &[String]| list.iter().map(|item| text::without_contacts(item)).collect();
        let action = |item: &ActionItem| ActionItem {
            owner: item.owner.as_deref().map(text::without_contacts),
            text: text::without_contacts(&item.text),
        };
        Self {
            headline: text::without_contacts(&summary.headline),
            text: text::without_contacts(&summary.text),
            key_points: clean(&summary.key_points),
            action_items: summary.action_items.iter().map(action).collect(),
            risks: clean(&summary.risks),
            sentiment: summary.sentiment,
            language: summary.language.clone(),
            provider: summary.provider.clone(),
        }
    }
}

/// The body of a webhook (INTERFACE §7). Built from what is stored, so every retry carries the same bytes.
#[derive(Debug, Serialize, ToSchema)]
pub struct Envelope<'a> {
    /// The event's id.
    #[schema(example = "evt_019a3c5e8f7b7c3e9d2a1b4c5d6e7f80")]
    pub id: String,
    /// The event's type.
    #[serde(rename = "type")]
    pub event_type: &'a str,
    /// When it happened.
    pub timestamp: DateTime<Utc>,
    /// Whose it is.
    pub tenant: &'a str,
    /// Its intent, if it has one.
    pub intent: Option<&'a str>,
    /// What happened.
    pub data: &'a Value,
}
