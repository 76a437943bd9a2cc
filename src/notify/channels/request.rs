//! What is sent, and how that is told to people: the request of a delivery is made of what is stored, so the same functions
//! that send it can say later what was sent.

use chrono::{DateTime, Utc};
use http::{HeaderMap, HeaderName, header};
use serde::Serialize;
use serde_json::Value;
use url::{Position, Url};

use crate::{
    clients::egress::USER_AGENT,
    db::deliveries::{ClaimedDelivery, StoredDelivery},
    domain::{
        endpoint::EndpointChannel,
        ids::{DeliveryId, EventId},
    },
};

/// What stands for a value that is not told.
const HIDDEN: &str = "[hidden]";

/// An event on its way to one endpoint: what its request is made of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outgoing<'a> {
    pub(super) id: DeliveryId,
    pub(super) tenant: &'a str,
    pub(super) kind: EndpointChannel,
    pub(super) event_id: EventId,
    pub(super) event_type: &'a str,
    pub(super) intent: Option<&'a str>,
    pub(super) data: &'a Value,
    pub(super) event_created_at: DateTime<Utc>,
}

impl<'a> From<&'a ClaimedDelivery> for Outgoing<'a> {
    fn from(delivery: &'a ClaimedDelivery) -> Self {
        Self {
            id: delivery.id,
            tenant: &delivery.tenant,
            kind: delivery.kind,
            event_id: delivery.event_id,
            event_type: &delivery.event_type,
            intent: delivery.intent.as_deref(),
            data: &delivery.data,
            event_created_at: delivery.event_created_at,
        }
    }
}

impl<'a> From<&'a StoredDelivery> for Outgoing<'a> {
    fn from(delivery: &'a StoredDelivery) -> Self {
        Self {
            id: delivery.id,
            tenant: &delivery.tenant,
            kind: delivery.kind,
            event_id: delivery.event_id,
            event_type: &delivery.event_type,
            intent: delivery.intent.as_deref(),
            data: &delivery.data,
            event_created_at: delivery.event_created_at,
        }
    }
}

/// A request as people may see it: no credential of ours or of the receiver's is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SentRequest {
    /// What was done and where: `POST https://crm.example.com/hooks/aftercall`.
    pub line: String,
    /// The headers, each with its value or with `[hidden]`.
    pub headers: Vec<SentHeader>,
    /// The body, laid out for reading.
    pub body: String,
    /// How long the body is as it was sent.
    pub body_bytes: usize,
    /// Whether it is what was sent to the letter. If not, the endpoint was changed since: its present settings are told.
    pub is_exact: bool,
}

/// A header of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SentHeader {
    /// Its name, in lower case unless it is one of mail.
    pub name: String,
    /// Its value.
    pub value: String,
}

impl SentHeader {
    pub(super) fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { name: name.into(), value: value.into() }
    }
}

/// Tells a POST. Where it leads is told up to what may be secret: a Slack URL is a credential, and so may a query be.
/// Headers that an administrator added are told by name.
pub(super) fn posted(
    kind: EndpointChannel,
    target: &str,
    headers: &HeaderMap,
    is_secret: impl Fn(&HeaderName) -> bool,
    body: String,
    body_bytes: usize,
) -> SentRequest {
    let told = |(name, value): (&HeaderName, &http::HeaderValue)| {
        let value = if is_secret(name) { HIDDEN } else { value.to_str().unwrap_or(HIDDEN) };
        SentHeader::new(name.as_str(), value)
    };
    let own = [SentHeader::new(header::USER_AGENT.as_str(), USER_AGENT)];
    SentRequest {
        line: format!("POST {}", shown_url(kind, target)),
        headers: headers.iter().map(told).chain(own).collect(),
        body,
        body_bytes,
        is_exact: true,
    }
}

fn shown_url(kind: EndpointChannel, target: &str) -> String {
    let Ok(url) = Url::parse(target) else { return HIDDEN.to_owned() };
    match kind {
        EndpointChannel::Slack => format!("{}/…", &url[..Position::BeforePath]),
        _ if url.query().is_some() => format!("{}?…", &url[..Position::AfterPath]),
        _ => url[..Position::AfterPath].to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_it_leads_is_told_without_what_may_be_secret() {
        let told = [
            (EndpointChannel::Slack, "https://hooks.slack.com/services/T0/B0/xyz", "https://hooks.slack.com/…"),
            (EndpointChannel::Webhook, "https://crm.example.com/hook?key=1", "https://crm.example.com/hook?…"),
            (EndpointChannel::Webhook, "https://crm.example.com:8443/hook#x", "https://crm.example.com:8443/hook"),
        ];
        for (kind, target, shown) in told {
            assert_eq!(shown_url(kind, target), shown);
        }
    }
}
