//! Sending: signatures, retries, what each answer means, and the record of every attempt.

use std::time::Duration;

use aftercall::domain::signature;
use serde_json::{Value, json};

use crate::support::{Receiver, SmtpServer, TestApp};

fn statuses(log: &Value) -> Vec<i64> {
    log["attempts"].as_array().unwrap().iter().filter_map(|attempt| attempt["status_code"].as_i64()).collect()
}

async fn only_log(app: &TestApp) -> Value {
    let log: Vec<Value> = app.log().await.into_iter().filter(|entry| entry["status"] != "filtered").collect();
    assert_eq!(log.len(), 1, "{log:?}");
    let path = format!("/api/v1/admin/notify/logs/{}", log[0]["id"].as_str().unwrap());
    app.get(&path).await.expect(200).body
}

#[tokio::test]
async fn a_webhook_verifies_by_the_official_implementation_and_by_the_plain_signature() {
    let app = TestApp::start().await;
    let receiver = Receiver::start().await;
    let endpoint = app.add_webhook(&receiver).await;
    let secret = endpoint["secret"].as_str().unwrap();
    assert!(secret.starts_with("whsec_"));
    app.process("1").await;
    let received = receiver.received().remove(0);
    assert_eq!(received.header("x-event"), "call.summarised");
    assert_eq!(received.header("user-agent"), concat!("aftercall/", env!("CARGO_PKG_VERSION")));
    assert_eq!(received.header("webhook-id"), received.body["id"]);
    assert!(signature::plain_matches(secret, &received.raw, received.header("x-signature")));

    let official = standardwebhooks::Webhook::new(secret).unwrap();
    let timestamp: i64 = received.header("webhook-timestamp").parse().unwrap();
    let expected = official.sign(received.header("webhook-id"), timestamp, &received.raw).unwrap();
    assert_eq!(received.header("webhook-signature"), expected);
}

#[tokio::test]
async fn the_official_implementation_verifies_what_we_sign_and_refuses_a_changed_body() {
    let secret = signature::generate_secret();
    let official = standardwebhooks::Webhook::new(&secret).unwrap();
    let now = i64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_secs()).unwrap();
    let mut headers = http::HeaderMap::new();
    let mut set = |name: &'static str, value: String| headers.insert(name, value.parse().unwrap());
    set("webhook-id", "evt_1".to_owned());
    set("webhook-timestamp", now.to_string());
    set("webhook-signature", signature::standard(&secret, "evt_1", now, b"{\"a\":1}"));
    official.verify(b"{\"a\":1}", &headers).unwrap();
    assert!(official.verify(b"{\"a\":2}", &headers).is_err());
}

#[tokio::test]
async fn an_endpoint_that_recovers_gets_the_summary_once_and_every_attempt_is_on_record() {
    let app = TestApp::start().await;
    let receiver = Receiver::answering([500, 404]).await;
    app.add_webhook(&receiver).await;
    app.process("1").await;
    let log = only_log(&app).await;
    assert_eq!((&log["status"], statuses(&log)), (&json!("retrying"), vec![500]));
    assert!(log["next_attempt_at"].is_string());
    app.clock.advance(Duration::from_secs(3));
    app.run_due().await;
    assert_eq!(receiver.received().len(), 1, "not before the schedule says");
    for wait in [4, 400] {
        app.clock.advance(Duration::from_secs(wait));
        app.run_due().await;
    }
    let log = only_log(&app).await;
    assert_eq!((&log["status"], statuses(&log)), (&json!("sent"), vec![500, 404, 200]));
    let ids: Vec<String> = receiver.received().iter().map(|got| got.header("webhook-id").to_owned()).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "the same id on every try");
    let bodies: Vec<Vec<u8>> = receiver.received().into_iter().map(|got| got.raw).collect();
    assert!(bodies.iter().all(|body| *body == bodies[0]), "the same bytes on every try");
    assert_eq!(log["attempts"][2]["response_excerpt"], "ok");
    assert_eq!(log["payload"], serde_json::from_slice::<Value>(&bodies[0]).unwrap());
}

#[tokio::test]
async fn after_the_last_try_the_delivery_fails_and_can_be_sent_again_by_hand() {
    let app = TestApp::with("DELIVERY_RETRY_SCHEDULE", "5s,10s").start().await;
    let receiver = Receiver::answering([500, 500, 500]).await;
    app.add_webhook(&receiver).await;
    app.process("1").await;
    for _ in 0..4 {
        app.clock.advance(Duration::from_secs(60));
        app.run_due().await;
    }
    let log = only_log(&app).await;
    assert_eq!((&log["status"], statuses(&log)), (&json!("failed"), vec![500, 500, 500]));
    let retry = format!("/api/v1/admin/notify/logs/{}/retry", log["id"].as_str().unwrap());
    app.api("POST", &retry, None).await.expect(202);
    app.run_due().await;
    let log = only_log(&app).await;
    assert_eq!((&log["status"], &log["attempt_count"]), (&json!("sent"), &json!(4)));
    app.api("POST", &retry, None).await.expect(409);
}

#[tokio::test]
async fn retry_after_is_waited_for_and_costs_no_retry() {
    let app = TestApp::with("DELIVERY_RETRY_SCHEDULE", "5s").start().await;
    let wait = vec![("retry-after", "120".to_owned())];
    let receiver = Receiver::answering_once(429, wait, "slow down".to_owned()).await;
    app.add_webhook(&receiver).await;
    app.process("1").await;
    app.clock.advance(Duration::from_secs(119));
    app.run_due().await;
    assert_eq!(receiver.received().len(), 1);
    app.clock.advance(Duration::from_secs(2));
    app.run_due().await;
    let log = only_log(&app).await;
    assert_eq!((&log["status"], statuses(&log)), (&json!("sent"), vec![429, 200]));
    assert_eq!(log["attempts"][0]["response_excerpt"], "slow down");
}

#[tokio::test]
async fn gone_disables_the_endpoint_fails_what_waits_and_tells_the_others() {
    let app = TestApp::start().await;
    let gone = Receiver::answering([410]).await;
    let other = Receiver::start().await;
    let endpoint = app.add_webhook(&gone).await;
    app.add_endpoint(json!({"kind": "webhook", "target": other.url(), "filters": {"events": ["endpoint.*"]}})).await;
    app.process("1").await;
    app.run_due().await;
    let path = format!("/api/v1/admin/notify/endpoints/{}", endpoint["id"].as_str().unwrap());
    let endpoint = app.get(&path).await.expect(200).body;
    assert_eq!((&endpoint["enabled"], &endpoint["health"]["state"]), (&json!(false), &json!("disabled")));
    assert_eq!(endpoint["health"]["disabled_reason"], "gone");
    assert_eq!(other.types(), ["endpoint.disabled"]);
    app.process("2").await;
    assert_eq!(gone.received().len(), 1, "a disabled endpoint gets nothing new");
}

#[tokio::test]
async fn five_days_of_nothing_but_failures_disable_an_endpoint() {
    let app = TestApp::start().await;
    let receiver = Receiver::answering([500; 40]).await;
    let endpoint = app.add_webhook(&receiver).await;
    let path = format!("/api/v1/admin/notify/endpoints/{}", endpoint["id"].as_str().unwrap());
    for day in 0..6 {
        app.process(&format!("call-{day}")).await;
        assert_eq!(app.get(&path).await.body["enabled"], day < 5, "day {day}");
        app.clock.advance(Duration::from_hours(24));
    }
    assert_eq!(app.get(&path).await.body["health"]["disabled_reason"], "failing_for_5_days");
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let app = TestApp::start().await;
    let trap = Receiver::start().await;
    let receiver = Receiver::answering_once(302, vec![("location", trap.url())], String::new()).await;
    app.add_webhook(&receiver).await;
    app.process("1").await;
    assert!(trap.received().is_empty());
    let log = only_log(&app).await;
    assert!(log["last_error"].as_str().unwrap().contains("redirects are not followed"), "{log}");
}

#[tokio::test]
async fn an_endless_answer_is_read_up_to_a_cap_and_a_refused_connection_is_named() {
    let app = TestApp::start().await;
    let receiver = Receiver::answering_once(500, vec![], "x".repeat(5_000_000)).await;
    app.add_webhook(&receiver).await;
    app.add_endpoint(
        json!({"kind": "webhook", "target": "http://127.0.0.1:9/nobody", "filters": {"events": ["call.summarised"]}}),
    )
    .await;
    app.process("1").await;
    let log: Vec<Value> = app.log().await.into_iter().filter(|entry| entry["status"] == "retrying").collect();
    assert_eq!(log.len(), 2);
    for entry in log {
        let log = app.get(&format!("/api/v1/admin/notify/logs/{}", entry["id"].as_str().unwrap())).await.body;
        let attempt = &log["attempts"][0];
        match attempt["status_code"].as_i64() {
            Some(500) => assert_eq!(attempt["response_excerpt"].as_str().unwrap().chars().count(), 500),
            _ => assert!(attempt["error"].as_str().unwrap().contains("connection refused"), "{attempt}"),
        }
    }
}

#[tokio::test]
async fn slack_gets_blocks_with_a_fallback() {
    let app = TestApp::start().await;
    let receiver = Receiver::start().await;
    app.add_endpoint(json!({"kind": "slack", "target": receiver.url(), "filters": {"events": ["call.summarised"]}}))
        .await;
    app.process("1").await;
    let message = receiver.received().remove(0).body;
    assert!(message["text"].as_str().unwrap().contains("Halden"), "{message}");
    let kinds: Vec<&str> =
        message["blocks"].as_array().unwrap().iter().filter_map(|block| block["type"].as_str()).collect();
    assert_eq!(kinds[0], "header");
    assert!(kinds.contains(&"section") && kinds.contains(&"context"), "{kinds:?}");
}

#[tokio::test]
async fn mail_without_a_server_becomes_one_file_per_delivery_with_a_stable_message_id() {
    let app = TestApp::start().await;
    app.add_endpoint(json!({"kind": "email", "target": "Team <team@brindlemoor.example>", "filters": {"events": ["call.summarised"]}})).await;
    app.process("1").await;
    let log = only_log(&app).await;
    assert_eq!(log["status"], "sent");
    let id = log["id"].as_str().unwrap();
    let mail = std::fs::read_to_string(app.data_dir.path().join(format!("outbox/{id}.eml"))).unwrap();
    assert!(mail.contains(&format!("Message-ID: <{id}@localhost>")), "{mail}");
    assert!(mail.contains("Auto-Submitted: auto-generated") && mail.contains("multipart/alternative"), "{mail}");
    assert!(mail.contains("text/plain") && mail.contains("text/html") && !mail.contains("<style"), "{mail}");
}

#[tokio::test]
async fn a_mail_server_that_says_not_now_is_asked_again_and_one_that_says_never_is_not() {
    let server = SmtpServer::refusing(&["451 try later", "250 ok", "550 no such user"]).await;
    let app = TestApp::with("SMTP_HOST", "127.0.0.1")
        .with("SMTP_PORT", server.port.to_string())
        .with("SMTP_TLS", "none")
        .with("FROM_EMAIL", "Calls <calls@brindlemoor.example>")
        .start()
        .await;
    app.add_endpoint(
        json!({"kind": "email", "target": "team@halden.example", "filters": {"events": ["call.summarised"]}}),
    )
    .await;
    app.process("1").await;
    let log = only_log(&app).await;
    assert_eq!((&log["status"], statuses(&log)), (&json!("retrying"), vec![451]));
    app.clock.advance(Duration::from_secs(10));
    app.run_due().await;
    assert_eq!(only_log(&app).await["status"], "sent");
    assert!(server.mails()[0].contains("From: Calls <calls@brindlemoor.example>"), "{}", server.mails()[0]);
    app.process("2").await;
    let last = app.log().await.into_iter().rfind(|entry| entry["event_type"] == "call.summarised").unwrap();
    assert_eq!(
        (&last["status"], &last["last_status_code"], &last["attempt_count"]),
        (&json!("failed"), &json!(550), &json!(1))
    );
    assert!(!last["last_error"].to_string().contains("halden.example"));
}

#[tokio::test]
async fn filters_decide_and_every_decision_is_in_the_log() {
    let app = TestApp::start().await;
    let receiver = Receiver::start().await;
    let filters = [
        json!({}),
        json!({"events": ["call.*"]}),
        json!({"events": ["call.failed"]}),
        json!({"intents": ["renewal"]}),
        json!({"intents": ["onboarding"]}),
    ];
    for filter in filters {
        app.add_endpoint(json!({"kind": "webhook", "target": receiver.url(), "filters": filter})).await;
    }
    app.process("1").await;
    let log = app.log().await;
    assert_eq!(log.len(), 15, "three events, five endpoints");
    let sent = |kind: &str| log.iter().filter(|entry| entry["event_type"] == kind && entry["status"] == "sent").count();
    assert_eq!((sent("call.received"), sent("call.documented"), sent("call.summarised")), (2, 2, 3));
    assert!(log.iter().all(|entry| entry["status"] == "sent" || entry["status"] == "filtered"));
}

#[tokio::test]
async fn a_status_counts_even_when_its_body_never_ends() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let app = TestApp::with("DELIVERY_TIMEOUT", "1s").start().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.read(&mut vec![0; 65_536]).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\nok so far").await.unwrap();
        std::future::pending::<()>().await;
    });
    app.add_endpoint(json!({"kind": "webhook", "target": url, "filters": {"events": ["call.summarised"]}})).await;
    app.process("1").await;
    let log = only_log(&app).await;
    assert_eq!((&log["status"], statuses(&log)), (&json!("sent"), vec![200]));
    assert_eq!(log["attempts"][0]["response_excerpt"], "ok so far");
}

#[tokio::test]
async fn an_endpoint_that_works_again_is_told_of() {
    let app = TestApp::start().await;
    let flaky = Receiver::answering([500, 500, 500]).await;
    let other = Receiver::start().await;
    app.add_webhook(&flaky).await;
    app.add_endpoint(json!({"kind": "webhook", "target": other.url(), "filters": {"events": ["endpoint.*"]}})).await;
    app.process("1").await;
    for _ in 0..4 {
        app.clock.advance(Duration::from_hours(3));
        app.run_due().await;
    }
    app.run_due().await;
    assert_eq!(other.types(), ["endpoint.recovered"]);
}

#[tokio::test]
async fn what_an_error_page_repeats_of_us_is_not_kept() {
    let app = TestApp::start().await;
    let page = "Cannot POST /hook for dana@halden.example, call +1 415 555 0134".to_owned();
    let receiver = Receiver::answering_once(404, vec![], page).await;
    app.add_webhook(&receiver).await;
    app.process("1").await;
    let log = only_log(&app).await;
    assert_eq!(log["attempts"][0]["response_excerpt"], "Cannot POST [target] for [email], call [phone]");
}
