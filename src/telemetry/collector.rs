//! The way to a collector: one bounded request per export, by the house's rules of TLS, and a word in the log when the
//! collector goes away and when it is back.

use std::{
    io::Read,
    pin::Pin,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use opentelemetry_http::{HttpClient, HttpError};
use reqwest::blocking::Client;
use tracing::{info, warn};

use crate::config::SignalConfig;

/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How much of an answer is read: what a collector did not take it says in a few words.
const LARGEST_ANSWER: u64 = 64 * 1024;

/// Sends the exports of one signal.
#[derive(Debug)]
pub(super) struct Collector {
    signal: &'static str,
    client: Client,
    headers: HeaderMap,
    timeout: Duration,
    away: AtomicBool,
}

impl Collector {
    pub(super) fn new(signal: &'static str, client: Client, config: &SignalConfig) -> Self {
        let SignalConfig { headers, timeout, .. } = config.clone();
        Self { signal, client, headers, timeout, away: AtomicBool::new(false) }
    }

    fn exchange(&self, mut request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        request.headers_mut().extend(self.headers.clone());
        let mut request = reqwest::blocking::Request::try_from(request)?;
        *request.timeout_mut() = Some(self.timeout);
        let mut answer = self.client.execute(request)?;
        let mut response = Response::builder().status(answer.status());
        if let Some(headers) = response.headers_mut() {
            *headers = std::mem::take(answer.headers_mut());
        }
        let mut body = Vec::new();
        answer.take(LARGEST_ANSWER).read_to_end(&mut body)?;
        Ok(response.body(body.into())?)
    }

    /// One line when it begins to fail and one when it works again, however much is lost in between.
    fn note(&self, result: &Result<Response<Bytes>, HttpError>) {
        let (signal, taken) = (self.signal, matches!(result, Ok(answer) if answer.status().is_success()));
        let was_away = self.away.swap(!taken, Ordering::Relaxed);
        match result {
            Ok(_) if taken && was_away => info!(signal, "the OTLP collector takes what it is sent again"),
            Ok(answer) if !taken && !was_away => {
                warn!(
                    signal,
                    http.status = answer.status().as_u16(),
                    "the OTLP collector does not take what it is sent"
                );
            }
            Err(error) if !was_away => {
                let error = root_cause(error.as_ref()); // the outer ones repeat the URL
                warn!(signal, error, "the OTLP collector cannot be reached; what it is sent is lost until it can");
            }
            _ => {}
        }
    }
}

impl HttpClient for Collector {
    fn send_bytes<'a, 'sending>(
        &'a self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'sending>>
    where
        'a: 'sending,
        Self: 'sending,
    {
        // Nothing to wait for: exporters run on threads of their own, without a runtime.
        let result = self.exchange(request);
        self.note(&result);
        Box::pin(std::future::ready(result))
    }
}

/// The client of all collectors. Not within a runtime: it brings its own.
pub(super) fn client(extra_ca: &[Vec<u8>]) -> anyhow::Result<Client> {
    let extra = extra_ca.iter().map(|der| reqwest::Certificate::from_der(der)).collect::<Result<Vec<_>, _>>()?;
    let mut builder = Client::builder()
        .user_agent(concat!("aftercall/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .connect_timeout(CONNECT_TIMEOUT);
    if !extra.is_empty() {
        builder = builder.tls_certs_merge(extra);
    }
    Ok(builder.build()?)
}

fn root_cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
