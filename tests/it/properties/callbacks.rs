//! Bodies of callbacks.

use aftercall::{
    clients::gong::{parse_json_exact, shapes},
    intake::{Callback, CallbackError, proof::Evidence},
};
use serde_json::Value;

use super::{
    proofs::{self, URL_KEY},
    told,
};

/// A body is refused, or names a call that can be stored; and what somebody calls private stays private.
pub fn hold(data: &[u8]) {
    let evidence = Evidence { url_key: Some(URL_KEY), ..Evidence::default() };
    let callback = Callback::parse(&proofs::prove(&evidence, data).expect("the key is right"));
    let Ok(body) = parse_json_exact(data.strip_prefix(b"\xef\xbb\xbf").unwrap_or(data)) else {
        assert!(matches!(callback, Err(CallbackError::NotJson(_))));
        return;
    };
    let call = shapes::callback_call(&body);
    assert_eq!(callback.is_ok(), call.is_some() || shapes::is_test(&body));
    let written = serde_json::to_vec(&body).expect("JSON");
    let again = parse_json_exact(&written).expect("JSON");
    assert_eq!(without_floats(again), without_floats(body.clone()), "what was read is what is read again");
    if let Some(call) = call {
        told::call(&call);
        let data = &body["callData"];
        let flags = [&body["isPrivate"], &data["isPrivate"], &data["metaData"]["isPrivate"]];
        assert_eq!(call.is_private, flags.into_iter().any(is_set), "{body}");
    }
}

/// Writing and reading a float may move it by a hair.
fn without_floats(value: Value) -> Value {
    match value {
        Value::Number(number) if number.is_f64() => Value::Null,
        Value::Array(items) => items.into_iter().map(without_floats).collect(),
        Value::Object(members) => members
            .into_iter()
            .map(|(name, value)| (name, without_floats(value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        other => other,
    }
}

/// Everything counts as set but what plainly says no.
fn is_set(flag: &Value) -> bool {
    let no = [Value::Null, false.into(), "".into(), "false".into(), "0".into(), "no".into()];
    let said = flag.as_str().map_or_else(|| flag.clone(), |text| text.trim().to_ascii_lowercase().into());
    !no.contains(&said) && flag.as_f64() != Some(0.0)
}
