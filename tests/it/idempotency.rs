//! Creating requests that are repeated: the same answer, and one thing made, whatever goes wrong between the two.

use std::time::Duration;

use aftercall::{
    db::idempotency::{KeyOwner, take_key},
    jobs::retention,
};
use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::support::{Answer, Operation, Rows, TOKEN, TestApp, Things, operations, request};

const TOKENS: &str = "/api/v1/admin/tokens";

/// Every operation that takes a key, with its path, a body and another body.
fn creations() -> Vec<(Operation, String, Value, Value)> {
    let creating = operations().into_iter().filter(Operation::creates);
    let creations = creating.map(|operation| {
        let (path, body) = Things::of_nobody().request(&operation);
        let body = body.expect("a body");
        let mut other = body.clone();
        match operation.id.as_str() {
            "raise_event" => other["data"] = json!({"size": 2}),
            "create_tenant" => other["id"] = json!("another"),
            _ => other["name"] = json!("Another"),
        }
        (operation, path, body, other)
    });
    let creations: Vec<_> = creations.collect();
    assert!(creations.len() >= 5, "the document says which operations take a key");
    creations
}

/// The table of what is made. An operation that is not known here fails the test.
fn table(operation: &Operation) -> &'static str {
    match operation.id.as_str() {
        "create_endpoint" => "endpoints",
        "create_source" => "sources",
        "create_token" => "tokens",
        "create_tenant" => "tenants",
        "raise_event" => "events",
        unknown => panic!("nobody told the tests what {unknown} makes"),
    }
}

async fn create(app: &TestApp, token: &str, path: &str, key: &str, body: &Value) -> Answer {
    let mut request = request(token, "POST", path, Some(body));
    request.headers_mut().insert("idempotency-key", key.parse().unwrap());
    app.send(request).await
}

#[track_caller]
fn expect_new(answer: &Answer) {
    assert!(answer.status.is_success(), "{}", answer.text);
    assert!(!answer.headers.contains_key("idempotent-replayed"), "{}", answer.text);
}

#[track_caller]
fn expect_repeat(first: &Answer, second: &Answer) {
    assert_eq!((first.status, &first.text), (second.status, &second.text));
    for name in ["location", "content-type"] {
        assert_eq!(first.headers.get(name), second.headers.get(name), "{name}");
    }
    assert_eq!(second.headers["idempotent-replayed"], "true");
}

#[track_caller]
fn expect_wrong_key(answer: Answer) {
    assert_eq!(answer.expect(422).body["errors"][0]["pointer"], "/Idempotency-Key");
}

/// What an answer shows this once.
fn secrets(answer: &Answer) -> Vec<String> {
    let key = answer.body["webhook_url"].as_str().and_then(|url| url.split_once("key=")).map(|(_, key)| key);
    let shown = [answer.body["secret"].as_str(), answer.body["token"].as_str(), key];
    shown.into_iter().flatten().map(str::to_owned).collect()
}

#[tokio::test]
async fn a_repeated_creation_is_answered_as_the_first_and_makes_nothing() {
    let app = TestApp::start().await;
    let mut shown = Vec::new();
    for (operation, path, body, _) in creations() {
        let counts = async || (app.count(table(&operation)).await, app.count("admin_audit").await);
        let before = counts().await;
        let first = create(&app, TOKEN, &path, &operation.id, &body).await;
        expect_new(&first);
        let after = counts().await;
        assert_eq!(after.0, before.0 + 1);
        expect_repeat(&first, &create(&app, TOKEN, &path, &operation.id, &body).await);
        app.clock.advance(Duration::from_hours(1));
        expect_repeat(&first, &create(&app, TOKEN, &path, &operation.id, &body).await);
        assert_eq!(counts().await, after, "{}", operation.id);
        shown.extend(secrets(&first));
    }
    assert_eq!(shown.len(), 3, "an endpoint's secret, a token, a key");
    let rows = Rows::all(&app).await;
    for secret in &shown {
        rows.expect_nothing_of(secret);
    }
}

#[tokio::test]
async fn two_at_the_same_moment_make_one_thing() {
    let app = TestApp::start().await;
    for (operation, path, body, _) in creations() {
        let before = app.count(table(&operation)).await;
        let ask = || create(&app, TOKEN, &path, &operation.id, &body);
        let answers = tokio::join!(ask(), ask(), ask(), ask());
        let answers: [Answer; 4] = answers.into();
        assert!(answers.iter().all(|answer| answer.status.is_success() || answer.status == 409), "{answers:?}");
        let new = |answer: &&Answer| answer.status.is_success() && !answer.headers.contains_key("idempotent-replayed");
        assert_eq!(answers.iter().filter(new).count(), 1, "{answers:?}");
        assert_eq!(app.count(table(&operation)).await, before + 1);
    }
}

#[tokio::test]
async fn a_key_is_for_one_request_only() {
    let app = TestApp::start().await;
    let creations = creations();
    for (index, (operation, path, body, other)) in creations.iter().enumerate() {
        expect_new(&create(&app, TOKEN, path, &operation.id, body).await);
        let before = Rows::all(&app).await;
        expect_wrong_key(create(&app, TOKEN, path, &operation.id, other).await);
        let (_, elsewhere, body, _) = &creations[(index + 1) % creations.len()];
        expect_wrong_key(create(&app, TOKEN, elsewhere, &operation.id, body).await);
        Rows::all(&app).await.expect(&before, "a key that was used");
    }
    let (_, path, body, _) = &creations[0];
    for bad in ["", "two words", "k\u{e4}y", &"k".repeat(256)] {
        expect_wrong_key(create(&app, TOKEN, path, bad, body).await);
    }
    expect_new(&create(&app, TOKEN, path, &"k".repeat(255), body).await);
}

#[tokio::test]
async fn while_the_first_is_under_way_the_second_is_told_so() {
    let app = TestApp::start().await;
    for (operation, path, body, _) in creations() {
        let mut first = app.app.pool.begin().await.unwrap();
        let owner = KeyOwner { tenant: "default", actor: "ADMIN_TOKEN", key: &operation.id };
        assert!(take_key(&mut first, owner).await.unwrap());
        let answer = create(&app, TOKEN, &path, &operation.id, &body).await.expect(409);
        assert!(answer.body["detail"].as_str().unwrap().contains("Idempotency-Key"), "{}", answer.text);
        expect_new(&create(&app, TOKEN, &path, "another-key", &body).await);
        first.rollback().await.unwrap();
        let answer = create(&app, TOKEN, &path, &operation.id, &body).await;
        assert!(answer.status.is_success() || operation.id == "create_tenant", "{}", answer.text);
        sqlx::query("DELETE FROM idempotency_keys").execute(&app.app.pool).await.unwrap();
    }
}

#[tokio::test]
async fn a_refused_request_leaves_its_key_free() {
    let app = TestApp::start().await;
    for (operation, path, body, other) in creations() {
        let mut bad = body.clone();
        bad["colour"] = json!("red");
        create(&app, TOKEN, &path, &operation.id, &bad).await.expect(422);
        let mut bad = body.clone();
        bad["name"] = json!("");
        create(&app, TOKEN, &path, &operation.id, &bad).await.expect(422);
        expect_new(&create(&app, TOKEN, &path, &operation.id, &body).await);
        if operation.id == "create_tenant" {
            create(&app, TOKEN, &path, "a-second-key", &body).await.expect(409);
            expect_new(&create(&app, TOKEN, &path, "a-second-key", &other).await);
        }
    }
}

#[tokio::test]
async fn the_same_key_of_another_caller_is_another_key() {
    let app = TestApp::start().await;
    app.api("POST", "/api/v1/admin/tenants", Some(json!({"id": "emea", "name": "EMEA"}))).await.expect(201);
    let mut callers = vec![TOKEN.to_owned()];
    for tenant in ["default", "default", "emea"] {
        let body = json!({"name": "the same name", "role": "admin", "tenant": tenant});
        let made = app.api("POST", TOKENS, Some(body)).await.expect(201).body;
        callers.push(made["token"].as_str().unwrap().to_owned());
    }
    for (operation, path, body, _) in creations() {
        if operation.id == "create_tenant" {
            continue; // has one caller only
        }
        let before = app.count(table(&operation)).await;
        for token in &callers {
            expect_new(&create(&app, token, &path, "the-same-key", &body).await);
        }
        assert_eq!(app.count(table(&operation)).await, before + 4);
        sqlx::query("DELETE FROM idempotency_keys").execute(&app.app.pool).await.unwrap();
    }
}

#[tokio::test]
async fn after_a_day_a_key_is_free_again() {
    let app = TestApp::start().await;
    let retain = async || retention(&app.app.pool, &app.app.config.retention, app.clock.now()).await.unwrap();
    let mut firsts = Vec::new();
    for (operation, path, body, _) in creations() {
        firsts.push(create(&app, TOKEN, &path, &operation.id, &body).await);
    }
    app.clock.advance(Duration::from_hours(24));
    retain().await;
    for ((operation, path, body, _), first) in creations().iter().zip(&firsts) {
        expect_repeat(first, &create(&app, TOKEN, path, &operation.id, body).await);
    }
    app.clock.advance(Duration::from_secs(1));
    retain().await;
    assert_eq!(app.count("idempotency_keys").await, 0);
    for (operation, path, _, other) in creations() {
        expect_new(&create(&app, TOKEN, &path, &operation.id, &other).await);
    }
}

#[tokio::test]
async fn an_answer_stands_even_where_the_request_would_be_refused_by_now() {
    let app = TestApp::start().await;
    let soon = app.clock.now() + TimeDelta::hours(1);
    let body = json!({"name": "Short", "role": "viewer", "expires_at": soon});
    let first = create(&app, TOKEN, TOKENS, "short", &body).await.expect(201);
    app.clock.advance(Duration::from_hours(2));
    expect_repeat(&first, &create(&app, TOKEN, TOKENS, "short", &body).await);
    create(&app, TOKEN, TOKENS, "another", &body).await.expect(422);
    let nowhere = json!({"name": "x", "role": "viewer", "tenant": "nowhere"});
    for _ in 0..3 {
        let refused = create(&app, TOKEN, TOKENS, "nowhere", &nowhere).await.expect(422);
        assert_eq!(refused.body["errors"][0]["pointer"], "/tenant", "the key is let go at once");
    }
}

#[tokio::test]
async fn a_key_of_an_event_that_was_known_by_its_id_is_used_too() {
    let app = TestApp::start().await;
    let events = "/api/v1/events";
    let event = |size: i32| json!({"type": "custom.made", "data": {"size": size}, "id": "crm-1"});
    app.api("POST", events, Some(event(1))).await.expect(202);
    let known = create(&app, TOKEN, events, "k", &event(1)).await.expect(200);
    assert_eq!(known.body["duplicate"], true);
    expect_repeat(&known, &create(&app, TOKEN, events, "k", &event(1)).await);
    expect_wrong_key(create(&app, TOKEN, events, "k", &event(2)).await);
}
