//! The call as the other modules see it: named speakers and single sentences, redacted, cut into words, with each
//! sentence's telling words numbered.
//!
//! Nothing here knows what makes a sentence important.

use std::collections::{HashMap, HashSet};

use crate::domain::{call::Side, transcript::Transcript};

use super::language::Tongue;
use super::lexicon::Lexicon;
use super::numbers::{clip, real};
use super::stem::stem;
use crate::domain::redact::redact;
use crate::domain::tokens::{Token, is_unspaced, tokenize};

/// Sentences considered; of a longer call every n-th is, evenly spread.
const MOST_SENTENCES: usize = 8_000;
/// Speech without punctuation is cut into stretches of this many characters.
const LONGEST_SENTENCE: usize = 320;
const LONGEST_NAME: usize = 60;
const CLOSING: [char; 10] = ['.', '!', '?', '…', '。', '！', '？', '।', '؟', '։'];
/// Words before a full stop that does not end the sentence.
const ABBREVIATIONS: [&str; 22] = [
    "mr", "mrs", "ms", "dr", "st", "vs", "no", "inc", "ltd", "co", "corp", "approx", "e.g", "i.e", "sr", "sra", "ej",
    "p.ej", "num", "etc", "a.m", "p.m",
];

/// Somebody who spoke.
#[derive(Debug)]
pub(super) struct Speaker {
    pub(super) name: String,
    /// The first name, if nobody else on the call has the same one; the whole name otherwise.
    pub(super) first: String,
    pub(super) side: Side,
    /// Whether this is a person's name rather than a label such as "Speaker 2".
    pub(super) is_named: bool,
    /// Whether not even a label is known.
    pub(super) is_unknown: bool,
}

/// One sentence somebody said.
#[derive(Debug)]
pub(super) struct Utterance {
    pub(super) turn: usize,
    pub(super) speaker: usize,
    pub(super) side: Side,
    /// What was said, redacted but not cleaned.
    pub(super) text: String,
    pub(super) tokens: Vec<Token>,
    /// The telling words, each once, in order: indexes into [`Conversation::vocabulary`].
    pub(super) terms: Vec<usize>,
    pub(super) is_question: bool,
    /// 0 at the start of the call, 1 at its end.
    pub(super) position: f64,
}

/// A call cut into sentences.
#[derive(Debug)]
pub(super) struct Conversation {
    pub(super) speakers: Vec<Speaker>,
    pub(super) utterances: Vec<Utterance>,
    /// One spoken form of each telling word.
    pub(super) vocabulary: Vec<String>,
    /// Whether anybody is known to be on the customer's side.
    pub(super) sides_known: bool,
}

impl Conversation {
    /// Cuts a transcript.
    pub(super) fn new(transcript: &Transcript, lexicon: &Lexicon, tongue: Tongue) -> Self {
        let mut builder = Builder { lexicon, tongue, numbers: HashMap::new(), vocabulary: Vec::new() };
        let (mut speakers, mut known) = (Vec::new(), HashMap::new());
        let mut utterances = Vec::new();
        for (turn, spoken) in transcript.turns.iter().enumerate() {
            let speaker = *known.entry((spoken.speaker.as_str(), spoken.side as u8)).or_insert_with(|| {
                speakers.push(Speaker::new(&spoken.speaker, spoken.side, lexicon));
                speakers.len() - 1
            });
            for sentence in spoken.sentences.iter().flat_map(|text| sentences(&redact(text))) {
                utterances.push((turn, speaker, spoken.side, sentence));
            }
        }
        let stride = utterances.len().div_ceil(MOST_SENTENCES).max(1);
        let kept: Vec<_> = utterances.into_iter().step_by(stride).collect();
        let last = real(kept.len().saturating_sub(1).max(1));
        let utterances: Vec<Utterance> = kept
            .into_iter()
            .enumerate()
            .map(|(at, (turn, speaker, side, text))| builder.utterance(turn, speaker, side, text, real(at) / last))
            .collect();
        shorten_names(&mut speakers);
        let sides_known = utterances.iter().any(|utterance| utterance.side == Side::Theirs);
        Self { speakers, utterances, vocabulary: builder.vocabulary, sides_known }
    }

    /// Who said the sentence.
    pub(super) fn speaker_of(&self, utterance: usize) -> Option<&Speaker> {
        self.speakers.get(self.utterances.get(utterance)?.speaker)
    }

    /// The sentence before, whoever said it.
    pub(super) fn before(&self, utterance: usize) -> Option<&Utterance> {
        self.utterances.get(utterance.checked_sub(1)?)
    }

    /// Whose words weigh more: the customer's, where it is known who that is.
    pub(super) fn weight_of(&self, utterance: &Utterance) -> f64 {
        match (self.sides_known, utterance.side) {
            (false, _) | (true, Side::Unknown) => 1.0,
            (true, Side::Theirs) => 1.25,
            (true, Side::Ours) => 0.85,
        }
    }
}

impl Speaker {
    fn new(name: &str, side: Side, lexicon: &Lexicon) -> Self {
        let name = clip(&redact(name).split_whitespace().collect::<Vec<_>>().join(" "), LONGEST_NAME);
        let is_unknown = name.is_empty() || name.eq_ignore_ascii_case("unknown speaker");
        let is_label = name.to_lowercase().strip_prefix("speaker").is_some_and(|rest| {
            rest.chars().all(|letter| letter.is_numeric() || matches!(letter, ' ' | '_' | '#' | '-'))
        });
        let is_named = !is_unknown && !is_label && name.chars().any(char::is_alphabetic) && !name.contains('[');
        let name = if is_unknown { lexicon.wording("unknown speaker", &[]).unwrap_or(name) } else { name };
        let first = if is_named { name.split(' ').next().unwrap_or(&name).to_owned() } else { name.clone() };
        Self { name, first, side, is_named, is_unknown }
    }
}

/// First names only where they tell people apart.
fn shorten_names(speakers: &mut [Speaker]) {
    let firsts: Vec<String> = speakers.iter().map(|speaker| speaker.first.clone()).collect();
    for speaker in speakers {
        let same = firsts.iter().filter(|first| **first == speaker.first).count();
        let initial = speaker.first.ends_with('.') || speaker.first.chars().count() < 2;
        if same > 1 || initial {
            speaker.first.clone_from(&speaker.name);
        }
    }
}

struct Builder<'a> {
    lexicon: &'a Lexicon,
    tongue: Tongue,
    numbers: HashMap<String, usize>,
    vocabulary: Vec<String>,
}

impl Builder<'_> {
    fn utterance(&mut self, turn: usize, speaker: usize, side: Side, text: String, position: f64) -> Utterance {
        let tokens = tokenize(&text);
        let mut seen = HashSet::new();
        let mut terms = Vec::new();
        for token in tokens.iter().filter(|token| is_telling(&token.word, self.lexicon)) {
            let next = self.vocabulary.len();
            let number = *self.numbers.entry(stem(&token.word, self.tongue)).or_insert(next);
            if number == next {
                self.vocabulary.push(token.word.clone());
            }
            if seen.insert(number) {
                terms.push(number);
            }
        }
        let is_question = text.trim_end().ends_with(['?', '？', '؟']) && !is_tagged(&text, &tokens, self.lexicon);
        Utterance { turn, speaker, side, text, tokens, terms, is_question, position }
    }
}

/// "I'll send it, okay?": a statement that only sounds like a question.
fn is_tagged(text: &str, tokens: &[Token], lexicon: &Lexicon) -> bool {
    let tag_start = text.rfind([',', '¿', '.']).unwrap_or(0);
    let first = tokens.iter().position(|token| token.start > tag_start).unwrap_or(0);
    first > 2 && lexicon.tails.at(tokens, first).is_some_and(|hit| hit.end() == tokens.len())
}

fn is_telling(word: &str, lexicon: &Lexicon) -> bool {
    !lexicon.is_common(word) && (word.chars().nth(1).is_some() || word.starts_with(|letter: char| letter.is_numeric()))
}

/// Cuts text at closing punctuation, and what has none at word boundaries.
fn sentences(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut start = 0;
    let mut letters = text.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        let end = at + letter.len_utf8();
        let next = letters.peek().map_or(' ', |(_, next)| *next);
        let piece = text.get(start..at).unwrap_or_default();
        if CLOSING.contains(&letter)
            && (next.is_whitespace() || is_unspaced(next))
            && !(letter == '.' && abbreviates(piece, text.get(end..).unwrap_or_default()))
        {
            push_pieces(&mut found, text.get(start..end).unwrap_or_default());
            start = end;
        }
    }
    push_pieces(&mut found, text.get(start..).unwrap_or_default());
    found
}

fn abbreviates(piece: &str, rest: &str) -> bool {
    let last = piece.rsplit(char::is_whitespace).next().unwrap_or_default().to_lowercase();
    // "No. 5" goes on, "No. Not yet." does not.
    let numbers = rest.trim_start().starts_with(|letter: char| letter.is_ascii_digit());
    (ABBREVIATIONS.contains(&last.as_str()) && (last != "no" || numbers))
        || (last.len() == 1 && piece.ends_with(|letter: char| letter.is_uppercase()) && last != "i")
}

fn push_pieces(found: &mut Vec<String>, sentence: &str) {
    let mut rest = sentence.trim();
    while let Some((limit, _)) = rest.char_indices().nth(LONGEST_SENTENCE) {
        let head = rest.get(..limit).unwrap_or_default();
        let comma = head
            .rfind([',', ';', '，', '、'])
            .map(|at| at + head.get(at..).and_then(|tail| tail.chars().next()).map_or(1, char::len_utf8));
        let cut = comma.filter(|at| *at > limit / 2).or_else(|| head.rfind(' ')).filter(|at| *at > 0).unwrap_or(limit);
        found.push(rest.get(..cut).unwrap_or_default().trim().to_owned());
        rest = rest.get(cut..).unwrap_or_default().trim_start();
    }
    if rest.chars().any(char::is_alphanumeric) {
        found.push(rest.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_end_at_punctuation_but_not_at_abbreviations() {
        assert_eq!(
            sentences("We met Dr. Ruiz. It costs 3.5 k. Fine?"),
            ["We met Dr. Ruiz.", "It costs 3.5 k.", "Fine?"]
        );
        assert_eq!(sentences("No. Not yet. See No. 5."), ["No.", "Not yet.", "See No. 5."]);
        assert_eq!(sentences("更新します。価格は？"), ["更新します。", "価格は？"]);
    }

    #[test]
    fn speech_without_punctuation_is_cut_between_words() {
        let cut = sentences(&"word ".repeat(20_000));
        assert!(cut.len() > 100 && cut.iter().all(|piece| piece.chars().count() <= LONGEST_SENTENCE));
        assert!(cut.iter().all(|piece| piece.split(' ').all(|word| word == "word")));
    }

    #[test]
    fn labels_are_not_names() {
        let lexicon = Lexicon::english();
        assert!(Speaker::new("Dana Whitfield", Side::Theirs, &lexicon).is_named);
        assert!(!Speaker::new("Speaker 2", Side::Unknown, &lexicon).is_named);
        assert!(Speaker::new("Unknown speaker", Side::Unknown, &lexicon).is_unknown);
    }

    #[test]
    fn shared_first_names_are_not_used_alone() {
        let lexicon = Lexicon::english();
        let mut speakers = vec![
            Speaker::new("Ana Gil", Side::Ours, &lexicon),
            Speaker::new("Ana Ruiz", Side::Theirs, &lexicon),
            Speaker::new("Tom Lee", Side::Theirs, &lexicon),
        ];
        shorten_names(&mut speakers);
        let firsts: Vec<&str> = speakers.iter().map(|speaker| speaker.first.as_str()).collect();
        assert_eq!(firsts, ["Ana Gil", "Ana Ruiz", "Tom"]);
    }
}
