//! What `WebDriver` or chromedriver can do and fantoccini has no word for.

use fantoccini::{Client, elements::Element, error::CmdError, wd::WebDriverCompatibleCommand};
use http::Method;
use serde_json::{Value, json};
use url::{ParseError, Url};

#[derive(Debug)]
struct Command {
    /// Below the session.
    path: String,
    /// Of a POST; without it, a GET.
    body: Option<Value>,
}

impl WebDriverCompatibleCommand for Command {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        match &self.body {
            Some(body) => (Method::POST, Some(body.to_string())),
            None => (Method::GET, None),
        }
    }
}

/// Asks the browser in its own debugging protocol.
pub async fn devtools(client: &Client, method: &str, params: Value) -> Value {
    let body = json!({"cmd": method, "params": params});
    let answer = client.issue_cmd(Command { path: "goog/cdp/execute".to_owned(), body: Some(body) }).await;
    answer.unwrap_or_else(|error| panic!("{method}: {error}"))
}

/// What was logged since this log was read last.
pub async fn read_log(client: &Client, kind: &str) -> Vec<Value> {
    let body = json!({"type": kind});
    let answer = client.issue_cmd(Command { path: "se/log".to_owned(), body: Some(body) }).await;
    match answer.unwrap_or_else(|error| panic!("the {kind} log: {error}")) {
        Value::Array(entries) => entries,
        other => panic!("the {kind} log is {other}"),
    }
}

/// The name that assistive technology says.
pub async fn accessible_name(client: &Client, element: &Element) -> Result<String, CmdError> {
    let path = format!("element/{}/computedlabel", element.element_id());
    let name = client.issue_cmd(Command { path, body: None }).await?;
    Ok(words(name.as_str().unwrap_or_default()))
}

/// With white space as it is shown.
pub fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
