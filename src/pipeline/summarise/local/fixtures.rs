//! Small conversations for the tests of this folder.

use crate::domain::{
    call::Side,
    transcript::{Transcript, Turn},
};

use super::conversation::Conversation;
use super::language::Tongue;
use super::lexicon::Lexicon;

/// A line of the customer's Dana.
pub(super) fn theirs(text: &str) -> (&str, Side, &str) {
    ("Dana Whitfield", Side::Theirs, text)
}

/// A line of our Priya.
pub(super) fn ours(text: &str) -> (&str, Side, &str) {
    ("Priya Shah", Side::Ours, text)
}

/// A transcript of one turn per line.
pub(super) fn transcript(lines: &[(&str, Side, &str)]) -> Transcript {
    let turns = lines.iter().zip(0_u64..).map(|((speaker, side, text), at)| Turn {
        speaker: (*speaker).to_owned(),
        side: *side,
        start_ms: at * 5_000,
        sentences: vec![(*text).to_owned()],
    });
    Transcript { turns: turns.collect() }
}

/// The same, cut into sentences with English stemming.
pub(super) fn conversation(lines: &[(&str, Side, &str)], lexicon: &Lexicon) -> Conversation {
    Conversation::new(&transcript(lines), lexicon, Tongue::English)
}
