//! What an administrator keeps beside endpoints: sources, accounts, tenants, tokens; and what can be asked for: events of
//! other programs, runs again, jobs, figures.

use http::Request;
use serde_json::{Value, json};

use crate::support::{Answer, Receiver, Signing, TestApp, URL_KEY, callback, transcript};

async fn as_token(app: &TestApp, token: &Value, method: &str, path: &str, body: Option<Value>) -> Answer {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("authorization", format!("Bearer {}", token.as_str().unwrap()))
        .header("content-type", "application/json");
    let body = body.map_or_else(axum::body::Body::empty, |body| body.to_string().into());
    app.send(request.body(body).unwrap()).await
}

async fn token(app: &TestApp, role: &str, tenant: &str) -> Value {
    let body = json!({"name": role, "role": role, "tenant": tenant});
    app.api("POST", "/api/v1/admin/tokens", Some(body)).await.expect(201).body["token"].clone()
}

/// The path and query of a URL.
fn local(url: &Value) -> String {
    url.as_str().unwrap().trim_start_matches("https://hooks.example.test").to_owned()
}

#[tokio::test]
async fn a_source_takes_callbacks_by_its_own_proofs_for_its_own_tenant() {
    let app = TestApp::start().await;
    app.api("POST", "/api/v1/admin/tenants", Some(json!({"id": "emea", "name": "EMEA"}))).await.expect(201);
    let emea = token(&app, "admin", "emea").await;
    let keys = json!({"kind": "gong", "name": "Gong EMEA", "public_keys": [app.gong.pem()]});
    let source = as_token(&app, &emea, "POST", "/api/v1/admin/sources", Some(keys)).await.expect(201).body;
    assert_eq!(source["proofs"], json!(["signed_token"]));
    let path = local(&source["webhook_url"]);
    assert_eq!(path, format!("/webhooks/gong/{}", source["id"].as_str().unwrap()));

    let body = callback("77").to_string();
    let exp = app.clock.now().timestamp() + 60;
    let url = source["webhook_url"].as_str().unwrap();
    let signed = app.gong.token(&Signing { url, body: body.as_bytes(), exp });
    let taken = app.post_to(&path, &[("authorization", &signed)], body.clone()).await.expect(202).body;
    app.post_to(&path, &[("authorization", &signed)], body.clone()).await.expect(200);
    app.post_to(&format!("{path}?key={URL_KEY}"), &[], body.clone()).await.expect(401);
    let run = taken["run_id"].as_str().unwrap();
    let read = format!("/api/v1/admin/runs/{run}");
    assert_eq!(as_token(&app, &emea, "GET", &read, None).await.expect(200).body["call_id"], "77");
    app.get(&read).await.expect(404);

    let delete = format!("/api/v1/admin/sources/{}", source["id"].as_str().unwrap());
    as_token(&app, &emea, "DELETE", &delete, None).await.expect(204);
    app.post_to(&path, &[("authorization", &signed)], body).await.expect(404);
    as_token(&app, &emea, "GET", &read, None).await.expect(200);
}

#[tokio::test]
async fn a_source_without_any_proof_gets_a_key_that_is_shown_once() {
    let app = TestApp::start().await;
    let body = json!({"kind": "gong", "name": "Second"});
    let source = app.api("POST", "/api/v1/admin/sources", Some(body)).await.expect(201).body;
    let path = local(&source["webhook_url"]);
    assert!(path.contains("?key=act_"), "{path}");
    app.post_to(path.split('?').next().unwrap(), &[], callback("1").to_string()).await.expect(401);
    app.post_to(&path, &[], callback("1").to_string()).await.expect(202);
    let listed = app.get("/api/v1/admin/sources").await.expect(200).body;
    assert!(!listed.to_string().contains("key="), "{listed}");
    assert_eq!(listed["items"].as_array().unwrap().len(), 2, "the environment's stands there too");
    let own = format!("/api/v1/admin/sources/src_{}", "0".repeat(32));
    app.api("DELETE", &own, None).await.expect(409);
    for (wrong, pointer) in [
        (json!({"kind": "gong", "name": "x", "public_keys": ["no key"]}), "/public_keys/0"),
        (json!({"kind": "gong", "name": "x", "secret": "short"}), "/secret"),
        (json!({"kind": "zoom", "name": "x"}), "/kind"),
    ] {
        let refused = app.api("POST", "/api/v1/admin/sources", Some(wrong)).await.expect(422).body;
        assert_eq!(refused["errors"][0]["pointer"], pointer);
    }
}

#[tokio::test]
async fn an_account_is_told_of_once_and_replaced_whole() {
    let app = TestApp::start().await;
    let path = "/api/v1/admin/accounts/HF%201%2F2";
    let account =
        json!({"name": "Halden", "domains": ["Halden.example", "halden.example"], "cs_email": "cs@ours.example"});
    let first = app.api("PUT", path, Some(account)).await.expect(200).body;
    assert_eq!((&first["number"], &first["domains"]), (&json!("HF 1/2"), &json!(["halden.example"])));
    let second = app.api("PUT", path, Some(json!({"name": "Halden Freight"}))).await.expect(200).body;
    assert_eq!((&second["cs_email"], &second["domains"]), (&Value::Null, &json!([])));
    assert_eq!(app.get("/api/v1/admin/accounts").await.body["items"], json!([second]));
    let wrong =
        json!({"name": "", "domains": ["nodot", "a b.example"], "cs_email": "nobody", "am_email": "a@b.example"});
    let refused = app.api("PUT", path, Some(wrong)).await.expect(422).body;
    let pointers: Vec<&str> =
        refused["errors"].as_array().unwrap().iter().filter_map(|error| error["pointer"].as_str()).collect();
    assert_eq!(pointers, ["/name", "/cs_email", "/domains/0", "/domains/1"]);
}

#[tokio::test]
async fn a_call_with_a_domain_of_an_account_is_a_call_with_that_account() {
    let app = TestApp::start().await;
    let domains = callback("1")["callData"]["parties"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|party| party["affiliation"] == "External")
        .filter_map(|party| Some(party["emailAddress"].as_str()?.split('@').nth(1)?.to_owned()))
        .collect::<Vec<_>>();
    let account = json!({"name": "As the administrator says", "domains": domains});
    app.api("PUT", "/api/v1/admin/accounts/A-1", Some(account)).await.expect(200);
    let mut told = callback("1");
    told["callData"]["context"] = json!([]);
    app.import_transcript("1").await;
    app.post_signed(&told).await.expect(202);
    app.run_due().await;
    let call = app.get("/api/v1/admin/calls/1").await.expect(200).body;
    assert_eq!(call["account"], json!({"name": "As the administrator says", "number": "A-1"}));
}

#[tokio::test]
async fn another_programs_event_goes_to_whom_it_concerns_once_per_id() {
    let app = TestApp::start().await;
    let (all, some) = (Receiver::start().await, Receiver::start().await);
    app.add_endpoint(json!({"kind": "webhook", "target": all.url()})).await;
    let filters = json!({"events": ["custom.*"], "intents": ["renewal"]});
    app.add_endpoint(json!({"kind": "webhook", "target": some.url(), "filters": filters})).await;
    let producer = token(&app, "producer", "default").await;
    let data =
        json!({"note": "Call Dana at +1 415 555 0134 or dana@halden.example", "amount": 12, "deal_id": "4155550134"});
    let event = json!({"type": "custom.deal_won", "subject": "deal-1", "data": data, "id": "crm-1"});
    let raised = as_token(&app, &producer, "POST", "/api/v1/events", Some(event.clone())).await.expect(202).body;
    assert_eq!((&raised["endpoints"], &raised["duplicate"]), (&json!(1), &json!(false)));
    let again = as_token(&app, &producer, "POST", "/api/v1/events", Some(event)).await.expect(200).body;
    assert_eq!(again, json!({"event_id": raised["event_id"], "endpoints": 1, "duplicate": true}));
    let renewal = json!({"type": "custom.deal_won", "intent": "renewal", "data": {}});
    app.raise(renewal).await;
    app.run_due().await;
    assert_eq!((all.count(), some.count()), (2, 1));
    let sent = all.received().into_iter().find(|one| one.body["id"] == raised["event_id"]).unwrap().body;
    let expected = json!({"note": "Call Dana at [phone] or [email]", "amount": 12, "deal_id": "4155550134"});
    assert_eq!(sent["data"], expected);
    let filtered = app.get("/api/v1/admin/notify/logs?event=custom.*&status=filtered").await.body;
    assert_eq!(filtered["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn an_event_that_cannot_be_is_refused_with_pointers() {
    let app = TestApp::start().await;
    for (event, pointer) in [
        (json!({"type": "call.unheard_of", "data": {}}), "/type"),
        (json!({"type": "custom", "data": {}}), "/type"),
        (json!({"type": "custom.x", "data": []}), "/data"),
        (json!({"type": "custom.x", "data": {}, "subject": "dana@halden.example"}), "/subject"),
        (json!({"type": "custom.x", "data": {}, "intent": ""}), "/intent"),
        (json!({"type": "custom.x", "data": {}, "id": "two words"}), "/id"),
        (json!({"type": "custom.x", "data": {}, "colour": 1}), "/colour"),
        (json!({"type": "custom.x"}), ""),
    ] {
        let refused = app.api("POST", "/api/v1/events", Some(event.clone())).await.expect(422).body;
        assert_eq!(refused["errors"][0]["pointer"], pointer, "{event}");
    }
    let refused = app.api("POST", "/api/v1/events", Some(json!({"type": "reservation.created", "data": {}}))).await;
    let refused = refused.expect(422).body;
    assert!(refused["errors"].as_array().unwrap().iter().all(|e| e["pointer"].as_str().unwrap().starts_with("/data")));
    let nul = json!({"type": "custom.x", "data": {"a\0b": "c\0d"}});
    app.raise(nul).await;
    assert_eq!(app.count("events").await, 1);
}

#[tokio::test]
async fn every_sample_of_the_catalogue_can_be_raised() {
    let app = TestApp::start().await;
    let receiver = Receiver::start().await;
    app.add_endpoint(json!({"kind": "webhook", "target": receiver.url()})).await;
    let items = app.get("/api/v1/admin/notify/events").await.expect(200).body["items"].clone();
    for item in items.as_array().unwrap() {
        app.raise(json!({"type": item["type"], "data": item["sample"]["data"]})).await;
    }
    app.run_due().await;
    let arrived = receiver.received();
    for item in items.as_array().unwrap() {
        let sent = arrived.iter().find(|one| one.body["type"] == item["type"]).expect("it arrives");
        assert_eq!(sent.body["data"], item["sample"]["data"]);
    }
}

#[tokio::test]
async fn a_call_is_run_again_from_the_start_and_told_of_again() {
    let app = TestApp::start().await;
    let receiver = Receiver::start().await;
    app.add_webhook(&receiver).await;
    let first = app.process("1").await;
    let again = app.api("POST", "/api/v1/admin/calls/1/reprocess", None).await.expect(202).body;
    assert_ne!(again["id"], first["run_id"]);
    app.api("POST", "/api/v1/admin/calls/1/reprocess", None).await.expect(409);
    app.run_due().await;
    assert_eq!(receiver.types(), ["call.summarised", "call.summarised"]);
    assert_eq!(app.get("/api/v1/admin/calls/1").await.body["run_id"], again["id"]);
    app.api("POST", "/api/v1/admin/calls/2/reprocess", None).await.expect(404);

    // One that was only imported has its first run now.
    app.import(&json!({"metaData": {"id": "3", "title": "Only imported"}})).await;
    app.import(&transcript("3")).await;
    app.api("POST", "/api/v1/admin/calls/3/reprocess", None).await.expect(202);
    app.run_due().await;
    assert_eq!(app.get("/api/v1/admin/calls/3").await.body["status"], "done");

    let mut private = callback("4");
    private["callData"]["metaData"]["isPrivate"] = json!(true);
    app.post_signed(&private).await.expect(202);
    app.api("POST", "/api/v1/admin/calls/4/reprocess", None).await.expect(409);
}

#[tokio::test]
async fn a_tenant_that_is_removed_is_closed_at_once() {
    let app = TestApp::start().await;
    let tenants = "/api/v1/admin/tenants";
    let emea = json!({"id": "emea", "name": "EMEA", "rate_limit_per_minute": 5});
    app.api("POST", tenants, Some(emea.clone())).await.expect(201);
    app.api("POST", tenants, Some(emea)).await.expect(409);
    let admin = token(&app, "admin", "emea").await;
    let receiver = Receiver::start().await;
    let endpoint = json!({"kind": "webhook", "target": receiver.url()});
    as_token(&app, &admin, "POST", "/api/v1/admin/notify/endpoints", Some(endpoint)).await.expect(201);
    let event = json!({"type": "custom.x", "data": {}});
    as_token(&app, &admin, "POST", "/api/v1/events", Some(event)).await.expect(202);
    app.api("DELETE", &format!("{tenants}/emea"), None).await.expect(204);
    as_token(&app, &admin, "GET", "/api/v1/admin/calls", None).await.expect(401);
    app.run_due().await;
    assert_eq!(receiver.count(), 0, "nothing of it goes out any more");
    app.api("DELETE", &format!("{tenants}/emea"), None).await.expect(404);
    app.api("DELETE", &format!("{tenants}/default"), None).await.expect(409);
    let ids = |page: &Value| -> Vec<Value> {
        page["items"].as_array().unwrap().iter().map(|tenant| tenant["id"].clone()).collect()
    };
    for id in ["aa", "zz"] {
        app.api("POST", tenants, Some(json!({"id": id, "name": id}))).await.expect(201);
    }
    let page = app.get(&format!("{tenants}?limit=2")).await.expect(200).body;
    assert_eq!((ids(&page), &page["next_cursor"]), (vec![json!("aa"), json!("default")], &json!("default")));
    let rest = app.get(&format!("{tenants}?limit=2&cursor=default")).await.expect(200).body;
    assert_eq!((ids(&rest), &rest["next_cursor"]), (vec![json!("zz")], &Value::Null));
}

#[tokio::test]
async fn pages_stay_as_they_are_while_rows_arrive() {
    let app = TestApp::start().await;
    let receiver = Receiver::start().await;
    app.add_endpoint(json!({"kind": "webhook", "target": receiver.url()})).await;
    for index in 0..7 {
        app.raise(json!({"type": "custom.x", "data": {"index": index}})).await;
    }
    let everything: Vec<Value> = app.log().await.into_iter().rev().map(|entry| entry["id"].clone()).collect();
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = app.get(&format!("/api/v1/admin/notify/logs?limit=3{cursor}")).await.expect(200).body;
        seen.extend(page["items"].as_array().unwrap().iter().map(|entry| entry["id"].clone()));
        app.raise(json!({"type": "custom.x", "data": {}})).await;
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen, everything);
}

#[tokio::test]
async fn figures_and_jobs_can_be_asked_for() {
    let app = TestApp::start().await;
    let receiver = Receiver::answering([200, 500]).await;
    app.add_webhook(&receiver).await;
    app.process("1").await;
    app.process("2").await;
    app.post_signed(&callback("3")).await.expect(202);
    let stats = app.get("/api/v1/admin/stats").await.expect(200).body;
    assert_eq!(stats["runs"], json!({"active": 1, "done": 2, "failed": 0, "skipped": 0, "success_rate": 1.0}));
    assert_eq!(stats["callback_to_sent"]["count"], 1);
    let count = |status: &str| {
        let of = |entry: &&Value| entry["status"] == status;
        stats["deliveries"].as_array().unwrap().iter().find(of).map_or(0, |entry| entry["count"].as_i64().unwrap())
    };
    assert_eq!((count("sent"), count("retrying")), (1, 1));
    assert_eq!(stats["endpoints"], json!({"ok": 0, "failing": 1, "open": 0, "disabled": 0}));
    assert_eq!(stats["queues"][0], json!({"queue": "stages", "depth": 1, "oldest_seconds": 0.0}));

    let swept = app.api("POST", "/api/v1/admin/jobs/sweep", None).await.expect(200).body;
    assert_eq!(swept, json!({"job": "sweep", "status": "done", "detail": "found 0"}));
    app.api("POST", "/api/v1/admin/jobs/retention", None).await.expect(200);
    app.api("POST", "/api/v1/admin/jobs/poll", None).await.expect(409);
    app.api("POST", "/api/v1/admin/jobs/nonsense", None).await.expect(404);
}
