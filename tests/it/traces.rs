//! Telemetry over OTLP, from the real binary: one callback is one trace, whichever processes work on it, and a collector
//! that is away costs nobody anything but telemetry.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::support::{
    Certificate, Collector, Database, Fault, Gong, Receiver, Server, Span, TOKEN, callback, openai::OpenAiStandIn,
    serve_vars, transcript,
};

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
const SERVER: i32 = 2;
const CLIENT: i32 = 3;

struct World {
    database: Database,
    gong: Gong,
    openai: OpenAiStandIn,
    dir: tempfile::TempDir,
    vars: HashMap<&'static str, String>,
}

impl World {
    async fn new(telemetry: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        let (database, gong, openai) = (Database::create().await, Gong::shared(), OpenAiStandIn::start().await);
        let mut vars = serve_vars(&database);
        vars.extend([
            ("OPENAI_API_KEY", openai.key().to_owned()),
            ("OPENAI_BASE_URL", openai.base_url()),
            ("OPENAI_MODEL", openai.model().to_owned()),
            ("LEASE", "1s".to_owned()),
            ("DELIVERY_RETRY_SCHEDULE", "1s,1s,1s".to_owned()),
            ("LOG_LEVEL", "info".to_owned()),
            ("LOG_FORMAT", "json".to_owned()),
        ]);
        vars.extend(telemetry);
        let dir = tempfile::tempdir().unwrap();
        Self { database, gong, openai, dir, vars }
    }

    async fn start(&self, command: &[&str]) -> Server {
        let output = std::fs::File::create(self.dir.path().join(format!("{}.log", command.join(" ")))).unwrap();
        Server::start_writing(command, &self.vars, &self.dir.path().join("data"), &output).await
    }

    async fn import(&self, call_id: &str) {
        let path = self.dir.path().join(format!("{call_id}.json"));
        std::fs::write(&path, transcript(call_id).to_string()).unwrap();
        let now = std::time::SystemTime::now().into();
        let imported = aftercall::intake::import::import(&self.database.pool, "default", &[path], now).await;
        assert_eq!(imported.unwrap().transcripts, 1);
    }

    /// Takes a call in and returns its run.
    async fn post(&self, server: &Server, call_id: &str) -> String {
        self.import(call_id).await;
        let (status, body) = server.post_signed(&self.gong, &callback(call_id)).await.expect("an answer");
        assert_eq!(status, 202, "{body}");
        body["run_id"].as_str().unwrap().to_owned()
    }

    /// Waits until no run is active and no delivery waits.
    async fn settled(&self) {
        let query = "SELECT (SELECT count(*) FROM runs WHERE state = 'active')
                          + (SELECT count(*) FROM deliveries WHERE status IN ('pending', 'retrying'))";
        let deadline = Instant::now() + PATIENCE;
        while sqlx::query_scalar::<_, i64>(query).fetch_one(&self.database.pool).await.unwrap() > 0 {
            assert!(Instant::now() < deadline, "not everything ended in time");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

async fn add_webhook(server: &Server, receiver: &Receiver) -> Value {
    let body = json!({"kind": "webhook", "target": receiver.url(), "filters": {"events": ["call.summarised"]}});
    server.api(reqwest::Method::POST, "/api/v1/admin/notify/endpoints", Some(body)).await.unwrap()
}

async fn trace_of(server: &Server, run: &str) -> String {
    let run = server.api(reqwest::Method::GET, &format!("/api/v1/admin/runs/{run}"), None).await.unwrap();
    run["trace_id"].as_str().expect("a run has a trace").to_owned()
}

fn named<'a>(spans: &'a [Span], name: &str) -> Vec<&'a Span> {
    spans.iter().filter(|span| span.name == name).collect()
}

fn stage<'a>(spans: &'a [Span], stage: &str) -> Vec<&'a Span> {
    named(spans, "stage.run").into_iter().filter(|span| span.attributes["stage"] == stage).collect()
}

fn said(dir: &Path) -> String {
    let files = std::fs::read_dir(dir).unwrap().filter_map(Result::ok).map(|entry| entry.path());
    let logs = files.filter(|path| path.extension().is_some_and(|extension| extension == "log"));
    logs.map(|path| std::fs::read_to_string(path).unwrap()).collect()
}

#[tokio::test]
async fn one_callback_is_one_trace_through_two_processes_down_to_every_receiver() {
    let collector = Collector::start().await;
    let secret = ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=hunter2".to_owned());
    let world = World::new(collector.vars().into_iter().chain([secret])).await;
    let receivers = [Receiver::start().await, Receiver::answering([500]).await];
    let mut server = world.start(&["serve", "--no-workers"]).await;
    let mut worker = world.start(&["worker"]).await;
    for receiver in &receivers {
        add_webhook(&server, receiver).await;
    }
    let run = world.post(&server, "7001").await;
    world.settled().await;
    let trace = trace_of(&server, &run).await;
    collector.until("metrics", |collector| collector.metrics().contains("aftercall_deliveries")).await;
    assert_eq!((server.terminate(), worker.terminate()), (Some(0), Some(0)));

    let spans = collector.trace(&trace);
    let one = |name: &str| {
        let found = named(&spans, name);
        assert_eq!(found.len(), 1, "{name}: {spans:#?}");
        found[0].clone()
    };
    let request = one("POST /webhooks/gong");
    assert_eq!((request.kind, request.parent.as_str()), (SERVER, ""));
    assert_eq!(request.attributes["http.response.status_code"], "202");
    let accepted = one("callback.accept");
    assert_eq!((&accepted.parent, &accepted.instance), (&request.id, &request.instance));
    let stages: Vec<_> = ["fetch", "summarise", "document", "notify"].map(|name| stage(&spans, name)).concat();
    assert_eq!(stages.len(), 4, "{spans:#?}");
    assert!(
        stages.iter().all(|stage| stage.parent == accepted.id && stage.instance != accepted.instance && !stage.failed)
    );
    let asked = named(&spans, "upstream.request");
    assert!(asked.iter().any(|span| span.parent == stages[1].id && span.kind == CLIENT), "{spans:#?}");

    let attempts = named(&spans, "delivery.attempt");
    assert_eq!(attempts.len(), 3, "two receivers, of which one was asked twice: {spans:#?}");
    assert!(attempts.iter().all(|attempt| attempt.parent == stages[3].id));
    assert_eq!(attempts.iter().filter(|attempt| attempt.failed).count(), 1);
    let sends = named(&spans, "delivery.send");
    assert!(sends.iter().all(|send| send.kind == CLIENT));
    let parents: BTreeSet<_> = sends.iter().map(|send| &send.parent).collect();
    assert_eq!(parents, attempts.iter().map(|attempt| &attempt.id).collect());
    let told: BTreeSet<_> = sends.iter().map(|send| format!("00-{trace}-{}-01", send.id)).collect();
    let heard = receivers.iter().flat_map(Receiver::received);
    assert_eq!(heard.map(|received| received.header("traceparent").to_owned()).collect::<BTreeSet<_>>(), told);
    let question = world.openai.server.asked().into_iter().find(|asked| asked.method == "POST").unwrap();
    assert!(question.header("traceparent").starts_with(&format!("00-{trace}-")), "{question:?}");

    let records = collector.records();
    let ended: BTreeSet<_> = records.iter().filter(|record| record.text == "a stage ended").map(|r| &r.span).collect();
    assert_eq!(ended, stages.iter().map(|stage| &stage.id).collect(), "log records name the span they were logged in");
    let attempted: Vec<_> = records.iter().filter(|record| record.text == "attempted a delivery").collect();
    assert!(attempted.iter().all(|record| record.trace == trace));
    let statuses = attempted.iter().map(|record| record.attributes["delivery.status"].as_str());
    assert_eq!(statuses.filter(|status| *status == "retrying").count(), 1, "{attempted:?}");
    for metric in ["aftercall_callbacks", "aftercall_stage_seconds", "aftercall_queue_depth"] {
        assert!(collector.metrics().contains(metric), "{metric} is not in {:?}", collector.metrics());
    }
    assert!(collector.headers().iter().all(|headers| headers["api-key"] == "hunter2"));
    assert!(collector.resources().iter().all(|resource| resource["service.name"] == "aftercall"));
    assert!(!said(world.dir.path()).contains("hunter2"));
    let all = format!("{:?} {records:?}", collector.spans());
    for private in ["hunter2", TOKEN, "Reyes", "ingrid@", "415 555"] {
        assert!(!all.contains(private), "{private} was exported");
    }
    let route = "GET /api/v1/admin/runs/{id}";
    assert!(collector.spans().iter().any(|span| span.name == route && span.attributes["http.route"] == route[4..]));
}

#[tokio::test]
async fn what_a_killed_worker_leaves_goes_on_in_the_same_trace() {
    let collector = Collector::start().await;
    let world = World::new(collector.vars()).await;
    let receiver = Receiver::start().await;
    let server = world.start(&["serve", "--no-workers"]).await;
    add_webhook(&server, &receiver).await;
    world.openai.server.fail_next("POST /v1", Fault::Slow(Duration::from_mins(2)));
    let mut first = world.start(&["worker"]).await;
    let run = world.post(&server, "7002").await;
    let trace = trace_of(&server, &run).await;
    collector.until("the first stage", |collector| !stage(&collector.trace(&trace), "fetch").is_empty()).await;
    while world.openai.server.count("POST /v1") == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    first.kill();
    let _second = world.start(&["worker"]).await;
    world.settled().await;
    collector.until("the delivery", |collector| !named(&collector.trace(&trace), "delivery.send").is_empty()).await;

    let spans = collector.trace(&trace);
    let (accepted, fetched) = (named(&spans, "callback.accept"), stage(&spans, "fetch"));
    for later in ["summarise", "document", "notify"] {
        let [later] = stage(&spans, later)[..] else { panic!("{later}: {spans:#?}") };
        assert_eq!(later.parent, accepted[0].id);
        assert_ne!(later.instance, fetched[0].instance, "another process did this");
    }
    let told = receiver.received()[0].header("traceparent").to_owned();
    assert_eq!(told, format!("00-{trace}-{}-01", named(&spans, "delivery.send")[0].id));
}

#[tokio::test]
async fn a_collector_that_hangs_or_is_away_slows_nothing_down_and_holds_up_no_end() {
    let hanging = Collector::hanging().await;
    let away = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9".to_owned()),
        ("OTEL_BSP_SCHEDULE_DELAY", "50".to_owned()),
    ];
    for telemetry in [hanging.vars().to_vec(), away.to_vec()] {
        let world = World::new(telemetry).await;
        let receiver = Receiver::start().await;
        let mut server = world.start(&["serve"]).await;
        add_webhook(&server, &receiver).await;
        let began = Instant::now();
        for call in 0..20 {
            world.post(&server, &format!("{}", 7100 + call)).await;
        }
        world.settled().await;
        assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
        assert_eq!(receiver.count(), 20);
        let stopping = Instant::now();
        assert_eq!(server.terminate(), Some(0));
        assert!(stopping.elapsed() < Duration::from_secs(5), "{:?}", stopping.elapsed());
        drop(server);
        let said = said(world.dir.path());
        let complaints = said.lines().filter(|line| line.contains("the OTLP collector cannot be reached")).count();
        assert!(complaints <= 3, "once for each signal at most:\n{said}");
    }
}

#[tokio::test]
async fn what_is_not_sampled_is_not_exported_and_says_so_to_receivers() {
    let collector = Collector::start().await;
    let sampler = ("OTEL_TRACES_SAMPLER", "parentbased_always_off".to_owned());
    let world = World::new(collector.vars().into_iter().chain([sampler])).await;
    let receiver = Receiver::start().await;
    let mut server = world.start(&["serve"]).await;
    add_webhook(&server, &receiver).await;
    let run = world.post(&server, "7003").await;
    world.settled().await;
    let trace = trace_of(&server, &run).await;
    assert_eq!(server.terminate(), Some(0));
    let told = receiver.received()[0].header("traceparent").to_owned();
    assert!(told.starts_with(&format!("00-{trace}-")) && told.ends_with("-00"), "{told}");
    assert_eq!(collector.spans().len(), 0);
    assert!(collector.records().iter().any(|record| record.trace == trace), "log lines tell of it all the same");
}

#[tokio::test]
async fn without_a_collector_runs_have_a_trace_id_and_nobody_is_told_of_it() {
    let world = World::new([("LOG_LEVEL", "info,aftercall=debug".to_owned())]).await;
    let receiver = Receiver::start().await;
    let mut server = world.start(&["serve"]).await;
    add_webhook(&server, &receiver).await;
    let run = world.post(&server, "7004").await;
    world.settled().await;
    let trace = trace_of(&server, &run).await;
    assert_eq!(server.terminate(), Some(0));
    assert_eq!(receiver.received()[0].header("traceparent"), "");
    assert!(world.openai.server.asked().iter().all(|asked| asked.header("traceparent").is_empty()));
    let said = said(world.dir.path());
    let lines: Vec<Value> = said.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let of_trace = lines.iter().filter(|line| line["span"]["trace.id"] == trace.as_str());
    let asked: Vec<_> = of_trace.filter(|line| line["message"] == "asked an outside system").collect();
    assert!(
        asked.iter().any(|line| line["system"] == "openai"),
        "whatever is logged of a call tells its trace:\n{said}"
    );
    for line in ["took a callback in", "a stage ended", "attempted a delivery"] {
        let mut lines = lines.iter().filter(|said| said["message"] == line).peekable();
        assert!(lines.peek().is_some(), "{line} is not in\n{said}");
        let stray: Vec<_> = lines.filter(|line| line["span"]["trace.id"] != trace.as_str()).collect();
        assert!(stray.iter().all(|line| line["span"]["event.type"] == "call.received"), "{stray:#?}");
    }
}

#[tokio::test]
async fn what_no_callback_told_of_has_a_trace_from_where_it_began() {
    let collector = Collector::start().await;
    let world = World::new(collector.vars()).await;
    let receiver = Receiver::start().await;
    let server = world.start(&["serve"]).await;
    let body = json!({"kind": "webhook", "target": receiver.url()});
    server.api(reqwest::Method::POST, "/api/v1/admin/notify/endpoints", Some(body)).await.unwrap();
    let raised = json!({"type": "custom.shift", "data": {}});
    server.api(reqwest::Method::POST, "/api/v1/events", Some(raised)).await.unwrap();
    world.settled().await;
    collector.until("a delivery", |collector| !named(&collector.spans(), "delivery.attempt").is_empty()).await;
    let spans = collector.spans();
    let (request, attempt) = (named(&spans, "POST /api/v1/events")[0], named(&spans, "delivery.attempt")[0]);
    assert_eq!((&attempt.trace, &attempt.parent), (&request.trace, &request.id));

    let calls = world.dir.path().join("calls.jsonl");
    let found: Vec<String> = ["7005", "7006"].iter().map(|id| callback(id).to_string()).collect();
    std::fs::write(&calls, found.join("\n")).unwrap();
    let imported = Command::new(env!("CARGO_BIN_EXE_aftercall"))
        .args(["import", "--process"])
        .arg(&calls)
        .env_clear()
        .envs(&world.vars)
        .env("DATA_DIR", world.dir.path().join("data"))
        .output()
        .unwrap();
    assert!(imported.status.success(), "{}", String::from_utf8_lossy(&imported.stderr));
    let began = |collector: &Collector| {
        let spans = collector.spans();
        let of = |span: &Span| span.attributes["call.id"].clone();
        let found: BTreeMap<_, _> =
            named(&spans, "call.found").iter().map(|span| (of(span), (*span).clone())).collect();
        let fetches: Vec<_> = stage(&spans, "fetch").into_iter().cloned().collect();
        (found, fetches)
    };
    collector.until("both calls", |collector| began(collector).0.len() == 2 && began(collector).1.len() >= 2).await;
    let (found, fetches) = began(&collector);
    assert_ne!(found["7005"].trace, found["7006"].trace, "each call has a trace of its own");
    for fetch in fetches {
        let beginning = &found[&fetch.attributes["call.id"]];
        assert_eq!((&fetch.trace, &fetch.parent), (&beginning.trace, &beginning.id));
    }
}

#[tokio::test]
async fn a_collector_with_a_certificate_of_the_house_is_trusted_and_told_our_name() {
    let certificate = Certificate::of_loopback();
    let collector = Collector::protected(&certificate).await;
    let name = ("OTEL_SERVICE_NAME", "calls".to_owned());
    let mut world = World::new(collector.vars().into_iter().chain([name])).await;
    let path = world.dir.path().join("ca.pem");
    std::fs::write(&path, certificate.pem()).unwrap();
    world.vars.insert("EXTRA_CA_FILE", path.display().to_string());
    let mut server = world.start(&["serve"]).await;
    collector.until("a log record", |collector| !collector.records().is_empty()).await;
    collector.until("a span", |collector| !collector.spans().is_empty()).await;
    assert_eq!(server.terminate(), Some(0));
    assert!(collector.resources().iter().all(|resource| resource["service.name"] == "calls"));
}
