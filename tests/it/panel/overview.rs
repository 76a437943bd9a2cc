//! The overview says whether everything is well.

use serde_json::json;

use super::visitor::Visitor;
use crate::support::{Receiver, TestApp, callback};

#[tokio::test]
async fn a_new_installation_is_told_what_to_do_next() {
    let app = TestApp::start().await;
    let page = Visitor::admin(&app).await.get("/panel").await.expect(200).text;
    for step in ["Three steps", "href=\"/panel/endpoints/new\"", "href=\"/panel/sources\"", "href=\"/panel/calls\""] {
        assert!(page.contains(step), "{step}: {page}");
    }
    assert!(!page.contains("Everything is well"), "nothing has happened yet");
}

#[tokio::test]
async fn calls_and_deliveries_are_counted_and_all_is_well() {
    let app = TestApp::start().await;
    let receiver = Receiver::start().await;
    app.add_webhook(&receiver).await;
    app.process("1001").await;
    app.process("1002").await;
    let page = Visitor::admin(&app).await.get("/panel").await.expect(200).text;
    assert!(page.contains("Everything is well") && !page.contains("Three steps"), "{page}");
    assert!(page.contains("2 done, 0 failed"), "{page}");
    assert!(page.contains("2 sent, 0 failed"), "a bar says in words what it shows: {page}");
    for stage in ["Received", "Transcript fetched", "Summarised", "Filed", "Told to everyone"] {
        let row = page.split(&format!("<th scope=\"row\">{stage}</th>")).nth(1).expect("a row");
        assert!(row.split("</tr>").next().unwrap().contains(">2</td>"), "{stage}: {row}");
    }
}

#[tokio::test]
async fn trouble_is_named_with_the_place_to_look_at() {
    let app = TestApp::with("MAX_RETRIES", "0").with("DELIVERY_RETRY_SCHEDULE", "1s").start().await;
    let receiver = Receiver::answering([500; 4]).await;
    let endpoint = app.add_endpoint(json!({"kind": "webhook", "name": "CRM <1>", "target": receiver.url()})).await;
    app.raise(json!({"type": "custom.x", "data": {}})).await;
    for _ in 0..3 {
        app.run_due().await;
        app.clock.advance(std::time::Duration::from_secs(5));
    }
    let page = Visitor::admin(&app).await.get("/panel").await.expect(200).text;
    assert!(page.contains("The last try failed at 1 endpoint."), "{page}");
    assert!(!page.contains("Everything is well"));
    assert!(page.contains(&format!("href=\"/panel/endpoints/{}\"", endpoint["id"].as_str().unwrap())), "{page}");
    assert!(page.contains("custom.x to CRM &lt;1&gt;") && !page.contains("CRM <1>"), "{page}");
}

#[tokio::test]
async fn each_tenant_sees_its_own() {
    let app = TestApp::start().await;
    app.import_transcript("1001").await;
    app.post_signed(&callback("1001")).await.expect(202);
    app.run_due().await;
    app.api("POST", "/api/v1/admin/tenants", Some(json!({"id": "other", "name": "Other"}))).await.expect(201);
    let token = json!({"name": "theirs", "role": "admin", "tenant": "other"});
    let token = app.api("POST", "/api/v1/admin/tokens", Some(token)).await.expect(201).body;
    let theirs = Visitor::signed_in(&app, token["token"].as_str().unwrap()).await;
    let page = theirs.get("/panel").await.expect(200).text;
    assert!(page.contains("0 done, 0 failed") && page.contains("admin of other"), "{page}");
    assert!(!page.contains("href=\"/panel/configuration\""), "the whole service is not their business: {page}");
}
