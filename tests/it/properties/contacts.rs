//! What other programs tell us, on its way to others: JSON, or a text.

use aftercall::domain::{contacts::without_contacts, redact::redact};
use serde_json::Value;

/// No address stays, no member is lost, doing it twice does no more, and a redacted line is a line.
pub fn hold(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let value = serde_json::from_slice(data).unwrap_or_else(|_| Value::from(text));
    let clean = without_contacts(value.clone());
    assert!(is_same_shape(&value, &clean), "{value} became {clean}");
    assert_eq!(without_contacts(clean.clone()), clean, "of {value}");
    let line = redact(text);
    assert!(!line.chars().any(char::is_control));
    assert!(!holds_address(&line), "{line}");
}

fn is_same_shape(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            // Keys may change, and with them their order.
            let (mut kinds, mut others): (Vec<u8>, Vec<u8>) =
                (one.values().map(kind).collect(), other.values().map(kind).collect());
            kinds.sort_unstable();
            others.sort_unstable();
            kinds == others
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| is_same_shape(one, other))
        }
        _ => kind(one) == kind(other),
    }
}

/// Texts and numbers are one: a number that is somebody's becomes a label.
fn kind(value: &Value) -> u8 {
    match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Number(_) | Value::String(_) => 2,
        Value::Array(_) => 3,
        Value::Object(_) => 4,
    }
}

/// A letter or digit on either side of an at sign.
fn holds_address(text: &str) -> bool {
    let is_word = |letter: Option<char>| letter.is_some_and(char::is_alphanumeric);
    text.match_indices('@')
        .any(|(at, _)| is_word(text[..at].chars().next_back()) && is_word(text[at + 1..].chars().next()))
}
