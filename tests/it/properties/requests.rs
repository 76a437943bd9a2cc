//! Whole requests: `METHOD path?query`, headers one a line, an empty line, the body. The database cannot be reached, so that
//! whatever is understood ends there.

use std::{
    collections::HashMap,
    str::FromStr,
    sync::{Arc, LazyLock},
    time::Duration,
};

use aftercall::{app::App, config::Config, domain::clock::Clock, telemetry::Metrics};
use axum::{Router, body::Body};
use chrono::DateTime;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Collected};
use serde_json::Value;
use sqlx::postgres::PgPoolOptions;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt;

use super::{
    fields,
    markup::Html,
    proofs::{NOW, URL_KEY},
};

/// The token of an administrator.
const TOKEN: &str = "Bearer a-token-for-tests-only";
/// Where nothing listens.
const NO_DATABASE: &str = "postgres://nobody@localhost/nothing?host=/nonexistent";

struct World {
    runtime: Runtime,
    router: Router,
    _data: TempDir,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let data = tempfile::tempdir().expect("a directory");
    let vars = [
        ("ADMIN_TOKEN", TOKEN.trim_start_matches("Bearer ").to_owned()),
        ("GONG_WEBHOOK_URL_KEY", URL_KEY.to_owned()),
        ("PUBLIC_URL", "https://hooks.example.test".to_owned()),
        ("DATA_DIR", data.path().display().to_string()),
    ];
    let vars: HashMap<String, String> = vars.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let router = {
        let _entered = runtime.enter();
        let pool = PgPoolOptions::new().acquire_timeout(Duration::from_millis(100)).connect_lazy(NO_DATABASE);
        let clock = Clock::manual(DateTime::from_timestamp(NOW, 0).expect("a time"));
        let config = Config::from_vars(vars).expect("a configuration");
        let metrics = Arc::new(Metrics::new(None).expect("meters"));
        aftercall::http::router(App::new(config, pool.expect("a URL"), clock, metrics, 8080).expect("an app"))
    };
    World { runtime, router, _data: data }
});

/// Every request is answered, none by a 500, and every answer is one that the house gives.
pub fn hold(data: &[u8]) {
    let Some(request) = read(data) else { return };
    let (uri, is_head) = (request.uri().clone(), request.method() == Method::HEAD);
    let is_list = request.method() == Method::GET
        && uri.path() == "/api/v1/admin/runs"
        && request.headers().get(header::AUTHORIZATION).is_some_and(|token| token == TOKEN);
    let (status, headers, body) = WORLD.runtime.block_on(async {
        let (parts, body) = WORLD.router.clone().oneshot(request).await.expect("the router answers").into_parts();
        (parts.status, parts.headers, body.collect().await.map(Collected::to_bytes).unwrap_or_default())
    });
    let text = String::from_utf8_lossy(&body);
    assert_ne!(status, StatusCode::INTERNAL_SERVER_ERROR, "{text}");
    assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
    if let Some(place) = headers.get(header::LOCATION).map(|place| place.to_str().expect("ASCII")) {
        assert!(place.starts_with('/') && !place.starts_with("//") && !place.contains('\\'), "{place}");
    }
    let cookies = headers.get_all(header::SET_COOKIE);
    assert!(cookies.iter().all(|cookie| cookie.to_str().is_ok_and(|cookie| cookie.contains("; HttpOnly"))));
    let is_page = headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    if is_page && uri.path().starts_with("/panel") {
        page(&headers, &text);
    } else if status.as_u16() >= 400 && !is_head && !is_health(uri.path()) {
        let pointers = problem(status, &headers, &text);
        if is_list {
            list(uri.query().unwrap_or_default(), &pointers);
        }
    }
}

fn read(data: &[u8]) -> Option<Request<Body>> {
    let ([line], mut rest) = fields(data)?;
    let (method, target) = line.split_once(' ')?;
    let mut request = Request::builder().method(Method::from_str(method).ok()?).uri(Uri::from_str(target).ok()?);
    loop {
        let ([header], behind) = fields(rest)?;
        rest = behind;
        let Some((name, value)) = header.split_once(": ") else { break };
        let name = HeaderName::from_str(name).ok()?;
        request = request.header(name, HeaderValue::from_str(value).ok()?);
    }
    request.body(Body::from(rest.to_vec())).ok()
}

fn is_health(path: &str) -> bool {
    matches!(path, "/readyz" | "/healthz" | "/metrics") || path.starts_with("/docs")
}

/// A page keeps to itself, and shows what it was asked with as text only.
fn page(headers: &HeaderMap, text: &str) {
    let policy = headers.get(header::CONTENT_SECURITY_POLICY).map(|policy| policy.to_str().expect("ASCII"));
    let policy = policy.unwrap_or_else(|| panic!("a page without a policy: {text}"));
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
    let html = Html::of(text);
    for tag in &html.tags {
        let mut words = tag.split(' ');
        let name = words.next().unwrap_or_default();
        assert!(!matches!(name, "iframe" | "object" | "embed" | "base" | "style"), "{tag}");
        assert!(name != "script" || tag.contains(" src"), "{tag}");
        assert!(!words.any(|attribute| attribute.starts_with("on") || attribute == "style"), "{tag}");
    }
    assert!(
        html.links.iter().all(|link| link.starts_with(['/', '#', '?']) && !link.starts_with("//")),
        "{:?}",
        html.links
    );
}

/// A problem says what it is, and points at what is wrong. Returns where.
fn problem(status: StatusCode, headers: &HeaderMap, text: &str) -> Vec<String> {
    assert_eq!(headers[header::CONTENT_TYPE], "application/problem+json", "{text}");
    let problem: Value = serde_json::from_str(text).expect("JSON");
    assert_eq!(problem["status"], status.as_u16());
    assert!(problem["type"].is_string() && problem["title"].is_string() && problem["instance"].is_string());
    let errors = problem["errors"].as_array().cloned().unwrap_or_default();
    let pointer = |error: &Value| error["pointer"].as_str().expect("a pointer").to_owned();
    let pointers: Vec<String> = errors.iter().map(pointer).collect();
    assert!(pointers.iter().all(|pointer| pointer.is_empty() || pointer.starts_with('/')), "{pointers:?}");
    pointers
}

/// `limit` and `cursor` are refused if and only if they are none.
fn list(query: &str, pointers: &[String]) {
    let first = |wanted: &str| {
        let mut pairs = url::form_urlencoded::parse(query.as_bytes());
        pairs.find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned())
    };
    let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let is_cursor = |text: &String| text.len() == 32 && text.bytes().all(is_hex);
    let is_limit = |text: &String| {
        text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse().is_ok_and(|limit| (1..=200_u32).contains(&limit))
    };
    let is_told = |pointer: &str| pointers.iter().any(|told| told == pointer);
    assert_eq!(is_told("/cursor"), first("cursor").is_some_and(|text| !is_cursor(&text)), "{query}");
    assert_eq!(is_told("/limit"), first("limit").is_some_and(|text| !is_limit(&text)), "{query}");
}
