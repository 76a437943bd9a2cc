//! What Snowflake refuses.

use std::collections::HashMap;

use http::{HeaderMap, header};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{
    Inner,
    answers::{Failure, failure},
    key::Pair,
};

/// Whose requests are answered.
pub enum Expected {
    KeyPair { subject: String, key: Pair },
    Token { token: String, token_type: String },
}

const MEMBERS: [&str; 8] =
    ["statement", "timeout", "database", "schema", "warehouse", "role", "bindings", "parameters"];
const PARAMETERS: [&str; 13] = [
    "binary_output_format",
    "client_result_chunk_size",
    "date_output_format",
    "multi_statement_count",
    "query_tag",
    "rows_per_resultset",
    "time_output_format",
    "timestamp_output_format",
    "timestamp_ltz_output_format",
    "timestamp_ntz_output_format",
    "timestamp_tz_output_format",
    "timezone",
    "use_cached_result",
];
const BIND_TYPES: [&str; 11] = [
    "FIXED",
    "REAL",
    "DECFLOAT",
    "TEXT",
    "BINARY",
    "BOOLEAN",
    "DATE",
    "TIME",
    "TIMESTAMP_NTZ",
    "TIMESTAMP_LTZ",
    "TIMESTAMP_TZ",
];

fn unreadable(message: &str) -> Failure {
    failure(400, "390142", "", message)
}

fn header_text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// Posts must be JSON; the real answer is empty.
pub fn content_type(headers: &HeaderMap) -> Result<(), Failure> {
    if header_text(headers, "content-type").starts_with("application/json") {
        return Ok(());
    }
    Err(failure(415, "", "", ""))
}

/// The id of a submission. Snowflake could do without; who retries cannot.
pub fn request_id(parameters: &HashMap<String, String>) -> Result<String, Failure> {
    let id = parameters.get("requestId").ok_or_else(|| unreadable("requestId is missing"))?;
    Uuid::parse_str(id).map_err(|_| unreadable("requestId is no UUID"))?;
    Ok(id.clone())
}

impl Inner {
    /// The headers that every request needs.
    pub fn check_request(&self, headers: &HeaderMap) -> Result<(), Failure> {
        if !matches!(header_text(headers, "accept"), "application/json" | "*/*") {
            return Err(failure(400, "391902", "", "Unsupported Accept header"));
        }
        if header_text(headers, "user-agent").split_once('/').is_none_or(|(name, _)| name.is_empty()) {
            return Err(failure(400, "391903", "", "User-Agent is required"));
        }
        for name in [header::AUTHORIZATION, header::ACCEPT, header::CONTENT_TYPE] {
            if headers.get_all(&name).iter().count() > 1 {
                return Err(unreadable(&format!("{name} came twice")));
            }
        }
        let token = header_text(headers, "authorization").strip_prefix("Bearer ").unwrap_or_default();
        let token_type = header_text(headers, "x-snowflake-authorization-token-type");
        match &self.expected {
            Expected::Token { token: right, token_type: right_type } => {
                if token == right && token_type == right_type {
                    return Ok(());
                }
                Err(failure(401, "390303", "", "Invalid OAuth access token. [b1c9d7a2-1f0e-4a53-9d5e-0d5a0f9b7c11]"))
            }
            Expected::KeyPair { subject, key } => {
                if token_type == "KEYPAIR_JWT" && self.is_signed(token, subject, key).is_some() {
                    return Ok(());
                }
                Err(failure(401, "390144", "", "JWT token is invalid. [6d5b6e6a-7f0c-4c38-8a5e-0c6f2b7b0a55]"))
            }
        }
    }

    fn is_signed(&self, token: &str, subject: &str, key: &Pair) -> Option<()> {
        let public = DecodingKey::from_rsa_pem(key.public_pem().as_bytes()).expect("a public key");
        let mut validation = Validation::new(Algorithm::RS256);
        validation.validate_exp = false; // by our own clock, below
        validation.required_spec_claims.clear();
        let claims = jsonwebtoken::decode::<Map<String, Value>>(token, &public, &validation).ok()?.claims;
        let now = self.clock.now().timestamp();
        let (issued, expires) = (claims.get("iat")?.as_i64()?, claims.get("exp")?.as_i64()?);
        let right = claims.get("sub")?.as_str()? == subject
            && claims.get("iss")?.as_str()? == format!("{subject}.{}", key.fingerprint())
            && issued <= now + 60
            && now < expires
            && expires - issued <= 3600;
        right.then_some(())
    }

    /// A request to run something. The value of its one bind.
    pub fn check_statement(&self, body: &Value) -> Result<String, Failure> {
        let body = body.as_object().ok_or_else(|| unreadable("no JSON object"))?;
        if let Some(unknown) = body.keys().find(|name| !MEMBERS.contains(&name.as_str())) {
            return Err(unreadable(&format!("unknown member {unknown}")));
        }
        if body.get("timeout").is_some_and(|timeout| timeout.as_u64().is_none_or(|seconds| seconds > 604_800)) {
            return Err(unreadable("timeout must be a number of seconds"));
        }
        let parameters = body.get("parameters").and_then(Value::as_object).cloned().unwrap_or_default();
        if let Some(unknown) = parameters.keys().find(|name| !PARAMETERS.contains(&name.as_str())) {
            return Err(unreadable(&format!("unknown parameter {unknown}")));
        }
        let binds = check_binds(body.get("bindings"))?;
        if !binds.is_empty() && parameters.contains_key("multi_statement_count") {
            return Err(unreadable("bindings are not supported with several statements"));
        }
        self.check_names(body)?;
        let sql = body.get("statement").and_then(Value::as_str).unwrap_or_default();
        check_sql(sql)?;
        match (sql.matches('?').count(), binds.as_slice()) {
            (1, [bind]) => Ok(bind.clone()),
            _ => Err(failure(422, "002049", "42601", "SQL compilation error: Bind variable ? not set.")),
        }
    }

    fn check_names(&self, body: &Map<String, Value>) -> Result<(), Failure> {
        for member in ["role", "warehouse", "database", "schema"] {
            let Some(name) = body.get(member) else { continue };
            if name.as_str().is_none_or(|name| !self.names.contains(name)) {
                let message = format!("SQL compilation error:\nObject {name} does not exist or not authorized.");
                return Err(failure(422, "002043", "02000", &message));
            }
        }
        Ok(())
    }
}

fn check_binds(bindings: Option<&Value>) -> Result<Vec<String>, Failure> {
    let Some(bindings) = bindings else { return Ok(Vec::new()) };
    let bindings = bindings.as_object().ok_or_else(|| unreadable("bindings must be an object"))?;
    (1..=bindings.len())
        .map(|position| {
            let bind = bindings.get(&position.to_string()).ok_or_else(|| unreadable("binds count from 1"))?;
            let known = bind.get("type").and_then(Value::as_str).is_some_and(|name| BIND_TYPES.contains(&name));
            match bind.get("value") {
                Some(Value::String(value)) if known => Ok(value.clone()),
                Some(Value::Null) if known => Ok(String::new()),
                _ => Err(unreadable("a bind needs a known type and a value that is a string")),
            }
        })
        .collect()
}

fn check_sql(sql: &str) -> Result<(), Failure> {
    let plain = sql.trim().trim_end_matches(';').to_uppercase();
    let first = plain.split_whitespace().next().unwrap_or_default();
    if plain.is_empty() {
        return Err(unreadable("statement is missing"));
    }
    if plain.contains(';') {
        return Err(failure(
            422,
            "000008",
            "0A000",
            "Actual statement count 2 did not match the desired statement count 1.",
        ));
    }
    if ["PUT", "GET", "USE", "BEGIN", "COMMIT", "ROLLBACK"].contains(&first) {
        return Err(failure(422, "391911", "0A000", "Unsupported statement type."));
    }
    let in_values = plain.split_once("VALUES").is_some_and(|(_, rows)| rows.contains("PARSE_JSON"));
    if in_values && !plain.contains("FROM VALUES") {
        let message = "SQL compilation error: Invalid expression [PARSE_JSON(?)] in VALUES clause";
        return Err(failure(422, "002014", "22000", message));
    }
    Ok(())
}
