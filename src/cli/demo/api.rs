//! Talks to the server as any program would: over HTTP, with a token.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context, ensure};
use reqwest::{Client, Method};
use serde_json::{Value, json};

use super::{conversations::Conversation, receiver::Receiver, sender::Sender};
use crate::{
    app::App,
    db::{Page, endpoints},
    domain::clock::Clock,
};

/// How often the demo looks whether something has changed.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Endpoints of the demo go by this, so that the next demo finds them.
const NAME: &str = "Demo";

/// A client of our own API.
pub struct Api {
    client: Client,
    base: String,
    token: String,
}

/// The demo's endpoints.
pub struct Endpoints {
    /// What the webhook is signed with.
    pub webhook_secret: String,
    ids: Vec<String>,
}

impl Api {
    /// A client of the server at `address`.
    pub fn new(address: SocketAddr, token: &str) -> anyhow::Result<Self> {
        let client = Client::builder().no_proxy().timeout(Duration::from_secs(20)).build()?;
        Ok(Self { client, base: format!("http://{address}"), token: token.to_owned() })
    }

    /// Registers a Slack-shaped, an e-mail and a webhook endpoint.
    pub async fn register_endpoints(&self, receiver: &Receiver) -> anyhow::Result<Endpoints> {
        let path = "/api/v1/admin/notify/endpoints";
        let mut endpoints = Endpoints { webhook_secret: String::new(), ids: Vec::new() };
        for body in [
            json!({"kind": "slack", "name": format!("{NAME} Slack"), "target": receiver.url("slack"),
                   "filters": {"events": ["call.summarised"]}}),
            json!({"kind": "email", "name": format!("{NAME} mailbox"), "target": "success-team@brindlemoor.example",
                   "filters": {"events": ["call.summarised"]}}),
            json!({"kind": "webhook", "name": format!("{NAME} CRM"), "target": receiver.url("crm"),
                   "filters": {"events": ["call.*"]}}),
        ] {
            let created = self.call(Method::POST, path, Some(body)).await?;
            endpoints.ids.push(text(&created["id"]).to_owned());
            if let Some(secret) = created["secret"].as_str() {
                secret.clone_into(&mut endpoints.webhook_secret);
            }
        }
        Ok(endpoints)
    }

    /// Posts a conversation's callback, signed, to the public route and returns the run's id.
    pub async fn post_callback(&self, sender: &Sender, conversation: &Conversation) -> anyhow::Result<String> {
        let url = format!("{}/webhooks/gong", self.base);
        let token = sender.sign(&url, &conversation.callback, Clock::system().now().timestamp())?;
        let request = self
            .client
            .post(&url)
            .header("authorization", token)
            .header("content-type", "application/json")
            .body(conversation.callback.clone());
        let answer = request.send().await?;
        let (status, body) = (answer.status(), answer.text().await?);
        ensure!(status == 202, "the callback was answered {status}: {body}");
        let body: Value = serde_json::from_str(&body)?;
        Ok(text(&body["run_id"]).to_owned())
    }

    /// A run with its stage attempts.
    pub async fn run(&self, run_id: &str) -> anyhow::Result<Value> {
        self.call(Method::GET, &format!("/api/v1/admin/runs/{run_id}"), None).await
    }

    /// Waits for the end of a run.
    pub async fn ended_run(&self, run_id: &str) -> anyhow::Result<Value> {
        loop {
            let run = self.run(run_id).await?;
            if run["state"] != "active" {
                return Ok(run);
            }
            self.pause().await;
        }
    }

    /// Asks the API and expects success.
    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> anyhow::Result<Value> {
        let mut request = self.client.request(method, format!("{}{path}", self.base)).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.with_context(|| format!("asking {path}"))?;
        let (status, text) = (answer.status(), answer.text().await?);
        ensure!(status.is_success(), "{path} was answered {status}: {text}");
        Ok(if text.is_empty() { Value::Null } else { serde_json::from_str(&text)? })
    }

    /// A call by Gong's id.
    pub async fn recorded_call(&self, call_id: &str) -> anyhow::Result<Value> {
        self.call(Method::GET, &format!("/api/v1/admin/calls/{call_id}"), None).await
    }

    /// Waits until nothing for the demo's endpoints is on its way and returns their log, oldest first.
    pub async fn settled_log(&self, endpoints: &Endpoints) -> anyhow::Result<Vec<Value>> {
        loop {
            let mut log = Vec::new();
            for id in &endpoints.ids {
                let path = format!("/api/v1/admin/notify/logs?limit=200&endpoint_id={id}");
                log.extend(items(&self.call(Method::GET, &path, None).await?));
            }
            if log.iter().all(|entry| !matches!(text(&entry["status"]), "pending" | "retrying")) {
                log.sort_by(|one, other| text(&one["id"]).cmp(text(&other["id"])));
                return Ok(log);
            }
            self.pause().await;
        }
    }

    /// Lets a moment pass.
    pub async fn pause(&self) {
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Removes the demo's endpoints, also when the server has stopped listening.
pub async fn remove_endpoints(app: &App) -> anyhow::Result<()> {
    let page = Page { limit: 200, before: None };
    for endpoint in endpoints::list_endpoints(&app.pool, "default", None, page).await? {
        if endpoint.name.starts_with(NAME) {
            endpoints::delete_endpoint(&app.pool, "default", endpoint.id, app.clock.now()).await?;
        }
    }
    Ok(())
}

/// The items of a list.
fn items(list: &Value) -> Vec<Value> {
    list["items"].as_array().cloned().unwrap_or_default()
}

/// A text, or nothing.
pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
