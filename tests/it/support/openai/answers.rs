//! What the model says, and how either surface wraps it.

use serde_json::{Value, json};

use super::{Behaviour, Nature, SNAPSHOT, checks::Question};

/// A question, and what the test wants of its answer.
pub struct Told<'a> {
    pub question: &'a Question,
    pub behaviour: Option<&'a Behaviour>,
    pub nature: &'a Nature,
}

impl Told<'_> {
    fn is_cut(&self) -> bool {
        self.question.cap < self.nature.needs_output_tokens
    }

    fn text(&self) -> String {
        let text = match self.behaviour {
            Some(Behaviour::Says(text)) => text.clone(),
            Some(Behaviour::Empty | Behaviour::Refusal(_)) => String::new(),
            _ => summary(self.question, self.nature.chatter).to_string(),
        };
        if self.is_cut() { text.chars().take(text.chars().count() / 2).collect() } else { text }
    }

    fn output_tokens(&self) -> u64 {
        if self.is_cut() { self.question.cap } else { 120 }
    }

    fn input_tokens(&self) -> usize {
        self.question.input.len() / 4
    }
}

/// A summary that can be foretold: the first words, and how many lines there were.
fn summary(question: &Question, chatter: usize) -> Value {
    let inside = question.input.lines().skip_while(|line| !line.starts_with("<call-data")).skip(1);
    let data = inside.take_while(|line| !line.starts_with("</call-data"));
    let said: Vec<&str> = data.filter(|line| line.starts_with(['[', '{'])).collect();
    let headline = match said.first() {
        Some(line) if line.starts_with('[') => line.split_whitespace().skip(1).take(6).collect::<Vec<_>>().join(" "),
        _ => format!("merged {}", said.len()),
    };
    let owner = said.first().and_then(|line| line.split_once("] ")?.1.split_once(" (")).map(|(name, _)| name);
    let intent = question.schema["properties"]["intent"]["enum"][0].clone();
    json!({
        "headline": headline,
        "text": format!("{} lines.{}", said.len(), " And so on.".repeat(chatter)),
        "key_points": [format!("lines: {}", said.len())],
        "action_items": [{"owner": owner, "text": "Send the quote"}],
        "risks": [], "intent": intent, "sentiment": 0.25, "language": "en",
    })
}

pub fn responses(told: &Told<'_>) -> Value {
    let reasoning = json!({"type": "reasoning", "id": "rs_1", "summary": [], "content": []});
    let message = |phase: Option<&str>, part: Value| {
        let mut message =
            json!({"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [part]});
        if let Some(phase) = phase {
            message["phase"] = json!(phase);
        }
        message
    };
    let words = |text: &str| json!({"type": "output_text", "text": text, "annotations": [], "logprobs": []});
    let text = told.text();
    let output = match told.behaviour {
        Some(Behaviour::Empty | Behaviour::Failed(..) | Behaviour::Status(_)) => json!([reasoning]),
        Some(Behaviour::Refusal(why)) => json!([reasoning, message(None, json!({"type": "refusal", "refusal": why}))]),
        Some(Behaviour::CommentaryThenFinal) => json!([
            reasoning,
            message(Some("commentary"), words("Let me see {")),
            message(Some("final_answer"), words(&text)),
        ]),
        Some(Behaviour::UnknownKinds) => json!([
            {"type": "crystal_ball", "content": 7}, null, "odd", reasoning,
            {"type": "message", "role": "assistant", "status": null, "content": [
                {"type": "scent"}, {"type": "output_text", "text": text}]},
        ]),
        _ => json!([reasoning, message(None, words(&text))]),
    };
    let mut body = json!({
        "id": "resp_1", "object": "response", "created_at": 1.5, "status": "completed", "model": SNAPSHOT, "error": null,
        "incomplete_details": null, "instructions": null, "output": output, "parallel_tool_calls": true, "metadata": {},
        "temperature": 1, "top_p": 1, "tools": [], "tool_choice": "auto", "service_tier": "warp",
        "usage": {"input_tokens": told.input_tokens(), "output_tokens": told.output_tokens(),
            "output_tokens_details": {"reasoning_tokens": 64}},
    });
    odd(&mut body, told, &["status", "usage", "model"]);
    let incomplete = |reason: &str| (json!("incomplete"), json!({"reason": reason}));
    (body["status"], body["incomplete_details"]) = match told.behaviour {
        _ if told.is_cut() => incomplete("max_output_tokens"),
        Some(Behaviour::ContentFilter) => incomplete("content_filter"),
        Some(Behaviour::BreaksOff(reason)) => incomplete(reason),
        Some(Behaviour::Status(status)) => (json!(status), Value::Null),
        Some(Behaviour::Failed(code, message)) => {
            body["error"] = json!({"code": code, "message": message});
            (json!("failed"), Value::Null)
        }
        _ => (body["status"].clone(), Value::Null),
    };
    body
}

pub fn chat(told: &Told<'_>) -> Value {
    let text = told.text();
    let (content, refusal, finish) = match told.behaviour {
        _ if told.is_cut() => (json!(text), Value::Null, "length"),
        Some(Behaviour::Refusal(why)) => (Value::Null, json!(why), "stop"),
        Some(Behaviour::ContentFilter) => (json!("{\"head"), Value::Null, "content_filter"),
        Some(Behaviour::Empty) => (Value::Null, Value::Null, "stop"),
        Some(Behaviour::UnknownKinds) => {
            (json!([{"type": "text", "text": text}, {"type": "scent"}]), Value::Null, "magic")
        }
        _ => (json!(text), Value::Null, "stop"),
    };
    let message = json!({"role": "assistant", "content": content, "refusal": refusal, "reasoning_content": "hm {"});
    let mut body = json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": SNAPSHOT,
        "choices": [{"index": 0, "message": message, "finish_reason": finish, "logprobs": null}],
        "usage": {"prompt_tokens": told.input_tokens(), "completion_tokens": told.output_tokens()},
    });
    odd(&mut body, told, &["usage", "model"]);
    if let Some(Behaviour::Failed(code, message)) = told.behaviour {
        body = json!({"error": {"code": code, "message": message}});
    }
    body
}

fn odd(body: &mut Value, told: &Told<'_>, terse: &[&str]) {
    if matches!(told.behaviour, Some(Behaviour::Terse))
        && let Some(members) = body.as_object_mut()
    {
        members.retain(|name, _| !terse.contains(&name.as_str()));
    }
}
