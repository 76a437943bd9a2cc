//! The whole pipeline, driven through the production router and workers, against each outside system: in good weather and
//! in every bad weather that the system's contract lists. The clients have tests of their own; here it is shown what an
//! operator then finds on record, what was published, and that no secret stands anywhere.

mod check;
mod drive;
mod gong;
mod mail;
mod openai;
mod poll;
mod privacy;
mod snowflake;
mod sync;

use std::{sync::Arc, time::Duration};

use aftercall::{
    app::App,
    pipeline::Pipeline,
    queue::{Worker, WorkerSettings},
    telemetry::Metrics,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::AssertSqlSafe;

use crate::support::{
    TestApp, TestAppBuilder, callback, drive::DriveStandIn, gong_api::GongApiStandIn, openai::OpenAiStandIn, transcript,
};

/// The requests of Gong's API, as its stand-in counts them.
const LIST: &str = "GET /v2/calls";
const DETAILS: &str = "POST /v2/calls/extensive";
const TRANSCRIPT: &str = "POST /v2/calls/transcript";
/// The attempts of a run that nothing disturbed.
const UNDISTURBED: [&str; 4] = ["fetch done", "summarise done", "document done", "notify done"];

/// An app that asks this Gong.
fn asking(gong: &GongApiStandIn) -> TestAppBuilder {
    TestApp::with("GONG_API_URL", gong.url())
        .with("GONG_ACCESS_KEY", gong.key())
        .with("GONG_ACCESS_KEY_SECRET", gong.secret())
        .with("TRANSCRIPT_SOURCE", "gong")
}

/// What must not stand in any record of an app that asks this Gong.
fn secrets_of(gong: &GongApiStandIn) -> [String; 3] {
    let basic = STANDARD.encode(format!("{}:{}", gong.key(), gong.secret()));
    // The last one is what a proxy in front of it blurts out.
    [gong.secret().to_owned(), basic, "letmein".to_owned()]
}

/// Makes Gong know the call that a callback tells of, with its transcript.
fn add(gong: &GongApiStandIn, id: &str) {
    gong.add_call(callback(id)["callData"].clone(), Some(words(id)));
}

/// The `transcript` of a call.
fn words(id: &str) -> Value {
    transcript(id)["callTranscripts"][0]["transcript"].clone()
}

/// Another replica on the same database, by the same clock.
fn replica(app: &TestApp) -> Arc<App> {
    let metrics = Arc::new(Metrics::new(None).expect("meters"));
    App::new(app.app.config.clone(), app.app.pool.clone(), app.clock.clone(), metrics, 8080).expect("an app")
}

/// The stage worker of a replica.
fn stages_of(app: &App, concurrency: usize) -> Worker<Pipeline> {
    let settings = WorkerSettings { concurrency, lease: Duration::from_secs(15) };
    Worker::new(Arc::clone(&app.pipeline), app.clock.clone(), settings)
}

/// Takes a callback in and steps the workers.
async fn driven(app: &TestApp, id: &str) -> Value {
    app.post_signed(&callback(id)).await.expect(202);
    app.run_due().await;
    run_of(app, id).await
}

/// The run of a call with all its attempts, as the admin API shows it.
async fn run_of(app: &TestApp, call_id: &str) -> Value {
    let call = app.get(&format!("/api/v1/admin/calls/{call_id}")).await.expect(200).body;
    let run = call["run_id"].as_str().unwrap_or_else(|| panic!("call {call_id} has no run")).to_owned();
    app.get(&format!("/api/v1/admin/runs/{run}")).await.expect(200).body
}

/// Sends a failed run on again, as an operator does.
async fn retry(app: &TestApp, run: &Value) {
    let path = format!("/api/v1/admin/runs/{}/retry", run["id"].as_str().expect("an id"));
    app.api("POST", &path, None).await.expect(202);
    app.run_due().await;
}

/// What was tried and how it ended, in order.
fn outcomes(run: &Value) -> Vec<String> {
    let word = |value: &Value| value.as_str().unwrap_or("?").to_owned();
    let attempts = run["attempts"].as_array().expect("attempts");
    attempts.iter().map(|attempt| format!("{} {}", word(&attempt["stage"]), word(&attempt["outcome"]))).collect()
}

/// What the record says of the attempt of that number, from 0.
fn error_of(run: &Value, attempt: usize) -> String {
    run["attempts"][attempt]["error"].as_str().unwrap_or_else(|| panic!("no error: {run}")).to_owned()
}

/// When a call's job is due.
async fn due_at(app: &TestApp, call_id: &str) -> DateTime<Utc> {
    sqlx::query_scalar("SELECT j.ready_at FROM jobs j JOIN runs r ON r.id = j.run_id WHERE r.call_id = $1")
        .bind(call_id)
        .fetch_one(&app.app.pool)
        .await
        .expect("a job waits")
}

/// Everything that is stored, as text.
async fn everything_on_record(app: &TestApp) -> String {
    let tables: Vec<String> = sqlx::query_scalar("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'")
        .fetch_all(&app.app.pool)
        .await
        .expect("tables");
    assert!(tables.len() > 10, "{tables:?}");
    let mut all = String::new();
    for table in tables {
        let rows = AssertSqlSafe(format!("SELECT coalesce(string_agg(t::text, ' '), '') FROM {table} t"));
        all += &sqlx::query_scalar::<_, String>(rows).fetch_one(&app.app.pool).await.expect("rows");
    }
    all
}

/// No row of any table says one of these.
async fn assert_nowhere(app: &TestApp, secrets: &[impl AsRef<str>]) {
    let all = everything_on_record(app).await;
    for secret in secrets.iter().map(AsRef::as_ref) {
        assert!(!secret.is_empty() && !all.contains(secret), "{secret} is on record");
    }
}

fn openai_vars(openai: &OpenAiStandIn) -> [(&'static str, String); 3] {
    [
        ("OPENAI_BASE_URL", openai.base_url()),
        ("OPENAI_API_KEY", openai.key().to_owned()),
        ("OPENAI_MODEL", openai.model().to_owned()),
    ]
}

fn drive_vars(drive: &DriveStandIn) -> [(&'static str, String); 3] {
    [
        ("GOOGLE_CREDS_JSON", drive.key_json()),
        ("GOOGLE_DRIVE_FOLDER_ID", drive.root_id()),
        ("GOOGLE_API_URL", drive.server.url.clone()),
    ]
}

/// What each try of a stage came to, oldest first: its outcome, and what stands beside it.
fn tries(run: &Value, stage: &str) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let attempts = run["attempts"].as_array().expect("attempts").iter();
    let attempts = attempts.filter(|attempt| attempt["stage"] == stage);
    attempts.map(|attempt| (text(&attempt["outcome"]), text(&attempt["error"]))).collect()
}

/// The outcomes alone.
fn outcomes_of(run: &Value, stage: &str) -> Vec<String> {
    tries(run, stage).into_iter().map(|(outcome, _)| outcome).collect()
}

/// Takes a call in without doing anything about it yet.
async fn accept(app: &TestApp, call_id: &str) -> Value {
    app.import_transcript(call_id).await;
    app.post_signed(&callback(call_id)).await.expect(202).body
}

/// How long it is until a job or a delivery is due.
async fn next_wait(app: &TestApp) -> Option<Duration> {
    let due: Option<chrono::DateTime<chrono::Utc>> = sqlx::query_scalar(
        "SELECT min(ready_at) FROM (SELECT ready_at FROM jobs UNION ALL SELECT ready_at FROM deliveries
         WHERE status IN ('pending', 'retrying')) AS due",
    )
    .fetch_one(&app.app.pool)
    .await
    .expect("an answer");
    due.map(|due| (due - app.clock.now()).to_std().unwrap_or_default())
}

/// Lets time pass until the run has ended, and returns its record.
async fn end_of(app: &TestApp, accepted: &Value) -> Value {
    for _ in 0..200 {
        app.run_due().await;
        let run = app.run_of(accepted).await;
        if run["state"] != "active" {
            return run;
        }
        app.clock.advance(next_wait(app).await.expect("a job"));
    }
    panic!("the run does not end: {}", app.run_of(accepted).await);
}
