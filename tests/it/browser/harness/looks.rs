//! How wide and how bright pages are, whether all of them can be read and reached, and pictures of them.

use serde_json::json;

use super::{Browser, html, serve, showing};
use crate::browser::support::{Scheme, Size};

const MEDIA: &str = "const is = (query) => matchMedia(query).matches;
    return [innerWidth, is('(prefers-color-scheme: dark)'), is('(prefers-reduced-motion: reduce)')]";
/// What the panel may be served with at its strictest.
const STRICT: (&str, &str) =
    ("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'; img-src data:");

#[tokio::test]
#[ignore = "needs Chromium: .ci/browser"]
async fn a_page_sees_the_window_and_the_preferences_of_the_test() {
    let server = serve(html("")).await;
    let mut browser = Browser::at(&server.url).phone().dark().open().await;
    browser.goto("/").await;
    assert_eq!(browser.execute(MEDIA, Vec::new()).await.expect("an answer"), json!([390, true, true]));
    browser.look(Size::Desktop, Scheme::Light).await;
    assert_eq!(browser.execute(MEDIA, Vec::new()).await.expect("an answer"), json!([1280, false, true]));
    browser.goto("/").await;
    assert_eq!(browser.execute(MEDIA, Vec::new()).await.expect("an answer"), json!([1280, false, true]));
    browser.finish().await;
}

#[tokio::test]
#[ignore = "needs Chromium: .ci/browser"]
async fn what_is_too_wide_or_cut_is_found() {
    let wide = |width: u32| format!("<div style='width: {width}px'>Wide</div>");
    let scrolled = format!("<div style='overflow-x: auto'>{}</div>", wide(900));
    for fine in [&wide(200), &scrolled, "<p style='position: absolute; left: -999px; width: 9px'>Skip</p>"] {
        fits(fine, true).await;
    }
    for bad in [
        wide(900),
        format!("<style>body {{ overflow-x: clip }}</style>{}", wide(900)),
        "<div style='width: 30px; overflow: hidden; white-space: nowrap'>A long line</div>".to_owned(),
        "<div style='height: 10px; overflow: hidden'>One<br>and two</div>".to_owned(),
    ] {
        fits(&bad, false).await;
    }
}

/// Judges a page at the width of a phone.
async fn fits(body: &str, expected: bool) {
    let server = serve(html(body)).await;
    let browser = Browser::at(&server.url).phone().open().await;
    browser.goto("/").await;
    let page = browser.clone();
    let judged = tokio::spawn(async move { page.assert_nothing_is_cut().await }).await;
    assert_eq!(judged.is_ok(), expected, "{body}");
    browser.finish().await;
}

#[tokio::test]
#[ignore = "needs Chromium: .ci/browser"]
async fn what_somebody_could_not_reach_is_found() {
    let grey =
        "<style>@media (prefers-color-scheme: dark) { body { background: #111 } p { color: #333 } }</style><p>Grey</p>";
    let server = serve(([STRICT], html(grey))).await;
    let mut browser = Browser::at(&server.url).open().await;
    browser.goto("/").await;
    browser.assert_accessible().await;
    browser.look(Size::Phone, Scheme::Dark).await;
    let violations = browser.violations().await;
    assert!(violations.len() == 1 && violations[0].contains("color-contrast"), "{violations:?}");
    assert!(violations[0].contains("<p>Grey</p>") && violations[0].contains("Fix any"), "{violations:?}");
    browser.finish().await;

    let browser = showing("<form><input></form>").await;
    assert!(browser.violations().await.concat().contains("label (critical)"));
    browser.finish().await;
}

#[tokio::test]
#[ignore = "needs Chromium: .ci/browser"]
async fn a_picture_is_of_the_whole_page() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("page.png");
    let mut browser = showing("<style>* { margin: 0 } h1 { height: 2000px }</style>").await;
    for size in [Size::Desktop, Size::Phone] {
        browser.look(size, Scheme::Light).await;
        browser.screenshot(&path).await;
        let png = std::fs::read(&path).expect("a picture");
        let side = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().expect("four bytes"));
        assert_eq!((side(16), side(20)), (size.width(), 2000));
    }
    browser.finish().await;
}
