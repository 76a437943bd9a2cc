//! Trying an endpoint, and giving it another secret: what was sent is shown as it was, and a secret once.

use std::time::Duration;

use aftercall::{domain::ids::DeliveryId, notify::SentRequest};
use serde_json::{Value, json};

use super::{
    endpoints::{page, read},
    visitor::Visitor,
};
use crate::support::{Receiver, TestApp};

async fn webhook(app: &TestApp, receiver: &Receiver) -> Value {
    let body = json!({"kind": "webhook", "name": "CRM", "target": format!("{}?key=url-secret", receiver.url()),
                      "headers": {"X-Api-Key": "header-secret"}});
    app.add_endpoint(body).await
}

/// What the last delivery's only attempt is said to have sent.
async fn told(app: &TestApp) -> Option<SentRequest> {
    let last = app.log().await.pop().expect("a delivery");
    let path = format!("/api/v1/admin/notify/logs/{}", last["id"].as_str().unwrap());
    let log = app.get(&path).await.expect(200).body;
    let id: DeliveryId = last["id"].as_str().unwrap().parse().unwrap();
    let at = log["attempts"][0]["started_at"].as_str().unwrap().parse().unwrap();
    app.app.notifier.describe("default", id, at).await.unwrap()
}

fn header<'a>(request: &'a SentRequest, name: &str) -> &'a str {
    &request.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name)).expect(name).value
}

#[tokio::test]
async fn a_test_shows_what_was_sent_and_what_came_back_without_any_secret() {
    let app = TestApp::start().await;
    let receiver = Receiver::answering_once(202, Vec::new(), "<b>thank you</b>".to_owned()).await;
    let endpoint = webhook(&app, &receiver).await;
    let visitor = Visitor::admin(&app).await;
    let text = read(&visitor.submit(&page(&endpoint, ""), &page(&endpoint, "/test"), &[]).await.expect(200).text);
    let received = &receiver.received()[0];
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature", "x-signature", "x-event", "user-agent"] {
        assert!(text.contains(received.header(name)), "{name}: {text}");
    }
    let line = format!("POST {}?…", receiver.url());
    let log = format!("href=\"/panel/log/{}\"", app.log().await[0]["id"].as_str().unwrap());
    for part in [&line, "x-api-key", "[hidden]", "test.ping", "<strong>202</strong>", "&lt;b&gt;thank you", &log] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let sent = text.split("id=\"test-result\"").nth(1).unwrap().split("</section>").next().unwrap();
    assert!(!sent.contains("url-secret") && !text.contains("header-secret") && !text.contains("whsec_"), "{sent}");
    assert!(!text.contains("data-live"), "the page would be asked for again where it cannot be");
}

#[tokio::test]
async fn a_test_that_fails_says_why() {
    let app = TestApp::start().await;
    let endpoint = json!({"kind": "slack", "name": "Channel", "target": "http://127.0.0.1:9/services/credential"});
    let endpoint = app.add_endpoint(endpoint).await;
    let visitor = Visitor::admin(&app).await;
    let text = read(&visitor.submit(&page(&endpoint, ""), &page(&endpoint, "/test"), &[]).await.expect(200).text);
    let sent = text.split("id=\"test-result\"").nth(1).unwrap().split("</section>").next().unwrap();
    assert!(sent.contains("It did not arrive") && sent.contains("connection refused"), "{sent}");
    assert!(sent.contains("POST http://127.0.0.1:9/…") && !sent.contains("credential"), "{sent}");
}

#[tokio::test]
async fn a_mail_is_told_by_its_headers_and_its_words() {
    let app = TestApp::start().await;
    let endpoint = app.add_endpoint(json!({"kind": "email", "name": "Team", "target": "team@example.test"})).await;
    let visitor = Visitor::admin(&app).await;
    let text = read(&visitor.submit(&page(&endpoint, ""), &page(&endpoint, "/test"), &[]).await.expect(200).text);
    for part in ["Mail to team@example.test", "Message-ID", "This is a test from aftercall", "It arrived"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[tokio::test]
async fn what_was_sent_is_told_to_the_letter_until_the_endpoint_changes() {
    let app = TestApp::start().await;
    let receiver = Receiver::start().await;
    let endpoint = webhook(&app, &receiver).await;
    app.clock.advance(Duration::from_secs(90));
    app.raise(json!({"type": "custom.thing", "data": {"a": [1, "two"]}})).await;
    app.run_due().await;
    app.clock.advance(Duration::from_hours(3));
    let request = told(&app).await.expect("it is told");
    let received = &receiver.received()[0];
    assert!(request.is_exact);
    for header in &request.headers {
        let value = if header.name == "x-api-key" { "[hidden]" } else { received.header(&header.name) };
        assert_eq!(header.value, value, "{}", header.name);
    }
    assert_eq!(request.body_bytes, received.raw.len());
    assert_eq!(serde_json::from_str::<Value>(&request.body).unwrap(), received.body);

    let rotate = format!("/api/v1/admin/notify/endpoints/{}/rotate-secret", endpoint["id"].as_str().unwrap());
    app.api("POST", &rotate, None).await.expect(200);
    let request = told(&app).await.expect("it is told");
    assert!(!request.is_exact);
    assert_eq!(header(&request, "webhook-id"), received.header("webhook-id"));
}

#[tokio::test]
async fn nothing_is_told_of_what_was_sent_about_a_call_that_was_erased_nor_to_another_tenant() {
    let app = TestApp::start().await;
    let receiver = Receiver::start().await;
    app.add_webhook(&receiver).await;
    app.process("8800000000000000001").await;
    assert!(told(&app).await.is_some());
    let id: DeliveryId = app.log().await.pop().unwrap()["id"].as_str().unwrap().parse().unwrap();
    assert_eq!(app.app.notifier.describe("other", id, app.clock.now()).await.unwrap(), None);
    app.api("DELETE", "/api/v1/admin/calls/8800000000000000001", None).await.expect(204);
    assert_eq!(app.app.notifier.describe("default", id, app.clock.now()).await.unwrap(), None);
}

#[tokio::test]
async fn another_secret_is_shown_once_and_a_form_that_is_sent_twice_keeps_the_old_one_signing() {
    let app = TestApp::start().await;
    let receiver = Receiver::start().await;
    let endpoint = webhook(&app, &receiver).await;
    let old = endpoint["secret"].as_str().unwrap();
    let visitor = Visitor::admin(&app).await;
    let (there, rotate) = (page(&endpoint, ""), page(&endpoint, "/rotate-secret"));
    let mut fields = visitor.fields(&there, &rotate).await;
    fields.push(("overlap".to_owned(), "604800".to_owned()));
    let first = visitor.post(&rotate, &fields).await.expect(200).text;
    let again = visitor.post(&rotate, &fields).await.expect(200).text;
    let secret = |text: &str| {
        let rest = read(text).split("<code>whsec_").nth(1).expect("a secret").to_owned();
        format!("whsec_{}", rest.split('<').next().unwrap())
    };
    assert!(first.contains("13 May 2031, 10:00") && secret(&first) != old);
    assert_eq!(secret(&first), secret(&again));
    let shown = visitor.get(&there).await.expect(200).text;
    assert!(!shown.contains("whsec_") && shown.contains("The one before signs too"), "{shown}");

    app.raise(json!({"type": "custom.thing", "data": {}})).await;
    app.run_due().await;
    let received = &receiver.received()[0];
    let timestamp = received.header("webhook-timestamp").parse().unwrap();
    for secret in [secret(&first), old.to_owned()] {
        let official = standardwebhooks::Webhook::new(&secret).unwrap();
        let expected = official.sign(received.header("webhook-id"), timestamp, &received.raw).unwrap();
        assert!(received.header("webhook-signature").split(' ').any(|one| one == expected));
    }

    let at_once = visitor.submit(&there, &rotate, &[("overlap", "0")]).await.expect(200).text;
    assert!(at_once.contains("signs nothing any more") && secret(&at_once) != secret(&first));
    let beyond = visitor.submit(&there, &rotate, &[("overlap", "99999999")]).await.expect(303);
    assert_eq!(beyond.headers["location"].to_str().unwrap(), there);
}

#[tokio::test]
async fn what_is_not_signed_has_no_secret_to_change() {
    let app = TestApp::start().await;
    let endpoint = app.add_endpoint(json!({"kind": "email", "name": "Team", "target": "team@example.test"})).await;
    let visitor = Visitor::admin(&app).await;
    assert!(!read(&visitor.get(&page(&endpoint, "")).await.text).contains("/rotate-secret"));
    let fields = [("csrf".to_owned(), visitor.csrf().await), ("key".to_owned(), "k".to_owned())];
    visitor.post(&page(&endpoint, "/rotate-secret"), &fields).await.expect(303);
    assert!(visitor.get(&page(&endpoint, "")).await.text.contains("flash bad"));
}
