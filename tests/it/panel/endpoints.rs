//! Endpoints in the panel: what their pages show, to whom, and what can be done with one that there is.

use std::time::Duration;

use serde_json::{Value, json};

use super::visitor::Visitor;
use crate::support::{Receiver, TestApp};

const LIST: &str = "/panel/endpoints";

/// The page of an endpoint, or of something that is done with it.
pub fn page(endpoint: &Value, action: &str) -> String {
    format!("{LIST}/{}{action}", endpoint["id"].as_str().expect("an id"))
}

/// A page's text as people read it.
pub fn read(text: &str) -> String {
    text.replace("&#x2f;", "/")
}

async fn webhook(app: &TestApp, target: &str) -> Value {
    app.add_endpoint(json!({"kind": "webhook", "name": "CRM", "target": target})).await
}

async fn now(app: &TestApp, endpoint: &Value) -> Value {
    let id = endpoint["id"].as_str().expect("an id");
    app.get(&format!("/api/v1/admin/notify/endpoints/{id}")).await.expect(200).body
}

#[tokio::test]
async fn who_has_no_endpoint_is_told_what_one_is_and_where_to_make_it() {
    let app = TestApp::start().await;
    let text = read(&Visitor::admin(&app).await.get(LIST).await.expect(200).text);
    assert!(
        text.contains("Nobody is told of anything yet") && text.contains("href=\"/panel/endpoints/new\""),
        "{text}"
    );
    let text = read(&Visitor::of_role(&app, "viewer").await.get(LIST).await.expect(200).text);
    assert!(text.contains("An admin makes them") && !text.contains("/panel/endpoints/new"), "{text}");
}

#[tokio::test]
async fn the_list_says_how_each_is_doing_and_what_it_wants() {
    let app = TestApp::start().await;
    let refusing = Receiver::answering([500; 20]).await;
    let gone = Receiver::answering([410]).await;
    webhook(&app, &refusing.url()).await;
    webhook(&app, &gone.url()).await;
    let filters = json!({"events": ["custom.never"], "intents": ["renewal"]});
    app.add_endpoint(json!({"kind": "email", "name": "Team", "target": "team@example.test", "filters": filters,
                            "rate_limit_per_minute": 1200}))
        .await;
    let visitor = Visitor::admin(&app).await;
    assert!(visitor.get(LIST).await.text.contains("not contacted"));
    app.raise(json!({"type": "custom.thing", "data": {}})).await;
    app.run_due().await;
    let text = visitor.get(LIST).await.expect(200).text;
    for part in [
        "2 failures in a row, the last",
        "The receiver said that it is gone (410).",
        "1 failed in 24 h",
        "custom.never",
        "renewal",
        "1\u{202f}200 a minute",
        "id=\"endpoints\" data-live",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    for number in 0..5 {
        app.raise(json!({"type": "custom.thing", "data": {"number": number}})).await;
    }
    for _ in 0..5 {
        app.clock.advance(Duration::from_secs(1));
        app.run_due().await;
    }
    let text = visitor.get(LIST).await.expect(200).text;
    assert!(text.contains("paused: keeps failing") && text.contains("next probe"), "{text}");
}

#[tokio::test]
async fn an_endpoints_page_shows_what_it_was_sent_and_leads_to_the_log() {
    let app = TestApp::start().await;
    let receiver = Receiver::start().await;
    let endpoint = webhook(&app, &receiver.url()).await;
    let visitor = Visitor::admin(&app).await;
    assert!(visitor.get(&page(&endpoint, "")).await.expect(200).text.contains("Nothing was sent to it yet"));
    app.raise(json!({"type": "custom.thing", "subject": "<i>deal</i>", "data": {}})).await;
    app.run_due().await;
    let text = read(&visitor.get(&page(&endpoint, "")).await.expect(200).text);
    let delivery = app.log().await.pop().unwrap();
    let links = [
        format!("href=\"/panel/log/{}\"", delivery["id"].as_str().unwrap()),
        format!("href=\"/panel/log?endpoint_id={}\"", endpoint["id"].as_str().unwrap()),
        format!("href=\"/panel/log?endpoint_id={}&amp;status=failed\"", endpoint["id"].as_str().unwrap()),
    ];
    for link in &links {
        assert!(text.contains(link), "{link}: {text}");
    }
    assert!(text.contains("&lt;i&gt;deal") && !text.contains("<i>deal"), "{text}");
}

#[tokio::test]
async fn enabling_and_disabling_does_what_the_api_does_and_goes_back_to_where_it_was_asked_for() {
    let app = TestApp::start().await;
    let endpoint = webhook(&app, "https://crm.example.test/hook").await;
    app.raise(json!({"type": "custom.thing", "data": {}})).await;
    let visitor = Visitor::admin(&app).await;
    let toggle = page(&endpoint, "/toggle");
    let off = visitor.submit(LIST, &toggle, &[]).await.expect(303);
    assert_eq!(off.headers["location"], LIST);
    assert!(visitor.get(LIST).await.text.contains("“CRM” is disabled"));
    assert_eq!(now(&app, &endpoint).await["health"]["disabled_reason"], "disabled_by_admin");
    assert_eq!(app.log().await[0]["last_error"], "endpoint_disabled");
    assert!(visitor.get(LIST).await.text.contains("Switched off by an admin."));

    let there = page(&endpoint, "");
    let on = visitor.submit(&there, &toggle, &[]).await.expect(303);
    assert_eq!(on.headers["location"].to_str().unwrap(), there);
    assert_eq!(now(&app, &endpoint).await["enabled"], true);
    let audit = app.get("/api/v1/admin/audit?action=endpoint.toggle").await.body;
    assert_eq!(audit["items"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_removed_endpoint_leaves_the_list_and_its_history_stays() {
    let app = TestApp::start().await;
    let endpoint = webhook(&app, "https://crm.example.test/hook").await;
    app.raise(json!({"type": "custom.thing", "data": {}})).await;
    let visitor = Visitor::admin(&app).await;
    let done = visitor.submit(&page(&endpoint, ""), &page(&endpoint, "/delete"), &[]).await.expect(303);
    assert_eq!(done.headers["location"], LIST);
    assert!(visitor.get(LIST).await.text.contains("Nobody is told of anything yet"));
    visitor.get(&page(&endpoint, "")).await.expect(404);
    assert_eq!(app.log().await.len(), 1);
}

#[tokio::test]
async fn a_viewer_sees_it_all_but_a_slack_url_and_can_do_nothing() {
    let app = TestApp::start().await;
    let slack =
        json!({"kind": "slack", "name": "Channel", "target": "https://hooks.slack.test/services/T0/B0/credential"});
    let slack = app.add_endpoint(slack).await;
    let crm = webhook(&app, "https://crm.example.test/hook").await;
    let viewer = Visitor::of_role(&app, "viewer").await;
    for path in [LIST, &page(&slack, ""), &page(&crm, "")] {
        let text = read(&viewer.get(path).await.expect(200).text);
        assert!(!text.contains("credential") && !text.contains(&format!("action=\"{LIST}")), "{text}");
    }
    assert!(read(&viewer.get(LIST).await.text).contains("https://hooks.slack.test/…"));
    for path in ["/new", "/new?kind=slack"] {
        viewer.get(&format!("{LIST}{path}")).await.expect(403);
    }
    viewer.get(&page(&crm, "/edit")).await.expect(403);
    let csrf = viewer.csrf().await;
    for action in ["", "/edit", "/toggle", "/delete", "/test", "/rotate-secret"] {
        let path = if action.is_empty() { LIST.to_owned() } else { page(&crm, action) };
        viewer.post(&path, &[("csrf".to_owned(), csrf.clone())]).await.expect(403);
    }
    assert_eq!(now(&app, &crm).await, app_shows(&crm));
    assert_eq!(app.log().await.len(), 0);
}

/// What the API shows later of what it showed when it was made.
fn app_shows(made: &Value) -> Value {
    let mut shown = made.clone();
    shown.as_object_mut().expect("an object").remove("secret");
    shown
}

#[tokio::test]
async fn a_form_that_is_not_of_the_session_changes_nothing() {
    let app = TestApp::start().await;
    let crm = webhook(&app, "https://crm.example.test/hook").await;
    let visitor = Visitor::admin(&app).await;
    for action in ["/edit", "/toggle", "/delete", "/test", "/rotate-secret"] {
        visitor.post(&page(&crm, action), &[("csrf".to_owned(), "0123".to_owned())]).await.expect(403);
    }
    assert_eq!(now(&app, &crm).await, app_shows(&crm));
}

#[tokio::test]
async fn an_endpoint_of_another_tenant_is_not_there() {
    let app = TestApp::start().await;
    let theirs = webhook(&app, "https://crm.example.test/hook").await;
    app.api("POST", "/api/v1/admin/tenants", Some(json!({"id": "other", "name": "Other"}))).await.expect(201);
    let token = json!({"name": "admin", "role": "admin", "tenant": "other"});
    let token = app.api("POST", "/api/v1/admin/tokens", Some(token)).await.expect(201).body;
    let stranger = Visitor::signed_in(&app, token["token"].as_str().unwrap()).await;
    assert!(!stranger.get(LIST).await.expect(200).text.contains("CRM</a>"));
    let csrf = stranger.csrf().await;
    for action in ["", "/edit"] {
        stranger.get(&page(&theirs, action)).await.expect(404);
    }
    for action in ["/edit", "/toggle", "/delete", "/test", "/rotate-secret"] {
        let fields = [("csrf", csrf.as_str()), ("key", "k"), ("overlap", "0"), ("name", "x")];
        let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned()));
        stranger.post(&page(&theirs, action), &fields).await.expect(404);
    }
    assert_eq!(now(&app, &theirs).await, app_shows(&theirs));
}

#[tokio::test]
async fn an_action_that_answered_with_a_page_can_be_left_by_its_address() {
    let app = TestApp::start().await;
    let crm = webhook(&app, "https://crm.example.test/hook").await;
    let visitor = Visitor::admin(&app).await;
    for action in ["/test", "/rotate-secret", "/toggle", "/delete"] {
        let back = visitor.get(&page(&crm, action)).await.expect(303);
        assert_eq!(back.headers["location"].to_str().unwrap(), page(&crm, ""));
    }
}
