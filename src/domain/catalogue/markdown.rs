//! The catalogue as a page for people: `docs/events.md`.

use std::fmt::Write;

use serde_json::Value;

use super::{Entry, entries};

const OPENING: &str = "\
# Events

Generated from the catalogue; `GET /api/v1/admin/notify/events` tells the same to programs, with a JSON Schema of each type's
`data`. How events are signed and sent is in [webhooks.md](webhooks.md).

Ignore fields and types you do not know: more may be added, none will be renamed. A field that is not required may be left out.
No event carries an e-mail address or a phone number.

An event of type `custom.<name>` (such as `custom.deal_won`) may be raised by any program with any object as its `data`. Types are
words of lower-case letters, digits, `_` and `-`, with full stops between them, of at most 100 characters.

";

/// The whole page.
#[must_use]
pub fn markdown() -> String {
    let mut page = OPENING.to_owned();
    for family in entries().chunk_by(|one, next| family(one) == family(next)) {
        let links: Vec<String> = family.iter().map(link).collect();
        let name = family.first().map_or("", self::family);
        push(&mut page, format_args!("- `{name}.*`: {}\n", links.join(", ")));
    }
    for entry in entries() {
        describe(&mut page, entry);
    }
    page
}

fn family(entry: &Entry) -> &str {
    entry.event_type.split('.').next().unwrap_or_default()
}

fn link(entry: &Entry) -> String {
    format!("[`{}`](#{})", entry.event_type, entry.event_type.replace('.', ""))
}

fn describe(page: &mut String, entry: &Entry) {
    let Entry { event_type, description, schema, sample, .. } = entry;
    push(page, format_args!("\n## `{event_type}`\n\n{description}\n\n"));
    page.push_str("| field of `data` | type | required | meaning |\n| --- | --- | --- | --- |\n");
    list_members(page, schema, "");
    push(page, format_args!("\n```json\n{sample:#}\n```\n"));
}

fn list_members(page: &mut String, schema: &Value, path: &str) {
    let required = |name: &str| schema["required"].as_array().is_some_and(|names| names.iter().any(|one| one == name));
    for (name, member) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}{name}");
        let needed = if required(name) { "yes" } else { "" };
        let meaning = member["description"].as_str().unwrap_or_default();
        push(page, format_args!("| `{path}` | {} | {needed} | {meaning} |\n", kind(member)));
        list_members(page, member, &format!("{path}."));
        list_members(page, &member["items"], &format!("{path}[]."));
    }
}

/// What a value may be, in words.
fn kind(schema: &Value) -> String {
    let name = |one: &Value| match (one.as_str(), schema["format"].as_str()) {
        (Some("string"), Some("date-time")) => "time".to_owned(),
        (Some("string"), Some("uri")) => "URL".to_owned(),
        (Some("string"), _) if schema["enum"].is_array() => words(&schema["enum"]),
        (Some("string"), _) => "text".to_owned(),
        (Some("integer"), _) => format!("whole number{}", limits(schema)),
        (Some("number"), _) => format!("number{}", limits(schema)),
        (Some("boolean"), _) => "true or false".to_owned(),
        (Some("array"), _) => format!("list of {}", kind(&schema["items"])),
        (Some(other), _) => other.to_owned(),
        (None, _) => "any".to_owned(),
    };
    match schema["type"].as_array() {
        Some(kinds) => kinds.iter().map(name).collect::<Vec<_>>().join(" or "),
        None => name(&schema["type"]),
    }
}

fn words(list: &Value) -> String {
    let words = list.as_array().into_iter().flatten().filter_map(Value::as_str);
    words.map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

fn limits(schema: &Value) -> String {
    match (&schema["minimum"], &schema["maximum"]) {
        (Value::Number(least), Value::Number(most)) => format!(", {least} to {most}"),
        (Value::Number(least), _) => format!(", at least {least}"),
        _ => String::new(),
    }
}

fn push(page: &mut String, text: std::fmt::Arguments<'_>) {
    page.write_fmt(text).expect("a String takes all that is written to it");
}
