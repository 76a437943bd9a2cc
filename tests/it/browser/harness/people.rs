//! Using a page by what it says, with and without JavaScript, by mouse and by keyboard.

use axum::{Router, extract::RawQuery, routing::get};
use fantoccini::key::Key;

use super::{Browser, StandIn, html, showing};

const FORM: &str = "
    <p id=script>asleep</p><script>document.getElementById('script').textContent = 'awake'</script>
    <noscript><p>no script</p></noscript>
    <form action=/sent>
      <label>Name <input name=name value=old></label>
      <label for=kind>Kind</label><select id=kind name=kind><option>Slack<option>Webhook</select>
      <label><input type=checkbox name=active> Active</label>
      <button>Save</button><button hidden>Delete</button>
    </form>
    <table><tr><td>Halden</td><td><a href='/halden'>Open</a></td></tr>
           <tr><td>Ostrava</td><td><a href='/ostrava' aria-label='Open'>→</a></td></tr></table>";

async fn site() -> StandIn {
    let sent = |RawQuery(query): RawQuery| async move { html(&query.unwrap_or_default().replace('&', " and ")) };
    let router = Router::new().route("/", get(html(FORM))).route("/sent", get(sent));
    StandIn::serve(router.route("/ostrava", get(html("It is far.")))).await
}

#[tokio::test]
#[ignore = "needs Chromium: .ci/browser"]
async fn a_page_is_used_by_what_it_says() {
    let server = site().await;
    for (javascript, script) in [(true, "awake"), (false, "asleep no script")] {
        let browser = Browser::at(&server.url);
        let browser = if javascript { browser } else { browser.without_javascript() }.open().await;
        browser.goto("/").await;
        browser.wait_for_text(script).await;
        assert_eq!(browser.text().await.contains("no script"), !javascript);
        assert_eq!(browser.title().await, "A page");
        assert_eq!(browser.value("Name").await, "old");

        browser.fill("Name", "new & nice").await;
        browser.select("Kind", "Webhook").await;
        browser.tick("Active").await;
        browser.click_button("Save").await;
        browser.wait_for_text("name=new+%26+nice and kind=Webhook and active=on").await;

        browser.goto("/").await;
        browser.within("Ostrava").await.click_link("Open").await;
        browser.wait_for_path("/ostrava").await;
        browser.finish().await;
    }
}

#[tokio::test]
#[ignore = "needs Chromium: .ci/browser"]
async fn a_keyboard_is_enough() {
    let server = site().await;
    let browser = Browser::at(&server.url).open().await;
    browser.goto("/").await;
    assert_eq!(browser.tab().await, "Name");
    browser.type_text("new").await;
    assert_eq!(browser.value("Name").await, "new");
    for name in ["Kind", "Active", "Save"] {
        assert_eq!(browser.tab().await, name);
    }
    browser.press(Key::Enter).await;
    browser.wait_for_path("/sent?name=new&kind=Slack").await;
    browser.finish().await;
}

#[tokio::test]
#[ignore = "needs Chromium: .ci/browser"]
async fn what_comes_later_is_waited_for() {
    let later = "<script>setTimeout(() => document.querySelector('main').innerHTML += '<button>Late</button>', 300);
        addEventListener('click', () => document.body.append('clicked'))</script>";
    let browser = showing(later).await;
    browser.click_button("Late").await;
    browser.wait_for_text("clicked").await;
    browser.finish().await;
}
