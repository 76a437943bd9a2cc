//! Sources: made with what Gong shows, pasted into Gong, seen to work, removed.

use serde_json::json;

use super::visitor::Visitor;
use crate::support::{TestApp, callback};

/// The URL that the page shows, as it is.
fn url(page: &str) -> String {
    let code = page.split("id=\"made\"").nth(1).expect("what was made").split("<code>").nth(1).expect("a URL");
    code.split("</code>").next().unwrap_or_default().replace("&#x2f;", "/").replace("&amp;", "&")
}

#[tokio::test]
async fn a_source_without_a_public_key_gets_a_key_in_its_url_which_is_shown_once_and_lets_calls_in() {
    let app = TestApp::start().await;
    let visitor = Visitor::admin(&app).await;
    let fields = [("name", "Gong <EMEA>"), ("public_keys", " "), ("url_key", ""), ("secret", "")];
    let made = visitor.submit("/panel/sources", "/panel/sources", &fields).await.expect(200).text;
    let url = url(&made);
    let path = url.strip_prefix("https://hooks.example.test").expect("our address");
    assert!(path.starts_with("/webhooks/gong/src_") && path.contains("?key="), "{url}");
    assert!(made.contains("Gong &lt;EMEA&gt;") && !made.contains("Gong <EMEA>"), "{made}");

    let later = visitor.get("/panel/sources").await.expect(200).text;
    let key = path.split("?key=").nth(1).unwrap();
    assert!(!later.contains(key) && later.contains("waiting for the first callback"), "{later}");

    let mut test = callback("3140000000000000159");
    test["isTest"] = json!(true);
    app.post_to(path, &[], test.to_string()).await.expect(200);
    assert!(visitor.get("/panel/sources").await.text.contains("a test came in"));
    app.post_to(path, &[], callback("3140000000000000159").to_string()).await.expect(202);
    assert!(visitor.get("/panel/sources").await.text.contains("calls come in"));
}

#[tokio::test]
async fn gongs_public_key_is_taken_as_it_is_pasted() {
    let app = TestApp::start().await;
    let visitor = Visitor::admin(&app).await;
    let wrapped = format!("{}\r\n{}\r\n", &app.gong.bare_key[..76], &app.gong.bare_key[76..]);
    for (name, key) in [("wrapped", wrapped), ("twice", format!("{0}\r\n{0}", app.gong.bare_key))] {
        let fields = [("name", name), ("public_keys", key.as_str())];
        let made = visitor.submit("/panel/sources", "/panel/sources", &fields).await.expect(200).text;
        assert!(made.contains("Signed JWT header") && !url(&made).contains('?'), "{made}");
    }
    let source = &app.get("/api/v1/admin/sources").await.body["items"][0];
    assert_eq!((&source["name"], &source["proofs"]), (&json!("twice"), &json!(["signed_token"])));
}

#[tokio::test]
async fn what_is_wrong_with_a_source_is_told_at_its_field_and_secrets_are_not_repeated() {
    let app = TestApp::start().await;
    let visitor = Visitor::admin(&app).await;
    let fields = [("name", " "), ("public_keys", "nonsense"), ("url_key", "short"), ("secret", "hunter2")];
    let refused = visitor.submit("/panel/sources", "/panel/sources", &fields).await.expect(422).text;
    for field in ["name", "public_keys", "url_key", "secret"] {
        assert!(refused.contains(&format!("id=\"{field}-fault\"")), "{field}: {refused}");
    }
    assert!(refused.contains("nonsense") && !refused.contains("hunter2"), "{refused}");
    assert_eq!(app.count("sources").await, 1);
}

#[tokio::test]
async fn a_source_is_removed_and_the_environments_is_not() {
    let app = TestApp::start().await;
    let visitor = Visitor::admin(&app).await;
    let body = json!({"kind": "gong", "name": "Relay", "secret": "0123456789abcdef"});
    let made = app.api("POST", "/api/v1/admin/sources", Some(body)).await.expect(201).body;
    let action = format!("/panel/sources/{}/delete", made["id"].as_str().unwrap());
    visitor.submit("/panel/sources", &action, &[]).await.expect(303);
    let page = visitor.get("/panel/sources").await.expect(200).text;
    assert!(page.contains("The source is removed") && !page.contains("Relay</h2>"), "{page}");
    assert!(page.contains("The environment’s") && !page.contains("/delete"), "{page}");
    let csrf = page.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let nil = "/panel/sources/src_00000000000000000000000000000000/delete";
    visitor.post(nil, &[("csrf".to_owned(), csrf)]).await.expect(303);
    assert!(visitor.get("/panel/sources").await.text.contains("GONG_WEBHOOK_* variables"));
}

#[tokio::test]
async fn a_viewer_sees_sources_and_the_guide_and_changes_nothing() {
    let app = TestApp::start().await;
    let viewer = Visitor::of_role(&app, "viewer").await;
    let page = viewer.get("/panel/sources").await.expect(200).text;
    assert!(page.contains("Setting up Gong’s rule") && !page.contains("New source</h2>"), "{page}");
    let csrf = page.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let fields = [("csrf", csrf.as_str()), ("name", "x"), ("key", "k")];
    viewer.post("/panel/sources", &fields.map(|(n, v)| (n.to_owned(), v.to_owned()))).await.expect(403);
    assert_eq!(app.count("sources").await, 1);
}
