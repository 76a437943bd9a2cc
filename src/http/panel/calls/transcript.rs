//! What was said, as it is shown: whose words they are is told by name, letters, shape and side.

use serde::Serialize;

use crate::domain::{
    call::{Party, Side},
    text,
    transcript::{StoredTurn, Transcript},
};

/// A transcript on a page.
#[derive(Debug, Serialize)]
pub struct TranscriptView {
    /// Who spoke, in the order they began.
    pub speakers: Vec<Speaker>,
    /// What they said.
    pub turns: Vec<TurnView>,
}

/// Somebody who spoke.
#[derive(Debug, Serialize)]
pub struct Speaker {
    name: String,
    initials: String,
    side: Side,
    /// How much of all words, in hundredths.
    share: usize,
    #[serde(skip)]
    words: usize,
}

/// One stretch of speech.
#[derive(Debug, Serialize)]
pub struct TurnView {
    /// The place of its speaker.
    speaker: usize,
    start_ms: u64,
    text: String,
}

impl TranscriptView {
    /// Names the speakers and takes addresses and numbers out; nothing if nobody said a word.
    pub fn of(turns: Vec<StoredTurn>, parties: &[Party]) -> Option<Self> {
        let mut speakers: Vec<Speaker> = Vec::new();
        let mut shown = Vec::with_capacity(turns.len());
        for turn in Transcript::joined(turns, parties).turns {
            let text = text::without_contacts(&turn.sentences.join(" "));
            if text.trim().is_empty() {
                continue;
            }
            let name = text::without_contacts(&turn.speaker);
            let known = speakers.iter().position(|speaker| speaker.name == name && speaker.side == turn.side);
            let speaker = known.unwrap_or_else(|| {
                speakers.push(Speaker { initials: initials(&name), name, side: turn.side, share: 0, words: 0 });
                speakers.len() - 1
            });
            speakers[speaker].words += text.split_whitespace().count();
            shown.push(TurnView { speaker, start_ms: turn.start_ms, text });
        }
        let all: usize = speakers.iter().map(|speaker| speaker.words).sum();
        for speaker in &mut speakers {
            speaker.share = (speaker.words * 100 + all / 2) / all.max(1);
        }
        (!shown.is_empty()).then_some(Self { speakers, turns: shown })
    }
}

/// The first letters of the first and the last word of a name.
fn initials(name: &str) -> String {
    let words: Vec<&str> = name.split_whitespace().collect();
    let ends = [words.first(), words.last().filter(|_| words.len() > 1)];
    let letters = ends.into_iter().flatten().filter_map(|word| word.chars().find(|letter| letter.is_alphanumeric()));
    letters.flat_map(char::to_uppercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_told_apart_by_their_letters() {
        let told =
            [("Dana Reyes", "DR"), ("Speaker 2", "S2"), ("ingrid", "I"), ("Ana María de Soto", "AS"), ("[email]", "E")];
        for (name, letters) in told {
            assert_eq!(initials(name), letters);
        }
    }

    #[test]
    fn shares_follow_the_words_and_contacts_are_hidden() {
        let turn = |name: &str, text: &str| StoredTurn {
            speaker_id: None,
            speaker_name: Some(name.to_owned()),
            start_ms: 0,
            sentences: vec![text.to_owned()],
        };
        let turns = vec![turn("Ann", "one two three"), turn("Bo", "write to bo@halden.example"), turn("Ann", " ")];
        let view = TranscriptView::of(turns, &[]).unwrap();
        assert_eq!(view.speakers.iter().map(|speaker| speaker.share).collect::<Vec<_>>(), [50, 50]);
        assert_eq!((view.turns.len(), view.turns[1].text.as_str()), (2, "write to [email]"));
        assert!(TranscriptView::of(Vec::new(), &[]).is_none());
    }
}
