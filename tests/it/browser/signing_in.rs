//! Signing in to the panel and out.

use fantoccini::key::Key;

use super::support::{Browser, BrowserBuilder, Site, Size};
use crate::support::TOKEN;

/// The same person at a desk, on the way at night, and without scripts.
fn browsers(site: &Site) -> [BrowserBuilder; 3] {
    [site.browser(), site.browser().phone().dark(), site.browser().without_javascript()]
}

#[tokio::test]
#[ignore = "needs Chromium: .ci/browser"]
async fn whoever_has_a_token_signs_in_and_out() {
    let site = Site::start().await;
    for browser in browsers(&site) {
        let browser = browser.open().await;
        browser.goto("/panel").await;
        browser.wait_for_path("/panel/sign-in?next=%2Fpanel").await;
        browser.assert_nothing_is_cut().await;
        browser.fill("Access token", TOKEN).await;
        browser.click_button("Sign in").await;
        browser.wait_for_path("/panel").await;
        assert_eq!(browser.title().await, "Overview · aftercall");
        sign_out(&browser).await;
        browser.goto("/panel").await;
        browser.wait_for_path("/panel/sign-in?next=%2Fpanel").await;
        browser.finish().await;
    }
}

async fn sign_out(browser: &Browser) {
    if browser.size() == Size::Phone {
        browser.click_button("Menu").await;
    }
    browser.click_button("Sign out").await;
    browser.wait_for_path("/panel/sign-in").await;
}

#[tokio::test]
#[ignore = "needs Chromium: .ci/browser"]
async fn a_wrong_token_is_told_and_can_be_put_right() {
    let site = Site::start().await;
    for browser in browsers(&site) {
        let mut browser = browser.open().await;
        browser.announce(401, "/panel/sign-in");
        browser.goto("/panel/tokens").await;
        browser.fill("Access token", "nonsense").await;
        browser.click_button("Sign in").await;
        browser.wait_for_text("not known").await;
        assert_eq!(browser.value("Access token").await, "");
        browser.fill("Access token", TOKEN).await;
        browser.click_button("Sign in").await;
        browser.wait_for_path("/panel/tokens").await;
        browser.finish().await;
    }
}

#[tokio::test]
#[ignore = "needs Chromium: .ci/browser"]
async fn a_keyboard_is_enough_to_sign_in_and_out() {
    let site = Site::start().await;
    let browser = site.browser().open().await;
    browser.goto("/panel/sign-in").await;
    browser.type_text(TOKEN).await; // the field has the focus
    browser.press(Key::Enter).await;
    browser.wait_for_path("/panel").await;
    assert_eq!(browser.tab().await, "Skip to content");
    browser.tab_to("Sign out").await;
    browser.press(Key::Enter).await;
    browser.wait_for_path("/panel/sign-in").await;
    browser.finish().await;
}
