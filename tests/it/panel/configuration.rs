//! The configuration: said without secrets, checked when somebody wants to know.

use serde_json::json;

use super::visitor::Visitor;
use crate::support::{SECRET, TOKEN, TestApp};

#[tokio::test]
async fn the_page_says_what_is_configured_and_no_secret() {
    let app = TestApp::with("GONG_WEBHOOK_SECRET", SECRET)
        .with("OPENAI_API_KEY", "sk-hidden-key")
        .with("OPENAI_MODEL", "model-a")
        .with("SMTP_HOST", "mail.example.test")
        .with("SMTP_USER", "calls")
        .with("SMTP_PASSWORD", "hidden-password")
        .with("FROM_EMAIL", "calls@example.test")
        .start()
        .await;
    let visitor = Visitor::admin(&app).await;
    let page = visitor.get("/panel/configuration").await.expect(200).text.replace("&#x2f;", "/");
    for told in ["https://hooks.example.test/", "model-a", "mail.example.test:587", "90 days", "signed_token, hmac"] {
        assert!(page.contains(told), "{told}: {page}");
    }
    for secret in [SECRET, TOKEN, "sk-hidden-key", "hidden-password"] {
        assert!(!page.contains(secret), "{page}");
    }
    assert!(!page.contains("id=\"checked\""), "nobody is asked before somebody wants to know");
}

#[tokio::test]
async fn checking_tells_how_each_system_answers() {
    let app = TestApp::start().await;
    let visitor = Visitor::admin(&app).await;
    let page = visitor.submit("/panel/configuration", "/panel/configuration", &[]).await.expect(200).text;
    assert!(page.contains("What is configured works") && page.contains("has every migration"), "{page}");
    assert!(page.contains("not configured: calls come by callback and import"), "{page}");
    let body = json!({"kind": "gong", "name": "Relay", "secret": "0123456789abcdef"});
    app.api("POST", "/api/v1/admin/sources", Some(body)).await.expect(201);
    let damaged = "UPDATE sources SET sealed = decode('00', 'hex') WHERE name = 'Relay'";
    sqlx::query(damaged).execute(&app.app.pool).await.unwrap();
    let report = app.get("/api/v1/admin/config/check").await.expect(200).body;
    assert_eq!(report["ok"], false, "{report}");
    let page = visitor.submit("/panel/configuration", "/panel/configuration", &[]).await.expect(200).text;
    assert!(page.contains("Something does not work") && page.contains("Encryption keys"), "{page}");
}

#[tokio::test]
async fn only_operators_see_it() {
    let app = TestApp::start().await;
    app.api("POST", "/api/v1/admin/tenants", Some(json!({"id": "other", "name": "O"}))).await.expect(201);
    let token = json!({"name": "other", "role": "admin", "tenant": "other"});
    let token = app.api("POST", "/api/v1/admin/tokens", Some(token)).await.expect(201).body;
    let visitors =
        [Visitor::of_role(&app, "viewer").await, Visitor::signed_in(&app, token["token"].as_str().unwrap()).await];
    for visitor in visitors {
        let page = visitor.get("/panel").await.expect(200).text;
        assert!(!page.contains("href=\"/panel/configuration\""), "{page}");
        visitor.get("/panel/configuration").await.expect(403);
        let csrf = page.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        visitor.post("/panel/configuration", &[("csrf".to_owned(), csrf)]).await.expect(403);
    }
}
