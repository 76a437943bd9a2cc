//! The audit: who did what, and what is different since.

use serde_json::json;

use super::visitor::Visitor;
use crate::support::{TestApp, transcript};

#[tokio::test]
async fn a_change_tells_only_the_fields_that_differ() {
    let app = TestApp::start().await;
    let endpoint = app
        .add_endpoint(json!({"kind": "webhook", "name": "<i>CRM</i>", "target": "http://127.0.0.1:9/secret-path",
                                           "secret": "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="}))
        .await;
    app.change_endpoint(&endpoint, json!({"name": "CRM east"})).await;
    let visitor = Visitor::admin(&app).await;
    let page = visitor.get("/panel/audit?action=endpoint.change").await.expect(200).text.replace("&#x2f;", "/");
    assert!(page.contains("<del>&lt;i&gt;CRM&lt;/i&gt;</del>") && page.contains("<ins>CRM east</ins>"), "{page}");
    assert_eq!(page.matches("<del>").count(), 1, "{page}");
    assert!(page.contains(&format!("href=\"/panel/endpoints/{}\"", endpoint["id"].as_str().unwrap())), "{page}");
    let all = visitor.get("/panel/audit").await.expect(200).text;
    assert!(!all.contains("whsec_") && !all.contains("secret-path"), "{all}");
    assert!(all.contains("made an endpoint") && all.contains("signed in"), "{all}");
}

#[tokio::test]
async fn the_audit_is_filtered_by_action_family_and_object() {
    let app = TestApp::start().await;
    let endpoint = app.add_endpoint(json!({"kind": "email", "name": "A", "target": "a@example.com"})).await;
    app.change_endpoint(&endpoint, json!({"name": "B"})).await;
    app.add_endpoint(json!({"kind": "email", "name": "C", "target": "c@example.com"})).await;
    app.import(&transcript("3140000000000000159")).await;
    let visitor = Visitor::admin(&app).await;
    let shown = async |query: &str| {
        let page = visitor.get(&format!("/panel/audit?{query}")).await.expect(200).text;
        page.matches("<th scope=\"row\"").count()
    };
    assert_eq!(shown("").await, 4, "and the visitor’s signing in");
    assert_eq!(shown("action=endpoint.*&object=").await, 3);
    assert_eq!(shown("action=endpoint.create").await, 2);
    assert_eq!(shown(&format!("object={}", endpoint["id"].as_str().unwrap())).await, 2);
    let nothing = visitor.get("/panel/audit?action=tenant.*").await.expect(200).text;
    assert!(nothing.contains("Nothing matches"), "{nothing}");
    let wrong = visitor.get("/panel/audit?object=%00&cursor=x").await.expect(422).text;
    assert!(wrong.contains("object-fault") && wrong.contains("cursor-fault"), "{wrong}");
    let family = app.get("/api/v1/admin/audit?action=endpoint.*").await.expect(200).body;
    assert_eq!(family["items"].as_array().unwrap().len(), 3, "the API finds families too");
}

#[tokio::test]
async fn whoever_came_with_a_token_is_told_by_its_name() {
    let app = TestApp::start().await;
    Visitor::of_role(&app, "viewer").await;
    let page = Visitor::admin(&app).await.get("/panel/audit?action=panel.sign_in").await.expect(200).text;
    assert!(page.contains(">viewer</span>") && page.contains("ADMIN_TOKEN"), "{page}");
}
