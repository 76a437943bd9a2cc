//! Partial answers: `a,b(c,d),e/f`. What was not asked for is not answered, and an unknown name is refused.

use serde_json::{Map, Value};

use super::refusal::Refusal;

/// Reduces a whole answer, in which absent members are null, to the fields asked for.
pub(super) fn select(mask: &str, whole: &Value) -> Result<Value, Refusal> {
    let invalid = || Refusal::invalid(&format!("Invalid field selection {mask}"));
    match whole {
        Value::Array(items) => items.iter().map(|item| select(mask, item)).collect(),
        Value::Object(members) => {
            let mut kept = Map::new();
            for item in split(mask).ok_or_else(invalid)? {
                let (name, inner) = head(item).ok_or_else(invalid)?;
                let value = members.get(name).ok_or_else(invalid)?;
                if !value.is_null() {
                    let value = inner.map_or_else(|| Ok(value.clone()), |inner| select(inner, value))?;
                    kept.insert(name.to_owned(), value);
                }
            }
            Ok(kept.into())
        }
        _ => Err(invalid()),
    }
}

/// Splits at the commas outside of parentheses.
fn split(mask: &str) -> Option<Vec<&str>> {
    let (mut depth, mut start, mut items) = (0i32, 0, Vec::new());
    for (at, letter) in mask.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                items.push(&mask[start..at]);
                start = at + 1;
            }
            _ => {}
        }
        if depth < 0 {
            return None;
        }
    }
    items.push(&mask[start..]);
    (depth == 0 && items.iter().all(|item| !item.is_empty())).then_some(items)
}

/// The name of an item and what is asked for within it.
fn head(item: &str) -> Option<(&str, Option<&str>)> {
    match item.find(['(', '/']) {
        None => Some((item, None)),
        Some(at) if item.as_bytes()[at] == b'/' => Some((&item[..at], Some(&item[at + 1..]))),
        Some(at) => Some((&item[..at], Some(item[at + 1..].strip_suffix(')')?))),
    }
}
