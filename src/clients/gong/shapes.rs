//! Reads Gong's JSON into our words, leniently: only a call's id is required.
//!
//! Gong adds fields without notice, leaves out or nulls any member, sends ids as text or numbers and context values as
//! any JSON type. So nothing here is a strict structure: a member of an unexpected type counts as absent.

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::domain::{
    call::{Account, Call, Party, Side},
    contacts::identifier_without_contacts,
    text::clean,
    transcript::StoredTurn,
};

/// Longer ids are not Gong's (its own have up to twenty digits) and would only bloat indexes.
const LONGEST_CALL_ID: usize = 128;
/// Names under which CRM administrators expose an account's number.
const ACCOUNT_NUMBER_FIELDS: &[&str] = &["accountnumber", "accountnumberc", "customernumber", "number"];

/// Reads an element of `calls[]` of `/v2/calls/extensive`, `callData` of a callback, or flat metadata.
/// `None` when it names no call.
#[must_use]
pub fn call(value: &Value) -> Option<Call> {
    let meta = value.get("metaData").unwrap_or(value);
    Some(Call {
        id: call_id(meta.get("id"))?,
        title: text(meta.get("title")),
        url: text(meta.get("url")).filter(|url| url.starts_with("https://") || url.starts_with("http://")),
        started_at: instant(meta.get("started")).or_else(|| instant(meta.get("scheduled"))),
        duration_seconds: meta.get("duration").and_then(whole_number),
        language: text(meta.get("language")),
        is_private: is_set(meta.get("isPrivate")) || is_set(value.get("isPrivate")),
        parties: list(value.get("parties")).map(party).collect(),
        crm_account: crm_account(value),
    })
}

/// Reads the call of a webhook body. Its top-level `isPrivate` counts beside the call's own.
#[must_use]
pub fn callback_call(body: &Value) -> Option<Call> {
    let mut call = call(body.get("callData")?)?;
    call.is_private |= is_set(body.get("isPrivate"));
    Some(call)
}

/// Whether a webhook body says that it is Gong's "Test now".
#[must_use]
pub fn is_test(body: &Value) -> bool {
    is_set(body.get("isTest"))
}

/// Reads an element of `callTranscripts[]` of `/v2/calls/transcript`: the call's id and its turns. Words are never
/// dropped for want of a speaker. `None` when it names no call.
#[must_use]
pub fn transcript(value: &Value) -> Option<(String, Vec<StoredTurn>)> {
    let id = call_id(value.get("callId"))?;
    let turns = list(value.get("transcript")).filter_map(|monologue| {
        let sentences: Vec<&Value> = list(monologue.get("sentences")).collect();
        let spoken: Vec<String> = sentences.iter().filter_map(|sentence| text(sentence.get("text"))).collect();
        let start = sentences.iter().find_map(|sentence| sentence.get("start").and_then(whole_number));
        (!spoken.is_empty()).then(|| StoredTurn {
            speaker_id: text(monologue.get("speakerId")),
            speaker_name: None,
            start_ms: start.and_then(|ms| u64::try_from(ms).ok()).unwrap_or(0),
            sentences: spoken,
        })
    });
    Some((id, turns.collect()))
}

/// A call's id as text. A number is taken as long as it is exact: twenty digits do not always fit. It goes out with every
/// event, so that an address is none.
fn call_id(value: Option<&Value>) -> Option<String> {
    let clean_text = |id: &Value| id.as_str().is_none_or(|id| !id.trim().chars().any(char::is_control));
    let id = text(value.filter(|id| clean_text(id)))?;
    (id.len() <= LONGEST_CALL_ID && identifier_without_contacts(&id) == id).then_some(id)
}

fn party(value: &Value) -> Party {
    Party {
        speaker_id: text(value.get("speakerId")),
        name: text(value.get("name")),
        email: text(value.get("emailAddress")),
        side: match value.get("affiliation").and_then(Value::as_str) {
            Some("Internal") => Side::Ours,
            Some("External") => Side::Theirs,
            _ => Side::Unknown,
        },
    }
}

/// The first account object in the call's CRM context that has a name.
fn crm_account(value: &Value) -> Option<Account> {
    let objects = list(value.get("context")).flat_map(|system| list(system.get("objects")));
    objects.filter(|object| object.get("objectType").and_then(Value::as_str) == Some("Account")).find_map(|object| {
        let field = |wanted: &dyn Fn(&str) -> bool| {
            list(object.get("fields")).find_map(|field| {
                let letters = |c: &char| c.is_ascii_alphanumeric();
                let name: String = text(field.get("name"))?.to_lowercase().chars().filter(letters).collect();
                if wanted(&name) { text(field.get("value")) } else { None }
            })
        };
        Some(Account {
            name: field(&|name| matches!(name, "name" | "accountname"))?,
            number: field(&|name| ACCOUNT_NUMBER_FIELDS.contains(&name)),
        })
    })
}

fn list(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    value.and_then(Value::as_array).into_iter().flatten()
}

fn text(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) => clean(text),
        Value::Number(number) if !number.is_f64() => Some(number.to_string()),
        _ => None,
    }
}

/// Whether a flag is set. Booleans arrive as text or numbers at times, and what cannot be understood counts as set:
/// a call is rather kept back than published against somebody's will.
fn is_set(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => false,
        Some(Value::Bool(flag)) => *flag,
        Some(Value::String(flag)) => !matches!(flag.trim().to_ascii_lowercase().as_str(), "" | "false" | "0" | "no"),
        Some(Value::Number(number)) => number.as_f64() != Some(0.0),
        Some(Value::Array(_) | Value::Object(_)) => true,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a fraction of a second or a millisecond is noise")]
fn whole_number(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_f64().filter(|number| number.abs() < 1e15).map(|number| number as i64))
}

/// RFC 3339 with any offset and fraction. Years outside of four digits would not survive the database.
fn instant(value: Option<&Value>) -> Option<DateTime<Utc>> {
    let instant = DateTime::parse_from_rfc3339(value?.as_str()?).ok()?;
    Some(crate::domain::clock::after(instant.to_utc(), std::time::Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_call_needs_its_id_and_nothing_else() {
        let bare = call(&json!({"metaData": {"id": "31400000000000001590"}})).unwrap();
        assert_eq!((bare.id.as_str(), bare.parties.len()), ("31400000000000001590", 0));
        assert_eq!(call(&json!({"metaData": {"id": 314}})).unwrap().id, "314");
        for nameless in
            [json!({}), json!({"metaData": {"id": null}}), json!({"metaData": {"id": " "}}), json!([]), json!(3)]
        {
            assert!(call(&nameless).is_none(), "{nameless}");
        }
    }

    #[test]
    fn a_call_is_private_if_anything_says_so_in_any_type() {
        for (flag, private) in [
            (json!(true), true),
            (json!("true"), true),
            (json!(1), true),
            (json!({}), true),
            (json!(false), false),
            (json!("False"), false),
            (json!(0), false),
            (json!(null), false),
        ] {
            let inner = json!({"callData": {"metaData": {"id": "1", "isPrivate": flag}}});
            let outer = json!({"callData": {"metaData": {"id": "1"}}, "isPrivate": flag});
            for body in [inner, outer] {
                assert_eq!(callback_call(&body).unwrap().is_private, private, "{body}");
            }
        }
    }

    #[test]
    fn members_of_unexpected_types_count_as_absent() {
        let odd = call(&json!({"metaData": {"id": "1", "title": 5.5, "started": 1_893_456_000, "duration": "x"},
            "parties": {"no": "list"}, "context": [null, {"objects": [{"objectType": "Account", "fields": [7, {"name": "Name",
            "value": true}]}]}]}))
        .unwrap();
        assert_eq!((odd.title, odd.started_at, odd.duration_seconds, odd.crm_account), (None, None, None, None));
    }

    #[test]
    fn the_account_comes_from_the_crm_context() {
        let told = call(&json!({"metaData": {"id": "1"}, "context": [{"system": "Salesforce", "objects": [
            {"objectType": "Opportunity", "fields": [{"name": "Name", "value": "Deal"}]},
            {"objectType": "Account", "fields": [{"name": "Name", "value": "Halden"}, {"name": "Account_Number__c", "value": 4711}]}]}]}))
        .unwrap();
        assert_eq!(told.crm_account, Some(Account { name: "Halden".to_owned(), number: Some("4711".to_owned()) }));
    }

    #[test]
    fn a_monologue_without_speaker_keeps_its_words() {
        let (id, turns) = transcript(&json!({"callId": "9", "transcript": [
            {"speakerId": null, "topic": null, "sentences": [{"start": 1200, "end": 2, "text": "Hello."}, {"text": null}]},
            {"speakerId": "7", "sentences": []}]}))
        .unwrap();
        assert_eq!((id.as_str(), turns.len(), turns[0].start_ms), ("9", 1, 1200));
        assert_eq!(turns[0].speaker_id, None);
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            ".{0,12}".prop_map(Value::from),
        ];
        let key = prop_oneof![
            "metaData",
            "id",
            "parties",
            "context",
            "objects",
            "fields",
            "started",
            "transcript",
            "callId",
            "sentences",
            "text",
            "start",
            "duration"
        ];
        leaf.prop_recursive(5, 60, 6, move |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                proptest::collection::vec((key.clone(), inner), 0..6)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_json_is_read_or_refused_without_panic(value in any_json()) {
            let _ = (call(&value), transcript(&value));
        }
    }
}
