//! `POST /responses`: flat `text.format`, an `output` list of many kinds of item.

use serde_json::{Value, json};

use super::{Outcome, list, said, text};
use crate::clients::openai::{Completion, complaint::Complaint};

/// The vendor refuses a smaller cap.
const SMALLEST_CAP: u32 = 16;

pub(super) fn body(model: &str, completion: &Completion<'_>) -> Value {
    json!({
        "model": model,
        "instructions": completion.instructions,
        "input": [{"role": "user", "content": completion.input}],
        "text": {"format": {
            "type": "json_schema",
            "name": completion.schema_name,
            "strict": true,
            "schema": completion.schema,
        }},
        "max_output_tokens": completion.max_output_tokens.max(SMALLEST_CAP),
        // Kept for thirty days unless told otherwise, and calls are personal data.
        "store": false,
    })
}

pub(super) fn outcome(body: &Value) -> Outcome {
    let has_error = body.get("error").is_some_and(|error| !error.is_null());
    match text(body, "status") {
        Some("failed") => Outcome::Failed(Complaint::of_body(body)),
        Some("incomplete") => broken_off(body),
        Some(status @ ("in_progress" | "queued" | "cancelled")) => Outcome::Unfinished(status.to_owned()),
        // Some servers leave the status out.
        None if has_error => Outcome::Failed(Complaint::of_body(body)),
        _ => from_messages(body),
    }
}

fn broken_off(body: &Value) -> Outcome {
    let reason = body.get("incomplete_details").and_then(|details| text(details, "reason"));
    match reason {
        // Without a reason the cap is the likeliest, and a larger one is tried only once.
        Some("max_output_tokens") | None => Outcome::TooLong,
        Some("content_filter") => Outcome::Filtered,
        Some(reason) => Outcome::BrokenOff(reason.to_owned()),
    }
}

/// Reads the assistant's messages, wherever they are among the items. Reasoning usually comes first, and a message may
/// be a comment on the way to the final answer.
fn from_messages(body: &Value) -> Outcome {
    let is_message = |item: &&Value| {
        text(item, "type") == Some("message") && text(item, "role").is_none_or(|role| role == "assistant")
    };
    let messages: Vec<&Value> = list(body, "output").iter().filter(is_message).collect();
    let phased = messages.iter().any(|message| text(message, "phase").is_some());
    let mut answer = String::new();
    let mut refusal = String::new();
    for message in messages {
        if phased && text(message, "phase") != Some("final_answer") {
            continue;
        }
        if text(message, "status") == Some("incomplete") {
            return Outcome::TooLong;
        }
        for part in list(message, "content") {
            match text(part, "type") {
                Some("output_text") => answer.push_str(text(part, "text").unwrap_or_default()),
                Some("refusal") => refusal.push_str(text(part, "refusal").unwrap_or_default()),
                _ => {}
            }
        }
    }
    said(answer, &refusal)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(content: &Value) -> Value {
        json!({"type": "message", "role": "assistant", "content": content})
    }

    #[test]
    fn parts_of_one_message_are_joined_and_unknown_kinds_skipped() {
        let body = json!({"output": [
            {"type": "reasoning", "summary": []}, {"type": "crystal_ball", "content": [{"type": "output_text", "text": "x"}]}, 7,
            message(&json!([{"type": "output_text", "text": "a"}, {"type": "sound"}, {"type": "output_text", "text": "b"}])),
        ]});
        assert_eq!(outcome(&body), Outcome::Text("ab".to_owned()));
    }

    #[test]
    fn with_phases_only_the_final_answer_counts() {
        let phased = |phase: &str, words: &str| json!({"type": "message", "phase": phase, "content": [{"type": "output_text", "text": words}]});
        let body =
            json!({"status": "completed", "output": [phased("commentary", "hm"), phased("final_answer", "yes")]});
        assert_eq!(outcome(&body), Outcome::Text("yes".to_owned()));
        assert_eq!(outcome(&json!({"output": [phased("commentary", "hm")]})), Outcome::Empty);
    }

    #[test]
    fn a_message_that_broke_off_is_never_read() {
        let half = json!({"output": [{"type": "message", "status": "incomplete",
            "content": [{"type": "output_text", "text": "{\"headl"}]}]});
        assert_eq!(outcome(&half), Outcome::TooLong);
        let other = json!({"status": "incomplete", "incomplete_details": {"reason": "tired"}});
        assert_eq!(outcome(&other), Outcome::BrokenOff("tired".to_owned()));
    }

    #[test]
    fn a_null_error_is_none() {
        let body = json!({"error": null, "output": [message(&json!([{"type": "output_text", "text": "t"}]))]});
        assert_eq!(outcome(&body), Outcome::Text("t".to_owned()));
        assert!(matches!(outcome(&json!({"error": {"message": "m"}})), Outcome::Failed(_)));
    }
}
