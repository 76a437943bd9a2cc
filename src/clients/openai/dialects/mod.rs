//! The two wire formats: one question, one answer, written and read in either.
//!
//! Reading is lenient, because compatible servers leave members out, add kinds of their own and change types: a member
//! of an unexpected type counts as absent. What an outcome means for a job is not decided here.

mod chat;
mod responses;

use serde_json::Value;

use super::{Completion, Dialect, Usage, complaint::Complaint};

/// What a 200 brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The whole answer.
    Text(String),
    /// The model declined and said why.
    Refused(String),
    /// The answer broke off at the cap on its length.
    TooLong,
    /// The answer was withheld.
    Filtered,
    /// The answer broke off for a reason we do not know.
    BrokenOff(String),
    /// It went wrong, though the status was 200.
    Failed(Complaint),
    /// It is not done; the status is named.
    Unfinished(String),
    /// It is done, and there is no text in it.
    Empty,
}

/// A 200, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) outcome: Outcome,
    pub(super) usage: Usage,
    /// The model that answered: a snapshot's name where an alias was asked.
    pub(super) model: Option<String>,
}

impl Dialect {
    /// The path below the base URL.
    pub(super) fn path(self) -> &'static [&'static str] {
        match self {
            Self::Responses => &["responses"],
            Self::ChatCompletions => &["chat", "completions"],
        }
    }

    pub(super) fn body(self, model: &str, completion: &Completion<'_>) -> Value {
        match self {
            Self::Responses => responses::body(model, completion),
            Self::ChatCompletions => chat::body(model, completion),
        }
    }

    pub(super) fn read(self, body: &Value) -> Answer {
        let (outcome, counts) = match self {
            Self::Responses => (responses::outcome(body), ["input_tokens", "output_tokens"]),
            Self::ChatCompletions => (chat::outcome(body), ["prompt_tokens", "completion_tokens"]),
        };
        let [input_tokens, output_tokens] = counts.map(|name| body.get("usage")?.get(name)?.as_u64());
        let model = text(body, "model").map(str::to_owned);
        Answer { outcome, usage: Usage { input_tokens, output_tokens }, model }
    }
}

fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name)?.as_str()
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Text first: a refusal counts only where there is nothing else.
fn said(text: String, refusal: &str) -> Outcome {
    if !text.trim().is_empty() {
        Outcome::Text(text)
    } else if !refusal.trim().is_empty() {
        Outcome::Refused(refusal.to_owned())
    } else {
        Outcome::Empty
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            prop_oneof![
                "message",
                "output_text",
                "refusal",
                "completed",
                "incomplete",
                "failed",
                "final_answer",
                "length"
            ]
            .prop_map(Value::from),
        ];
        let key = prop_oneof![
            "output",
            "content",
            "type",
            "text",
            "phase",
            "status",
            "error",
            "incomplete_details",
            "reason",
            "usage",
            "choices",
            "message",
            "finish_reason",
            "refusal",
            "input_tokens",
            "code"
        ];
        leaf.prop_recursive(6, 60, 5, move |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::vec((key.clone(), inner), 0..6)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_json_is_read_without_panic_and_text_is_never_blank(body in any_json()) {
            for dialect in [Dialect::Responses, Dialect::ChatCompletions] {
                if let Outcome::Text(text) = dialect.read(&body).outcome {
                    prop_assert!(!text.trim().is_empty());
                }
            }
        }
    }
}
