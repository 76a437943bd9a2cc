//! A scrape of an app that everything has happened to once, as the series that it tells.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
    time::Duration,
};

use regex::Regex;
use serde_json::json;

use crate::support::{Fault, Receiver, TestApp, callback, gong_api::GongApiStandIn, openai::OpenAiStandIn, transcript};

static SERIES: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^([a-z_]+)(?:\{(.*)\})? [^ ]+$").unwrap());
static LABEL: LazyLock<Regex> = LazyLock::new(|| Regex::new(r#"([a-z_]+)="((?:[^"\\]|\\.)*)""#).unwrap());

/// The series by the names of their metrics, as their labels.
pub struct Scrape(BTreeMap<String, Vec<BTreeMap<String, String>>>);

impl Scrape {
    /// Scrapes after callbacks of each kind, a stage that was tried again, a model that refused the key once, and
    /// deliveries that arrived.
    pub async fn after_a_day() -> Self {
        let (gong, model) = (GongApiStandIn::start().await, OpenAiStandIn::start().await);
        let app = TestApp::with("GONG_API_URL", gong.url())
            .with("GONG_ACCESS_KEY", gong.key())
            .with("GONG_ACCESS_KEY_SECRET", gong.secret())
            .with("OPENAI_BASE_URL", model.base_url())
            .with("OPENAI_API_KEY", model.key())
            .with("OPENAI_MODEL", model.model())
            .start()
            .await;
        let receiver = Receiver::start().await;
        app.add_webhook(&receiver).await;
        gong.server.fail_next("transcript", Fault::status(500, "{}"));
        model.server.fail_next("responses", Fault::status(401, "{}"));
        for id in ["1", "2"] {
            let said = transcript(id)["callTranscripts"][0]["transcript"].clone();
            gong.add_call(callback(id)["callData"].clone(), Some(said));
            app.post_signed(&callback(id)).await.expect(202);
            app.run_due().await;
            app.clock.advance(Duration::from_mins(1));
            app.run_due().await;
        }
        app.post_signed(&callback("1")).await.expect(200);
        app.post_signed(&json!({"isTest": true, "callData": {}})).await.expect(200);
        app.post_signed(&json!({})).await.expect(400);
        app.post_callback(&[], "{}").await.expect(401);
        assert_eq!(receiver.count(), 2, "both summaries arrive");
        Self::read(&app.get("/metrics").await.expect(200).text)
    }

    fn read(text: &str) -> Self {
        let mut series: BTreeMap<String, Vec<BTreeMap<String, String>>> = BTreeMap::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let parts = SERIES.captures(line).unwrap_or_else(|| panic!("not a series: {line}"));
            let labels = parts.get(2).map_or("", |labels| labels.as_str());
            let labels = LABEL.captures_iter(labels).map(|label| (label[1].to_owned(), label[2].to_owned())).collect();
            series.entry(parts[1].to_owned()).or_default().push(labels);
        }
        Self(series)
    }

    /// The names of the metrics; of a histogram without the endings of its parts.
    pub fn metrics(&self) -> BTreeSet<&str> {
        let histogram = |name: &str| self.0.contains_key(&format!("{name}_bucket"));
        let of_histogram = |name: &'_ &str| {
            let base = ["_bucket", "_sum", "_count"].iter().find_map(|ending| name.strip_suffix(ending));
            base.is_some_and(histogram)
        };
        self.0.keys().map(String::as_str).filter(|name| !of_histogram(name) || name.ends_with("_bucket")).collect()
    }

    /// The values that a label of a metric has; `None` for a metric that is not there.
    pub fn values(&self, metric: &str, label: &str) -> Option<BTreeSet<&str>> {
        let series = self.0.get(metric)?;
        Some(series.iter().filter_map(|labels| labels.get(label)).map(String::as_str).collect())
    }
}
