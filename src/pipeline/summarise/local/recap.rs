//! Finds the tasks that are read back near the end of a call: "From our side, I send …", "Devon, you have …", "From you,
//! Petra, the data by …". What people read back is what they agreed on, in words that stand by themselves.
//!
//! Subjects are swapped there ("you get" is the speaker's task) and verbs are in the present or missing; outside such a
//! stretch the same words mean other things, and [`super::commitments`] looks for promises alone.

use super::commitments::{conjugated, delivery, is_conditional, skip_adverbs, speaker_called};
use super::conversation::{Conversation, Utterance};
use super::dates::has_date;
use super::lexicon::Lexicon;
use super::opening::{Opening, Source};
use super::segments::{gap_before, segments};
use super::task_words::{Promise, Whose};
use super::verbs::{third_person_verb, verb_at};
use crate::domain::tokens::Token;

/// Nobody reads back what was agreed before this part of the call.
const EARLIEST: f64 = 0.5;
/// So many sentences belong to what is read back, counted from the last sign of it.
const STRETCH: usize = 9;
/// A sentence without a verb is a list only if it is short.
const LONGEST_LIST: usize = 14;
/// Signs of whose list follows are at the beginning.
const FIRST_WORDS: usize = 4;
const WEIGHT: f64 = 1.6;

/// Which sentences belong to something that is read back.
pub(super) fn stretches(conversation: &Conversation, lexicon: &Lexicon) -> Vec<bool> {
    let mut left: usize = 0;
    let inside = |utterance: &Utterance| {
        left = if begins(utterance, lexicon) { STRETCH } else { left.saturating_sub(1) };
        left > 0
    };
    conversation.utterances.iter().map(inside).collect()
}

fn begins(utterance: &Utterance, lexicon: &Lexicon) -> bool {
    utterance.position > EARLIEST
        && !utterance.is_question
        && (lexicon.tasks.recap_starts.occur(&utterance.tokens) || side(utterance, lexicon).is_some())
}

/// "From my side:" and the word after it.
fn side(utterance: &Utterance, lexicon: &Lexicon) -> Option<(Whose, usize)> {
    let hit = (0..FIRST_WORDS).find_map(|at| lexicon.tasks.recap_sides.at(&utterance.tokens, at))?;
    gap_before(utterance, hit.end()).contains([',', ':']).then_some((hit.attached, hit.end()))
}

/// Every task of a sentence that is read back. `holder` is who had the last one before it.
pub(super) fn openings(
    conversation: &Conversation,
    lexicon: &Lexicon,
    at: usize,
    holder: Option<usize>,
) -> Vec<Opening> {
    let Some(utterance) = conversation.utterances.get(at).filter(|utterance| !utterance.is_question) else {
        return Vec::new();
    };
    let reader = Reader { conversation, lexicon, at, utterance };
    let side = side(utterance, lexicon);
    let clauses = reader.clauses(side.map_or(0, |(_, from)| from));
    let found = if clauses.is_empty() { reader.list(side, holder).into_iter().collect() } else { clauses };
    let ends: Vec<usize> = found.iter().skip(1).map(|next| next.at).chain([utterance.tokens.len()]).collect();
    found.into_iter().zip(ends).flat_map(|(opening, end)| segments(lexicon, utterance, &opening, end)).collect()
}

struct Reader<'a> {
    conversation: &'a Conversation,
    lexicon: &'a Lexicon,
    at: usize,
    utterance: &'a Utterance,
}

impl Reader<'_> {
    fn tokens(&self) -> &[Token] {
        &self.utterance.tokens
    }

    fn clauses(&self, from: usize) -> Vec<Opening> {
        let mut found: Vec<Opening> = Vec::new();
        let mut at = from;
        while at < self.tokens().len() {
            let clause = if self.is_subordinate(at) { None } else { self.clause(at) };
            at = clause.as_ref().map_or(at + 1, |clause| clause.verb_end);
            found.extend(clause.map(|clause| Opening { source: Source::ReadBack, weight: WEIGHT, ..clause }));
        }
        found
    }

    /// "whether we can sign": part of what is to be done, not another thing to do.
    fn is_subordinate(&self, at: usize) -> bool {
        let words = &self.lexicon.tasks;
        let before = at.checked_sub(1).and_then(|before| self.tokens().get(before));
        let follows = before
            .is_some_and(|token| words.before_subject.contains(&token.word) && !words.dangling.contains(&token.word));
        follows || is_conditional(self.lexicon, self.tokens(), at)
    }

    fn clause(&self, at: usize) -> Option<Opening> {
        let received = || delivery(self.lexicon, self.utterance, at, true);
        self.of_named(at).or_else(received).or_else(|| self.mine(at)).or_else(|| self.yours(at))
    }

    /// "Tomasz sends", "Lucas me manda", "Devon, you have".
    fn of_named(&self, at: usize) -> Option<Opening> {
        let owner = self.named(at)?;
        let is_vocative = self.is_yourself(at + 1);
        let from = at + 1 + usize::from(is_vocative);
        let received = self.lexicon.tasks.receiving.at(self.tokens(), at + 1).filter(|_| is_vocative);
        if let Some(hit) = received {
            return Some(Opening { at, told_by_another: true, ..self.delivery(owner, hit.end()) });
        }
        let verb = self.skip_objects(from);
        if self.tokens().get(verb).is_some_and(|token| self.lexicon.tasks.receives.contains(&token.word)) {
            return Some(Opening { at, needs_date: true, ..self.delivery(self.utterance.speaker, verb + 1) });
        }
        let found = third_person_verb(self.lexicon, self.tokens(), verb)
            .or_else(|| verb_at(self.lexicon, self.tokens(), verb).filter(|_| is_vocative))?;
        Some(Opening { at, replaced: found.replaced, told_by_another: true, ..Opening::new(owner, verb, found.end) })
    }

    /// "I send", "mando".
    fn mine(&self, at: usize) -> Option<Opening> {
        let promised = self.lexicon.tasks.promises.at(self.tokens(), at);
        let promised = promised.filter(|hit| hit.attached == Promise::Firm).map(|hit| hit.end());
        let myself = self.tokens().get(at).is_some_and(|token| self.lexicon.tasks.myself.contains(&token.word));
        let Some(next) = promised.or(myself.then_some(at + 1)) else {
            let found = conjugated(self.lexicon, self.utterance, at)?;
            return Some(Opening { needs_date: false, ..found });
        };
        let verb = skip_adverbs(self.lexicon, self.tokens(), next);
        if let Some(found) = verb_at(self.lexicon, self.tokens(), verb) {
            return Some(Opening {
                at,
                replaced: found.replaced,
                ..Opening::new(self.utterance.speaker, verb, found.end)
            });
        }
        let found = conjugated(self.lexicon, self.utterance, verb)?;
        Some(Opening { at, needs_date: false, ..found })
    }

    /// "You call me", "tú me pasas", where only one person can be meant.
    fn yours(&self, at: usize) -> Option<Opening> {
        if !self.is_yourself(at) {
            return None;
        }
        let owner = self.sole_other()?;
        let verb = self.skip_objects(at + 1);
        let found = verb_at(self.lexicon, self.tokens(), verb)
            .or_else(|| third_person_verb(self.lexicon, self.tokens(), verb))?;
        Some(Opening { at, replaced: found.replaced, told_by_another: true, ..Opening::new(owner, verb, found.end) })
    }

    /// A list without a verb: "From me: the template today", "And the link today".
    fn list(&self, side: Option<(Whose, usize)>, holder: Option<usize>) -> Option<Opening> {
        let (owner, from) = match side {
            Some((whose, from)) => {
                let named = self.named(from).map(|owner| (owner, from + 1));
                let meant = match whose {
                    Whose::Mine => Some(self.utterance.speaker),
                    Whose::Yours => self.sole_other(),
                };
                named.or_else(|| Some((meant?, from)))?
            }
            None => (holder?, self.continued()?),
        };
        let source = if side.is_some() { Source::ReadBack } else { Source::Listed };
        Some(Opening { needs_date: true, source, weight: WEIGHT, ..self.delivery(owner, from) })
    }

    /// Where a short sentence without a verb begins that goes on with a list.
    fn continued(&self) -> Option<usize> {
        let tokens = self.tokens();
        let has_verb = tokens.iter().any(|token| self.lexicon.tasks.finite.contains(&token.word));
        let goes_on = tokens.first().is_some_and(|first| self.lexicon.tasks.dangling.contains(&first.word));
        (goes_on && !has_verb && tokens.len() <= LONGEST_LIST && has_date(self.lexicon, tokens)).then_some(1)
    }

    fn delivery(&self, owner: usize, from: usize) -> Opening {
        Opening {
            replaced: self.lexicon.wording("deliver", &[]),
            told_by_another: true,
            ..Opening::new(owner, from, from)
        }
    }

    fn named(&self, at: usize) -> Option<usize> {
        let owner = speaker_called(self.conversation, &self.tokens().get(at)?.word)?;
        (owner != self.utterance.speaker).then_some(owner)
    }

    fn is_yourself(&self, at: usize) -> bool {
        self.tokens().get(at).is_some_and(|token| self.lexicon.tasks.yourself.contains(&token.word))
    }

    /// "me manda": the pronoun between subject and verb.
    fn skip_objects(&self, from: usize) -> usize {
        let is_object = |at: usize| {
            let words = &self.lexicon.tasks;
            self.tokens().get(at).is_some_and(|token| words.me.contains(&token.word))
                || words.clitics.at(self.tokens(), at).is_some()
        };
        if is_object(from) && verb_at(self.lexicon, self.tokens(), from).is_none() { from + 1 } else { from }
    }

    /// The only one of the other side who spoke lately.
    fn sole_other(&self) -> Option<usize> {
        let near = self.conversation.utterances.get(self.at.saturating_sub(40)..self.at)?;
        let mut others = near.iter().filter(|other| other.speaker != self.utterance.speaker);
        let other = others.next()?.speaker;
        others.all(|more| more.speaker == other).then_some(other)
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{conversation, ours, theirs};
    use super::super::tasks::find;
    use super::*;
    use crate::domain::call::Side;

    fn tasks(lexicon: &Lexicon, lines: &[(&str, Side, &str)]) -> Vec<(String, String)> {
        let before = std::iter::repeat_n([theirs("The exports are slow."), ours("Okay.")], 5).flatten();
        let lines: Vec<_> = before.chain(lines.iter().copied()).collect();
        let conversation = conversation(&lines, lexicon);
        let named = |task: &super::super::merge::Task| {
            (
                conversation.speakers.get(task.owner).map(|owner| owner.first.clone()).unwrap_or_default(),
                task.text.clone(),
            )
        };
        find(&conversation, lexicon, &[]).iter().map(named).collect()
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected.iter().map(|(owner, text)| ((*owner).to_owned(), (*text).to_owned())).collect()
    }

    #[test]
    fn tasks_in_the_present_are_found_where_they_are_read_back() {
        let lines = [
            ours("From our side, I send the written report by Wednesday, May 21."),
            ours("Dana, you have the seat list on Monday."),
            ours("And Dana sends the broker logs by tomorrow."),
        ];
        let expected = [
            ("Priya", "Send the written report by Wednesday, May 21"),
            ("Dana", "Deliver the seat list on Monday"),
            ("Dana", "Send the broker logs by tomorrow"),
        ];
        assert_eq!(tasks(&Lexicon::english(), &lines), pairs(&expected));
    }

    #[test]
    fn a_list_becomes_one_task_per_date() {
        let lines = [ours("From me: the import template today, and the label estimate by the twenty-second.")];
        let expected = [
            ("Priya", "Deliver the import template today"),
            ("Priya", "Deliver the label estimate by the twenty-second"),
        ];
        assert_eq!(tasks(&Lexicon::english(), &lines), pairs(&expected));
    }

    #[test]
    fn spanish_is_read_back_too() {
        let lines = [
            ours("Hago un resumen."),
            ours("El lunes 17 mando el presupuesto revisado."),
            ours("Dana me manda el acceso al entorno mañana."),
        ];
        let expected =
            [("Priya", "Mandar el presupuesto revisado el lunes 17"), ("Dana", "Mandar el acceso al entorno mañana")];
        assert_eq!(tasks(&Lexicon::spanish(), &lines), pairs(&expected));
    }
}
