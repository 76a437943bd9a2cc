//! The standard `OTEL_*` variables, as far as they are acted on: where telemetry goes, how much of it, under which name.
//!
//! Values are checked here and handed to the SDK, which reads the environment too but knows no `.env`, and takes what it
//! does not understand for unset. Without an endpoint nothing is exported: the standard's default, a collector on this
//! machine, would have every installation knock on a door that most do not have.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry_sdk::metrics::Temporality;
use percent_encoding::percent_decode_str;
use url::Url;

use super::env::{Env, base_url, is_secure};

/// What is exported, and how.
#[derive(Debug, Clone)]
pub struct OtlpConfig {
    /// `OTEL_RESOURCE_ATTRIBUTES` and `OTEL_SERVICE_NAME`: what this process is called.
    pub resource: Vec<(String, String)>,
    /// Where spans go.
    pub traces: Option<SignalConfig>,
    /// Where metrics go.
    pub metrics: Option<SignalConfig>,
    /// Where log records go.
    pub logs: Option<SignalConfig>,
    /// `OTEL_TRACES_SAMPLER` and its argument.
    pub sampler: SamplerConfig,
    /// `OTEL_BSP_*`: how spans are gathered.
    pub span_batches: BatchConfig,
    /// `OTEL_BLRP_*`: how log records are gathered.
    pub log_batches: BatchConfig,
    /// `OTEL_METRIC_EXPORT_INTERVAL`.
    pub metric_interval: Duration,
    /// `OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE`.
    pub temporality: Temporality,
}

/// Where one signal goes.
#[derive(Debug, Clone)]
pub struct SignalConfig {
    /// The whole URL.
    pub endpoint: Url,
    /// What is sent along; marked as sensitive, so that no value is ever printed.
    pub headers: HeaderMap,
    /// How long one export may take, tries included.
    pub timeout: Duration,
}

/// Which traces are recorded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SamplerConfig {
    /// Whether what was decided where a trace began holds for all of it.
    pub parent_based: bool,
    /// How many of those that begin here.
    pub ratio: f64,
}

/// How much is gathered before it is sent.
#[derive(Debug, Clone, Copy)]
pub struct BatchConfig {
    /// How long what is gathered waits at most.
    pub delay: Duration,
    /// How much may wait; more is dropped.
    pub queue: usize,
    /// How much is sent at once.
    pub batch: usize,
}

/// What the SDK reads by itself and needs no check: nothing depends on it but the size of a span.
const LEFT_TO_THE_SDK: &[&str] =
    &["OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "OTEL_SPAN_EVENT_COUNT_LIMIT", "OTEL_SPAN_LINK_COUNT_LIMIT"];
const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

/// Reads what is exported; `None` when nothing is.
pub(super) fn read(env: &mut Env) -> Option<OtlpConfig> {
    let disabled = env.switch("OTEL_SDK_DISABLED", false);
    let _ = LEFT_TO_THE_SDK.iter().filter(|name| env.is_set(name)).count();
    let config = OtlpConfig {
        resource: resource(env),
        traces: signal(env, "TRACES", "/v1/traces"),
        metrics: signal(env, "METRICS", "/v1/metrics"),
        logs: signal(env, "LOGS", "/v1/logs"),
        sampler: sampler(env),
        span_batches: batches(env, "OTEL_BSP", 5000),
        log_batches: batches(env, "OTEL_BLRP", 1000),
        metric_interval: milliseconds(env, "OTEL_METRIC_EXPORT_INTERVAL", 60_000),
        temporality: temporality(env),
    };
    env.read("OTEL_PROPAGATORS", |text| {
        let known = text.split(',').any(|name| name.trim() == "tracecontext");
        if known { Ok(()) } else { Err("tracecontext; no other is spoken".to_owned()) }
    });
    let exports = config.traces.is_some() || config.metrics.is_some() || config.logs.is_some();
    (exports && !disabled).then_some(config)
}

/// The variable of one signal, or else the one of all.
fn own_or_common(env: &Env, signal: &str, what: &str) -> String {
    let own = format!("OTEL_EXPORTER_OTLP_{signal}_{what}");
    let common = format!("OTEL_EXPORTER_OTLP_{what}");
    let _ = env.is_set(&common); // acted on, even where each signal has its own
    if env.is_set(&own) { own } else { common }
}

fn signal(env: &mut Env, signal: &str, path: &str) -> Option<SignalConfig> {
    let protocol = own_or_common(env, signal, "PROTOCOL");
    env.read(&protocol, |text| match text {
        "http/protobuf" => Ok(()),
        _ => Err("http/protobuf, which collectors take on port 4318; no other is spoken".to_owned()),
    });
    let endpoint_name = own_or_common(env, signal, "ENDPOINT");
    let mut endpoint = env.read(&endpoint_name, base_url);
    if endpoint_name == ENDPOINT
        && let Some(url) = &mut endpoint
    {
        url.set_path(&format!("{}{path}", url.path().trim_end_matches('/')));
    }
    let headers_name = own_or_common(env, signal, "HEADERS");
    let headers = env.read(&headers_name, headers);
    let timeout = own_or_common(env, signal, "TIMEOUT");
    let timeout = milliseconds(env, &timeout, 10_000);
    let exporter = format!("OTEL_{signal}_EXPORTER");
    let wanted = env.read(&exporter, |text| match text {
        "otlp" => Ok(true),
        "none" => Ok(false),
        _ => Err("otlp or none".to_owned()),
    });
    if wanted == Some(true) && endpoint.is_none() {
        env.needs(&exporter, &[ENDPOINT]);
    }
    let endpoint = endpoint.filter(|_| wanted != Some(false))?;
    if headers.is_some() && !is_secure(&endpoint) {
        let text = format!("an https: URL (http: only to this machine), since {headers_name} is sent there");
        env.problem(&endpoint_name, text);
    }
    Some(SignalConfig { endpoint, headers: headers.unwrap_or_default(), timeout })
}

fn milliseconds(env: &mut Env, name: &str, default: u32) -> Duration {
    Duration::from_millis(env.number(name, 1..=3_600_000, default).into())
}

fn batches(env: &mut Env, prefix: &str, delay: u32) -> BatchConfig {
    let mut number = |what: &str, most, default| {
        let number = env.number(&format!("{prefix}_{what}"), 1..=most, default);
        usize::try_from(number).unwrap_or(usize::MAX)
    };
    let queue = number("MAX_QUEUE_SIZE", 1_000_000, 2048);
    let batch = number("MAX_EXPORT_BATCH_SIZE", 1_000_000, 512).min(queue);
    BatchConfig { delay: milliseconds(env, &format!("{prefix}_SCHEDULE_DELAY"), delay), queue, batch }
}

fn sampler(env: &mut Env) -> SamplerConfig {
    let ratio = env.read("OTEL_TRACES_SAMPLER_ARG", |text| {
        let ratio = text.parse::<f64>().ok().filter(|ratio| (0.0..=1.0).contains(ratio));
        ratio.ok_or_else(|| "a number from 0 to 1".to_owned())
    });
    let ratio = ratio.unwrap_or(1.0);
    let sampler = env.read("OTEL_TRACES_SAMPLER", |name| {
        let (parent_based, name) = name.strip_prefix("parentbased_").map_or((false, name), |name| (true, name));
        let ratio = match name {
            "always_on" => 1.0,
            "always_off" => 0.0,
            "traceidratio" => ratio,
            _ => return Err("always_on, always_off or traceidratio, each also with parentbased_ before it".to_owned()),
        };
        Ok(SamplerConfig { parent_based, ratio })
    });
    sampler.unwrap_or(SamplerConfig { parent_based: true, ratio: 1.0 })
}

fn temporality(env: &mut Env) -> Temporality {
    let parse = |text: &str| text.parse().map_err(|()| "cumulative, delta or lowmemory".to_owned());
    env.read("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", parse).unwrap_or_default()
}

fn resource(env: &mut Env) -> Vec<(String, String)> {
    let mut attributes = env.read("OTEL_RESOURCE_ATTRIBUTES", pairs).unwrap_or_default();
    if let Some(name) = env.text("OTEL_SERVICE_NAME") {
        attributes.retain(|(key, _)| key != "service.name");
        attributes.push(("service.name".to_owned(), name));
    }
    attributes
}

fn headers(text: &str) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs(text)? {
        let unfit = || "it holds a name or value that no header can have".to_owned();
        let name = HeaderName::try_from(name).map_err(|_| unfit())?;
        let mut value = HeaderValue::try_from(value).map_err(|_| unfit())?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Ok(headers)
}

/// Reads `name=value,name=value` with percent-encoded values. What it says of a fault shows none of it.
fn pairs(text: &str) -> Result<Vec<(String, String)>, String> {
    let pair = |text: &str| {
        let (name, value) = text.split_once('=')?;
        let value = percent_decode_str(value.trim()).decode_utf8().ok()?;
        Some((name.trim().to_owned(), value.into_owned()))
    };
    let parts = text.split(',').filter(|part| !part.trim().is_empty()).map(pair);
    parts.collect::<Option<_>>().ok_or_else(|| "name=value, comma separated, with percent-encoded values".to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::{Config, ConfigError};

    fn config(vars: &[(&str, &str)]) -> Result<Config, ConfigError> {
        Config::from_vars(vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn one_endpoint_takes_all_signals_and_one_of_a_signal_is_taken_as_it_stands() {
        let otlp = config(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://otel.example/base/"),
            ("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "https://logs.example/take"),
            ("OTEL_METRICS_EXPORTER", "none"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20hunter2, x-team = a"),
            ("OTEL_SERVICE_NAME", "calls"),
        ]);
        let otlp = otlp.unwrap().otlp.unwrap();
        let traces = otlp.traces.as_ref().unwrap();
        assert_eq!(traces.endpoint.as_str(), "https://otel.example/base/v1/traces");
        assert_eq!(traces.headers["authorization"], "Bearer hunter2");
        assert_eq!(traces.headers["x-team"], "a");
        assert_eq!(otlp.logs.as_ref().unwrap().endpoint.as_str(), "https://logs.example/take");
        assert!(otlp.metrics.is_none());
        assert_eq!(otlp.resource, [("service.name".to_owned(), "calls".to_owned())]);
        assert!(!format!("{otlp:?}").contains("hunter2"));
    }

    #[test]
    fn nothing_is_exported_without_an_endpoint_or_when_that_is_disabled() {
        assert!(config(&[("OTEL_SERVICE_NAME", "calls")]).unwrap().otlp.is_none());
        let disabled =
            config(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318"), ("OTEL_SDK_DISABLED", "true")]);
        assert!(disabled.unwrap().otlp.is_none());
    }

    #[test]
    fn what_is_not_spoken_is_refused_and_what_is_not_known_is_named() {
        for (name, value) in [
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
            ("OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", "http/json"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4317"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "hunter2"),
            ("OTEL_TRACES_EXPORTER", "zipkin"),
            ("OTEL_TRACES_SAMPLER", "xray"),
            ("OTEL_TRACES_SAMPLER_ARG", "1.5"),
            ("OTEL_METRIC_EXPORT_INTERVAL", "1m"),
            ("OTEL_BSP_MAX_QUEUE_SIZE", "0"),
            ("OTEL_PROPAGATORS", "b3"),
            ("OTEL_SDK_DISABLED", "perhaps"),
        ] {
            let error = config(&[(name, value)]).unwrap_err();
            assert!(error.0.iter().all(|problem| problem.variable == name), "{error}");
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
        let error = config(&[("OTEL_LOGS_EXPORTER", "otlp")]).unwrap_err();
        assert_eq!(error.0[0].variable, "OTEL_EXPORTER_OTLP_ENDPOINT", "{error}");
        let unused =
            config(&[("OTEL_EXPORTER_OTLP_CERTIFICATE", "/ca.pem"), ("OTEL_SERVICE_NAME", "x")]).unwrap().unused;
        assert_eq!(unused, ["OTEL_EXPORTER_OTLP_CERTIFICATE"]);
    }

    #[test]
    fn credentials_are_sent_by_https_only() {
        let headers = ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=hunter2");
        let error = config(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318"), headers]).unwrap_err();
        assert_eq!(error.0[0].variable, "OTEL_EXPORTER_OTLP_ENDPOINT", "{error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
        assert!(config(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318")]).is_ok());
    }
}
