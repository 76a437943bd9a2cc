//! A receiver of webhooks: answers as it is told, remembers what it got.

use std::{
    collections::VecDeque,
    net::Ipv4Addr,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, body::Body, extract::State, http::Request, response::Response};
use http::HeaderMap;
use http_body_util::BodyExt;
use serde_json::Value;
use tokio::net::TcpListener;

/// What arrived.
#[derive(Debug, Clone)]
pub struct Received {
    pub headers: HeaderMap,
    pub raw: Vec<u8>,
    pub body: Value,
}

impl Received {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

type Answers = VecDeque<(u16, Vec<(&'static str, String)>, String)>;

/// A local HTTP server.
#[derive(Clone)]
pub struct Receiver {
    url: String,
    state: Arc<Mutex<Inner>>,
    delay: Duration,
}

#[derive(Default)]
struct Inner {
    answers: Answers,
    received: Vec<Received>,
    /// What stands before the request's own body in every answer.
    echo: Option<String>,
}

impl Receiver {
    /// Answers 200 to everything.
    pub async fn start() -> Self {
        Self::answering([]).await
    }

    /// Answers these statuses in turn, then 200.
    pub async fn answering(statuses: impl IntoIterator<Item = u16>) -> Self {
        Self::build(statuses.into_iter().map(|status| (status, Vec::new(), String::new())).collect(), Duration::ZERO)
            .await
    }

    /// Answers once with this, then 200.
    pub async fn answering_once(status: u16, headers: Vec<(&'static str, String)>, body: String) -> Self {
        Self::build([(status, headers, body)].into(), Duration::ZERO).await
    }

    /// Answers these statuses in turn, then 200, and repeats what it was sent behind words of its own.
    pub async fn echoing(statuses: impl IntoIterator<Item = u16>, words: impl Into<String>) -> Self {
        let receiver = Self::answering(statuses).await;
        receiver.state.lock().unwrap().echo = Some(words.into());
        receiver
    }

    /// Answers everything only after `delay`.
    pub async fn slow(delay: Duration) -> Self {
        Self::build(Answers::new(), delay).await
    }

    async fn build(answers: Answers, delay: Duration) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let receiver = Self { url, state: Arc::new(Mutex::new(Inner { answers, ..Inner::default() })), delay };
        let router = Router::new().fallback(take).with_state(receiver.clone());
        // A thread of its own: a test's runtime may be busy, and a real receiver is elsewhere.
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let listener = listener.into_std().and_then(TcpListener::from_std).expect("the listener moves");
                axum::serve(listener, router).await
            })
        });
        receiver
    }

    pub fn url(&self) -> String {
        format!("{}/hook", self.url)
    }

    pub fn received(&self) -> Vec<Received> {
        self.state.lock().unwrap().received.clone()
    }

    /// How much arrived.
    pub fn count(&self) -> usize {
        self.state.lock().unwrap().received.len()
    }

    /// The types of the events that arrived, in order.
    pub fn types(&self) -> Vec<String> {
        self.received().iter().map(|received| received.body["type"].as_str().unwrap_or("?").to_owned()).collect()
    }
}

async fn take(State(receiver): State<Receiver>, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    let raw = body.collect().await.map(|body| body.to_bytes().to_vec()).unwrap_or_default();
    let (answer, echo) = {
        let mut inner = receiver.state.lock().unwrap();
        inner.received.push(Received {
            headers: parts.headers,
            body: serde_json::from_slice(&raw).unwrap_or_default(),
            raw: raw.clone(),
        });
        (inner.answers.pop_front(), inner.echo.clone())
    };
    tokio::time::sleep(receiver.delay).await;
    let (status, headers, mut body) = answer.unwrap_or((200, Vec::new(), "ok".to_owned()));
    if let Some(words) = echo {
        body = format!("{words} {}", String::from_utf8_lossy(&raw));
    }
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(name, value);
    }
    response.body(Body::from(body)).expect("a response")
}
