//! `POST /chat/completions`: nested `response_format`, one message in `choices[0]`.

use serde_json::{Value, json};

use super::{Outcome, list, said, text};
use crate::clients::openai::{Completion, complaint::Complaint};

/// Nothing here but what the question needs: foreign servers refuse what they do not know.
pub(super) fn body(model: &str, completion: &Completion<'_>) -> Value {
    json!({
        "model": model,
        "messages": [
            {"role": "system", "content": completion.instructions},
            {"role": "user", "content": completion.input},
        ],
        "response_format": {"type": "json_schema", "json_schema": {
            "name": completion.schema_name,
            "strict": true,
            "schema": completion.schema,
        }},
        "max_completion_tokens": completion.max_output_tokens,
        "store": false,
    })
}

pub(super) fn outcome(body: &Value) -> Outcome {
    if body.get("error").is_some_and(|error| !error.is_null()) {
        return Outcome::Failed(Complaint::of_body(body));
    }
    let Some(choice) = list(body, "choices").first() else { return Outcome::Empty };
    match text(choice, "finish_reason") {
        Some("length") => return Outcome::TooLong,
        Some("content_filter") => return Outcome::Filtered,
        _ => {}
    }
    let Some(message) = choice.get("message") else { return Outcome::Empty };
    said(content(message), text(message, "refusal").unwrap_or_default())
}

/// The content as text; some servers send a list of parts.
fn content(message: &Value) -> String {
    match text(message, "content") {
        Some(content) => content.to_owned(),
        None => list(message, "content").iter().filter_map(|part| text(part, "text")).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choice(message: &Value, finish: &str) -> Outcome {
        outcome(&json!({"choices": [{"message": message, "finish_reason": finish}]}))
    }

    #[test]
    fn content_is_text_or_a_list_of_parts() {
        let whole = Outcome::Text("ab".to_owned());
        assert_eq!(choice(&json!({"content": "ab", "refusal": null}), "stop"), whole);
        let parts = json!([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}, {"type": "image_url"}]);
        assert_eq!(choice(&json!({"content": parts}), "stop"), whole);
    }

    #[test]
    fn what_broke_off_is_never_read() {
        assert_eq!(choice(&json!({"content": "{\"headl"}), "length"), Outcome::TooLong);
        assert_eq!(choice(&json!({"content": ""}), "content_filter"), Outcome::Filtered);
    }

    #[test]
    fn nothing_said_is_empty() {
        assert_eq!(choice(&json!({"content": null}), "stop"), Outcome::Empty);
        assert_eq!(choice(&json!({"content": null, "refusal": "no"}), "stop"), Outcome::Refused("no".to_owned()));
        for nothing in [json!({}), json!({"choices": []}), json!({"choices": [{}]}), json!([])] {
            assert_eq!(outcome(&nothing), Outcome::Empty, "{nothing}");
        }
    }
}
