//! Clients and summarisers of a stand-in, and calls to summarise.

use std::sync::Arc;

use aftercall::{
    clients::http::{SenderContext, UpstreamError},
    domain::{
        call::Side,
        clock::Clock,
        transcript::{Transcript, Turn},
    },
};
use aftercall::{
    clients::openai::{Completed, Completion, CompletionError, OpenAi},
    config::{Dialect, OpenAiConfig},
    pipeline::summarise::openai::{OpenAiSummariser, Settings},
};
use serde_json::{Value, json};

use crate::support::openai::OpenAiStandIn;

pub const DIALECTS: [Dialect; 2] = [Dialect::Responses, Dialect::ChatCompletions];

/// What the questions of the client's tests are about.
pub const INPUT: &str = "[00:01] Dana Reyes (us): hello Ingrid, the board has not signed the renewal yet";

pub fn config(stand_in: &OpenAiStandIn, dialect: Dialect) -> OpenAiConfig {
    OpenAiConfig {
        base_url: stand_in.base_url().parse().expect("a URL"),
        api_key: Some(stand_in.key().into()),
        model: stand_in.model().to_owned(),
        dialect,
        timeout: std::time::Duration::from_secs(60),
    }
}

pub fn client_of(config: OpenAiConfig) -> OpenAi {
    let clock = Clock::manual("2026-11-20T10:00:00Z".parse().expect("a time"));
    let context = SenderContext { extra_ca: Vec::new(), clock, count: Arc::new(|_, _| {}) };
    OpenAi::new(config, &context).expect("a client")
}

pub fn client(stand_in: &OpenAiStandIn, dialect: Dialect) -> OpenAi {
    client_of(config(stand_in, dialect))
}

/// Asks with a schema of one member.
pub async fn ask(client: &OpenAi) -> Result<Completed, CompletionError> {
    let schema = json!({"type": "object", "required": ["headline"], "additionalProperties": false,
        "properties": {"headline": {"type": "string"}}});
    let request = Completion {
        instructions: "Summarise.",
        input: INPUT,
        schema_name: "call_summary",
        schema: &schema,
        max_output_tokens: 400,
    };
    client.complete(&request).await
}

/// The error as it ends, whatever it was.
pub async fn refusal(client: &OpenAi) -> UpstreamError {
    ask(client).await.expect_err("an error").into()
}

#[track_caller]
pub fn assert_never(error: &UpstreamError, parts: &[&str]) {
    let UpstreamError::Never(text) = error else { panic!("not permanent: {error:?}") };
    assert_says(text, parts);
}

#[track_caller]
pub fn assert_retry(error: &UpstreamError, parts: &[&str]) {
    let UpstreamError::Retry(text) = error else { panic!("not to be retried: {error:?}") };
    assert_says(text, parts);
}

#[track_caller]
fn assert_says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "“{part}” is not in: {text}");
    }
}

/// A summariser with a small budget if `budget` is given.
pub fn summariser(stand_in: &OpenAiStandIn, dialect: Dialect, budget: Option<usize>) -> OpenAiSummariser {
    let mut settings = Settings { intents: vec!["renewal".to_owned(), "pricing".to_owned()], ..Settings::default() };
    settings.input_budget_tokens = budget.unwrap_or(settings.input_budget_tokens);
    OpenAiSummariser::new(client(stand_in, dialect), settings).expect("a summariser")
}

pub fn turn(speaker: &str, side: Side, at_seconds: u64, words: &str) -> Turn {
    Turn { speaker: speaker.to_owned(), side, start_ms: at_seconds * 1000, sentences: vec![words.to_owned()] }
}

pub fn short_call() -> Transcript {
    Transcript {
        turns: vec![
            turn("Dana Reyes", Side::Ours, 1, "Good morning Ingrid, let's talk about the renewal."),
            turn("Ingrid Vale", Side::Theirs, 9, "The export failed twice, so we may leave at the end of June."),
            turn("Dana Reyes", Side::Ours, 20, "I will send the report to Tom by Wednesday."),
        ],
    }
}

/// A call of `turns` turns whose words all differ.
pub fn long_call(turns: u64) -> Transcript {
    let turn = |number: u64| {
        let words: Vec<String> = (0..20).map(|word| format!("word{number}x{word}")).collect();
        let side = if number.is_multiple_of(2) { Side::Ours } else { Side::Theirs };
        turn(&format!("Speaker {}", number % 2), side, number * 10, &words.join(" "))
    };
    Transcript { turns: (0..turns).map(turn).collect() }
}

/// What was sent of a question, in either dialect: the instructions and the data.
pub fn parts(question: &Value) -> (&str, &str) {
    let text = |pointer: &str| question.pointer(pointer).and_then(Value::as_str);
    let instructions = text("/instructions").or_else(|| text("/messages/0/content")).expect("instructions");
    let input = text("/input/0/content").or_else(|| text("/messages/1/content")).expect("an input");
    (instructions, input)
}
