//! Names what a call kept coming back to, in one to three short phrases.
//!
//! Only words that recur: a topic mentioned once is left to the quotes.

use std::collections::{BTreeMap, HashSet};

use super::conversation::{Conversation, Utterance};
use super::language::Tongue;
use super::lexicon::Lexicon;
use super::numbers::real;
use super::stem::stem;
use crate::domain::tokens::fold;

const MOST: usize = 3;
const LEAST_FOR_ONE_WORD: f64 = 5.0;
/// What a phrase counts beside a word: it says more.
const SEVERAL_WORDS: f64 = 2.6;
/// Topics that came much less often than the first are left out.
const LEAST_OF_STRONGEST: f64 = 0.3;
const LEAST_FOR_TWO_WORDS: f64 = 2.4;

/// Something a call kept coming back to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Topic {
    /// "status page".
    pub(super) name: String,
    /// "the status page", if that is how people called it.
    pub(super) told: String,
}

impl Topic {
    /// Whether it is more than one word: a word alone says little of what was meant.
    pub(super) fn is_telling(&self) -> bool {
        self.name.contains(' ')
    }
}

/// A word or pair of words and how often it came.
#[derive(Debug, Default)]
struct Counted {
    spoken: BTreeMap<String, f64>,
    /// The articles before it.
    articles: BTreeMap<String, f64>,
    count: f64,
    words: Vec<String>,
}

/// A word or a phrase as it stands in one sentence.
struct Said {
    stems: Vec<String>,
    spoken: String,
    article: String,
}

/// The topics of a call, most frequent first. Names of people and of the customer are no topics.
pub(super) fn topics(
    conversation: &Conversation,
    lexicon: &Lexicon,
    tongue: Tongue,
    account: Option<&str>,
) -> Vec<Topic> {
    let names: HashSet<String> = conversation
        .speakers
        .iter()
        .flat_map(|speaker| speaker.name.split(' '))
        .chain(account.unwrap_or_default().split_whitespace())
        .map(fold)
        .collect();
    let mut topics: BTreeMap<Vec<String>, Counted> = BTreeMap::new();
    for utterance in &conversation.utterances {
        let weight = conversation.weight_of(utterance);
        for said in phrases(utterance, lexicon, tongue, &names) {
            let topic = topics.entry(said.stems.clone()).or_default();
            *topic.spoken.entry(said.spoken).or_default() += weight;
            *topic.articles.entry(said.article).or_default() += weight;
            topic.count += weight;
            topic.words = said.stems;
        }
    }
    chosen(topics.into_values().collect(), lexicon, tongue)
}

fn chosen(topics: Vec<Counted>, lexicon: &Lexicon, tongue: Tongue) -> Vec<Topic> {
    let mut worthy: Vec<(f64, Counted)> = topics
        .into_iter()
        .filter(|topic| topic.count >= if topic.words.len() > 1 { LEAST_FOR_TWO_WORDS } else { LEAST_FOR_ONE_WORD })
        .map(|topic| (topic.count * if topic.words.len() > 1 { SEVERAL_WORDS } else { 1.0 }, topic))
        .collect();
    worthy.sort_by(|left, right| right.0.total_cmp(&left.0).then_with(|| left.1.words.cmp(&right.1.words)));
    let strongest = worthy.first().map_or(0.0, |(count, _)| *count);
    let mut used: HashSet<String> = HashSet::new();
    let mut chosen = Vec::new();
    for (count, topic) in worthy {
        if chosen.len() == MOST || count < LEAST_OF_STRONGEST * strongest {
            break;
        }
        if topic.words.iter().all(|word| !used.contains(word)) {
            chosen.extend(named(&topic, lexicon, tongue));
            used.extend(topic.words);
        }
    }
    chosen
}

/// The topic as it was said most often.
fn named(topic: &Counted, lexicon: &Lexicon, tongue: Tongue) -> Option<Topic> {
    let name = most(&topic.spoken)?.clone();
    let article = topic.articles.iter().filter(|(article, _)| !article.is_empty());
    let article = article.max_by(|left, right| left.1.total_cmp(right.1).then(left.0.cmp(right.0)));
    let told = match article {
        Some((article, count)) if *count * 2.0 >= topic.count => format!("{article} {name}"),
        _ => with_article(&name, lexicon, tongue),
    };
    Some(Topic { name, told })
}

/// "citas duplicadas" with the article its ending asks for: the word that counts is first in Spanish and last in English.
fn with_article(name: &str, lexicon: &Lexicon, tongue: Tongue) -> String {
    let words = fold(name);
    let mut words = words.split(' ');
    let word = if tongue == Tongue::Spanish { words.next() } else { words.next_back() }.unwrap_or_default();
    let article = lexicon.article_endings.iter().find(|(ending, _)| word.ends_with(ending.trim_start_matches('-')));
    match article {
        Some((_, article)) if !article.is_empty() => format!("{article} {name}"),
        _ => name.to_owned(),
    }
}

fn most(spoken: &BTreeMap<String, f64>) -> Option<&String> {
    spoken.iter().max_by(|left, right| left.1.total_cmp(right.1).then(left.0.cmp(right.0))).map(|(name, _)| name)
}

/// "the", "las": an article right before word `at`.
fn article(utterance: &Utterance, lexicon: &Lexicon, at: usize) -> String {
    let before = at.checked_sub(1).and_then(|before| utterance.tokens.get(before));
    let article = before.filter(|token| lexicon.articles.contains(&token.word));
    article.map_or_else(String::new, |token| token.word.clone())
}

/// Single telling words, and pairs of them with nothing but a space (or a linking "de") between.
fn phrases(utterance: &Utterance, lexicon: &Lexicon, tongue: Tongue, names: &HashSet<String>) -> Vec<Said> {
    let mut found = Vec::new();
    let mut previous: Option<(usize, String)> = None;
    let mut linked = false;
    for (at, token) in utterance.tokens.iter().enumerate() {
        let word = token.word.as_str();
        if lexicon.links.contains(word) && previous.is_some() && !linked {
            linked = true;
            continue;
        }
        // Half of "sign-on" names nothing.
        let is_half = utterance.text.get(token.end..).is_some_and(|rest| rest.starts_with('-'))
            || utterance.text.get(..token.start).is_some_and(|before| before.ends_with('-'));
        if is_half || names_nothing(word, lexicon, names) {
            (previous, linked) = (None, false);
            continue;
        }
        let stemmed = stem(word, tongue);
        let spoken = utterance.text.get(token.start..token.end).unwrap_or(word);
        if !is_name(spoken, at, tongue) {
            let article = article(utterance, lexicon, at);
            found.push(Said { stems: vec![stemmed.clone()], spoken: as_spoken(spoken, at), article });
        }
        if let Some((first, before)) = &previous
            && *before != stemmed
            && let Some(start) = utterance.tokens.get(*first)
        {
            let pair = utterance.text.get(start.start..token.end).unwrap_or_default();
            if pair.split(' ').count() <= 3 && !pair.contains([',', '.', ';']) {
                let article = article(utterance, lexicon, *first);
                found.push(Said {
                    stems: vec![before.clone(), stemmed.clone()],
                    spoken: as_spoken(pair, *first),
                    article,
                });
            }
        }
        (previous, linked) = (Some((at, stemmed)), false);
    }
    found
}

fn names_nothing(word: &str, lexicon: &Lexicon, names: &HashSet<String>) -> bool {
    lexicon.is_common(word)
        || lexicon.is_generic(word)
        || lexicon.is_back_channel(word)
        || names.contains(word)
        || real(word.chars().count()) < 3.0
        || word.contains(|letter: char| letter.is_numeric())
}

/// A capital inside a sentence: most often somebody who is talked about. German writes all nouns so.
fn is_name(spoken: &str, at: usize, tongue: Tongue) -> bool {
    let capitals = spoken.chars().filter(|letter| letter.is_uppercase()).count();
    at > 0 && capitals == 1 && spoken.starts_with(char::is_uppercase) && tongue != Tongue::Other
}

/// Keeps capitals ("SSO", "Salesforce") except the one that only begins a sentence.
fn as_spoken(spoken: &str, at: usize) -> String {
    let is_acronym = spoken.chars().filter(|letter| letter.is_uppercase()).count() > 1;
    if at == 0 && !is_acronym { spoken.to_lowercase() } else { spoken.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{conversation, theirs};
    use super::*;

    fn named(lines: &[&str]) -> Vec<String> {
        let lexicon = Lexicon::english();
        let lines: Vec<_> = lines.iter().map(|line| theirs(line)).collect();
        let found = topics(&conversation(&lines, &lexicon), &lexicon, Tongue::English, Some("Northwind"));
        found.into_iter().map(|topic| topic.told).collect()
    }

    #[test]
    fn what_recurs_is_a_topic() {
        let lines = ["The audit log is empty.", "We need the audit log by region.", "Who owns the audit log here?"];
        assert_eq!(named(&lines), ["the audit log"]);
    }

    #[test]
    fn people_and_the_customer_are_no_topics() {
        assert!(
            named(&[
                "I asked Martin.",
                "So Martin said no to Northwind.",
                "Then Martin left Northwind.",
                "Dana and Martin."
            ])
            .is_empty()
        );
    }

    #[test]
    fn what_is_said_once_is_no_topic() {
        assert!(named(&["The audit log is empty."]).is_empty());
    }
}
