//! What an expression of Prometheus asks for: its selectors, and the labels it groups by. Whether it is well formed is
//! promtool's business.

use std::sync::LazyLock;

use regex::Regex;

static TOKEN: LazyLock<Regex> = LazyLock::new(|| {
    // A string, a variable of the dashboard, a number or duration, a name, an operator of a matcher, any other sign.
    Regex::new(r#""(?:[^"\\]|\\.)*"|\$\w+|[0-9][0-9a-z.]*|[A-Za-z_:][A-Za-z0-9_:]*|=~|!~|!=|\S"#).unwrap()
});

/// `name{label="value", …}`.
#[derive(Debug, PartialEq)]
pub struct Selector {
    pub metric: String,
    pub matchers: Vec<Matcher>,
}

#[derive(Debug, PartialEq)]
pub struct Matcher {
    pub label: String,
    pub operator: String,
    pub value: String,
}

#[derive(Debug, Default, PartialEq)]
pub struct Asked {
    pub selectors: Vec<Selector>,
    /// The labels of `by (…)` and `on (…)`.
    pub groupings: Vec<String>,
}

/// Takes an expression apart.
pub fn asked(expression: &str) -> Asked {
    let tokens: Vec<&str> = TOKEN.find_iter(expression).map(|token| token.as_str()).collect();
    let mut asked = Asked::default();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let next = tokens.get(at + 1).copied().unwrap_or_default();
        at += 1;
        if !token.starts_with(|first: char| first.is_alphabetic() || first == '_') {
            continue;
        }
        match *token {
            "and" | "or" | "unless" | "offset" | "bool" => {}
            "by" | "without" | "on" | "ignoring" => {
                let inner = tokens[at..].iter().take_while(|token| **token != ")");
                let labels: Vec<&str> = inner.copied().collect();
                at += labels.len();
                let names = labels.into_iter().filter(|label| !matches!(*label, "(" | ","));
                asked.groupings.extend(names.map(str::to_owned));
            }
            _ if matches!(next, "(" | "by" | "without") => {} // a function
            metric => {
                let mut matchers = Vec::new();
                if next == "{" {
                    let inner: Vec<&str> = tokens[at + 1..].iter().copied().take_while(|token| *token != "}").collect();
                    at += inner.len() + 2;
                    matchers = inner.split(|token| *token == ",").filter_map(matcher).collect();
                }
                asked.selectors.push(Selector { metric: metric.to_owned(), matchers });
            }
        }
    }
    asked
}

fn matcher(tokens: &[&str]) -> Option<Matcher> {
    let [label, operator, value] = tokens else { return None };
    let value = value.trim_matches('"').replace(r"\\", r"\");
    Some(Matcher { label: (*label).to_owned(), operator: (*operator).to_owned(), value })
}

#[test]
fn an_expression_is_taken_apart() {
    let asked =
        asked(r#"1 - sum by (le, kind) (rate(a_total{b="c{},",d=~"5(\\.0)?"}[5m])) / 400e6 > max(up offset 1h)"#);
    let matcher = |label: &str, operator: &str, value: &str| Matcher {
        label: label.to_owned(),
        operator: operator.to_owned(),
        value: value.to_owned(),
    };
    let first = Selector {
        metric: "a_total".to_owned(),
        matchers: vec![matcher("b", "=", "c{},"), matcher("d", "=~", r"5(\.0)?")],
    };
    let second = Selector { metric: "up".to_owned(), matchers: vec![] };
    assert_eq!(asked, Asked { selectors: vec![first, second], groupings: vec!["le".to_owned(), "kind".to_owned()] });
}
