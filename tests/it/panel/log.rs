//! The log: found, shared, read, sent again, taken away as a file.

use std::time::Duration;

use serde_json::{Value, json};

use super::visitor::Visitor;
use crate::support::{Receiver, SHARED_CALL, TOKEN, Tenant, TestApp, request};

fn text(value: &Value) -> &str {
    value.as_str().expect("text")
}

/// An app whose deliveries are tried once, with an endpoint that refuses what it is sent at first.
async fn failing(answers: usize) -> (TestApp, Receiver, Value) {
    let app = TestApp::with("DELIVERY_RETRY_SCHEDULE", "1s").start().await;
    let receiver = Receiver::answering(vec![500; answers]).await;
    let endpoint = json!({"kind": "webhook", "name": "CRM <west>", "target": receiver.url(), "headers": {"X-Team": "header-value"}});
    let endpoint = app.add_endpoint(endpoint).await;
    (app, receiver, endpoint)
}

/// Raises events and lets them fail.
async fn fail(app: &TestApp, events: &[&str]) {
    for event in events {
        app.raise(json!({"type": "custom.won", "subject": event, "data": {"deal": event}})).await;
    }
    for _ in 0..3 {
        app.run_due().await;
        app.clock.advance(Duration::from_secs(5));
    }
}

#[tokio::test]
async fn an_empty_log_says_what_it_will_show_and_a_filter_that_matches_nothing_offers_to_be_cleared() {
    let app = TestApp::start().await;
    let visitor = Visitor::admin(&app).await;
    assert!(visitor.get("/panel/log").await.expect(200).text.contains("Nothing was delivered yet"));
    let nothing = visitor.get("/panel/log?status=failed&period=24h").await.expect(200).text;
    assert!(
        nothing.contains("Nothing matches") && nothing.contains("href=\"/panel/log\">Show the whole log"),
        "{nothing}"
    );
}

#[tokio::test]
async fn the_log_is_filtered_by_its_url_which_every_link_of_it_keeps() {
    let (app, _receiver, endpoint) = failing(100).await;
    let other = Receiver::start().await;
    app.add_endpoint(json!({"kind": "webhook", "name": "Other", "target": other.url()})).await;
    fail(&app, &["deal-1"]).await;
    app.clock.advance(Duration::from_hours(2));
    fail(&app, &["deal-2"]).await;
    let visitor = Visitor::admin(&app).await;
    let shown = async |query: &str| {
        let page = visitor.get(&format!("/panel/log?{query}")).await.expect(200).text;
        page.matches("<th scope=\"row\"").count()
    };
    let id = text(&endpoint["id"]);
    assert_eq!(shown("").await, 4);
    assert_eq!(shown("status=failed").await, 2);
    assert_eq!(shown("status=sent&event=custom.*").await, 2);
    assert_eq!(shown("event=call.*").await, 0);
    assert_eq!(shown("status=retrying").await, 0);
    assert_eq!(shown("status=filtered&event=custom.*").await, 0);
    assert_eq!(shown(&format!("endpoint_id={id}&status=&event=")).await, 2);
    assert_eq!(shown("period=1h").await, 2);
    assert_eq!(shown("since=2031-05-06T11:00").await, 2);
    assert_eq!(shown("until=2031-05-06T11:00").await, 2);
    assert_eq!(shown("since=2031-05-06&until=2031-05-06").await, 4);
    let page = visitor.get(&format!("/panel/log?status=failed&endpoint_id={id}&period=1h")).await.text;
    let query = format!("status=failed&amp;endpoint_id={id}&amp;period=1h");
    assert!(page.replace("&#x2f;", "/").contains(&format!("href=\"/panel/log.csv?{query}\"")), "{page}");
    assert!(page.contains("CRM &lt;west&gt;") && !page.contains("CRM <west>"), "{page}");
    assert!(page.contains("data-live"));
}

#[tokio::test]
async fn a_filter_that_cannot_be_read_is_told_of_at_its_field_and_left_out() {
    let (app, _receiver, _) = failing(100).await;
    fail(&app, &["deal-1"]).await;
    let visitor = Visitor::admin(&app).await;
    for (query, field) in [
        ("status=lost", "status"),
        ("event=Call%20me", "event"),
        ("endpoint_id=ep_1", "endpoint_id"),
        ("endpoint_id=ep_019a3c5e8f7b7c3e9d2a1b4c5d6e7f80", "endpoint_id"),
        ("period=9d", "period"),
        ("since=yesterday", "since"),
        ("until=%00", "until"),
        ("cursor=x", "cursor"),
    ] {
        let page = visitor.get(&format!("/panel/log?{query}")).await.expect(422).text;
        assert!(page.contains(&format!("id=\"{field}-fault\"")), "{query}: {page}");
        assert!(page.contains("custom.won"), "{query}");
        if field != "cursor" {
            visitor.get(&format!("/panel/log.csv?{query}")).await.expect(422);
        }
    }
}

#[tokio::test]
async fn the_log_goes_on_from_page_to_page() {
    let (app, _receiver, _) = failing(0).await;
    let events: Vec<String> = (0..60).map(|number| format!("deal-{number}")).collect();
    fail(&app, &events.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let visitor = Visitor::admin(&app).await;
    let first = visitor.get("/panel/log?event=custom.won").await.expect(200).text;
    assert_eq!(first.matches("<th scope=\"row\"").count(), 50);
    let next = first.split("class=\"more\"><a class=\"button\" href=\"").nth(1).unwrap().split('"').next().unwrap();
    let next = next.replace("&#x2f;", "/").replace("&amp;", "&");
    assert!(next.starts_with("/panel/log?event=custom.won&cursor="), "{next}");
    let second = visitor.get(&next).await.expect(200).text;
    assert_eq!(second.matches("<th scope=\"row\"").count(), 10);
    assert!(!second.contains("id=\"log\" data-live") && !second.contains("class=\"more\""), "{second}");
}

#[tokio::test]
async fn a_delivery_tells_every_try_and_what_went_out_without_secrets() {
    let (app, _receiver, _) = failing(100).await;
    fail(&app, &["deal-1"]).await;
    let id = text(&app.log().await[0]["id"]).to_owned();
    let visitor = Visitor::admin(&app).await;
    let page = visitor.get(&format!("/panel/log/{id}")).await.expect(200).text.replace("&#x2f;", "/");
    for told in ["Try 1: answered 500", "Try 2: answered 500", "x-event", "webhook-signature", "&quot;deal&quot;"] {
        assert!(page.contains(told), "{told} is missing: {page}");
    }
    assert!(page.contains("x-team") && !page.contains("header-value"), "{page}");
}

#[tokio::test]
async fn a_failed_delivery_is_sent_again_by_its_button_and_one_that_was_taken_only_when_it_is_confirmed() {
    let (app, receiver, _) = failing(2).await;
    fail(&app, &["deal-1"]).await;
    let id = text(&app.log().await[0]["id"]).to_owned();
    let (page, action) = (format!("/panel/log/{id}"), format!("/panel/log/{id}/retry"));
    let visitor = Visitor::admin(&app).await;
    visitor.submit(&page, &action, &[]).await.expect(303);
    assert!(visitor.get(&page).await.text.contains("It goes out again now"));
    app.run_due().await;
    assert_eq!((app.log().await[0]["status"].clone(), receiver.received().len()), (json!("sent"), 3));

    let sent = visitor.get(&page).await.text;
    assert!(sent.contains("class=\"confirm\"") && sent.contains("a second time"), "{sent}");
    visitor.submit(&page, &action, &[]).await.expect(303);
    app.run_due().await;
    assert_eq!(receiver.received().len(), 4);
    let audit = app.get("/api/v1/admin/audit?action=delivery.retry").await.body;
    assert_eq!(audit["items"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn what_cannot_be_sent_again_says_why_and_is_refused() {
    let (app, _receiver, endpoint) = failing(100).await;
    fail(&app, &["deal-1"]).await;
    app.change_endpoint(&endpoint, json!({"enabled": false})).await;
    let id = text(&app.log().await[0]["id"]).to_owned();
    let visitor = Visitor::admin(&app).await;
    let page = visitor.get(&format!("/panel/log/{id}")).await.expect(200).text;
    assert!(page.contains("its endpoint is disabled") && !page.contains("/retry"), "{page}");
    let csrf = page.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let fields = [("csrf".to_owned(), csrf)];
    visitor.post(&format!("/panel/log/{id}/retry"), &fields).await.expect(303);
    assert!(visitor.get(&format!("/panel/log/{id}")).await.text.contains("class=\"flash bad\""));
    assert_eq!(app.log().await[0]["status"], "failed");
}

#[tokio::test]
async fn many_are_sent_again_after_they_were_counted() {
    let (app, receiver, endpoint) = failing(6).await;
    fail(&app, &["deal-1", "deal-2", "deal-3"]).await;
    let id = text(&endpoint["id"]);
    let visitor = Visitor::admin(&app).await;
    let page = format!("/panel/log/recover?endpoint_id={id}&period=24h");
    let counted = visitor.get(&page).await.expect(200).text;
    assert!(counted.contains("3 deliveries to CRM &lt;west&gt; would go out again"), "{counted}");
    assert!(app.log().await.iter().all(|line| line["status"] == "failed"), "counting sends nothing");

    let done = visitor.submit(&page, "/panel/log/recover", &[]).await.expect(303);
    let back = done.headers["location"].to_str().unwrap().to_owned();
    assert!(back.starts_with(&format!("/panel/log?endpoint_id={id}&since=")), "{back}");
    assert!(visitor.get(&back).await.expect(200).text.contains("3 deliveries go out again now"));
    app.run_due().await;
    assert_eq!(receiver.types().iter().filter(|kind| *kind == "custom.won").count(), 9);
    assert!(app.log().await.iter().all(|line| line["status"] == "sent"));
    assert!(visitor.get(&page).await.text.contains("Nothing to send again"));

    let unknown = visitor.get("/panel/log/recover?endpoint_id=ep_019a3c5e8f7b7c3e9d2a1b4c5d6e7f80&since=x").await;
    let unknown = unknown.expect(422).text;
    assert!(unknown.contains("endpoint_id-fault") && unknown.contains("since-fault"), "{unknown}");
}

#[tokio::test]
async fn a_viewer_reads_everything_and_sends_nothing() {
    let (app, receiver, endpoint) = failing(2).await;
    fail(&app, &["deal-1"]).await;
    let id = text(&app.log().await[0]["id"]).to_owned();
    let viewer = Visitor::of_role(&app, "viewer").await;
    let list = viewer.get("/panel/log").await.expect(200).text;
    let page = viewer.get(&format!("/panel/log/{id}")).await.expect(200).text;
    assert!(!list.contains("/panel/log/recover") && !page.contains("/retry"), "{page}");
    viewer.get("/panel/log/recover").await.expect(403);
    viewer.get("/panel/log.csv").await.expect(200);
    let csrf = page.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let fields = [("csrf".to_owned(), csrf), ("endpoint_id".to_owned(), text(&endpoint["id"]).to_owned())];
    viewer.post(&format!("/panel/log/{id}/retry"), &fields).await.expect(403);
    viewer.post("/panel/log/recover", &fields).await.expect(403);
    let admin = Visitor::admin(&app).await;
    admin.post(&format!("/panel/log/{id}/retry"), &[]).await.expect(403);
    app.run_due().await;
    assert_eq!(receiver.received().len(), 2);
}

#[tokio::test]
async fn the_file_has_a_header_every_row_that_the_filter_lets_through_and_no_formulas() {
    let (app, _receiver, _) = failing(100).await;
    fail(&app, &["=HYPERLINK(\"http://evil\")", "deal, \"2\""]).await;
    let visitor = Visitor::admin(&app).await;
    let file = visitor.get("/panel/log.csv?status=failed").await.expect(200);
    assert_eq!(file.headers["content-type"], "text/csv; charset=utf-8; header=present");
    let name = "attachment; filename=\"aftercall-log-2031-05-06T10-00.csv\"";
    assert_eq!(file.headers["content-disposition"], name);
    let lines: Vec<&str> = file.text.split("\r\n").collect();
    assert_eq!((lines.len(), lines[3]), (4, ""), "{}", file.text);
    assert!(lines[0].starts_with("id,created_at,status,event_type,intent,subject,"), "{}", lines[0]);
    assert!(lines[1].contains(",failed,custom.won,,\"deal, \"\"2\"\"\",,"), "{}", lines[1]);
    assert!(lines[2].contains(",\"'=HYPERLINK(\"\"http://evil\"\")\","), "{}", lines[2]);
    assert!(lines[1].contains(",CRM <west>,webhook,2,500,answered 500,"), "{}", lines[1]);
    let none = visitor.get("/panel/log.csv?status=sent").await.expect(200);
    assert_eq!(none.text.lines().count(), 1);
}

#[tokio::test]
async fn a_file_of_many_batches_is_whole_and_in_order() {
    let (app, _receiver, endpoint) = failing(0).await;
    let rows = "INSERT INTO events (id, tenant_id, type, data, trace_id, origin_at, created_at)
                SELECT ('019a3c5e-8f7b-7c3e-9d2a-' || lpad(to_hex(n), 12, '0'))::uuid, 'default', 'custom.won', '{}', '', $1, $1
                FROM generate_series(1, 2500) n";
    sqlx::query(rows).bind(app.clock.now()).execute(&app.app.pool).await.unwrap();
    let rows = "INSERT INTO deliveries (id, tenant_id, event_id, endpoint_id, event_type, status, ready_at, created_at)
                SELECT id, tenant_id, id, $1::uuid, type, 'sent', $2, $2 FROM events";
    let uuid = uuid::Uuid::parse_str(&text(&endpoint["id"])[3..]).unwrap();
    sqlx::query(rows).bind(uuid).bind(app.clock.now()).execute(&app.app.pool).await.unwrap();
    let file = Visitor::admin(&app).await.get("/panel/log.csv").await.expect(200).text;
    let ids: Vec<&str> = file.lines().skip(1).map(|line| line.split(',').next().unwrap()).collect();
    assert_eq!(ids.len(), 2500);
    assert!(ids.is_sorted_by(|newer, older| newer > older));
}

#[tokio::test]
async fn of_a_private_call_neither_title_nor_content_is_shown() {
    let (app, receiver) = (TestApp::start().await, Receiver::start().await);
    app.add_webhook(&receiver).await;
    let call = "3140000000000000159";
    app.process(call).await;
    let id = text(&app.log().await[0]["id"]).to_owned();
    let visitor = Visitor::admin(&app).await;
    let before = visitor.get(&format!("/panel/log/{id}")).await.expect(200).text;
    assert!(before.contains("Halden Freight") && before.contains(&format!("/panel/calls/{call}")), "{before}");
    sqlx::query("UPDATE calls SET is_private = true").execute(&app.app.pool).await.unwrap();
    for page in [format!("/panel/log/{id}"), "/panel/log".to_owned(), "/panel/log.csv".to_owned()] {
        let page = visitor.get(&page).await.expect(200).text;
        assert!(!page.contains("Halden Freight") && page.contains(call), "{page}");
    }
}

#[tokio::test]
async fn nothing_of_another_tenant_is_there() {
    let app = TestApp::with("DELIVERY_RETRY_SCHEDULE", "1s").start().await;
    let (own, other) = (Tenant::start(&app, "default").await, Tenant::start(&app, "other").await);
    let visitor = Visitor::signed_in(&app, &own.admin).await;
    let (delivery, endpoint) = (&other.things.delivery, &other.things.endpoint);
    visitor.get(&format!("/panel/log/{delivery}")).await.expect(404);
    visitor.get(&format!("/panel/log?endpoint_id={endpoint}")).await.expect(422);
    visitor.get(&format!("/panel/log/recover?endpoint_id={endpoint}")).await.expect(422);
    for page in ["/panel/log", "/panel/log.csv", "/panel/audit", "/panel/sources"] {
        let text = visitor.get(page).await.expect(200).text;
        assert!(!text.contains(&other.word), "{page}: {text}");
    }
    let page = visitor.get("/panel/log").await.text;
    assert!(page.contains(SHARED_CALL) || page.contains(&own.word));
    let csrf = page.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let fields = [("csrf", csrf.as_str()), ("endpoint_id", endpoint), ("since", "2031-01-01T00:00:00Z")];
    let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned()));
    visitor.post(&format!("/panel/log/{delivery}/retry"), &fields).await.expect(404);
    visitor.post("/panel/log/recover", &fields).await.expect(404);
    visitor.post(&format!("/panel/sources/{}/delete", other.things.source), &fields).await.expect(404);
    let path = "/api/v1/admin/sources";
    let sources = app.send(request(&other.admin, "GET", path, None)).await.body;
    assert_eq!(sources["items"].as_array().unwrap().len(), 2);
    assert_ne!(own.admin, TOKEN);
}
