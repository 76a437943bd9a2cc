//! The catalogue keeps its own rules, and the code keeps the catalogue's.

use std::collections::HashSet;

use chrono::DateTime;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::domain::{
    call::{Account, Call},
    contacts::without_contacts,
    event::event_type,
    filter::pattern_problem,
    ids::{EventId, RunId},
    payload::{CallData, DocumentLinks, SummaryFacts},
    run::Stage,
    summary::{ActionItem, Summary},
};

#[test]
fn every_type_of_the_interface_has_one_entry() {
    let types: Vec<&str> = entries().iter().map(|entry| entry.event_type).collect();
    let expected = [
        event_type::CALL_RECEIVED,
        event_type::CALL_SUMMARISED,
        event_type::CALL_DOCUMENTED,
        event_type::CALL_FAILED,
        event_type::CALL_SKIPPED,
        event_type::ENDPOINT_DISABLED,
        event_type::ENDPOINT_RECOVERED,
        event_type::TEST_PING,
        "reservation.created",
        "reservation.modified",
        "reservation.cancelled",
        "reservation.confirmed",
        "reminder.24h.sent",
        "reminder.2h.sent",
        "reminder.no_show",
        "handoff.opened",
        "sla.breached",
        "incident.sla_cluster",
    ];
    assert_eq!(types, expected);
    assert_eq!(types.iter().collect::<HashSet<_>>().len(), types.len());
    assert!(types.iter().all(|name| pattern_problem(name).is_none()));
    assert!(find("call.summarised").is_some_and(|entry| entry.event_type == "call.summarised"));
}

#[test]
fn every_sample_is_a_payload_whose_data_fits_its_schema() {
    let mut ids = HashSet::new();
    for entry in entries() {
        let sample = entry.sample.as_object().unwrap();
        let members: Vec<&str> = sample.keys().map(String::as_str).collect();
        assert_eq!(members, ["data", "id", "intent", "tenant", "timestamp", "type"]);
        assert_eq!(sample["type"], entry.event_type);
        assert!(ids.insert(sample["id"].as_str().unwrap().parse::<EventId>().unwrap().uuid()));
        assert_eq!(entry.check(&sample["data"]), []);
        assert_eq!(check_event(entry.event_type, &sample["data"]), Ok(()));
    }
}

#[test]
fn no_sample_carries_a_contact() {
    for entry in entries() {
        assert_eq!(without_contacts(entry.sample.clone()), entry.sample, "{}", entry.event_type);
    }
}

#[test]
fn every_schema_is_valid_whole_and_explains_every_field() {
    for entry in entries() {
        assert!(jsonschema::meta::is_valid(&entry.schema), "{}", entry.event_type);
        let mut fields = Vec::new();
        explained(&entry.schema, &mut fields);
        assert!(fields.len() > 1 && !entry.schema.to_string().contains("$ref"));
        assert!(!entry.description.contains("  "), "{}", entry.event_type);
    }
}

fn explained<'a>(schema: &'a Value, fields: &mut Vec<&'a str>) {
    let description = schema["description"].as_str().unwrap();
    assert!(description.ends_with(['.', '…']) && !description.contains('|'), "{description}");
    fields.push(description);
    for (_, member) in schema["properties"].as_object().into_iter().flatten() {
        explained(member, fields);
    }
    if let Some(item) = schema.get("items") {
        explained(item, fields);
    }
}

#[test]
fn samples_show_no_field_that_is_not_described() {
    for entry in entries() {
        assert_all_known(&entry.schema, &entry.sample["data"], entry.event_type);
    }
}

/// A member of a sample that its schema does not name would be a typing error.
fn assert_all_known(schema: &Value, value: &Value, path: &str) {
    for (name, member) in value.as_object().into_iter().flatten() {
        let described = schema["properties"].get(name).unwrap_or_else(|| panic!("{path}.{name} is not described"));
        assert_all_known(described, member, &format!("{path}.{name}"));
    }
    for item in value.as_array().into_iter().flatten() {
        assert_all_known(&schema["items"], item, path);
    }
}

#[test]
fn a_missing_required_field_is_pointed_at() {
    for entry in entries() {
        let data = &entry.sample["data"];
        let mut places = Vec::new();
        required_places(&entry.schema, data, "", &mut places);
        assert!(!places.is_empty(), "{}", entry.event_type);
        for place in places {
            let (parent, name) = place.rsplit_once('/').unwrap();
            let mut data = data.clone();
            data.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(name).unwrap();
            let fault = DataFault { pointer: place.clone(), detail: "must be there".to_owned() };
            assert_eq!(entry.check(&data), std::slice::from_ref(&fault));
            assert_eq!(check_event(entry.event_type, &data), Err(EventFault::Data(vec![fault])));
        }
    }
}

fn required_places(schema: &Value, data: &Value, path: &str, places: &mut Vec<String>) {
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        places.push(format!("{path}/{name}"));
    }
    for (name, member) in data.as_object().into_iter().flatten() {
        required_places(&schema["properties"][name], member, &format!("{path}/{name}"), places);
    }
}

#[test]
fn endpoint_events_fit_as_the_service_raises_them() {
    let endpoint_id = crate::domain::ids::EndpointId::new();
    for (name, data) in [
        ("endpoint.disabled", json!({"endpoint_id": endpoint_id, "reason": "gone"})),
        ("endpoint.disabled", json!({"endpoint_id": endpoint_id, "reason": "failing_for_5_days"})),
        ("endpoint.recovered", json!({"endpoint_id": endpoint_id, "reason": null})),
        ("test.ping", json!({"endpoint_id": endpoint_id, "message": "This is a test from aftercall."})),
    ] {
        assert_eq!(check_event(name, &data), Ok(()));
    }
}

fn maybe(text: &'static str) -> impl Strategy<Value = Option<String>> {
    proptest::option::of(text)
}

prop_compose! {
    fn call()(
        id in "[0-9]{1,20}", title in maybe("\\PC{0,60}"), url in maybe("https://[a-z]{3,9}\\.example/\\PC{0,20}"),
        started in proptest::option::of(0i64..200_000_000_000), nanos in 0u32..1_000_000_000,
        duration_seconds in any::<Option<i64>>(), name in maybe("\\PC{0,30}"), number in maybe("[A-Z0-9-]{0,12}"),
    ) -> Call {
        let started_at = started.and_then(|seconds| DateTime::from_timestamp(seconds, nanos));
        let crm_account = name.map(|name| Account { name, number });
        Call { id, title, url, started_at, duration_seconds, crm_account, ..Call::default() }
    }
}

prop_compose! {
    fn summary()(
        headline in "\\PC{0,40}", points in proptest::collection::vec("\\PC{0,30}", 0..3), owner in maybe("\\PC{0,9}"),
        sentiment in -1.0f64..=1.0, language in "[a-z]{2,3}",
    ) -> Summary {
        let text = points.concat();
        let action_items = points.iter().map(|text| ActionItem { owner: owner.clone(), text: text.clone() }).collect();
        Summary {
            headline, text, key_points: points.clone(), action_items, risks: points, intent: None, sentiment, language,
            provider: "local".to_owned(),
        }
    }
}

proptest! {
    #[test]
    fn what_the_pipeline_says_of_a_call_fits(call in call(), summary in summary(), stage in 0usize..4) {
        let stage = Stage::ALL[stage];
        let received = CallData::new(&call, call.crm_account.as_ref(), RunId::new());
        prop_assert_eq!(check_event("call.received", &received.to_value()), Ok(()));
        let skipped = CallData { reason: Some("no_transcript".to_owned()), ..received.clone() };
        prop_assert_eq!(check_event("call.skipped", &skipped.to_value()), Ok(()));
        let reason = Some(format!("{}_failed", stage.as_str()));
        let failed = CallData { reason, stage: Some(stage), ..received.clone() };
        prop_assert_eq!(check_event("call.failed", &failed.to_value()), Ok(()));
        let summarised = CallData { summary: Some(SummaryFacts::from(&summary)), ..received };
        prop_assert_eq!(check_event("call.summarised", &summarised.to_value()), Ok(()));
        let link = || "file:///srv/data/documents/A%20B".to_owned();
        let documents = Some(DocumentLinks { folder_url: link(), summary_url: link(), log_url: link() });
        let documented = CallData { documents, ..summarised };
        prop_assert_eq!(check_event("call.documented", &documented.to_value()), Ok(()));
        prop_assert_eq!(check_event("call.summarised", &documented.to_value()), Ok(()));
    }
}
