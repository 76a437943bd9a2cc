//! Retention: what is older than it shall be kept goes, what is younger or under way stays, a tenant that left vanishes, and
//! nobody who works meanwhile is held up.

use std::{collections::BTreeMap, process::Command, time::Duration};

use aftercall::{config::RetentionConfig, db::retention::first_id_at, jobs};
use axum::body::Body;
use chrono::{DateTime, TimeDelta, Utc};
use http::Request;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgPool};

use crate::support::{Answer, Database, Receiver, TOKEN, TestApp, TestAppBuilder, callback};

const DAY: Duration = Duration::from_hours(24);
/// Longer than anything here takes on a busy machine, shorter than a lock that is never given back.
const PATIENCE: Duration = Duration::from_secs(60);

fn keeping(days: [(&'static str, u32); 5]) -> TestAppBuilder {
    days.into_iter().fold(TestAppBuilder::default(), |app, (kind, days)| {
        app.with(&format!("RETENTION_{kind}_DAYS"), days.to_string())
    })
}

fn keeping_everything_for_a_day() -> TestAppBuilder {
    keeping([("DELIVERIES", 1), ("EVENTS", 1), ("TRANSCRIPTS", 1), ("CALLS", 1), ("AUDIT", 1)])
}

async fn retention(app: &TestApp) -> jobs::Purged {
    let pool = &app.app.pool;
    let done = jobs::retention(pool, &app.app.config.retention, app.clock.now());
    tokio::time::timeout(PATIENCE, done).await.expect("it waits for nobody").expect("it ends well")
}

/// How much there is of a call: deliveries, attempts, events, transcripts, calls, runs, stage attempts, summaries.
async fn kept(app: &TestApp, call: &str) -> [i64; 8] {
    let of_call = |text: &'static str| sqlx::query_scalar(text).bind(call.to_owned()).fetch_one(&app.app.pool);
    [
        of_call("SELECT count(*) FROM deliveries WHERE subject = $1").await.unwrap(),
        of_call(
            "SELECT count(*) FROM delivery_attempts a JOIN deliveries d ON d.id = a.delivery_id WHERE subject = $1",
        )
        .await
        .unwrap(),
        of_call("SELECT count(*) FROM events WHERE subject = $1").await.unwrap(),
        of_call("SELECT count(*) FROM transcripts WHERE call_id = $1").await.unwrap(),
        of_call("SELECT count(*) FROM calls WHERE call_id = $1").await.unwrap(),
        of_call("SELECT count(*) FROM runs WHERE call_id = $1").await.unwrap(),
        of_call("SELECT count(*) FROM stage_attempts a JOIN runs r ON r.id = a.run_id WHERE call_id = $1")
            .await
            .unwrap(),
        of_call("SELECT count(*) FROM summaries WHERE call_id = $1").await.unwrap(),
    ]
}

async fn count(pool: &PgPool, query: &'static str) -> i64 {
    sqlx::query_scalar(query).fetch_one(pool).await.unwrap()
}

/// Settled deliveries, each of an event of its own, all made at that time.
async fn add_history(pool: &PgPool, tenant: &str, rows: i32, at: DateTime<Utc>) {
    let text = "WITH endpoint AS (
             INSERT INTO endpoints (id, tenant_id, kind, name, sealed, has_secret, created_at, updated_at, deleted_at)
             VALUES (gen_random_uuid(), $1, 'webhook', 'history', '', false, $3, $3, $3) RETURNING id
         ), event AS (
             INSERT INTO events (id, tenant_id, type, data, trace_id, origin_at, created_at)
             SELECT (left($4::text, 14) || right(gen_random_uuid()::text, 22))::uuid, $1, 'custom.old', '{}', '', $3, $3
             FROM generate_series(1, $2) RETURNING id
         )
         INSERT INTO deliveries (id, tenant_id, event_id, endpoint_id, event_type, status, ready_at, created_at)
         SELECT (left($4::text, 14) || right(gen_random_uuid()::text, 22))::uuid, $1, event.id, endpoint.id, 'custom.old',
                'sent', $3, $3 FROM event, endpoint";
    let query = sqlx::query(text).bind(tenant).bind(rows).bind(at).bind(first_id_at(at));
    query.execute(pool).await.unwrap();
}

#[tokio::test]
async fn each_kind_goes_at_its_own_age_and_what_is_younger_stays() {
    let app =
        keeping([("DELIVERIES", 10), ("EVENTS", 20), ("TRANSCRIPTS", 5), ("CALLS", 40), ("AUDIT", 30)]).start().await;
    let receiver = Receiver::start().await;
    app.add_webhook(&receiver).await;
    app.process("old").await;
    let whole = [3, 1, 3, 1, 1, 1, 4, 1];
    assert_eq!(kept(&app, "old").await, whole);
    retention(&app).await;
    assert_eq!(kept(&app, "old").await, whole, "nothing is old yet");
    let mut day = 0;
    for (next, left) in [
        (6, [3, 1, 3, 0, 1, 1, 4, 1]),
        (11, [0, 0, 3, 0, 1, 1, 4, 1]),
        (21, [0, 0, 0, 0, 1, 1, 4, 1]),
        (31, [0, 0, 0, 0, 1, 1, 4, 1]),
        (41, [0, 0, 0, 0, 0, 0, 0, 0]),
    ] {
        app.clock.advance(DAY * (next - day));
        day = next;
        let young = format!("young-{next}");
        app.process(&young).await;
        let audit = app.count("admin_audit").await;
        retention(&app).await;
        assert_eq!(kept(&app, "old").await, left, "day {next}");
        assert_eq!(kept(&app, &young).await, whole, "day {next}");
        assert_eq!(app.count("admin_audit").await, audit - i64::from(next == 31), "day {next}");
    }
    assert_eq!(app.count("run_documents").await, 5, "of the young ones");
    assert_eq!(retention(&app).await.total(), 0, "once is enough");
}

#[tokio::test]
async fn nothing_goes_when_it_is_to_be_kept_for_ever() {
    let app = keeping([("DELIVERIES", 0), ("EVENTS", 0), ("TRANSCRIPTS", 0), ("CALLS", 0), ("AUDIT", 0)]).start().await;
    app.process("1").await;
    app.clock.advance(DAY * 3000);
    assert_eq!(retention(&app).await, jobs::Purged::default());
}

#[tokio::test]
async fn what_is_under_way_stays_however_old_it_is() {
    let app = keeping_everything_for_a_day().start().await;
    let receiver = Receiver::start().await;
    app.add_webhook(&receiver).await;
    app.process("waiting").await;
    sqlx::query("UPDATE deliveries SET status = 'retrying', ready_at = '2040-01-01' WHERE status = 'sent'")
        .execute(&app.app.pool)
        .await
        .unwrap();
    app.post_signed(&callback("active")).await.expect(202); // no worker has come yet
    app.import_transcript("active").await;
    app.clock.advance(DAY * 400);
    retention(&app).await;
    let [deliveries, attempts, events, .., summaries] = kept(&app, "waiting").await;
    assert_eq!((deliveries, attempts, events, summaries), (1, 1, 1, 0), "the delivery that waits, and its event");
    assert_eq!(kept(&app, "active").await, [0, 0, 1, 1, 1, 1, 0, 0]);
    app.stages().run_due().await.unwrap();
    app.deliveries().run_due().await.unwrap();
    assert_eq!(receiver.types(), ["call.summarised"; 2], "it was not too late");
    sqlx::query("UPDATE deliveries SET ready_at = '2032-01-01'").execute(&app.app.pool).await.unwrap();
    app.deliveries().run_due().await.unwrap();
    assert_eq!(receiver.count(), 3);
    app.clock.advance(DAY * 2);
    retention(&app).await;
    for call in ["waiting", "active"] {
        assert_eq!(kept(&app, call).await, [0; 8], "{call}");
    }
}

#[tokio::test]
async fn an_erased_call_stays_as_a_bare_row_so_that_it_cannot_come_back() {
    let app = keeping_everything_for_a_day().start().await;
    app.process("1").await;
    app.api("DELETE", "/api/v1/admin/calls/1", None).await.expect(204);
    app.clock.advance(DAY * 400);
    retention(&app).await;
    let [deliveries, _, events, transcripts, calls, ..] = kept(&app, "1").await;
    assert_eq!((deliveries, events, transcripts, calls), (0, 0, 0, 1));
    assert_eq!(app.post_signed(&callback("1")).await.expect(200).body["duplicate"], true);
    app.import_transcript("1").await;
    app.run_due().await;
    assert_eq!((app.count("transcripts").await, app.count("summaries").await), (0, 0));
}

async fn raise_once(app: &TestApp, key: &str, n: u32) -> Answer {
    let body = json!({"type": "custom.tick", "data": {"n": n}});
    let request = Request::post("/api/v1/events")
        .header("authorization", format!("Bearer {TOKEN}"))
        .header("content-type", "application/json")
        .header("idempotency-key", key);
    app.send(request.body(Body::from(body.to_string())).unwrap()).await
}

#[tokio::test]
async fn an_idempotency_key_is_good_for_a_day() {
    let app = TestApp::start().await;
    let first = raise_once(&app, "k", 1).await.expect(202).body;
    app.clock.advance(Duration::from_hours(23));
    retention(&app).await;
    assert_eq!(raise_once(&app, "k", 1).await.expect(202).body, first);
    raise_once(&app, "k", 2).await.expect(422);
    app.clock.advance(Duration::from_hours(2));
    retention(&app).await;
    assert_eq!(app.count("idempotency_keys").await, 0);
    assert_ne!(raise_once(&app, "k", 2).await.expect(202).body, first);
}

/// How many rows of a tenant each table has that knows tenants.
async fn rows_of(pool: &PgPool, tenant: &str) -> BTreeMap<String, i64> {
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT table_name::text FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)
         WHERE table_schema = 'public' AND table_type = 'BASE TABLE' AND column_name = 'tenant_id'",
    )
    .fetch_all(pool)
    .await
    .unwrap();
    let mut rows = BTreeMap::new();
    for table in tables {
        let query = AssertSqlSafe(format!("SELECT count(*) FROM {table} WHERE tenant_id = $1"));
        rows.insert(table, sqlx::query_scalar(query).bind(tenant).fetch_one(pool).await.unwrap());
    }
    rows
}

/// Gives a tenant something in every table.
async fn furnish(app: &TestApp, receiver: &Receiver, tenant: &str) {
    app.api("POST", "/api/v1/admin/tenants", Some(json!({"id": tenant, "name": tenant, "rate_limit_per_minute": 600})))
        .await
        .expect(201);
    let token = json!({"name": "theirs", "role": "admin", "tenant": tenant});
    let token = app.api("POST", "/api/v1/admin/tokens", Some(token)).await.expect(201).body;
    let send = async |method: &str, path: &str, key: Option<&str>, body: Value| {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {}", token["token"].as_str().unwrap()))
            .header("content-type", "application/json");
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        app.send(request.body(Body::from(body.to_string())).unwrap()).await
    };
    let endpoint = json!({"kind": "webhook", "target": receiver.url(), "rate_limit_per_minute": 60});
    send("POST", "/api/v1/admin/notify/endpoints", None, endpoint).await.expect(201);
    let account =
        json!({"name": "Halden Freight", "domains": ["halden.example"], "cs_email": "cs@brindlemoor.example"});
    send("PUT", "/api/v1/admin/accounts/HF-1", None, account).await.expect(200);
    let source = json!({"kind": "gong", "name": "theirs", "url_key": "a-key-of-their-own"});
    let source = send("POST", "/api/v1/admin/sources", None, source).await.expect(201).body;
    let source = source["id"].as_str().unwrap();
    send("POST", "/api/v1/events", Some("once"), json!({"type": "custom.tick", "data": {}})).await.expect(202);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("words.json");
    std::fs::write(&path, crate::support::transcript("1").to_string()).unwrap();
    aftercall::intake::import::import(&app.app.pool, tenant, &[path], app.clock.now()).await.unwrap();
    let path = format!("/webhooks/gong/{source}?key=a-key-of-their-own");
    app.post_to(&path, &[], callback("1").to_string()).await.expect(202);
    app.post_to(&path, &[], callback("waits").to_string()).await.expect(202);
    app.run_due().await;
    for text in [
        "INSERT INTO documents (tenant_id, store, folder_name, updated_at) VALUES ($1, 'drive', 'Halden', now())",
        "INSERT INTO document_entries (tenant_id, store, folder_name, call_id, held_at, summary_html, entry_html, filed_at)
         VALUES ($1, 'drive', 'Halden', '1', now(), '', '', now())",
        "INSERT INTO sync_state (tenant_id, source_id, name, state, updated_at)
         SELECT $1, id, 'poll', '{}', now() FROM sources WHERE tenant_id = $1",
    ] {
        sqlx::query(text).bind(tenant).execute(&app.app.pool).await.unwrap();
    }
}

#[tokio::test]
async fn a_tenant_that_left_vanishes_from_every_table_and_nobody_else_does() {
    let app = TestApp::start().await;
    let receiver = Receiver::start().await;
    furnish(&app, &receiver, "emea").await;
    furnish(&app, &receiver, "apac").await;
    app.process("1").await;
    let empty: Vec<_> = rows_of(&app.app.pool, "emea").await.into_iter().filter(|(_, rows)| *rows == 0).collect();
    assert_eq!(empty, [], "the test has to know every table");
    let others = (rows_of(&app.app.pool, "apac").await, rows_of(&app.app.pool, "default").await);
    app.api("DELETE", "/api/v1/admin/tenants/emea", None).await.expect(204);
    let done = retention(&app).await;
    assert!(done.departed > 10 && done.total() == done.departed, "{done:?}");
    let left: Vec<_> = rows_of(&app.app.pool, "emea").await.into_iter().filter(|(_, rows)| *rows > 0).collect();
    assert_eq!(left, []);
    assert_eq!(count(&app.app.pool, "SELECT count(*) FROM tenants WHERE id = 'emea'").await, 0);
    let mut told = others.1;
    *told.get_mut("admin_audit").unwrap() += 1; // that it was closed
    assert_eq!((rows_of(&app.app.pool, "apac").await, rows_of(&app.app.pool, "default").await), (others.0, told));
    app.api("POST", "/api/v1/admin/tenants", Some(json!({"id": "emea", "name": "again"}))).await.expect(201);
}

#[tokio::test]
async fn rows_that_others_hold_are_skipped_and_go_the_next_time() {
    let app = keeping_everything_for_a_day().start().await;
    let receiver = Receiver::start().await;
    furnish(&app, &receiver, "emea").await;
    app.process("1").await;
    app.process("2").await;
    add_history(&app.app.pool, "default", 2500, app.clock.now()).await;
    app.api("DELETE", "/api/v1/admin/tenants/emea", None).await.expect(204);
    app.clock.advance(DAY * 10);
    let mut held = app.app.pool.begin().await.unwrap();
    for text in [
        "SELECT id FROM deliveries WHERE tenant_id = 'emea' ORDER BY id LIMIT 1 FOR UPDATE",
        "SELECT id FROM deliveries WHERE event_type = 'custom.old' ORDER BY id LIMIT 1 FOR UPDATE",
        "SELECT id FROM calls WHERE tenant_id = 'default' AND call_id = '1' FOR UPDATE",
        "SELECT id FROM admin_audit WHERE tenant_id = 'default' ORDER BY id LIMIT 1 FOR UPDATE",
    ] {
        assert_eq!(sqlx::query(text).fetch_all(&mut *held).await.unwrap().len(), 1, "{text}");
    }
    retention(&app).await;
    let old = "SELECT count(*) FROM deliveries WHERE event_type = 'custom.old'";
    assert_eq!(count(&app.app.pool, old).await, 1);
    assert_eq!(count(&app.app.pool, "SELECT count(*) FROM events WHERE type = 'custom.old'").await, 1);
    assert_eq!(count(&app.app.pool, "SELECT count(*) FROM deliveries WHERE tenant_id = 'emea'").await, 1);
    assert_eq!(count(&app.app.pool, "SELECT count(*) FROM admin_audit WHERE tenant_id = 'default'").await, 1);
    assert_eq!((kept(&app, "1").await[4], kept(&app, "2").await[4]), (1, 0));
    held.rollback().await.unwrap();
    retention(&app).await;
    assert_eq!((count(&app.app.pool, old).await, app.count("events").await, app.count("calls").await), (0, 0, 0));
    assert_eq!(count(&app.app.pool, "SELECT count(*) FROM tenants").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_may_run_twice_at_the_same_time_while_events_are_raised_and_sent() {
    let app = keeping_everything_for_a_day().start().await;
    let receiver = Receiver::start().await;
    app.api("POST", "/api/v1/admin/tenants", Some(json!({"id": "emea", "name": "EMEA"}))).await.expect(201);
    for tenant in ["default", "emea"] {
        add_history(&app.app.pool, tenant, 3500, app.clock.now()).await;
    }
    app.api("DELETE", "/api/v1/admin/tenants/emea", None).await.expect(204);
    app.clock.advance(DAY * 10);
    app.add_endpoint(json!({"kind": "webhook", "target": receiver.url()})).await;
    let raised = async {
        for n in 0..60 {
            raise_once(&app, &format!("k{n}"), n).await.expect(202);
            app.deliveries().run_due().await.unwrap();
        }
    };
    let (first, second, ()) = tokio::join!(retention(&app), retention(&app), raised);
    retention(&app).await;
    // 3,500 deliveries and as many events of each tenant; those of the one that left may go either way.
    assert!(first.total() + second.total() >= 14_000, "{first:?} {second:?}");
    assert_eq!((app.count("deliveries").await, app.count("events").await, receiver.count()), (60, 60, 60));
    assert_eq!(count(&app.app.pool, "SELECT count(*) FROM tenants").await, 1);
}

#[tokio::test]
async fn the_api_runs_it_and_says_what_it_did() {
    let app = TestApp::start().await;
    app.process("1").await;
    add_history(&app.app.pool, "default", 3, app.clock.now() - TimeDelta::days(400)).await;
    let done = app.api("POST", "/api/v1/admin/jobs/retention", None).await.expect(200).body;
    let detail = "removed 3 deliveries, 3 events, 0 transcripts, 0 calls, 0 audit entries, 0 rows of tenants that left";
    assert_eq!(done, json!({"job": "retention", "status": "done", "detail": detail}));
    let audit = app.get("/api/v1/admin/audit").await.expect(200).body;
    assert_eq!((&audit["items"][0]["action"], &audit["items"][0]["object"]), (&json!("job.run"), &json!("retention")));
}

#[tokio::test]
async fn the_command_runs_it_and_says_what_it_did() {
    let database = Database::create().await;
    let dir = tempfile::tempdir().unwrap();
    let now = DateTime::<Utc>::from(std::time::SystemTime::now());
    add_history(&database.pool, "default", 2, now - TimeDelta::days(100)).await;
    add_history(&database.pool, "default", 5, now - TimeDelta::days(2)).await;
    sqlx::query("INSERT INTO tenants (id, name, deleted_at) VALUES ('emea', 'EMEA', now())")
        .execute(&database.pool)
        .await
        .unwrap();
    add_history(&database.pool, "emea", 4, now).await;
    let run = |args: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_aftercall"))
            .args(args)
            .env_clear()
            .env("DATABASE_URL", database.url())
            .env("DATA_DIR", dir.path())
            .env("ENCRYPTION_KEYS", format!("k1:{}=", "A".repeat(43)))
            .env("ADMIN_TOKEN", TOKEN)
            .env("RETENTION_EVENTS_DAYS", "90")
            .output()
            .unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let said = "removed 2 deliveries, 2 events, 0 transcripts, 0 calls, 0 audit entries, 9 rows of tenants that left";
    assert_eq!(run(&["job", "run", "retention"]), (Some(0), said.to_owned()));
    assert_eq!(count(&database.pool, "SELECT count(*) FROM deliveries").await, 5);
    assert_eq!(run(&["job", "run", "retentions"]).0, Some(2));
}

#[test]
fn history_is_kept_as_long_as_is_usual_unless_told_otherwise() {
    let keep = aftercall::config::Config::from_vars(std::collections::HashMap::new()).unwrap().retention;
    let days = |days| Some(TimeDelta::days(days));
    let usual =
        RetentionConfig { deliveries: days(90), events: days(180), transcripts: None, calls: None, audit: None };
    assert_eq!(keep, usual);
}
