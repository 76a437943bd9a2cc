//! Whether an event that another program raises is one of the catalogue, or one of its own.
//!
//! No text here repeats a value: it may be somebody's name or number.

use jsonschema::{ValidationError, Validator, error::ValidationErrorKind};
use serde::Serialize;
use serde_json::Value;

use super::find;

/// What types of other programs begin with.
const OWN_FAMILY: &str = "custom.";
/// Longer types are refused, as longer filters are.
const LONGEST_TYPE: usize = 100;
/// More faults than these help nobody.
const MOST_FAULTS: usize = 20;

/// A place in the data that does not fit the schema.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DataFault {
    /// Where, as a JSON pointer into the data. Of a member that is missing: where it should be.
    pub pointer: String,
    /// What has to be there. Says nothing of what is there.
    pub detail: String,
}

/// Why an event is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EventFault {
    /// The type is neither in the catalogue nor one of `custom.*`.
    #[error(
        "not a known event type: use one of GET /api/v1/admin/notify/events, or custom.<name> for your own (words of \
         lower-case letters, digits, _ and - with full stops between them, at most 100 characters)"
    )]
    UnknownType,
    /// The data does not fit the type.
    #[error("the data does not fit the type's schema, see GET /api/v1/admin/notify/events")]
    Data(Vec<DataFault>),
}

/// Checks an event before it is recorded: the data of a catalogued type must fit its schema, that of `custom.*` be an
/// object.
pub fn check_event(event_type: &str, data: &Value) -> Result<(), EventFault> {
    let faults = match find(event_type) {
        Some(entry) => entry.check(data),
        None if !is_custom(event_type) => return Err(EventFault::UnknownType),
        None if data.is_object() => Vec::new(),
        None => vec![DataFault { pointer: String::new(), detail: "must be an object".to_owned() }],
    };
    if faults.is_empty() { Ok(()) } else { Err(EventFault::Data(faults)) }
}

fn is_custom(event_type: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-');
    let is_word = |word: &str| !word.is_empty() && word.bytes().all(letter);
    event_type.len() <= LONGEST_TYPE
        && event_type.strip_prefix(OWN_FAMILY).is_some_and(|name| name.split('.').all(is_word))
}

pub(super) fn faults(validator: &Validator, schema: &Value, data: &Value) -> Vec<DataFault> {
    validator.iter_errors(data).take(MOST_FAULTS).map(|error| fault(schema, &error)).collect()
}

fn fault(schema: &Value, error: &ValidationError<'_>) -> DataFault {
    let mut pointer = error.instance_path().as_str().to_owned();
    if let ValidationErrorKind::Required { property } = error.kind() {
        pointer = format!("{pointer}/{}", property.as_str().unwrap_or_default());
    }
    let expected = schema.pointer(error.schema_path().as_str()).unwrap_or(&Value::Null);
    DataFault { pointer, detail: detail(error.kind().keyword(), expected) }
}

/// What a keyword of the schema asks for.
fn detail(keyword: &str, expected: &Value) -> String {
    match (keyword, expected.as_str()) {
        ("required", _) => "must be there".to_owned(),
        ("type", _) => format!("must be {}", alternatives(expected)),
        ("enum", _) => format!("must be one of {}", alternatives(expected)),
        ("format", Some("date-time")) => "must be an RFC 3339 time, such as 2031-05-06T09:31:00Z".to_owned(),
        ("format", Some(format)) => format!("must be a {format}"),
        ("pattern", Some(pattern)) => format!("must match {pattern}"),
        ("minimum", _) => format!("must be at least {expected}"),
        ("maximum", _) => format!("must be at most {expected}"),
        ("minLength" | "minItems", _) => "must not be empty".to_owned(),
        _ => "does not fit the schema".to_owned(),
    }
}

fn alternatives(expected: &Value) -> String {
    let word = |word: &Value| word.as_str().map_or_else(|| word.to_string(), str::to_owned);
    match expected.as_array() {
        Some(words) => words.iter().map(word).collect::<Vec<_>>().join(", ").replace(", null", " or null"),
        None => word(expected),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::domain::filter::pattern_problem;

    #[test]
    fn faults_say_what_has_to_be_there_and_never_what_is() {
        let entry = find("reservation.created").unwrap();
        let mut data = entry.sample["data"].clone();
        data["reservation"]["starts_at"] = json!("dana@halden.example");
        data["reservation"]["status"] = json!("dana@halden.example");
        data["reservation"]["party_size"] = json!(0);
        data["reservation"]["venue"] = json!("dana@halden.example");
        data["created_by"] = json!(["dana@halden.example"]);
        let mut faults: Vec<String> =
            entry.check(&data).into_iter().map(|fault| format!("{} {}", fault.pointer, fault.detail)).collect();
        faults.sort();
        assert_eq!(
            faults,
            [
                "/created_by must be one of guest, staff, system",
                "/created_by must be string",
                "/reservation/party_size must be at least 1",
                "/reservation/starts_at must be an RFC 3339 time, such as 2031-05-06T09:31:00Z",
                "/reservation/status must be one of requested, confirmed, seated, completed, cancelled, no_show",
                "/reservation/venue must be object",
            ]
        );
    }

    #[test]
    fn fields_that_nobody_described_are_welcome_and_faults_are_not_endless() {
        let mut data = find("incident.sla_cluster").unwrap().sample["data"].clone();
        data["region"] = json!({"name": "south"});
        assert_eq!(check_event("incident.sla_cluster", &data), Ok(()));
        data["handoff_ids"] = json!(vec![7; 1_000]);
        let Err(EventFault::Data(faults)) = check_event("incident.sla_cluster", &data) else { panic!("it fits") };
        assert_eq!(faults.len(), 20);
    }

    #[test]
    fn own_types_take_any_object_and_others_are_refused_with_advice() {
        for own in ["custom.deal_won", "custom.a.b-c.9"] {
            assert_eq!(check_event(own, &json!({"anything": [1]})), Ok(()));
            assert!(matches!(check_event(own, &json!([1])), Err(EventFault::Data(faults)) if faults.len() == 1));
        }
        let long = format!("custom.{}", "x".repeat(94));
        for unknown in
            ["custom", "custom.", "custom..a", "custom.A", "custom.é", "call.exploded", "", "callback.test", &long]
        {
            let fault = check_event(unknown, &json!({})).unwrap_err();
            assert_eq!(fault, EventFault::UnknownType, "{unknown}");
            assert!(fault.to_string().contains("custom.<name>"));
        }
    }

    proptest! {
        #[test]
        fn own_types_are_filterable(name in "custom(\\.[a-z0-9_-]{1,9}){1,4}") {
            prop_assert_eq!(check_event(&name, &json!({})), Ok(()));
            prop_assert!(pattern_problem(&name).is_none());
        }
    }
}
