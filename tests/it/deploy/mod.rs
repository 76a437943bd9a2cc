//! What an operator takes from `deploy/` and `cloudrun.yaml`, held against the real thing: each query finds what a scrape
//! tells, each setting is one that the binary starts with.

mod cloud_run;
mod gauges;
mod monitoring;
mod promql;
mod scrape;

use serde_json::Value;

/// A file of this repository.
fn file(path: &str) -> String {
    let path = format!("{}/{path}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn yaml(path: &str) -> Value {
    serde_saphyr::from_str(&file(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The items of a list in a document.
fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}
