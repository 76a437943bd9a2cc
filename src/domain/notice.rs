//! How an event reads to people: one form that Slack and mail both render. All the wording is here.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;

use super::{
    event::event_type,
    payload::{CallData, SummaryFacts},
    summary::ActionItem,
    text::shorten,
};

/// Longer titles are cut by every channel.
const TITLE_LENGTH: usize = 150;
/// How many members of an event that we know nothing about are shown.
const FACTS: usize = 10;

/// An event in words.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Notice {
    /// One line.
    pub title: String,
    /// What it is about: account, date, length, mood.
    pub context: Vec<String>,
    /// A paragraph or two.
    pub lead: String,
    /// Lists under a heading.
    pub sections: Vec<Section>,
    /// Where to read on.
    pub links: Vec<Link>,
    /// The event's type and id, small.
    pub footer: String,
}

/// A list under a heading.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Section {
    /// The heading.
    pub title: String,
    /// What stands under it.
    pub items: Vec<String>,
}

/// Where to read on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Link {
    /// What people click.
    pub label: String,
    /// Where it leads.
    pub url: String,
}

impl Notice {
    /// Puts an event into words.
    #[must_use]
    pub fn of(event_type: &str, event_id: &str, data: &Value) -> Self {
        let footer = format!("{event_type} · {event_id}");
        match serde_json::from_value::<CallData>(data.clone()) {
            Ok(data) => of_call(event_type, &data, footer),
            Err(_) => of_anything(event_type, data, footer),
        }
    }
}

fn of_call(event_type: &str, data: &CallData, footer: String) -> Notice {
    let call = &data.call;
    let name = call.title.clone().unwrap_or_else(|| format!("Call {}", call.id));
    let title = match (event_type, &data.summary) {
        (event_type::CALL_SUMMARISED, Some(summary)) => summary.headline.clone(),
        (event_type::CALL_DOCUMENTED, _) => format!("Summary filed: {name}"),
        (event_type::CALL_RECEIVED, _) => format!("Call received: {name}"),
        (event_type::CALL_FAILED, _) => format!("No summary of {name}"),
        (event_type::CALL_SKIPPED, _) => format!("Call skipped: {name}"),
        _ => format!("{event_type}: {name}"),
    };
    let mut context: Vec<String> = Vec::new();
    context.extend(call.account.as_ref().map(|account| account.name.clone()));
    if title != name {
        context.extend(call.title.clone());
    }
    context.extend(call.started_at.map(date));
    context.extend(call.duration_seconds.map(minutes));
    let lead = match (&data.summary, &data.reason) {
        (Some(summary), _) => summary.text.clone(),
        (None, Some(reason)) => match data.stage {
            Some(stage) => format!("The stage \"{}\" gave up; the run's record says why.", stage.as_str()),
            None => format!("Reason: {}", reason.replace('_', " ")),
        },
        (None, None) => String::new(),
    };
    if let Some(summary) = &data.summary {
        context.push(mood(summary.sentiment));
    }
    let link = |label: &str, url: &str| Link { label: label.to_owned(), url: url.to_owned() };
    let mut links: Vec<Link> = call.url.iter().map(|url| link("Recording", url)).collect();
    if let Some(documents) = &data.documents {
        links.push(link("Call Summary", &documents.summary_url));
        links.push(link("Summary Log", &documents.log_url));
    }
    let sections = data.summary.as_ref().map(sections_of).unwrap_or_default();
    Notice { title: shorten(&title, TITLE_LENGTH), context, lead, sections, links, footer }
}

fn sections_of(summary: &SummaryFacts) -> Vec<Section> {
    let action = |item: &ActionItem| match &item.owner {
        Some(owner) => format!("{owner}: {}", item.text),
        None => item.text.clone(),
    };
    let section = |title: &str, items: Vec<String>| Section { title: title.to_owned(), items };
    let all = [
        section("Key points", summary.key_points.clone()),
        section("Action items", summary.action_items.iter().map(action).collect()),
        section("Risks", summary.risks.clone()),
    ];
    all.into_iter().filter(|section| !section.items.is_empty()).collect()
}

fn of_anything(event_type: &str, data: &Value, footer: String) -> Notice {
    let fact = |(name, value): (&String, &Value)| match value {
        Value::String(text) => Some(format!("{}: {text}", name.replace('_', " "))),
        Value::Number(_) | Value::Bool(_) => Some(format!("{}: {value}", name.replace('_', " "))),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    };
    let items: Vec<String> = data.as_object().into_iter().flatten().filter_map(fact).take(FACTS).collect();
    let title = match event_type {
        event_type::TEST_PING => "This is a test from aftercall".to_owned(),
        event_type::ENDPOINT_DISABLED => "A notification endpoint was disabled".to_owned(),
        event_type::ENDPOINT_RECOVERED => "A notification endpoint works again".to_owned(),
        other => other.to_owned(),
    };
    let lead = match event_type {
        event_type::TEST_PING => "If you can read this, the endpoint works.".to_owned(),
        _ => String::new(),
    };
    let sections = if items.is_empty() { Vec::new() } else { vec![Section { title: "Details".to_owned(), items }] };
    Notice { title: shorten(&title, TITLE_LENGTH), context: Vec::new(), lead, sections, links: Vec::new(), footer }
}

/// A date as people in any country read it.
#[must_use]
pub fn date(at: DateTime<Utc>) -> String {
    at.format("%-d %b %Y, %H:%M UTC").to_string()
}

/// A duration in whole minutes.
#[must_use]
pub fn minutes(seconds: i64) -> String {
    format!("{} min", seconds.max(0).saturating_add(30) / 60)
}

/// A sentiment as a line says it.
#[must_use]
pub fn mood(sentiment: f64) -> String {
    format!("mood: {}", mood_word(sentiment))
}

/// A sentiment in a word.
#[must_use]
pub fn mood_word(sentiment: f64) -> &'static str {
    match sentiment {
        value if value >= 0.25 => "good",
        value if value <= -0.25 => "bad",
        _ => "mixed",
    }
}
