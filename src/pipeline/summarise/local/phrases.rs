//! Finds listed phrases among words, the longest first.
//!
//! A listed word may end in `*`: `renew*` stands for "renewal", "renewed", …. Matching never looks inside a word
//! otherwise, and says nothing of what a phrase means: each list decides what it attaches to its phrases.

use std::collections::HashMap;

use crate::domain::tokens::{fold, tokenize};

/// The longest beginning of a word that is looked up as a prefix, in bytes.
const LONGEST_PREFIX: usize = 31;

/// Phrases, each with something attached.
#[derive(Debug, Clone)]
pub(super) struct Phrases<T> {
    by_first: HashMap<String, Vec<Phrase<T>>>,
    /// Bit `n`: some first word is a prefix of `n` bytes.
    prefix_lengths: u32,
    /// Which first two bytes phrases begin with: most words are turned away here, without hashing.
    openings: Vec<u64>,
}

#[derive(Debug, Clone)]
struct Phrase<T> {
    first_is_prefix: bool,
    rest: Vec<String>,
    attached: T,
}

/// A phrase found at `at`, `length` words long.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Hit<T> {
    pub(super) at: usize,
    pub(super) length: usize,
    pub(super) attached: T,
}

impl<T> Hit<T> {
    /// The index of the first word after the phrase.
    pub(super) fn end(&self) -> usize {
        self.at + self.length
    }
}

impl<T> Default for Phrases<T> {
    fn default() -> Self {
        Self { by_first: HashMap::new(), prefix_lengths: 0, openings: vec![0; 1024] }
    }
}

impl<T: Copy> Phrases<T> {
    /// Lists the given phrases.
    pub(super) fn new<'a>(entries: impl IntoIterator<Item = (&'a str, T)>) -> Self {
        let mut phrases = Self::default();
        for (phrase, attached) in entries {
            phrases.add(phrase, attached);
        }
        phrases
    }

    fn add(&mut self, phrase: &str, attached: T) {
        let mut words = listed_words(phrase).into_iter();
        let Some(first) = words.next() else { return };
        let prefix = first.strip_suffix('*').map(str::to_owned);
        let first_is_prefix = prefix.is_some();
        let key = prefix.unwrap_or(first);
        if first_is_prefix && key.len() <= LONGEST_PREFIX {
            self.prefix_lengths |= 1 << key.len();
        }
        let opening = opening(&key);
        if let Some(bits) = self.openings.get_mut(opening / 64) {
            *bits |= 1 << (opening % 64);
        }
        let list = self.by_first.entry(key).or_default();
        list.push(Phrase { first_is_prefix, rest: words.collect(), attached });
        list.sort_by_key(|phrase| std::cmp::Reverse(phrase.rest.len()));
    }

    /// The longest phrase that begins at word `at`.
    pub(super) fn at<W: AsRef<str>>(&self, words: &[W], at: usize) -> Option<Hit<T>> {
        let first = words.get(at)?.as_ref();
        let opening = opening(first);
        if self.openings.get(opening / 64).is_none_or(|bits| bits & (1 << (opening % 64)) == 0) {
            return None;
        }
        let whole = self.among(first, words, at, true);
        if self.prefix_lengths == 0 {
            return whole;
        }
        (2..=first.len().min(LONGEST_PREFIX))
            .filter(|length| self.prefix_lengths & (1 << length) != 0)
            .filter_map(|length| self.among(first.get(..length)?, words, at, false))
            .chain(whole)
            .max_by_key(|hit| hit.length)
    }

    /// Every phrase in reading order, none overlapping another.
    pub(super) fn hits<W: AsRef<str>>(&self, words: &[W]) -> Vec<Hit<T>> {
        let mut found = Vec::new();
        let mut at = 0;
        while at < words.len() {
            if let Some(hit) = self.at(words, at) {
                at = hit.end();
                found.push(hit);
            } else {
                at += 1;
            }
        }
        found
    }

    /// Whether nothing is listed.
    pub(super) fn is_empty(&self) -> bool {
        self.by_first.is_empty()
    }

    /// Whether any phrase occurs.
    pub(super) fn occur<W: AsRef<str>>(&self, words: &[W]) -> bool {
        (0..words.len()).any(|at| self.at(words, at).is_some())
    }

    fn among<W: AsRef<str>>(&self, key: &str, words: &[W], at: usize, whole: bool) -> Option<Hit<T>> {
        let phrases = self.by_first.get(key)?;
        let phrase = phrases.iter().find(|phrase| {
            (whole || phrase.first_is_prefix)
                && phrase.rest.iter().enumerate().all(|(offset, listed)| {
                    words.get(at + 1 + offset).is_some_and(|word| word_fits(listed, word.as_ref()))
                })
        })?;
        Some(Hit { at, length: phrase.rest.len() + 1, attached: phrase.attached })
    }
}

/// The first two bytes as a number. Phrases shorter than that are not prefixes.
fn opening(word: &str) -> usize {
    let mut bytes = word.bytes().map(usize::from);
    bytes.next().unwrap_or(0) * 256 + bytes.next().unwrap_or(0)
}

fn word_fits(listed: &str, word: &str) -> bool {
    listed.strip_suffix('*').map_or(listed == word, |prefix| word.starts_with(prefix))
}

/// Cuts a listed phrase like spoken text, keeping the `*` of prefixes.
fn listed_words(phrase: &str) -> Vec<String> {
    let mut words = Vec::new();
    for part in phrase.split_whitespace() {
        match part.strip_suffix('*') {
            Some(prefix) => words.push(format!("{}*", fold(prefix))),
            None => words.extend(tokenize(part).into_iter().map(|token| token.word)),
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(listed: &[&str], text: &str) -> Vec<(usize, usize)> {
        let phrases = Phrases::new(listed.iter().map(|phrase| (*phrase, ())));
        phrases.hits(&tokenize(text)).iter().map(|hit| (hit.at, hit.length)).collect()
    }

    #[test]
    fn the_longest_phrase_wins() {
        assert_eq!(found(&["end", "end of month"], "by end of month"), [(1, 3)]);
    }

    #[test]
    fn a_word_is_not_found_inside_another() {
        assert_eq!(found(&["end"], "we send and bend"), []);
    }

    #[test]
    fn a_star_stands_for_any_ending() {
        assert_eq!(found(&["renew*", "price* go* up"], "Renewals: prices going up"), [(0, 1), (1, 3)]);
    }

    #[test]
    fn contractions_match_their_spelled_out_form() {
        assert_eq!(found(&["i'll send"], "I will send it"), [(0, 3)]);
    }
}
