//! What differs between before and after, field by field.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::domain::text;

/// How much of a value is shown.
const LENGTH: usize = 300;

/// A field that reads otherwise than before.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Changed {
    /// Its name, in words.
    pub field: String,
    /// How it was; nothing if it was not there.
    pub before: Option<String>,
    /// How it is.
    pub after: Option<String>,
}

/// Lists the fields that differ.
pub fn changed(before: Option<&Value>, after: Option<&Value>) -> Vec<Changed> {
    let (mut before, mut after) = (fields(before), fields(after));
    before.retain(|name, was| match after.get(name) {
        Some(is) if is == was => {
            after.remove(name);
            false
        }
        _ => true,
    });
    let mut names: Vec<String> = before.keys().chain(after.keys()).cloned().collect();
    names.sort_unstable();
    names.dedup();
    let field = |name: String| Changed {
        before: before.remove(&name),
        after: after.remove(&name),
        field: name.replace(['_', '.'], " "),
    };
    names.into_iter().map(field).collect()
}

fn fields(value: Option<&Value>) -> BTreeMap<String, String> {
    let mut fields = BTreeMap::new();
    match value {
        Some(Value::Object(object)) => {
            for (name, value) in object {
                gather(name, value, &mut fields);
            }
        }
        Some(value) => gather("value", value, &mut fields),
        None => {}
    }
    fields
}

/// Adds a field, and those within it. What is empty is not there.
fn gather(name: &str, value: &Value, fields: &mut BTreeMap<String, String>) {
    let shown = match value {
        Value::Null => return,
        Value::Object(object) => {
            for (inner, value) in object {
                gather(&format!("{name}.{inner}"), value, fields);
            }
            return;
        }
        Value::Array(list) if list.is_empty() => return,
        Value::Array(list) => list.iter().map(shown).collect::<Vec<_>>().join(", "),
        value => shown(value),
    };
    if !shown.is_empty() {
        fields.insert(name.to_owned(), text::shorten(&shown, LENGTH));
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        value => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_differs_is_told_however_deep_it_lies() {
        let before =
            json!({"name": "A", "enabled": true, "filters": {"events": ["call.*"], "intents": []}, "limit": 5});
        let after = json!({"name": "A", "enabled": false, "filters": {"events": ["call.*", "test.ping"], "intents": []},
                           "rate_limit": 60, "limit": null});
        let told: Vec<_> = changed(Some(&before), Some(&after))
            .into_iter()
            .map(|one| (one.field, one.before.unwrap_or_default(), one.after.unwrap_or_default()))
            .collect();
        let expected = [
            ("enabled", "yes", "no"),
            ("filters events", "call.*", "call.*, test.ping"),
            ("limit", "5", ""),
            ("rate limit", "", "60"),
        ];
        assert_eq!(told, expected.map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned())));
        assert_eq!(changed(None, None), []);
        assert_eq!(changed(Some(&before), None).len(), 4);
    }
}
