//! Small words that JSON Schemas (draft 2020-12) are written in.
//!
//! Every schema is whole: none refers to another. Objects stay open, because fields may be added.

use serde_json::{Map, Value, json};

/// Any text.
pub(super) fn text(description: &str) -> Value {
    json!({"type": "string", "description": description})
}

/// An identifier: text that is not empty.
pub(super) fn id(description: &str) -> Value {
    json!({"type": "string", "minLength": 1, "description": description})
}

/// One of our own identifiers, which begin with what they identify.
pub(super) fn own_id(prefix: &str, description: &str) -> Value {
    json!({"type": "string", "pattern": format!("^{prefix}_[0-9a-f]{{32}}$"), "description": description})
}

/// A moment, RFC 3339.
pub(super) fn time(description: &str) -> Value {
    json!({"type": "string", "format": "date-time", "description": description})
}

/// A link.
pub(super) fn link(description: &str) -> Value {
    json!({"type": "string", "format": "uri", "description": description})
}

/// One of a closed list of words.
pub(super) fn word(description: &str, words: &[&str]) -> Value {
    json!({"type": "string", "enum": words, "description": description})
}

/// A way to reach people.
pub(super) fn channel(description: &str) -> Value {
    word(description, &["whatsapp", "sms", "voice", "email", "web", "other"])
}

/// A whole number.
pub(super) fn whole(description: &str) -> Value {
    json!({"type": "integer", "description": description})
}

/// A whole number of at least `least`.
pub(super) fn count(description: &str, least: u32) -> Value {
    json!({"type": "integer", "minimum": least, "description": description})
}

/// A number between two others.
pub(super) fn between(description: &str, least: i32, most: i32) -> Value {
    json!({"type": "number", "minimum": least, "maximum": most, "description": description})
}

/// Yes or no.
pub(super) fn flag(description: &str) -> Value {
    json!({"type": "boolean", "description": description})
}

/// Any JSON.
pub(super) fn anything(description: &str) -> Value {
    json!({"description": description})
}

/// A list.
pub(super) fn list(description: &str, item: &Value) -> Value {
    json!({"type": "array", "items": item, "description": description})
}

/// A list with at least one item.
pub(super) fn some(description: &str, item: &Value) -> Value {
    json!({"type": "array", "items": item, "minItems": 1, "description": description})
}

/// The same, or null.
pub(super) fn nullable(mut schema: Value) -> Value {
    if let Some(kind) = schema.get_mut("type") {
        *kind = json!([kind.take(), "null"]);
    }
    if let Some(words) = schema.get_mut("enum").and_then(Value::as_array_mut) {
        words.push(Value::Null);
    }
    schema
}

/// An object with the members it must and those it may have.
pub(super) fn object(
    description: &str,
    required: impl IntoIterator<Item = (&'static str, Value)>,
    optional: impl IntoIterator<Item = (&'static str, Value)>,
) -> Value {
    let mut properties = Map::new();
    properties.extend(required.into_iter().map(|(name, schema)| (name.to_owned(), schema)));
    let names: Vec<String> = properties.keys().cloned().collect();
    properties.extend(optional.into_iter().map(|(name, schema)| (name.to_owned(), schema)));
    json!({"type": "object", "description": description, "properties": properties, "required": names})
}
