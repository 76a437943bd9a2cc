//! A page, or a part of one, as people use it: by what it says, not by how it is made.

use std::time::{Duration, Instant};

use fantoccini::{Client, Locator, elements::Element, error::CmdError};
use serde_json::{Value, json};

use super::{
    Size,
    command::{accessible_name, words},
};

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);
/// Between two looks at a page.
const PAUSE: Duration = Duration::from_millis(20);

/// What can be found by its name.
#[derive(Debug, Clone, Copy)]
pub enum Role {
    Button,
    Link,
    /// Anything to fill in or tick, by its label.
    Field,
}

impl Role {
    fn css(self) -> &'static str {
        match self {
            Self::Button => "button, summary, input[type=submit], [role=button]",
            Self::Link => "a[href]",
            Self::Field => "input:not([type=hidden]):not([type=submit]), select, textarea",
        }
    }
}

/// What the browser shows, or a part of it.
#[derive(Clone)]
pub struct Page {
    client: Client,
    size: Size,
    /// Whose part is meant; without it, all.
    part: Option<Element>,
}

impl Page {
    pub(super) fn whole(client: Client, size: Size) -> Self {
        Self { client, size, part: None }
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    pub fn size(&self) -> Size {
        self.size
    }

    /// The smallest row, list item, section, form or the like that says this, or has it for a label.
    pub async fn within(&self, says: &str) -> Self {
        const SCRIPT: &str = "
            const [root, words] = arguments;
            const kinds = 'tr, li, article, section, fieldset, form, dialog, details, nav, main, header, footer';
            const says = (part) => part.checkVisibility() &&
                (part.innerText.replace(/\\s+/g, ' ').includes(words) || part.ariaLabel === words);
            const parts = [...(root ?? document).querySelectorAll(kinds)].filter(says);
            return parts.filter((part) => !parts.some((other) => other !== part && part.contains(other)));";
        let part = self.until(format!("one part says {says:?}"), async || {
            let found = self.execute(SCRIPT, vec![json!(self.part), json!(says)]).await?;
            match found.as_array().map(Vec::as_slice) {
                Some([part]) => Ok(element(&self.client, part)),
                parts => Err(NotYet(format!("{} do", parts.unwrap_or_default().len()))),
            }
        });
        Self { part: Some(part.await), ..self.clone() }
    }

    /// The text as it is shown.
    pub async fn text(&self) -> String {
        self.shown().await.unwrap_or_else(|NotYet(reason)| panic!("no text: {reason}"))
    }

    async fn shown(&self) -> Result<String, NotYet> {
        let text = self.execute("return (arguments[0] ?? document.body).innerText", vec![json!(self.part)]).await;
        Ok(words(text?.as_str().unwrap_or_default()))
    }

    pub async fn wait_for_text(&self, wanted: &str) {
        self.until(format!("the page says {wanted:?}"), async || {
            if self.shown().await?.contains(wanted) { Ok(()) } else { Err(NotYet("it does not".to_owned())) }
        })
        .await;
    }

    pub async fn wait_until_gone(&self, unwanted: &str) {
        self.until(format!("the page no longer says {unwanted:?}"), async || {
            if self.shown().await?.contains(unwanted) { Err(NotYet("it does".to_owned())) } else { Ok(()) }
        })
        .await;
    }

    pub async fn wait_for_path(&self, path: &str) {
        self.until(format!("the browser is at {path}"), async || {
            if self.path().await == path { Ok(()) } else { Err(NotYet("it is not".to_owned())) }
        })
        .await;
    }

    pub async fn wait_for_path_with(&self, part: &str) {
        self.until(format!("the browser's path has {part}"), async || {
            if self.path().await.contains(part) { Ok(()) } else { Err(NotYet("it has not".to_owned())) }
        })
        .await;
    }

    /// Path and query of what is shown.
    pub async fn path(&self) -> String {
        let url = self.client.current_url().await.expect("a URL");
        url[url::Position::BeforePath..url::Position::AfterQuery].to_owned()
    }

    pub async fn title(&self) -> String {
        self.client.title().await.expect("a title")
    }

    /// Runs a script of the test.
    pub async fn execute(&self, script: &str, arguments: Vec<Value>) -> Result<Value, CmdError> {
        self.client.execute(script, arguments).await
    }

    /// The one thing of that role and name that is shown. That of a link or a field may end in "…" for whatever follows.
    pub(super) async fn find(&self, role: Role, name: &str) -> Result<Element, NotYet> {
        let all = match &self.part {
            Some(part) => part.find_all(Locator::Css(role.css())).await,
            None => self.client.find_all(Locator::Css(role.css())).await,
        };
        let (mut found, mut others) = (Vec::new(), Vec::new());
        for element in all? {
            let its = accessible_name(&self.client, &element).await?;
            let begins = name.strip_suffix('…').filter(|_| matches!(role, Role::Link | Role::Field));
            if its != name && !begins.is_some_and(|begins| its.starts_with(begins)) {
                others.push(its);
            } else if element.is_displayed().await? {
                found.push(element);
            }
        }
        match found.len() {
            1 => Ok(found.remove(0)),
            0 => Err(NotYet(format!("there are only {others:?}"))),
            count => Err(NotYet(format!("there are {count}: use within()"))),
        }
    }

    /// Asks until there is an answer; fails with the last reason and what was shown.
    pub(super) async fn until<T>(&self, what: String, ask: impl AsyncFn() -> Result<T, NotYet>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match ask().await {
                Ok(answer) => return answer,
                Err(_) if Instant::now() < deadline => tokio::time::sleep(PAUSE).await,
                Err(NotYet(reason)) => {
                    let (path, text) = (self.path().await, self.text().await);
                    panic!("waited in vain until {what}: {reason}\nat {path}: {text}");
                }
            }
        }
    }
}

/// Why there is no answer yet.
pub(super) struct NotYet(String);

impl From<CmdError> for NotYet {
    fn from(error: CmdError) -> Self {
        Self(error.to_string())
    }
}

/// An element in a script's answer.
fn element(client: &Client, value: &Value) -> Element {
    let id = value.as_object().and_then(|value| value.values().next()?.as_str()).expect("an element");
    Element::from_element_id(client.clone(), id.to_owned().into())
}
