//! The page that describes the API.

use super::support::Site;

#[tokio::test]
#[ignore = "needs Chromium: .ci/browser"]
async fn the_description_of_the_api_needs_nothing_from_elsewhere() {
    let site = Site::start().await;
    let browser = site.browser().open().await;
    browser.goto("/docs/").await;
    browser.wait_for_text("Where notifications go").await;
    browser.finish().await;
}

#[tokio::test]
#[ignore = "needs Chromium: .ci/browser"]
async fn a_site_takes_callbacks_where_it_is() {
    let site = Site::start().await;
    let run = site.app.process("1").await;
    assert_eq!(site.app.run_of(&run).await["state"], "done");
}
