//! How summaries are made: by a model, by the built-in summariser, or by the second when the first cannot.

use std::{collections::BTreeMap, time::Duration};

use secrecy::SecretString;
use url::Url;

use super::env::{Env, base_url};

/// How much of a transcript is sent in one request, in tokens, unless told otherwise.
const INPUT_BUDGET: u32 = 60_000;

/// The summariser's settings.
#[derive(Debug, Clone)]
pub struct SummaryConfig {
    /// What `SUMMARY_INTENTS_PATH` holds: a JSON object of intents and their keywords, in place of the built-in list.
    pub intents: Option<String>,
    /// The model, if one is configured.
    pub openai: Option<OpenAiConfig>,
    /// What `SUMMARY_INSTRUCTIONS_PATH` holds: what the operator wants of a summary beside our own instructions.
    pub instructions: Option<String>,
    /// `OPENAI_INPUT_TOKENS`: longer transcripts are summarised in pieces.
    pub input_tokens: u32,
    /// `SUMMARY_FALLBACK`: whether the built-in summariser steps in for the model.
    pub fallback: bool,
}

/// A server that speaks the API of OpenAI.
#[derive(Debug, Clone)]
pub struct OpenAiConfig {
    /// `OPENAI_BASE_URL`.
    pub base_url: Url,
    /// `OPENAI_API_KEY`; a compatible server may need none.
    pub api_key: Option<SecretString>,
    /// `OPENAI_MODEL`.
    pub model: String,
    /// `OPENAI_API`.
    pub dialect: Dialect,
    /// How long one answer may take; within `TIMEOUT`, which is for all answers of a call.
    pub timeout: Duration,
}

/// Which of the two forms of request a server understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// `POST /responses`.
    Responses,
    /// `POST /chat/completions`.
    ChatCompletions,
}

impl SummaryConfig {
    pub(super) fn read(env: &mut Env, timeout: Duration) -> Self {
        let intents = env.file("SUMMARY_INTENTS_PATH", |text| {
            match serde_json::from_str::<BTreeMap<String, Vec<String>>>(text) {
                Ok(_) => Ok(text.to_owned()), // as text, since its order counts
                Err(error) => {
                    Err(format!("not an object of intents and keywords, {{\"renewal\": [\"renew\"]}}: {error}"))
                }
            }
        });
        env.read("ASSISTANT_ID", |_| -> Result<(), String> {
            Err("the Assistants API was shut down on 2026-08-26: leave this out, name a model in OPENAI_MODEL and put the \
                 assistant's instructions into a file named by SUMMARY_INSTRUCTIONS_PATH"
                .to_owned())
        });
        let openai = OpenAiConfig::read(env, timeout);
        let fallback = env.read("SUMMARY_FALLBACK", |text| match text {
            "local" => Ok(true),
            "none" => Ok(false),
            _ => Err("local or none".to_owned()),
        });
        if openai.is_none() {
            for name in ["SUMMARY_INSTRUCTIONS_PATH", "OPENAI_INPUT_TOKENS", "OPENAI_API"] {
                if env.is_set(name) && !env.is_set("OPENAI_MODEL") {
                    env.problem(name, "has no effect without OPENAI_MODEL: give that too, or leave this out");
                }
            }
        }
        Self {
            intents,
            openai,
            instructions: env.file("SUMMARY_INSTRUCTIONS_PATH", |text| Ok(text.to_owned())),
            input_tokens: env.number("OPENAI_INPUT_TOKENS", 4_000..=1_000_000, INPUT_BUDGET),
            fallback: fallback.unwrap_or(true),
        }
    }
}

impl OpenAiConfig {
    fn read(env: &mut Env, timeout: Duration) -> Option<Self> {
        let base_url = env.read("OPENAI_BASE_URL", base_url);
        let dialect = env.read("OPENAI_API", |text| match text {
            "responses" => Ok(Dialect::Responses),
            "chat_completions" => Ok(Dialect::ChatCompletions),
            _ => Err("responses or chat_completions".to_owned()),
        });
        let api_key = env.read("OPENAI_API_KEY", |key| {
            let fits = key.bytes().all(|byte| byte.is_ascii_graphic());
            if fits { Ok(SecretString::from(key)) } else { Err("visible ASCII characters in one line".to_owned()) }
        });
        let model = env.text("OPENAI_MODEL");
        for given in ["OPENAI_API_KEY", "OPENAI_BASE_URL"] {
            if env.is_set(given) {
                env.needs(given, &["OPENAI_MODEL"]);
                break;
            }
        }
        // A server of one's own may need no key; the vendor's does.
        if model.is_some() && !env.is_set("OPENAI_BASE_URL") {
            env.needs("OPENAI_MODEL", &["OPENAI_API_KEY"]);
        }
        Some(Self {
            base_url: base_url.unwrap_or_else(|| Url::parse("https://api.openai.com/v1").expect("a constant URL")),
            api_key,
            model: model?,
            dialect: dialect.unwrap_or(Dialect::Responses),
            timeout: timeout.mul_f64(0.85),
        })
    }
}
