//! The way of a call through its stages, with its record, its waits and its ends.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Receiver, TestApp, callback, transcript};

const HOUR: Duration = Duration::from_hours(1);

fn outcomes(run: &Value) -> Vec<String> {
    let attempts = run["attempts"].as_array().unwrap();
    attempts
        .iter()
        .map(|attempt| format!("{} {}", attempt["stage"].as_str().unwrap(), attempt["outcome"].as_str().unwrap()))
        .collect()
}

#[tokio::test]
async fn a_call_goes_through_four_stages_each_on_record() {
    let app = TestApp::start().await;
    let receiver = Receiver::start().await;
    app.add_webhook(&receiver).await;
    let accepted = app.process("1").await;
    let run = app.run_of(&accepted).await;
    assert_eq!(run["state"], "done");
    assert_eq!(outcomes(&run), ["fetch done", "summarise done", "document done", "notify done"]);
    assert!(run["attempts"].as_array().unwrap().iter().all(|attempt| attempt["duration_ms"].is_i64()));
    assert_eq!(app.count("jobs").await, 0, "nothing is left to do");

    let call = app.get("/api/v1/admin/calls/1").await.expect(200).body;
    assert_eq!(call["status"], "done");
    assert_eq!(call["account"], json!({"name": "Halden Freight", "number": "HF-1"}));
    let summary = &call["summary"];
    assert_eq!(
        (&summary["intent"], &summary["language"], &summary["provider"]),
        (&json!("renewal"), &json!("en"), &json!("local"))
    );
    let owners: Vec<&str> =
        summary["action_items"].as_array().unwrap().iter().filter_map(|item| item["owner"].as_str()).collect();
    assert!(owners.contains(&"Dana Reyes"), "{summary}");
    assert!(!summary["risks"].as_array().unwrap().is_empty(), "{summary}");
}

#[tokio::test]
async fn what_goes_out_has_the_promised_shape() {
    let app = TestApp::start().await;
    let receiver = Receiver::start().await;
    app.add_webhook(&receiver).await;
    app.process("1").await;
    let body = receiver.received()[0].body.clone();
    insta::assert_json_snapshot!(body, {
        ".id" => "[evt]", ".data.run_id" => "[run]", ".data.summary" => "[summary]",
        ".data.documents.*" => insta::dynamic_redaction(|value, _| {
            let url = value.as_str().unwrap_or_default().to_owned();
            url.rsplit("/documents/").next().unwrap_or_default().to_owned()
        }),
    });
    let text = body.to_string();
    assert!(!text.contains('@') && !text.contains("555"), "no address and no number goes out: {text}");
}

#[tokio::test]
async fn a_transcript_that_is_not_there_yet_is_awaited_at_no_cost_and_hurried_when_it_comes() {
    let app = TestApp::start().await;
    let accepted = app.post_signed(&callback("1")).await.expect(202).body;
    app.run_due().await;
    for _ in 0..12 {
        app.clock.advance(HOUR);
        app.run_due().await;
    }
    let run = app.run_of(&accepted).await;
    assert_eq!((&run["state"], run["attempts"].as_array().unwrap().len()), (&json!("active"), 13));
    app.import_transcript("1").await; // no time passes: the import hurries the run
    app.run_due().await;
    assert_eq!(app.run_of(&accepted).await["state"], "done");
}

#[tokio::test]
async fn after_two_days_without_a_transcript_the_run_ends_visibly() {
    let app = TestApp::start().await;
    let receiver = Receiver::start().await;
    app.add_endpoint(json!({"kind": "webhook", "target": receiver.url(), "filters": {"events": ["call.skipped"]}}))
        .await;
    let accepted = app.post_signed(&callback("1")).await.expect(202).body;
    for _ in 0..50 {
        app.run_due().await;
        app.clock.advance(HOUR);
    }
    let run = app.run_of(&accepted).await;
    assert_eq!((&run["state"], &run["reason"]), (&json!("skipped"), &json!("no_transcript")));
    assert_eq!(receiver.received()[0].body["data"]["reason"], "no_transcript");
}

#[tokio::test]
async fn an_entry_without_words_is_no_transcript() {
    let app = TestApp::start().await;
    let accepted = app.post_signed(&callback("1")).await.expect(202).body;
    app.import(&json!({"callId": "1", "transcript": [{"speakerId": "901", "sentences": []}]})).await;
    app.run_due().await;
    assert_eq!(app.run_of(&accepted).await["state"], "active");
}

#[tokio::test]
async fn a_stage_that_keeps_failing_is_retried_with_growing_waits_then_fails_visibly_and_can_be_retried() {
    let app = TestApp::with("MAX_RETRIES", "3").start().await;
    let receiver = Receiver::start().await;
    app.add_endpoint(json!({"kind": "webhook", "target": receiver.url(), "filters": {"events": ["call.failed"]}}))
        .await;
    // A file where the folder of documents should be: the disk refuses, whoever asks.
    let blocked = app.data_dir.path().join("documents");
    std::fs::write(&blocked, "in the way").unwrap();
    let accepted = app.process("1").await;
    let run = app.run_of(&accepted).await;
    assert_eq!((&run["state"], &run["stage"]), (&json!("active"), &json!("document")));
    for _ in 0..3 {
        app.clock.advance(Duration::from_secs(60));
        app.run_due().await;
    }
    let run = app.run_of(&accepted).await;
    assert_eq!(run["state"], "failed");
    assert!(run["reason"].as_str().unwrap().contains("cannot write to"), "{run}");
    assert_eq!(outcomes(&run)[2..], ["document retry", "document retry", "document retry", "document failed"]);
    assert_eq!(receiver.types(), ["call.failed"]);
    assert_eq!(receiver.received()[0].body["data"]["stage"], "document");

    std::fs::remove_file(&blocked).unwrap();
    let path = format!("/api/v1/admin/runs/{}/retry", run["id"].as_str().unwrap());
    app.api("POST", &path, None).await.expect(202);
    app.run_due().await;
    let run = app.run_of(&accepted).await;
    assert_eq!(run["state"], "done");
    assert_eq!(outcomes(&run)[6..], ["document done", "notify done"]);
    app.api("POST", &path, None).await.expect(409);
}

#[tokio::test]
async fn work_whose_worker_died_comes_back_after_the_lease_and_the_record_says_so() {
    let app = TestApp::start().await;
    app.import_transcript("1").await;
    let accepted = app.post_signed(&callback("1")).await.expect(202).body;
    let now = app.clock.now();
    let lease = now + chrono::TimeDelta::seconds(15);
    let dead = aftercall::db::jobs::claim_due_jobs(&app.app.pool, uuid::Uuid::now_v7(), now, lease, 10).await.unwrap();
    assert_eq!(dead.len(), 1);
    app.run_due().await;
    assert_eq!(app.run_of(&accepted).await["state"], "active", "leased to somebody else");
    app.clock.advance(Duration::from_secs(16));
    app.run_due().await;
    let run = app.run_of(&accepted).await;
    assert_eq!(outcomes(&run), ["fetch lost", "fetch done", "summarise done", "document done", "notify done"]);
    let mut tx = app.app.pool.begin().await.unwrap();
    let held = aftercall::db::jobs::hold(&mut tx, dead[0].id, dead[0].claim_id).await.unwrap();
    assert!(held.is_none(), "the old claim is void");
}

#[tokio::test]
async fn calls_that_wait_for_their_words_are_put_back_together_and_each_counts() {
    let app = TestApp::start().await;
    let mut accepted = Vec::new();
    for id in 0..30 {
        accepted.push(app.post_signed(&callback(&id.to_string())).await.expect(202).body);
    }
    app.run_due().await;
    for accepted in &accepted {
        let run = app.run_of(accepted).await;
        assert_eq!((&run["state"], outcomes(&run)), (&json!("active"), vec!["fetch later".to_owned()]));
    }
    let put_back = "SELECT count(*), sum(n)::bigint FROM tallies WHERE what = 'call.put_back'";
    let (transactions, calls): (i64, i64) = sqlx::query_as(put_back).fetch_one(&app.app.pool).await.unwrap();
    assert_eq!(calls, 30);
    assert!(transactions < calls, "{transactions} transactions for {calls} calls"); // how far fewer, the machine decides
    // Words that come for one bring it back at once, and cost the others nothing.
    app.import_transcript("7").await;
    app.run_due().await;
    assert_eq!(app.run_of(&accepted[7]).await["state"], "done");
    assert_eq!(app.count("jobs").await, 29);
}

#[tokio::test]
async fn a_claim_that_is_void_puts_nothing_back() {
    let app = TestApp::start().await;
    let accepted = app.post_signed(&callback("1")).await.expect(202).body;
    // Somebody else claims the job just before it is put back.
    let steal = "CREATE FUNCTION steal() RETURNS trigger LANGUAGE plpgsql AS $$
                 BEGIN UPDATE jobs SET claim_id = gen_random_uuid() WHERE run_id = NEW.run_id; RETURN NEW; END $$";
    let on_begin = "CREATE TRIGGER steal AFTER INSERT ON stage_attempts FOR EACH ROW EXECUTE FUNCTION steal()";
    for statement in [steal, on_begin] {
        sqlx::query(statement).execute(&app.app.pool).await.unwrap();
    }
    app.run_due().await;
    let (free_attempts, claimed): (i32, bool) =
        sqlx::query_as("SELECT free_attempts, claim_id IS NOT NULL FROM jobs").fetch_one(&app.app.pool).await.unwrap();
    assert_eq!((free_attempts, claimed), (0, true), "it stays with whoever has it");
    assert!(app.run_of(&accepted).await["attempts"][0]["outcome"].is_null());
}

#[tokio::test]
async fn a_run_without_a_job_is_given_one_by_the_sweeper() {
    let app = TestApp::start().await;
    app.import_transcript("1").await;
    let accepted = app.post_signed(&callback("1")).await.expect(202).body;
    sqlx::query("DELETE FROM jobs").execute(&app.app.pool).await.unwrap();
    app.clock.advance(HOUR);
    assert_eq!(aftercall::jobs::sweep(&app.app.pool, app.clock.now()).await.unwrap(), 1);
    assert_eq!(aftercall::jobs::sweep(&app.app.pool, app.clock.now()).await.unwrap(), 0);
    app.run_due().await;
    assert_eq!(app.run_of(&accepted).await["state"], "done");
}

#[tokio::test]
async fn the_account_comes_from_the_crm_the_known_accounts_the_domain_or_the_title() {
    let app = TestApp::start().await;
    sqlx::query(
        "INSERT INTO accounts (id, tenant_id, number, name, domains, created_at, updated_at)
         VALUES (gen_random_uuid(), 'default', 'K-7', 'Known Ltd', '{known.example}', now(), now())",
    )
    .execute(&app.app.pool)
    .await
    .unwrap();
    let without_crm = |id: &str, title: &str, domain: &str| {
        let mut body = callback(id);
        body["callData"]["context"] = json!([]);
        body["callData"]["metaData"]["title"] = title.into();
        body["callData"]["parties"][1]["emailAddress"] = format!("x@{domain}").into();
        body
    };
    let cases = [
        ("2", without_crm("2", "Sync", "known.example"), json!({"name": "Known Ltd", "number": "K-7"})),
        (
            "3",
            without_crm("3", "Llamada Clínica Valdoria", "clinicavaldoria.example"),
            json!({"name": "Clínica Valdoria", "number": null}),
        ),
        (
            "4",
            without_crm("4", "Brindlemoor <> Ostrava Tools: kick-off", "gmail.com"),
            json!({"name": "Ostrava Tools", "number": null}),
        ),
        ("5", without_crm("5", "Weekly", "gmail.com"), Value::Null),
    ];
    for (id, body, account) in cases {
        app.import_transcript(id).await;
        app.post_signed(&body).await.expect(202);
        app.run_due().await;
        let call = app.get(&format!("/api/v1/admin/calls/{id}")).await.expect(200).body;
        assert_eq!((&call["account"], &call["status"]), (&account, &json!("done")), "call {id}");
    }
}

#[tokio::test]
async fn a_null_speaker_and_a_twenty_digit_id_lose_no_words() {
    let app = TestApp::start().await;
    let id = "90071992547409931234";
    let mut said = transcript(id);
    said["callTranscripts"][0]["transcript"][1]["speakerId"] = Value::Null;
    said["callTranscripts"][0]["transcript"][3]["speakerId"] = "555".into();
    app.import(&said).await;
    app.post_signed(&callback(id)).await.expect(202);
    app.run_due().await;
    let call = app.get(&format!("/api/v1/admin/calls/{id}")).await.expect(200).body;
    assert_eq!(call["status"], "done");
    assert!(call["summary"].to_string().contains("Unknown speaker"), "{}", call["summary"]);
}
