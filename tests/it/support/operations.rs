//! The operations of the API's document, and how each is asked for: a test that walks them forgets no route.

use aftercall::{
    domain::ids::{DeliveryId, EndpointId, RunId, SourceId, TokenId},
    http::openapi_document,
};
use axum::body::Body;
use http::Request;
use serde_json::{Value, json};

/// An operation as the document describes it.
pub struct Operation {
    pub id: String,
    pub method: String,
    pub path: String,
    described: Value,
}

impl Operation {
    /// The names of its parameters of one place: `path`, `query` or `header`.
    pub fn parameters(&self, place: &str) -> Vec<&str> {
        let parameters = self.described["parameters"].as_array().into_iter().flatten();
        let of_place = parameters.filter(|parameter| parameter["in"] == place);
        of_place.map(|parameter| parameter["name"].as_str().expect("a name")).collect()
    }

    pub fn has_body(&self) -> bool {
        self.described["requestBody"].is_object()
    }

    /// Whether it is about tenants, which is the business of `ADMIN_TOKEN`.
    pub fn manages_tenants(&self) -> bool {
        self.path.starts_with("/api/v1/admin/tenants")
    }

    /// Whether it makes something, which an `Idempotency-Key` makes safe to repeat.
    pub fn creates(&self) -> bool {
        self.parameters("header").contains(&"Idempotency-Key")
    }
}

/// Every operation, those that remove something last.
pub fn operations() -> Vec<Operation> {
    let document: Value = serde_json::from_str(&openapi_document()).expect("the document is JSON");
    let mut operations = Vec::new();
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for (method, described) in methods.as_object().expect("methods") {
            let id = described["operationId"].as_str().expect("an id").to_owned();
            let (method, path, described) = (method.to_uppercase(), path.clone(), described.clone());
            operations.push(Operation { id, method, path, described });
        }
    }
    operations.sort_by_key(|operation| operation.method == "DELETE");
    operations
}

/// What there is to ask for: one of each thing that a tenant has.
pub struct Things {
    pub tenant: String,
    pub endpoint: String,
    /// One that failed.
    pub delivery: String,
    /// One that failed.
    pub run: String,
    pub call: String,
    pub account: String,
    pub token: String,
    pub source: String,
    pub job: String,
}

impl Things {
    /// Ids that are well formed and nobody's.
    pub fn of_nobody() -> Self {
        Self {
            tenant: "nobody".to_owned(),
            endpoint: EndpointId::new().to_string(),
            delivery: DeliveryId::new().to_string(),
            run: RunId::new().to_string(),
            call: "3140000000000000000".to_owned(),
            account: "NO-1".to_owned(),
            token: TokenId::new().to_string(),
            source: SourceId::new().to_string(),
            job: "nothing".to_owned(),
        }
    }

    /// The path and a good body of an operation. One that is not known here fails the test: whoever adds a route says
    /// what it takes, and every test that walks the document covers it.
    pub fn request(&self, operation: &Operation) -> (String, Option<Value>) {
        let path = &operation.path;
        let with = |name: &str, value: &str| path.replace(&format!("{{{name}}}"), value);
        let (path, body) = match operation.id.as_str() {
            "list_accounts" | "list_audit" | "list_calls" | "list_endpoints" | "list_event_types" | "list_log"
            | "list_runs" | "list_sources" | "list_tenants" | "list_tokens" | "read_stats" | "check_config" => {
                (path.clone(), None)
            }
            "read_endpoint" | "delete_endpoint" | "toggle_endpoint" | "rotate_secret" | "test_endpoint" => {
                (with("id", &self.endpoint), None)
            }
            "change_endpoint" => (with("id", &self.endpoint), Some(json!({"name": "Changed"}))),
            "recover_endpoint" => (with("id", &self.endpoint), Some(json!({"since": "2031-01-01T00:00:00Z"}))),
            "read_log" | "retry_delivery" => (with("id", &self.delivery), None),
            "read_run" | "retry_run" => (with("id", &self.run), None),
            "read_call" | "reprocess_call" | "erase_call" => (with("id", &self.call), None),
            "put_account" => {
                (with("number", &self.account), Some(json!({"name": "Put", "cs_email": "cs@put.example"})))
            }
            "revoke_token" => (with("id", &self.token), None),
            "delete_source" => (with("id", &self.source), None),
            "change_tenant" => (with("id", &self.tenant), Some(json!({"name": "Changed"}))),
            "delete_tenant" => (with("id", &self.tenant), None),
            "run_job" => (with("name", &self.job), None),
            "gong_callback" => (path.clone(), Some(super::callback("3140000000000000001"))),
            "gong_callback_of_source" => {
                (with("source_id", &self.source), Some(super::callback("3140000000000000001")))
            }
            "raise_event" => (path.clone(), Some(json!({"type": "custom.made", "data": {"size": 1}}))),
            "create_endpoint" => (path.clone(), Some(endpoint())),
            "create_source" => (path.clone(), Some(json!({"kind": "gong", "name": "Made"}))),
            "create_token" => (path.clone(), Some(json!({"name": "Made", "role": "viewer"}))),
            "create_tenant" => (path.clone(), Some(json!({"id": "made", "name": "Made"}))),
            unknown => panic!("nobody told the tests how {unknown} is asked for: {} {path}", operation.method),
        };
        assert!(!path.contains('{'), "{path} has a further parameter");
        (path, body)
    }
}

/// An endpoint that wants nothing of what the tests raise.
fn endpoint() -> Value {
    json!({"kind": "webhook", "name": "Made", "target": "https://hooks.example.com/T0/B0/credential",
           "filters": {"events": ["custom.nothing"]}, "headers": {"X-Team": "header-value"}})
}

/// A request of the API, by whoever has the token.
pub fn request(token: &str, method: &str, path: &str, body: Option<&Value>) -> Request<Body> {
    let request = Request::builder().method(method).uri(path).header("authorization", format!("Bearer {token}"));
    let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
    request.header("content-type", "application/json").body(body).expect("a request")
}
