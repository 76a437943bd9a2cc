//! The traced sender that the clients of outside systems share: time-outs, a cap on answers, a limit on what is under way
//! at once, a breaker, and a count of every request.
//!
//! What an answer means is for each system's own client to say, in an [`UpstreamError`]. Targets that users of the API
//! chose do not pass here but through the guarded `egress`.

mod breaker;

use std::{error::Error, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use chrono::{DateTime, Utc};
use http::{HeaderMap, Method, StatusCode, header};
use reqwest::RequestBuilder;
use tokio::sync::Semaphore;
use tracing::{Instrument, Span, debug, debug_span, field};
use url::Url;

pub use self::breaker::BreakerState;

use self::breaker::Breaker;
use crate::{
    domain::{clock::Clock, retry, text},
    telemetry::traces,
};

/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a request waits for its turn before its job is put back.
const TURN_TIMEOUT: Duration = Duration::from_secs(30);
/// What is shorter is no secret, and may stand in any text.
const SHORTEST_SECRET: usize = 6;
/// How much of an answer that explains a refusal is shown, in characters.
const EXCERPT_LENGTH: usize = 300;

/// What became of a request that did not bring what was asked for: decided where the answer is understood. No variant
/// carries a URL or a credential.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UpstreamError {
    /// It may succeed when it is tried again.
    #[error("{0}")]
    Retry(String),
    /// The system asked for patience; coming back costs no retry.
    #[error("{why}")]
    Later {
        /// What it said.
        why: String,
        /// When to come back.
        wait: Duration,
    },
    /// Trying again would not help: somebody has to change something.
    #[error("{0}")]
    Never(String),
}

/// How one system is talked to.
#[derive(Debug, Clone, Copy)]
pub struct SystemLimits {
    /// Its name in metrics, spans and errors.
    pub system: &'static str,
    /// The setting that says where it is, for whoever reads that it cannot be reached.
    pub setting: &'static str,
    /// How long the other end may be silent.
    pub read: Duration,
    /// How long a whole exchange may take.
    pub total: Duration,
    /// Larger answers are refused, in bytes after decompression.
    pub largest_answer: usize,
    /// How many requests of this process are under way at once.
    pub concurrency: usize,
}

/// Counts a request: the system, and the status or what went wrong.
pub type CountRequest = Arc<dyn Fn(&'static str, &str) + Send + Sync>;

/// What all senders of a process share.
#[derive(Clone)]
pub struct SenderContext {
    /// Certificates (DER) trusted beside the system's.
    pub extra_ca: Vec<Vec<u8>>,
    /// What time it is.
    pub clock: Clock,
    /// Counts requests.
    pub count: CountRequest,
}

/// Sends requests to one outside system.
#[derive(Clone)]
pub struct Sender {
    client: reqwest::Client,
    limits: SystemLimits,
    turns: Arc<Semaphore>,
    breaker: Arc<Breaker>,
    clock: Clock,
    count: CountRequest,
    secrets: Arc<[String]>,
}

/// An answer, read whole.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The HTTP status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, decompressed.
    pub body: Bytes,
}

impl Reply {
    /// The body as JSON of any shape; `None` when a proxy in front answered with something else.
    #[must_use]
    pub fn json(&self) -> Option<serde_json::Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// The bounded wait that a `Retry-After` header asks for.
    #[must_use]
    pub fn retry_after(&self, now: DateTime<Utc>) -> Option<Duration> {
        retry::retry_after(self.headers.get(header::RETRY_AFTER)?.to_str().ok()?, now)
    }

    /// The beginning of the body as text, for an operator to read.
    #[must_use]
    pub fn excerpt(&self) -> String {
        let beginning = &self.body[..self.body.len().min(4 * EXCERPT_LENGTH)];
        text::shorten(&text::clean(&String::from_utf8_lossy(beginning)).unwrap_or_default(), EXCERPT_LENGTH)
    }
}

impl Sender {
    /// Builds the client of one system. Fails when the system's trust roots cannot be read.
    pub fn new(limits: SystemLimits, context: &SenderContext) -> anyhow::Result<Self> {
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("aftercall/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(limits.read)
            .timeout(limits.total);
        let extra = context.extra_ca.iter().map(|der| reqwest::Certificate::from_der(der));
        let extra = extra.collect::<Result<Vec<_>, _>>()?;
        if !extra.is_empty() {
            builder = builder.tls_certs_merge(extra);
        }
        Ok(Self {
            client: builder.build()?,
            limits,
            turns: Arc::new(Semaphore::new(limits.concurrency)),
            breaker: Arc::default(),
            clock: context.clock.clone(),
            count: Arc::clone(&context.count),
            secrets: Arc::default(),
        })
    }

    /// Takes these out of every refusal: what a proxy echoes of our credentials must not come into a record.
    #[must_use]
    pub fn hiding(mut self, secrets: impl IntoIterator<Item = String>) -> Self {
        self.secrets = secrets.into_iter().filter(|secret| secret.len() >= SHORTEST_SECRET).collect();
        self
    }

    /// Begins a request; [`Sender::send`] sends it.
    pub fn request(&self, method: Method, url: Url) -> RequestBuilder {
        self.client.request(method, url)
    }

    /// What time it is, for `Retry-After` headers.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Whether requests are let through at present.
    #[must_use]
    pub fn breaker(&self) -> BreakerState {
        self.breaker.state()
    }

    /// Sends a request and reads the whole answer, whatever its status. `what` names the request in spans and errors.
    /// An error here is one of the way there or back, or the breaker's; it is never [`UpstreamError::Never`] but for an
    /// answer that is too large.
    pub async fn send(&self, what: &'static str, request: RequestBuilder) -> Result<Reply, UpstreamError> {
        let system = self.limits.system;
        let span = debug_span!(
            "upstream.request",
            otel.kind = "client",
            system,
            request = what,
            http.response.status_code = field::Empty,
        );
        self.exchange(what, request).instrument(span).await
    }

    /// Does the same for a request that may arrive twice without harm: one that broke or met a 5xx is repeated once, at
    /// once, so that a hiccup costs no retry of the whole stage.
    pub async fn send_repeatable(&self, what: &'static str, request: RequestBuilder) -> Result<Reply, UpstreamError> {
        let Some(again) = request.try_clone() else { return self.send(what, request).await };
        match self.send(what, request).await {
            Ok(reply) if !reply.status.is_server_error() || reply.headers.contains_key(header::RETRY_AFTER) => {
                Ok(reply)
            }
            Ok(_) | Err(UpstreamError::Retry(_)) => self.send(what, again).await,
            Err(error) => Err(error),
        }
    }

    async fn exchange(&self, what: &'static str, request: RequestBuilder) -> Result<Reply, UpstreamError> {
        let system = self.limits.system;
        let turn = tokio::time::timeout(TURN_TIMEOUT, self.turns.acquire()).await;
        let Ok(Ok(_turn)) = turn else {
            return Err(UpstreamError::Later {
                why: format!("too many requests to {system} wait"),
                wait: TURN_TIMEOUT,
            });
        };
        // Asked last, so that what waited for its turn does not run into a system that has failed meanwhile.
        let probing = self.breaker.enter(self.clock.now()).map_err(|wait| UpstreamError::Later {
            why: format!("{system} keeps failing; it is left alone for {} s", wait.as_secs().max(1)),
            wait: wait.mul_f64(1.0 + rand::random::<f64>() / 2.0), // not all at once
        })?;
        let stopwatch = tokio::time::Instant::now();
        let result = self.read(traces::propagate(request)).await;
        let healthy = match &result {
            Ok(reply) => !reply.status.is_server_error(),
            Err(broken) => matches!(broken, Broken::TooLarge),
        };
        probing.ended(healthy, self.clock.now());
        let outcome = match &result {
            Ok(reply) => reply.status.as_str().to_owned(),
            Err(broken) => broken.kind().to_owned(),
        };
        (self.count)(system, &outcome);
        if let Ok(reply) = &result {
            Span::current().record("http.response.status_code", reply.status.as_u16());
        }
        if !matches!(&result, Ok(reply) if reply.status.is_success()) {
            traces::mark_failed("no success");
        }
        debug!(
            system,
            request = what,
            status = outcome,
            duration_ms = stopwatch.elapsed().as_millis(),
            "asked an outside system"
        );
        result.map_err(|broken| broken.into_error(system, what, self.limits))
    }

    async fn read(&self, request: RequestBuilder) -> Result<Reply, Broken> {
        let mut answer = request.send().await.map_err(|error| Broken::from(&error))?;
        let mut body = BytesMut::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| Broken::from(&error))? {
            if body.len() + chunk.len() > self.limits.largest_answer {
                if answer.status().is_success() {
                    return Err(Broken::TooLarge);
                }
                break; // the status of a refusal says enough
            }
            body.extend_from_slice(&chunk);
        }
        let status = answer.status();
        let body = if status.is_success() { body.freeze() } else { self.without_secrets(&body) };
        Ok(Reply { status, headers: std::mem::take(answer.headers_mut()), body })
    }

    fn without_secrets(&self, body: &[u8]) -> Bytes {
        let text = String::from_utf8_lossy(body).into_owned();
        self.secrets.iter().fold(text, |text, secret| text.replace(secret.as_str(), "[hidden]")).into()
    }
}

/// Why no whole answer came.
enum Broken {
    TimedOut,
    Unreachable(String),
    Connection(String),
    TooLarge,
}

impl Broken {
    /// The status in the count.
    fn kind(&self) -> &'static str {
        match self {
            Self::TimedOut => "timeout",
            Self::Unreachable(_) | Self::Connection(_) => "connection",
            Self::TooLarge => "too_large",
        }
    }

    fn into_error(self, system: &str, what: &str, limits: SystemLimits) -> UpstreamError {
        match self {
            Self::TimedOut => UpstreamError::Retry(format!("{system} ({what}): no answer in time")),
            Self::Unreachable(cause) => {
                UpstreamError::Retry(format!("{system} ({what}): cannot connect: {cause} ({})", limits.setting))
            }
            Self::Connection(cause) => UpstreamError::Retry(format!("{system} ({what}): {cause}")),
            Self::TooLarge => UpstreamError::Never(format!(
                "{system} ({what}): the answer is larger than {} MiB",
                limits.largest_answer >> 20
            )),
        }
    }
}

impl From<&reqwest::Error> for Broken {
    fn from(error: &reqwest::Error) -> Self {
        if error.is_timeout() {
            return Self::TimedOut;
        }
        // The outermost texts repeat the URL; the innermost says what an operator can act on.
        let mut cause = error.source();
        let mut innermost = String::from("unknown");
        while let Some(inner) = cause {
            innermost = inner.to_string();
            cause = inner.source();
        }
        if error.is_connect() {
            Self::Unreachable(innermost)
        } else {
            Self::Connection(format!("the connection broke: {innermost}"))
        }
    }
}
