//! The word lists of one language, parsed once.
//!
//! What the lists contain is data (`data/`); how they are used is decided by the modules that use them.

use std::collections::{BTreeMap, HashSet};

use super::phrases::Phrases;
use super::sections::{Sections, plain, word_set};
use super::task_words::TaskWords;

/// Why a sentence matters, or that it does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Cue {
    /// Something was settled.
    Decision,
    /// Somebody says what they need.
    Need,
    /// Something is wrong.
    Problem,
    /// Prices, seats, contracts.
    Money,
    /// Dates and deadlines.
    Time,
    /// The speaker sums up.
    Recap,
    /// Something went well.
    Success,
    /// Greetings, weather, muted microphones.
    SmallTalk,
    /// The speaker is not sure.
    Hedge,
    /// Who somebody is and how they got here.
    Background,
}

const CUES: [(Cue, &str); 10] = [
    (Cue::Decision, "decision"),
    (Cue::Need, "need"),
    (Cue::Problem, "problem"),
    (Cue::Money, "money"),
    (Cue::Time, "time"),
    (Cue::Recap, "recap"),
    (Cue::Success, "success"),
    (Cue::SmallTalk, "small talk"),
    (Cue::Hedge, "hedge"),
    (Cue::Background, "background"),
];

/// A kind of risk: the name of a section of the list, and the weight of a phrase in it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Danger {
    /// A phrase that speaks of danger.
    Risk {
        /// Which section it is from: an index into [`Lexicon::risk_kinds`].
        kind: usize,
        /// How grave.
        weight: f64,
    },
    /// A phrase that sounds like danger and is not ("no problem").
    Cleared,
}

/// Everything that is particular to one language.
#[derive(Debug, Default)]
pub(super) struct Lexicon {
    stopwords: HashSet<String>,
    back_channel: HashSet<String>,
    generic: HashSet<String>,
    /// Endings of words that are verbs or adverbs more often than things.
    verb_endings: Vec<&'static str>,
    pub(super) fillers: Phrases<()>,
    pub(super) fillers_set_off: Phrases<()>,
    pub(super) keep_filler_after: HashSet<String>,
    pub(super) keep_filler_before: HashSet<String>,
    pub(super) lead_ins: Phrases<()>,
    pub(super) lead_ins_set_off: Phrases<()>,
    pub(super) kept_starts: Phrases<()>,
    pub(super) tails: Phrases<()>,
    pub(super) dependent_starts: Phrases<()>,
    pub(super) answer_words: HashSet<String>,
    /// How answers begin that are no sentences.
    pub(super) fragment_starts: HashSet<String>,
    /// "if": what follows may never happen.
    pub(super) conditionals: HashSet<String>,
    /// "the": kept before the name of a topic.
    pub(super) articles: HashSet<String>,
    /// The article a name takes by its ending.
    pub(super) article_endings: Vec<(&'static str, &'static str)>,
    /// "de": what may stand between the words of a name.
    pub(super) links: HashSet<String>,
    /// What is told of the past and did not happen.
    pub(super) counterfactuals: Phrases<()>,
    pub(super) negators: HashSet<String>,
    pub(super) cues: Vec<(Cue, Phrases<()>)>,
    pub(super) dangers: Phrases<Danger>,
    /// The sections of the risk list.
    pub(super) risk_kinds: Vec<&'static str>,
    pub(super) mood: Phrases<f64>,
    pub(super) intensifiers: Phrases<f64>,
    pub(super) tasks: TaskWords,
    phrasing: BTreeMap<&'static str, &'static str>,
    risk_labels: BTreeMap<&'static str, &'static str>,
    intent_labels: BTreeMap<&'static str, &'static str>,
    intent_topics: BTreeMap<&'static str, &'static str>,
    at_risk_intents: HashSet<&'static str>,
}

/// The files of one language.
struct Files {
    words: &'static str,
    cues: &'static str,
    risks: &'static str,
    mood: &'static str,
    tasks: &'static str,
    phrasing: &'static str,
}

impl Lexicon {
    /// The English lists.
    pub(super) fn english() -> Self {
        Self::parse(&Files {
            words: include_str!("data/en/words.txt"),
            cues: include_str!("data/en/cues.txt"),
            risks: include_str!("data/en/risks.txt"),
            mood: include_str!("data/en/mood.txt"),
            tasks: include_str!("data/en/tasks.txt"),
            phrasing: include_str!("data/en/phrasing.txt"),
        })
    }

    /// The Spanish lists.
    pub(super) fn spanish() -> Self {
        Self::parse(&Files {
            words: include_str!("data/es/words.txt"),
            cues: include_str!("data/es/cues.txt"),
            risks: include_str!("data/es/risks.txt"),
            mood: include_str!("data/es/mood.txt"),
            tasks: include_str!("data/es/tasks.txt"),
            phrasing: include_str!("data/es/phrasing.txt"),
        })
    }

    /// No lists but a bare wording, for every other language.
    pub(super) fn other() -> Self {
        let phrasing = include_str!("data/other_phrasing.txt");
        Self::parse(&Files { words: "", cues: "", risks: "", mood: "", tasks: "", phrasing })
    }

    fn parse(files: &Files) -> Self {
        let words = Sections::parse(files.words);
        let phrasing = Sections::parse(files.phrasing);
        let mood = Sections::parse(files.mood);
        let (dangers, risk_kinds) = dangers(files.risks);
        Self {
            stopwords: word_set(&words, "stopwords"),
            back_channel: word_set(&words, "back-channel"),
            generic: word_set(&words, "generic"),
            verb_endings: words.list("verb endings").collect(),
            fillers: plain(&words, "fillers"),
            fillers_set_off: plain(&words, "fillers set off"),
            keep_filler_after: word_set(&words, "keep filler after"),
            keep_filler_before: word_set(&words, "keep filler before"),
            lead_ins: plain(&words, "lead-ins"),
            lead_ins_set_off: plain(&words, "lead-ins set off"),
            kept_starts: plain(&words, "kept starts"),
            tails: plain(&words, "tails"),
            dependent_starts: plain(&words, "dependent starts"),
            answer_words: word_set(&words, "answer words"),
            fragment_starts: word_set(&words, "fragment starts"),
            conditionals: word_set(&words, "conditionals"),
            articles: word_set(&words, "articles"),
            article_endings: words.entries("article endings").collect(),
            links: word_set(&words, "links"),
            counterfactuals: plain(&words, "counterfactuals"),
            negators: word_set(&words, "negators"),
            cues: cues(files.cues),
            dangers,
            risk_kinds,
            mood: weighted(&mood, "mood"),
            intensifiers: weighted(&mood, "intensifiers"),
            tasks: TaskWords::parse(files.tasks),
            phrasing: phrasing.entries("phrasing").collect(),
            risk_labels: phrasing.entries("risk labels").collect(),
            intent_labels: phrasing.entries("intent labels").collect(),
            intent_topics: phrasing.entries("intent topics").collect(),
            at_risk_intents: phrasing.list("at risk intents").collect(),
        }
    }

    /// Whether the word is one of the commonest of the language.
    pub(super) fn is_common(&self, word: &str) -> bool {
        self.stopwords.contains(word)
    }

    /// Whether the word alone says nothing but "I am listening".
    pub(super) fn is_back_channel(&self, word: &str) -> bool {
        self.back_channel.contains(word)
    }

    /// Whether the word is too general to name a topic, or no name of a thing at all.
    pub(super) fn is_generic(&self, word: &str) -> bool {
        self.generic.contains(word) || self.verb_endings.iter().any(|ending| word.ends_with(ending))
    }

    /// The wording under `key` with its `{places}` filled. Nothing if the language has no such wording.
    pub(super) fn wording(&self, key: &str, places: &[(&str, &str)]) -> Option<String> {
        let template = self.phrasing.get(key)?;
        let mut worded = String::with_capacity(template.len() + 32);
        let mut rest = *template;
        while let Some((before, after)) = rest.split_once('{') {
            worded.push_str(before);
            let Some((name, tail)) = after.split_once('}') else { break };
            worded.push_str(places.iter().find(|(place, _)| *place == name).map_or("", |(_, value)| *value));
            rest = tail;
        }
        worded.push_str(rest);
        Some(worded)
    }

    /// Whether the language has lists of what matters.
    pub(super) fn has_cues(&self) -> bool {
        self.cues.iter().any(|(_, phrases)| !phrases.is_empty())
    }

    /// How a kind of risk is called in a headline.
    pub(super) fn risk_label(&self, kind: usize) -> Option<&'static str> {
        self.risk_labels.get(self.risk_kinds.get(kind)?).copied()
    }

    /// How an intent is called in a headline.
    pub(super) fn intent_label(&self, intent: &str) -> String {
        self.intent_labels.get(intent).map_or_else(|| intent.replace(['_', '-'], " "), |label| (*label).to_owned())
    }

    /// How an intent is called where people spoke about it, if it is a thing one speaks about.
    pub(super) fn intent_topic(&self, intent: &str) -> Option<&'static str> {
        self.intent_topics.get(intent).copied()
    }

    /// Whether this intent can be said to be at risk.
    pub(super) fn can_be_at_risk(&self, intent: &str) -> bool {
        self.at_risk_intents.contains(intent)
    }
}

fn cues(text: &'static str) -> Vec<(Cue, Phrases<()>)> {
    let lists = Sections::parse(text);
    CUES.iter().map(|(cue, section)| (*cue, plain(&lists, section))).collect()
}

fn dangers(text: &'static str) -> (Phrases<Danger>, Vec<&'static str>) {
    let lists = Sections::parse(text);
    let kinds = lists.names();
    let listed = kinds.iter().enumerate().flat_map(|(kind, name)| {
        lists.entries(name).map(move |(phrase, weight)| {
            let danger = if *name == "cleared" {
                Danger::Cleared
            } else {
                Danger::Risk { kind, weight: weight.parse().unwrap_or(1.0) }
            };
            (phrase, danger)
        })
    });
    (Phrases::new(listed), kinds)
}

fn weighted(lists: &Sections<'_>, section: &str) -> Phrases<f64> {
    Phrases::new(lists.entries(section).map(|(phrase, weight)| (phrase, weight.parse().unwrap_or(1.0))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_languages_have_every_list() {
        for lexicon in [Lexicon::english(), Lexicon::spanish()] {
            assert!(lexicon.cues.iter().all(|(_, phrases)| !phrases.is_empty()));
            assert!(!lexicon.dangers.is_empty() && !lexicon.mood.is_empty() && !lexicon.tasks.verbs.is_empty());
            assert!(lexicon.is_common("no") && lexicon.is_back_channel("ok"));
        }
    }

    #[test]
    fn every_kind_of_risk_has_a_label() {
        for lexicon in [Lexicon::english(), Lexicon::spanish()] {
            for (kind, name) in lexicon.risk_kinds.iter().enumerate().filter(|(_, name)| **name != "cleared") {
                assert!(lexicon.risk_label(kind).is_some(), "{name}");
            }
        }
    }

    #[test]
    fn both_languages_have_the_same_wordings() {
        let (english, spanish) = (Lexicon::english(), Lexicon::spanish());
        for key in english.phrasing.keys() {
            assert!(spanish.phrasing.contains_key(key), "{key}");
        }
    }

    #[test]
    fn a_wording_fills_its_places() {
        let worded = Lexicon::english().wording("quote", &[("who", "Dana"), ("verb", "said"), ("words", "Hi.")]);
        assert_eq!(worded.as_deref(), Some("Dana said: “Hi.”"));
    }
}
