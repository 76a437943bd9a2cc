//! Says how much each sentence tells of its call: how central its words are, and which cues it carries.
//!
//! Centrality is the BM25 score of all other sentences for the sentence as a query. Summed over words instead of over
//! pairs of sentences, it costs one pass over the call. Spoken fillers are no words here, or they would win.

use std::ops::RangeInclusive;

use crate::domain::call::Side;

use super::conversation::{Conversation, Utterance};
use super::lexicon::{Cue, Lexicon};
use super::numbers::real;
use super::phrases::Phrases;

const SATURATION: f64 = 1.2;
const LENGTH_NORM: f64 = 0.75;
/// In a short call no word may recur; what was said still counts.
const BASE: f64 = 0.1;
/// What somebody repeats at the end is what they will do: this many sentences, and by how much more they count.
const SUMMING_UP: usize = 6;
const SUMMED_UP: f64 = 0.2;
/// What a sentence is worth that only adds colour.
const COLOUR: f64 = 0.55;
/// Shorter calls have no edges.
const LONG_CALL: usize = 20;
/// Before and after this, it is told while people arrive and leave.
const EDGES: RangeInclusive<f64> = 0.08..=0.96;
/// Fewer telling words than this say nothing on their own.
const FEWEST_TERMS: usize = 2;

/// One score per sentence, 0 for those not worth quoting.
pub(super) fn scores(conversation: &Conversation, lexicon: &Lexicon) -> Vec<f64> {
    let centrality = centrality(conversation);
    let strongest = percentile(&centrality, 0.97).max(f64::EPSILON);
    let summed_up = summed_up(conversation, lexicon);
    let is_long = conversation.utterances.len() >= LONG_CALL;
    conversation
        .utterances
        .iter()
        .zip(&centrality)
        .zip(summed_up)
        .map(|((utterance, central), summed_up)| {
            let is_colour = tells_nothing(utterance, lexicon);
            let at_edge = is_colour && is_long && !EDGES.contains(&utterance.position);
            if utterance.terms.len() < FEWEST_TERMS || is_back_channel(utterance, lexicon) || at_edge {
                return 0.0;
            }
            let relative = (central / strongest).min(1.2);
            let told = BASE
                + 0.8 * relative.powf(0.7)
                + cue_score(utterance, lexicon)
                + if summed_up { SUMMED_UP } else { 0.0 };
            told.max(0.0)
                * length_factor(utterance)
                * position_factor(utterance)
                * conversation.weight_of(utterance)
                * question_factor(utterance)
                * if is_colour { COLOUR } else { 1.0 }
        })
        .collect()
}

/// Whether nothing in the sentence is of a manager's concern, in a language whose words are known.
fn tells_nothing(utterance: &Utterance, lexicon: &Lexicon) -> bool {
    let is_told = |(cue, phrases): &(Cue, Phrases<()>)| {
        !matches!(cue, Cue::Time | Cue::Hedge | Cue::SmallTalk | Cue::Background) && phrases.occur(&utterance.tokens)
    };
    lexicon.has_cues() && !is_counted(utterance) && !lexicon.cues.iter().any(is_told)
}

fn is_counted(utterance: &Utterance) -> bool {
    utterance.text.contains(|letter: char| letter.is_ascii_digit() || matches!(letter, '%' | '€' | '$' | '£'))
}

/// Which sentences follow a "let me read back what we have" in the second half of the call.
fn summed_up(conversation: &Conversation, lexicon: &Lexicon) -> Vec<bool> {
    let mut left: usize = 0;
    let sums_up = |utterance: &Utterance| {
        utterance.position > 0.5
            && lexicon.cues.iter().any(|(cue, phrases)| *cue == Cue::Recap && phrases.occur(&utterance.tokens))
    };
    let follows = |utterance: &Utterance| {
        let follows = left > 0;
        left = if sums_up(utterance) { SUMMING_UP } else { left.saturating_sub(1) };
        follows
    };
    conversation.utterances.iter().map(follows).collect()
}

/// Whether nothing but agreement and politeness is in it.
pub(super) fn is_back_channel(utterance: &Utterance, lexicon: &Lexicon) -> bool {
    utterance.tokens.iter().all(|token| lexicon.is_back_channel(&token.word))
}

/// Whether the sentence is about the call itself, the weather or the weekend.
pub(super) fn is_small_talk(utterance: &Utterance, lexicon: &Lexicon) -> bool {
    lexicon.cues.iter().any(|(cue, phrases)| *cue == Cue::SmallTalk && phrases.occur(&utterance.tokens))
}

fn centrality(conversation: &Conversation) -> Vec<f64> {
    let lengths: Vec<f64> = conversation.utterances.iter().map(|utterance| real(utterance.terms.len())).collect();
    let average = (lengths.iter().sum::<f64>() / real(lengths.len().max(1))).max(1.0);
    let share =
        |length: f64| (SATURATION + 1.0) / (1.0 + SATURATION * (1.0 - LENGTH_NORM + LENGTH_NORM * length / average));
    let (mut sums, mut counts) =
        (vec![0.0; conversation.vocabulary.len()], vec![0_usize; conversation.vocabulary.len()]);
    for (utterance, length) in conversation.utterances.iter().zip(&lengths) {
        for &term in &utterance.terms {
            if let Some((sum, count)) = sums.get_mut(term).zip(counts.get_mut(term)) {
                *sum += share(*length);
                *count += 1;
            }
        }
    }
    let all = real(conversation.utterances.len());
    let weigh = |utterance: &Utterance, length: f64| {
        let total: f64 = utterance
            .terms
            .iter()
            .filter_map(|&term| sums.get(term).zip(counts.get(term)))
            .map(|(sum, &count)| {
                let rarity = (1.0 + (all - real(count) + 0.5) / (real(count) + 0.5)).ln();
                rarity * (sum - share(length)).max(0.0)
            })
            .sum();
        total / length.max(1.0).sqrt()
    };
    conversation.utterances.iter().zip(&lengths).map(|(utterance, length)| weigh(utterance, *length)).collect()
}

fn percentile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let skipped = sorted.iter().enumerate().find(|(at, _)| real(*at) >= share * real(values.len().saturating_sub(1)));
    skipped.map_or(0.0, |(_, value)| *value)
}

fn cue_score(utterance: &Utterance, lexicon: &Lexicon) -> f64 {
    let cued: f64 = lexicon
        .cues
        .iter()
        .filter(|(_, phrases)| phrases.occur(&utterance.tokens))
        .map(|(cue, _)| match cue {
            Cue::Decision => 0.5,
            Cue::Problem => 0.4,
            Cue::Need | Cue::Recap => 0.35,
            Cue::Money => 0.3,
            Cue::Success => 0.25,
            Cue::Time => 0.2,
            Cue::Hedge => -0.15,
            Cue::SmallTalk => -1.5,
            Cue::Background => -0.8,
        })
        .sum();
    cued + if is_counted(utterance) { 0.2 } else { 0.0 }
}

fn length_factor(utterance: &Utterance) -> f64 {
    match utterance.terms.len() {
        0..=2 => 0.45,
        3 => 0.7,
        4 => 0.9,
        5..=18 => 1.0,
        19..=28 => 0.85,
        _ => 0.65,
    }
}

/// The first minutes are greetings and the last ones farewells; outcomes come before those.
fn position_factor(utterance: &Utterance) -> f64 {
    match utterance.position {
        early if early < 0.06 => 0.7,
        late if late > 0.97 => 0.9,
        late if late > 0.75 => 1.08,
        _ => 1.0,
    }
}

fn question_factor(utterance: &Utterance) -> f64 {
    match (utterance.is_question, utterance.side) {
        (false, _) => 1.0,
        (true, Side::Theirs) => 0.6,
        (true, _) => 0.4,
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{conversation, ours, theirs};
    use super::*;

    fn scored(lines: &[(&str, Side, &str)]) -> Vec<f64> {
        let lexicon = Lexicon::english();
        scores(&conversation(lines, &lexicon), &lexicon)
    }

    #[test]
    fn fillers_and_greetings_score_nothing() {
        let found =
            scored(&[ours("Um, okay, right."), ours("Nice weather this weekend, isn't it?"), theirs("Yeah, sure.")]);
        assert!(found.iter().all(|score| *score < 0.05), "{found:?}");
    }

    #[test]
    fn the_customers_problem_outweighs_our_remark() {
        let found = scored(&[
            ours("The dashboard shows the exports of the whole team in one place."),
            theirs("The exports failed and we lost two days of reporting."),
        ]);
        assert!(matches!(found.as_slice(), [ours, theirs] if theirs > ours), "{found:?}");
    }

    #[test]
    fn words_that_recur_make_a_sentence_central() {
        let found = scored(&[
            theirs("The warehouse export runs every Monday morning."),
            theirs("Our warehouse export needs a second schedule."),
            theirs("Somebody painted the kitchen cupboards yellow yesterday."),
        ]);
        assert!(matches!(found.as_slice(), [first, .., last] if first > last), "{found:?}");
    }
}
