//! Sentences that speak of danger to the relationship: leaving, competitors, budgets, outages, unhappiness, delays.
//!
//! A danger that is denied ("no outages", "not an issue") is none; neither is one we only ask about.

use std::collections::BTreeMap;

use crate::domain::call::Side;

use super::clean::clean;
use super::conversation::{Conversation, Utterance};
use super::lexicon::{Danger, Lexicon};
use super::quotes::{Quote, overlap, quote};
use super::score::is_small_talk;

const MOST: usize = 5;
/// A kind of danger is named in the headline from here on: more than one remark, or a grave one.
const HEADLINE: f64 = 2.4;
/// From here on a call is about leaving, whatever else was said.
const LEAVING: f64 = 4.5;
/// Weaker than this is not worth a manager's time.
const THRESHOLD: f64 = 1.25;
/// Weaker ones beside a strong one are noise.
const SHARE_OF_STRONGEST: f64 = 0.3;
/// A sentence that leans on another is whole with more words than this.
const LEAST_LEANING: usize = 6;
/// A negation reaches this many words ahead.
const REACH: usize = 3;
const SAME: f64 = 0.5;
/// What a "not an issue" takes off the gravity of its sentence.
const CLEARED: f64 = 1.6;

/// The risks of a call.
#[derive(Debug, Default)]
pub(super) struct Risks {
    /// Gravest first.
    pub(super) quotes: Vec<Quote>,
    /// The kind of danger most was said about, if it weighs enough to be named in a headline.
    pub(super) main_kind: Option<usize>,
    /// How grave they are together.
    pub(super) gravity: f64,
    /// Whether so much was said about leaving that the call is about that.
    pub(super) is_churn: bool,
}

/// Finds what may go wrong.
pub(super) fn find(conversation: &Conversation, lexicon: &Lexicon, scores: &[f64]) -> Risks {
    let mut kinds: BTreeMap<usize, f64> = BTreeMap::new();
    let mut grave: Vec<(usize, f64)> = Vec::new();
    for (at, utterance) in conversation.utterances.iter().enumerate() {
        let dangers = dangers(utterance, lexicon);
        let weight = voice(conversation, utterance);
        let cleared = if is_cleared(utterance, lexicon) { CLEARED } else { 0.0 };
        let total = dangers.values().map(|gravity| gravity * weight).sum::<f64>() - cleared;
        if total < THRESHOLD
            || utterance.terms.is_empty()
            || is_small_talk(utterance, lexicon)
            || did_not_happen(utterance, lexicon)
        {
            continue;
        }
        for (kind, gravity) in dangers {
            *kinds.entry(kind).or_default() += gravity * weight;
        }
        // Of two as grave, the one that is about what the call is about.
        grave.push((at, total * (0.8 + 0.4 * scores.get(at).copied().unwrap_or_default())));
    }
    grave.sort_by(|left, right| right.1.total_cmp(&left.1).then(left.0.cmp(&right.0)));
    let strongest = grave.first().map_or(0.0, |(_, gravity)| *gravity);
    Risks {
        main_kind: main_kind(&kinds, lexicon),
        gravity: kinds.values().sum(),
        is_churn: kinds.iter().any(|(kind, gravity)| is_kind(lexicon, *kind, "churn") && *gravity >= LEAVING),
        quotes: distinct(conversation, lexicon, &grave, strongest),
    }
}

fn main_kind(kinds: &BTreeMap<usize, f64>, lexicon: &Lexicon) -> Option<usize> {
    let all: f64 = kinds.values().sum();
    // "Unhappy" and "late" say less than what made somebody so.
    let telling = |kind: usize| match lexicon.risk_kinds.get(kind) {
        // That somebody may leave is said by "at risk"; why is what is missing.
        Some(&"dissatisfaction" | &"churn") => 0.3,
        Some(&"delay" | &"legal") => 0.7,
        _ => 1.0,
    };
    let weighed = kinds.iter().map(|(kind, gravity)| (*kind, gravity * telling(*kind)));
    let (kind, gravity) = weighed.max_by(|left, right| left.1.total_cmp(&right.1).then(right.0.cmp(&left.0)))?;
    (gravity >= HEADLINE || (all >= 2.0 * HEADLINE && gravity >= 0.6 * HEADLINE)).then_some(kind)
}

fn is_kind(lexicon: &Lexicon, kind: usize, name: &str) -> bool {
    lexicon.risk_kinds.get(kind).is_some_and(|known| *known == name)
}

/// Whether the sentence itself says that there is no danger: "not an issue".
fn is_cleared(utterance: &Utterance, lexicon: &Lexicon) -> bool {
    lexicon.dangers.hits(&utterance.tokens).iter().any(|hit| hit.attached == Danger::Cleared)
}

/// "If it had failed, we would have caught it": told of the past, no danger any more.
fn did_not_happen(utterance: &Utterance, lexicon: &Lexicon) -> bool {
    let tokens = &utterance.tokens;
    lexicon.counterfactuals.hits(tokens).iter().any(|hit| tokens.get(hit.end()).is_none_or(|next| next.word != "to"))
}

fn distinct(conversation: &Conversation, lexicon: &Lexicon, grave: &[(usize, f64)], strongest: f64) -> Vec<Quote> {
    let mut kept: Vec<Quote> = Vec::new();
    for &(at, gravity) in grave.iter().take(40).filter(|(_, gravity)| *gravity >= SHARE_OF_STRONGEST * strongest) {
        let Some(mut found) = quote(conversation, lexicon, at, gravity) else { continue };
        // How to reach somebody is no risk.
        if found.text.contains("[phone]") || found.text.contains("[email]") {
            continue;
        }
        if !found.stands {
            explain(conversation, lexicon, &mut found);
        }
        // A warning counts even if it leans on another sentence, but not a remnant of one.
        let is_whole = found.stands || found.text.split(' ').nth(LEAST_LEANING).is_some();
        let is_new = is_whole
            && kept.iter().all(|other| overlap(&other.terms, &found.terms) < SAME && !other.text.contains(&found.text));
        if is_new && kept.len() < MOST && found.text.split(' ').nth(4).is_some() {
            kept.push(found);
        }
    }
    kept
}

/// "This is a problem." says little without the sentence after it.
fn explain(conversation: &Conversation, lexicon: &Lexicon, found: &mut Quote) {
    let next = conversation.utterances.get(found.utterance + 1).filter(|next| next.turn == found.turn);
    if found.text.split(' ').nth(LEAST_LEANING).is_some() {
        return;
    }
    if let Some(next) = next.filter(|next| next.terms.len() > 2) {
        found.text = format!("{} {}", found.text, clean(&next.text, lexicon));
        found.terms.extend(&next.terms);
    }
}

/// The customer's worries are risks; ours are mostly explanations.
fn voice(conversation: &Conversation, utterance: &Utterance) -> f64 {
    let side = match (conversation.sides_known, utterance.side) {
        (true, Side::Theirs) => 1.3,
        (true, Side::Ours) => 0.45,
        _ => 1.0,
    };
    match (utterance.is_question, utterance.side) {
        (false, _) => side,
        (true, Side::Theirs) => 0.6 * side,
        (true, _) => 0.3 * side,
    }
}

/// The kinds of danger a sentence speaks of, each kind once with its gravest phrase.
fn dangers(utterance: &Utterance, lexicon: &Lexicon) -> BTreeMap<usize, f64> {
    let tokens = &utterance.tokens;
    let mut found: BTreeMap<usize, f64> = BTreeMap::new();
    for hit in lexicon.dangers.hits(tokens) {
        let Danger::Risk { kind, weight } = hit.attached else { continue };
        let near = tokens.get(hit.at.saturating_sub(REACH)..hit.at).unwrap_or_default();
        if near.iter().any(|token| lexicon.negators.contains(&token.word)) {
            continue;
        }
        let gravest = found.entry(kind).or_insert(weight);
        *gravest = gravest.max(weight);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{conversation, ours, theirs};
    use super::*;

    fn found(lines: &[(&str, Side, &str)]) -> Vec<String> {
        let lexicon = Lexicon::english();
        let conversation = conversation(lines, &lexicon);
        let scores = super::super::score::scores(&conversation, &lexicon);
        find(&conversation, &lexicon, &scores).quotes.into_iter().map(|quote| quote.text).collect()
    }

    #[test]
    fn the_customers_worries_are_risks() {
        let lines = [theirs("So yeah, the export outage cost us two days of reporting.")];
        assert_eq!(found(&lines), ["The export outage cost us two days of reporting."]);
    }

    #[test]
    fn what_is_denied_is_no_risk() {
        let lines = [
            theirs("No problem, the export bug is not an issue for our team."),
            theirs("We have had no outages since the migration in May."),
        ];
        assert!(found(&lines).is_empty());
    }

    #[test]
    fn what_did_not_happen_is_no_risk() {
        assert!(found(&[theirs("If the export had failed properly, we would have caught the outage.")]).is_empty());
    }

    #[test]
    fn our_own_questions_are_no_risks() {
        assert!(
            found(&[ours("Are you evaluating another vendor or a competitor?"), theirs("We are fine here.")])
                .is_empty()
        );
    }

    #[test]
    fn the_same_risk_is_told_once() {
        let lines = [
            theirs("The export outage cost us two days of reporting."),
            theirs("That export outage cost two days of reporting again."),
        ];
        assert_eq!(found(&lines).len(), 1);
    }
}
