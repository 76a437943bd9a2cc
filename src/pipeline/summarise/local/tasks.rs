//! The tasks of a call: what people committed to ([`super::commitments`]), worded ([`super::task_text`]), each once, with
//! the date that was meant.

use super::clean::{clean, lowered};
use super::commitments::{ANSWER_WITHIN, Opening, openings};
use super::conversation::{Conversation, Utterance};
use super::lexicon::Lexicon;
use super::quotes::overlap;
use super::task_text::{Wording, due_phrase, word_task};
use crate::domain::tokens::tokenize;

const MOST: usize = 8;
const SAME: f64 = 0.5;
const LONGEST_JOINED: usize = 180;
const LONGEST_CONTEXT: usize = 100;
/// A date is put right within this many sentences, in few words.
const CORRECTED_WITHIN: usize = 6;
const MOST_WORDS_OF_DATE: usize = 6;

/// One thing somebody is to do.
#[derive(Debug, Clone)]
pub(super) struct Task {
    /// The sentence it is from.
    pub(super) utterance: usize,
    /// Who is to do it: an index into the speakers.
    pub(super) owner: usize,
    pub(super) text: String,
    pub(super) has_date: bool,
    /// How central the sentence is to the call.
    pub(super) central: f64,
    is_request: bool,
    /// Whether it is about something named before.
    pub(super) leans: bool,
    /// The sentence that says what it is about, if the task does not.
    context: Option<String>,
    /// The language's "and".
    and: String,
    terms: Vec<usize>,
    weight: f64,
}

/// The tasks of a call in the order they were given.
pub(super) fn find(conversation: &Conversation, lexicon: &Lexicon, scores: &[f64]) -> Vec<Task> {
    let mut tasks: Vec<Task> = Vec::new();
    for (at, utterance) in conversation.utterances.iter().enumerate() {
        let openings = openings(conversation, lexicon, at, utterance);
        for (number, opening) in openings.iter().enumerate() {
            let end = openings.get(number + 1).map_or(utterance.tokens.len(), |next| next.at);
            if let Some(mut task) = task(conversation, lexicon, at, opening, end) {
                task.central = scores.get(at).copied().unwrap_or_default();
                task.weight += 0.5 * task.central;
                settle(&mut tasks, task);
            }
        }
    }
    let mut order: Vec<usize> = (0..tasks.len()).collect();
    order.sort_by(|left, right| {
        let weight = |at: &usize| tasks.get(*at).map_or(0.0, |task| task.weight);
        weight(right).total_cmp(&weight(left)).then(left.cmp(right))
    });
    order.truncate(MOST);
    order.sort_unstable();
    order.into_iter().filter_map(|at| tasks.get(at).cloned()).collect()
}

/// "I'll write it up, and I'll send it to you" is one task; "sure, I'll send it" only repeats the request.
fn settle(tasks: &mut Vec<Task>, task: Task) {
    let known = tasks.iter_mut().rev().find(|known| {
        known.owner == task.owner
            && (known.utterance == task.utterance
                || (known.is_request && task.utterance <= known.utterance + ANSWER_WITHIN))
    });
    match known {
        Some(known) if task.leans && known.utterance == task.utterance => {
            let joined = format!("{}, {} {}", known.text, task.and, lowered(&task.text));
            if joined.chars().count() <= LONGEST_JOINED {
                known.text = joined;
                known.has_date |= task.has_date;
            }
        }
        Some(_) if task.leans => {}
        _ => {
            let explained = task.context.as_ref().map(|context| format!("{} (“{context}”)", task.text));
            let text = explained.filter(|text| text.chars().count() <= LONGEST_JOINED);
            keep(tasks, Task { text: text.unwrap_or_else(|| task.text.clone()), ..task });
        }
    }
}

/// Adds the task unless it is known; of two the same, the one that says more stays.
fn keep(tasks: &mut Vec<Task>, task: Task) {
    let same = |known: &Task| {
        let shared = overlap(&known.terms, &task.terms);
        shared >= 0.75 || (known.owner == task.owner && shared >= SAME) || known.text == task.text
    };
    match tasks.iter_mut().find(|known| same(known)) {
        Some(known) if task.weight > known.weight => *known = task,
        Some(_) => {}
        None => tasks.push(task),
    }
}

fn task(conversation: &Conversation, lexicon: &Lexicon, at: usize, opening: &Opening, end: usize) -> Option<Task> {
    let utterance = conversation.utterances.get(at)?;
    let wording = Wording {
        conversation,
        lexicon,
        utterance,
        owner: opening.owner,
        counterpart: counterpart(conversation, at, opening),
        is_request: opening.is_request,
    };
    let worded = word_task(&wording, opening.verb, opening.verb_end, end, opening.replaced.as_deref())?;
    let mut text = worded.text;
    let mut has_date = worded.has_date;
    if opening.is_request
        && !has_date
        && let Some(date) = date_of_answer(conversation, lexicon, at, opening.owner)
    {
        text = format!("{text} {date}");
        has_date = true;
    }
    if (opening.needs_date && !has_date) || (worded.objects == 0 && !(has_date && worded.is_phrasal)) {
        return None;
    }
    if has_date && let Some(corrected) = corrected(conversation, lexicon, at, &text) {
        text = corrected;
    }
    let needs_context = (worded.leans || worded.objects == 0) && !opening.is_request;
    let weight = opening.weight + if has_date { 0.6 } else { 0.0 } + if worded.objects > 1 { 0.4 } else { 0.0 };
    let inside = |term: &&usize| conversation.vocabulary.get(**term).is_some_and(|word| worded.words.contains(word));
    let terms = utterance.terms.iter().filter(inside).copied().collect();
    Some(Task {
        utterance: at,
        owner: opening.owner,
        text,
        has_date,
        central: 0.0,
        is_request: opening.is_request,
        leans: worded.leans,
        context: needs_context.then(|| context(conversation, lexicon, at, opening.at)).flatten(),
        and: lexicon.wording("and", &[]).unwrap_or_default(),
        terms,
        weight,
    })
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

/// What "it" and "that" mean: what was said before in the same sentence, else the sentence before, if it is short.
fn context(conversation: &Conversation, lexicon: &Lexicon, at: usize, opening: usize) -> Option<String> {
    let (utterance, before) = (conversation.utterances.get(at)?, conversation.before(at)?);
    let named_first = utterance.tokens.get(opening).and_then(|token| utterance.text.get(..token.start));
    let telling = utterance.tokens.iter().take(opening).filter(|token| !lexicon.is_common(&token.word)).count();
    if let Some(named) = named_first.filter(|_| telling >= 2) {
        let named = clean(named, lexicon);
        return (named.chars().count() <= LONGEST_CONTEXT).then(|| lowered(named.trim_end_matches('.')));
    }
    if before.turn != utterance.turn
        || before.terms.len() < 3
        || before.is_question
        || lexicon.dependent_starts.at(&before.tokens, 0).is_some()
    {
        return None;
    }
    let text = clean(&before.text, lexicon);
    (text.chars().count() <= LONGEST_CONTEXT).then(|| text.trim_end_matches('.').to_owned())
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
