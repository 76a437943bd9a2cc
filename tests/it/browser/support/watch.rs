//! What a page must not do, whatever its test looks at: complain in the console, throw, break its own content security
//! policy, ask another host, or be answered with an error that the test did not announce.

use serde_json::Value;
use url::{Origin, Url};

/// Watches one browser.
pub struct Watch {
    own: Origin,
    announced: Vec<Announced>,
}

/// An error that the test causes on purpose.
struct Announced {
    status: u64,
    path: String,
    came: bool,
}

impl Watch {
    pub fn over(base: &Url) -> Self {
        Self { own: base.origin(), announced: Vec::new() }
    }

    /// Takes an answer of this status at this path for what the test wants. It has to come.
    pub fn announce(&mut self, status: u16, path: &str) {
        self.announced.push(Announced { status: status.into(), path: path.to_owned(), came: false });
    }

    /// What was announced and did not come.
    pub fn missing(&self) -> impl Iterator<Item = String> {
        let missing = self.announced.iter().filter(|announced| !announced.came);
        missing.map(|announced| format!("{} never answered {}, as was announced", announced.path, announced.status))
    }

    /// What is wrong with an entry of the `performance` log: one event of the debugging protocol, as text.
    pub fn network_complaint(&mut self, entry: &Value) -> Option<String> {
        let event: Value = serde_json::from_str(entry["message"].as_str()?).ok()?;
        let (method, params) = (event["message"]["method"].as_str()?, &event["message"]["params"]);
        match method {
            "Network.requestWillBeSent" => self.foreign(params["request"]["url"].as_str()?),
            "Network.webSocketCreated" | "Network.webTransportCreated" => self.foreign(params["url"].as_str()?),
            "Network.responseReceived" => {
                let (status, url) = (params["response"]["status"].as_u64()?, params["response"]["url"].as_str()?);
                (status >= 400 && !self.expects(status, url)).then(|| format!("{url} answered {status}"))
            }
            _ => None,
        }
    }

    /// What is wrong with an entry of the `browser` log: the console, uncaught exceptions, and the browser's own remarks.
    pub fn console_complaint(&self, entry: &Value) -> Option<String> {
        let (source, message) = (entry["source"].as_str()?, entry["message"].as_str()?);
        if entry["level"] != "SEVERE" && source != "security" {
            return None;
        }
        let announced = |announced: &Announced| {
            source == "network"
                && message.contains(&format!("status of {} ", announced.status))
                && message.split(' ').next().and_then(|url| self.own_path(url)).as_deref() == Some(&announced.path)
        };
        (!self.announced.iter().any(announced)).then(|| format!("{source}: {message}"))
    }

    fn foreign(&self, url: &str) -> Option<String> {
        let parsed = Url::parse(url).ok()?;
        let at_home = parsed.origin() == self.own || matches!(parsed.scheme(), "data" | "blob" | "chrome" | "about");
        (!at_home).then(|| format!("another host was asked: {url}"))
    }

    fn expects(&mut self, status: u64, url: &str) -> bool {
        let Some(path) = self.own_path(url) else { return false };
        let announced =
            self.announced.iter_mut().find(|announced| announced.status == status && announced.path == path);
        announced.map(|announced| announced.came = true).is_some()
    }

    /// The path, if the URL is of the server under test.
    fn own_path(&self, url: &str) -> Option<String> {
        Url::parse(url).ok().filter(|url| url.origin() == self.own).map(|url| url.path().to_owned())
    }
}
