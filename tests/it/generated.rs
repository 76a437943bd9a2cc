//! What is generated is committed as it is generated.

#[test]
fn the_committed_api_document_is_the_one_the_handlers_give() {
    let generated = aftercall::http::openapi_document();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi/openapi.json");
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        std::fs::write(path, &generated).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(committed == generated, "openapi/openapi.json is stale: run UPDATE_OPENAPI=1 cargo test the_committed_api");
}

#[test]
fn the_committed_page_of_events_is_the_one_the_catalogue_gives() {
    let generated = aftercall::domain::catalogue::markdown();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/events.md");
    if std::env::var_os("UPDATE_EVENTS").is_some() {
        std::fs::write(path, &generated).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(committed == generated, "docs/events.md is stale: run UPDATE_EVENTS=1 cargo test the_committed_page");
}

#[test]
fn every_route_is_described_and_asks_for_a_token_or_a_proof() {
    let document: serde_json::Value = serde_json::from_str(&aftercall::http::openapi_document()).unwrap();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let wanted = if path.starts_with("/webhooks/") { "gong_signed" } else { "token" };
            let schemes: Vec<&String> =
                operation["security"].as_array().unwrap().iter().flat_map(|s| s.as_object().unwrap().keys()).collect();
            assert!(schemes.iter().any(|scheme| *scheme == wanted), "{method} {path}");
            assert!(operation["summary"].is_string() && operation["operationId"].is_string(), "{method} {path}");
            let mut answers = operation["responses"].as_object().unwrap().values();
            assert!(answers.all(|answer| answer["description"].is_string()), "{method} {path}");
        }
    }
}
