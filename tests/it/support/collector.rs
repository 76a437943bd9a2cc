//! Plays an OpenTelemetry collector: takes OTLP (protobuf over HTTP) and remembers what was in it.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Bytes,
    extract::{Path, State},
    response::{IntoResponse, Response},
    routing::post,
};
use http::{HeaderMap, StatusCode};
use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::ExportLogsServiceRequest, metrics::v1::ExportMetricsServiceRequest,
        trace::v1::ExportTraceServiceRequest,
    },
    common::v1::{AnyValue, KeyValue, any_value::Value},
    resource::v1::Resource,
};
use prost::Message;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use super::Certificate;

/// Longer than any export here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A span that arrived.
#[derive(Debug, Clone)]
pub struct Span {
    pub trace: String,
    pub id: String,
    /// Empty for the first of a trace.
    pub parent: String,
    pub name: String,
    /// As the protocol counts: 1 internal, 2 server, 3 client.
    pub kind: i32,
    pub failed: bool,
    pub attributes: BTreeMap<String, String>,
    /// Which process it is of.
    pub instance: String,
}

/// A log record that arrived.
#[derive(Debug, Clone)]
pub struct Record {
    pub trace: String,
    pub span: String,
    pub text: String,
    pub attributes: BTreeMap<String, String>,
}

/// A local collector.
#[derive(Clone)]
pub struct Collector {
    pub url: String,
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    hangs: bool,
    headers: Vec<HeaderMap>,
    resources: Vec<BTreeMap<String, String>>,
    spans: Vec<Span>,
    records: Vec<Record>,
    metrics: BTreeSet<String>,
}

impl Collector {
    pub async fn start() -> Self {
        Self::serve(None).await
    }

    /// Takes connections and requests, and never answers.
    pub async fn hanging() -> Self {
        let collector = Self::start().await;
        collector.inner.lock().unwrap().hangs = true;
        collector
    }

    /// By TLS, with this certificate.
    pub async fn protected(certificate: &Certificate) -> Self {
        Self::serve(Some(certificate.acceptor())).await
    }

    async fn serve(tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let scheme = if tls.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://{}", listener.local_addr().expect("an address"));
        let collector = Self { url, inner: Arc::default() };
        let router = Router::new().route("/v1/{signal}", post(take)).with_state(collector.clone());
        // A thread of its own: a test's runtime may be busy, and a real collector is elsewhere.
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let listener = listener.into_std().and_then(TcpListener::from_std).expect("the listener moves");
                match tls {
                    Some(tls) => axum::serve(TlsListener { listener, tls }, router).await,
                    None => axum::serve(listener, router).await,
                }
            })
        });
        collector
    }

    /// What a process needs to export here, soon rather than in large batches.
    pub fn vars(&self) -> [(&'static str, String); 4] {
        [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", self.url.clone()),
            ("OTEL_BSP_SCHEDULE_DELAY", "100".to_owned()),
            ("OTEL_BLRP_SCHEDULE_DELAY", "100".to_owned()),
            ("OTEL_METRIC_EXPORT_INTERVAL", "200".to_owned()),
        ]
    }

    /// The spans of a trace, of whatever process.
    pub fn trace(&self, id: &str) -> Vec<Span> {
        self.spans().into_iter().filter(|span| span.trace == id).collect()
    }

    pub fn spans(&self) -> Vec<Span> {
        self.inner.lock().unwrap().spans.clone()
    }

    pub fn records(&self) -> Vec<Record> {
        self.inner.lock().unwrap().records.clone()
    }

    /// The names of the metrics that arrived.
    pub fn metrics(&self) -> BTreeSet<String> {
        self.inner.lock().unwrap().metrics.clone()
    }

    /// The headers of every request.
    pub fn headers(&self) -> Vec<HeaderMap> {
        self.inner.lock().unwrap().headers.clone()
    }

    /// Who sent what arrived.
    pub fn resources(&self) -> Vec<BTreeMap<String, String>> {
        self.inner.lock().unwrap().resources.clone()
    }

    /// Waits until what arrived is enough.
    pub async fn until(&self, what: &str, enough: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !enough(self) {
            assert!(Instant::now() < deadline, "{what} did not arrive; these spans did: {:#?}", self.spans());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

async fn take(
    State(collector): State<Collector>,
    Path(signal): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let hangs = {
        let mut inner = collector.inner.lock().unwrap();
        assert_eq!(headers["content-type"], "application/x-protobuf");
        inner.headers.push(headers);
        match signal.as_str() {
            "traces" => inner.take_spans(ExportTraceServiceRequest::decode(body).expect("spans")),
            "logs" => inner.take_records(ExportLogsServiceRequest::decode(body).expect("log records")),
            "metrics" => inner.take_metrics(ExportMetricsServiceRequest::decode(body).expect("metrics")),
            _ => return StatusCode::NOT_FOUND.into_response(),
        }
        inner.hangs
    };
    if hangs {
        std::future::pending::<()>().await;
    }
    StatusCode::OK.into_response()
}

impl Inner {
    fn take_resource(&mut self, resource: Option<Resource>) -> String {
        let attributes = attributes(resource.unwrap_or_default().attributes);
        let instance = attributes.get("service.instance.id").cloned().unwrap_or_default();
        self.resources.push(attributes);
        instance
    }

    fn take_spans(&mut self, request: ExportTraceServiceRequest) {
        for of_resource in request.resource_spans {
            let instance = self.take_resource(of_resource.resource);
            self.spans.extend(of_resource.scope_spans.into_iter().flat_map(|scope| scope.spans).map(|span| Span {
                trace: hex::encode(span.trace_id),
                id: hex::encode(span.span_id),
                parent: hex::encode(span.parent_span_id),
                name: span.name,
                kind: span.kind,
                failed: span.status.is_some_and(|status| status.code == 2),
                attributes: attributes(span.attributes),
                instance: instance.clone(),
            }));
        }
    }

    fn take_records(&mut self, request: ExportLogsServiceRequest) {
        for of_resource in request.resource_logs {
            self.take_resource(of_resource.resource);
            let records = of_resource.scope_logs.into_iter().flat_map(|scope| scope.log_records);
            self.records.extend(records.map(|record| Record {
                trace: hex::encode(record.trace_id),
                span: hex::encode(record.span_id),
                text: text(record.body),
                attributes: attributes(record.attributes),
            }));
        }
    }

    fn take_metrics(&mut self, request: ExportMetricsServiceRequest) {
        for of_resource in request.resource_metrics {
            self.take_resource(of_resource.resource);
            let metrics = of_resource.scope_metrics.into_iter().flat_map(|scope| scope.metrics);
            self.metrics.extend(metrics.map(|metric| metric.name));
        }
    }
}

fn attributes(pairs: Vec<KeyValue>) -> BTreeMap<String, String> {
    pairs.into_iter().map(|pair| (pair.key, text(pair.value))).collect()
}

fn text(value: Option<AnyValue>) -> String {
    match value.and_then(|value| value.value) {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        Some(other) => format!("{other:?}"),
        None => String::new(),
    }
}

struct TlsListener {
    listener: TcpListener,
    tls: TlsAcceptor,
}

impl axum::serve::Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = std::net::SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let Ok((stream, address)) = self.listener.accept().await else { continue };
            if let Ok(stream) = self.tls.accept(stream).await {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}
