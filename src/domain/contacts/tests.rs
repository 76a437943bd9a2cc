//! No contact gets through, and what is none does.

use proptest::{collection, prelude::*};
use serde_json::{Value, json};

use super::*;

fn cleaned(data: Value) -> Value {
    let once = without_contacts(data);
    assert_eq!(without_contacts(once.clone()), once, "twice is not once");
    once
}

#[test]
fn contacts_are_hidden_in_texts_and_keys_at_any_depth() {
    let data = json!({"notes": [{"text": "Ask dana@halden.example or call +1 415 555 0134."}], "bo@halden.example": 1});
    assert_eq!(cleaned(data), json!({"notes": [{"text": "Ask [email] or call [phone]."}], "[email]": 1}));
}

#[test]
fn whatever_stands_under_the_key_of_a_phone_or_mailbox_is_hidden() {
    let data = json!({
        "phone": 5_550_142, "whatsapp_number": "12", "guestEmail": "dana", "mobile": ["1", {"country": "DE", "id": "2"}],
        "fax": "", "tel": null, "email_sent": true, "email_sent_at": "2031-05-06T09:31:00Z",
    });
    let hidden = json!({
        "phone": "[phone]", "whatsapp_number": "[phone]", "guestEmail": "[email]",
        "mobile": ["[phone]", {"country": "[phone]", "id": "[phone]"}],
        "fax": "", "tel": null, "email_sent": true, "email_sent_at": "2031-05-06T09:31:00Z",
    });
    assert_eq!(cleaned(data), hidden);
}

#[test]
fn identifiers_times_amounts_and_links_stay() {
    let data = json!({
        "id": "9006790550947841271", "reservation_id": "res_20310506_001", "callId": "4155550134",
        "handoff_ids": ["01234567-1234-1234-1234-123456789012"], "order_number": "600123456",
        "starts_at": "2031-05-06T19:30:00.123456789+02:00", "local": "2031-05-06T19:30:00.123456", "day": "2031-05-06",
        "total": "1.250.000", "party_size": 4, "at_ms": 1_935_401_460_000_i64,
        "url": "https://crm.example/call?id=5508213374410926637#a",
    });
    assert_eq!(cleaned(data.clone()), data);
}

#[test]
fn an_identifier_is_one_word_and_a_number_elsewhere_is_a_phone() {
    let data = json!({"id": "call 4155550134", "call_id": "+14155550134", "reference": "4155550134"});
    assert_eq!(cleaned(data), json!({"id": "call [phone]", "call_id": "[phone]", "reference": "[phone]"}));
}

#[test]
fn links_lose_what_carries_a_contact() {
    for (link, kept) in [
        ("https://crm.example/c?phone=%2B14155550134", "https://crm.example/c"),
        ("https://crm.example/c?to=dana%40halden.example", "https://crm.example/c"),
        ("https://crm.example/dana@halden.example/x", "https://crm.example"),
        ("https://crm.example/c?to=dana%2540halden.example", "https://crm.example"),
        ("https://dana:pw@crm.example/c", "https://crm.example"),
        ("https://wa.me/4915112345678", "https://wa.me"),
        ("https://api.whatsapp.com/send?phone=4915112345678", "https://api.whatsapp.com"),
        ("mailto:dana@halden.example", "mailto:[email]"),
    ] {
        assert_eq!(cleaned(json!({ "url": link })), json!({ "url": kept }), "{link}");
    }
}

#[test]
fn two_addresses_as_keys_stay_two_members() {
    let data = json!({"a@halden.example": 1, "b@halden.example": 2, "[email] #2": 3});
    assert_eq!(cleaned(data), json!({"[email]": 1, "[email] #2": 3, "[email] #3": 2}));
}

#[test]
fn a_list_of_numbers_that_never_ends_is_hidden_as_one() {
    let numbers = format!("4155550134{}", ", 1234567".repeat(1_000));
    assert_eq!(cleaned(json!({ "note": numbers })), json!({"note": "[phone]"}));
}

fn contact() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{2,8}[.+_]?[a-z0-9]{1,6}@[a-z]{2,9}\\.(example|co\\.uk|com)",
        "\\+[1-9][0-9] [0-9]{3} [0-9]{3} [0-9]{4}",
        "\\([2-9][0-9]{2}\\) [0-9]{3}-[0-9]{4}",
        "[1-9][0-9]{9,11}",
    ]
}

/// Every place a contact can stand in.
fn planted(contact: &str, place: usize, words: &str) -> Value {
    match place {
        0 => json!({ "note": format!("{words} {contact}") }),
        1 => json!({ "id": format!("{words}: {contact}, {words}") }),
        2 => json!({ format!("{words} {contact}"): words }),
        3 => json!({ "customer_phone": contact }),
        4 => json!([[{ "userEmails": [contact] }]]),
        5 => {
            json!({ "link": format!("https://crm.example/c?phone={}", contact.replace('@', "%40").replace(' ', "%20")) })
        }
        _ => json!([contact, {"deep": {"deeper": [format!("{words}\n{contact}")]}}]),
    }
}

fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "\\PC{0,40}".prop_map(Value::from),
        "[0-9+() .@a-z-]{0,30}".prop_map(Value::from),
        "https?://[a-z0-9.@%+/?=&-]{0,30}".prop_map(Value::from),
    ];
    let key = prop_oneof!["[a-z]{1,6}(_id|Id|_number|_phone|)", "[a-z@.0-9 ]{0,14}"];
    leaf.prop_recursive(4, 40, 6, move |inner| {
        prop_oneof![
            collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            collection::btree_map(key.clone(), inner, 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// What is left of a value without its texts, numbers and keys.
fn shape(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let mut shapes: Vec<String> = members.values().map(shape).collect();
            shapes.sort();
            format!("{shapes:?}")
        }
        Value::Array(items) => format!("({})", items.iter().map(shape).collect::<Vec<_>>().join(",")),
        Value::String(_) | Value::Number(_) => "scalar".to_owned(),
        Value::Null | Value::Bool(_) => value.to_string(),
    }
}

#[test]
fn what_is_left_of_a_text_can_be_a_link_and_is_cleaned_as_one() {
    let once = without_contacts(json!("http:crm.example/phone%0d\"+1 415 555 0134\""));
    assert_eq!(once, json!("http://crm.example"));
    assert_eq!(without_contacts(once.clone()), once);
}

proptest! {
    #[test]
    fn no_planted_contact_comes_out(contact in contact(), places in collection::vec(0usize..7, 1..5), words in "[b-z]{4,9}") {
        let data: Value = places.iter().map(|place| planted(&contact, *place, &words)).collect();
        let shown = cleaned(data).to_string();
        prop_assert!(!shown.contains(&contact), "{shown}");
        let digits = contact.rsplit([' ', '-']).next().unwrap_or_default();
        prop_assert!(!shown.contains(digits), "{shown}");
        prop_assert!(!shown.contains('@'), "{shown}");
    }

    #[test]
    fn twice_is_once_and_the_structure_stays(data in anything()) {
        let once = without_contacts(data.clone());
        prop_assert_eq!(shape(&once), shape(&data));
        prop_assert_eq!(without_contacts(once.clone()), once);
    }

    #[test]
    fn identifiers_and_times_survive(id in "[A-Za-z0-9_-]{1,40}", seconds in 0i64..4_000_000_000, nanos in 0u32..1_000_000_000) {
        let at = chrono::DateTime::from_timestamp(seconds, nanos).unwrap();
        let data = json!({"id": id, "event_id": [id], "orderId": {"order_number": id}, "at": at, "on": at.date_naive()});
        prop_assert_eq!(without_contacts(data.clone()), data);
    }
}
