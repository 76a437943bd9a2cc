//! Picks the sentences worth quoting and makes each stand on its own: cleaned, joined with the sentence it leans on, or
//! with the question it answers.
//!
//! Picking is maximal marginal relevance: a sentence loses by what it repeats of those already picked.

use std::cmp::Ordering;
use std::collections::HashSet;

use super::clean::clean;
use super::conversation::{Conversation, Utterance};
use super::lexicon::Lexicon;
use super::numbers::{clip, real};
use super::score::{is_back_channel, is_small_talk};
use crate::domain::tokens::{Token, tokenize};

/// Only the best sentences are cleaned and compared, so that a long call costs no more than a short one.
const MOST_CANDIDATES: usize = 90;
const LONGEST_QUOTE: usize = 230;
const LONGEST_QUESTION: usize = 90;
/// A sentence that begins like a fragment and is longer than this has a verb of its own.
const LONGEST_FRAGMENT: usize = 15;
/// "1.250 with support included" is no sentence.
const LONGEST_COUNT: usize = 6;
/// What a quote must be worth beside the best, and what it must be to fill up a short list.
const WORTHY: f64 = 0.45;
const BEARABLE: f64 = 0.3;
/// Two quotes that share more than this say the same.
const SAME: f64 = 0.55;

/// A sentence as it can be quoted.
#[derive(Debug, Clone)]
pub(super) struct Quote {
    /// The sentence it is from.
    pub(super) utterance: usize,
    /// The turn of speech the sentence is from.
    pub(super) turn: usize,
    pub(super) text: String,
    /// The question it answers, where it would not be understood without.
    pub(super) question: Option<String>,
    pub(super) score: f64,
    /// Whether it can be understood without another sentence.
    pub(super) stands: bool,
    pub(super) terms: Vec<usize>,
}

/// The best sentences of the call by `scores`, best first.
pub(super) fn candidates(conversation: &Conversation, lexicon: &Lexicon, scores: &[f64]) -> Vec<Quote> {
    let mut order: Vec<(usize, f64)> = scores.iter().copied().enumerate().filter(|(_, score)| *score > 0.0).collect();
    order.sort_by(|left, right| by_score((left.1, left.0), (right.1, right.0)));
    order.truncate(MOST_CANDIDATES);
    let mut quotes: Vec<Quote> = order
        .into_iter()
        .filter_map(|(at, score)| quote(conversation, lexicon, at, score))
        .filter(|quote| quote.stands)
        .collect();
    quotes.sort_by(|left, right| by_score((left.score, left.utterance), (right.score, right.utterance)));
    quotes
}

/// Up to `most` quotes, none repeating another and none much worse than the best, in the order they were picked.
pub(super) fn pick<'a>(quotes: &'a [Quote], most: usize, least: usize) -> Vec<&'a Quote> {
    let mut picked: Vec<&'a Quote> = Vec::new();
    let best = quotes.first().map_or(0.0, |quote| quote.score);
    while picked.len() < most {
        let next = quotes
            .iter()
            .filter_map(|quote| {
                let repeats = picked.iter().map(|other| overlap(&quote.terms, &other.terms)).fold(0.0, f64::max);
                let told = |other: &&Quote| other.text.contains(&quote.text) || quote.text.contains(&other.text);
                let is_new = repeats < SAME && !picked.iter().any(told);
                is_new.then_some((quote, quote.score * (1.0 - 0.7 * repeats)))
            })
            .min_by(|left, right| by_score((left.1, left.0.utterance), (right.1, right.0.utterance)));
        let Some((quote, worth)) = next else { break };
        if worth < if picked.len() >= least { WORTHY } else { BEARABLE } * best {
            break;
        }
        picked.push(quote);
    }
    picked
}

/// Higher scores first, earlier sentences first among equals.
fn by_score(left: (f64, usize), right: (f64, usize)) -> Ordering {
    right.0.total_cmp(&left.0).then(left.1.cmp(&right.1))
}

/// How much two sets of words share, 0 to 1, of the smaller one.
pub(super) fn overlap(left: &[usize], right: &[usize]) -> f64 {
    let (fewer, more) = if left.len() <= right.len() { (left, right) } else { (right, left) };
    if fewer.is_empty() {
        return 0.0;
    }
    let more: HashSet<usize> = more.iter().copied().collect();
    let shared = real(fewer.iter().filter(|term| more.contains(term)).count());
    // Between the share of the smaller and of both, so that a short sentence inside a long one counts, but not fully.
    let smaller = real(fewer.len());
    0.5 * shared / smaller + 0.5 * shared / (smaller + real(more.len()) - shared)
}

/// Makes a quote of one sentence; nothing if too little is left of it.
pub(super) fn quote(conversation: &Conversation, lexicon: &Lexicon, at: usize, score: f64) -> Option<Quote> {
    let utterance = conversation.utterances.get(at)?;
    let text = clean(&utterance.text, lexicon);
    let tokens = tokenize(&text);
    let fragment = is_fragment(&tokens, lexicon);
    let leans = leans(&tokens, lexicon) || (fragment && tokens.len() <= LONGEST_FRAGMENT);
    let mut quote = Quote {
        utterance: at,
        turn: utterance.turn,
        text,
        question: None,
        score,
        stands: true,
        terms: utterance.terms.clone(),
    };
    if let Some(question) = question_before(conversation, lexicon, at)
        && (leans || fragment || is_bare_answer(&tokens, lexicon))
    {
        quote.question = Some(question);
        quote.score *= 0.85;
    } else if leans {
        let joined = sentence_before(conversation, lexicon, at);
        let fits = |before: &String| before.chars().count() + quote.text.chars().count() < LONGEST_QUOTE;
        if let Some(before) = joined.filter(fits) {
            quote.text = format!("{before} {}", quote.text);
            let more = conversation.before(at).map(|before| before.terms.as_slice()).unwrap_or_default();
            quote.terms.extend(more.iter().filter(|term| !utterance.terms.contains(term)));
        } else {
            // What another sentence says is missing is missing for the reader too.
            quote.stands = false;
            quote.score *= 0.6;
        }
    } else if tokens.len() < 6 {
        quote.score *= 0.5;
    }
    // How to reach somebody is no news, least of all when it is hidden.
    if quote.text.contains("[phone]") || quote.text.contains("[email]") {
        quote.score *= 0.3;
    }
    if quote.text.chars().count() > LONGEST_QUOTE {
        quote.score *= 0.75;
        quote.text = clip(&quote.text, LONGEST_QUOTE);
    }
    (tokens.len() >= 2).then_some(quote)
}

/// Whether the sentence needs the one before to be understood: "That is why we left."
fn leans(tokens: &[Token], lexicon: &Lexicon) -> bool {
    lexicon.dependent_starts.at(tokens, 0).is_some()
}

/// "A root cause, in writing": an answer without a verb of its own.
fn is_fragment(tokens: &[Token], lexicon: &Lexicon) -> bool {
    let begins = tokens.first().is_some_and(|first| lexicon.fragment_starts.contains(&first.word));
    let clause = tokens.iter().skip(1).take_while(|token| !lexicon.tasks.before_subject.contains(&token.word));
    let counts = tokens.len() <= LONGEST_COUNT
        && tokens.first().is_some_and(|first| first.word.starts_with(|letter: char| letter.is_ascii_digit()));
    (begins || counts) && !clause.into_iter().any(|token| lexicon.tasks.finite.contains(&token.word))
}

fn is_bare_answer(tokens: &[Token], lexicon: &Lexicon) -> bool {
    let answers = tokens.first().is_some_and(|first| lexicon.answer_words.contains(&first.word));
    tokens.len() <= 7 || (answers && tokens.len() <= 12)
}

/// The question the sentence answers, if somebody else asked one just before.
fn question_before(conversation: &Conversation, lexicon: &Lexicon, at: usize) -> Option<String> {
    let utterance = conversation.utterances.get(at)?;
    let before = (1..=2).find_map(|back| {
        let other = conversation.utterances.get(at.checked_sub(back)?)?;
        (other.speaker != utterance.speaker).then_some(other)
    })?;
    let asked = before.is_question && before.tokens.len() >= 3 && !is_small_talk(before, lexicon);
    asked.then(|| clean(&before.text, lexicon)).filter(|question| question.chars().count() <= LONGEST_QUESTION)
}

/// The sentence this one leans on, if the same speaker said it just before and it stands by itself.
fn sentence_before(conversation: &Conversation, lexicon: &Lexicon, at: usize) -> Option<String> {
    let utterance = conversation.utterances.get(at)?;
    let before: &Utterance = conversation.before(at)?;
    // "We're at two. Two days, on average": the shortest sentence is enough for what is left of one.
    let tells = before.terms.len() >= 2 || !(is_back_channel(before, lexicon) || before.tokens.len() < 3);
    if before.turn != utterance.turn || !tells || is_small_talk(before, lexicon) {
        return None;
    }
    let text = clean(&before.text, lexicon);
    let tokens = tokenize(&text);
    (!leans(&tokens, lexicon) && !is_fragment(&tokens, lexicon)).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{conversation, ours, theirs};
    use super::*;
    use crate::domain::call::Side;

    fn quoted(lines: &[(&str, Side, &str)], at: usize) -> Option<Quote> {
        let lexicon = Lexicon::english();
        quote(&conversation(lines, &lexicon), &lexicon, at, 1.0)
    }

    #[test]
    fn a_bare_answer_comes_with_its_question() {
        let lines = [ours("How many seats would you need in January?"), theirs("About forty, uh, for Leeds.")];
        let found = quoted(&lines, 1);
        let question = found.as_ref().and_then(|quote| quote.question.as_deref());
        assert_eq!(question, Some("How many seats would you need in January?"));
        assert_eq!(found.map(|quote| quote.text).as_deref(), Some("About forty for Leeds."));
    }

    #[test]
    fn a_sentence_that_leans_on_another_is_joined_with_it() {
        let lines = [theirs("The Leeds team exports the records by hand. That costs them a whole day.")];
        let text = quoted(&lines, 1).map(|quote| quote.text);
        assert_eq!(text.as_deref(), Some("The Leeds team exports the records by hand. That costs them a whole day."));
    }

    #[test]
    fn what_repeats_a_picked_quote_is_not_picked() {
        let quote = |utterance: usize, score: f64, terms: &[usize]| Quote {
            utterance,
            turn: 0,
            text: format!("Sentence {utterance}."),
            question: None,
            score,
            stands: true,
            terms: terms.to_vec(),
        };
        let quotes = [quote(0, 1.0, &[1, 2, 3]), quote(1, 0.9, &[1, 2, 3]), quote(2, 0.8, &[4, 5])];
        let picked: Vec<usize> = pick(&quotes, 3, 1).iter().map(|quote| quote.utterance).collect();
        assert_eq!(picked, [0, 2]);
    }
}
