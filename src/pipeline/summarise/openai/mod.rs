//! *summarise* by a language model: what a call came to, as one structured result.
//!
//! A transcript is data of others. It goes out in a block that it cannot leave, without details of people beyond what
//! was said and by whom, and what comes back is checked against the schema and against the call, and is only ever shown
//! as text: the model has no tools, and nothing it says is carried out. How a server is asked is the client's business;
//! the words of the request are here.

mod answer;
mod fence;
mod ground;
mod lines;
mod merge;
mod prompt;
mod run;
mod split;

use crate::{
    clients::http::UpstreamError,
    domain::{
        summary::{Spent, Summary},
        transcript::Transcript,
    },
};
use anyhow::ensure;
use serde_json::Value;

pub use self::answer::read_answer;

use self::run::Run;
use super::CallContext;
use crate::clients::openai::{Completed, CompletionError, OpenAi};

/// The vendor allows a thousand values in a schema.
const MOST_INTENTS: usize = 200;
const LONGEST_INTENT: usize = 64;
/// A summary in fewer tokens than this is none.
const LEAST_OUTPUT_TOKENS: u32 = 256;

/// How calls are summarised.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The operator's own wishes, appended to our instructions. They cannot lift the rule that a transcript is data.
    pub instructions: Option<String>,
    /// No request is larger, in estimated tokens, instructions and schema included.
    pub input_budget_tokens: usize,
    /// No answer is longer, in tokens, the model's thinking included. An answer that was cut gets four times that, once.
    pub output_tokens: u32,
    /// The words that a call's intent can be.
    pub intents: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { instructions: None, input_budget_tokens: 60_000, output_tokens: 4_000, intents: Vec::new() }
    }
}

/// Adds what one request took.
fn count(spent: &mut Spent, result: &Result<Completed, CompletionError>) {
    spent.requests += 1;
    let usage = match result {
        Ok(completed) => {
            if let Some(model) = &completed.model {
                spent.model.clone_from(model);
            }
            completed.usage
        }
        Err(CompletionError::TooLong { usage, .. } | CompletionError::Empty { usage, .. }) => *usage,
        Err(_) => return,
    };
    spent.input_tokens = spent.input_tokens.saturating_add(usage.input_tokens.unwrap_or(0));
    spent.output_tokens = spent.output_tokens.saturating_add(usage.output_tokens.unwrap_or(0));
}

/// Summarises calls by a model. Built once, used for every call.
pub struct OpenAiSummariser {
    client: OpenAi,
    settings: Settings,
    instructions: String,
    schema: Value,
    /// What every request holds beside a call's own, in bytes.
    fixed_bytes: usize,
}

impl OpenAiSummariser {
    /// Prepares instructions and schema. Fails when the settings leave no room for a call or make no schema.
    pub fn new(client: OpenAi, mut settings: Settings) -> anyhow::Result<Self> {
        settings.intents = distinct(settings.intents);
        ensure!(settings.intents.len() <= MOST_INTENTS, "more than {MOST_INTENTS} intents");
        let too_long = settings.intents.iter().find(|intent| intent.chars().count() > LONGEST_INTENT);
        ensure!(too_long.is_none(), "an intent is longer than {LONGEST_INTENT} characters");
        ensure!(settings.output_tokens >= LEAST_OUTPUT_TOKENS, "fewer than {LEAST_OUTPUT_TOKENS} output tokens");
        let instructions = prompt::instructions(settings.instructions.as_deref(), &settings.intents);
        let schema = prompt::schema(&settings.intents);
        let fixed_bytes = run::fixed_bytes(&instructions, &schema);
        let least = (fixed_bytes + prompt::MOST_DETAILS + run::LEAST_ROOM).div_ceil(split::bytes(1));
        let enough = settings.input_budget_tokens >= least;
        ensure!(enough, "an input budget below {least} tokens leaves no room for a call beside the instructions");
        Ok(Self { client, settings, instructions, schema, fixed_bytes })
    }

    /// Summarises a call. Costs one request, or for a long call one for each piece and one or more to put them together.
    pub async fn summarise(
        &self,
        call: &CallContext<'_>,
        transcript: &Transcript,
    ) -> Result<(Summary, Spent), UpstreamError> {
        let lines = lines::lines(transcript);
        if lines.is_empty() {
            return Err(UpstreamError::Never("the transcript has no words to summarise".to_owned()));
        }
        Run::new(self, call, &lines).summarise().await
    }
}

/// Without blanks and repetitions, which a schema must not have.
fn distinct(intents: Vec<String>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::with_capacity(intents.len());
    for intent in intents {
        let intent = intent.trim();
        if !intent.is_empty() && !kept.iter().any(|known| known == intent) {
            kept.push(intent.to_owned());
        }
    }
    kept
}
