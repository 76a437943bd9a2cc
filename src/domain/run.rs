//! One call's way through the pipeline.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The stages in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Get the transcript, the parties and the account.
    Fetch,
    /// Make the summary.
    Summarise,
    /// File it in the account's folder.
    Document,
    /// Tell everyone who should know.
    Notify,
}

impl Stage {
    /// All of them, in order.
    pub const ALL: [Self; 4] = [Self::Fetch, Self::Summarise, Self::Document, Self::Notify];

    /// The stage that follows, or `None` after the last.
    #[must_use]
    pub const fn next(self) -> Option<Self> {
        match self {
            Self::Fetch => Some(Self::Summarise),
            Self::Summarise => Some(Self::Document),
            Self::Document => Some(Self::Notify),
            Self::Notify => None,
        }
    }

    /// The name in the API and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fetch => "fetch",
            Self::Summarise => "summarise",
            Self::Document => "document",
            Self::Notify => "notify",
        }
    }
}

impl FromStr for Stage {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        Self::ALL.into_iter().find(|stage| stage.as_str() == text).ok_or_else(|| UnknownWord(text.to_owned()))
    }
}

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum RunState {
    /// A job for its next stage is waiting or under way.
    Active,
    /// Every stage succeeded.
    Done,
    /// A stage gave up; somebody has to look and retry.
    Failed,
    /// Nothing may or can be published, and the reason says why.
    Skipped,
}

impl RunState {
    const ALL: [Self; 4] = [Self::Active, Self::Done, Self::Failed, Self::Skipped];

    /// The name in the API and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

impl FromStr for RunState {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        Self::ALL.into_iter().find(|state| state.as_str() == text).ok_or_else(|| UnknownWord(text.to_owned()))
    }
}

/// The database holds a word that this version does not know.
#[derive(Debug, thiserror::Error)]
#[error("unknown word {0:?}")]
pub struct UnknownWord(pub String);

/// Why a run was skipped: shown in the record and in `call.skipped`.
pub mod skip_reason {
    /// The call is private.
    pub const PRIVATE: &str = "private";
    /// No transcript within the time we wait for one.
    pub const NO_TRANSCRIPT: &str = "no_transcript";
    /// Gong did not show the call within that time, so nobody could tell whether it is private.
    pub const NOT_VISIBLE: &str = "not_visible";
    /// An administrator erased the call.
    pub const ERASED: &str = "erased";
}
