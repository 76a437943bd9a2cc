//! Erasing a call: what was said, written or told of it is gone from every table and from the documents, nothing of it goes
//! out any more, and no way in brings it back. That there was a call stays on record.

use std::{collections::BTreeMap, fs::File, num::NonZeroUsize, time::Duration};

use aftercall::{
    db::{deliveries, erasure, jobs, transcripts},
    domain::transcript::StoredTurn,
    intake::gong::{Sync, SyncMode, SyncPlan},
    queue::Queue,
};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::support::{Receiver, TestApp, callback, contents, gong_api::GongApiStandIn, transcript};

const CALL: &str = "/api/v1/admin/calls/1";

/// What only the call that is erased knows: title, page, people, words.
const TELLTALE: [&str; 6] = ["Zephyrine", "zephyrine", "zz-9.app", "Oriel", "Bram", "tourmaline"];

fn telling(value: &Value) -> Value {
    let told = [
        ("Halden Freight: renewal", "Zephyrine: renewal"),
        ("zz-1.app", "zz-9.app"),
        ("halden.example", "zephyrine.example"),
        ("Ingrid", "Oriel"),
        ("Dana", "Bram"),
        ("export", "tourmaline"),
        ("quote", "tourmaline quote"),
    ];
    let text = told.into_iter().fold(value.to_string(), |text, (plain, telltale)| text.replace(plain, telltale));
    serde_json::from_str(&text).unwrap()
}

fn told_callback() -> Value {
    telling(&callback("1"))
}

fn told_transcript() -> Value {
    telling(&transcript("1"))
}

/// Takes the call in and drives it to its end.
async fn process(app: &TestApp) -> Value {
    app.import(&told_transcript()).await;
    let accepted = app.post_signed(&told_callback()).await.expect(202).body;
    app.run_due().await;
    accepted
}

/// Where anything of the call stands in the database.
async fn traces(app: &TestApp) -> BTreeMap<String, Vec<&'static str>> {
    let found = |text: &str| TELLTALE.into_iter().filter(|word| text.contains(word)).collect::<Vec<_>>();
    let columns = contents(&app.app.pool).await.into_iter().map(|(column, text)| (column, found(&text)));
    columns.filter(|(_, found)| !found.is_empty()).collect()
}

fn document(app: &TestApp, name: &str) -> String {
    let folder = app.data_dir.path().join("documents/Halden Freight");
    std::fs::read_to_string(folder.join(name)).unwrap_or_default()
}

#[track_caller]
fn assert_gone_from_documents(app: &TestApp) {
    for name in ["Call Summary.md", "Summary Log.md"] {
        let text = document(app, name);
        assert!(!TELLTALE.iter().any(|word| text.contains(word)), "{name}: {text}");
    }
}

async fn details(app: &TestApp, subject: &str) -> Vec<Value> {
    let mut details = Vec::new();
    for line in app.log().await.into_iter().filter(|line| line["subject"] == subject) {
        let path = format!("/api/v1/admin/notify/logs/{}", line["id"].as_str().unwrap());
        details.push(app.get(&path).await.expect(200).body);
    }
    details
}

#[tokio::test]
async fn after_an_erasure_nothing_of_the_call_is_left_and_nothing_of_it_goes_out() {
    let app = TestApp::start().await;
    let (taking, failing) = (Receiver::start().await, Receiver::answering([500; 50]).await);
    let mut endpoints = Vec::new();
    for target in [taking.url(), failing.url()] {
        let body = json!({"kind": "webhook", "target": target, "filters": {"events": ["call.*"]}});
        endpoints.push(app.add_endpoint(body).await["id"].as_str().unwrap().to_owned());
    }
    app.add_endpoint(json!({"kind": "email", "target": "team@brindlemoor.example", "filters": {"events": ["call.*"]}}))
        .await;
    app.process("2").await;
    let accepted = process(&app).await;
    let run = accepted["run_id"].as_str().unwrap();
    let before = traces(&app).await;
    for column in
        ["calls.title", "calls.parties", "transcripts.turns", "summaries.summary", "events.data", "events.callback"]
    {
        assert!(before.contains_key(column), "{column} is not in {before:?}");
    }
    assert!(
        document(&app, "Summary Log.md").contains("Oriel") || document(&app, "Summary Log.md").contains("Zephyrine")
    );
    let others = (app.get("/api/v1/admin/calls/2").await.expect(200).body, details(&app, "2").await);
    let log = details(&app, "1").await;

    app.api("DELETE", CALL, None).await.expect(204);
    assert_eq!(traces(&app).await, BTreeMap::new());
    assert_gone_from_documents(&app);
    for table in ["transcripts", "summaries", "run_documents"] {
        assert_eq!(app.count(table).await, 1, "{table}: the other call's");
    }
    app.get(CALL).await.expect(404);
    app.api("DELETE", CALL, None).await.expect(404);
    app.api("POST", &format!("{CALL}/reprocess"), None).await.expect(404);

    // The log keeps what went where, without what it said.
    let emptied = details(&app, "1").await;
    assert_eq!(emptied.len(), log.len());
    for (was, is) in log.iter().zip(&emptied) {
        let waited = was["status"] == "pending" || was["status"] == "retrying";
        let status = if waited { &json!("failed") } else { &was["status"] };
        assert_eq!(
            (&is["status"], &is["event_type"], &is["payload"]["data"]),
            (status, &was["event_type"], &json!({}))
        );
        assert!(is["attempts"].as_array().unwrap().iter().all(|attempt| attempt["response_excerpt"].is_null()), "{is}");
    }
    assert!(log.iter().any(|line| line["status"] == "retrying"), "something waited");

    // Nothing of it goes out: not by itself, not by hand.
    let arrived = (taking.count(), failing.count());
    for line in &emptied {
        let path = format!("/api/v1/admin/notify/logs/{}/retry", line["id"].as_str().unwrap());
        app.api("POST", &path, Some(json!({"include_sent": true}))).await.expect(409);
    }
    let run = format!("/api/v1/admin/runs/{run}");
    assert_eq!(app.get(&run).await.expect(200).body["reason"], "erased");
    app.api("POST", &format!("{run}/retry"), None).await.expect(409);
    sqlx::query("UPDATE deliveries SET status = 'sent' WHERE subject = '2'").execute(&app.app.pool).await.unwrap();
    for endpoint in &endpoints {
        let path = format!("/api/v1/admin/notify/endpoints/{endpoint}/recover");
        let body = json!({"since": "2031-01-01T00:00:00Z", "include_sent": false});
        assert_eq!(app.api("POST", &path, Some(body)).await.expect(202).body["count"], 0);
        let body = json!({"since": "2031-01-01T00:00:00Z", "include_sent": true, "dry_run": true});
        assert_eq!(app.api("POST", &path, Some(body)).await.expect(202).body["count"], 3, "the other call's");
    }
    for _ in 0..5 {
        app.clock.advance(Duration::from_hours(10));
        app.run_due().await;
    }
    assert_eq!((taking.count(), failing.count()), arrived);

    let audit = app.get("/api/v1/admin/audit").await.expect(200).body;
    let erased = |line: &&Value| line["action"] == "call.erase" && line["object"] == "1";
    assert_eq!(audit["items"].as_array().unwrap().iter().filter(erased).count(), 1, "{audit}");
    assert_eq!(app.get("/api/v1/admin/calls/2").await.expect(200).body, others.0);
    assert_eq!(others.1.len(), details(&app, "2").await.len());
    assert!(document(&app, "Summary Log.md").contains("<!-- aftercall:call 2 -->"));
}

#[tokio::test]
async fn no_way_in_brings_an_erased_call_back() {
    let gong = GongApiStandIn::start().await;
    gong.add_call(
        told_callback()["callData"].clone(),
        Some(told_transcript()["callTranscripts"][0]["transcript"].clone()),
    );
    let app = TestApp::with("GONG_API_URL", gong.url())
        .with("GONG_ACCESS_KEY", gong.key())
        .with("GONG_ACCESS_KEY_SECRET", gong.secret())
        .start()
        .await;
    let receiver = Receiver::start().await;
    app.add_endpoint(json!({"kind": "webhook", "target": receiver.url()})).await;
    let accepted = process(&app).await;
    app.api("DELETE", CALL, None).await.expect(204);
    let arrived = receiver.count();

    let again = app.post_signed(&told_callback()).await.expect(200).body;
    assert_eq!((&again["duplicate"], &again["run_id"]), (&json!(true), &accepted["run_id"]));
    app.import(&told_transcript()).await;
    app.import(&json!({ "calls": [told_callback()["callData"]] })).await;
    let sync = Sync {
        pool: app.app.pool.clone(),
        clock: app.clock.clone(),
        intake: app.app.intake.clone(),
        api: app.app.systems.gong_in_background.clone().unwrap(),
        batch: NonZeroUsize::new(50).unwrap(),
        stop: CancellationToken::new(),
    };
    for mode in [SyncMode::Backfill, SyncMode::Full] {
        let from = Some("2031-05-06T00:00:00Z".parse().unwrap());
        let plan = SyncPlan { mode, from, to: None, transcripts: true, process: true };
        let done = sync.run(plan, |_| {}).await.unwrap();
        assert_eq!((done.listed, done.runs), (1, 0));
    }
    app.run_due().await;
    assert_eq!(traces(&app).await, BTreeMap::new());
    assert_gone_from_documents(&app);
    assert_eq!(receiver.count(), arrived);
    app.get(CALL).await.expect(404);
}

#[tokio::test]
async fn the_first_callback_of_a_call_that_was_erased_before_starts_nothing() {
    let app = TestApp::start().await;
    let receiver = Receiver::start().await;
    app.add_endpoint(json!({"kind": "webhook", "target": receiver.url()})).await;
    app.import(&json!({ "calls": [told_callback()["callData"]] })).await;
    app.import(&told_transcript()).await;
    assert_eq!(app.get(CALL).await.expect(200).body["status"], "imported");
    app.api("DELETE", CALL, None).await.expect(204);
    let accepted = app.post_signed(&told_callback()).await.expect(202).body;
    app.run_due().await;
    let run = app.run_of(&accepted).await;
    assert_eq!((&run["state"], &run["reason"]), (&json!("skipped"), &json!("erased")));
    assert_eq!(traces(&app).await, BTreeMap::new());
    assert_eq!((receiver.count(), app.log().await.len()), (0, 0));
}

#[tokio::test]
async fn a_run_under_way_files_and_sends_nothing_more_whichever_stage_it_is_in() {
    for stage in ["fetch", "summarise", "document", "notify"] {
        let app = TestApp::start().await;
        let receiver = Receiver::start().await;
        app.add_webhook(&receiver).await;
        let accepted = process(&app).await;
        assert_eq!(receiver.count(), 1);
        // The stage has been begun by a worker that is still at it.
        sqlx::query("UPDATE runs SET state = 'active', stage = $1").bind(stage).execute(&app.app.pool).await.unwrap();
        sqlx::query(
            "INSERT INTO jobs (id, tenant_id, run_id, kind, ready_at, created_at)
             SELECT gen_random_uuid(), tenant_id, id, stage, '2031-01-01', '2031-01-01' FROM runs",
        )
        .execute(&app.app.pool)
        .await
        .unwrap();
        let (now, lease) = (app.clock.now(), app.clock.now() + chrono::TimeDelta::seconds(15));
        let claimed = jobs::claim_due_jobs(&app.app.pool, Uuid::now_v7(), now, lease, 1).await.unwrap().remove(0);
        app.api("DELETE", CALL, None).await.expect(204);
        let events = app.count("events").await;
        app.app.pipeline.work(claimed).await;
        app.clock.advance(Duration::from_hours(1));
        aftercall::jobs::sweep(&app.app.pool, app.clock.now()).await.unwrap();
        app.run_due().await;
        assert_eq!(traces(&app).await, BTreeMap::new(), "{stage}");
        assert_gone_from_documents(&app);
        assert_eq!((app.count("events").await, app.count("jobs").await, receiver.count()), (events, 0, 1), "{stage}");
        let run = app.run_of(&accepted).await;
        assert_eq!((&run["state"], &run["reason"]), (&json!("skipped"), &json!("erased")), "{stage}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_being_written_at_the_moment_of_the_erasure_is_taken_out_again() {
    let app = TestApp::start().await;
    app.process("2").await;
    app.import(&told_transcript()).await;
    app.post_signed(&told_callback()).await.expect(202);
    // Somebody else writes the folder, so that the stage waits before its own writing.
    let lock = File::create(app.data_dir.path().join("documents/Halden Freight/.lock")).unwrap();
    lock.lock().unwrap();
    let stages = app.stages();
    let driven = tokio::spawn(async move { stages.run_due().await });
    let begun = "SELECT count(*) FROM stage_attempts WHERE stage = 'document' AND outcome IS NULL";
    while sqlx::query_scalar::<_, i64>(begun).fetch_one(&app.app.pool).await.unwrap() == 0 {
        tokio::task::yield_now().await;
    }
    app.api("DELETE", CALL, None).await.expect(204);
    drop(lock);
    driven.await.unwrap().unwrap();
    assert_eq!(traces(&app).await, BTreeMap::new());
    assert_gone_from_documents(&app);
    assert!(document(&app, "Summary Log.md").contains("<!-- aftercall:call 2 -->"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn words_that_arrive_at_the_moment_of_the_erasure_are_not_kept() {
    let app = TestApp::start().await;
    app.post_signed(&told_callback()).await.expect(202);
    let (pool, now) = (app.app.pool.clone(), app.clock.now());
    let mut erasing = pool.begin().await.unwrap();
    assert!(erasure::erase_call(&mut erasing, "default", "1", now).await.unwrap());
    let storing = tokio::spawn({
        let pool = pool.clone();
        let turn = StoredTurn {
            speaker_id: None,
            speaker_name: None,
            start_ms: 0,
            sentences: vec!["About the tourmaline.".to_owned()],
        };
        async move { transcripts::upsert_transcript(&pool, "default", "1", &[turn], "gong", now).await }
    });
    let waiting =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    while sqlx::query_scalar::<_, i64>(waiting).fetch_one(&pool).await.unwrap() == 0 && !storing.is_finished() {
        tokio::task::yield_now().await;
    }
    erasing.commit().await.unwrap();
    storing.await.unwrap().unwrap();
    assert_eq!(app.count("transcripts").await, 0);
}

#[tokio::test]
async fn the_answer_to_what_was_under_way_is_not_kept() {
    let app = TestApp::start().await;
    let receiver = Receiver::answering_once(500, vec![], "Zephyrine is not known here".to_owned()).await;
    app.add_webhook(&receiver).await;
    app.import(&told_transcript()).await;
    app.post_signed(&told_callback()).await.expect(202);
    app.stages().run_due().await.unwrap();
    let (now, lease) = (app.clock.now(), app.clock.now() + chrono::TimeDelta::seconds(15));
    let room = deliveries::EndpointRoom { healthy: 9, failing: 9, failing_from: 3 };
    let claimed = deliveries::claim_due_deliveries(&app.app.pool, Uuid::now_v7(), now, lease, 9, room).await.unwrap();
    assert_eq!(claimed.len(), 1);
    app.api("DELETE", CALL, None).await.expect(204);
    for delivery in claimed {
        app.app.notifier.work(delivery).await;
    }
    assert_eq!(traces(&app).await, BTreeMap::new());
    let log: Vec<Value> = details(&app, "1").await.into_iter().filter(|line| line["status"] != "filtered").collect();
    assert_eq!((log.len(), &log[0]["status"], &log[0]["last_error"]), (1, &json!("failed"), &json!("erased")));
}

#[tokio::test]
async fn what_was_told_of_a_call_before_it_turned_private_is_not_told_again() {
    let app = TestApp::start().await;
    let (taking, failing) = (Receiver::start().await, Receiver::answering([500, 500, 500, 500]).await);
    app.add_webhook(&taking).await;
    app.add_webhook(&failing).await;
    process(&app).await;
    sqlx::query("UPDATE deliveries SET status = 'failed' WHERE status = 'retrying'")
        .execute(&app.app.pool)
        .await
        .unwrap();
    let mut private = told_callback();
    private["isPrivate"] = true.into();
    app.post_signed(&private).await.expect(200);
    for line in details(&app, "1").await {
        let path = format!("/api/v1/admin/notify/logs/{}/retry", line["id"].as_str().unwrap());
        app.api("POST", &path, Some(json!({"include_sent": true}))).await.expect(409);
    }
    app.run_due().await;
    assert_eq!((taking.count(), failing.count()), (1, 1));
}

#[tokio::test]
async fn an_erasure_that_the_disk_refuses_can_be_asked_for_again() {
    let app = TestApp::start().await;
    process(&app).await;
    let log = app.data_dir.path().join("documents/Halden Freight/Summary Log.md");
    let written = std::fs::read(&log).unwrap();
    std::fs::remove_file(&log).unwrap();
    std::fs::create_dir(&log).unwrap(); // whoever asks, this cannot be read as a file
    app.api("DELETE", CALL, None).await.expect(500);
    assert_eq!(app.get(CALL).await.expect(200).body["status"], "done");
    std::fs::remove_dir(&log).unwrap();
    std::fs::write(&log, written).unwrap();
    app.api("DELETE", CALL, None).await.expect(204);
    assert_gone_from_documents(&app);
}
