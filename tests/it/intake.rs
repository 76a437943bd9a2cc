//! `POST /webhooks/gong`: who gets in, what is answered, and what is on record by then.

use aftercall::domain::signature;
use futures_util::future::join_all;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::{Answer, Gong, Receiver, SECRET, Signing, TestApp, URL_KEY, WEBHOOK_URL, callback};

/// Fails unless the answer is a problem that says what is wrong, and nothing was stored.
#[track_caller]
fn refused(answer: &Answer, status: u16, says: &str) {
    assert_eq!(answer.status.as_u16(), status, "{}", answer.text);
    assert_eq!(answer.headers["content-type"], "application/problem+json");
    let detail = answer.body["detail"].as_str().unwrap_or_default();
    assert!(detail.contains(says), "{detail:?} does not say {says:?}");
    assert_eq!(answer.body["status"], status);
    assert_eq!(answer.body["instance"], "/webhooks/gong");
}

async fn nothing_is_stored(app: &TestApp) {
    for table in ["events", "runs", "jobs", "calls", "deliveries"] {
        assert_eq!(app.count(table).await, 0, "{table}");
    }
}

#[tokio::test]
async fn a_signed_callback_is_on_record_before_it_is_answered() {
    let app = TestApp::start().await;
    let answer = app.post_signed(&callback("3140000000000000159")).await.expect(202);
    assert_eq!(answer.body["duplicate"], false);
    let event_id = answer.body["event_id"].as_str().unwrap();
    assert!(event_id.starts_with("evt_") && answer.body["run_id"].as_str().unwrap().starts_with("run_"));
    for table in ["events", "runs", "jobs", "calls"] {
        assert_eq!(app.count(table).await, 1, "{table}");
    }
    let stored: Vec<u8> = sqlx::query_scalar("SELECT callback FROM events").fetch_one(&app.app.pool).await.unwrap();
    assert_eq!(stored, callback("3140000000000000159").to_string().into_bytes(), "kept as it came");
}

#[tokio::test]
async fn every_way_a_token_can_fail_is_refused_and_leaves_nothing_behind() {
    let app = TestApp::start().await;
    let body = callback("1").to_string();
    let now = app.clock.now().timestamp();
    let good = Signing { url: WEBHOOK_URL, body: body.as_bytes(), exp: now + 60 };
    let claims =
        json!({"webhook_url": WEBHOOK_URL, "body_sha256": hex::encode(Sha256::digest(&body)), "exp": now + 60});
    let without = |claim: &str| {
        let mut claims = claims.clone();
        claims.as_object_mut().unwrap().remove(claim);
        app.gong.token_of(&Header::new(Algorithm::RS256), &claims)
    };
    let hs256 = jsonwebtoken::encode(
        &Header::new(Algorithm::HS256),
        &claims,
        &EncodingKey::from_secret(app.gong.bare_key.as_bytes()),
    );
    let unsigned = {
        use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as B64};
        format!("{}.{}.", B64.encode(r#"{"alg":"none"}"#), B64.encode(claims.to_string()))
    };
    let token = app.gong.token(&good);
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let other = if signature.starts_with('A') { 'B' } else { 'A' };
    let changed = format!("{signed}.{other}{}", &signature[1..]);
    let cases = [
        ("another key", Gong::generate().token(&good), "not signed with RS256 by a known key"),
        ("the public key used as an HMAC secret", hs256.unwrap(), "not signed with RS256 by a known key"),
        ("no signature", unsigned, "not signed with RS256 by a known key"),
        ("a changed signature", changed, "not signed with RS256 by a known key"),
        ("not a token", "hello".to_owned(), "not signed with RS256 by a known key"),
        ("no exp", without("exp"), "not signed with RS256 by a known key"),
        ("no body hash", without("body_sha256"), "not signed with RS256 by a known key"),
        ("no url", without("webhook_url"), "not signed with RS256 by a known key"),
        ("expired", app.gong.token(&Signing { exp: now - 61, ..good }), "expired"),
        ("another url", app.gong.token(&Signing { url: "https://evil.example/webhooks/gong", ..good }), "another URL"),
        ("another body", app.gong.token(&Signing { body: b"{}", ..good }), "another body"),
    ];
    for (case, token, says) in cases {
        let answer = app.post_callback(&[("authorization", &token)], body.clone()).await;
        println!("{case}: {}", answer.text);
        refused(&answer, 401, says);
    }
    refused(&app.post_callback(&[], body.clone()).await, 401, "carries no proof");
    nothing_is_stored(&app).await;
    app.post_callback(&[("authorization", &token)], body).await.expect(202);
}

#[tokio::test]
async fn a_token_is_taken_bare_or_as_bearer_and_its_url_in_any_spelling() {
    let keys = |gong: &Gong| format!("{},{}", Gong::generate().pem().replace('\n', "\\n"), gong.pem());
    let app = TestApp::with("GONG_WEBHOOK_PUBLIC_KEY", keys(&Gong::shared())).start().await;
    let exp = app.clock.now().timestamp() - 30; // within the leeway
    let spellings =
        ["HTTPS://Hooks.Example.Test:443/webhooks/gong/", "https%3A%2F%2Fhooks.example.test%2Fwebhooks%2Fgong"];
    for (index, url) in spellings.into_iter().enumerate() {
        let body = callback(&index.to_string()).to_string();
        let token = app.gong.token(&Signing { url, body: body.as_bytes(), exp });
        let header = if index == 0 { format!("Bearer {token}") } else { token };
        app.post_callback(&[("authorization", &header)], body).await.expect(202);
    }
}

#[tokio::test]
async fn the_url_key_proves_and_a_wrong_one_does_not() {
    let app = TestApp::with("GONG_WEBHOOK_URL_KEY", URL_KEY).with("GONG_WEBHOOK_PUBLIC_KEY", "").start().await;
    let body = callback("1").to_string();
    refused(&app.post_to("/webhooks/gong?key=wrong", &[], body.clone()).await, 401, "key in the URL is wrong");
    refused(&app.post_to("/webhooks/gong?key=", &[], body.clone()).await, 401, "key in the URL is wrong");
    refused(&app.post_callback(&[], body.clone()).await, 401, "carries no proof");
    nothing_is_stored(&app).await;
    app.post_to(&format!("/webhooks/gong?c=1&key={URL_KEY}"), &[], body).await.expect(202);
}

#[tokio::test]
async fn an_hmac_proves_in_both_forms_and_a_stale_or_wrong_one_does_not() {
    let app = TestApp::with("GONG_WEBHOOK_SECRET", SECRET).start().await;
    let body = |id: &str| callback(id).to_string();
    let plain = signature::plain(SECRET, body("1").as_bytes());
    refused(&app.post_callback(&[("x-signature", &plain)], body("2")).await, 401, "does not match the body");
    refused(&app.post_callback(&[("x-signature", "sha256=zz")], body("1")).await, 401, "does not match the body");
    let standard = |at: i64, text: &str| signature::standard(SECRET, "msg_1", at, text.as_bytes());
    let now = app.clock.now().timestamp();
    let headers = |at: i64, signature: &str| {
        [
            ("webhook-id", "msg_1".to_owned()),
            ("webhook-timestamp", at.to_string()),
            ("webhook-signature", signature.to_owned()),
        ]
    };
    let post = async |at: i64, signature: &str, text: String| {
        let owned = headers(at, signature);
        let headers: Vec<(&str, &str)> = owned.iter().map(|(name, value)| (*name, value.as_str())).collect();
        app.post_callback(&headers, text).await
    };
    refused(&post(now - 301, &standard(now - 301, &body("1")), body("1")).await, 401, "five minutes");
    refused(&post(now, &standard(now - 1, &body("1")), body("1")).await, 401, "does not match");
    nothing_is_stored(&app).await;
    app.post_callback(&[("x-signature", plain.trim_start_matches("sha256="))], body("1")).await.expect(202);
    post(now - 299, &standard(now - 299, &body("2")), body("2")).await.expect(202);
}

#[tokio::test]
async fn with_no_proof_configured_the_route_is_closed() {
    let app = TestApp::with("GONG_WEBHOOK_PUBLIC_KEY", "").start().await;
    refused(&app.post_callback(&[], callback("1").to_string()).await, 401, "no proof is configured");
    nothing_is_stored(&app).await;
}

#[tokio::test]
async fn proven_bodies_that_are_no_callbacks_are_refused_with_what_is_wrong() {
    let app = TestApp::with("GONG_WEBHOOK_SECRET", SECRET).start().await;
    let post = async |kind: &str, body: Vec<u8>| {
        let signature = signature::plain(SECRET, &body);
        app.post_callback(&[("x-signature", &signature), ("content-type", kind)], body).await
    };
    refused(&post("application/json", b"{".to_vec()).await, 400, "not JSON");
    refused(&post("application/json", b"\xff\xfe".to_vec()).await, 400, "not JSON");
    refused(&post("application/json", b"[]".to_vec()).await, 400, "callData.metaData.id");
    refused(&post("application/json", br#"{"callData":{"metaData":{"id":null}}}"#.to_vec()).await, 400, "metaData.id");
    refused(&post("text/plain", callback("1").to_string().into_bytes()).await, 415, "application/json");
    refused(&post("application/json", vec![b' '; 1024 * 1024 + 1]).await, 413, "1048576");
    nothing_is_stored(&app).await;
    let get = app.api("GET", "/webhooks/gong", None).await.expect(405);
    assert_eq!(get.headers["content-type"], "application/problem+json");
    post("application/json; charset=utf-8", callback("1").to_string().into_bytes()).await.expect(202);
}

#[tokio::test]
async fn test_now_is_on_record_and_starts_nothing_even_with_a_call_that_was_done() {
    let app = TestApp::start().await;
    let accepted = app.process("1").await;
    let mut test = callback("1");
    test["isTest"] = true.into();
    let empty = json!({"isTest": true, "callData": {}});
    for body in [test, empty] {
        assert_eq!(app.post_signed(&body).await.expect(200).body, json!({"test": true}));
    }
    assert_eq!(app.count("runs").await, 1);
    let tests: i64 = sqlx::query_scalar("SELECT count(*) FROM events WHERE type = 'callback.test'")
        .fetch_one(&app.app.pool)
        .await
        .unwrap();
    assert_eq!(tests, 2);
    assert_eq!(app.run_of(&accepted).await["state"], "done");
}

#[tokio::test]
async fn the_same_callback_fifty_times_at_once_makes_one_run_and_one_delivery_per_endpoint() {
    let app = TestApp::start().await;
    let receivers = [Receiver::start().await, Receiver::start().await];
    for receiver in &receivers {
        app.add_webhook(receiver).await;
    }
    app.import_transcript("77").await;
    let body = callback("77");
    let answers = join_all((0..50).map(|_| app.post_signed(&body))).await;
    let accepted = answers.iter().filter(|answer| answer.status == 202).count();
    assert_eq!((accepted, answers.iter().filter(|answer| answer.status == 200).count()), (1, 49));
    let first = &answers[0].body;
    for answer in &answers {
        assert_eq!((&answer.body["event_id"], &answer.body["run_id"]), (&first["event_id"], &first["run_id"]));
        assert_eq!(answer.body["duplicate"], answer.status == 200);
    }
    app.run_due().await;
    assert_eq!(app.count("runs").await, 1);
    for receiver in &receivers {
        assert_eq!(receiver.types(), ["call.summarised"]);
    }
}

#[tokio::test]
async fn a_private_call_is_skipped_on_record_and_nobody_hears_of_it() {
    let app = TestApp::start().await;
    let receiver = Receiver::start().await;
    app.add_endpoint(json!({"kind": "webhook", "target": receiver.url()})).await;
    app.import_transcript("1").await;
    let mut body = callback("1");
    body["isPrivate"] = true.into();
    let accepted = app.post_signed(&body).await.expect(202).body;
    app.run_due().await;
    let run = app.run_of(&accepted).await;
    assert_eq!((&run["state"], &run["reason"]), (&json!("skipped"), &json!("private")));
    let types: Vec<String> =
        sqlx::query_scalar("SELECT type FROM events ORDER BY id").fetch_all(&app.app.pool).await.unwrap();
    assert_eq!(types, ["call.received", "call.skipped"]);
    assert_eq!((app.count("deliveries").await, app.count("summaries").await), (0, 0));
    assert!(receiver.received().is_empty());
    assert!(!app.data_dir.path().join("documents").exists());
}

#[tokio::test]
async fn a_call_that_turns_private_under_way_is_not_published() {
    let app = TestApp::start().await;
    let receiver = Receiver::start().await;
    app.add_webhook(&receiver).await;
    let accepted = app.post_signed(&callback("1")).await.expect(202).body;
    app.run_due().await; // the transcript is not there yet
    let mut again = callback("1");
    again["callData"]["metaData"]["isPrivate"] = true.into();
    assert_eq!(app.post_signed(&again).await.expect(200).body["duplicate"], true);
    app.import_transcript("1").await;
    app.run_due().await;
    assert_eq!(app.run_of(&accepted).await["reason"], "private");
    assert!(receiver.received().is_empty());
}

#[tokio::test]
async fn characters_that_no_database_column_takes_lose_nothing() {
    let app = TestApp::start().await;
    assert_eq!(app.post_signed(&callback("1\u{0}2")).await.status, 400, "an id is taken as it is or not at all");
    let mut odd = callback("12");
    odd["callData"]["metaData"]["title"] = "nul \u{0} and \u{1F600}".into();
    odd["callData"]["parties"][1]["name"] = Value::String("x\u{0}".to_owned());
    odd["callData"]["metaData"]["started"] = "+262142-01-01T00:00:00Z".into();
    odd["callData"]["metaData"]["duration"] = json!(1e300);
    app.post_signed(&odd).await.expect(202);
    let call = app.get("/api/v1/admin/calls/12").await.expect(200).body;
    assert_eq!(call["title"], "nul  and \u{1F600}");
}

#[tokio::test]
async fn what_any_telling_calls_private_stays_private() {
    let app = TestApp::start().await;
    let receiver = Receiver::start().await;
    app.add_endpoint(json!({"kind": "webhook", "target": receiver.url()})).await;
    // An import says so, also when a later line of the same file does not; the callback is silent.
    let told = |private: Value| json!({"metaData": {"id": "1", "title": "T", "isPrivate": private}});
    app.import(&json!([told(true.into()), told(Value::Null)])).await;
    let accepted = app.post_signed(&callback("1")).await.expect(202).body;
    assert_eq!(app.run_of(&accepted).await["reason"], "private");
    // Two callbacks at once, one of which says so.
    let mut private = callback("2");
    private["callData"]["metaData"]["isPrivate"] = "true".into();
    let bodies = [callback("2"), private];
    join_all(bodies.iter().map(|body| app.post_signed(body))).await;
    app.import_transcript("2").await;
    app.run_due().await;
    let summarised = receiver.types().iter().filter(|kind| *kind == "call.summarised").count();
    assert_eq!((summarised, app.count("summaries").await), (0, 0));
    let calls = app.get("/api/v1/admin/runs?state=skipped").await.expect(200).body;
    assert_eq!(calls["items"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn what_waits_of_a_call_that_turns_private_goes_no_further() {
    let app = TestApp::start().await;
    let receiver = Receiver::answering([500]).await;
    app.add_webhook(&receiver).await;
    app.process("1").await;
    let mut again = callback("1");
    again["isPrivate"] = true.into();
    app.post_signed(&again).await.expect(200);
    app.clock.advance(std::time::Duration::from_hours(3));
    app.run_due().await;
    assert_eq!(receiver.received().len(), 1);
    let log = app.log().await.into_iter().rfind(|entry| entry["status"] == "failed").unwrap();
    assert_eq!(log["last_error"], "private");
    let retry = format!("/api/v1/admin/notify/logs/{}/retry", log["id"].as_str().unwrap());
    app.api("POST", &retry, None).await.expect(409);
}

#[tokio::test]
async fn what_cannot_be_stored_is_answered_503_with_when_to_try_again() {
    let app = TestApp::start().await;
    app.app.pool.close().await;
    let answer = app.post_signed(&callback("1")).await;
    refused(&answer, 503, "could not be stored");
    assert_eq!(answer.headers["retry-after"], "5");
    assert_eq!(app.get("/readyz").await.expect(503).body["database"], "unreachable");
    app.get("/healthz").await.expect(200);
    app.get("/metrics").await.expect(200);
}

#[tokio::test]
async fn an_id_of_twenty_digits_a_byte_order_mark_and_a_slash_at_the_end_lose_no_callback() {
    let app = TestApp::with("GONG_WEBHOOK_SECRET", SECRET).start().await;
    let body = format!("\u{feff}{{\"callData\": {{\"metaData\": {{\"id\": {}}}}}}}", "98765432109876543210");
    let signature = signature::plain(SECRET, body.as_bytes());
    app.post_to("/webhooks/gong/", &[("x-signature", &signature)], body).await.expect(202);
    app.get("/api/v1/admin/calls/98765432109876543210").await.expect(200);
}
