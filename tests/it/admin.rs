//! The admin API: who may ask, what is refused and how, lists that stay stable, endpoints from creation to deletion.

use aftercall::domain::signature;
use axum::body::Body;
use http::Request;
use serde_json::{Value, json};

use crate::support::{Receiver, TOKEN, TestApp, callback};

const ENDPOINTS: &str = "/api/v1/admin/notify/endpoints";

#[tokio::test]
async fn nobody_gets_in_without_the_token() {
    let app = TestApp::start().await;
    for path in [ENDPOINTS, "/api/v1/admin/notify/logs", "/api/v1/admin/calls", "/api/v1/admin/runs"] {
        for header in [None, Some("Bearer wrong"), Some(TOKEN), Some("Basic YTpi")] {
            let mut request = Request::builder().uri(path);
            if let Some(header) = header {
                request = request.header("authorization", header);
            }
            let answer = app.send(request.body(Body::empty()).unwrap()).await.expect(401);
            assert_eq!(answer.headers["www-authenticate"], "Bearer");
            assert_eq!(answer.body["type"], "urn:aftercall:problem:unauthorized");
        }
    }
}

#[tokio::test]
async fn an_endpoint_is_created_read_toggled_and_removed_and_each_change_is_audited() {
    let app = TestApp::start().await;
    let receiver = Receiver::start().await;
    let created = app
        .add_endpoint(
            json!({"kind": "webhook", "name": "CRM", "target": receiver.url(), "headers": {"X-Team": "secret-team"},
            "filters": {"events": ["call.*"], "intents": ["renewal"]}}),
        )
        .await;
    assert!(created["secret"].as_str().unwrap().starts_with("whsec_"));
    let path = format!("{ENDPOINTS}/{}", created["id"].as_str().unwrap());
    let read = app.get(&path).await.expect(200).body;
    let mut shown = created.clone();
    shown.as_object_mut().unwrap().remove("secret");
    assert_eq!(read, shown, "the secret is shown once");
    assert!(!read.to_string().contains("secret-team"), "header values are not shown again");
    assert_eq!(app.api("POST", &format!("{path}/toggle"), None).await.expect(200).body["enabled"], false);
    let body = json!({"enabled": false});
    let disabled = app.api("POST", &format!("{path}/toggle"), Some(body)).await.expect(200).body;
    assert_eq!(disabled["health"]["disabled_reason"], "disabled_by_admin");
    assert_eq!(app.api("POST", &format!("{path}/toggle"), None).await.expect(200).body["enabled"], true);
    app.api("DELETE", &path, None).await.expect(204);
    app.get(&path).await.expect(404);
    app.api("DELETE", &path, None).await.expect(404);

    let audit: Vec<(String, Option<Value>)> =
        sqlx::query_as("SELECT action, after FROM admin_audit ORDER BY id").fetch_all(&app.app.pool).await.unwrap();
    let actions: Vec<&str> = audit.iter().map(|(action, _)| action.as_str()).collect();
    assert_eq!(
        actions,
        ["endpoint.create", "endpoint.toggle", "endpoint.toggle", "endpoint.toggle", "endpoint.delete"]
    );
    let text = format!("{audit:?}");
    assert!(!text.contains("whsec_") && !text.contains(&receiver.url()), "{text}");
}

#[tokio::test]
async fn secrets_and_targets_are_not_readable_in_the_database() {
    let app = TestApp::start().await;
    let secret = signature::generate_secret();
    app.add_endpoint(
        json!({"kind": "webhook", "target": "https://hooks.example.com/T0/B0/credential", "secret": secret}),
    )
    .await;
    let sealed: Vec<u8> = sqlx::query_scalar("SELECT sealed FROM endpoints").fetch_one(&app.app.pool).await.unwrap();
    let text = String::from_utf8_lossy(&sealed);
    assert!(!text.contains("credential") && !text.contains("whsec_"));
}

#[tokio::test]
async fn invalid_endpoints_are_refused_with_a_pointer_to_each_fault() {
    let app = TestApp::start().await;
    let cases = [
        (json!({"kind": "webhook", "target": "ftp://x.example"}), vec!["/target"]),
        (json!({"kind": "webhook", "target": "https://10.0.0.1/x"}), vec!["/target"]),
        (json!({"kind": "webhook", "target": "https://[::1]/x"}), vec!["/target"]),
        (json!({"kind": "webhook", "target": "https://0x7f.1:8443/x"}), vec![]), // 127.0.0.1, which tests allow
        (json!({"kind": "slack", "target": "https://user:pw@hooks.slack.com/x"}), vec!["/target"]),
        (json!({"kind": "email", "target": "nobody"}), vec!["/target"]),
        (json!({"kind": "email", "target": "a@b.example", "secret": "x"}), vec!["/secret"]),
        (
            json!({"kind": "webhook", "target": "https://x.example", "secret": "short", "name": "", "filters": {"events": ["*", "call.*", "Call"]},
            "headers": {"Host": "x", "X-Ok": "y", "Bad Name": "z"}}),
            vec!["/name", "/filters/events/0", "/filters/events/2", "/secret", "/headers/Bad Name", "/headers/Host"],
        ),
        (
            json!({"kind": "webhook", "target": "https://x.example", "ordered": true, "rate_limit_per_minute": 0}),
            vec!["/rate_limit_per_minute"],
        ),
        (
            json!({"kind": "webhook", "target": "https://x.example", "rate_limit_per_minute": 1.5}),
            vec!["/rate_limit_per_minute"],
        ),
        (json!({"kind": "webhook", "target": "https://x.example", "rate_limit_per_minute": 60.0}), vec![]),
        (json!({"kind": {"webhook": null}, "target": "https://x.example"}), vec!["/kind"]),
        (json!({"kind": "webhook", "target": "https://x.example", "filters": []}), vec!["/filters"]),
        (json!(["webhook", null, "https://x.example"]), vec![""]),
        (json!({"kind": "webhook", "target": "https://x.example", "headers": {"X-A": "\u{84}"}}), vec!["/headers/X-A"]),
        (json!({"kind": "webhook", "target": " https://x.example"}), vec!["/target"]),
        (json!({"kind": "webhook", "target": "https://x.example", "secret": "whsec_not!base64!!!!!"}), vec!["/secret"]),
        (json!({"kind": "webhook", "target": "https://x.example", "secret": "whsec_AAAAAAAAAAA="}), vec!["/secret"]),
        (
            json!({"kind": "webhook", "target": "https://x.example", "headers": {"X-A": "1", "x-a": "2"}}),
            vec!["/headers/X-A", "/headers/x-a"],
        ),
        (json!({"kind": "fax", "target": "x"}), vec!["/kind"]),
        (json!({"kind": "webhook", "target": 5}), vec!["/target"]),
        (json!({"kind": "webhook", "target": "https://x.example", "colour": "red"}), vec!["/colour"]),
        (json!({"kind": "webhook", "target": "https://x.example", "filters": {"event": []}}), vec!["/filters/event"]),
        (json!({"kind": "webhook"}), vec![""]),
    ];
    for (body, pointers) in cases {
        let answer = app.api("POST", ENDPOINTS, Some(body.clone())).await;
        if pointers.is_empty() {
            answer.expect(201);
            continue;
        }
        let answer = answer.expect(422);
        let mut found: Vec<&str> =
            answer.body["errors"].as_array().unwrap().iter().filter_map(|error| error["pointer"].as_str()).collect();
        let mut expected = pointers.clone();
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!(found, expected, "{body}: {}", answer.text);
    }
    let unreadable =
        Request::builder().method("POST").uri(ENDPOINTS).header("authorization", format!("Bearer {TOKEN}"));
    app.send(unreadable.body(Body::from("{nonsense")).unwrap()).await.expect(400);
}

#[tokio::test]
async fn ids_of_no_one_and_ids_that_are_none_are_not_there() {
    let app = TestApp::start().await;
    for id in [
        "ep_019a3c5e8f7b7c3e9d2a1b4c5d6e7f80",
        "nonsense",
        "dlv_019a3c5e8f7b7c3e9d2a1b4c5d6e7f80",
        "%00",
        "ep_%F0%9F%98%80",
    ] {
        app.get(&format!("{ENDPOINTS}/{id}")).await.expect(404);
        app.api("POST", &format!("{ENDPOINTS}/{id}/toggle"), None).await.expect(404);
        app.api("POST", &format!("/api/v1/admin/notify/test/{id}"), None).await.expect(404);
        app.get(&format!("/api/v1/admin/calls/{id}")).await.expect(404);
    }
    let answer = app.get("/nowhere").await.expect(404);
    assert_eq!((&answer.body["status"], &answer.body["instance"]), (&json!(404), &json!("/nowhere")));
}

#[tokio::test]
async fn a_test_is_sent_at_once_whatever_the_filters_and_stands_in_the_log() {
    let app = TestApp::start().await;
    let receiver = Receiver::answering([200, 500]).await;
    let endpoint = app
        .add_endpoint(json!({"kind": "webhook", "target": receiver.url(), "filters": {"events": ["call.failed"]}}))
        .await;
    let path = format!("/api/v1/admin/notify/test/{}", endpoint["id"].as_str().unwrap());
    let sent = app.api("POST", &path, None).await.expect(200).body;
    assert_eq!((&sent["status"], &sent["status_code"]), (&json!("sent"), &json!(200)));
    let failed = app.api("POST", &path, None).await.expect(200).body;
    assert_eq!((&failed["status"], &failed["status_code"]), (&json!("failed"), &json!(500)));
    assert_eq!(receiver.types(), ["test.ping", "test.ping"]);
    let log = app.get(&format!("/api/v1/admin/notify/logs/{}", failed["log_id"].as_str().unwrap())).await.body;
    assert_eq!((&log["status"], log["attempts"].as_array().unwrap().len()), (&json!("failed"), 1));
}

#[tokio::test]
async fn lists_are_paged_by_cursors_that_stay_stable_while_rows_arrive() {
    let app = TestApp::start().await;
    for id in 0..5 {
        app.post_signed(&callback(&id.to_string())).await.expect(202);
    }
    let page = async |path: &str| app.get(path).await.expect(200).body;
    let ids = |page: &Value| -> Vec<String> {
        page["items"].as_array().unwrap().iter().map(|run| run["call_id"].as_str().unwrap().to_owned()).collect()
    };
    let first = page("/api/v1/admin/runs?limit=2").await;
    assert_eq!(ids(&first), ["4", "3"]);
    app.post_signed(&callback("later")).await.expect(202);
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = page(&format!("/api/v1/admin/runs?limit=2&cursor={cursor}")).await;
    assert_eq!(ids(&second), ["2", "1"]);
    let cursor = second["next_cursor"].as_str().unwrap();
    let last = page(&format!("/api/v1/admin/runs?limit=2&cursor={cursor}")).await;
    assert_eq!((ids(&last), &last["next_cursor"]), (vec!["0".to_owned()], &Value::Null));
    for bad in ["limit=0", "limit=201", "limit=x", "cursor=x", "state=odd"] {
        let answer = app.get(&format!("/api/v1/admin/runs?{bad}")).await.expect(422);
        let name = bad.split_once('=').unwrap().0;
        assert_eq!(answer.body["errors"][0]["pointer"], format!("/{name}"));
    }
    for bad in ["status=odd", "endpoint_id=x", "since=yesterday"] {
        app.get(&format!("/api/v1/admin/notify/logs?{bad}")).await.expect(422);
    }
}

#[tokio::test]
async fn disabling_fails_what_waits_and_the_log_can_be_filtered() {
    let app = TestApp::start().await;
    let receiver = Receiver::answering([500]).await;
    let endpoint = app.add_webhook(&receiver).await;
    app.process("1").await;
    let id = endpoint["id"].as_str().unwrap();
    app.api("POST", &format!("{ENDPOINTS}/{id}/toggle"), Some(json!({"enabled": false}))).await.expect(200);
    let failed =
        app.get(&format!("/api/v1/admin/notify/logs?status=failed&event=call.summarised&endpoint_id={id}")).await;
    assert_eq!(failed.body["items"][0]["last_error"], "endpoint_disabled");
    assert_eq!(failed.body["items"].as_array().unwrap().len(), 1);
    let log_id = failed.body["items"][0]["id"].as_str().unwrap();
    app.api("POST", &format!("/api/v1/admin/notify/logs/{log_id}/retry"), None).await.expect(409);
}

#[tokio::test]
async fn health_and_metrics_tell_how_it_is() {
    let app = TestApp::start().await;
    let receiver = Receiver::start().await;
    app.add_webhook(&receiver).await;
    app.process("1").await;
    assert_eq!(app.get("/healthz").await.expect(200).text, "ok");
    let ready = app.get("/readyz").await.expect(200).body;
    assert_eq!((&ready["database"], &ready["migrations"]), (&json!("ok"), &json!("ok")));
    let metrics = app.get("/metrics").await.expect(200).text;
    for line in [
        "aftercall_callbacks_total{outcome=\"accepted\",source=\"default\"} 1",
        "aftercall_runs_total{outcome=\"done\"} 1",
        "aftercall_stage_seconds_count{stage=\"summarise\"} 1",
        "aftercall_deliveries_total{kind=\"webhook\",outcome=\"sent\"} 1",
        "aftercall_delivery_seconds_count{kind=\"webhook\"} 1",
        "aftercall_callback_to_sent_seconds_count 1",
        "aftercall_queue_depth{queue=\"deliveries\"} 0",
        "aftercall_queue_oldest_seconds{queue=\"stages\"} 0",
        "process_open_fds",
    ] {
        assert!(metrics.contains(line), "{line} is missing in:\n{metrics}");
    }
}
