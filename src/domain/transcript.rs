//! What was said on a call: turns of speech, and whose they are.
//!
//! A stored turn may know its speaker by a source's id only, because the names of the parties can arrive in another
//! file or another answer. [`Transcript::joined`] puts the two together when somebody reads the transcript.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::call::{Party, Side};

/// One uninterrupted stretch of speech as a source gives it and as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredTurn {
    /// The source's key of the speaker; joins with [`Party::speaker_id`]. Gong leaves it null at times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speaker_id: Option<String>,
    /// The speaker's name where the source gives it beside the words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speaker_name: Option<String>,
    /// Milliseconds from the start of the call.
    pub start_ms: u64,
    /// What was said, sentence by sentence.
    pub sentences: Vec<String>,
}

/// A transcript whose speakers are named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transcript {
    /// In the order they were spoken.
    pub turns: Vec<Turn>,
}

/// One uninterrupted stretch of speech by a named speaker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// A name, or a label such as "Speaker 2" when nobody knows better. Never empty.
    pub speaker: String,
    /// Whether the speaker works for us or for the customer.
    pub side: Side,
    /// Milliseconds from the start of the call.
    pub start_ms: u64,
    /// What was said, sentence by sentence.
    pub sentences: Vec<String>,
}

impl Transcript {
    /// Names the speakers of `turns` by `parties`. Words are never dropped: an unknown speaker gets a label, the same
    /// one for the same id.
    #[must_use]
    pub fn joined(turns: Vec<StoredTurn>, parties: &[Party]) -> Self {
        let by_speaker: HashMap<&str, &Party> =
            parties.iter().filter_map(|party| Some((party.speaker_id.as_deref()?, party))).collect();
        let mut labels: HashMap<String, usize> = HashMap::new();
        let turns = turns
            .into_iter()
            .map(|turn| {
                let party = turn.speaker_id.as_deref().and_then(|id| by_speaker.get(id)).copied();
                let named = turn.speaker_name.clone().or_else(|| party.and_then(|party| party.name.clone()));
                let speaker = named.unwrap_or_else(|| match turn.speaker_id {
                    Some(id) => {
                        let next = labels.len() + 1;
                        format!("Speaker {}", labels.entry(id).or_insert(next))
                    }
                    None => "Unknown speaker".to_owned(),
                });
                Turn {
                    speaker,
                    side: party.map_or(Side::Unknown, |party| party.side),
                    start_ms: turn.start_ms,
                    sentences: turn.sentences,
                }
            })
            .collect();
        Self { turns }
    }
}
