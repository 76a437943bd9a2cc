//! A browser of its own for one test.

use std::{ops::Deref, thread};

use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;
use url::Url;

use super::{
    Page, Scheme, Size,
    command::{devtools, read_log},
    driver::Driver,
    look,
    watch::Watch,
};

/// Nothing of Chromium's own on the wire, no names but loopback, the same everywhere.
const FLAGS: &[&str] = &[
    "--headless",
    "--no-sandbox", // it does not start as root otherwise
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
    "--lang=en-GB",
];

/// A browser, used like the page it shows. Its test ends with `finish`.
pub struct Browser {
    page: Page,
    base: Url,
    watch: Watch,
    session: String,
    finished: bool,
    _profile: TempDir,
}

/// Settings before the start.
pub struct BrowserBuilder {
    base: Url,
    size: Size,
    scheme: Scheme,
    without_javascript: bool,
}

impl BrowserBuilder {
    pub fn phone(self) -> Self {
        Self { size: Size::Phone, ..self }
    }

    pub fn dark(self) -> Self {
        Self { scheme: Scheme::Dark, ..self }
    }

    /// Pages run no script; the test's own still do.
    pub fn without_javascript(self) -> Self {
        Self { without_javascript: true, ..self }
    }

    pub async fn open(self) -> Browser {
        let driver = Driver::shared();
        let profile = driver.profile();
        let mut flags: Vec<String> = FLAGS.iter().map(|&flag| flag.to_owned()).collect();
        flags.push(format!("--user-data-dir={}", profile.path().display()));
        let capabilities = json!({
            "goog:chromeOptions": {"binary": driver.chromium, "args": flags},
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
            "timeouts": {"pageLoad": 30_000, "script": 30_000},
            "unhandledPromptBehavior": "ignore",
        });
        let Value::Object(capabilities) = capabilities else { unreachable!("it is one") };
        let url = format!("http://{}/", driver.address);
        let client = ClientBuilder::new(HttpConnector::new()).capabilities(capabilities).connect(&url).await;
        let client = client.expect("Chromium starts");
        let session = client.session_id().await.ok().flatten().expect("a session");
        look::apply(&client, self.size, self.scheme).await;
        if self.without_javascript {
            devtools(&client, "Emulation.setScriptExecutionDisabled", json!({"value": true})).await;
        }
        Browser {
            page: Page::whole(client, self.size),
            watch: Watch::over(&self.base),
            base: self.base,
            session,
            finished: false,
            _profile: profile,
        }
    }
}

impl Browser {
    /// A browser for the server at this URL and no other: a desktop in daylight, unless told otherwise.
    pub fn at(base: &str) -> BrowserBuilder {
        let base = Url::parse(base).expect("a URL");
        BrowserBuilder { base, size: Size::default(), scheme: Scheme::default(), without_javascript: false }
    }

    /// Opens a path as if it was typed in.
    pub async fn goto(&self, path: &str) {
        let url = self.base.join(path).expect("a path");
        self.client().goto(url.as_str()).await.unwrap_or_else(|error| panic!("{url}: {error}"));
    }

    /// Changes how pages look from now on.
    pub async fn look(&mut self, size: Size, scheme: Scheme) {
        look::apply(self.client(), size, scheme).await;
        self.page = Page::whole(self.client().clone(), size);
    }

    /// Says that this path answers with this error on purpose; it has to, before the end.
    pub fn announce(&mut self, status: u16, path: &str) {
        self.watch.announce(status, path);
    }

    /// Ends the test, and fails it if there is anything to complain about.
    pub async fn finish(mut self) {
        self.finished = true;
        let mut complaints = Vec::new();
        for entry in read_log(self.client(), "performance").await {
            complaints.extend(self.watch.network_complaint(&entry));
        }
        for entry in read_log(self.client(), "browser").await {
            complaints.extend(self.watch.console_complaint(&entry));
        }
        complaints.extend(self.watch.missing());
        self.client().clone().close().await.expect("Chromium ends");
        assert!(complaints.is_empty(), "complaints:\n  {}", complaints.join("\n  "));
    }

    fn client(&self) -> &Client {
        self.page.client()
    }
}

impl Deref for Browser {
    type Target = Page;

    fn deref(&self) -> &Page {
        &self.page
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !self.finished {
            let _ = Driver::shared().end(&self.session);
            assert!(thread::panicking(), "a test of a browser ends with browser.finish().await");
        }
    }
}
