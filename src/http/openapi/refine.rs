//! What holds for many operations alike and need not stand at each, and what the handlers' types cannot say: which refusals
//! there are, how ids look, what depends on a word in the same body.

use serde_json::{Map, Value, json};

use crate::domain::catalogue;

/// A line of text that says something: no control character, and not only white space.
const LINE: &str = r"^[^\u0000-\u001f\u007f-\u009f]*[^\s\u0000-\u001f\u007f-\u009f][^\u0000-\u001f\u007f-\u009f]*$";
/// How the ids in paths look, by a part of the path.
const IDS: [(&str, &str); 9] = [
    ("/endpoints/{id}", "^ep_[0-9a-f]{32}$"),
    ("/notify/test/{id}", "^ep_[0-9a-f]{32}$"),
    ("/logs/{id}", "^dlv_[0-9a-f]{32}$"),
    ("/runs/{id}", "^run_[0-9a-f]{32}$"),
    ("/tokens/{id}", "^tok_[0-9a-f]{32}$"),
    ("/sources/{id}", "^src_[0-9a-f]{32}$"),
    ("/webhooks/gong/{source_id}", "^src_[0-9a-f]{32}$"),
    ("/tenants/{id}", "^[a-z0-9][a-z0-9-]{0,62}$"),
    ("/accounts/{number}", LINE),
];
/// A public key as Gong shows it; whose, is nobody's business.
const PUBLIC_KEY: &str = "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA6AWKRcRuGVk9H9AisUQtIrRAZQ+vLw+ACz0Hnx++ZYNX4jR1kcNIzTqf9AI4RX977wzRJpqdE+SkoJl/J+JtMCZFAu9vTFCJdCARaA+eJe5Pdbvq8vNa0jfnelPz/gR5+DsSn3wSCb+YlYi8RZH87cgLeotXAvuuQa/y6fRXrLtDxFgLihwp6KbPEkI5OOu9Gbl0TDax7etaBErc6fSdLnbmFyw/7ajmNM/Opx6ENUVTrSD5la/ZD1/2Z75nOXAt902oUoEhW+jDn2VvmYuQn4PswlF+CjP+ouC9oUHLpv/w3sibeM1Z/fAPeYXo/c5vMi5OYCk2fGwkMbguYIUw6wIDAQAB";

/// Completes the document.
pub fn refine(document: &mut Value) {
    let Some(paths) = document["paths"].as_object_mut() else { return };
    for (path, methods) in paths {
        for operation in methods.as_object_mut().into_iter().flat_map(Map::values_mut) {
            describe_ids(path, operation);
            describe_refusals(path, operation);
        }
    }
    let schemas = &mut document["components"]["schemas"];
    for (name, schema) in schemas.as_object_mut().into_iter().flatten() {
        if name.ends_with("Request") || name == "Filters" {
            describe_lines(schema);
        }
    }
    describe_filters(&mut schemas["Filters"]);
    describe_endpoint_kinds(&mut schemas["CreateEndpointRequest"]);
    let mut headers = headers();
    headers["type"] = json!(["object", "null"]);
    headers["description"] = schemas["ChangeEndpointRequest"]["properties"]["headers"]["description"].take();
    schemas["ChangeEndpointRequest"]["properties"]["headers"] = headers;
    schemas["CreateSourceRequest"]["properties"]["public_keys"]["items"] = json!({
        "type": "string", "format": "rsa-public-key", "maxLength": 4000, "example": PUBLIC_KEY,
        "description": "PEM, or the one line of base64 that Gong shows",
    });
    describe_event_types(&mut schemas["RaiseEventRequest"]);
    schemas["GongCallback"] = gong_callback();
    describe_callbacks(document);
}

fn describe_ids(path: &str, operation: &mut Value) {
    let Some((_, pattern)) = IDS.iter().find(|(part, _)| path.contains(part)) else { return };
    for parameter in operation["parameters"].as_array_mut().into_iter().flatten() {
        if parameter["in"] == "path" {
            parameter["schema"]["pattern"] = json!(pattern);
        }
    }
}

/// The refusals that every operation of its sort can give, as RFC 9457 problems.
fn describe_refusals(path: &str, operation: &mut Value) {
    let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
    let has = |place: &str| parameters.iter().any(|parameter| parameter["in"] == place);
    let admin = path.starts_with("/api/v1/");
    let body = operation["requestBody"].is_object();
    let refusals = [
        ("400", body, "The request cannot be read"),
        ("401", true, "No token, or a wrong one"),
        ("403", admin, "The token's role is too small"),
        ("404", has("path"), "There is no such thing, or not for this token"),
        ("409", has("header"), "The first request with this Idempotency-Key is under way"),
        ("413", body, "The body is too large"),
        ("415", body, "The body is not JSON by its type"),
        ("422", body || has("query") || has("header"), "Readable, but not valid: see errors"),
        ("429", admin, "Too many wrong tokens from this address"),
        ("503", true, "Not possible now; see Retry-After"),
    ];
    let Some(responses) = operation["responses"].as_object_mut() else { return };
    for (status, _, description) in refusals.into_iter().filter(|(_, applies, _)| *applies) {
        responses.entry(status).or_insert_with(|| json!({"description": description}));
    }
    for (status, response) in responses {
        if response["description"].is_null() {
            response["description"] = json!("What was asked for");
        }
        if status.as_str() >= "400" {
            let schema = json!({"$ref": "#/components/schemas/ProblemBody"});
            response["content"] = json!({"application/problem+json": {"schema": schema}});
        }
    }
}

/// Names and the like: text of 1 to 200 characters is one line that says something.
fn describe_lines(schema: &mut Value) {
    for property in schema["properties"].as_object_mut().into_iter().flat_map(Map::values_mut) {
        if property["minLength"] == 1 && property["maxLength"] == 200 && property["pattern"].is_null() {
            property["pattern"] = json!(LINE);
        }
        if let Some(property) = property.as_object_mut() {
            property.retain(|_, value| !value.is_null());
        }
    }
}

fn describe_filters(filters: &mut Value) {
    let pattern = r"^[a-z0-9_-]+(\.[a-z0-9_-]+)*(\.\*)?$";
    filters["properties"]["events"]["maxItems"] = json!(100);
    filters["properties"]["events"]["items"] =
        json!({"type": "string", "maxLength": 100, "pattern": pattern, "example": "call.*"});
    filters["properties"]["intents"]["maxItems"] = json!(100);
    filters["properties"]["intents"]["items"] =
        json!({"type": "string", "minLength": 1, "maxLength": 200, "pattern": LINE, "example": "renewal"});
}

/// What a new endpoint may have depends on its kind.
fn describe_endpoint_kinds(schema: &mut Value) {
    let url = json!({"type": "string", "format": "uri", "maxLength": 2000, "example": "https://crm.example.com/hooks"});
    let mailbox = json!({"type": "string", "format": "email", "maxLength": 254, "example": "team@example.com"});
    let kinds = [("webhook", url.clone()), ("slack", url), ("email", mailbox)].map(|(kind, target)| {
        let mut of_kind = schema.clone();
        of_kind["title"] = json!(format!("A new {kind} endpoint"));
        let properties = &mut of_kind["properties"];
        properties["kind"] = json!({"type": "string", "enum": [kind]});
        properties["target"] = target;
        if kind == "webhook" {
            properties["secret"]["pattern"] = json!("^[!-~]+$");
            properties["headers"] = headers();
        } else {
            properties["secret"] = json!({"type": "null"});
            properties["headers"] = json!({"type": "object", "maxProperties": 0});
        }
        of_kind
    });
    *schema = json!({"description": schema["description"], "oneOf": kinds});
}

/// Headers that a webhook can add.
fn headers() -> Value {
    json!({
        "type": "object", "maxProperties": 20,
        "description": "Headers added to each webhook. Those that HTTP or the signature needs are not free.",
        "propertyNames": {"pattern": "^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$"},
        "additionalProperties": {"type": "string", "maxLength": 1000, "pattern": r"^[\t -~]*$"},
    })
}

/// The data of an event depends on its type.
fn describe_event_types(schema: &mut Value) {
    let of_type = |event_type: Value, data: Value, title: &str| {
        let mut of_type = schema.clone();
        of_type["title"] = json!(title);
        of_type["properties"]["type"] = event_type;
        of_type["properties"]["data"] = data;
        of_type
    };
    let catalogued = catalogue::entries().iter().map(|entry| {
        let mut data = entry.schema.clone();
        if let Some(data) = data.as_object_mut() {
            data.remove("$schema");
        }
        data["example"] = entry.sample["data"].clone();
        of_type(json!({"type": "string", "enum": [entry.event_type]}), data, entry.event_type)
    });
    let own_type = json!({
        "type": "string", "maxLength": 100, "pattern": r"^custom(\.[a-z0-9_-]+)+$", "example": "custom.deal_won",
    });
    let own_data = json!({"type": "object", "example": {"amount": 12000, "currency": "EUR"}});
    let kinds: Vec<Value> = catalogued.chain([of_type(own_type, own_data, "custom.*")]).collect();
    *schema = json!({"description": schema["description"], "oneOf": kinds});
}

/// The only part of Gong's body that is required.
fn gong_callback() -> Value {
    let id = json!({"type": "string", "pattern": "^[0-9]{1,20}$", "example": "3140000000000000159"});
    let meta = json!({"type": "object", "required": ["id"], "properties": {"id": id}});
    let call = json!({"type": "object", "required": ["metaData"], "properties": {"metaData": meta}});
    json!({"type": "object", "required": ["callData"], "properties": {"callData": call}})
}

/// Callbacks come in by proofs of their own.
fn describe_callbacks(document: &mut Value) {
    let schemes = &mut document["components"]["securitySchemes"];
    schemes["gong_url_key"] = json!({"type": "apiKey", "in": "query", "name": "key"});
    schemes["gong_signed"] = json!({"type": "http", "scheme": "bearer", "bearerFormat": "JWT"});
    schemes["gong_signature"] = json!({"type": "apiKey", "in": "header", "name": "X-Signature"});
    for path in ["/webhooks/gong", "/webhooks/gong/{source_id}"] {
        let operation = &mut document["paths"][path]["post"];
        operation["security"] = json!([{"gong_url_key": []}, {"gong_signed": []}, {"gong_signature": []}]);
        let schema = json!({"$ref": "#/components/schemas/GongCallback"});
        operation["requestBody"]["content"] = json!({"application/json": {"schema": schema}});
    }
}
