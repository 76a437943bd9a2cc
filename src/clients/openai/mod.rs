//! OpenAI, and servers that speak its API (vLLM, Ollama, `LiteLLM`, Azure): one question, one structured answer.
//!
//! Stateless on purpose. Assistants are gone, prompt objects are going, and nothing of a call is to be kept there: what
//! is asked, in which words and in which shape of answer, comes with every request. Nothing is retried here; the one who
//! asks decides by the error. What is asked about calls is not known here.

mod complaint;
mod dialects;
mod endpoint;
mod errors;
mod models;
mod scrub;

use std::time::Duration;

use crate::clients::http::{BreakerState, Reply, Sender, SenderContext, SystemLimits, UpstreamError};
use http::Method;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

pub use self::models::ModelReport;

use crate::config::{Dialect, OpenAiConfig};

use self::{dialects::Outcome, endpoint::Endpoint, errors::Wording};

/// How a model server is talked to. An answer is silent until it is whole, as nothing is streamed.
fn limits(timeout: Duration) -> SystemLimits {
    SystemLimits {
        system: "openai",
        setting: "OPENAI_BASE_URL",
        read: timeout,
        total: timeout,
        largest_answer: 8 << 20,
        concurrency: 16,
    }
}

/// A model that answers.
#[derive(Clone)]
pub struct OpenAi {
    sender: Sender,
    endpoint: Endpoint,
    key: Option<SecretString>,
    model: String,
    dialect: Dialect,
}

/// A question whose answer is JSON of a given shape.
#[derive(Debug, Clone, Copy)]
pub struct Completion<'a> {
    /// What the model is to do.
    pub instructions: &'a str,
    /// What it is to do it with: data of others, never shown in an error.
    pub input: &'a str,
    /// The schema's name: letters, digits, `_` and `-`, at most 64.
    pub schema_name: &'a str,
    /// The JSON schema of the answer, within the vendor's strict subset.
    pub schema: &'a Value,
    /// The answer, and what the model thinks on the way to it, is cut after so many tokens.
    pub max_output_tokens: u32,
}

/// A whole answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completed {
    /// JSON by the schema if the server kept to it: compatible ones may not.
    pub text: String,
    /// What it cost.
    pub usage: Usage,
    /// The model that answered, where the server says so.
    pub model: Option<String>,
    /// The vendor's id of the request.
    pub request_id: Option<String>,
}

/// What a request cost, as far as the server says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Tokens of the question.
    pub input_tokens: Option<u64>,
    /// Tokens of the answer, thinking included.
    pub output_tokens: Option<u64>,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompletionError {
    /// What holds for every outside system.
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    /// The answer was cut at the cap and is unusable; a larger cap may help, once.
    #[error("{why}")]
    TooLong {
        /// What to tell an operator if it does not.
        why: String,
        /// What the useless answer cost.
        usage: Usage,
    },
    /// The model ended without a word; asking once more may help.
    #[error("{why}")]
    Empty {
        /// What to tell an operator if it does not.
        why: String,
        /// What the empty answer cost.
        usage: Usage,
    },
    /// The model cannot read so much at once; less may do.
    #[error("{why}")]
    InputTooLong {
        /// What to tell an operator if it does not.
        why: String,
    },
}

impl From<CompletionError> for UpstreamError {
    /// For whoever has no further remedy: all but what the system itself calls passing is permanent.
    fn from(error: CompletionError) -> Self {
        match error {
            CompletionError::Upstream(error) => error,
            CompletionError::TooLong { why, .. }
            | CompletionError::Empty { why, .. }
            | CompletionError::InputTooLong { why } => Self::Never(why),
        }
    }
}

impl OpenAi {
    /// Prepares addresses and headers. Fails when the settings cannot make a request.
    pub fn new(config: OpenAiConfig, context: &SenderContext) -> anyhow::Result<Self> {
        let sender = Sender::new(limits(config.timeout), context)?;
        let endpoint = Endpoint::new(&config)?;
        Ok(Self { sender, endpoint, key: config.api_key, model: config.model, dialect: config.dialect })
    }

    /// Whether requests are let through at present.
    #[must_use]
    pub fn breaker(&self) -> BreakerState {
        self.sender.breaker()
    }

    /// The configured model.
    #[must_use]
    pub fn model(&self) -> &str {
        &self.model
    }

    /// Asks once. The server is told to keep nothing.
    pub async fn complete(&self, request: &Completion<'_>) -> Result<Completed, CompletionError> {
        let url = self.endpoint.url(self.dialect.path().iter().copied());
        let body = self.dialect.body(&self.model, request);
        let builder = self.sender.request(Method::POST, url).headers(self.endpoint.headers.clone()).json(&body);
        let reply = self.sender.send("complete", builder).await?;
        let wording = self.wording(&reply, request.input);
        if !reply.status.is_success() {
            return Err(errors::refused(&reply, self.sender.now(), &wording));
        }
        let Some(body) = reply.json() else {
            let text = wording.plain("answered with something that is no JSON", "a proxy in front may have broken it");
            return Err(UpstreamError::Retry(text).into());
        };
        let answer = self.dialect.read(&body);
        let mut text = completed_text(answer.outcome, answer.usage, request.max_output_tokens, &wording)?;
        if let Some(key) = &self.key {
            text = text.replace(key.expose_secret(), "[key]"); // a summary goes far
        }
        Ok(Completed { text, usage: answer.usage, model: answer.model, request_id: wording.request_id })
    }

    fn wording<'a>(&'a self, reply: &Reply, said: &'a str) -> Wording<'a> {
        Wording {
            name: &self.endpoint.name,
            model: &self.model,
            key: self.key.as_ref(),
            said,
            request_id: errors::request_id(&reply.headers),
        }
    }
}

/// The contract's table of what a 200 can bring.
fn completed_text(outcome: Outcome, usage: Usage, cap: u32, wording: &Wording<'_>) -> Result<String, CompletionError> {
    let never = |text: String| Err(UpstreamError::Never(text).into());
    match outcome {
        Outcome::Text(text) => Ok(text),
        Outcome::TooLong => {
            let what = format!("cut the answer at {cap} tokens");
            Err(CompletionError::TooLong {
                why: wording.plain(&what, "a summary needs far fewer: name another model"),
                usage,
            })
        }
        Outcome::Empty => {
            let why = wording.plain("completed without any text", "try another model or the other dialect");
            Err(CompletionError::Empty { why, usage })
        }
        Outcome::Refused(refusal) => {
            let refusal = complaint::Complaint { message: refusal, ..Default::default() };
            never(wording.text("refused to answer", &refusal, ""))
        }
        Outcome::Filtered => never(wording.plain("withheld the answer (content_filter)", "try another model")),
        Outcome::BrokenOff(reason) => {
            let reason = complaint::Complaint { message: reason, ..Default::default() };
            never(wording.text("broke the answer off", &reason, ""))
        }
        Outcome::Failed(complaint) if complaint.is_input_too_long(200) => {
            let advice = errors::TOO_LONG;
            Err(CompletionError::InputTooLong { why: wording.text("failed", &complaint, advice) })
        }
        Outcome::Failed(complaint) if complaint.may_pass() && !complaint.is_billing() => {
            Err(UpstreamError::Retry(wording.text("failed", &complaint, "it may pass")).into())
        }
        Outcome::Failed(complaint) => never(wording.text("failed", &complaint, "trying again would not help")),
        Outcome::Unfinished(status) => {
            Err(UpstreamError::Retry(wording.plain(&format!("answered before it was done ({status})"), "")).into())
        }
    }
}
