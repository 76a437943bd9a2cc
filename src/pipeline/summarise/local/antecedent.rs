//! What "it" means: the thing named first in the same sentence ("the annex, I'll send it …"), or the one the sentence
//! before consists of.
//!
//! Guesses nothing: where the name of a thing does not stand alone, "it" stays unknown.

use super::clean::lowered;
use super::conversation::{Conversation, Utterance};
use super::dates::has_date;
use super::lexicon::Lexicon;
use super::opening::Opening;
use super::score::is_back_channel;
use super::segments::gap_before;

const FEWEST_WORDS: usize = 2;
const MOST_WORDS: usize = 9;
/// "And, well, the names": words before the name.
const MOST_BEFORE: usize = 3;
/// How many sentences back the name may stand.
const NEAR: usize = 3;

/// The thing the pronoun of a commitment stands for.
pub(super) fn antecedent(
    conversation: &Conversation,
    lexicon: &Lexicon,
    at: usize,
    opening: &Opening,
    is_first: bool,
) -> Option<String> {
    let utterance = conversation.utterances.get(at)?;
    // "I prepare the quote and send it": the first task of the sentence says what "it" is.
    let fronted = if is_first { fronted(lexicon, utterance, opening) } else { return None };
    fronted.or_else(|| named_before(conversation, lexicon, at, utterance, opening))
}

fn fronted(lexicon: &Lexicon, utterance: &Utterance, opening: &Opening) -> Option<String> {
    let set_off = opening.clitic.is_some() || gap_before(utterance, opening.at).contains([',', ':']);
    thing(lexicon, utterance, opening.at).filter(|_| set_off)
}

/// The sentence before, if it is nothing but the name of a thing.
fn named_before(
    conversation: &Conversation,
    lexicon: &Lexicon,
    at: usize,
    utterance: &Utterance,
    opening: &Opening,
) -> Option<String> {
    if opening.at > MOST_BEFORE {
        return None;
    }
    let before = conversation.utterances.get(at.saturating_sub(NEAR)..at)?;
    let named = before.iter().rev().find(|other| !is_back_channel(other, lexicon))?;
    (named.turn == utterance.turn || named.is_question).then(|| thing(lexicon, named, named.tokens.len())).flatten()
}

/// The name of a thing that fills the words before `end`.
fn thing(lexicon: &Lexicon, utterance: &Utterance, end: usize) -> Option<String> {
    let words = utterance.tokens.get(..end)?;
    let first = words.iter().take(MOST_BEFORE).position(|token| lexicon.tasks.determiners.contains(&token.word))?;
    let named = words.get(first..)?;
    let has_verb = named.iter().any(|token| lexicon.tasks.finite.contains(&token.word));
    let tells = named.iter().any(|token| !lexicon.is_common(&token.word) && !lexicon.tasks.vague.contains(&token.word));
    if has_verb || !tells || !(FEWEST_WORDS..=MOST_WORDS).contains(&named.len()) || has_date(lexicon, named) {
        return None;
    }
    let text = utterance.text.get(named.first()?.start..named.last()?.end)?;
    (!text.contains([',', ';', '.'])).then(|| lowered(text))
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{conversation, ours, theirs};
    use super::super::tasks::find;
    use super::*;
    use crate::domain::call::Side;

    fn tasks(lexicon: &Lexicon, lines: &[(&str, Side, &str)]) -> Vec<String> {
        find(&conversation(lines, lexicon), lexicon, &[]).into_iter().map(|task| task.text).collect()
    }

    #[test]
    fn the_sentence_before_names_what_is_meant() {
        let lines = [theirs("And the names of the shift leads. I'll send you those on Friday.")];
        assert_eq!(tasks(&Lexicon::english(), &lines), ["Send the names of the shift leads on Friday"]);
    }

    #[test]
    fn what_is_named_first_is_meant() {
        let lines = [ours("El anexo revisado os lo mando este jueves.")];
        assert_eq!(tasks(&Lexicon::spanish(), &lines), ["Mandar el anexo revisado este jueves"]);
    }

    #[test]
    fn what_nobody_names_is_no_task() {
        let lines = [theirs("We are fine here."), ours("I'll send it on Friday.")];
        assert!(tasks(&Lexicon::english(), &lines).is_empty());
    }
}
