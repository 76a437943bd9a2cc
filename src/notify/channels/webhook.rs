//! Signed webhooks: JSON with both signatures of INTERFACE §7.

use chrono::{DateTime, Utc};
use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::{
    Channels, Outcome, judge,
    request::{Outgoing, SentRequest, posted},
};
use crate::{
    domain::{endpoint::EndpointSecrets, payload::Envelope, signature},
    telemetry::traces,
};

pub(super) async fn send(
    channels: &Channels,
    delivery: Outgoing<'_>,
    secrets: &EndpointSecrets,
    now: DateTime<Utc>,
) -> Outcome {
    let body = body(delivery);
    let Some(mut headers) = headers(delivery, secrets, now, &body) else {
        return Outcome::failed("one of the endpoint's headers cannot be sent");
    };
    // Not signed, and not part of what is described: it says where the attempt stands in our traces, if we make any.
    headers.extend(traces::traceparent().map(|value| (traces::TRACEPARENT, value)));
    let answer = channels.egress.post(&secrets.target, headers, body.into(), channels.timeout).await;
    judge(answer, channels.clock.now())
}

/// Tells what [`send`] sends at a time.
pub(super) fn describe(delivery: Outgoing<'_>, secrets: &EndpointSecrets, at: DateTime<Utc>) -> Option<SentRequest> {
    let body = body(delivery);
    let headers = headers(delivery, secrets, at, &body)?;
    let added = |name: &HeaderName| secrets.headers.keys().any(|added| added.eq_ignore_ascii_case(name.as_str()));
    let shown = serde_json::to_string_pretty(&envelope(delivery)).ok()?;
    Some(posted(delivery.kind, &secrets.target, &headers, added, shown, body.len()))
}

/// The same bytes on every try: they are built from what is stored.
fn body(delivery: Outgoing<'_>) -> Vec<u8> {
    serde_json::to_vec(&envelope(delivery)).expect("plain data always becomes JSON")
}

fn envelope(delivery: Outgoing<'_>) -> Envelope<'_> {
    Envelope {
        id: delivery.event_id.to_string(),
        event_type: delivery.event_type,
        timestamp: delivery.event_created_at,
        tenant: delivery.tenant,
        intent: delivery.intent,
        data: delivery.data,
    }
}

fn headers(delivery: Outgoing<'_>, secrets: &EndpointSecrets, now: DateTime<Utc>, body: &[u8]) -> Option<HeaderMap> {
    let timestamp = now.timestamp();
    let mut headers = HeaderMap::new();
    for (name, value) in &secrets.headers {
        headers.insert(HeaderName::try_from(name).ok()?, HeaderValue::from_str(value).ok()?);
    }
    let id = delivery.event_id.to_string();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert("x-event", HeaderValue::from_str(delivery.event_type).ok()?);
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
