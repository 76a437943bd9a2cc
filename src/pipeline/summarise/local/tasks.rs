//! The tasks of a call: what people committed to ([`super::commitments`]) and what was read back ([`super::recap`]),
//! worded ([`super::task_text`]), each once, with the date that was meant.
//!
//! A task is for somebody who was not there: one whose object is only a pronoun is dropped, and so are vague ones beside
//! concrete ones ([`super::concrete`]).

use super::antecedent::antecedent;
use super::commitments::{ANSWER_WITHIN, openings};
use super::concrete::{concreteness, is_concrete};
use super::conversation::{Conversation, Utterance};
use super::dates::{date_before, due_phrase, words_of_date};
use super::lexicon::Lexicon;
use super::merge::{Task, best, settle};
use super::opening::{Opening, Source};
use super::recap;
use super::task_text::{Wording, word_task};
use crate::domain::tokens::tokenize;

/// A date is put right within this many sentences, in few words.
const CORRECTED_WITHIN: usize = 6;
const MOST_WORDS_OF_DATE: usize = 6;

/// What was found: the tasks to tell, and every sentence that is one or repeats one.
#[derive(Debug, Default)]
pub(super) struct Tasks {
    pub(super) told: Vec<Task>,
    pub(super) sentences: Vec<usize>,
}

/// The tasks of a call in the order they were given.
#[cfg(test)]
pub(super) fn find(conversation: &Conversation, lexicon: &Lexicon, scores: &[f64]) -> Vec<Task> {
    find_all(conversation, lexicon, scores).told
}

/// The tasks of a call and the sentences they are from.
pub(super) fn find_all(conversation: &Conversation, lexicon: &Lexicon, scores: &[f64]) -> Tasks {
    let read_back = recap::stretches(conversation, lexicon);
    let (mut tasks, mut sentences): (Vec<Task>, Vec<usize>) = (Vec::new(), Vec::new());
    let mut holder = None;
    for (at, utterance) in conversation.utterances.iter().enumerate() {
        let is_recap = read_back.get(at).copied().unwrap_or_default();
        holder = holder.filter(|_| is_recap);
        let read = if is_recap { recap::openings(conversation, lexicon, at, holder) } else { Vec::new() };
        let found = if read.is_empty() { openings(conversation, lexicon, at, utterance) } else { read };
        for (number, opening) in found.iter().enumerate() {
            let end = found.get(number + 1).map_or(utterance.tokens.len(), |next| next.at);
            let from = number.checked_sub(1).and_then(|before| found.get(before)).map_or(0, |before| before.verb_end);
            // A promise that is too vague to be listed is no point either.
            if !opening.needs_date {
                sentences.push(at);
            }
            let Some(mut task) = task(conversation, lexicon, at, opening, (from, opening.end.unwrap_or(end))) else {
                continue;
            };
            task.weight += 0.5 * scores.get(at).copied().unwrap_or_default();
            holder = Some(task.owner);
            sentences.push(at);
            settle(&mut tasks, task);
        }
    }
    sentences.dedup();
    Tasks { told: best(tasks), sentences }
}

fn task(
    conversation: &Conversation,
    lexicon: &Lexicon,
    at: usize,
    opening: &Opening,
    (from, end): (usize, usize),
) -> Option<Task> {
    let utterance = conversation.utterances.get(at)?;
    let wording = Wording {
        conversation,
        lexicon,
        utterance,
        owner: opening.owner,
        counterpart: counterpart(conversation, at, opening),
        told_by_another: opening.told_by_another,
        antecedent: antecedent(conversation, lexicon, at, opening, from == 0),
    };
    let mut worded = word_task(&wording, opening, end)?;
    let date = if worded.has_date { None } else { date_beside(conversation, lexicon, at, opening, from) };
    if let Some(date) = date {
        worded.date(&date);
    }
    if (opening.needs_date && !worded.has_date) || !is_concrete(lexicon, &worded) {
        return None;
    }
    if worded.has_date
        && let Some(corrected) = corrected(conversation, lexicon, at, &worded.text)
    {
        worded.text = corrected;
    }
    let said = tokenize(&worded.text);
    let is_minor = lexicon.tasks.incidental.occur(&said);
    let is_incidental = is_minor && worded.objects < 3;
    if is_incidental && !worded.has_date {
        return None;
    }
    let inside = |term: &&usize| conversation.vocabulary.get(**term).is_some_and(|word| worded.speaks_of(word));
    Some(Task {
        utterance: at,
        owner: opening.owner,
        has_date: worded.has_date,
        is_minor,
        weight: opening.weight + concreteness(&worded, is_incidental),
        source: opening.source,
        leans: worded.leans,
        and: lexicon.wording("and", &[]).unwrap_or_default(),
        terms: utterance.terms.iter().filter(inside).copied().collect(),
        date: words_of_date(lexicon, &said),
        text: worded.text,
    })
}

/// A date that belongs to the task but stands elsewhere: before it, or in the answer to a request.
fn date_beside(
    conversation: &Conversation,
    lexicon: &Lexicon,
    at: usize,
    opening: &Opening,
    from: usize,
) -> Option<String> {
    let utterance = conversation.utterances.get(at)?;
    let is_request = opening.source == Source::Request;
    let answered = || date_of_answer(conversation, lexicon, at, opening.owner).filter(|_| is_request);
    // "We updated it on Monday" looks like "we update it": a verb that needs its date needs it behind itself.
    let leads = !is_request && (opening.source.is_recap() || !opening.needs_date || opening.is_delivery());
    let before = if leads { date_before(lexicon, utterance, from, opening.at) } else { None };
    before.or_else(answered)
}

/// The task with the date its speaker put right afterwards: "by Friday. No, wait, Thursday."
fn corrected(conversation: &Conversation, lexicon: &Lexicon, at: usize, text: &str) -> Option<String> {
    let utterance = conversation.utterances.get(at)?;
    let rest: Vec<&Utterance> = conversation
        .utterances
        .iter()
        .skip(at + 1)
        .take(CORRECTED_WITHIN)
        .take_while(|other| other.turn == utterance.turn)
        .collect();
    let wrong = rest.iter().position(|other| lexicon.tasks.corrections.occur(&other.tokens))?;
    let right =
        rest.iter().skip(wrong).rev().find(|other| {
            !lexicon.tasks.due.hits(&other.tokens).is_empty() && other.tokens.len() <= MOST_WORDS_OF_DATE
        })?;
    let said = tokenize(text);
    let hit = lexicon.tasks.due.hits(&said).into_iter().next_back()?;
    let (start, end) = (said.get(hit.at)?.start, said.get(hit.end() - 1)?.end);
    let date = right.text.trim_end_matches(['.', '!', ',']);
    Some(format!("{}{date}{}", text.get(..start)?, text.get(end..)?))
}

/// Whom "you" means: the last other person who spoke before, of the other side if sides are known.
fn counterpart(conversation: &Conversation, at: usize, opening: &Opening) -> Option<usize> {
    let utterance = conversation.utterances.get(at)?;
    if opening.owner != utterance.speaker {
        return Some(utterance.speaker);
    }
    let near = conversation.utterances.get(..at)?.iter().rev().take(30);
    let others = || near.clone().filter(|other| other.speaker != utterance.speaker);
    let across = others().find(|other| other.side != utterance.side).map(|other| other.speaker);
    across.or_else(|| others().next().map(|other| other.speaker))
}

/// When the one who accepts says by when: "Sure, by Friday."
fn date_of_answer(conversation: &Conversation, lexicon: &Lexicon, at: usize, owner: usize) -> Option<String> {
    let mut next = conversation.utterances.iter().skip(at + 1).take(ANSWER_WITHIN);
    next.find_map(|utterance| {
        let answers = utterance.speaker == owner && !utterance.is_question;
        answers.then(|| due_phrase(lexicon, &utterance.text, &utterance.tokens)).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{conversation, ours, theirs};
    use super::*;
    use crate::domain::call::Side;

    fn texts(lines: &[(&str, Side, &str)]) -> Vec<String> {
        let lexicon = Lexicon::english();
        find(&conversation(lines, &lexicon), &lexicon, &[]).into_iter().map(|task| task.text).collect()
    }

    #[test]
    fn a_date_put_right_is_the_one_that_counts() {
        let lines = [ours("I'll send the offer by Friday. No, wait, I'm out. Thursday.")];
        assert_eq!(texts(&lines), ["Send the offer by Thursday"]);
    }

    #[test]
    fn the_date_of_the_answer_belongs_to_the_request() {
        let lines = [theirs("Can you send us the incident report?"), ours("Sure, you'll have it by Monday.")];
        assert_eq!(texts(&lines), ["Send the incident report by Monday"]);
    }

    #[test]
    fn what_is_said_twice_is_one_task() {
        let lines =
            [ours("I'll send the revised quote."), theirs("Okay."), ours("So I'll send the revised quote by Friday.")];
        assert_eq!(texts(&lines), ["Send the revised quote by Friday"]);
    }

    #[test]
    fn what_becomes_of_the_thing_is_part_of_the_task() {
        let lines = [ours("I'll write up the findings and I'll send them to you tomorrow.")];
        assert_eq!(texts(&lines), ["Write up the findings, and send them to them tomorrow"]);
    }
}
