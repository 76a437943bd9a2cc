//! Every page can be read and reached by everybody, in every look.

use super::{
    places::PLACES,
    support::{
        Browser,
        Scheme::{Dark, Light},
        Site,
        Size::{Desktop, Phone},
    },
};
use crate::support::{TOKEN, Tenant, TestApp};

#[tokio::test]
#[ignore = "needs Chromium: .ci/browser"]
async fn every_page_is_accessible() {
    let site = Site::start_with(TestApp::with("DELIVERY_RETRY_SCHEDULE", "1s")).await;
    let _everything = Tenant::start(&site.app, "default").await;
    let mut browser = site.browser().open().await;
    seen(&mut browser, "/panel/sign-in").await;
    browser.sign_in(TOKEN).await;
    for place in PLACES {
        let path = place.path(async |path| site.ask(&path).await).await;
        seen(&mut browser, &path).await;
    }
    browser.announce(404, "/panel/nowhere");
    seen(&mut browser, "/panel/nowhere").await;
    browser.finish().await;
}

#[tokio::test]
#[ignore = "needs Chromium: .ci/browser"]
async fn pages_that_have_nothing_to_show_are_accessible() {
    let site = Site::start().await;
    let mut browser = site.browser().open().await;
    browser.sign_in(TOKEN).await;
    for place in PLACES.iter().filter(|place| !place.path.contains('{')) {
        seen(&mut browser, place.path).await;
    }
    browser.finish().await;
}

/// Opens a page and looks at it in every light and width.
async fn seen(browser: &mut Browser, path: &str) {
    for (size, scheme) in [(Desktop, Light), (Desktop, Dark), (Phone, Light), (Phone, Dark)] {
        browser.look(size, scheme).await;
        browser.goto(path).await;
        browser.assert_accessible().await;
        browser.assert_nothing_is_cut().await;
    }
}
