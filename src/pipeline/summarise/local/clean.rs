//! Makes a spoken sentence fit to be quoted: without "um", "you know", repeated words, false starts, leading "so and
//! yeah", trailing "right?"; with a capital letter and a full stop.
//!
//! Leaves out words, never adds or changes any. It does not judge whether the sentence is worth quoting.

use super::lexicon::Lexicon;
use super::phrases::{Hit, Phrases};
use crate::domain::tokens::{fold, is_unspaced, tokenize};

/// Fewer words than this are left as they are: "Yes." should not become nothing.
const FEWEST_WORDS: usize = 3;
/// The longest listed phrase, in words.
const LONGEST_PHRASE: usize = 8;
const CLOSING: [char; 10] = ['.', '!', '?', '…', '。', '！', '？', '।', '؟', '։'];
const PAUSES: [char; 7] = [',', ';', ':', '-', '–', '—', '،'];

/// A written word with the punctuation around it.
#[derive(Debug, Clone)]
struct Piece<'a> {
    before: &'a str,
    core: &'a str,
    after: String,
    /// The core without case and accents.
    folded: String,
    /// The core as lists have it: "that's" is two words there.
    words: Vec<String>,
}

impl Piece<'_> {
    fn ends_clause(&self) -> bool {
        self.after.contains(CLOSING) || self.after.contains(PAUSES)
    }
}

/// The sentence as it can be quoted.
pub(super) fn clean(sentence: &str, lexicon: &Lexicon) -> String {
    let mut pieces = cut(sentence);
    drop_false_starts(&mut pieces);
    drop_lead_ins(&mut pieces, lexicon);
    drop_tails(&mut pieces, lexicon);
    drop_fillers(&mut pieces, lexicon);
    drop_repeats(&mut pieces);
    drop_lead_ins(&mut pieces, lexicon);
    drop_tails(&mut pieces, lexicon);
    drop_repeats(&mut pieces);
    let finished = finish(&join(&pieces));
    if sentence.contains('¿') && finished.ends_with('?') && !finished.contains('¿') {
        return format!("¿{finished}");
    }
    finished
}

fn cut(sentence: &str) -> Vec<Piece<'_>> {
    let mut pieces: Vec<Piece<'_>> = Vec::new();
    for written in sentence.split_whitespace() {
        let is_outer =
            |letter: char| !letter.is_alphanumeric() && !matches!(letter, '%' | '€' | '$' | '£' | '[' | ']' | '#');
        let core = written.trim_matches(is_outer);
        if core.is_empty() {
            // A lone dash or comma belongs to the word before it.
            if let Some(last) = pieces.last_mut() {
                last.after.push_str(written);
            }
            continue;
        }
        let start = written.len() - written.trim_start_matches(is_outer).len();
        let before = written.get(..start).unwrap_or_default();
        let after = written.get(start + core.len()..).unwrap_or_default().to_owned();
        let words = tokenize(core).into_iter().map(|token| token.word).collect();
        pieces.push(Piece { before, core, after, folded: fold(core), words });
    }
    pieces
}

/// The listed phrase that begins at piece `at`; its length is in pieces.
fn listed_at(phrases: &Phrases<()>, pieces: &[Piece<'_>], at: usize) -> Option<Hit<()>> {
    let mut words: Vec<&str> = Vec::new();
    let mut ends: Vec<usize> = Vec::new();
    for piece in pieces.iter().skip(at).take(LONGEST_PHRASE) {
        words.extend(piece.words.iter().map(String::as_str));
        ends.push(words.len());
    }
    let hit = phrases.at(&words, 0)?;
    let last = ends.iter().position(|end| *end == hit.length)?;
    Some(Hit { at, length: last + 1, attached: () })
}

/// Removes `from..to`, handing closing punctuation on to the word before.
fn remove(pieces: &mut Vec<Piece<'_>>, from: usize, to: usize) {
    let tail = pieces.get(to.saturating_sub(1)).map(|piece| piece.after.clone()).unwrap_or_default();
    if let Some(previous) = from.checked_sub(1).and_then(|at| pieces.get_mut(at)) {
        if tail.contains(CLOSING) {
            previous.after = tail;
        } else if previous.after == "," && tail.contains(',') {
            // "we were, you know, thinking": both commas came with what is gone.
            previous.after.clear();
        } else if previous.after.is_empty() && tail == "," {
            previous.after = tail;
        }
    }
    pieces.drain(from..to.min(pieces.len()));
}

/// "expor- export" and "we were- we were" keep the second try.
fn drop_false_starts(pieces: &mut Vec<Piece<'_>>) {
    let mut at = 0;
    while at + 1 < pieces.len() {
        let broken = pieces.get(at).zip(pieces.get(at + 1)).is_some_and(|(piece, next)| {
            piece.after.starts_with(['-', '–', '—']) && next.folded.starts_with(&piece.folded)
        });
        if broken {
            pieces.remove(at);
        } else {
            at += 1;
        }
    }
}

fn drop_fillers(pieces: &mut Vec<Piece<'_>>, lexicon: &Lexicon) {
    let mut at = 0;
    while at < pieces.len() {
        let anywhere = listed_at(&lexicon.fillers, pieces, at).filter(|hit| !is_needed(pieces, at, hit.end(), lexicon));
        let set_off =
            listed_at(&lexicon.fillers_set_off, pieces, at).filter(|hit| at > 0 && is_set_off(pieces, at, hit.end()));
        match anywhere.or(set_off) {
            Some(hit) if pieces.len() > hit.length => remove(pieces, at, hit.end()),
            _ => at += 1,
        }
    }
}

/// "do you know who", "what kind of": the same words, but they carry the sentence.
fn is_needed(pieces: &[Piece<'_>], from: usize, to: usize, lexicon: &Lexicon) -> bool {
    if to - from < 2 {
        return false;
    }
    let previous = from.checked_sub(1).and_then(|at| pieces.get(at)).filter(|piece| !piece.ends_clause());
    let closed = to.checked_sub(1).and_then(|at| pieces.get(at)).is_some_and(Piece::ends_clause);
    let held = |piece: &Piece<'_>| {
        tokenize(&piece.folded).last().is_some_and(|token| lexicon.keep_filler_after.contains(&token.word))
    };
    let follows = !closed && pieces.get(to).is_some_and(|piece| lexicon.keep_filler_before.contains(&piece.folded));
    previous.is_some_and(held) || follows
}

fn is_set_off(pieces: &[Piece<'_>], from: usize, to: usize) -> bool {
    let opened = from.checked_sub(1).and_then(|at| pieces.get(at)).is_none_or(Piece::ends_clause);
    opened && to.checked_sub(1).and_then(|at| pieces.get(at)).is_some_and(Piece::ends_clause)
}

/// "the the", "we have we have" and "that we, that we".
fn drop_repeats(pieces: &mut Vec<Piece<'_>>) {
    for width in (1..=4).rev() {
        let mut at = 0;
        while at + 2 * width <= pieces.len() {
            let repeated = (0..width).all(|offset| {
                let pair = pieces.get(at + offset).zip(pieces.get(at + width + offset));
                pair.is_some_and(|(left, right)| left.folded == right.folded && !left.after.contains(CLOSING))
            });
            let numeric =
                pieces.get(at).is_some_and(|piece| piece.folded.starts_with(|letter: char| letter.is_numeric()));
            if repeated && !numeric {
                pieces.drain(at..at + width);
            } else {
                at += 1;
            }
        }
    }
}

fn drop_lead_ins(pieces: &mut Vec<Piece<'_>>, lexicon: &Lexicon) {
    while listed_at(&lexicon.kept_starts, pieces, 0).is_none() {
        let anywhere = listed_at(&lexicon.lead_ins, pieces, 0);
        let set_off = listed_at(&lexicon.lead_ins_set_off, pieces, 0).filter(|hit| is_set_off(pieces, 0, hit.end()));
        let Some(hit) = longer(anywhere, set_off) else { break };
        if pieces.len() < hit.length + FEWEST_WORDS {
            break;
        }
        pieces.drain(..hit.length);
    }
}

fn longer(left: Option<Hit<()>>, right: Option<Hit<()>>) -> Option<Hit<()>> {
    [left, right].into_iter().flatten().max_by_key(|hit| hit.length)
}

fn drop_tails(pieces: &mut Vec<Piece<'_>>, lexicon: &Lexicon) {
    while let Some(length) = tail_length(pieces, &lexicon.tails) {
        let from = pieces.len() - length;
        if from < FEWEST_WORDS {
            break;
        }
        pieces.truncate(from);
        // Without its "right?" the sentence is a statement.
        if let Some(last) = pieces.last_mut() {
            ".".clone_into(&mut last.after);
        }
    }
}

fn tail_length(pieces: &[Piece<'_>], tails: &Phrases<()>) -> Option<usize> {
    (1..=6.min(pieces.len())).rev().find(|length| {
        let from = pieces.len() - length;
        let opened = from.checked_sub(1).and_then(|at| pieces.get(at)).is_some_and(Piece::ends_clause);
        opened && listed_at(tails, pieces, from).is_some_and(|hit| hit.length == *length)
    })
}

fn join(pieces: &[Piece<'_>]) -> String {
    let mut text = String::new();
    for piece in pieces {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(piece.before);
        text.push_str(if piece.core == "i" { "I" } else { piece.core });
        text.push_str(&piece.after);
    }
    text
}

/// Capital letter at the beginning, one closing mark at the end.
pub(super) fn finish(text: &str) -> String {
    let dangling = |letter: char| {
        PAUSES.contains(&letter) || letter.is_whitespace() || matches!(letter, '"' | '“' | '”' | '«' | '»')
    };
    let trimmed = text.trim_start_matches(|letter: char| dangling(letter) || CLOSING.contains(&letter));
    let body = trimmed.trim_end_matches(|letter: char| dangling(letter) || letter == '…');
    let body = body.strip_suffix("..").map_or(body, |kept| kept.trim_end_matches('.'));
    let body = if body.ends_with('?') { body } else { body.trim_start_matches('¿') };
    let mut finished = capitalised(body);
    if !finished.is_empty() && !finished.ends_with(CLOSING) {
        let ideographic =
            finished.chars().next_back().is_some_and(|last| u32::from(last) >= 0x3040 && is_unspaced(last));
        finished.push(if ideographic { '。' } else { '.' });
    }
    finished
}

/// The text with its first letter in upper case.
pub(super) fn capitalised(text: &str) -> String {
    let mut rest = text.chars();
    let mut opening = String::with_capacity(text.len());
    for letter in rest.by_ref() {
        if letter.is_alphanumeric() {
            opening.extend(letter.to_uppercase());
            break;
        }
        opening.push(letter);
    }
    opening.push_str(rest.as_str());
    opening
}

/// The text with a small first letter, unless its first word is written in capitals.
pub(super) fn lowered(text: &str) -> String {
    let mut letters = text.chars();
    let (first, second) = (letters.next(), letters.clone().next());
    match first {
        Some(first) if !second.is_some_and(char::is_uppercase) => first.to_lowercase().chain(letters).collect(),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn english(sentence: &str) -> String {
        clean(sentence, &Lexicon::english())
    }

    #[test]
    fn fillers_and_lead_ins_go() {
        assert_eq!(
            english("so yeah, um, we were, you know, thinking about the the renewal"),
            "We were thinking about the renewal."
        );
        assert_eq!(english("And, uh, I mean the price is kind of steep, right?"), "The price is steep.");
    }

    #[test]
    fn words_that_carry_the_sentence_stay() {
        assert_eq!(english("Do you know what kind of report they use?"), "Do you know what kind of report they use?");
        assert_eq!(english("So far it works like a charm."), "So far it works like a charm.");
        assert_eq!(english("Right now we pay 40."), "Right now we pay 40.");
    }

    #[test]
    fn false_starts_and_repeats_go() {
        assert_eq!(english("We have, we have expor- exports failing."), "We have exports failing.");
    }

    #[test]
    fn contractions_are_found_in_the_lists() {
        assert_eq!(english("That's a good question, we pay, I don't know, forty a seat."), "We pay forty a seat.");
    }

    #[test]
    fn a_short_answer_stays() {
        assert_eq!(english("yeah"), "Yeah.");
        assert_eq!(english(""), "");
    }

    #[test]
    fn spanish_has_its_own_fillers() {
        let cleaned = clean("bueno, pues, eh, la renovación es, o sea, en marzo, ¿no?", &Lexicon::spanish());
        assert_eq!(cleaned, "La renovación es en marzo.");
    }

    #[test]
    fn unspaced_writing_gets_its_own_full_stop() {
        assert_eq!(clean("契約を更新します", &Lexicon::other()), "契約を更新します。");
    }
}
