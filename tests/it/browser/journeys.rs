//! What people come to the panel for, the way they go about it: at a desk, on a phone, and without scripts.

use serde_json::{Value, json};

use super::support::{Browser, BrowserBuilder, Site, Size};
use crate::support::{Receiver, TOKEN, TestApp, callback};

/// Browsers, and whether their pages follow what happens.
fn browsers(site: &Site) -> [(BrowserBuilder, bool); 3] {
    [(site.browser(), true), (site.browser().phone(), true), (site.browser().without_javascript(), false)]
}

/// Loads the page anew where it does not follow what happens by itself.
async fn catch_up(browser: &Browser, is_live: bool) {
    if !is_live {
        browser.goto(&browser.path().await).await;
    }
}

/// Goes to a page by the menu.
async fn open_page(browser: &Browser, name: &str) {
    if browser.size() == Size::Phone {
        browser.click_button("Menu").await;
    }
    browser.within("Panel").await.click_link(name).await;
    browser.wait_for_text(name).await;
}

async fn begin_endpoint(browser: &Browser, kind: &str, first: bool) {
    open_page(browser, "Endpoints").await;
    browser.click_link(if first { "Make the first endpoint" } else { "New endpoint" }).await;
    browser.click_link(kind).await;
    browser.wait_for_text("Which events").await;
    browser.assert_nothing_is_cut().await;
}

async fn test_endpoint(browser: &Browser) {
    browser.click_button("Send a test").await;
    browser.wait_for_text("The test sent It arrived").await;
    browser.assert_nothing_is_cut().await;
}

#[tokio::test]
#[ignore = "needs Chromium: .ci/browser"]
async fn an_endpoint_of_each_kind_is_made_and_tested() {
    let site = Site::start().await;
    for (round, (browser, _)) in browsers(&site).into_iter().enumerate() {
        let browser = browser.open().await;
        let receiver = Receiver::start().await;
        browser.sign_in(TOKEN).await;

        begin_endpoint(&browser, "Webhook", round == 0).await;
        browser.fill("Name", "CRM").await;
        browser.fill("URL", &receiver.url()).await;
        browser.tick("call.summarised …").await;
        browser.click_button("Make the endpoint").await;
        browser.wait_for_text("“CRM” is made").await;
        browser.wait_for_text("whsec_").await;
        browser.assert_nothing_is_cut().await;
        test_endpoint(&browser).await;
        assert_eq!(receiver.types(), ["test.ping"]);

        begin_endpoint(&browser, "Slack", false).await;
        browser.fill("Name", "Sales").await;
        browser.fill("URL of the incoming webhook", &receiver.url()).await;
        browser.click_button("Make the endpoint").await;
        browser.wait_for_text("Last deliveries").await;
        test_endpoint(&browser).await;

        begin_endpoint(&browser, "E-mail", false).await;
        browser.fill("Name", "Success").await;
        browser.fill("Address", "success@brindlemoor.example").await;
        browser.click_button("Make the endpoint").await;
        browser.wait_for_text("Last deliveries").await;
        test_endpoint(&browser).await;
        browser.finish().await;
    }
    let made = site.ask("/api/v1/admin/notify/endpoints").await;
    let kinds: Vec<&Value> = made["items"].as_array().expect("items").iter().map(|one| &one["kind"]).collect();
    assert_eq!(kinds.len(), 9);
    assert_eq!(kinds[..3], ["email", "slack", "webhook"]);
    assert_eq!(made["items"][2]["filters"]["events"], json!(["call.summarised"]));
}

#[tokio::test]
#[ignore = "needs Chromium: .ci/browser"]
async fn a_failed_delivery_is_found_and_sent_again() {
    let site = Site::start_with(TestApp::with("DELIVERY_RETRY_SCHEDULE", "1s")).await;
    for (browser, is_live) in browsers(&site) {
        let browser = browser.open().await;
        let receiver = Receiver::answering([500, 500]).await;
        let name = format!("CRM {}", receiver.url());
        let endpoint = json!({"kind": "webhook", "name": name, "target": receiver.url()});
        let endpoint = site.app.add_endpoint(endpoint).await;
        site.app.raise(json!({"type": "custom.deal_won", "data": {}})).await;
        for _ in 0..2 {
            site.app.run_due().await;
            site.app.clock.advance(std::time::Duration::from_secs(5));
        }
        browser.sign_in(TOKEN).await;
        open_page(&browser, "Log").await;
        browser.select("Status", "failed").await;
        browser.select("Endpoint", &format!("{name} (webhook)")).await;
        if !is_live {
            browser.click_button("Apply").await;
        }
        let found = format!("status=failed&event=&endpoint_id={}", endpoint["id"].as_str().expect("an id"));
        browser.wait_for_path_with(&found).await;
        browser.assert_nothing_is_cut().await;
        browser.click_link("custom.deal_won to …").await;
        browser.wait_for_text("Try 2").await;
        browser.click_button("Send it again").await;
        browser.wait_for_text("pending").await;
        site.app.run_due().await;
        catch_up(&browser, is_live).await;
        browser.wait_for_text("Try 3: taken").await; // by itself, where scripts run
        assert_eq!(receiver.count(), 3);
        browser.finish().await;
    }
}

#[tokio::test]
#[ignore = "needs Chromium: .ci/browser"]
async fn a_call_is_seen_as_it_comes_and_followed_from_the_list_to_the_log() {
    let site = Site::start().await;
    let receiver = Receiver::start().await;
    site.app.add_webhook(&receiver).await;
    for (round, (browser, is_live)) in browsers(&site).into_iter().enumerate() {
        let browser = browser.open().await;
        browser.sign_in(TOKEN).await;
        open_page(&browser, "Calls").await;
        let id = (1001 + round).to_string();
        site.app.import_transcript(&id).await;
        site.app.post_signed(&callback(&id)).await.expect(202);
        catch_up(&browser, is_live).await;
        browser.wait_for_text("under way").await; // the filter writes it large
        site.app.run_due().await;
        catch_up(&browser, is_live).await;
        browser.wait_until_gone("under way").await;
        let listed = site.ask("/api/v1/admin/calls?limit=1").await;
        let title = listed["items"][0]["title"].as_str().expect("a title").to_owned();
        browser.fill("Words", &id).await;
        browser.click_button("Find").await;
        browser.click_link(&title).await;
        for part in ["Action items", "Transcript", "Documents", "Events and deliveries", "call.summarised"] {
            browser.wait_for_text(part).await;
        }
        browser.assert_nothing_is_cut().await;
        let told = browser.within("Events and deliveries").await;
        told.click_link("webhook …").await;
        browser.wait_for_text("Try 1: taken").await;
        browser.wait_for_text("What try 1 sent").await;
        assert!(browser.path().await.starts_with("/panel/log/dlv_"));
        browser.finish().await;
    }
}
