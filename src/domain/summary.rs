//! The one structured result of the *summarise* stage, whoever made it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a call came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Summary {
    /// One line that tells the call apart from others.
    pub headline: String,
    /// A paragraph or two.
    pub text: String,
    /// What mattered, most important first.
    pub key_points: Vec<String>,
    /// Who promised what.
    pub action_items: Vec<ActionItem>,
    /// What may go wrong with this customer.
    pub risks: Vec<String>,
    /// What the call was about (`renewal`, `pricing`, …), if anything of the configured list fits.
    pub intent: Option<String>,
    /// The customer's mood, −1 (bad) to 1 (good).
    pub sentiment: f64,
    /// ISO 639-1 code of the language spoken, `und` if it cannot be told.
    pub language: String,
    /// Which summariser made this: `local`, `openai`, …
    pub provider: String,
}

/// One thing somebody said they would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ActionItem {
    /// The name of whoever promised it, if it is known.
    pub owner: Option<String>,
    /// What was promised.
    pub text: String,
}

/// What a model took to make a summary: on record beside it, and no part of what goes out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Spent {
    /// The model that answered, as the server names it, or else as it was asked for.
    pub model: String,
    /// How many requests it took: long transcripts are summarised in pieces.
    pub requests: u32,
    /// Tokens read, as far as the server said.
    pub input_tokens: u64,
    /// Tokens written.
    pub output_tokens: u64,
}
