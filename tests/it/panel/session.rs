//! Signing in, staying signed in, and not.

use std::time::Duration;

use serde_json::json;

use super::visitor::Visitor;
use crate::support::{TOKEN, TestApp};

#[tokio::test]
async fn whoever_is_not_signed_in_is_sent_to_the_sign_in_page_and_comes_back_to_the_page_asked_for() {
    let app = TestApp::start().await;
    let visitor = Visitor::new(&app);
    let sent = visitor.get("/panel/tokens?x=1").await.expect(303);
    let sign_in = sent.headers["location"].to_str().unwrap().to_owned();
    assert_eq!(sign_in, "/panel/sign-in?next=%2Fpanel%2Ftokens%3Fx%3D1");
    let back = visitor.submit(&sign_in, "/panel/sign-in", &[("token", TOKEN)]).await.expect(303);
    assert_eq!(back.headers["location"], "/panel/tokens?x=1");
    assert!(visitor.get("/panel/tokens").await.expect(200).text.contains("New token"));
}

#[tokio::test]
async fn nobody_is_sent_to_another_site_after_signing_in() {
    let app = TestApp::start().await;
    for next in ["https://evil.example/", "//evil.example", "/panel/..//evil", "/panelx", "/\\evil.example", ""] {
        let visitor = Visitor::new(&app);
        let page = format!("/panel/sign-in?next={}", urlencode(next));
        let back = visitor.submit(&page, "/panel/sign-in", &[("token", TOKEN)]).await.expect(303);
        let location = back.headers["location"].to_str().unwrap();
        assert!(location == "/panel" || location.starts_with("/panel/"), "{next} leads to {location}");
    }
}

fn urlencode(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

#[tokio::test]
async fn a_wrong_token_and_a_producers_token_do_not_sign_in_and_are_told_why() {
    let app = TestApp::start().await;
    let body = json!({"name": "crm", "role": "producer"});
    let producer = app.api("POST", "/api/v1/admin/tokens", Some(body)).await.expect(201).body;
    let tries = [
        ("nonsense", 401, "not known"),
        ("", 401, "not known"),
        (producer["token"].as_str().unwrap(), 403, "raises events"),
    ];
    for (token, status, told) in tries {
        let visitor = Visitor::new(&app);
        let answer = visitor.submit("/panel/sign-in", "/panel/sign-in", &[("token", token)]).await.expect(status);
        assert!(answer.text.contains(told), "{}", answer.text);
        assert_eq!(visitor.cookie("session"), None);
        visitor.get("/panel").await.expect(303);
    }
}

#[tokio::test]
async fn the_session_cookie_is_out_of_reach_of_scripts_other_sites_and_plain_connections() {
    let app = TestApp::start().await;
    for (header, value, name, secure) in [
        ("host", "hooks.example.test", "__Host-aftercall-session", true),
        ("x-forwarded-proto", "https", "__Host-aftercall-session", true),
        ("host", "127.0.0.1:8080", "aftercall-session", false),
    ] {
        let request = |builder: http::request::Builder| builder.header(header, value);
        let shown =
            app.send(request(http::Request::get("/panel/sign-in")).body(axum::body::Body::empty()).unwrap()).await;
        let visit = shown.headers["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
        let csrf = visit.split('=').nth(1).unwrap().to_owned();
        let posted = request(http::Request::post("/panel/sign-in"))
            .header("cookie", &visit)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(axum::body::Body::from(format!("csrf={csrf}&token={TOKEN}")));
        let answer = app.send(posted.unwrap()).await.expect(303);
        let set: Vec<_> = answer.headers.get_all("set-cookie").iter().map(|set| set.to_str().unwrap()).collect();
        let session = set.iter().find(|set| set.starts_with(&format!("{name}="))).expect("a session");
        assert!(
            session.contains("HttpOnly") && session.contains("SameSite=Lax") && session.contains("Path=/"),
            "{session}"
        );
        assert_eq!(session.contains("Secure"), secure, "{session}");
    }
}

#[tokio::test]
async fn a_session_ends_by_signing_out_by_idling_by_age_and_with_its_token() {
    let app = TestApp::start().await;
    let out = Visitor::admin(&app).await;
    out.submit("/panel", "/panel/sign-out", &[]).await.expect(303);
    out.get("/panel").await.expect(303);

    let idle = Visitor::admin(&app).await;
    app.clock.advance(Duration::from_hours(11));
    idle.get("/panel").await.expect(200);
    app.clock.advance(Duration::from_hours(13));
    idle.get("/panel").await.expect(303);

    let old = Visitor::admin(&app).await;
    for _ in 0..16 {
        app.clock.advance(Duration::from_hours(10));
        old.get("/panel").await.expect(200);
    }
    app.clock.advance(Duration::from_hours(10));
    old.get("/panel").await.expect(303);

    let revoked = Visitor::of_role(&app, "viewer").await;
    revoked.get("/panel").await.expect(200);
    let tokens = app.get("/api/v1/admin/tokens").await.body;
    let path = format!("/api/v1/admin/tokens/{}", tokens["items"][0]["id"].as_str().unwrap());
    app.api("DELETE", &path, None).await.expect(204);
    revoked.get("/panel").await.expect(303);
}

#[tokio::test]
async fn the_cookie_is_renewed_and_the_old_one_is_soon_worth_nothing() {
    let app = TestApp::start().await;
    let visitor = Visitor::admin(&app).await;
    let first = visitor.cookie("session").unwrap();
    visitor.get("/panel").await.expect(200);
    assert_eq!(visitor.cookie("session").unwrap(), first);
    app.clock.advance(Duration::from_mins(61));
    visitor.get("/panel").await.expect(200);
    let second = visitor.cookie("session").unwrap();
    assert_ne!(second, first);

    let name = "aftercall-session";
    let other_tab = Visitor::new(&app);
    other_tab.set_cookie(name, &first);
    app.clock.advance(Duration::from_mins(4));
    other_tab.get("/panel").await.expect(200);
    app.clock.advance(Duration::from_mins(2));
    other_tab.get("/panel").await.expect(303);
    visitor.get("/panel").await.expect(200);
}

#[tokio::test]
async fn a_form_without_the_sessions_proof_changes_nothing() {
    let app = TestApp::start().await;
    let visitor = Visitor::admin(&app).await;
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    for csrf in ["", "0123", &visitor.cookie("session").unwrap()] {
        let fields = [pair("csrf", csrf), pair("name", "x"), pair("role", "admin"), pair("key", "k")];
        visitor.post("/panel/tokens", &fields).await.expect(403);
    }
    assert_eq!(app.count("tokens").await, 0);
    let stranger = Visitor::new(&app);
    stranger.post("/panel/tokens", &[pair("name", "x")]).await.expect(303);
    let login = [pair("csrf", "0123"), pair("token", TOKEN)];
    stranger.post("/panel/sign-in", &login).await.expect(403);
    assert_eq!(stranger.cookie("session"), None);
}

#[tokio::test]
async fn a_viewer_changes_nothing_and_sees_no_tokens() {
    let app = TestApp::start().await;
    let viewer = Visitor::of_role(&app, "viewer").await;
    let page = viewer.get("/panel").await.expect(200).text;
    assert!(!page.contains("href=\"/panel/tokens\""), "{page}");
    viewer.get("/panel/tokens").await.expect(403);
    let csrf = page.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let fields = [("csrf", csrf.as_str()), ("name", "x"), ("role", "admin"), ("key", "k")];
    let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned()));
    viewer.post("/panel/tokens", &fields).await.expect(403);
    assert_eq!(app.count("tokens").await, 1, "its own");
}

#[tokio::test]
async fn every_page_keeps_to_itself() {
    let app = TestApp::start().await;
    let visitor = Visitor::admin(&app).await;
    for path in ["/panel", "/panel/nowhere", "/panel/sign-in"] {
        let answer = visitor.get(path).await;
        let policy = answer.headers["content-security-policy"].to_str().unwrap();
        assert!(
            policy.contains("default-src 'none'") && !policy.contains("unsafe") && !policy.contains("http"),
            "{policy}"
        );
        assert_eq!(answer.headers["cache-control"], "no-store");
        assert_eq!(answer.headers["x-content-type-options"], "nosniff");
    }
}

#[tokio::test]
async fn signing_in_and_out_is_on_record() {
    let app = TestApp::start().await;
    let visitor = Visitor::admin(&app).await;
    visitor.submit("/panel", "/panel/sign-out", &[]).await.expect(303);
    let audit = app.get("/api/v1/admin/audit").await.body;
    let actions: Vec<_> = audit["items"].as_array().unwrap().iter().map(|item| item["action"].clone()).collect();
    assert_eq!(actions, ["panel.sign_out", "panel.sign_in"]);
}

#[tokio::test]
async fn a_token_made_here_is_shown_once_however_often_the_form_is_sent() {
    let app = TestApp::start().await;
    let visitor = Visitor::admin(&app).await;
    let page = visitor.get("/panel/tokens").await.text;
    let field = |name: &str| {
        let at = page.find("action=\"/panel/tokens\"").unwrap();
        let after = page[at..].split(&format!("name=\"{name}\" value=\"")).nth(1).unwrap();
        (name.to_owned(), after.split('"').next().unwrap().to_owned())
    };
    let mut fields = vec![field("csrf"), field("key")];
    fields.extend(
        [("name", "<b>Dana</b>"), ("role", "viewer"), ("expires", "2031-06-01")]
            .map(|(n, v)| (n.to_owned(), v.to_owned())),
    );
    let first = visitor.post("/panel/tokens", &fields).await.expect(200).text;
    let again = visitor.post("/panel/tokens", &fields).await.expect(200).text;
    let shown = |page: &str| page.split("<code>act_").nth(1).map(|rest| rest[..64].to_owned());
    assert!(shown(&first).is_some() && shown(&first) == shown(&again));
    assert!(first.contains("&lt;b&gt;Dana") && !first.contains("<b>Dana"), "{first}");
    assert_eq!(app.count("tokens").await, 1);
    assert_eq!(shown(&visitor.get("/panel/tokens").await.text), None);
    let refused = visitor.submit(
        "/panel/tokens",
        "/panel/tokens",
        &[("name", "x"), ("role", "viewer"), ("expires", "2001-01-01")],
    );
    let refused = refused.await.expect(422).text;
    assert!(refused.contains("still to come") && refused.contains("value=\"x\""), "{refused}");
}

#[tokio::test]
async fn a_token_whose_time_is_over_is_told_so() {
    let app = TestApp::start().await;
    let body = json!({"name": "Dana", "role": "viewer", "expires_at": "2031-05-06T11:00:00Z"});
    app.api("POST", "/api/v1/admin/tokens", Some(body)).await.expect(201);
    let visitor = Visitor::admin(&app).await;
    assert!(!visitor.get("/panel/tokens").await.expect(200).text.contains("</svg>ended"));
    app.clock.advance(std::time::Duration::from_hours(2));
    assert!(visitor.get("/panel/tokens").await.expect(200).text.contains("</svg>ended"));
}

#[tokio::test]
async fn without_its_database_the_panel_answers_with_a_page_that_says_so() {
    let app = TestApp::start().await;
    let admin = Visitor::admin(&app).await;
    app.app.pool.close().await;
    for page in [admin.get("/panel").await, admin.get("/panel/calls").await] {
        let page = page.expect(503);
        assert!(page.text.contains("Not possible right now") && page.text.contains("</html>"), "{}", page.text);
        assert!(page.headers.contains_key("content-security-policy"));
    }
}
