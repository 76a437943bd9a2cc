//! The production app and router on a database of their own, with a clock that stands still and workers that are stepped.

use std::{collections::HashMap, sync::Arc, time::Duration};

use ::http::{Request, StatusCode};
use aftercall::{
    app::App,
    config::Config,
    domain::clock::Clock,
    http,
    notify::Notifier,
    pipeline::Pipeline,
    queue::{Worker, WorkerSettings},
    telemetry::Metrics,
};
use axum::{Router, body::Body};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt;

use super::{Database, Gong, Receiver, Signing, callback, transcript};

pub const TOKEN: &str = "a-token-for-tests-only";
pub const SECRET: &str = "an-hmac-secret";
pub const URL_KEY: &str = "a-url-key";
pub const WEBHOOK_URL: &str = "https://hooks.example.test/webhooks/gong";

/// An app under test.
pub struct TestApp {
    pub app: Arc<App>,
    pub clock: Clock,
    pub gong: Gong,
    pub data_dir: TempDir,
    public_url: String,
    router: Router,
}

/// An answer, read whole.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: ::http::HeaderMap,
    pub text: String,
    pub body: Value,
}

impl Answer {
    /// Fails with the body in view.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self
    }
}

/// Settings before the start.
#[derive(Default)]
pub struct TestAppBuilder {
    vars: HashMap<String, String>,
}

impl TestAppBuilder {
    /// Sets a variable. PEM where the path of a file is wanted is put into a file first.
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.vars.insert(name.to_owned(), value.into());
        self
    }

    pub fn with_all(self, vars: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        vars.into_iter().fold(self, |builder, (name, value)| builder.with(name, value))
    }

    pub async fn start(self) -> TestApp {
        let database = Database::create().await;
        let data_dir = tempfile::tempdir().expect("a directory");
        let gong = Gong::shared();
        let mut vars: HashMap<String, String> = [
            ("ADMIN_TOKEN", TOKEN.to_owned()),
            ("PUBLIC_URL", "https://hooks.example.test".to_owned()),
            ("GONG_WEBHOOK_PUBLIC_KEY", gong.bare_key.clone()),
            ("ALLOW_HTTP_ENDPOINTS", "on".to_owned()),
            ("ALLOWED_PRIVATE_NETWORKS", "127.0.0.0/8".to_owned()),
            ("DATA_DIR", data_dir.path().display().to_string()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        vars.extend(self.vars);
        for (name, value) in &mut vars {
            if value.starts_with("-----BEGIN") && (name.ends_with("_FILE") || name.ends_with("_PATH")) {
                let path = data_dir.path().join(name);
                std::fs::write(&path, &*value).expect("a file");
                *value = path.display().to_string();
            }
        }
        let public_url = vars["PUBLIC_URL"].clone();
        let config = Config::from_vars(vars).expect("a configuration");
        let metrics = Arc::new(Metrics::new(None).expect("meters"));
        let clock = Clock::manual("2031-05-06T10:00:00Z".parse().expect("a time"));
        let app = App::new(config, database.pool.clone(), clock.clone(), metrics, 8080).expect("an app");
        let router = http::router(Arc::clone(&app));
        TestApp { app, clock, gong, data_dir, public_url, router }
    }
}

impl TestApp {
    pub async fn start() -> Self {
        TestAppBuilder::default().start().await
    }

    pub fn with(name: &str, value: impl Into<String>) -> TestAppBuilder {
        TestAppBuilder::default().with(name, value)
    }

    /// The production router, for a server.
    pub fn router(&self) -> Router {
        self.router.clone()
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router().oneshot(request).await.expect("the router answers");
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.expect("a body").to_bytes();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: serde_json::from_slice(&bytes).unwrap_or_default(),
            text: String::from_utf8_lossy(&bytes).into_owned(),
        }
    }

    /// Asks the admin API.
    pub async fn api(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {TOKEN}"))
            .header("content-type", "application/json");
        let body = body.map_or(Body::empty(), |body| Body::from(body.to_string()));
        self.send(request.body(body).expect("a request")).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.api("GET", path, None).await
    }

    /// Creates an endpoint and returns it.
    pub async fn add_endpoint(&self, body: Value) -> Value {
        self.api("POST", "/api/v1/admin/notify/endpoints", Some(body)).await.expect(201).body
    }

    /// Raises an event as another program does, and returns the answer.
    pub async fn raise(&self, event: Value) -> Value {
        self.api("POST", "/api/v1/events", Some(event)).await.expect(202).body
    }

    /// Changes an endpoint and returns it.
    pub async fn change_endpoint(&self, endpoint: &Value, change: Value) -> Value {
        let path = format!("/api/v1/admin/notify/endpoints/{}", endpoint["id"].as_str().expect("an id"));
        self.api("PATCH", &path, Some(change)).await.expect(200).body
    }

    /// A webhook endpoint that wants `call.summarised` only.
    pub async fn add_webhook(&self, receiver: &Receiver) -> Value {
        let filters = json!({"events": ["call.summarised"]});
        self.add_endpoint(json!({"kind": "webhook", "target": receiver.url(), "filters": filters})).await
    }

    /// Posts a body to the public route as Gong does.
    pub async fn post_signed(&self, body: &Value) -> Answer {
        let body = body.to_string();
        let exp = self.clock.now().timestamp() + 60;
        let url = format!("{}/webhooks/gong", self.public_url);
        let token = self.gong.token(&Signing { url: &url, body: body.as_bytes(), exp });
        self.post_callback(&[("authorization", &token)], body).await
    }

    /// Posts a body to the public route with these headers.
    pub async fn post_callback(&self, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
        self.post_to("/webhooks/gong", headers, body).await
    }

    pub async fn post_to(&self, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
        let mut request = Request::builder().method("POST").uri(path);
        if !headers.iter().any(|(name, _)| *name == "content-type") {
            request = request.header("content-type", "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(body.into()).expect("a request")).await
    }

    /// Imports the transcript of a call.
    pub async fn import_transcript(&self, call_id: &str) {
        self.import(&transcript(call_id)).await;
    }

    pub async fn import(&self, value: &Value) {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("import.json");
        std::fs::write(&path, value.to_string()).expect("a file");
        let imported = aftercall::intake::import::import(&self.app.pool, "default", &[path], self.clock.now()).await;
        assert_eq!(imported.expect("the import commits").problems, []);
    }

    /// Takes a call in and drives it to its end.
    pub async fn process(&self, call_id: &str) -> Value {
        self.import_transcript(call_id).await;
        let accepted = self.post_signed(&callback(call_id)).await.expect(202).body;
        self.run_due().await;
        accepted
    }

    pub fn stages(&self) -> Worker<Pipeline> {
        let settings = WorkerSettings { concurrency: 8, lease: Duration::from_secs(15) };
        Worker::new(Arc::clone(&self.app.pipeline), self.clock.clone(), settings)
    }

    pub fn deliveries(&self) -> Worker<Notifier> {
        let settings = WorkerSettings { concurrency: 32, lease: Duration::from_secs(15) };
        Worker::new(Arc::clone(&self.app.notifier), self.clock.clone(), settings)
    }

    /// Steps both workers until nothing is due.
    pub async fn run_due(&self) {
        self.stages().run_due().await.expect("stages are claimed");
        self.deliveries().run_due().await.expect("deliveries are claimed");
    }

    /// Drives *document* of a finished run once more, as if its end had not been recorded.
    pub async fn repeat_document(&self, call_id: &str) {
        let repeated = sqlx::query(
            "WITH run AS (UPDATE runs SET state = 'active', stage = 'document' WHERE call_id = $1 RETURNING id)
             INSERT INTO jobs (id, tenant_id, run_id, kind, ready_at, created_at)
             SELECT gen_random_uuid(), 'default', id, 'document', '2031-01-01', '2031-01-01' FROM run",
        )
        .bind(call_id)
        .execute(&self.app.pool)
        .await;
        repeated.expect("the stage comes back");
        self.run_due().await;
    }

    pub async fn run_of(&self, accepted: &Value) -> Value {
        let id = accepted["run_id"].as_str().expect("a run");
        self.get(&format!("/api/v1/admin/runs/{id}")).await.expect(200).body
    }

    /// The log, oldest first.
    pub async fn log(&self) -> Vec<Value> {
        let log = self.get("/api/v1/admin/notify/logs?limit=200").await.expect(200).body;
        log["items"].as_array().expect("items").iter().rev().cloned().collect()
    }

    /// How many rows a table has.
    pub async fn count(&self, table: &'static str) -> i64 {
        let query = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
        sqlx::query_scalar(query).fetch_one(&self.app.pool).await.expect("a count")
    }
}
