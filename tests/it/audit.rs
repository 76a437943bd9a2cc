//! Every admin change leaves one entry of the audit, in the transaction of the change, with no secret in it.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::support::{Answer, Operation, Rows, SHARED_CALL, TOKEN, Tenant, TestApp, Things, operations, request};

/// An entry as it should be: action, object, and whether it has a before and an after.
type Entry = (&'static str, String, bool, bool);

/// The entry that an operation leaves. One that is not known here fails the test: whoever adds a change audits it.
fn entry(operation: &Operation, things: &Things, answer: &Answer) -> Option<Entry> {
    let made = || answer.body["id"].as_str().unwrap_or_default().to_owned();
    let (action, object, before, after) = match operation.id.as_str() {
        _ if operation.method == "GET" => return None,
        "test_endpoint" | "raise_event" | "gong_callback" | "gong_callback_of_source" => return None, // no admin changes
        "create_endpoint" => ("endpoint.create", made(), false, true),
        "change_endpoint" => ("endpoint.change", things.endpoint.clone(), true, true),
        "toggle_endpoint" => ("endpoint.toggle", things.endpoint.clone(), true, true),
        "rotate_secret" => ("endpoint.rotate_secret", things.endpoint.clone(), false, true),
        "recover_endpoint" => ("endpoint.recover", things.endpoint.clone(), false, true),
        "delete_endpoint" => ("endpoint.delete", things.endpoint.clone(), true, false),
        "retry_delivery" => ("delivery.retry", things.delivery.clone(), false, false),
        "retry_run" => ("run.retry", things.run.clone(), false, false),
        "reprocess_call" => ("call.reprocess", things.call.clone(), false, true),
        "erase_call" => ("call.erase", things.call.clone(), false, false),
        "put_account" => ("account.put", things.account.clone(), true, true),
        "create_source" => ("source.create", made(), false, true),
        "delete_source" => ("source.delete", things.source.clone(), true, false),
        "create_token" => ("token.create", made(), false, true),
        "revoke_token" => ("token.revoke", things.token.clone(), true, false),
        "create_tenant" => ("tenant.create", made(), false, true),
        "change_tenant" => ("tenant.change", things.tenant.clone(), true, true),
        "delete_tenant" => ("tenant.delete", things.tenant.clone(), true, false),
        "run_job" => ("job.run", things.job.clone(), false, false),
        unknown => panic!("nobody told the tests what {unknown} leaves in the audit"),
    };
    Some((action, object, before, after))
}

/// The tenant of the service with one of everything, and another tenant that can be changed.
async fn everything() -> (TestApp, Tenant) {
    let app = TestApp::with("DELIVERY_RETRY_SCHEDULE", "1s").start().await;
    let mut tenant = Tenant::start(&app, "default").await;
    app.api("POST", "/api/v1/admin/tenants", Some(json!({"id": "leaving", "name": "L"}))).await.expect(201);
    "leaving".clone_into(&mut tenant.things.tenant);
    (app, tenant)
}

/// An entry as it stands.
#[derive(Debug, sqlx::FromRow)]
struct Written {
    at: chrono::DateTime<chrono::Utc>,
    actor: String,
    address: Option<String>,
    action: String,
    object: String,
    before: Option<Value>,
    after: Option<Value>,
}

async fn written(app: &TestApp) -> Vec<Written> {
    let sql = "SELECT at, actor, address, action, object, before, after FROM admin_audit ORDER BY id";
    sqlx::query_as(sql).fetch_all(&app.app.pool).await.unwrap()
}

async fn expect_nothing_in_the_audit(app: &TestApp, secrets: &[&str]) {
    let audit = Rows(Rows::all(app).await.0.into_iter().filter(|row| row.starts_with("admin_audit ")).collect());
    assert!(!audit.0.is_empty());
    for secret in secrets {
        audit.expect_nothing_of(secret);
    }
}

#[tokio::test]
async fn every_change_leaves_one_entry_that_says_who_did_what_to_what() {
    let (app, tenant) = everything().await;
    let mut secrets = Vec::new();
    for operation in operations() {
        let known = written(&app).await.len();
        let (path, body) = tenant.things.request(&operation);
        let by_root = operation.manages_tenants();
        let token = if by_root { TOKEN } else { &tenant.admin };
        let mut request = request(token, &operation.method, &path, body.as_ref());
        request.extensions_mut().insert("198.51.100.7:443".parse::<SocketAddr>().unwrap());
        let answer = app.send(request).await;
        let what = format!("{} {path}: {}", operation.method, answer.text);
        let mut entries = written(&app).await.split_off(known);
        let Some((action, object, before, after)) = entry(&operation, &tenant.things, &answer) else {
            assert!(entries.is_empty(), "{what}: {entries:?}");
            continue;
        };
        assert!(answer.status.is_success() && entries.len() == 1, "{what}: {entries:?}");
        let entry = entries.remove(0);
        assert_eq!((entry.action.as_str(), &entry.object), (action, &object), "{what}");
        assert_eq!((entry.before.is_some(), entry.after.is_some()), (before, after), "{entry:?}");
        assert_eq!((entry.at, entry.address.as_deref()), (app.clock.now(), Some("198.51.100.7")));
        let named = entry.actor.starts_with("tok_") && entry.actor.ends_with(" (defaultword admin)");
        assert!(if by_root { entry.actor == "ADMIN_TOKEN" } else { named }, "{entry:?}");
        secrets.extend(["secret", "token", "webhook_url"].map(|name| answer.body[name].as_str().map(str::to_owned)));
    }
    let secrets: Vec<String> = secrets.into_iter().flatten().collect();
    assert_eq!(secrets.len(), 4, "{secrets:?}");
    let mut secrets: Vec<&str> = secrets.iter().map(|secret| secret.rsplit("key=").next().unwrap()).collect();
    secrets.extend([TOKEN, &tenant.admin, &tenant.viewer, &tenant.url_key]);
    secrets.extend([
        "hmac-of-defaultword",
        "B0/credential",
        "header-value",
        "cs@put.example",
        "cs@defaultword.example",
    ]);
    expect_nothing_in_the_audit(&app, &secrets).await;
}

#[tokio::test]
async fn what_is_refused_leaves_none() {
    let (app, tenant) = everything().await;
    let before = written(&app).await.len();
    let (own, nobody) = (&tenant.things, Things::of_nobody());
    let mut refused: Vec<(&str, String, String, Option<Value>, u16)> = Vec::new();
    for operation in operations().into_iter().filter(|operation| !operation.path.starts_with("/webhooks/")) {
        let method = || operation.method.clone();
        let (path, body) = own.request(&operation);
        if operation.method != "GET" {
            refused.push((&tenant.viewer, method(), path.clone(), body, 403));
        }
        if operation.has_body() {
            refused.push((TOKEN, method(), path, Some(json!({"colour": "red"})), 422));
        }
        if !operation.parameters("path").is_empty() && operation.id != "put_account" {
            let (path, body) = nobody.request(&operation);
            refused.push((TOKEN, method(), path, body, 404));
        }
    }
    let admin = |path: &str| format!("/api/v1/admin/{path}");
    let email = json!({"kind": "email", "target": "team@brindlemoor.example", "enabled": false});
    let email = app.add_endpoint(email).await["id"].as_str().unwrap().to_owned();
    let log = app.get("/api/v1/admin/notify/logs?status=filtered").await.body;
    let filtered = log["items"][0]["id"].as_str().unwrap();
    let since = json!({"since": "2031-01-01T00:00:00Z"});
    let run = app.get(&admin(&format!("calls/{SHARED_CALL}"))).await.body["run_id"].as_str().unwrap().to_owned();
    for (method, path, body) in [
        ("POST", admin("tenants"), Some(json!({"id": "leaving", "name": "Taken"}))),
        ("DELETE", admin("tenants/default"), None),
        ("DELETE", admin("sources/src_00000000000000000000000000000000"), None),
        ("POST", admin(&format!("notify/logs/{filtered}/retry")), None),
        ("POST", admin(&format!("runs/{run}/retry")), None),
        ("POST", admin(&format!("notify/endpoints/{email}/rotate-secret")), None),
        ("POST", admin(&format!("notify/endpoints/{email}/recover")), Some(since.clone())),
    ] {
        refused.push((TOKEN, method.to_owned(), path, body, 409));
    }
    for (token, method, path, body, status) in refused {
        let answer = app.send(request(token, &method, &path, body.as_ref())).await;
        assert_eq!(answer.status.as_u16(), status, "{method} {path}: {}", answer.text);
    }
    let only_counted = json!({"since": since["since"], "dry_run": true});
    let recover = admin(&format!("notify/endpoints/{}/recover", own.endpoint));
    app.api("POST", &recover, Some(only_counted)).await.expect(202);
    assert_eq!(written(&app).await.len(), before + 1, "of the endpoint that the test made: {:?}", written(&app).await);
}

#[tokio::test]
async fn a_change_whose_entry_cannot_be_written_is_not_made() {
    let (app, tenant) = everything().await;
    for sql in [
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no entry today'; END $$",
        "CREATE TRIGGER refuse BEFORE INSERT ON admin_audit FOR EACH ROW EXECUTE FUNCTION refuse()",
    ] {
        sqlx::query(sql).execute(&app.app.pool).await.unwrap();
    }
    let before = Rows::all(&app).await;
    for operation in operations() {
        let not_audited = ["test_endpoint", "raise_event"].contains(&operation.id.as_str());
        if operation.method == "GET" || operation.path.starts_with("/webhooks/") || not_audited {
            continue;
        }
        let (path, body) = tenant.things.request(&operation);
        let answer = app.api(&operation.method, &path, body).await;
        assert_eq!(answer.status, 500, "{} {path}: {}", operation.method, answer.text);
        Rows::all(&app).await.expect(&before, &format!("{} {path}", operation.method));
    }
}

#[tokio::test]
async fn no_secret_no_slack_path_and_no_address_stands_in_an_entry() {
    let app = TestApp::start().await;
    let slack = |path: &str| format!("https://hooks.slack.com/services/T0AAA/B0BBB/{path}");
    for (target, changed, kind) in [
        (slack("first-path"), slack("second-path"), "slack"),
        ("Team <first@brindlemoor.example>".to_owned(), "second@brindlemoor.example".to_owned(), "email"),
        (
            "https://crm.example.com/first-hook?key=in-query".to_owned(),
            "https://crm.example.com/other".to_owned(),
            "webhook",
        ),
    ] {
        let endpoint = app.add_endpoint(json!({"kind": kind, "target": target})).await;
        app.change_endpoint(&endpoint, json!({"target": changed})).await;
        let path = format!("/api/v1/admin/notify/endpoints/{}", endpoint["id"].as_str().unwrap());
        if kind == "webhook" {
            app.change_endpoint(&endpoint, json!({"headers": {"Authorization": "Bearer crm-credential"}})).await;
            let rotated = app.api("POST", &format!("{path}/rotate-secret"), None).await.expect(200).body;
            let secrets = [&endpoint["secret"], &rotated["secret"]].map(|secret| secret.as_str().unwrap());
            expect_nothing_in_the_audit(&app, &secrets).await;
        }
        app.api("DELETE", &path, None).await.expect(204);
    }
    let source =
        json!({"kind": "gong", "name": "Gong", "url_key": "a-chosen-url-key", "secret": "a-chosen-hmac-secret"});
    app.api("POST", "/api/v1/admin/sources", Some(source)).await.expect(201);
    for who in ["first", "second"] {
        let body = json!({"name": "Halden", "cs_email": format!("{who}@ours.example"), "am_email": "am@ours.example"});
        app.api("PUT", "/api/v1/admin/accounts/HF-1", Some(body)).await.expect(200);
    }
    let secrets = [
        "T0AAA",
        "B0BBB",
        "first-path",
        "second-path",
        "first-hook",
        "in-query",
        "crm.example.com/other",
        "first@",
        "second@",
        "am@",
        "crm-credential",
        "a-chosen-url-key",
        "a-chosen-hmac-secret",
    ];
    expect_nothing_in_the_audit(&app, &secrets).await;
}

#[tokio::test]
async fn a_token_that_was_made_for_a_tenant_stands_in_the_audit_of_that_tenant() {
    let app = TestApp::start().await;
    app.api("POST", "/api/v1/admin/tenants", Some(json!({"id": "emea", "name": "EMEA"}))).await.expect(201);
    let body = json!({"name": "First", "role": "admin", "tenant": "emea"});
    let made = app.api("POST", "/api/v1/admin/tokens", Some(body)).await.expect(201).body;
    let theirs = request(made["token"].as_str().unwrap(), "GET", "/api/v1/admin/audit", None);
    let theirs = app.send(theirs).await.expect(200).body;
    assert_eq!((&theirs["items"][0]["object"], &theirs["items"][0]["actor"]), (&made["id"], &json!("ADMIN_TOKEN")));
    let ours = app.get("/api/v1/admin/audit").await.expect(200);
    assert!(!ours.text.contains(made["id"].as_str().unwrap()), "{}", ours.text);
}
