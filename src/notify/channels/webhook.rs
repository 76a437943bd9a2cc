//! Signed webhooks: JSON with both signatures of INTERFACE §7.

use chrono::{DateTime, Utc};
use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::{Channels, Outcome, judge};
use crate::{
    db::deliveries::ClaimedDelivery,
    domain::{endpoint::EndpointSecrets, payload::Envelope, signature},
};

pub(super) async fn send(channels: &Channels, delivery: &ClaimedDelivery, secrets: &EndpointSecrets) -> Outcome {
    let body = body(delivery);
    let Some(headers) = headers(delivery, secrets, channels.clock.now(), &body) else {
        return Outcome::failed("one of the endpoint's headers cannot be sent");
    };
    let answer = channels.egress.post(&secrets.target, headers, body.into(), channels.timeout).await;
    judge(answer, channels.clock.now())
}

/// The same bytes on every try: they are built from what is stored.
fn body(delivery: &ClaimedDelivery) -> Vec<u8> {
    let envelope = Envelope {
        id: delivery.event_id.to_string(),
        event_type: &delivery.event_type,
        timestamp: delivery.event_created_at,
        tenant: &delivery.tenant,
        intent: delivery.intent.as_deref(),
        data: &delivery.data,
    };
    serde_json::to_vec(&envelope).expect("plain data always becomes JSON")
}

fn headers(
    delivery: &ClaimedDelivery,
    secrets: &EndpointSecrets,
    now: DateTime<Utc>,
    body: &[u8],
) -> Option<HeaderMap> {
    let timestamp = now.timestamp();
    let mut headers = HeaderMap::new();
    for (name, value) in &secrets.headers {
        headers.insert(HeaderName::try_from(name).ok()?, HeaderValue::from_str(value).ok()?);
    }
    let id = delivery.event_id.to_string();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert("x-event", HeaderValue::from_str(&delivery.event_type).ok()?);
    headers.insert("webhook-id", HeaderValue::from_str(&id).ok()?);
    headers.insert("webhook-timestamp", HeaderValue::from(timestamp));
    if let Some(secret) = &secrets.secret {
        let signatures: Vec<String> =
            secrets.signing(now).map(|secret| signature::standard(secret, &id, timestamp, body)).collect();
        headers.insert("webhook-signature", HeaderValue::from_str(&signatures.join(" ")).ok()?);
        headers.insert("x-signature", HeaderValue::from_str(&signature::plain(secret, body)).ok()?);
    }
    Some(headers)
}
