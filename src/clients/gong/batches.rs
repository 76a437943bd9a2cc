//! Calls and transcripts one at a time for those who ask, many at a time for Gong: three requests a second are all that
//! the company has.

use std::collections::HashMap;

use crate::{
    clients::http::UpstreamError,
    domain::{call::Call, transcript::StoredTurn},
};

use super::{
    api::GongApi,
    batch::{Batcher, Question},
    errors::Refusal,
    pace::Turn,
};

/// How many ids go into one request unless somebody knows better. Gong documents no limit; others send twenty to a
/// hundred.
pub const LARGEST_BATCH: usize = 50;
/// More has been seen of nobody.
const MOST_IDS: usize = 100;

/// Asks for calls and transcripts in batches. Clones share the batches.
#[derive(Clone)]
pub struct GongBatches {
    calls: Batcher<Calls>,
    transcripts: Batcher<Transcripts>,
}

impl GongBatches {
    /// Starts the two asking tasks on the current runtime; they end when the last clone is dropped. A batch has at most
    /// `largest` ids (1 to 100, see [`LARGEST_BATCH`]).
    #[must_use]
    pub fn new(api: GongApi, largest: usize) -> Self {
        let largest = largest.clamp(1, MOST_IDS);
        Self {
            calls: Batcher::start(Calls(api.clone()), largest),
            transcripts: Batcher::start(Transcripts(api), largest),
        }
    }

    /// A call with all that is known of it. `None` when Gong does not know it, or not yet.
    pub async fn call(&self, id: &str) -> Result<Option<Call>, UpstreamError> {
        self.calls.ask(id).await
    }

    /// What was said on a call. `None` when the transcript is not ready, or has no words.
    pub async fn transcript(&self, id: &str) -> Result<Option<Vec<StoredTurn>>, UpstreamError> {
        self.transcripts.ask(id).await
    }
}

struct Calls(GongApi);

impl Question for Calls {
    type Answer = Call;

    async fn turn(&self) -> Result<Turn, UpstreamError> {
        self.0.turn().await
    }

    async fn ask(&self, turn: Turn, ids: &[String]) -> Result<HashMap<String, Call>, Refusal> {
        self.0.calls_by_id(turn, ids).await
    }
}

struct Transcripts(GongApi);

impl Question for Transcripts {
    type Answer = Vec<StoredTurn>;

    async fn turn(&self) -> Result<Turn, UpstreamError> {
        self.0.turn().await
    }

    async fn ask(&self, turn: Turn, ids: &[String]) -> Result<HashMap<String, Vec<StoredTurn>>, Refusal> {
        self.0.transcripts_by_id(turn, ids).await
    }
}
