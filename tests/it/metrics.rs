//! Every metric of the contract, scraped from the real binary after a workload that is known to the last request.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::support::{
    Database, Exposition, Gong, Receiver, Server, callback,
    openai::{Behaviour, OpenAiStandIn},
    serve_vars, transcript,
};

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

struct World {
    database: Database,
    gong: Gong,
    openai: OpenAiStandIn,
    dir: tempfile::TempDir,
    server: Server,
}

impl World {
    async fn start() -> Self {
        let (database, gong, openai) = (Database::create().await, Gong::shared(), OpenAiStandIn::start().await);
        let mut vars = serve_vars(&database);
        vars.extend([
            ("OPENAI_API_KEY", openai.key().to_owned()),
            ("OPENAI_BASE_URL", openai.base_url()),
            ("OPENAI_MODEL", openai.model().to_owned()),
            ("SUMMARY_FALLBACK", "none".to_owned()),
            ("STAGE_RETRY_BASE", "1s".to_owned()),
            ("DELIVERY_RETRY_SCHEDULE", "1s,1s".to_owned()),
        ]);
        let dir = tempfile::tempdir().unwrap();
        let server = Server::start(&["serve"], &vars, &dir.path().join("data")).await;
        // The systems are asked once at the start; that is over before anything is counted.
        let world = Self { database, gong, openai, dir, server };
        world.until("the check at the start", async || world.openai.server.count("GET") > 0).await;
        world
    }

    async fn until(&self, what: &str, done: impl AsyncFn() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !done().await {
            assert!(Instant::now() < deadline, "{what} did not come in time");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn settled(&self) {
        let query = "SELECT (SELECT count(*) FROM runs WHERE state = 'active')
                          + (SELECT count(*) FROM deliveries WHERE status IN ('pending', 'retrying'))";
        let left = async || sqlx::query_scalar::<_, i64>(query).fetch_one(&self.database.pool).await.unwrap();
        self.until("the end of all work", async || left().await == 0).await;
    }

    async fn endpoint(&self, kind: &str, target: &str, event: &str) {
        let body = json!({"kind": kind, "target": target, "filters": {"events": [event]}});
        let made = self.server.api(reqwest::Method::POST, "/api/v1/admin/notify/endpoints", Some(body)).await.unwrap();
        assert!(made["id"].is_string(), "{made}");
    }

    async fn raise(&self, event: &str) {
        let body = json!({"type": event, "data": {}});
        let raised = self.server.api(reqwest::Method::POST, "/api/v1/events", Some(body)).await.unwrap();
        assert_eq!(raised["endpoints"], 1, "{raised}");
        self.settled().await;
    }

    /// Takes a call in and lets its run end.
    async fn process(&self, call_id: &str) {
        let path = self.dir.path().join(format!("{call_id}.json"));
        std::fs::write(&path, transcript(call_id).to_string()).unwrap();
        let now = std::time::SystemTime::now().into();
        aftercall::intake::import::import(&self.database.pool, "default", &[path], now).await.unwrap();
        self.post(&callback(call_id), 202).await;
        self.settled().await;
    }

    async fn post(&self, body: &Value, status: u16) {
        let answer = self.server.post_signed(&self.gong, body).await.expect("an answer");
        assert_eq!(answer.0, status, "{}", answer.1);
    }

    async fn text(&self, path: &str) -> String {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        client.get(self.server.url(path)).send().await.unwrap().text().await.unwrap()
    }

    async fn scrape(&self) -> Exposition {
        let text = self.text("/metrics").await;
        Exposition::parse(&text).unwrap_or_else(|why| panic!("{why}\n{text}"))
    }
}

#[tokio::test]
async fn every_metric_counts_what_happened_and_nothing_else() {
    let world = World::start().await;
    let receivers = [
        Receiver::start().await,
        Receiver::answering([500]).await,
        Receiver::answering([410]).await,
        Receiver::start().await,
    ];
    world.endpoint("webhook", &receivers[0].url(), "call.summarised").await;
    world.endpoint("webhook", &receivers[1].url(), "custom.retried").await;
    world.endpoint("webhook", &receivers[2].url(), "custom.gone").await;
    world.endpoint("slack", &receivers[3].url(), "call.summarised").await;
    world.endpoint("email", "team@brindlemoor.example", "call.summarised").await;

    world.process("6001").await;
    world.openai.next(Behaviour::Page(500));
    world.process("6002").await;
    world.openai.next(Behaviour::Answer(401, Some("invalid_api_key"), "no".to_owned(), Vec::new()));
    world.process("6003").await;
    let mut private = callback("6004");
    private["callData"]["metaData"]["isPrivate"] = json!(true);
    private["isPrivate"] = json!(true);
    world.post(&private, 202).await;
    world.post(&callback("6001"), 200).await;
    world.post(&json!({"callData": {}}), 400).await;
    let mut test = callback("6005");
    test["isTest"] = json!(true);
    world.post(&test, 200).await;
    world.raise("custom.retried").await;
    world.raise("custom.gone").await;
    refuse_many(&world).await;

    let metrics = world.scrape().await;
    let value = |name: &str, labels: &[(&str, &str)]| metrics.value(name, labels);
    for (outcome, count) in [("accepted", 4.0), ("duplicate", 1.0), ("test", 1.0), ("refused", 20.0), ("invalid", 1.0)]
    {
        let labels = [("source", "default"), ("outcome", outcome)];
        assert_eq!(value("aftercall_callbacks_total", &labels), Some(count), "{outcome}");
    }
    for (outcome, count) in [("done", 2.0), ("failed", 1.0), ("skipped", 1.0)] {
        assert_eq!(value("aftercall_runs_total", &[("outcome", outcome)]), Some(count), "{outcome}");
    }
    for (stage, count) in [("fetch", 3.0), ("summarise", 4.0), ("document", 2.0), ("notify", 2.0)] {
        assert_eq!(value("aftercall_stage_seconds_count", &[("stage", stage)]), Some(count), "{stage}");
    }
    for kind in ["retry", "failed"] {
        let labels = [("stage", "summarise"), ("kind", kind)];
        assert_eq!(value("aftercall_stage_failures_total", &labels), Some(1.0), "{kind}");
    }
    assert_eq!(metrics.samples("aftercall_stage_failures_total").count(), 2);
    for (kind, outcome, count) in [
        ("webhook", "sent", 3.0),
        ("webhook", "retrying", 1.0),
        ("webhook", "failed", 1.0),
        ("slack", "sent", 2.0),
        ("email", "sent", 2.0),
    ] {
        let labels = [("kind", kind), ("outcome", outcome)];
        assert_eq!(value("aftercall_deliveries_total", &labels), Some(count), "{kind} {outcome}");
    }
    assert_eq!(metrics.samples("aftercall_deliveries_total").count(), 9, "all there can be, from zero on");
    for (kind, count) in [("webhook", 5.0), ("slack", 2.0), ("email", 2.0)] {
        assert_eq!(value("aftercall_delivery_seconds_count", &[("kind", kind)]), Some(count), "{kind}");
    }
    assert_eq!(value("aftercall_callback_to_sent_seconds_count", &[]), Some(6.0));
    let in_time = value("aftercall_callback_to_sent_seconds_bucket", &[("le", "300")]);
    assert_eq!(in_time, Some(6.0), "the promise of five minutes has a bucket of its own");
    for queue in ["stages", "deliveries"] {
        assert_eq!(value("aftercall_queue_depth", &[("queue", queue)]), Some(0.0), "{queue}");
        assert_eq!(value("aftercall_queue_oldest_seconds", &[("queue", queue)]), Some(0.0), "{queue}");
    }
    for (status, count) in [("500", 1.0), ("401", 1.0)] {
        let labels = [("system", "openai"), ("status", status)];
        assert_eq!(value("aftercall_upstream_requests_total", &labels), Some(count), "{status}");
    }
    let requests: f64 = metrics.samples("aftercall_upstream_requests_total").map(|sample| sample.value).sum();
    let asked = f64::from(u32::try_from(world.openai.server.asked().len()).unwrap());
    assert_eq!(Some(requests), Some(asked), "each request counts once");
    assert_eq!(value("aftercall_upstream_breaker_open", &[("system", "openai")]), Some(0.0));
    for direction in ["input", "output"] {
        let tokens = value("aftercall_summary_tokens_total", &[("direction", direction)]);
        assert!(tokens.is_some_and(|tokens| tokens > 0.0), "{direction}");
    }
    names_and_labels(&metrics);
}

/// Callers who prove nothing: whatever they send, it is one series.
async fn refuse_many(world: &World) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    for attempt in 0..20 {
        let made_up = format!("made-up-{attempt}");
        let url = world.server.url(&format!("/webhooks/gong?key={made_up}"));
        let request = client.post(url).header("authorization", &made_up).header("x-signature", &made_up);
        assert_eq!(request.body(made_up.clone()).send().await.unwrap().status(), 401);
        let url = world.server.url(&format!("/webhooks/gong/{made_up}"));
        assert_eq!(client.post(url).body("{}").send().await.unwrap().status(), 404);
        let method = reqwest::Method::from_bytes(format!("MADEUP{attempt}").as_bytes()).unwrap();
        assert!(client.request(method, world.server.url(&format!("/{made_up}"))).send().await.is_ok());
    }
    assert!(!world.text("/metrics").await.to_lowercase().contains("made"), "no caller makes a label");
}

fn names_and_labels(metrics: &Exposition) {
    let expected = [
        ("aftercall_callbacks_total", "counter", vec!["source", "outcome"]),
        ("aftercall_runs_total", "counter", vec!["outcome"]),
        ("aftercall_stage_seconds", "histogram", vec!["stage"]),
        ("aftercall_stage_failures_total", "counter", vec!["stage", "kind"]),
        ("aftercall_deliveries_total", "counter", vec!["kind", "outcome"]),
        ("aftercall_delivery_seconds", "histogram", vec!["kind"]),
        ("aftercall_callback_to_sent_seconds", "histogram", vec![]),
        ("aftercall_database_up", "gauge", vec![]),
        ("aftercall_disk_free_bytes", "gauge", vec!["what"]),
        ("aftercall_endpoints", "gauge", vec!["state"]),
        ("aftercall_queue_depth", "gauge", vec!["queue"]),
        ("aftercall_queue_oldest_seconds", "gauge", vec!["queue"]),
        ("aftercall_upstream_requests_total", "counter", vec!["system", "status"]),
        ("aftercall_upstream_breaker_open", "gauge", vec!["system"]),
        ("aftercall_summary_tokens_total", "counter", vec!["direction"]),
    ];
    for (name, kind, labels) in &expected {
        let family = metrics.family(name).unwrap_or_else(|| panic!("{name} is missing"));
        assert_eq!((family.kind.as_str(), family.help.is_empty()), (*kind, false), "{name}");
        assert_eq!(metrics.labels(name), labels.iter().copied().collect::<BTreeSet<_>>(), "{name}");
    }
    for name in ["process_start_time_seconds", "process_resident_memory_bytes", "process_open_fds", "process_threads"] {
        assert!(metrics.samples(name).all(|sample| sample.value > 0.0), "{name}");
        assert_eq!(metrics.samples(name).count(), 1, "{name}");
    }
    for name in ["process_cpu_seconds_total", "process_max_fds", "process_virtual_memory_bytes"] {
        assert_eq!(metrics.samples(name).count(), 1, "{name}");
    }
    let ours: BTreeSet<_> = expected.iter().map(|(name, ..)| *name).collect();
    let others: Vec<_> = metrics.names().into_iter().filter(|name| !ours.contains(name)).collect();
    assert!(others.iter().all(|name| name.starts_with("process_")), "undocumented: {others:?}");
}
