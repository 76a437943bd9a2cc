//! The overview, as things happen.

use super::support::Site;
use crate::support::TOKEN;

#[tokio::test]
#[ignore = "needs Chromium: .ci/browser"]
async fn a_call_shows_on_the_overview_as_it_comes() {
    let site = Site::start().await;
    let browser = site.browser().open().await;
    browser.sign_in(TOKEN).await;
    browser.wait_for_text("Calls today 0").await;
    site.app.process("1").await;
    browser.wait_for_text("Calls today 1").await;
    browser.finish().await;
}
