//! The dashboard and the alerts ask for nothing that is not there, and the dashboard leaves nothing out.

use std::collections::BTreeSet;

use regex::Regex;
use serde_json::Value;

use super::{
    file, list,
    promql::{self, Matcher},
    scrape::Scrape,
    yaml,
};

const DASHBOARD: &str = "deploy/grafana/aftercall.json";
const ALERTS: &str = "deploy/prometheus/alerts.yaml";
/// What Prometheus adds to every series it takes in.
const ADDED_LABELS: [&str; 2] = ["job", "instance"];

fn dashboard() -> Value {
    serde_json::from_str(&file(DASHBOARD)).expect("the dashboard is JSON")
}

fn queries_of_the_dashboard() -> Vec<String> {
    let dashboard = dashboard();
    let targets = list(&dashboard, "/panels").iter().flat_map(|panel| list(panel, "/targets"));
    targets.map(|target| target["expr"].as_str().expect("an expression").to_owned()).collect()
}

fn rules() -> Vec<Value> {
    let alerts = yaml(ALERTS);
    list(&alerts, "/groups").iter().flat_map(|group| list(group, "/rules")).cloned().collect()
}

/// Whether a matcher takes at least one of the values that there are.
fn finds(matcher: &Matcher, values: &BTreeSet<&str>) -> bool {
    let pattern = Regex::new(&format!("^(?:{})$", matcher.value)).expect("a regular expression");
    match matcher.operator.as_str() {
        "=" => values.contains(matcher.value.as_str()),
        "=~" => values.iter().any(|value| pattern.is_match(value)),
        "!=" | "!~" => !values.is_empty(),
        unknown => panic!("{unknown} is no operator of a matcher"),
    }
}

#[tokio::test]
async fn every_query_of_the_dashboard_and_of_the_alerts_finds_what_a_scrape_tells() {
    let scrape = Scrape::after_a_day().await;
    let rules = rules();
    let recorded: BTreeSet<&str> = rules.iter().filter_map(|rule| rule["record"].as_str()).collect();
    let of_rules = rules.iter().map(|rule| rule["expr"].as_str().expect("an expression").to_owned());
    let queries: Vec<String> = queries_of_the_dashboard().into_iter().chain(of_rules).collect();
    assert!(queries.len() > 50, "{}", queries.len());
    for query in &queries {
        let asked = promql::asked(query);
        assert!(!asked.selectors.is_empty(), "{query}");
        for selector in &asked.selectors {
            let name = selector.metric.as_str();
            if recorded.contains(name) || name == "up" {
                continue;
            }
            for matcher in selector.matchers.iter().filter(|matcher| !ADDED_LABELS.contains(&&*matcher.label)) {
                let values = scrape.values(name, &matcher.label).unwrap_or_else(|| panic!("no {name}, in {query}"));
                assert!(finds(matcher, &values), "{name} has {values:?}, not {matcher:?}, in {query}");
            }
            for label in &asked.groupings {
                let values = scrape.values(name, label).unwrap_or_else(|| panic!("no {name}, in {query}"));
                assert!(!values.is_empty(), "{name} has no label {label}, in {query}");
            }
            assert!(scrape.values(name, "").is_some(), "no {name}, in {query}");
        }
    }
}

#[tokio::test]
async fn the_dashboard_shows_every_metric() {
    let scrape = Scrape::after_a_day().await;
    let queries = queries_of_the_dashboard();
    let selectors = queries.iter().flat_map(|query| promql::asked(query).selectors);
    let shown: BTreeSet<String> = selectors.map(|selector| selector.metric).collect();
    let missing: Vec<&str> = scrape.metrics().into_iter().filter(|metric| !shown.contains(*metric)).collect();
    assert!(missing.is_empty(), "not on the dashboard: {missing:?}");
}

#[test]
fn the_dashboard_can_be_imported_into_any_grafana() {
    fn sources(value: &Value, found: &mut Vec<Value>) {
        match value {
            Value::Object(members) => {
                found.extend(members.get("datasource").cloned());
                members.values().for_each(|member| sources(member, found));
            }
            Value::Array(items) => items.iter().for_each(|item| sources(item, found)),
            _ => {}
        }
    }
    let dashboard = dashboard();
    assert!(dashboard["id"].is_null() && dashboard["uid"].is_null(), "an id would take another dashboard's place");
    let mut found = Vec::new();
    sources(&dashboard, &mut found);
    assert!(found.len() > 40, "{}", found.len());
    assert!(found.iter().all(|source| source["uid"] == "${datasource}"), "{found:?}");
    let ids: BTreeSet<Option<u64>> = list(&dashboard, "/panels").iter().map(|panel| panel["id"].as_u64()).collect();
    assert_eq!(ids.len(), list(&dashboard, "/panels").len(), "each panel has an id of its own");
}

#[test]
fn every_alert_says_how_bad_it_is_and_what_to_do_and_is_tried() {
    let trials = file("deploy/prometheus/alerts.test.yaml");
    let rules = rules();
    let alerts: Vec<&Value> = rules.iter().filter(|rule| rule["alert"].is_string()).collect();
    assert!(alerts.len() > 15, "{}", alerts.len());
    for alert in alerts {
        let name = alert["alert"].as_str().unwrap();
        assert!(alert["for"].is_string(), "{name}");
        assert!(matches!(alert["labels"]["severity"].as_str(), Some("critical" | "warning")), "{name}");
        let text = |key: &str| alert["annotations"][key].as_str().unwrap_or_else(|| panic!("{name} has no {key}"));
        assert!(text("summary").len() > 10 && text("description").len() > 40, "{name}");
        crate::handbook::assert_leads_somewhere("", text("runbook"));
        assert!(trials.contains(&format!("alertname=\"{name}\", alertstate=\"firing\", severity=")), "{name}: fires");
        let quiet = Regex::new(&format!("alertname=\"{name}\"[^}}]*}}\n +exp_samples: \\[\\]")).unwrap();
        assert!(quiet.is_match(&trials), "{name}: keeps quiet");
    }
}
