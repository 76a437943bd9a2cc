//! Who gets in where: every operation of the document for every sort of caller, and how tokens are kept.

use std::{net::SocketAddr, time::Duration};

use axum::body::Body;
use chrono::TimeDelta;
use http::Request;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::{Answer, Operation, Rows, TOKEN, TestApp, Things, operations, request};

const TOKENS: &str = "/api/v1/admin/tokens";
const RUNS: &str = "/api/v1/admin/runs";

/// Whom an operation lets in.
#[derive(Clone, Copy)]
enum Door {
    /// Admins and viewers.
    Readers,
    /// Admins of their tenants.
    Admins,
    /// Admins and producers.
    Raisers,
    /// Admins of the service's own tenant.
    Operators,
    /// `ADMIN_TOKEN`.
    Root,
    /// Who proves that it is Gong; no token does.
    Senders,
}

/// An operation that is not known here fails the test: whoever adds one says whom it lets in.
fn door(operation: &Operation) -> Door {
    match operation.id.as_str() {
        "list_accounts" | "list_audit" | "list_calls" | "list_endpoints" | "list_event_types" | "list_log"
        | "list_runs" | "list_sources" | "read_call" | "read_endpoint" | "read_log" | "read_run" | "read_stats" => {
            Door::Readers
        }
        "list_tokens" | "put_account" | "erase_call" | "reprocess_call" | "create_endpoint" | "delete_endpoint"
        | "change_endpoint" | "recover_endpoint" | "rotate_secret" | "toggle_endpoint" | "retry_delivery"
        | "test_endpoint" | "retry_run" | "create_source" | "delete_source" | "create_token" | "revoke_token" => {
            Door::Admins
        }
        "raise_event" => Door::Raisers,
        "check_config" | "run_job" => Door::Operators,
        "list_tenants" | "create_tenant" | "change_tenant" | "delete_tenant" => Door::Root,
        "gong_callback" | "gong_callback_of_source" => Door::Senders,
        unknown => panic!("nobody told the tests whom {unknown} lets in"),
    }
}

#[derive(Debug, Clone, Copy)]
enum Caller {
    Stranger,
    Viewer,
    Producer,
    AdminOfAnother,
    AdminOfDefault,
    Root,
}

/// How a caller is turned away, if it is.
fn refusal(caller: Caller, door: Door) -> Option<u16> {
    match (caller, door) {
        (Caller::Stranger, _) | (_, Door::Senders) => Some(401),
        (Caller::Root, _)
        | (Caller::Viewer, Door::Readers)
        | (Caller::Producer, Door::Raisers)
        | (Caller::AdminOfAnother | Caller::AdminOfDefault, Door::Readers | Door::Admins | Door::Raisers)
        | (Caller::AdminOfDefault, Door::Operators) => None,
        _ => Some(403),
    }
}

async fn make_token(app: &TestApp, body: Value) -> Value {
    app.api("POST", TOKENS, Some(body)).await.expect(201).body
}

/// A token for every sort of caller, and some that are none.
async fn callers(app: &TestApp) -> Vec<(Caller, Option<String>)> {
    app.api("POST", "/api/v1/admin/tenants", Some(json!({"id": "emea", "name": "EMEA"}))).await.expect(201);
    let soon = app.clock.now() + TimeDelta::hours(1);
    let wanted = [
        (Caller::Viewer, json!({"name": "a", "role": "viewer"})),
        (Caller::Producer, json!({"name": "b", "role": "producer"})),
        (Caller::AdminOfAnother, json!({"name": "c", "role": "admin", "tenant": "emea"})),
        (Caller::AdminOfDefault, json!({"name": "d", "role": "admin", "expires_at": soon + TimeDelta::hours(9)})),
        (Caller::Stranger, json!({"name": "expired", "role": "admin", "expires_at": soon})),
        (Caller::Stranger, json!({"name": "revoked", "role": "admin"})),
    ];
    let mut callers = vec![
        (Caller::Root, Some(TOKEN.to_owned())),
        (Caller::Stranger, Some("not-a-token-of-anybody".to_owned())),
        (Caller::Stranger, None),
    ];
    for (caller, body) in wanted {
        let made = make_token(app, body).await;
        if made["name"] == "revoked" {
            app.api("DELETE", &format!("{TOKENS}/{}", made["id"].as_str().unwrap()), None).await.expect(204);
        }
        callers.push((caller, made["token"].as_str().map(str::to_owned)));
    }
    app.clock.advance(Duration::from_hours(2));
    callers
}

/// Asks from an address, maybe through a proxy that says for whom.
async fn ask_from(app: &TestApp, peer: &str, forwarded: Option<&str>, mut request: Request<Body>) -> Answer {
    request.extensions_mut().insert(peer.parse::<SocketAddr>().unwrap());
    if let Some(forwarded) = forwarded {
        request.headers_mut().insert("x-forwarded-for", forwarded.parse().unwrap());
    }
    app.send(request).await
}

#[tokio::test]
async fn every_operation_lets_in_whom_it_should_before_it_reads_the_body() {
    let app = TestApp::start().await;
    let callers = callers(&app).await;
    let things = Things { source: "src_00000000000000000000000000000000".to_owned(), ..Things::of_nobody() };
    for (index, operation) in operations().iter().enumerate() {
        let peer = format!("198.51.100.{index}:1"); // an address each: wrong tokens are counted by it
        let (path, body) = things.request(operation);
        for (caller, token) in &callers {
            let ask = async |body: Body| {
                let mut request = request("", &operation.method, &path, None);
                request.headers_mut().remove("authorization");
                if let Some(token) = token {
                    request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
                }
                *request.body_mut() = body;
                ask_from(&app, &peer, None, request).await
            };
            let refusal = refusal(*caller, door(operation));
            let what = format!("{caller:?} {:?}: {} {path}", token.is_some(), operation.method);
            if operation.has_body() {
                let broken = ask(Body::from("{broken")).await;
                assert_eq!(broken.status, refusal.unwrap_or(400), "{what}: {}", broken.text);
            }
            let answer = ask(body.as_ref().map_or_else(Body::empty, |body| Body::from(body.to_string()))).await;
            match refusal {
                Some(status) => assert_eq!(answer.status, status, "{what}: {}", answer.text),
                None => assert!(![401, 403, 500].contains(&answer.status.as_u16()), "{what}: {}", answer.text),
            }
        }
    }
}

#[tokio::test]
async fn a_token_is_shown_once_and_kept_only_as_a_hash() {
    let app = TestApp::start().await;
    let mut create = request(TOKEN, "POST", TOKENS, Some(&json!({"name": "CRM", "role": "admin"})));
    create.headers_mut().insert("idempotency-key", "k".parse().unwrap());
    let token = app.send(create).await.expect(201).body["token"].as_str().unwrap().to_owned();
    app.send(request(&token, "GET", RUNS, None)).await.expect(200);
    for list in [TOKENS, "/api/v1/admin/audit"] {
        let list = app.get(list).await.expect(200);
        assert!(list.text.contains("CRM") && !list.text.contains(&token), "{}", list.text);
    }
    let rows = Rows::all(&app).await;
    rows.expect_nothing_of(&token);
    let hash = hex::encode(Sha256::digest(&token));
    assert_eq!(rows.0.iter().filter(|row| row.contains(&hash)).count(), 1, "the hash stands in one row");
}

#[tokio::test]
async fn the_last_use_of_a_token_is_noted_once_a_minute() {
    let app = TestApp::start().await;
    let token = make_token(&app, json!({"name": "CRM", "role": "viewer"})).await;
    let last_use = async || app.get(TOKENS).await.expect(200).body["items"][0]["last_used_at"].clone();
    assert_eq!(last_use().await, Value::Null);
    let steps = [(0, "2031-05-06T10:00:00Z"), (59, "2031-05-06T10:00:00Z"), (2, "2031-05-06T10:01:01Z")];
    for (seconds, noted) in steps {
        app.clock.advance(Duration::from_secs(seconds));
        app.send(request(token["token"].as_str().unwrap(), "GET", RUNS, None)).await.expect(200);
        assert_eq!(last_use().await, noted, "after {seconds} s more");
    }
}

#[tokio::test]
async fn too_many_wrong_tokens_are_refused_by_address_and_a_good_one_still_gets_in() {
    let app = TestApp::with("TRUSTED_PROXIES", "10.0.0.0/8").start().await;
    let knock = async |peer: &str, client: &str, token: &str| {
        ask_from(&app, peer, Some(client), request(token, "GET", RUNS, None)).await
    };
    let proxy = "10.0.0.1:4711";
    let mut tried = 0;
    let refused = loop {
        let answer = knock(proxy, "2001:db8::7", "a-wrong-token").await;
        if answer.status != 401 {
            break answer.expect(429);
        }
        tried += 1;
        assert!(tried < 300, "so many are refused");
    };
    assert!(tried >= 60, "{tried} are taken in a minute");
    let seconds: u64 = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&seconds));
    assert_eq!(refused.body["type"], "urn:aftercall:problem:too-many");

    knock(proxy, "2001:db8::7", TOKEN).await.expect(200);
    knock(proxy, "2001:db8:0:1::7", "a-wrong-token").await.expect(401); // another customer's network
    knock("203.0.113.9:1", "2001:db8::7", "a-wrong-token").await.expect(401); // no proxy of ours: the header says nothing
    let neighbours = [knock(proxy, "2001:db8::8", "x").await, knock(proxy, "2001:db8::9", "x").await];
    assert!(neighbours.iter().any(|answer| answer.status == 429), "one network is one customer");
}
