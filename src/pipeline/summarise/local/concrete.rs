//! Says whether a task can be understood and checked off by somebody who was not on the call, and how well.

use super::lexicon::Lexicon;
use super::numbers::real;
use super::task_text::Worded;
use crate::domain::tokens::tokenize;

/// More objects than this say no more.
const MOST_OBJECTS: usize = 4;

/// An object begins within this many words.
const FIRST_WORDS: usize = 3;

/// Whether the task names what is to be done. One that leans on a task of the same sentence may still be joined with it.
pub(super) fn is_concrete(lexicon: &Lexicon, worded: &Worded) -> bool {
    worded.leans || (worded.objects > 0 && !is_unclear(lexicon, worded))
}

/// Whether the task speaks of something that another sentence names: "confirm whether it does".
fn is_unclear(lexicon: &Lexicon, worded: &Worded) -> bool {
    let tokens = tokenize(&worded.text);
    // "Send that link" was clear to those who were there.
    if tokens.iter().take(FIRST_WORDS).any(|token| lexicon.tasks.pointing.contains(&token.word)) {
        return true;
    }
    let Some(unclear) = lexicon.tasks.unclear.hits(&tokens).into_iter().next() else { return false };
    // What is named first can be meant: "prepare the quote and get it over to Dana".
    let named = tokens.iter().take(unclear.at).skip(1).filter(|token| names(lexicon, &token.word)).count();
    named == 0
}

/// Whether a word names something.
pub(super) fn names(lexicon: &Lexicon, word: &str) -> bool {
    !lexicon.is_common(word) && !lexicon.tasks.vague.contains(word) && word.chars().nth(1).is_some()
}

/// How concrete a task is: with a date, with an object of several words.
pub(super) fn concreteness(worded: &Worded, is_incidental: bool) -> f64 {
    let dated = if worded.has_date { 0.8 } else { 0.0 };
    let named = 0.2 * real(worded.objects.min(MOST_OBJECTS));
    dated + named - if is_incidental { 0.7 } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{conversation, ours};
    use super::super::tasks::find;
    use super::*;

    fn is_task(text: &str) -> bool {
        let lexicon = Lexicon::english();
        !find(&conversation(&[ours(text)], &lexicon), &lexicon, &[]).is_empty()
    }

    #[test]
    fn a_named_thing_makes_a_task() {
        assert!(is_task("I'll send the seat list by Friday."));
        assert!(is_task("I'll prepare the quote for the licences and get it over to you by Friday."));
    }

    #[test]
    fn what_points_at_another_sentence_makes_none() {
        for text in [
            "I'll send that link today.",
            "I'll confirm to you whether it does by Friday.",
            "I'll send his number today.",
            "I'll send something tomorrow.",
        ] {
            assert!(!is_task(text), "{text}");
        }
    }
}
