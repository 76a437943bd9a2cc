//! Nothing of one tenant is visible to another, nor can be changed by it: tried with every operation of the document.

use serde_json::{Value, json};

use crate::support::{
    Answer, Operation, Rows, SHARED_ACCOUNT, SHARED_CALL, TOKEN, Tenant, TestApp, Things, callback, operations, request,
};

/// An app with two tenants that have one of everything each.
async fn two_tenants() -> (TestApp, Tenant, Tenant) {
    let app = TestApp::with("DELIVERY_RETRY_SCHEDULE", "1s").start().await;
    let alpha = Tenant::start(&app, "alpha").await;
    let beta = Tenant::start(&app, "beta").await;
    (app, alpha, beta)
}

async fn ask(app: &TestApp, token: &str, method: &str, path: &str, body: Option<&Value>) -> Answer {
    app.send(request(token, method, path, body)).await
}

/// What would show that an answer tells of a tenant: its word, the ids of its rows, its calls.
struct Traces(Vec<String>);

impl Traces {
    async fn of(app: &TestApp, tenant: &Tenant) -> Self {
        let mut traces = Rows::of(app, tenant.id).await.ids();
        assert!(traces.len() > 30, "a tenant with one of everything has many rows");
        traces.extend([tenant.word.clone(), tenant.things.call.clone()]);
        Self(traces)
    }

    fn found_in(&self, path: &str, answer: &Answer) -> Vec<&String> {
        let text = answer.text.replace(path, "[path]");
        self.0.iter().filter(|trace| text.contains(*trace)).collect()
    }

    #[track_caller]
    fn expect_none(&self, path: &str, answer: &Answer) {
        assert_eq!(self.found_in(path, answer), Vec::<&String>::new(), "{path} tells of another: {}", answer.text);
    }
}

/// What an operation answers that is asked for something of another tenant.
fn refusal(operation: &Operation, is_root: bool) -> Option<u16> {
    let named = operation.parameters("path");
    match operation.id.as_str() {
        _ if named.is_empty() => None,
        "put_account" => Some(200), // makes an account of the caller's own
        "gong_callback_of_source" => Some(401),
        "run_job" | "change_tenant" | "delete_tenant" => (!is_root).then_some(403),
        _ => Some(404),
    }
}

#[tokio::test]
async fn with_the_ids_of_another_tenant_nothing_is_seen_and_nothing_changes() {
    let (app, alpha, beta) = two_tenants().await;
    for (token, owner) in [(&alpha.admin, &beta), (&beta.admin, &alpha), (&TOKEN.to_owned(), &beta)] {
        let is_root = token == TOKEN;
        // Now, or the sweeper that one of them runs does, for all.
        aftercall::db::tallies::compact(&app.app.pool).await.expect("tallies are added up");
        let (before, got) = (Rows::of(&app, owner.id).await, owner.receiver.count());
        let traces = Traces::of(&app, owner).await;
        for operation in operations() {
            if is_root && operation.manages_tenants() {
                continue;
            }
            let (path, body) = owner.things.request(&operation);
            let answer = ask(&app, token, &operation.method, &path, body.as_ref()).await;
            let what = format!("{} {path}", operation.method);
            assert!(!answer.status.is_server_error(), "{what}: {}", answer.text);
            if let Some(status) = refusal(&operation, is_root) {
                assert_eq!(answer.status.as_u16(), status, "{what}: {}", answer.text);
            }
            traces.expect_none(&path, &answer);
            Rows::of(&app, owner.id).await.expect(&before, &what);
        }
        app.run_due().await;
        Rows::of(&app, owner.id).await.expect(&before, "the work that followed");
        assert_eq!(owner.receiver.count(), got, "nothing reached {}", owner.id);
    }
}

#[tokio::test]
async fn its_own_admin_gets_at_all_of_it() {
    let (app, _, beta) = two_tenants().await;
    for operation in operations() {
        let of_own = refusal(&operation, false) == Some(404);
        if of_own {
            let (path, body) = beta.things.request(&operation);
            let answer = ask(&app, &beta.admin, &operation.method, &path, body.as_ref()).await;
            assert!(answer.status.is_success(), "{} {path}: {}", operation.method, answer.text);
        }
    }
}

/// Values of a query parameter that ask for what the owner has. A parameter that is not known here fails the test.
fn values(name: &str, owner: &Things, cursor: Option<&str>) -> Vec<String> {
    let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
    match name {
        "limit" => texts(&["1", "200"]),
        "cursor" => cursor.map(str::to_owned).into_iter().collect(),
        "status" => texts(&["sent", "failed", "filtered"]),
        "state" => texts(&["done", "failed"]),
        "event" => texts(&["call.*", "custom.betaword"]),
        "endpoint_id" => texts(&[&owner.endpoint]),
        "since" => texts(&["2031-01-01T00:00:00Z"]),
        "until" => texts(&["2032-01-01T00:00:00Z"]),
        "action" => texts(&["endpoint.create"]),
        "hours" => texts(&["1", "720"]),
        "object" => texts(&[&owner.endpoint, &owner.source, &owner.account]),
        unknown => panic!("nobody told the tests what {unknown} asks for"),
    }
}

#[tokio::test]
async fn lists_hold_nothing_of_another_tenant_whatever_they_are_asked_for() {
    let (app, alpha, beta) = two_tenants().await;
    let (own, foreign) = (Traces::of(&app, &alpha).await, Traces::of(&app, &beta).await);
    let lists = operations().into_iter().filter(|list| list.method == "GET" && list.parameters("path").is_empty());
    for list in lists {
        let path = &list.path;
        let first = ask(&app, &alpha.admin, "GET", path, None).await;
        foreign.expect_none(path, &first);
        if ["list_tenants", "check_config"].contains(&list.id.as_str()) {
            first.expect(403); // what concerns all tenants is the business of the service's own
            continue;
        }
        let parameters = list.parameters("query");
        let first = first.expect(200);
        let holds_rows = parameters.contains(&"limit");
        assert_eq!(own.found_in(path, &first).is_empty(), !holds_rows, "{path} holds what is the caller's");
        let page = ask(&app, &beta.admin, "GET", &format!("{path}?limit=1"), None).await.expect(200).body;
        let cursor = page["next_cursor"].as_str();
        assert_eq!(cursor.is_some(), parameters.contains(&"cursor"), "{path} has a second page");
        for (name, value) in parameters
            .iter()
            .flat_map(|name| values(name, &beta.things, cursor).into_iter().map(move |value| (name, value)))
        {
            let asked = format!("{path}?{name}={value}");
            let answer = ask(&app, &alpha.admin, "GET", &asked, None).await.expect(200);
            foreign.expect_none(&asked, &answer);
        }
    }
}

#[tokio::test]
async fn ids_that_are_none_are_not_there() {
    let app = TestApp::start().await;
    let long = "9".repeat(300);
    for operation in operations() {
        let Some(name) = operation.parameters("path").first().map(|name| format!("{{{name}}}")) else { continue };
        let nobody = Things::of_nobody();
        let (_, body) = nobody.request(&operation);
        let another_kind = if operation.path.contains("/runs/") { &nobody.endpoint } else { &nobody.run };
        let shouted = nobody.request(&operation).0.rsplit('/').next().unwrap_or_default().to_uppercase();
        for id in ["nonsense", "ep_", "%00", "ep_%F0%9F%98%80", "..", "'%20OR%20true--", another_kind, &shouted, &long]
        {
            if operation.id == "put_account" {
                continue; // any text can be the number of an account
            }
            let path = operation.path.replace(&name, id);
            let answer = ask(&app, TOKEN, &operation.method, &path, body.as_ref()).await;
            assert_eq!(answer.status, 404, "{} {path}: {}", operation.method, answer.text);
        }
    }
}

#[tokio::test]
async fn the_same_call_and_the_same_account_in_two_tenants_are_two() {
    let (app, alpha, beta) = two_tenants().await;
    let before = Rows::of(&app, "beta").await;
    let (call, account) =
        (format!("/api/v1/admin/calls/{SHARED_CALL}"), format!("/api/v1/admin/accounts/{SHARED_ACCOUNT}"));
    let read = ask(&app, &alpha.admin, "GET", &call, None).await.expect(200).body;
    assert_eq!(read["account"]["name"], alpha.word);
    ask(&app, &alpha.admin, "POST", &format!("{call}/reprocess"), None).await.expect(202);
    app.run_due().await;
    ask(&app, &alpha.admin, "DELETE", &call, None).await.expect(204);
    let told = ask(&app, &alpha.admin, "PUT", &account, Some(&json!({"name": "Mine"}))).await.expect(200).body;
    assert_eq!((&told["name"], &told["domains"]), (&json!("Mine"), &json!([])));
    Rows::of(&app, "beta").await.expect(&before, "what alpha did with its own");
    let read = ask(&app, &beta.viewer, "GET", &call, None).await.expect(200).body;
    assert_eq!(read["account"]["name"], beta.word);
}

#[tokio::test]
async fn an_event_reaches_endpoints_of_its_own_tenant_only() {
    let (app, alpha, beta) = two_tenants().await;
    let (before, to_alpha, to_beta) = (Rows::of(&app, "beta").await, alpha.receiver.count(), beta.receiver.count());
    let event = json!({"type": "custom.told", "data": {"size": 1}, "id": "told-once"});
    let raised = ask(&app, &alpha.producer, "POST", "/api/v1/events", Some(&event)).await.expect(202).body;
    assert_eq!(raised["endpoints"], 2);
    app.run_due().await;
    assert_eq!((alpha.receiver.count(), beta.receiver.count()), (to_alpha + 1, to_beta));
    Rows::of(&app, "beta").await.expect(&before, "an event of alpha");
    let raised = ask(&app, &beta.producer, "POST", "/api/v1/events", Some(&event)).await.expect(202).body;
    assert_eq!(raised["duplicate"], false, "an id belongs to the tenant that gave it");
}

#[tokio::test]
async fn a_callback_makes_a_run_of_the_connection_s_tenant_only() {
    let (app, alpha, beta) = two_tenants().await;
    let call = "3140000000000000555";
    let others = [Rows::of(&app, "alpha").await, Rows::of(&app, "default").await];
    beta.call_in(&app, call).await.expect(202);
    app.run_due().await;
    for (before, tenant) in others.iter().zip(["alpha", "default"]) {
        Rows::of(&app, tenant).await.expect(before, "a callback to beta");
    }
    let path = format!("/api/v1/admin/calls/{call}");
    ask(&app, &alpha.admin, "GET", &path, None).await.expect(404);
    ask(&app, TOKEN, "GET", &path, None).await.expect(404);
    ask(&app, &beta.admin, "GET", &path, None).await.expect(200);

    let before = Rows::of(&app, "beta").await;
    let with_another_key = format!("/webhooks/gong/{}?key={}", beta.things.source, alpha.url_key);
    app.post_to(&with_another_key, &[], callback(call).to_string()).await.expect(401);
    app.post_signed(&callback(call)).await.expect(202); // the same call, by the connection of the environment
    app.run_due().await;
    Rows::of(&app, "beta").await.expect(&before, "what came in by other connections");
}

#[tokio::test]
async fn a_key_of_one_tenant_replays_nothing_to_another() {
    let (app, alpha, beta) = two_tenants().await;
    let mut ids = Vec::new();
    for token in [&beta.admin, &alpha.admin] {
        let body = json!({"kind": "webhook", "target": "https://hooks.example.com/x"});
        let mut request = request(token, "POST", "/api/v1/admin/notify/endpoints", Some(&body));
        request.headers_mut().insert("idempotency-key", "the-same".parse().unwrap());
        let answer = app.send(request).await.expect(201);
        assert!(!answer.headers.contains_key("idempotent-replayed"));
        ids.push(answer.body["id"].clone());
    }
    assert_ne!(ids[0], ids[1]);
}
