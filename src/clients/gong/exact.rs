//! Reads JSON without losing digits of long ids.
//!
//! Gong's ids have up to twenty digits. They are text in its answers but have been seen as numbers, and a JSON number of
//! that length becomes a float, which keeps sixteen digits. So long integers are turned into text before they are read.
//! Anything else keeps its meaning.

use std::borrow::Cow;

use serde::de::IgnoredAny;
use serde_json::Value;

/// Integers of up to so many digits survive every reader of JSON as they are.
const EXACT_DIGITS: usize = 15;

/// Reads JSON; an integer of more than fifteen digits becomes a text of the same digits.
pub fn parse_json_exact(bytes: &[u8]) -> serde_json::Result<Value> {
    match quote_long_integers(bytes) {
        Cow::Borrowed(bytes) => serde_json::from_slice(bytes),
        Cow::Owned(quoted) => {
            // Quoting can make JSON of what was none: a number as a key, a number with leading zeros.
            serde_json::from_slice::<IgnoredAny>(bytes)?;
            serde_json::from_slice(&quoted)
        }
    }
}

/// Puts quotes around long integers that do not stand in a string.
fn quote_long_integers(bytes: &[u8]) -> Cow<'_, [u8]> {
    let mut quoted: Option<Vec<u8>> = None;
    let (mut copied, mut at) = (0, 0);
    while let Some(byte) = bytes.get(at) {
        let end = match byte {
            b'"' => end_of_string(bytes, at),
            b'-' | b'0'..=b'9' => end_of_number(bytes, at),
            _ => at + 1,
        };
        if is_long_integer(&bytes[at..end]) {
            let quoted = quoted.get_or_insert_with(|| Vec::with_capacity(bytes.len() + 64));
            quoted.extend_from_slice(&bytes[copied..at]);
            quoted.push(b'"');
            quoted.extend_from_slice(&bytes[at..end]);
            quoted.push(b'"');
            copied = end;
        }
        at = end;
    }
    match quoted {
        None => Cow::Borrowed(bytes),
        Some(mut quoted) => {
            quoted.extend_from_slice(&bytes[copied..]);
            Cow::Owned(quoted)
        }
    }
}

/// Behind the closing quote of the string that opens at `start`, or the end of a text that breaks off in it.
fn end_of_string(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// Behind everything that can belong to a number. The first byte belongs to it, whatever follows.
fn end_of_number(bytes: &[u8], start: usize) -> usize {
    let part_of_number = |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
    bytes[start..].iter().position(|byte| !part_of_number(byte)).map_or(bytes.len(), |length| start + length)
}

fn is_long_integer(literal: &[u8]) -> bool {
    let digits = literal.strip_prefix(b"-").unwrap_or(literal);
    digits.len() > EXACT_DIGITS && digits.iter().all(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn read(text: &str) -> Value {
        parse_json_exact(text.as_bytes()).unwrap()
    }

    #[test]
    fn twenty_digits_survive_wherever_they_stand() {
        let text = r#"{"id":31400000000000001590,"in":[-12345678901234567890,1 , 9999999999999999],"id2": 1234567890123456
        }"#;
        let digits = json!({"id": "31400000000000001590", "in": ["-12345678901234567890", 1, "9999999999999999"],
            "id2": "1234567890123456"});
        assert_eq!(read(text), digits);
        assert_eq!(read("12345678901234567890"), json!("12345678901234567890"));
    }

    #[test]
    fn fifteen_digits_fractions_and_powers_stay_numbers() {
        for text in ["999999999999999", "-999999999999999", "0.12345678901234567", "12345678901234567.5", "1e300", "0"]
        {
            assert_eq!(read(text), serde_json::from_str::<Value>(text).unwrap(), "{text}");
        }
    }

    #[test]
    fn digits_in_strings_and_keys_stay_as_they_are() {
        let text = r#"{"12345678901234567890":"a \" 12345678901234567890 \\","b":"\\\"12345678901234567890"}"#;
        assert_eq!(read(text), serde_json::from_str::<Value>(text).unwrap());
    }

    #[test]
    fn what_was_no_json_does_not_become_any() {
        for text in [
            "{12345678901234567890: 1}",
            "01234567890123456789",
            "-01234567890123456789",
            "[12345678901234567890",
            "12345678901234567890 12345678901234567890",
            "12345678901234567890\"",
            "-",
            "\"\\",
            "",
        ] {
            assert!(parse_json_exact(text.as_bytes()).is_err(), "{text}");
        }
    }

    /// What the reading has to amount to.
    fn with_long_integers_as_text(value: Value) -> Value {
        match value {
            Value::Number(number) if !number.is_f64() && is_long_integer(number.to_string().as_bytes()) => {
                Value::String(number.to_string())
            }
            Value::Array(items) => items.into_iter().map(with_long_integers_as_text).collect(),
            Value::Object(members) => {
                members.into_iter().map(|(key, value)| (key, with_long_integers_as_text(value))).collect()
            }
            other => other,
        }
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let text = prop_oneof![".{0,12}", "[0-9]{14,22}", "[\"\\\\0-9]{0,24}"];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            (-5000i64..5000).prop_map(Value::from),
            text.clone().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 48, 6, move |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                proptest::collection::vec((text.clone(), inner), 0..5)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_json_keeps_its_meaning(value in any_json(), pretty in any::<bool>()) {
            let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
            // What the text says, which for floats is not always what it was written from.
            let said: Value = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(read(&text), with_long_integers_as_text(said));
        }

        #[test]
        fn digits_of_any_length_survive(digits in "-?[1-9][0-9]{15,40}", before in ".{0,8}") {
            let text = format!("{{{}: [{digits},{digits} ]}}", serde_json::to_string(&before).unwrap());
            let value = read(&text);
            prop_assert_eq!(&value[&before], &json!([digits, digits]));
        }

        #[test]
        fn quoting_twice_is_quoting_once(text in "[\\[\\]{}:,\" \\\\e.0-9-]{0,60}") {
            let once = quote_long_integers(text.as_bytes()).into_owned();
            let twice = quote_long_integers(&once);
            prop_assert_eq!(twice.as_ref(), &once);
        }

        #[test]
        fn no_bytes_make_it_panic_or_take_for_json_what_is_none(bytes in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..80),
            "[\\[\\]{}:,\" \\\\e.0-9-]{0,60}".prop_map(String::into_bytes),
        ]) {
            let exact = parse_json_exact(&bytes);
            prop_assert!(exact.is_err() || serde_json::from_slice::<IgnoredAny>(&bytes).is_ok());
            prop_assert!(exact.is_ok() || serde_json::from_slice::<Value>(&bytes).is_err());
        }
    }
}
