//! How summaries are made.

use super::env::Env;

/// The summariser's settings.
#[derive(Debug, Clone)]
pub struct SummaryConfig {
    /// What `SUMMARY_INTENTS_PATH` holds: a JSON object of intents and their keywords, in place of the built-in list.
    pub intents: Option<String>,
}

impl SummaryConfig {
    pub(super) fn read(env: &mut Env) -> Self {
        let intents = env.read("SUMMARY_INTENTS_PATH", |path| {
            let text = std::fs::read_to_string(path).map_err(|error| format!("cannot read the file: {error}"))?;
            match serde_json::from_str::<std::collections::BTreeMap<String, Vec<String>>>(&text) {
                Ok(_) => Ok(text),
                Err(error) => {
                    Err(format!("not an object of intents and keywords, {{\"renewal\": [\"renew\"]}}: {error}"))
                }
            }
        });
        Self { intents }
    }
}
