//! How a delivery travels. One file per channel; what an answer means is decided here for all that speak HTTP.

mod email;
mod request;
mod slack;
mod webhook;

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use tracing::{Instrument, Span, debug_span, field};
use url::Url;

use self::request::Outgoing;
pub use self::request::{SentHeader, SentRequest};
use crate::{
    clients::{
        egress::{Answer, Egress, EgressError},
        mail::Mailer,
    },
    db::{
        deliveries::{ClaimedDelivery, StoredDelivery},
        sealed::Place,
    },
    domain::{
        clock::Clock,
        delivery::{Attempt, Verdict},
        endpoint::{EndpointChannel, EndpointSecrets},
        ids::EndpointId,
        keyring::{KeyRing, KeyRingError},
        retry::retry_after,
        text,
    },
    telemetry::traces,
    templates::Templates,
};

/// Sends deliveries by their endpoints' channels.
pub struct Channels {
    /// The guarded way out.
    pub egress: Egress,
    /// The way out for mail.
    pub mailer: Mailer,
    /// How mail reads.
    pub templates: Arc<Templates>,
    /// Opens targets and secrets.
    pub key_ring: KeyRing,
    /// What time it is.
    pub clock: Clock,
    /// How long one try may take.
    pub timeout: Duration,
}

/// What came of a try, before it is timed.
struct Outcome {
    status_code: Option<i32>,
    error: Option<String>,
    excerpt: Option<String>,
    verdict: Verdict,
}

impl Outcome {
    fn failed(error: impl Into<String>) -> Self {
        Self { status_code: None, error: Some(error.into()), excerpt: None, verdict: Verdict::Failed }
    }

    fn note_in_span(&self) {
        Span::current().record("response.status_code", self.status_code);
        if self.verdict != Verdict::Sent {
            traces::mark_failed("not taken");
        }
    }
}

impl Channels {
    /// Sends one delivery. Never fails: what went wrong is part of the attempt.
    pub async fn send(&self, delivery: &ClaimedDelivery) -> Attempt {
        let started_at = self.clock.now();
        // The work is timed by the machine's own clock: a manual one stands still.
        let stopwatch = tokio::time::Instant::now();
        let secrets = open(&self.key_ring, delivery.endpoint_id, &delivery.sealed);
        let span = debug_span!(
            "delivery.send",
            otel.kind = "client",
            endpoint.kind = delivery.kind.as_str(),
            response.status_code = field::Empty,
        );
        let sending = async {
            let outcome = match (&secrets, delivery.kind) {
                (Ok(secrets), EndpointChannel::Webhook) => {
                    webhook::send(self, delivery.into(), secrets, started_at).await
                }
                (Ok(secrets), EndpointChannel::Slack) => slack::send(self, delivery.into(), secrets).await,
                (Ok(secrets), EndpointChannel::Email) => email::send(self, delivery.into(), secrets).await,
                (Err(error), _) => Outcome::failed(format!("the endpoint's target cannot be opened: {error}")),
            };
            outcome.note_in_span();
            outcome
        };
        let outcome = sending.instrument(span).await;
        let shown = |text: String| match &secrets {
            Ok(secrets) => without_target(&text::without_contacts(&text), &secrets.target),
            Err(_) => text,
        };
        let took = i64::try_from(stopwatch.elapsed().as_millis()).unwrap_or(i64::MAX);
        Attempt {
            started_at,
            duration_ms: took,
            status_code: outcome.status_code,
            error: outcome.error.map(shown),
            response_excerpt: outcome.excerpt.map(shown),
            verdict: outcome.verdict,
        }
    }

    /// Tells what an attempt that began at `at` sent, or nothing if that cannot be told. What it says of an endpoint is its
    /// present settings: whether those are the ones of then is part of it.
    #[must_use]
    pub fn describe(&self, delivery: &StoredDelivery, at: DateTime<Utc>) -> Option<SentRequest> {
        let secrets = open(&self.key_ring, delivery.endpoint_id, &delivery.sealed).ok()?;
        let outgoing = Outgoing::from(delivery);
        let told = match delivery.kind {
            EndpointChannel::Webhook => webhook::describe(outgoing, &secrets, at),
            EndpointChannel::Slack => slack::describe(outgoing, &secrets),
            EndpointChannel::Email => email::describe(self, outgoing, &secrets).ok(),
        };
        Some(SentRequest { is_exact: delivery.endpoint_updated_at <= at, ..told? })
    }
}

/// Seals an endpoint's target, secret and headers for its row.
#[must_use]
pub fn seal(key_ring: &KeyRing, id: EndpointId, secrets: &EndpointSecrets) -> Vec<u8> {
    let plain = serde_json::to_vec(secrets).expect("plain data always becomes JSON");
    key_ring.seal(&Place::Endpoint(id).bound_to(), &plain)
}

/// Opens what [`seal`] made.
pub fn open(key_ring: &KeyRing, id: EndpointId, sealed: &[u8]) -> Result<EndpointSecrets, KeyRingError> {
    let plain = key_ring.open(&Place::Endpoint(id).bound_to(), sealed)?;
    serde_json::from_slice(&plain).map_err(|_| KeyRingError::Damaged)
}

/// Takes the target's path out of a text: error pages repeat it, and Slack's is a credential.
fn without_target(text: &str, target: &str) -> String {
    let Ok(url) = Url::parse(target) else { return text.to_owned() };
    let whole = &url[url::Position::BeforePath..];
    let hide = |text: &str, part: &str| if part.len() > 1 { text.replace(part, "[target]") } else { text.to_owned() };
    hide(&hide(text, whole), url.path())
}

/// What an HTTP answer means (INTERFACE §7, "Answers").
fn judge(answer: Result<Answer, EgressError>, now: DateTime<Utc>) -> Outcome {
    let answer = match answer {
        Ok(answer) => answer,
        // The same bytes go out on every try: what is too large stays so.
        Err(error @ EgressError::TooLarge(_)) => return Outcome::failed(error.to_string()),
        // A refused target may be a private address that a name leads to for the moment: the schedule decides.
        Err(error) => {
            return Outcome { verdict: Verdict::Retry, ..Outcome::failed(error.to_string()) };
        }
    };
    let wait = answer.retry_after.as_deref().and_then(|header| retry_after(header, now));
    let (verdict, error) = match (answer.status, wait) {
        (200..=299, _) => (Verdict::Sent, None),
        (300..=399, _) => (Verdict::Retry, Some(format!("answered {}: redirects are not followed", answer.status))),
        (410, _) => (Verdict::Gone, Some("answered 410: the endpoint is gone".to_owned())),
        (429 | 503, Some(wait)) => {
            (Verdict::Later(wait), Some(format!("answered {}, asked to wait {} s", answer.status, wait.as_secs())))
        }
        (status, _) => (Verdict::Retry, Some(format!("answered {status}"))),
    };
    Outcome {
        status_code: Some(i32::from(answer.status)),
        error,
        excerpt: (!answer.excerpt.is_empty()).then_some(answer.excerpt),
        verdict,
    }
}
