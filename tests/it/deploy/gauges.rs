//! What a scrape tells of endpoints, the database and the disk.

use serde_json::json;

use crate::support::{Receiver, TestApp};

#[track_caller]
fn assert_says(text: &str, lines: &[&str]) {
    for line in lines {
        assert!(text.lines().any(|said| said == *line), "{line} is missing in:\n{text}");
    }
}

#[tokio::test]
async fn endpoints_are_counted_by_their_health_in_all_tenants() {
    let app = TestApp::start().await;
    let (good, bad) = (Receiver::start().await, Receiver::answering([500]).await);
    app.add_webhook(&good).await;
    app.add_webhook(&bad).await;
    let disabled = json!({"kind": "email", "target": "team@halden.example", "enabled": false});
    app.add_endpoint(disabled).await;
    app.process("1").await;
    sqlx::query("INSERT INTO tenants (id, name, created_at) VALUES ('emea', 'EMEA', now())")
        .execute(&app.app.pool)
        .await
        .unwrap();
    sqlx::query(
        "INSERT INTO endpoints (id, tenant_id, kind, name, sealed, has_secret, created_at, updated_at, open_until)
         VALUES (gen_random_uuid(), 'emea', 'webhook', 'theirs', '', false, now(), now(), 'infinity')",
    )
    .execute(&app.app.pool)
    .await
    .unwrap();
    let text = app.get("/metrics").await.expect(200).text;
    let states = [("ok", 1), ("failing", 1), ("open", 1), ("disabled", 1)];
    let lines = states.map(|(state, count)| format!("aftercall_endpoints{{state=\"{state}\"}} {count}"));
    assert_says(&text, &lines.each_ref().map(String::as_str));
    assert_says(&text, &["aftercall_database_up 1"]);
    let free = text.lines().find_map(|line| line.strip_prefix("aftercall_disk_free_bytes{what=\"data\"} ")).unwrap();
    assert!(free.parse::<u64>().unwrap() > 0, "{free}");
}

#[tokio::test]
async fn without_the_database_a_scrape_says_so_and_tells_the_rest() {
    let app = TestApp::start().await;
    app.post_callback(&[], "{}").await.expect(401);
    app.app.pool.close().await;
    let text = app.get("/metrics").await.expect(200).text;
    assert_says(
        &text,
        &["aftercall_database_up 0", "aftercall_callbacks_total{outcome=\"refused\",source=\"default\"} 1"],
    );
    assert!(text.contains("aftercall_disk_free_bytes"), "{text}");
}

#[tokio::test]
async fn counters_begin_at_zero_so_that_the_first_failure_has_a_rate() {
    let app = TestApp::start().await;
    let text = app.get("/metrics").await.expect(200).text;
    assert_says(
        &text,
        &[
            "aftercall_callbacks_total{outcome=\"failed\",source=\"default\"} 0",
            "aftercall_runs_total{outcome=\"failed\"} 0",
            "aftercall_deliveries_total{kind=\"slack\",outcome=\"failed\"} 0",
        ],
    );
}
