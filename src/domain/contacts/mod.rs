//! Takes e-mail addresses and phone numbers out of whole JSON values: what other programs raise may carry any object,
//! and INTERFACE §7 promises that no contact goes out.
//!
//! Hides too much rather than too little. What a program needs to find its own things again stays: identifiers under a
//! key that says so, times, and links without a contact in them. Names are not hidden, and neither are numbers (in JSON's
//! sense) under a key that says nothing of phones.

mod keys;
#[cfg(test)]
mod tests;

use chrono::{DateTime, NaiveDateTime};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};
use url::Url;

use self::keys::Meaning;
use super::text;

/// So often what is left of a text is read again.
const READINGS: usize = 16;
/// So often a URL is decoded: programs encode what is encoded already.
const DECODINGS: usize = 4;

/// Replaces e-mail addresses and phone numbers in every text and every key of `data`, however deep. What has none in it
/// stays as it is; doing it twice does no more than doing it once.
#[must_use]
pub fn without_contacts(data: Value) -> Value {
    clean(data, Meaning::Anything)
}

/// A link, or as much of it as carries no contact.
#[must_use]
pub fn link_without_contacts(text: &str) -> String {
    clean_text(text.to_owned(), Meaning::Anything)
}

/// An identifier. One word stays, even if it looks like a phone number.
#[must_use]
pub fn identifier_without_contacts(text: &str) -> String {
    clean_text(text.to_owned(), Meaning::Identifier)
}

/// A URL as it goes out: without its query if there is a contact in it.
fn bare_url(url: &str) -> String {
    let decoded = percent_decode_str(url).decode_utf8_lossy();
    let (bare, _) = url.split_once(['?', '#']).unwrap_or((url, ""));
    // Ids of calls are long numbers, which look like those of phones: only addresses and a leading plus count here.
    let suspicious = decoded.contains('@') || decoded.contains('+') && text::without_contacts(&decoded) != decoded;
    if suspicious { bare.to_owned() } else { url.to_owned() }
}

fn clean(value: Value, meaning: Meaning) -> Value {
    match value {
        Value::Object(members) => Value::Object(clean_members(members, meaning)),
        Value::Array(items) => items.into_iter().map(|item| clean(item, meaning)).collect(),
        Value::String(text) => Value::String(clean_text(text, meaning)),
        Value::Number(number) => meaning.label().map_or(Value::Number(number), Value::from),
        Value::Null | Value::Bool(_) => value,
    }
}

fn clean_members(members: Map<String, Value>, outer: Meaning) -> Map<String, Value> {
    let mut cleaned = Map::new();
    let mut number = 1;
    for (key, value) in members {
        let plain = clean_text(key, Meaning::Anything);
        let mut key = plain.clone();
        while cleaned.contains_key(&key) {
            number += 1; // two addresses became one label: no member may be lost
            key = format!("{plain} #{number}");
        }
        let meaning = keys::meaning(&key).within(outer);
        cleaned.insert(key, clean(value, meaning));
    }
    cleaned
}

fn clean_text(text: String, meaning: Meaning) -> String {
    if text.trim().is_empty() || is_time(&text) || meaning == Meaning::Identifier && is_one_word(&text) {
        return text;
    }
    match meaning.label() {
        Some(label) => label.to_owned(),
        None => clean_words(text),
    }
}

/// Until nothing is left to hide: what is left of a text can be a link.
fn clean_words(mut text: String) -> String {
    for _ in 0..READINGS {
        let cleaned = read_link(&text).map_or_else(|| text::without_contacts(&text), |url| clean_link(&text, &url));
        if cleaned == text {
            return text;
        }
        text = cleaned;
    }
    keys::PHONE.to_owned() // nothing but a long list of numbers goes on like this
}

fn is_time(text: &str) -> bool {
    DateTime::parse_from_rfc3339(text).is_ok() || text.parse::<NaiveDateTime>().is_ok()
}

fn is_one_word(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

fn read_link(text: &str) -> Option<Url> {
    if text.contains(|letter: char| letter.is_whitespace() || letter.is_control()) {
        return None;
    }
    Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

/// The link, or as much of it as carries no contact.
fn clean_link(text: &str, url: &Url) -> String {
    let bare = bare_url(text);
    if !carries_contact(&bare) {
        return bare;
    }
    let origin = url.origin().ascii_serialization();
    if carries_contact(&origin) { text::without_contacts(&origin) } else { origin }
}

/// Ids in links are long numbers, which look like those of phones: numbers count only where the link speaks of phones.
fn carries_contact(url: &str) -> bool {
    let mut decoded = url.to_owned();
    for _ in 0..DECODINGS {
        decoded = percent_decode_str(&decoded).decode_utf8_lossy().into_owned();
    }
    let suspicious = decoded.contains(['@', '＠', '+']) || keys::meaning(&decoded) == Meaning::Phone;
    suspicious && text::without_contacts(&decoded) != decoded
}
