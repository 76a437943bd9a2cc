//! What fails a test that looked at something else.

use std::panic::{AssertUnwindSafe, catch_unwind};

use axum::{Router, routing::get};

use super::{Browser, StandIn, failure, html, serve, showing};

#[tokio::test]
#[ignore = "needs Chromium: .ci/browser"]
async fn a_page_without_fault_is_no_reason_to_fail() {
    showing("<p>Fine.</p><script>console.log('fine'); console.warn('well')</script>").await.finish().await;
}

#[tokio::test]
#[ignore = "needs Chromium: .ci/browser"]
async fn an_error_in_the_console_fails_the_test() {
    let why = failure(showing("<script>console.error('out of', 'cheese')</script>").await).await;
    assert!(why.contains("out of") && why.contains("cheese"), "{why}");
}

#[tokio::test]
#[ignore = "needs Chromium: .ci/browser"]
async fn an_uncaught_exception_fails_the_test() {
    let why = failure(showing("<script>throw new Error('boom')</script>").await).await;
    assert!(why.contains("javascript:") && why.contains("boom"), "{why}");
    let why = failure(showing("<script>Promise.reject(new Error('unheard'))</script>").await).await;
    assert!(why.contains("unheard"), "{why}");
}

#[tokio::test]
#[ignore = "needs Chromium: .ci/browser"]
async fn a_broken_content_security_policy_fails_the_test() {
    let other = serve("not for others").await.url;
    for (broken, directive) in [
        ("<script>document.title = 'mine'</script>".to_owned(), "script-src"),
        ("<p style='color: red'>Red</p>".to_owned(), "style-src"),
        (format!("<img alt='' src='{other}/'>"), "img-src"),
    ] {
        let policy = "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:";
        let server = serve(([("content-security-policy", policy)], html(&broken))).await;
        let browser = Browser::at(&server.url).open().await;
        browser.goto("/").await;
        let why = failure(browser).await;
        assert!(why.contains("security:") && why.contains(directive), "{why}");
    }
}

#[tokio::test]
#[ignore = "needs Chromium: .ci/browser"]
async fn a_request_to_another_host_fails_the_test() {
    let other = serve("hello").await;
    for asks in [
        format!("<img alt='' src='{}/'>", other.url),
        format!("<script>fetch('{}/', {{mode: 'no-cors'}})</script>", other.url),
        format!("<script>new WebSocket('{}/')</script>", other.url.replace("http:", "ws:")),
    ] {
        let why = failure(showing(&asks).await).await;
        assert!(why.contains("another host was asked") && why.contains(&other.url["http:".len()..]), "{why}");
    }
}

#[tokio::test]
#[ignore = "needs Chromium: .ci/browser"]
async fn names_of_the_outside_lead_nowhere() {
    let why = failure(showing("<img alt='' src='http://example.com/'>").await).await;
    assert!(why.contains("ERR_NAME_NOT_RESOLVED"), "{why}");
}

#[tokio::test]
#[ignore = "needs Chromium: .ci/browser"]
async fn an_error_that_was_not_announced_fails_the_test() {
    let why = failure(showing("<img alt='' src='/missing.png'>").await).await;
    assert!(why.contains("/missing.png answered 404"), "{why}");
}

#[tokio::test]
#[ignore = "needs Chromium: .ci/browser"]
async fn an_announced_error_is_none_and_has_to_come() {
    let router = Router::new().route("/", get(html("<img alt='' src='/missing.png'>")));
    let server = StandIn::serve(router).await;
    let mut browser = Browser::at(&server.url).open().await;
    browser.announce(404, "/missing.png");
    browser.goto("/").await;
    browser.finish().await;

    let mut browser = showing("<p>Fine.</p>").await;
    browser.announce(403, "/forbidden");
    let why = failure(browser).await;
    assert!(why.contains("/forbidden never answered 403"), "{why}");
}

#[tokio::test]
#[ignore = "needs Chromium: .ci/browser"]
async fn a_forgotten_end_fails_the_test() {
    let browser = showing("<p>Fine.</p>").await;
    assert!(catch_unwind(AssertUnwindSafe(|| drop(browser))).is_err());
}
