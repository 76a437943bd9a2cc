//! What a call is about, by a configurable list of keywords.
//!
//! Decides nothing where the words do not: a call that fits no intent has none.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

use super::conversation::Conversation;
use super::numbers::real;
use super::phrases::Phrases;
use super::sections::Sections;
use crate::domain::call::Side;
use crate::domain::tokens::{Token, tokenize};

/// Less than this is a passing remark.
const THRESHOLD: f64 = 2.5;
const TITLE_WEIGHT: f64 = 4.0;
const CUSTOMER_WEIGHT: f64 = 1.4;
/// A phrase of several words is rarer by chance than one word.
const PHRASE_WEIGHT: f64 = 1.6;

/// Intents and their keywords, in order: the earlier one wins a tie.
///
/// Keywords match whole words, whatever their case and accents; `renew*` stands for every word with that beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intents(Vec<(String, Vec<String>)>);

impl Intents {
    /// Reads `{"renewal": ["renew", "contract end"], …}`, keeping the order of the text.
    pub fn from_json(json: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(json)
    }

    /// The intents' names, in their order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// Prepares the keywords for being found.
    pub(super) fn into_matcher(self) -> IntentMatcher {
        let intents = self.0.into_iter().map(|(name, keywords)| {
            let weights = keywords.iter().map(|keyword| if keyword.trim().contains(' ') { PHRASE_WEIGHT } else { 1.0 });
            let weights = weights.collect();
            let listed = keywords.iter().enumerate().map(|(number, keyword)| (keyword.as_str(), number));
            Intent { name, weights, keywords: Phrases::new(listed) }
        });
        IntentMatcher { intents: intents.collect() }
    }
}

impl Default for Intents {
    fn default() -> Self {
        let lists = Sections::parse(include_str!("data/intents.txt"));
        let named = |name: &&str| ((*name).to_owned(), lists.list(name).map(str::to_owned).collect());
        Self(lists.names().iter().map(named).collect())
    }
}

impl<'de> Deserialize<'de> for Intents {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(InOrder)
    }
}

/// Reads a JSON object as a list, since maps forget the order of the text.
struct InOrder;

impl<'de> Visitor<'de> for InOrder {
    type Value = Intents;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object of intent names and their keywords")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Intents, A::Error> {
        let mut intents: Vec<(String, Vec<String>)> = Vec::new();
        while let Some((name, keywords)) = map.next_entry::<String, Vec<String>>()? {
            match intents.iter_mut().find(|(known, _)| *known == name) {
                Some((_, known)) => known.extend(keywords),
                None => intents.push((name, keywords)),
            }
        }
        Ok(Intents(intents))
    }
}

/// The intents, ready to be found.
#[derive(Debug)]
pub(super) struct IntentMatcher {
    intents: Vec<Intent>,
}

#[derive(Debug)]
struct Intent {
    name: String,
    weights: Vec<f64>,
    keywords: Phrases<usize>,
}

impl IntentMatcher {
    /// The intents' names, in their order.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.intents.iter().map(|intent| intent.name.as_str())
    }

    /// The intent whose keywords fit best, if any fits well enough.
    pub(super) fn best(&self, title: Option<&str>, conversation: &Conversation) -> Option<&str> {
        let title = title.map(tokenize).unwrap_or_default();
        let mut best: Option<(&str, f64)> = None;
        for intent in &self.intents {
            let score = intent.score(&title, conversation);
            if score >= THRESHOLD && best.is_none_or(|(_, most)| score > most) {
                best = Some((&intent.name, score));
            }
        }
        best.map(|(name, _)| name)
    }
}

impl Intent {
    fn score(&self, title: &[Token], conversation: &Conversation) -> f64 {
        let mut counts = vec![0.0; self.weights.len()];
        let mut count = |tokens: &[Token], weight: f64| {
            for hit in self.keywords.hits(tokens) {
                if let Some(sum) = counts.get_mut(hit.attached) {
                    *sum += weight;
                }
            }
        };
        for utterance in &conversation.utterances {
            let theirs = conversation.sides_known && utterance.side == Side::Theirs;
            count(&utterance.tokens, if theirs { CUSTOMER_WEIGHT } else { 1.0 });
        }
        let spoken: f64 = counts.iter().zip(&self.weights).map(|(count, weight)| weight * f64::ln_1p(*count)).sum();
        // A long call touches every subject: what it is about takes more words there.
        let crowd = (real(conversation.utterances.len()) / 60.0).max(1.0).powf(0.3);
        let titled = if self.keywords.occur(title) { TITLE_WEIGHT } else { 0.0 };
        spoken / crowd + titled
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{conversation, ours, theirs};
    use super::super::lexicon::Lexicon;
    use super::*;

    fn found(intents: &Intents, title: Option<&str>, lines: &[(&str, Side, &str)]) -> Option<String> {
        intents.clone().into_matcher().best(title, &conversation(lines, &Lexicon::english())).map(str::to_owned)
    }

    #[test]
    fn the_title_counts_more_than_a_remark() {
        let lines = [theirs("What is the price per user?"), ours("The price is on the quote.")];
        assert_eq!(found(&Intents::default(), None, &lines).as_deref(), Some("pricing"));
        assert_eq!(found(&Intents::default(), Some("Onboarding kick-off"), &lines).as_deref(), Some("onboarding"));
    }

    #[test]
    fn nothing_is_decided_by_a_passing_word() {
        assert_eq!(found(&Intents::default(), None, &[theirs("The weather cost me a coat.")]), None);
    }

    #[test]
    fn accents_and_case_do_not_matter() {
        let lines = [theirs("RENOVACION, renovacion. La renovacion y el vencimiento.")];
        assert_eq!(found(&Intents::default(), Some("Renovación"), &lines).as_deref(), Some("renewal"));
    }

    #[test]
    fn the_first_of_the_file_wins_a_tie() -> Result<(), serde_json::Error> {
        let lines = [theirs("alpha beta alpha beta alpha beta alpha beta alpha beta alpha beta alpha beta alpha beta")];
        let intents = Intents::from_json(r#"{"z_first": ["beta"], "a_second": ["alpha"]}"#)?;
        assert_eq!(found(&intents, Some("alpha beta"), &lines).as_deref(), Some("z_first"));
        Ok(())
    }

    #[test]
    fn what_is_no_list_of_keywords_is_refused() {
        assert!(Intents::from_json("[]").is_err());
        assert!(Intents::from_json(r#"{"renewal": "renew"}"#).is_err());
    }
}
