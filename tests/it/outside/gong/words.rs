//! The words and their speakers: fetched, awaited, and shared requests for them.

use std::time::Duration;

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::super::{
    DETAILS, TRANSCRIPT, UNDISTURBED, add, asking, assert_nowhere, driven, due_at, error_of, outcomes, run_of,
    secrets_of, stages_of,
};
use crate::support::{
    Receiver, Signing, WEBHOOK_URL, callback,
    gong_api::{GongApiStandIn, NotReady, generated_id},
};

const HOUR: Duration = Duration::from_hours(1);
const NOT_READY: [NotReady; 3] = [NotReady::NotFound, NotReady::NoEntry, NotReady::Empty];

#[tokio::test]
async fn a_callback_becomes_a_summary_and_privacy_is_asked_before_each_publication() {
    let gong = GongApiStandIn::start().await;
    add(&gong, "1");
    let app = asking(&gong).start().await;
    let receiver = Receiver::start().await;
    app.add_webhook(&receiver).await;
    let run = driven(&app, "1").await;
    assert_eq!((&run["state"], outcomes(&run)), (&json!("done"), UNDISTURBED.map(str::to_owned).to_vec()));
    assert_eq!(receiver.types(), ["call.summarised"]);
    let summary = receiver.received()[0].body["data"]["summary"].to_string();
    assert!(summary.contains("Dana Reyes") && summary.contains("root cause"), "{summary}");

    let asked = gong.server.asked();
    let places: Vec<String> = asked.iter().map(|asked| format!("{} {}", asked.method, asked.path)).collect();
    assert_eq!(places, [TRANSCRIPT, DETAILS, DETAILS]);
    assert!(asked.iter().all(|asked| asked.body["filter"] == json!({"callIds": ["1"]})), "{asked:?}");
    let metrics = app.get("/metrics").await.expect(200).text;
    let counted = |line: &&str| line.starts_with("aftercall_upstream_requests_total") && line.contains("gong");
    let lines: Vec<&str> = metrics.lines().filter(counted).collect();
    assert!(matches!(lines.as_slice(), [line] if line.contains("\"200\"") && line.ends_with(" 3")), "{lines:?}");
    assert_nowhere(&app, &secrets_of(&gong)).await;
}

#[tokio::test]
async fn a_transcript_that_is_not_ready_is_awaited_alike_in_each_form_and_costs_no_retry() {
    let gong = GongApiStandIn::start().await;
    let app = asking(&gong).with("MAX_RETRIES", "0").start().await;
    for (number, form) in NOT_READY.into_iter().enumerate() {
        let id = format!("10{number}");
        add(&gong, &id);
        gong.transcript_not_ready(&id, form, 3);
        let run = driven(&app, &id).await;
        assert_eq!((&run["state"], error_of(&run, 0).as_str()), (&json!("active"), "the transcript is not there yet"));
        for wait in [30, 60, 120] {
            assert_eq!(due_at(&app, &id).await - app.clock.now(), TimeDelta::seconds(wait), "{form:?}");
            app.clock.advance(Duration::from_secs(wait.unsigned_abs()));
            app.run_due().await;
        }
        let run = run_of(&app, &id).await;
        let expected = [&["fetch later"; 3][..], &UNDISTURBED].concat();
        assert_eq!((&run["state"], outcomes(&run)), (&json!("done"), expected.iter().map(|&s| s.to_owned()).collect()));
    }
}

#[tokio::test]
async fn after_two_days_without_words_the_run_is_skipped_in_each_form() {
    let gong = GongApiStandIn::start().await;
    let app = asking(&gong).with("MAX_RETRIES", "0").start().await;
    let receiver = Receiver::start().await;
    let filters = json!({"events": ["call.skipped", "call.failed", "call.summarised"]});
    app.add_endpoint(json!({"kind": "webhook", "target": receiver.url(), "filters": filters})).await;
    for (number, form) in NOT_READY.into_iter().enumerate() {
        let id = format!("10{number}");
        add(&gong, &id);
        gong.transcript_not_ready(&id, form, usize::MAX);
        driven(&app, &id).await;
        for _ in 0..47 {
            app.clock.advance(HOUR);
            app.run_due().await;
        }
        let run = run_of(&app, &id).await;
        assert_eq!(run["state"], "active", "{form:?}, an hour before its time");
        assert!(outcomes(&run).iter().all(|outcome| outcome == "fetch later"), "{run}");
        app.clock.advance(HOUR);
        app.run_due().await;
        let run = run_of(&app, &id).await;
        assert_eq!((&run["state"], &run["reason"]), (&json!("skipped"), &json!("no_transcript")), "{form:?}");
        assert_eq!(outcomes(&run).last().unwrap(), "fetch skipped");
        assert_eq!(receiver.types().len(), number + 1);
        let told = &receiver.received()[number].body;
        assert_eq!((&told["type"], &told["data"]["reason"]), (&json!("call.skipped"), &json!("no_transcript")));
        let asked = gong.server.asked().len();
        app.clock.advance(24 * HOUR);
        app.run_due().await;
        assert_eq!(gong.server.asked().len(), asked, "{form:?}: nobody asks any more");
    }
}

#[tokio::test]
async fn speakers_are_named_by_their_ids_and_those_whom_nobody_knows_lose_no_words() {
    let gong = GongApiStandIn::start().await;
    let said = |speaker: Value, start: u64, text: &str| {
        let sentences = json!([{"start": start, "end": start + 2000, "text": text}]);
        json!({"speakerId": speaker, "topic": null, "sentences": sentences})
    };
    let spoken = json!([
        said("901".into(), 0, "I will send you the written root cause report by Wednesday."),
        said("555".into(), 4000, "I will send the signed order form on Friday."),
        said(Value::Null, 8000, "I will send you the list of users on Monday."),
    ]);
    let mut call = callback("1");
    call["callData"]["parties"][1]["speakerId"] = Value::Null;
    gong.add_call(call["callData"].clone(), Some(spoken));
    // The callback names nobody, so Gong is asked who spoke.
    call["callData"]["parties"] = json!([]);
    let app = asking(&gong).start().await;
    app.post_signed(&call).await.expect(202);
    app.run_due().await;
    assert_eq!(run_of(&app, "1").await["state"], "done");
    assert_eq!(gong.server.count(DETAILS), 3, "once for the names, twice for privacy");

    let call = app.get("/api/v1/admin/calls/1").await.expect(200).body;
    let items: Vec<(String, String)> = call["summary"]["action_items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| (item["owner"].as_str().unwrap_or("-").to_owned(), item["text"].as_str().unwrap().to_owned()))
        .collect();
    for (owner, words) in [("Dana Reyes", "root cause"), ("Speaker 1", "order form"), ("-", "list of users")] {
        assert!(items.iter().any(|(who, what)| who == owner && what.contains(words)), "{owner}: {items:?}");
    }
}

#[tokio::test]
async fn ids_of_twenty_digits_survive_as_text_and_as_numbers() {
    for (id, as_numbers) in [("90071992547409931234", false), ("90071992547409931235", true)] {
        let gong = GongApiStandIn::start().await;
        add(&gong, id);
        let mut body = callback(id).to_string();
        if as_numbers {
            gong.ids_as_numbers();
            body = body.replace(&format!("\"id\":\"{id}\""), &format!("\"id\":{id}"));
            assert!(body.contains(&format!("\"id\":{id},")), "{body}");
        }
        let app = asking(&gong).start().await;
        let exp = app.clock.now().timestamp() + 60;
        let token = app.gong.token(&Signing { url: WEBHOOK_URL, body: body.as_bytes(), exp });
        app.post_callback(&[("authorization", &token)], body).await.expect(202);
        app.run_due().await;
        let run = run_of(&app, id).await;
        assert_eq!((&run["state"], &run["call_id"]), (&json!("done"), &json!(id)), "{run}");
        assert!(gong.server.asked().iter().all(|asked| asked.body["filter"]["callIds"] == json!([id])));
        assert_eq!(app.count("calls").await, 1);
    }
}

#[tokio::test]
async fn thirty_runs_at_once_share_requests_and_each_gets_its_own_words() {
    const RUNS: usize = 30;
    let gong = GongApiStandIn::with_generated(RUNS).await;
    let app = asking(&gong).with("MAX_RETRIES", "0").start().await;
    for number in 0..RUNS {
        app.post_signed(&callback(&generated_id(number))).await.expect(202);
    }
    let stages = stages_of(&app.app, RUNS);
    for _ in 0..10 {
        stages.run_due().await.unwrap();
        app.clock.advance(Duration::from_secs(5));
    }
    for number in 0..RUNS {
        let id = generated_id(number);
        assert_eq!(run_of(&app, &id).await["state"], "done", "call {number}");
        let turns: Value = sqlx::query_scalar("SELECT turns FROM transcripts WHERE call_id = $1")
            .bind(&id)
            .fetch_one(&app.app.pool)
            .await
            .unwrap();
        assert_eq!(turns[0]["sentences"], json!([format!("Call {number}.")]));
    }
    let (words, details) = (gong.server.count(TRANSCRIPT), gong.server.count(DETAILS));
    assert!(words <= 6 && details <= 20, "{words} requests for words, {details} for details");
}
