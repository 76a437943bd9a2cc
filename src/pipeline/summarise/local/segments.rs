//! Cuts a list of things with dates into one task per date: "the template today, and the estimate by Friday".

use super::conversation::Utterance;
use super::dates::date_words;
use super::lexicon::Lexicon;
use super::opening::Opening;

/// What is written before word `at`, back to the word before it.
pub(super) fn gap_before(utterance: &Utterance, at: usize) -> &str {
    let places = at.checked_sub(1).and_then(|before| utterance.tokens.get(before)).zip(utterance.tokens.get(at));
    places.and_then(|(left, right)| utterance.text.get(left.end..right.start)).unwrap_or_default()
}

/// The opening, once for every thing that has a date of its own.
pub(super) fn segments(lexicon: &Lexicon, utterance: &Utterance, opening: &Opening, end: usize) -> Vec<Opening> {
    let tokens = &utterance.tokens;
    let dated = date_words(lexicon, tokens);
    let has_date = |from: usize, to: usize| (from..to).any(|at| dated.contains(&at));
    let is_joint = |at: usize| {
        let joins = tokens.get(at).is_some_and(|token| lexicon.tasks.dangling.contains(&token.word));
        let listed = gap_before(utterance, at).contains([',', ';']);
        let next = if joins { at + 1 } else { at };
        let names = tokens.get(next).is_some_and(|token| lexicon.tasks.determiners.contains(&token.word));
        (joins || listed) && names
    };
    let mut cuts = vec![opening.verb_end];
    for at in opening.verb_end + 1..end {
        let from = cuts.last().copied().unwrap_or_default();
        if is_joint(at) && has_date(from, at) && has_date(at, end) && !dated.contains(&at) {
            cuts.push(at);
        }
    }
    let ends: Vec<usize> = cuts.iter().skip(1).copied().chain([end]).collect();
    let repeated = opening.replaced.clone().or_else(|| {
        let (first, last) = (tokens.get(opening.verb)?, tokens.get(opening.verb_end.checked_sub(1)?)?);
        utterance.text.get(first.start..last.end).map(str::to_owned)
    });
    // "The gateway list goes out today" goes on with a sentence, not with the list.
    let has_verb = |from: usize, to: usize| {
        tokens.get(from..to).unwrap_or_default().iter().any(|token| lexicon.tasks.finite.contains(&token.word))
    };
    cuts.into_iter()
        .zip(ends)
        .enumerate()
        .filter(|(number, (from, to))| *number == 0 || !has_verb(*from, *to))
        .map(|(number, (from, to))| {
            if number == 0 {
                let replaced = opening.replaced.clone().map(|verb| fitting(lexicon, utterance, opening, from, verb));
                return Opening { end: Some(to), replaced, ..opening.clone() };
            }
            let joins = tokens.get(from).is_some_and(|token| lexicon.tasks.dangling.contains(&token.word));
            let from = from + usize::from(joins);
            let replaced = repeated.clone().map(|verb| fitting(lexicon, utterance, opening, from, verb));
            Opening { at: from, verb: from, verb_end: from, end: Some(to), replaced, ..opening.clone() }
        })
        .collect()
}

/// A call is not delivered but arranged.
fn fitting(lexicon: &Lexicon, utterance: &Utterance, opening: &Opening, from: usize, verb: String) -> String {
    let is_meeting = opening.is_delivery() && lexicon.tasks.meetings.at(&utterance.tokens, from).is_some();
    lexicon.wording("arrange", &[]).filter(|_| is_meeting).unwrap_or(verb)
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{conversation, ours};
    use super::*;

    fn cut(text: &str) -> usize {
        let lexicon = Lexicon::english();
        let conversation = conversation(&[ours(text)], &lexicon);
        let opening = Opening::new(0, 0, 1);
        conversation.utterances.first().map_or(0, |said| segments(&lexicon, said, &opening, said.tokens.len()).len())
    }

    #[test]
    fn things_with_dates_of_their_own_are_apart() {
        assert_eq!(cut("Send the amendment on Monday, and the written offer on Thursday, May 22."), 2);
    }

    #[test]
    fn things_that_share_a_date_stay_together() {
        assert_eq!(cut("Send the list of the manifests, and the number of the driver, by tomorrow."), 1);
    }
}
