//! What an endpoint goes through after it was created: changes, a new secret, failures, and sending again by hand.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Received, Receiver, TestApp};

fn path(endpoint: &Value, action: &str) -> String {
    format!("/api/v1/admin/notify/endpoints/{}{action}", endpoint["id"].as_str().unwrap())
}

async fn webhook(app: &TestApp, receiver: &Receiver) -> Value {
    app.add_endpoint(json!({"kind": "webhook", "target": receiver.url()})).await
}

async fn raise(app: &TestApp, index: usize) -> Value {
    app.raise(json!({"type": "custom.thing", "subject": index.to_string(), "data": {"index": index}})).await
}

/// Which of the signatures a secret explains, by the official implementation.
fn signed_by(received: &Received, secret: &str) -> Vec<usize> {
    let timestamp = received.header("webhook-timestamp").parse().unwrap();
    let official = standardwebhooks::Webhook::new(secret).unwrap();
    let expected = official.sign(received.header("webhook-id"), timestamp, &received.raw).unwrap();
    let signatures = received.header("webhook-signature").split(' ').enumerate();
    signatures.filter(|(_, signature)| *signature == expected).map(|(index, _)| index).collect()
}

#[tokio::test]
async fn while_secrets_overlap_both_sign_and_afterwards_only_the_new_one() {
    let app = TestApp::start().await;
    let receiver = Receiver::start().await;
    let endpoint = webhook(&app, &receiver).await;
    let old = endpoint["secret"].as_str().unwrap();
    let body = json!({"overlap_seconds": 600});
    let rotated = app.api("POST", &path(&endpoint, "/rotate-secret"), Some(body)).await.expect(200).body;
    let new = rotated["secret"].as_str().unwrap();
    assert_eq!(rotated["previous_valid_until"], "2031-05-06T10:10:00Z");
    raise(&app, 1).await;
    app.run_due().await;
    let during = receiver.received().remove(0);
    assert_eq!((signed_by(&during, new), signed_by(&during, old)), (vec![0], vec![1]));
    let plain = aftercall::domain::signature::plain_matches;
    assert!(plain(new, &during.raw, during.header("x-signature")), "the plain signature knows the new one only");

    app.clock.advance(Duration::from_secs(600));
    raise(&app, 2).await;
    app.run_due().await;
    let after = receiver.received().remove(1);
    assert_eq!((signed_by(&after, new), signed_by(&after, old)), (vec![0], vec![]));

    let body = json!({"overlap_seconds": 0});
    let rotated = app.api("POST", &path(&endpoint, "/rotate-secret"), Some(body)).await.expect(200).body;
    assert_eq!(rotated["previous_valid_until"], Value::Null);
    raise(&app, 3).await;
    app.run_due().await;
    let at_once = receiver.received().remove(2);
    assert_eq!(signed_by(&at_once, rotated["secret"].as_str().unwrap()), [0]);
    assert!(!at_once.header("webhook-signature").contains(' '));
}

#[tokio::test]
async fn without_a_word_secrets_overlap_for_a_day_and_only_webhooks_have_one() {
    let app = TestApp::start().await;
    let receiver = Receiver::start().await;
    let endpoint = webhook(&app, &receiver).await;
    let rotated = app.api("POST", &path(&endpoint, "/rotate-secret"), None).await.expect(200).body;
    assert_eq!(rotated["previous_valid_until"], "2031-05-07T10:00:00Z");
    for seconds in [-1, 2_592_001] {
        let body = json!({"overlap_seconds": seconds});
        let refused = app.api("POST", &path(&endpoint, "/rotate-secret"), Some(body)).await.expect(422).body;
        assert_eq!(refused["errors"][0]["pointer"], "/overlap_seconds");
    }
    let slack = app.add_endpoint(json!({"kind": "slack", "target": receiver.url()})).await;
    app.api("POST", &path(&slack, "/rotate-secret"), None).await.expect(409);
}

#[tokio::test]
async fn a_change_replaces_what_is_given_and_leaves_the_rest() {
    let app = TestApp::start().await;
    let (receiver, other) = (Receiver::start().await, Receiver::start().await);
    let headers = json!({"X-Key": "kept", "X-Old": "gone"});
    let endpoint = app
        .add_endpoint(json!({"kind": "webhook", "name": "CRM", "target": receiver.url(), "headers": headers,
                             "rate_limit_per_minute": 100}))
        .await;
    let changed = app
        .change_endpoint(
            &endpoint,
            json!({"target": other.url(), "headers": {"X-Key": "[hidden]", "X-New": "added"}, "ordered": true,
                   "filters": {"events": ["custom.*"]}, "rate_limit_per_minute": null}),
        )
        .await;
    assert_eq!((&changed["name"], &changed["kind"]), (&json!("CRM"), &json!("webhook")));
    assert_eq!((&changed["ordered"], &changed["rate_limit_per_minute"]), (&json!(true), &Value::Null));
    assert_eq!(changed["headers"], json!({"X-Key": "[hidden]", "X-New": "[hidden]"}));
    assert!(changed.get("secret").is_none() && changed["has_secret"] == true);
    raise(&app, 1).await;
    app.run_due().await;
    assert_eq!(receiver.count(), 0);
    let received = other.received().remove(0);
    assert_eq!((received.header("x-key"), received.header("x-new"), received.header("x-old")), ("kept", "added", ""));
    assert_eq!(signed_by(&received, endpoint["secret"].as_str().unwrap()), [0], "the secret stays");
    assert_eq!(app.change_endpoint(&endpoint, json!({})).await["filters"]["events"], json!(["custom.*"]));
}

#[tokio::test]
async fn a_change_that_cannot_be_is_refused_with_pointers_and_changes_nothing() {
    let app = TestApp::start().await;
    let receiver = Receiver::start().await;
    let endpoint = webhook(&app, &receiver).await;
    for (change, pointer) in [
        (json!({"target": "https://10.0.0.1/"}), "/target"),
        (json!({"name": " "}), "/name"),
        (json!({"headers": {"Host": "x"}}), "/headers/Host"),
        (json!({"filters": {"events": ["Call"]}}), "/filters/events/0"),
        (json!({"rate_limit_per_minute": 60_001}), "/rate_limit_per_minute"),
        (json!({"secret": "whsec_AAAA"}), "/secret"),
        (json!({"kind": "slack"}), "/kind"),
    ] {
        let refused = app.api("PATCH", &path(&endpoint, ""), Some(change)).await.expect(422).body;
        assert_eq!(refused["errors"][0]["pointer"], pointer);
    }
    let now = app.get(&path(&endpoint, "")).await.body;
    assert_eq!((&now["target"], &now["updated_at"]), (&endpoint["target"], &endpoint["updated_at"]));
}

#[tokio::test]
async fn an_endpoint_that_is_disabled_by_a_change_drops_what_waits_and_can_recover_it() {
    let app = TestApp::with("DELIVERY_RETRY_SCHEDULE", "1h").start().await;
    let receiver = Receiver::answering([500, 200, 500, 500]).await;
    let endpoint = webhook(&app, &receiver).await;
    for index in 1..=3 {
        raise(&app, index).await;
        app.run_due().await;
    }
    app.change_endpoint(&endpoint, json!({"enabled": false})).await;
    let log = app.log().await;
    let told: Vec<(&str, Option<&str>)> =
        log.iter().map(|entry| (entry["status"].as_str().unwrap(), entry["last_error"].as_str())).collect();
    let dropped = ("failed", Some("endpoint_disabled"));
    assert_eq!(told, [dropped, ("sent", None), dropped]);

    let since = json!({"since": "2031-05-06T10:00:00Z"});
    let recover = path(&endpoint, "/recover");
    app.api("POST", &recover, Some(since.clone())).await.expect(409);
    app.change_endpoint(&endpoint, json!({"enabled": true})).await;
    let dry = json!({"since": "2031-05-06T10:00:00Z", "dry_run": true});
    assert_eq!(app.api("POST", &recover, Some(dry)).await.expect(202).body, json!({"count": 2}));
    app.run_due().await;
    assert_eq!(receiver.count(), 3, "a dry run sends nothing");
    let late = json!({"since": "2031-05-06T10:00:01Z"});
    assert_eq!(app.api("POST", &recover, Some(late)).await.expect(202).body, json!({"count": 0}));
    assert_eq!(app.api("POST", &recover, Some(since)).await.expect(202).body, json!({"count": 2}));
    app.run_due().await;
    app.clock.advance(Duration::from_secs(2 * 3600));
    app.run_due().await; // the receiver refuses once more, and the budget is fresh
    assert!(app.log().await.iter().all(|entry| entry["status"] == "sent"));
    assert_eq!(receiver.received().iter().filter(|one| one.body["data"]["index"] == 2).count(), 1);
}

#[tokio::test]
async fn what_was_sent_is_sent_again_only_when_that_is_asked_for() {
    let app = TestApp::start().await;
    let receiver = Receiver::start().await;
    let endpoint = webhook(&app, &receiver).await;
    raise(&app, 1).await;
    app.api("POST", &format!("/api/v1/admin/notify/test/{}", endpoint["id"].as_str().unwrap()), None).await.expect(200);
    app.run_due().await;
    let log = app.log().await;
    let id = log.iter().find(|entry| entry["event_type"] == "custom.thing").unwrap()["id"].as_str().unwrap().to_owned();
    let retry = format!("/api/v1/admin/notify/logs/{id}/retry");
    app.api("POST", &retry, None).await.expect(409);
    app.api("POST", &retry, Some(json!({"include_sent": true}))).await.expect(202);
    app.run_due().await;
    let everything = json!({"since": "2031-01-01T00:00:00Z", "include_sent": true});
    let recovered = app.api("POST", &path(&endpoint, "/recover"), Some(everything)).await.expect(202).body;
    assert_eq!(recovered["count"], 1, "a test is not sent again");
    app.run_due().await;
    let ids: Vec<String> = receiver.received().iter().map(|one| one.header("webhook-id").to_owned()).collect();
    let of_event = ids.iter().filter(|id| **id == log[0]["event_id"] || **id == log[1]["event_id"]).count();
    assert_eq!((ids.len(), of_event), (4, 4), "the same id each time");
    let log = app.get(&format!("/api/v1/admin/notify/logs/{id}")).await.body;
    assert_eq!(log["attempts"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn a_new_target_starts_with_fresh_health() {
    let app = TestApp::with("DELIVERY_RETRY_SCHEDULE", "1s,1s,1s,1s,1s,1s").start().await;
    let (broken, working) = (Receiver::answering([500; 9]).await, Receiver::start().await);
    let endpoint = webhook(&app, &broken).await;
    raise(&app, 1).await;
    for _ in 0..5 {
        app.run_due().await;
        app.clock.advance(Duration::from_secs(2));
    }
    assert_eq!(app.get(&path(&endpoint, "")).await.body["health"]["state"], "open");
    let changed = app.change_endpoint(&endpoint, json!({"target": working.url()})).await;
    assert_eq!((&changed["health"]["state"], &changed["health"]["consecutive_failures"]), (&json!("ok"), &json!(0)));
    app.run_due().await;
    assert_eq!(working.count(), 1, "what waited goes to the new target");
}
