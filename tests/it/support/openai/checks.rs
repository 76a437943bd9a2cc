//! What the vendor checks in a question before it answers it.

use std::collections::HashSet;

use http::{HeaderMap, header};
use serde_json::Value;

use super::Refusal;

const RESPONSES_FIELDS: &[&str] = &[
    "model",
    "instructions",
    "input",
    "text",
    "max_output_tokens",
    "reasoning",
    "temperature",
    "top_p",
    "store",
    "background",
    "previous_response_id",
    "conversation",
    "truncation",
    "context_management",
    "metadata",
    "safety_identifier",
    "prompt_cache_key",
    "service_tier",
    "stream",
    "include",
    "tools",
    "tool_choice",
    "user",
];
const CHAT_FIELDS: &[&str] = &[
    "model",
    "messages",
    "response_format",
    "max_completion_tokens",
    "reasoning_effort",
    "temperature",
    "top_p",
    "store",
    "metadata",
    "safety_identifier",
    "prompt_cache_key",
    "service_tier",
    "stream",
    "stop",
    "seed",
    "n",
    "tools",
    "tool_choice",
    "user",
    "verbosity",
];
const UNSUPPORTED: &[&str] = &["allOf", "not", "if", "then", "else", "dependentRequired", "oneOf"];

/// A question that passed.
pub struct Question {
    pub model: String,
    pub input: String,
    pub cap: u64,
    pub schema: Value,
}

type Checked<T> = Result<T, Refusal>;

pub fn json(headers: &HeaderMap, body: &[u8]) -> Checked<Value> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !kind.starts_with("application/json") {
        return Err(Refusal::new(415, Some("unsupported_content_type"), format!("Unsupported content type: '{kind}'")));
    }
    serde_json::from_slice(body)
        .map_err(|_| Refusal::new(400, None, "We could not parse the JSON body of your request."))
}

pub fn responses(body: &Value) -> Checked<Question> {
    common(body, RESPONSES_FIELDS)?;
    let cap = number(body, "max_output_tokens")?;
    if cap < 16 {
        let message = "Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16.";
        return Err(Refusal::invalid("integer_below_min_value", message));
    }
    let format = body.pointer("/text/format").ok_or_else(|| missing("text.format"))?;
    Ok(Question { model: string(body, "model")?, input: input(body)?, cap, schema: named_schema(format)? })
}

pub fn chat(body: &Value) -> Checked<Question> {
    common(body, CHAT_FIELDS)?;
    let cap = number(body, "max_completion_tokens")?;
    let messages = body["messages"].as_array().ok_or_else(|| missing("messages"))?;
    let said = |role: &str| messages.iter().find(|message| message["role"] == role)?["content"].as_str();
    said("system").ok_or_else(|| missing("messages[0]"))?;
    let input = said("user").ok_or_else(|| missing("messages[1]"))?.to_owned();
    if body["response_format"]["type"] != "json_schema" {
        return Err(missing("response_format.type"));
    }
    let format = body.pointer("/response_format/json_schema").ok_or_else(|| missing("response_format.json_schema"))?;
    Ok(Question { model: string(body, "model")?, input, cap, schema: named_schema(format)? })
}

fn common(body: &Value, known: &[&str]) -> Checked<()> {
    let fields = body.as_object().ok_or_else(|| Refusal::new(400, None, "The body is no object."))?;
    if let Some(unknown) = fields.keys().find(|field| !known.contains(&field.as_str())) {
        return Err(Refusal::invalid("unknown_parameter", format!("Unknown parameter: '{unknown}'.")));
    }
    // Not the vendor's rule but ours: what is kept there by default must be declined every time.
    if body["store"] != false {
        return Err(Refusal::invalid("stored", "This test wants 'store' to be false."));
    }
    Ok(())
}

fn input(body: &Value) -> Checked<String> {
    match &body["input"] {
        Value::String(text) => Ok(text.clone()),
        Value::Array(items) => {
            let users = items.iter().filter(|item| item["role"] == "user");
            users.map(|item| string(item, "content")).collect()
        }
        _ => Err(missing("input")),
    }
}

/// In one dialect these members stand beside `type`, in the other in an object of their own.
fn named_schema(format: &Value) -> Checked<Value> {
    let name = string(format, "name")?;
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-');
    if name.is_empty() || name.len() > 64 || !name.chars().all(is_name) {
        return Err(Refusal::invalid("invalid_value", "Invalid 'name': string does not match pattern."));
    }
    if format["strict"] != true {
        return Err(Refusal::invalid("loose", "This test wants 'strict' to be true."));
    }
    let schema = &format["schema"];
    if schema["type"] != "object" || schema.get("anyOf").is_some() {
        return Err(invalid_schema("schema must be a JSON Schema of 'type: \"object\"'"));
    }
    let mut totals = Totals::default();
    strict(schema, 1, &mut totals)?;
    if totals.properties > 5000 || totals.values > 1000 || totals.characters > 120_000 {
        return Err(invalid_schema("the schema is too large"));
    }
    Ok(schema.clone())
}

#[derive(Default)]
struct Totals {
    properties: usize,
    values: usize,
    characters: usize,
}

/// The strict subset: everything required, nothing additional, few levels.
fn strict(schema: &Value, depth: usize, totals: &mut Totals) -> Checked<()> {
    if depth > 10 {
        return Err(invalid_schema("more than ten levels"));
    }
    if let Some(word) = UNSUPPORTED.iter().find(|word| schema.get(**word).is_some()) {
        return Err(invalid_schema(&format!("'{word}' is not permitted")));
    }
    if let Some(values) = schema["enum"].as_array() {
        totals.values += values.len();
        totals.characters += values.iter().filter_map(Value::as_str).map(str::len).sum::<usize>();
        if values.iter().map(Value::to_string).collect::<HashSet<_>>().len() != values.len() {
            return Err(invalid_schema("'enum' has repeated values"));
        }
    }
    if let Some(properties) = schema["properties"].as_object() {
        if schema["additionalProperties"] != false {
            return Err(invalid_schema("'additionalProperties' is required to be supplied and to be false"));
        }
        let required = schema["required"].as_array().cloned().unwrap_or_default();
        let required: HashSet<&str> = required.iter().filter_map(Value::as_str).collect();
        let named: HashSet<&str> = properties.keys().map(String::as_str).collect();
        if required != named {
            return Err(invalid_schema("'required' is required to be an array including every key in properties"));
        }
        for (name, property) in properties {
            totals.properties += 1;
            totals.characters += name.len();
            strict(property, depth + 1, totals)?;
        }
    } else if schema["type"] == "object" {
        return Err(invalid_schema("an object without properties"));
    }
    match (schema["type"] == "array", schema.get("items")) {
        (true, Some(items)) => strict(items, depth + 1, totals),
        (true, None) => Err(invalid_schema("array schema missing items")),
        _ => Ok(()),
    }
}

fn invalid_schema(what: &str) -> Refusal {
    Refusal::invalid("invalid_json_schema", format!("Invalid schema for response_format: {what}."))
}

fn string(body: &Value, name: &str) -> Checked<String> {
    body[name].as_str().map(str::to_owned).ok_or_else(|| missing(name))
}

fn number(body: &Value, name: &str) -> Checked<u64> {
    body[name].as_u64().ok_or_else(|| missing(name))
}

fn missing(name: &str) -> Refusal {
    Refusal::invalid("missing_required_parameter", format!("Missing required parameter: '{name}'."))
}
