//! Events on their way to people: a type on one line, then the data as JSON, or a text that stands in every field of a call.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, LazyLock},
    time::Duration,
};

use aftercall::{
    clients::{egress::Egress, http::SenderContext, mail::Mailer},
    config::Config,
    db::deliveries::StoredDelivery,
    domain::{
        clock::Clock,
        endpoint::{EndpointChannel, EndpointSecrets},
        filter::pattern_problem,
        ids::{DeliveryId, EndpointId, EventId},
        keyring::KeyRing,
        notice::{Link, Notice, Section},
    },
    notify::{Channels, SentRequest, seal},
    templates::Templates,
};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{fields, markup::Html, proofs::NOW};

static CHANNELS: LazyLock<Channels> = LazyLock::new(|| {
    let config =
        Config::from_vars(HashMap::from([("FROM_EMAIL".to_owned(), "Calls <calls@brindlemoor.example>".to_owned())]));
    let config = config.expect("a configuration");
    let clock = Clock::manual(now());
    let context = SenderContext { extra_ca: Vec::new(), clock: clock.clone(), count: Arc::new(|_, _| {}) };
    Channels {
        egress: Egress::new(&config.egress).expect("trust roots"),
        mailer: Mailer::new(&config.mail, &context, "outbox".into()).expect("files"),
        templates: Arc::new(Templates::embedded()),
        key_ring: KeyRing::parse(&KeyRing::generate()).expect("a key"),
        clock,
        timeout: Duration::from_secs(5),
    }
});

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(NOW, 0).expect("a time")
}

/// Words are shown as words on every channel, within what the channel takes, and a mail has our headers and no others.
pub fn hold(data: &[u8]) {
    let Some(([event_type], rest)) = fields(data) else { return };
    let Ok(text) = std::str::from_utf8(rest) else { return };
    // The rule for types, by which others are refused before they are recorded.
    let is_type = pattern_problem(event_type).is_none() && !event_type.ends_with(".*");
    let event_type = if is_type { event_type } else { "custom.other" };
    let data = serde_json::from_str(text).ok().filter(Value::is_object).unwrap_or_else(|| call_of(text));
    let notice = Notice::of(event_type, &id().to_string(), &data);
    slack(&told(EndpointChannel::Slack, "https://hooks.slack.example/services/T0", event_type, &data), &notice);
    mail(&told(EndpointChannel::Email, "sales@brindlemoor.example", event_type, &data));
    html(&notice);
    let webhook = told(EndpointChannel::Webhook, "https://crm.example/hook", event_type, &data);
    let body: Value = serde_json::from_str(&webhook.body).expect("JSON");
    assert_eq!((&body["data"], &body["type"], &body["id"]), (&data, &json!(event_type), &json!(id().to_string())));
}

fn id() -> EventId {
    EventId::from(Uuid::nil())
}

/// An event about a call whose every field holds `text`.
fn call_of(text: &str) -> Value {
    json!({
        "call": {"id": text, "title": text, "url": text, "started_at": "2031-05-06T09:30:00Z", "duration_seconds": 61,
                 "account": {"name": text, "number": text}},
        "summary": {"headline": text, "text": text, "key_points": [text, text], "risks": [text], "sentiment": 0.4,
                    "action_items": [{"owner": text, "text": text}], "language": "en", "provider": text},
        "documents": {"folder_url": text, "summary_url": text, "log_url": text},
        "run_id": "run_00000000000000000000000000000000", "reason": text,
    })
}

fn told(kind: EndpointChannel, target: &str, event_type: &str, data: &Value) -> SentRequest {
    let secrets = EndpointSecrets {
        target: target.to_owned(),
        secret: Some("a secret".to_owned()),
        previous: None,
        headers: BTreeMap::new(),
    };
    let endpoint_id = EndpointId::from(Uuid::nil());
    let delivery = StoredDelivery {
        id: DeliveryId::from(Uuid::nil()),
        tenant: "default".to_owned(),
        endpoint_id,
        kind,
        sealed: seal(&CHANNELS.key_ring, endpoint_id, &secrets),
        endpoint_updated_at: now(),
        event_id: id(),
        event_type: event_type.to_owned(),
        intent: None,
        data: data.clone(),
        event_created_at: now(),
    };
    CHANNELS.describe(&delivery, now()).expect("what can be sent can be told")
}

/// Slack takes the message, and nothing in it mentions, links or formats but what we wrote.
fn slack(sent: &SentRequest, notice: &Notice) {
    let message: Value = serde_json::from_str(&sent.body).expect("JSON");
    let blocks = message["blocks"].as_array().expect("blocks");
    assert!((1..=50).contains(&blocks.len()));
    let fallback = message["text"].as_str().expect("text");
    assert!(!fallback.is_empty());
    escaped(fallback, &[]);
    let mut total = 0;
    for block in blocks {
        let (text, most) = match block["type"].as_str() {
            Some("header") => (&block["text"], 150),
            Some("section") => (&block["text"], 3000),
            _ => (&block["elements"][0], 3000),
        };
        let words = text["text"].as_str().expect("text");
        assert!(!words.trim().is_empty() && words.chars().count() <= most, "{block}");
        if text["type"] == "mrkdwn" {
            escaped(words, &notice.links);
        }
        total += words.chars().count();
    }
    assert!(total <= 13_200, "{total}");
}

/// Outside of our own links every `<`, `>` and `&` is escaped.
fn escaped(text: &str, links: &[Link]) {
    let mut bare = text.to_owned();
    for link in links.iter().filter(|link| link.url.starts_with("http")) {
        let url = link.url.replace('|', "%7C").replace('<', "%3C").replace('>', "%3E").replace('&', "&amp;");
        bare = bare.replace(&format!("<{url}|{}>", link.label), "");
    }
    let bare = ["&amp;", "&lt;", "&gt;"].into_iter().fold(bare, |bare, escape| bare.replace(escape, ""));
    assert!(!bare.contains(['<', '>', '&']), "{text}");
}

fn mail(sent: &SentRequest) {
    let names: Vec<&str> = sent.headers.iter().map(|header| header.name.as_str()).collect();
    let ours = ["From", "To", "Subject", "Message-ID", "Date", "Auto-Submitted", "MIME-Version"];
    assert_eq!(names, ours);
    assert!(sent.headers.iter().all(|header| !header.value.contains(['\r', '\n'])));
    assert_eq!(sent.headers[1].value, "sales@brindlemoor.example");
}

/// The HTML part has the tags of one about nothing, and leads to pages at most.
fn html(notice: &Notice) {
    let render = |notice| CHANNELS.templates.notice_mail(notice).expect("renders");
    let mail = render(notice);
    assert!(!mail.subject.contains(['\r', '\n']));
    let (html, plain) = (Html::of(&mail.html), Html::of(&render(&about_nothing(notice)).html));
    assert_eq!(html.tags, plain.tags, "{}", mail.html);
    assert!(html.links.iter().all(|link| is_place(link)), "{:?}", html.links);
}

/// A page, or a document on this machine: nothing that a click would run.
fn is_place(link: &str) -> bool {
    ["https://", "http://", "file://"].into_iter().any(|scheme| link.starts_with(scheme))
}

/// The same notice with `x` for every text; links stay where they lead.
fn about_nothing(notice: &Notice) -> Notice {
    let x = |text: &String| if text.is_empty() { String::new() } else { "x".to_owned() };
    let all = |texts: &[String]| texts.iter().map(x).collect();
    Notice {
        title: x(&notice.title),
        context: all(&notice.context),
        lead: x(&notice.lead),
        sections: notice
            .sections
            .iter()
            .map(|section| Section { title: x(&section.title), items: all(&section.items) })
            .collect(),
        links: notice.links.iter().map(|link| Link { label: x(&link.label), url: link.url.clone() }).collect(),
        footer: x(&notice.footer),
    }
}
