//! Plays the other end: a CRM that verifies signatures, and a Slack that says "ok".

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use anyhow::{Context, ensure};
use axum::{Router, extract::State, http::StatusCode, routing::post};
use bytes::Bytes;
use http::HeaderMap;
use serde_json::Value;
use tokio::net::TcpListener;

use crate::domain::signature;

/// A receiver on loopback. Clones see the same arrivals.
#[derive(Clone)]
pub struct Receiver {
    address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    secret: String,
    slack: Vec<Value>,
    webhooks: Vec<Webhook>,
}

/// A webhook that arrived.
#[derive(Clone)]
pub struct Webhook {
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Value,
    /// Whether the Standard Webhooks signature is right.
    pub standard: bool,
    /// Whether `X-Signature` is right.
    pub plain: bool,
}

impl Receiver {
    /// Listens on a free port.
    pub async fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("cannot start the receiver")?;
        let receiver = Self { address: listener.local_addr()?, seen: Arc::default() };
        let router = Router::new().route("/slack", post(slack)).route("/crm", post(crm)).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(receiver)
    }

    /// The secret that webhooks are signed with.
    pub fn expect_signatures(&self, secret: &str) {
        secret.clone_into(&mut self.seen().secret);
    }

    /// Where it listens.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.address)
    }

    /// The Slack messages that arrived.
    pub fn slack(&self) -> Vec<Value> {
        self.seen().slack.clone()
    }

    /// The webhooks that arrived.
    pub fn webhooks(&self) -> Vec<Webhook> {
        self.seen().webhooks.clone()
    }

    /// Fails unless webhooks arrived and all of them verify.
    pub fn verified(&self) -> anyhow::Result<()> {
        let webhooks = self.webhooks();
        ensure!(!webhooks.is_empty(), "no webhook arrived");
        ensure!(webhooks.iter().all(|webhook| webhook.standard && webhook.plain), "a signature does not verify");
        Ok(())
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn slack(State(receiver): State<Receiver>, body: Bytes) -> &'static str {
    let message = serde_json::from_slice(&body).unwrap_or_default();
    receiver.seen().slack.push(message);
    "ok"
}

async fn crm(State(receiver): State<Receiver>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let mut seen = receiver.seen();
    let timestamp = text("webhook-timestamp").parse().unwrap_or_default();
    let standard =
        signature::standard_matches(&seen.secret, &text("webhook-id"), timestamp, &body, &text("webhook-signature"));
    let plain = signature::plain_matches(&seen.secret, &body, &text("x-signature"));
    let body = serde_json::from_slice(&body).unwrap_or_default();
    seen.webhooks.push(Webhook { headers, body, standard, plain });
    if standard && plain { StatusCode::NO_CONTENT } else { StatusCode::UNAUTHORIZED }
}
