//! What axe-core finds: the part of accessibility that a program can see.

use std::{env, fmt::Write, fs, sync::OnceLock};

use serde_json::{Value, json};

use super::Page;

const TAGS: &[&str] = &["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

/// Runs the checker; the last argument takes the answer.
const RUN: &str = "
    const [tags, answer] = arguments;
    axe.run(document, {runOnly: {type: 'tag', values: tags}, resultTypes: ['violations']})
        .then(({violations}) => answer(violations), (error) => answer(String(error)));";

impl Page {
    /// Fails with everything that somebody could not see, hear or reach.
    pub async fn assert_accessible(&self) {
        let violations = self.violations().await;
        assert!(violations.is_empty(), "{} has violations:\n{}", self.path().await, violations.join("\n"));
    }

    /// Each violation with its places.
    pub async fn violations(&self) -> Vec<String> {
        self.execute(axe_core(), Vec::new()).await.expect("axe-core is loaded");
        match self.client().execute_async(RUN, vec![json!(TAGS)]).await.expect("axe-core answers") {
            Value::Array(violations) => violations.iter().map(described).collect(),
            other => panic!("axe-core failed: {other}"),
        }
    }
}

/// The checker itself: another program's, so it is fetched and not kept here.
fn axe_core() -> &'static str {
    static AXE_CORE: OnceLock<String> = OnceLock::new();
    AXE_CORE.get_or_init(|| {
        let path = env::var_os("AXE_CORE").expect("AXE_CORE is the path of axe.min.js: run .ci/browser");
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("AXE_CORE {}: {error}", path.display()))
    })
}

fn described(violation: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut lines =
        format!("- {} ({}): {}", text(&violation["id"]), text(&violation["impact"]), text(&violation["help"]));
    for node in violation["nodes"].as_array().into_iter().flatten() {
        let summary = text(&node["failureSummary"]).replace('\n', "\n      ");
        let _ = write!(lines, "\n    {}\n      {summary}", text(&node["html"]));
    }
    lines
}
