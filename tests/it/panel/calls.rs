//! Calls on their pages: found, read, sent through again, erased; and never more of one than may be shown.

use serde_json::{Value, json};

use super::visitor::Visitor;
use crate::support::{Receiver, Tenant, TestApp, callback, request, transcript};

/// A call that was summarised and told of.
async fn told(app: &TestApp) -> Receiver {
    let receiver = Receiver::start().await;
    app.add_webhook(&receiver).await;
    app.process("1").await;
    receiver
}

fn page_of(call: &str) -> String {
    format!("/panel/calls/{call}")
}

async fn api_status(app: &TestApp, call: &str) -> Value {
    app.get(&format!("/api/v1/admin/calls/{call}")).await.expect(200).body["status"].clone()
}

/// The session's proof, for forms that a page does not show.
fn csrf(page: &str) -> (String, String) {
    let value = page.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    ("csrf".to_owned(), value.to_owned())
}

#[tokio::test]
async fn without_calls_the_list_says_what_it_will_show_and_what_to_do() {
    let app = TestApp::start().await;
    let page = Visitor::admin(&app).await.get("/panel/calls").await.expect(200).text;
    assert!(page.contains("No calls yet") && page.contains("href=\"/panel/sources\""), "{page}");
}

#[tokio::test]
async fn calls_are_found_by_words_account_state_and_day() {
    let app = TestApp::start().await;
    told(&app).await;
    let other = callback("2").to_string().replace("Halden Freight: renewal", "Ostrava Tools: kick-off");
    let other = other.replace("Halden Freight", "Ostrava Tools").replace("HF-1", "OT-1").replace("05-06T", "05-01T");
    app.post_signed(&serde_json::from_str(&other).unwrap()).await.expect(202);
    app.run_due().await;
    let visitor = Visitor::admin(&app).await;
    let finds = async |query: &str| {
        let page = visitor.get(&format!("/panel/calls?{query}")).await.expect(200).text;
        ["/panel/calls/1\"", "/panel/calls/2\""].map(|link| page.contains(link))
    };
    for (query, found) in [
        ("", [true, true]),
        ("text=kick", [false, true]),
        ("text=renewal+halden", [true, false]),
        ("account=halden+freight", [true, false]),
        ("account=OT-1", [false, true]),
        ("state=done", [true, false]),
        ("state=active", [false, true]),
        ("since=2031-05-02", [true, false]),
        ("until=2031-05-01", [false, true]),
        ("text=nothing", [false, false]),
    ] {
        assert_eq!(finds(query).await, found, "{query}");
    }
    let nothing = visitor.get("/panel/calls?text=nothing").await.text;
    assert!(nothing.contains("No call is like that") && nothing.contains("value=\"nothing\""), "{nothing}");
}

#[tokio::test]
async fn a_filter_that_cannot_be_read_is_told_at_its_field_and_narrows_nothing() {
    let app = TestApp::start().await;
    app.process("1").await;
    let visitor = Visitor::admin(&app).await;
    for (query, field) in [("state=sleeping", "state"), ("since=yesterday", "since"), ("until=2031-02-30", "until")] {
        let page = visitor.get(&format!("/panel/calls?{query}")).await.expect(200).text;
        assert!(
            page.contains(&format!("id=\"{field}-fault\"")) && page.contains("/panel/calls/1\""),
            "{query}: {page}"
        );
    }
    visitor.get("/panel/calls?cursor=x&text=%00%27%22%3Cscript%3E").await.expect(200);
}

#[tokio::test]
async fn a_long_list_is_read_page_by_page_with_its_filters() {
    let app = TestApp::start().await;
    for number in 0..51 {
        app.post_signed(&callback(&format!("{}", 9000 + number))).await.expect(202);
    }
    let visitor = Visitor::admin(&app).await;
    let first = visitor.get("/panel/calls?text=renewal").await.expect(200).text;
    let next = first.split("rel=\"next\"").next().unwrap().rsplit("href=\"").next().unwrap().split('"').next().unwrap();
    let next = next.replace("&#x2f;", "/").replace("&amp;", "&");
    assert!(next.contains("text=renewal") && next.contains("cursor="), "{next}");
    let last = visitor.get(&next).await.expect(200).text;
    assert!(last.contains("/panel/calls/9000\"") && !last.contains("/panel/calls/9001\""), "{last}");
    assert!(!last.contains("rel=\"next\""));
}

#[tokio::test]
async fn a_call_shows_its_summary_its_words_its_documents_its_way_and_who_was_told() {
    let app = TestApp::start().await;
    told(&app).await;
    let delivery = app.log().await.pop().unwrap();
    let page = Visitor::of_role(&app, "viewer").await.get("/panel/calls/1").await.expect(200).text;
    for shown in [
        "Halden Freight: renewal",
        "HF-1",
        "10 min 12 s",
        "https:&#x2f;&#x2f;zz-1.app.gong.example&#x2f;call?id=1",
        "made by the built-in summariser",
        "Key points",
        "Action items",
        "Dana Reyes",
        "Ingrid Vale",
        "the customer",
        "Good, then we decide on June third.",
        "Call Summary.md",
        "call.summarised",
        "arrived",
        "Summarise",
    ] {
        assert!(page.contains(shown), "{shown} is missing: {page}");
    }
    assert!(page.contains(&format!("/panel/log/{}", delivery["id"].as_str().unwrap())), "{page}");
    assert!(!page.contains("@halden.example") && !page.contains("555 0134"), "{page}");
    assert!(!page.contains("/erase\"") && !page.contains("/reprocess\""), "a viewer sees no button: {page}");
}

#[tokio::test]
async fn what_people_wrote_is_text_and_links_lead_to_web_pages_only() {
    let app = TestApp::start().await;
    let hostile = "<script>alert(1)</script>\\\" onload=x";
    let words = transcript("1").to_string().replace("Good morning Ingrid", hostile);
    app.import(&serde_json::from_str(&words).unwrap()).await;
    let told = callback("1").to_string().replace("Halden Freight", hostile).replace("Ingrid Vale", hostile);
    let told = told.replace("https://zz-1.app.gong.example/call?id=1", "javascript:alert(1)");
    app.post_signed(&serde_json::from_str(&told).unwrap()).await.expect(202);
    app.run_due().await;
    sqlx::query("UPDATE runs SET state = 'failed', reason = '<script>x</script>'")
        .execute(&app.app.pool)
        .await
        .unwrap();
    let visitor = Visitor::admin(&app).await;
    for path in ["/panel/calls", "/panel/calls/1", "/panel/runs", "/panel/calls?text=%3Cscript%3E%22"] {
        let page = visitor.get(path).await.expect(200).text;
        assert!(!page.contains("<script>") && page.contains("&lt;script&gt;"), "{path}: {page}");
        assert!(!page.contains("href=\"javascript"), "{path}: {page}");
    }
}

#[tokio::test]
async fn a_private_call_shows_why_it_shows_nothing() {
    let app = TestApp::start().await;
    app.process("1").await;
    let mut private = callback("1");
    private["isPrivate"] = json!(true);
    app.post_signed(&private).await.expect(200);
    let visitor = Visitor::admin(&app).await;
    for path in ["/panel/calls", "/panel/calls/1", "/panel/runs?state=all"] {
        let page = visitor.get(path).await.expect(200).text;
        assert!(page.contains("Private call"), "{path}: {page}");
        for hidden in ["Halden", "Dana", "export", "Key points"] {
            assert!(!page.contains(hidden), "{path} shows {hidden}: {page}");
        }
    }
    let page = visitor.get("/panel/calls/1").await.text;
    assert!(page.contains("private in Gong") && !page.contains("/reprocess\""), "{page}");
}

#[tokio::test]
async fn a_call_is_sent_through_again_from_its_page() {
    let app = TestApp::start().await;
    let receiver = told(&app).await;
    let visitor = Visitor::admin(&app).await;
    let sent = visitor.submit("/panel/calls/1", "/panel/calls/1/reprocess", &[]).await.expect(303);
    assert_eq!(sent.headers["location"], "/panel/calls/1");
    let page = visitor.get("/panel/calls/1").await.expect(200).text;
    assert!(page.contains("on its way") && page.contains("An earlier run"), "{page}");
    assert!(!page.contains("/reprocess\""), "not while it is under way: {page}");
    let again = visitor.post("/panel/calls/1/reprocess", &[csrf(&page)]).await.expect(303);
    assert_eq!(again.headers["location"], "/panel/calls/1");
    assert!(visitor.get("/panel/calls/1").await.text.contains("a run of this call is under way"));
    app.run_due().await;
    assert_eq!((api_status(&app, "1").await, receiver.received().len()), (json!("done"), 2));
    let audit = app.get("/api/v1/admin/audit").await.body;
    assert_eq!(audit["items"][0]["action"], "call.reprocess");
}

#[tokio::test]
async fn an_imported_call_is_processed_from_its_page() {
    let app = TestApp::start().await;
    app.import_transcript("1").await;
    let visitor = Visitor::admin(&app).await;
    let page = visitor.get("/panel/calls/1").await.expect(200).text;
    assert!(page.contains("imported"), "{page}");
    visitor.submit("/panel/calls/1", "/panel/calls/1/reprocess", &[]).await.expect(303);
    app.run_due().await;
    assert_eq!(api_status(&app, "1").await, "done");
}

#[tokio::test]
async fn a_call_is_erased_only_by_who_says_that_it_is_understood() {
    let app = TestApp::start().await;
    told(&app).await;
    let visitor = Visitor::admin(&app).await;
    visitor.submit("/panel/calls/1", "/panel/calls/1/erase", &[]).await.expect(303);
    assert!(visitor.get("/panel/calls/1").await.text.contains("Nothing was erased"));
    assert_eq!(api_status(&app, "1").await, "done");
    visitor.submit("/panel/calls/1", "/panel/calls/1/erase", &[("understood", "yes")]).await.expect(303);
    app.get("/api/v1/admin/calls/1").await.expect(404);
    let page = visitor.get("/panel/calls/1").await.expect(200).text;
    assert!(page.contains("Erased call") && page.contains("was erased"), "{page}");
    for gone in ["Halden", "Dana", "Key points", "/erase\"", "/reprocess\""] {
        assert!(!page.contains(gone), "{gone}: {page}");
    }
    assert!(visitor.get("/panel/calls").await.text.contains("No calls yet"));
}

#[tokio::test]
async fn a_call_that_waits_says_for_what_and_until_when() {
    let app = TestApp::start().await;
    app.post_signed(&callback("1")).await.expect(202);
    app.run_due().await;
    let visitor = Visitor::admin(&app).await;
    let page = visitor.get("/panel/calls/1").await.expect(200).text;
    for shown in ["under way", "the transcript is not there yet", "next try", "in 30 s", "to come"] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
}

#[tokio::test]
async fn viewers_and_other_pages_change_no_call() {
    let app = TestApp::start().await;
    told(&app).await;
    let viewer = Visitor::of_role(&app, "viewer").await;
    let proof = csrf(&viewer.get("/panel/calls/1").await.text);
    let admin = Visitor::admin(&app).await;
    let run = app.get("/api/v1/admin/runs").await.body["items"][0]["id"].as_str().unwrap().to_owned();
    for action in
        ["/panel/calls/1/erase".to_owned(), "/panel/calls/1/reprocess".to_owned(), format!("/panel/runs/{run}/retry")]
    {
        let understood = ("understood".to_owned(), "yes".to_owned());
        viewer.post(&action, &[proof.clone(), understood.clone()]).await.expect(403);
        admin.post(&action, &[("csrf".to_owned(), "forged".to_owned()), understood]).await.expect(403);
    }
    assert_eq!(app.count("runs").await, 1);
    assert_eq!(api_status(&app, "1").await, "done");
}

#[tokio::test]
async fn what_belongs_to_another_tenant_is_not_there() {
    let app = TestApp::with("DELIVERY_RETRY_SCHEDULE", "1s").start().await;
    let other = Tenant::start(&app, "other").await;
    let visitor = Visitor::admin(&app).await;
    let things = &other.things;
    for path in [page_of(&things.call), format!("/panel/runs/{}", things.run), page_of("..%2f..%2fx"), page_of("%00")] {
        visitor.get(&path).await.expect(404);
    }
    visitor.get(&format!("/panel/accounts/edit?number={}", things.account)).await.expect(404);
    let page = visitor.get("/panel").await.text;
    let fields = [csrf(&page), ("understood".to_owned(), "yes".to_owned())];
    for action in ["reprocess", "erase"] {
        visitor.post(&format!("/panel/calls/{}/{action}", things.call), &fields).await.expect(404);
    }
    visitor.post(&format!("/panel/runs/{}/retry", things.run), &fields).await.expect(404);
    for list in ["/panel/calls", "/panel/runs?state=all", "/panel/accounts"] {
        assert!(!visitor.get(list).await.expect(200).text.contains(&other.word), "{list}");
    }
    let theirs = request(&other.admin, "GET", &format!("/api/v1/admin/calls/{}", things.call), None);
    assert_eq!(app.send(theirs).await.expect(200).body["status"], "done");
    let own = Visitor::signed_in(&app, &other.viewer).await;
    assert!(own.get("/panel/calls").await.text.contains(&things.call));
}
