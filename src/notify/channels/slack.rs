//! Slack incoming webhooks: blocks with a plain-text fallback, within Slack's limits.
//!
//! Whatever was said on a call is escaped: words must not become mentions or links.

use http::{HeaderMap, HeaderValue, header};
use serde_json::{Value, json};

use super::{
    Channels, Outcome, judge,
    request::{Outgoing, SentRequest, posted},
};
use crate::domain::{endpoint::EndpointSecrets, notice::Notice, text::shorten};

/// `header` blocks take 150 characters of plain text.
const HEADER_LIMIT: usize = 150;
/// `section` blocks take 3,000; counted after escaping, with room to spare.
const SECTION_LIMIT: usize = 2900;
/// Blocks of one message: Slack takes 50.
const BLOCK_LIMIT: usize = 40;
/// All text of one message: users met an undocumented ceiling near 13,200.
const TOTAL_LIMIT: usize = 12_000;
/// The fallback is what a phone's notification shows.
const FALLBACK_LIMIT: usize = 600;

pub(super) async fn send(channels: &Channels, delivery: Outgoing<'_>, secrets: &EndpointSecrets) -> Outcome {
    let body = content(delivery).to_string();
    let answer = channels.egress.post(&secrets.target, headers(), body.into(), channels.timeout).await;
    judge(answer, channels.clock.now())
}

/// Tells what [`send`] sends.
pub(super) fn describe(delivery: Outgoing<'_>, secrets: &EndpointSecrets) -> Option<SentRequest> {
    let body = content(delivery);
    let shown = serde_json::to_string_pretty(&body).ok()?;
    Some(posted(delivery.kind, &secrets.target, &headers(), |_| false, shown, body.to_string().len()))
}

fn headers() -> HeaderMap {
    HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))])
}

fn content(delivery: Outgoing<'_>) -> Value {
    message(&Notice::of(delivery.event_type, &delivery.event_id.to_string(), delivery.data))
}

/// A notice as a Slack message.
fn message(notice: &Notice) -> Value {
    let mut blocks = Blocks::default();
    blocks.push(
        json!({"type": "header", "text": {"type": "plain_text", "text": shorten(&notice.title, HEADER_LIMIT)}}),
        0,
    );
    if !notice.context.is_empty() {
        blocks.context(&escape(&notice.context.join(" · ")));
    }
    blocks.section(&escape(&notice.lead));
    for section in &notice.sections {
        let items: Vec<String> = section.items.iter().map(|item| format!("• {}", escape(item))).collect();
        blocks.section(&format!("*{}*\n{}", escape(&section.title), items.join("\n")));
    }
    let links: Vec<String> = notice.links.iter().map(|link| mrkdwn_link(&link.label, &link.url)).collect();
    if !links.is_empty() {
        blocks.context(&links.join("  ·  "));
    }
    blocks.context(&escape(&notice.footer));
    let fallback =
        if notice.lead.is_empty() { notice.title.clone() } else { format!("{}\n{}", notice.title, notice.lead) };
    json!({"text": escape(&shorten(&fallback, FALLBACK_LIMIT)), "blocks": blocks.list})
}

#[derive(Default)]
struct Blocks {
    list: Vec<Value>,
    length: usize,
}

impl Blocks {
    /// Adds a block while there is room; what does not fit is in the documents.
    fn push(&mut self, block: Value, length: usize) {
        if self.list.len() < BLOCK_LIMIT && self.length + length <= TOTAL_LIMIT {
            self.length += length;
            self.list.push(block);
        }
    }

    fn section(&mut self, mrkdwn: &str) {
        for part in split(mrkdwn, SECTION_LIMIT) {
            let length = part.chars().count();
            self.push(json!({"type": "section", "text": {"type": "mrkdwn", "text": part}}), length);
        }
    }

    fn context(&mut self, mrkdwn: &str) {
        let text = cut_escaped(mrkdwn, SECTION_LIMIT);
        let length = text.chars().count();
        self.push(json!({"type": "context", "elements": [{"type": "mrkdwn", "text": text}]}), length);
    }
}

/// The three characters that Slack gives a meaning, `&` first.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A link where Slack can follow it, a path where it cannot.
fn mrkdwn_link(label: &str, url: &str) -> String {
    if url.starts_with("https://") || url.starts_with("http://") {
        let url = url.replace('|', "%7C").replace('<', "%3C").replace('>', "%3E").replace('&', "&amp;");
        format!("<{url}|{}>", escape(label))
    } else {
        format!("{}: {}", escape(label), escape(url))
    }
}

/// Splits escaped text into parts of at most `limit` characters: between lines where that is possible, else between
/// words, and never inside an escape.
fn split(text: &str, limit: usize) -> Vec<String> {
    let mut parts = Vec::new();
    let mut rest = text.trim();
    while rest.chars().count() > limit {
        let part = cut_escaped(rest, limit);
        let end = part.rfind('\n').or_else(|| part.rfind(' ')).filter(|end| *end > 0).unwrap_or(part.len());
        parts.push(rest[..end].trim_end().to_owned());
        rest = rest[end..].trim_start();
    }
    if !rest.is_empty() {
        parts.push(rest.to_owned());
    }
    parts
}

/// The beginning of escaped text, at most `limit` characters, never ending inside `&amp;` and its like.
fn cut_escaped(text: &str, limit: usize) -> &str {
    let Some((end, _)) = text.char_indices().nth(limit) else { return text };
    let cut = &text[..end];
    match cut.rfind('&') {
        Some(ampersand) if !cut[ampersand..].contains(';') => &cut[..ampersand],
        _ => cut,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::notice::{Link, Section};

    fn notice(lead: &str, items: Vec<String>) -> Notice {
        Notice {
            title: "T".repeat(400),
            context: vec!["Halden <Freight>".to_owned()],
            lead: lead.to_owned(),
            sections: vec![Section { title: "Key points".to_owned(), items }],
            links: vec![Link { label: "Recording".to_owned(), url: "https://x.example/a?b=1&c=|>".to_owned() }],
            footer: "call.summarised".to_owned(),
        }
    }

    #[test]
    fn words_of_a_call_become_neither_mentions_nor_links() {
        let text = message(&notice("<!channel> & <https://evil.example|click>", vec![])).to_string();
        assert!(!text.contains("<!channel>") && !text.contains("<https://evil"), "{text}");
        assert!(text.contains("&lt;!channel&gt; &amp; &lt;https://evil.example|click&gt;"), "{text}");
        assert!(text.contains("<https://x.example/a?b=1&amp;c=%7C%3E|Recording>"), "{text}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))] // long texts take long to make

        #[test]
        fn any_notice_stays_within_slacks_limits(
            lead in "[a-z&<> \n]{0,7000}", items in proptest::collection::vec("[a-z&<>é]{0,900}( [a-z&]{0,90}){0,20}", 0..40),
        ) {
            let message = message(&notice(&lead, items));
            let blocks = message["blocks"].as_array().unwrap();
            prop_assert!(blocks.len() <= 50);
            prop_assert!(!message["text"].as_str().unwrap().is_empty());
            let mut total = 0;
            for block in blocks {
                let text = block["text"]["text"].as_str().or_else(|| block["elements"][0]["text"].as_str()).unwrap();
                let limit = if block["type"] == "header" { 150 } else { 3000 };
                let length = text.chars().count();
                prop_assert!(length > 0 && length <= limit, "a block of {} characters", length);
                total += length;
                let bare = text.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "");
                prop_assert!(!bare.contains('&'), "an escape was cut: {}", text);
            }
            prop_assert!(total <= 13_000);
        }
    }
}
