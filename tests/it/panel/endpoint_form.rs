//! The form of an endpoint: what is filled in becomes what the API would make of it.

use serde_json::{Value, json};

use super::{
    endpoints::{page, read},
    visitor::Visitor,
};
use crate::support::{Answer, TestApp};

const LIST: &str = "/panel/endpoints";

async fn make(visitor: &Visitor<'_>, kind: &str, fields: &[(&str, &str)]) -> Answer {
    visitor.submit(&format!("{LIST}/new?kind={kind}"), LIST, fields).await
}

async fn newest(app: &TestApp) -> Value {
    app.get("/api/v1/admin/notify/endpoints").await.expect(200).body["items"][0].clone()
}

#[tokio::test]
async fn the_kind_is_chosen_first_and_a_kind_that_there_is_not_is_chosen_again() {
    let app = TestApp::start().await;
    let visitor = Visitor::admin(&app).await;
    for path in ["/new", "/new?kind=pigeon"] {
        let text = read(&visitor.get(&format!("{LIST}{path}")).await.expect(200).text);
        for kind in ["slack", "email", "webhook"] {
            assert!(text.contains(&format!("href=\"/panel/endpoints/new?kind={kind}\"")), "{text}");
        }
    }
    assert!(visitor.get(&format!("{LIST}/new?kind=slack")).await.text.contains("Create New App"));
}

#[tokio::test]
async fn a_webhook_is_made_as_it_was_filled_in() {
    let app = TestApp::start().await;
    let visitor = Visitor::admin(&app).await;
    let fields = [
        ("name", "CRM"),
        ("target", "https://crm.example.test/hook"),
        ("secret", "a-secret-of-our-own"),
        ("event", "call.*"),
        ("event", "call.failed"),
        ("event", "sla.breached"),
        ("more_events", "custom.deal_won\r\ncustom.deal_lost"),
        ("intent", "renewal"),
        ("more_intents", "a thing, of ours\r\nrenewal"),
        ("rate", "120"),
        ("ordered", "yes"),
        ("header_name", "X-Api-Key"),
        ("header_value", "key"),
        ("header_name", ""),
        ("header_value", ""),
    ];
    let shown = make(&visitor, "webhook", &fields).await.expect(200).text;
    assert!(shown.contains("<code>a-secret-of-our-own</code>"), "{shown}");
    let made = newest(&app).await;
    let wanted = json!({
        "kind": "webhook", "name": "CRM", "target": "https://crm.example.test/hook", "enabled": false,
        "filters": {"events": ["call.*", "sla.breached", "custom.deal_won", "custom.deal_lost"],
                    "intents": ["renewal", "a thing, of ours"]},
        "headers": {"X-Api-Key": "[hidden]"}, "rate_limit_per_minute": 120, "ordered": true, "has_secret": true,
    });
    for (name, value) in wanted.as_object().unwrap() {
        assert_eq!(made[name], *value, "{name}");
    }
    let audit = app.get("/api/v1/admin/audit?action=endpoint.create").await.body;
    assert_eq!(audit["items"][0]["actor"], "ADMIN_TOKEN");
}

#[tokio::test]
async fn a_form_that_is_sent_twice_makes_one_endpoint_and_shows_one_secret() {
    let app = TestApp::start().await;
    let visitor = Visitor::admin(&app).await;
    let fields = visitor.fields("/panel/endpoints/new?kind=webhook", LIST).await;
    let more = [("name", "CRM"), ("target", "https://crm.example.test/hook"), ("enabled", "yes")];
    let fields: Vec<_> =
        fields.into_iter().chain(more.map(|(name, value)| (name.to_owned(), value.to_owned()))).collect();
    let secret = |text: &str| text.split("<code>whsec_").nth(1).map(|rest| rest.split('<').next().unwrap().to_owned());
    let first = visitor.post(LIST, &fields).await.expect(200).text;
    let again = visitor.post(LIST, &fields).await.expect(200).text;
    assert!(secret(&first).is_some() && secret(&first) == secret(&again), "{first}");
    assert_eq!(app.count("endpoints").await, 1);
    for language in ["Node", "Python", "Go", "PHP", "WEBHOOK_SECRET"] {
        assert!(first.contains(language), "{language}");
    }
    let endpoint = newest(&app).await;
    for path in [LIST, &page(&endpoint, ""), &page(&endpoint, "/edit")] {
        assert!(!visitor.get(path).await.expect(200).text.contains("whsec_"), "{path}");
    }
}

#[tokio::test]
async fn slack_and_mail_begin_with_what_people_want_to_hear_of_and_lead_to_their_page() {
    let app = TestApp::start().await;
    let visitor = Visitor::admin(&app).await;
    let targets = [("slack", "https://hooks.slack.test/services/x"), ("email", "Team <team@example.test>")];
    for (kind, target) in targets {
        let form = visitor.get(&format!("{LIST}/new?kind={kind}")).await.expect(200).text;
        assert!(
            form.contains("value=\"call.summarised\" checked") && !form.contains("value=\"call.received\" checked")
        );
        let made = make(&visitor, kind, &[("name", kind), ("target", target), ("enabled", "yes")]).await.expect(303);
        let endpoint = newest(&app).await;
        assert_eq!((&endpoint["kind"], &endpoint["target"]), (&json!(kind), &json!(target)));
        assert_eq!(endpoint["filters"], json!({"events": [], "intents": []}));
        assert_eq!(made.headers["location"].to_str().unwrap(), page(&endpoint, ""));
    }
}

#[tokio::test]
async fn every_fault_stands_at_its_field_and_what_was_typed_stays() {
    let app = TestApp::start().await;
    let visitor = Visitor::admin(&app).await;
    let fields = [
        ("name", "<script>\"'"),
        ("target", "ftp://crm.example.test"),
        ("secret", "short"),
        ("event", "call.failed"),
        ("more_events", "Call.Bad\r\ncustom.good\r\nx..y"),
        ("more_intents", "fine"),
        ("header_name", "Host"),
        ("header_value", "<b>elsewhere"),
    ];
    let text = read(&make(&visitor, "webhook", &fields).await.expect(422).text);
    for part in [
        "URL: not an https: URL",
        "Secret: 16 to 256 visible ASCII characters",
        "id=\"more-events-fault\">Call.Bad: an event type",
        "x..y: an event type",
        "Host: this header is ours to set",
        "&lt;script&gt;",
        "value=\"call.failed\" checked",
        "custom.good",
        "value=\"&lt;b&gt;elsewhere\"",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("<script>\"") && !text.contains("<b>else"), "{text}");
    assert_eq!(app.count("endpoints").await, 0);
    let own = [
        ("rate", "many", "a whole number from 1 to 60000"),
        ("rate", "60001", "a whole number from 1 to 60000"),
        ("header_name", "X-Empty", "X-Empty: the value is missing"),
        ("header_value", "orphan", "a value stands without the name"),
    ];
    for (name, value, told) in own {
        let pair = if name == "header_name" { ("header_value", "") } else { ("header_name", "") };
        let fields = [("name", "x"), ("target", "https://crm.example.test"), (name, value), pair];
        let text = make(&visitor, "webhook", &fields).await.expect(422).text;
        assert!(text.contains(told), "{told}: {text}");
    }
    let twice = [("header_name", "X-A"), ("header_value", "1"), ("header_name", "X-A"), ("header_value", "2")];
    let fields: Vec<_> = [("name", "x"), ("target", "https://crm.example.test")].into_iter().chain(twice).collect();
    assert!(make(&visitor, "webhook", &fields).await.expect(422).text.contains("X-A: given twice"));
}

#[tokio::test]
async fn changing_an_endpoint_keeps_the_headers_that_nobody_touched() {
    let app = TestApp::start().await;
    let body = json!({"kind": "webhook", "name": "CRM", "target": "https://crm.example.test/hook",
                      "filters": {"events": ["custom.thing"], "intents": ["renewal", "ours"]}, "rate_limit_per_minute": 7,
                      "headers": {"X-Kept": "kept-value", "X-Other": "other-value", "X-Removed": "removed-value"}});
    let endpoint = app.add_endpoint(body).await;
    let visitor = Visitor::admin(&app).await;
    let edit = page(&endpoint, "/edit");
    let form = read(&visitor.get(&edit).await.expect(200).text);
    for part in ["X-Kept", "custom.thing", "value=\"renewal\" checked", ">ours<", "value=\"7\"", "kept, not shown"] {
        assert!(form.contains(part), "{part}: {form}");
    }
    assert!(!form.contains("kept-value"), "{form}");
    let fields = [
        ("name", "CRM two"),
        ("target", "https://crm.example.test/other"),
        ("event", "call.summarised"),
        ("header_name", "X-Kept"),
        ("header_value", ""),
        ("header_name", "X-Other"),
        ("header_value", "another"),
        ("header_name", ""),
        ("header_value", ""),
    ];
    let saved = visitor.submit(&edit, &edit, &fields).await.expect(303);
    assert_eq!(saved.headers["location"].to_str().unwrap(), page(&endpoint, ""));
    let changed = newest(&app).await;
    assert_eq!((&changed["name"], &changed["enabled"]), (&json!("CRM two"), &json!(true)));
    assert_eq!(changed["filters"], json!({"events": ["call.summarised"], "intents": []}));
    assert_eq!(changed["rate_limit_per_minute"], Value::Null);
    assert_eq!(sealed_headers(&app, &endpoint).await, json!({"X-Kept": "kept-value", "X-Other": "another"}));

    let refused = visitor.submit(&edit, &edit, &[("name", ""), ("target", "https://crm.example.test")]).await;
    assert!(refused.expect(422).text.contains("Name: one line"));
}

/// What is really sent.
async fn sealed_headers(app: &TestApp, endpoint: &Value) -> Value {
    let id: aftercall::domain::ids::EndpointId = endpoint["id"].as_str().unwrap().parse().unwrap();
    let row = aftercall::db::endpoints::find_endpoint(&app.app.pool, "default", id).await.unwrap().unwrap();
    json!(aftercall::notify::open(&app.app.key_ring, id, &row.sealed).unwrap().headers)
}
