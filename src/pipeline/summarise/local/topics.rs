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
const LEAST_FOR_ONE_WORD: f64 = 3.0;
const LEAST_FOR_TWO_WORDS: f64 = 2.0;

/// A word or pair of words and how often it came.
#[derive(Debug, Default)]
struct Topic {
    spoken: BTreeMap<String, f64>,
    count: f64,
    words: Vec<String>,
}

/// The topics of a call, most frequent first. Names of people and of the customer are no topics.
pub(super) fn topics(
    conversation: &Conversation,
    lexicon: &Lexicon,
    tongue: Tongue,
    account: Option<&str>,
) -> Vec<String> {
    let names: HashSet<String> = conversation
        .speakers
        .iter()
        .flat_map(|speaker| speaker.name.split(' '))
        .chain(account.unwrap_or_default().split_whitespace())
        .map(fold)
        .collect();
    let mut topics: BTreeMap<Vec<String>, Topic> = BTreeMap::new();
    for utterance in &conversation.utterances {
        let weight = conversation.weight_of(utterance);
        for (stems, spoken) in phrases(utterance, lexicon, tongue, &names) {
            let topic = topics.entry(stems.clone()).or_default();
            *topic.spoken.entry(spoken).or_default() += weight;
            topic.count += weight;
            topic.words = stems;
        }
    }
    chosen(topics.into_values().collect())
}

fn chosen(topics: Vec<Topic>) -> Vec<String> {
    let mut worthy: Vec<(f64, Topic)> = topics
        .into_iter()
        .filter(|topic| topic.count >= if topic.words.len() > 1 { LEAST_FOR_TWO_WORDS } else { LEAST_FOR_ONE_WORD })
        .map(|topic| (topic.count * if topic.words.len() > 1 { 1.9 } else { 1.0 }, topic))
        .collect();
    worthy.sort_by(|left, right| right.0.total_cmp(&left.0).then_with(|| left.1.words.cmp(&right.1.words)));
    let strongest = worthy.first().map_or(0.0, |(count, _)| *count);
    let mut used: HashSet<String> = HashSet::new();
    let mut names = Vec::new();
    for (count, topic) in worthy {
        if names.len() == MOST || count < 0.45 * strongest {
            break;
        }
        if topic.words.iter().all(|word| !used.contains(word)) {
            let most_spoken =
                topic.spoken.iter().max_by(|left, right| left.1.total_cmp(right.1).then(left.0.cmp(right.0)));
            names.extend(most_spoken.map(|(spoken, _)| spoken.clone()));
            used.extend(topic.words);
        }
    }
    names
}

/// Single telling words, and pairs of them with nothing but a space between.
fn phrases(
    utterance: &Utterance,
    lexicon: &Lexicon,
    tongue: Tongue,
    names: &HashSet<String>,
) -> Vec<(Vec<String>, String)> {
    let mut found = Vec::new();
    let mut previous: Option<(usize, String)> = None;
    for (at, token) in utterance.tokens.iter().enumerate() {
        let word = token.word.as_str();
        let names_nothing = lexicon.is_common(word)
            || lexicon.is_generic(word)
            || names.contains(word)
            || real(word.chars().count()) < 3.0
            || word.contains(|letter: char| letter.is_numeric());
        if names_nothing {
            previous = None;
            continue;
        }
        let stemmed = stem(word, tongue);
        let spoken = utterance.text.get(token.start..token.end).unwrap_or(word);
        if !is_name(spoken, at, tongue) {
            found.push((vec![stemmed.clone()], as_spoken(spoken, at)));
        }
        if let Some((start, before)) = previous {
            let pair = utterance.text.get(start..token.end).unwrap_or_default();
            if pair.split(' ').count() == 2 && !pair.contains([',', '.', ';']) && before != stemmed {
                found.push((vec![before, stemmed.clone()], as_spoken(pair, at.saturating_sub(1))));
            }
        }
        previous = Some((token.start, stemmed));
    }
    found
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
        topics(&conversation(&lines, &lexicon), &lexicon, Tongue::English, Some("Northwind"))
    }

    #[test]
    fn what_recurs_is_a_topic() {
        let lines = ["The audit log is empty.", "We need the audit log by region.", "Who owns the audit log here?"];
        assert_eq!(named(&lines), ["audit log"]);
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
