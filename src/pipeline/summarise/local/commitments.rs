//! Finds where in a sentence somebody commits to something: a promise ("I'll …"), a request the other side accepted
//! ("can you …?" – "sure"), and what is said of somebody by first name ("Tom will …").
//!
//! What is over with the call itself ("let me share my screen") and what may never happen ("if it fails again, we will
//! …") is no commitment. What is promised is worded in [`super::task_text`].

use super::conversation::{Conversation, Utterance};
use super::dates::date_before;
use super::lexicon::Lexicon;
use super::opening::{Opening, Source};
use super::task_words::Promise;
use super::verbs::verb_at;
use crate::domain::call::Side;
use crate::domain::tokens::{Token, fold};

/// Somebody accepts a request within this many sentences, or not at all.
pub(super) const ANSWER_WITHIN: usize = 4;
/// A request or promise is at most this many adverbs away from its verb.
const MOST_ADVERBS: usize = 4;

/// Every commitment of a sentence, in order.
pub(super) fn openings(
    conversation: &Conversation,
    lexicon: &Lexicon,
    at: usize,
    utterance: &Utterance,
) -> Vec<Opening> {
    let mut found: Vec<Opening> = Vec::new();
    let mut position = 0;
    while position < utterance.tokens.len() {
        let opening = request(conversation, lexicon, at, position)
            .or_else(|| promise(lexicon, utterance, position))
            .or_else(|| conjugated(lexicon, utterance, position))
            .or_else(|| of_another(conversation, lexicon, utterance, position))
            .or_else(|| delivery(lexicon, utterance, position, false));
        position = opening.as_ref().map_or(position + 1, |opening| opening.verb_end);
        found.extend(opening);
    }
    found
}

/// "I will" + verb.
fn promise(lexicon: &Lexicon, utterance: &Utterance, at: usize) -> Option<Opening> {
    let tokens = &utterance.tokens;
    let words = &lexicon.tasks;
    let hit = words.promises.at(tokens, at)?;
    // "If it happens again, we will leave" is a threat, not a task; ours is an offer.
    let before = tokens.get(..at).unwrap_or_default();
    if utterance.side == Side::Theirs && before.iter().any(|token| lexicon.conditionals.contains(&token.word)) {
        return None;
    }
    if utterance.is_question && !matches!(hit.attached, Promise::Firm) || is_conditional(lexicon, tokens, at) {
        return None;
    }
    let verb = skip_adverbs(lexicon, tokens, hit.end());
    if words.excluded.at(tokens, verb).is_some() {
        return None;
    }
    let found = verb_at(lexicon, tokens, verb)?;
    let is_let = matches!(hit.attached, Promise::Let);
    if is_let && words.let_verbs.at(tokens, verb).is_none() {
        return None;
    }
    Some(Opening {
        at,
        replaced: found.replaced,
        needs_date: matches!(hit.attached, Promise::Soft) || utterance.is_question,
        weight: if matches!(hit.attached, Promise::Firm) { 1.0 } else { 0.6 },
        ..Opening::new(utterance.speaker, verb, found.end)
    })
}

/// "te envío", "enviaremos": the verb itself says who.
pub(super) fn conjugated(lexicon: &Lexicon, utterance: &Utterance, at: usize) -> Option<Opening> {
    let tokens = &utterance.tokens;
    let words = &lexicon.tasks;
    if utterance.is_question || is_conditional(lexicon, tokens, at) || words.excluded.at(tokens, at).is_some() {
        return None;
    }
    let clitic = words.clitics.at(tokens, at);
    let verb = clitic.map_or(at, |hit| hit.end());
    let standing = words.standing.at(tokens, verb);
    let present = words.conjugated.at(tokens, verb);
    let hit = standing.or(present)?;
    if words.excluded.at(tokens, verb).is_some() {
        return None;
    }
    let object =
        clitic.and_then(|hit| tokens.get(hit.end() - 1)).filter(|token| words.object_clitics.contains(&token.word));
    let noun_before = at
        .checked_sub(1)
        .and_then(|before| tokens.get(before))
        .is_some_and(|token| words.not_before_verb.contains(&token.word));
    if clitic.is_none() && standing.is_none() && noun_before {
        return None;
    }
    Some(Opening {
        at,
        replaced: Some(hit.attached.to_owned()),
        needs_date: standing.is_none() && (clitic.is_none() || object.is_some()),
        clitic: object.map(|object| object.word.clone()),
        ..Opening::new(utterance.speaker, verb, hit.end())
    })
}

/// "You will have the report by Thursday".
pub(super) fn delivery(lexicon: &Lexicon, utterance: &Utterance, at: usize, is_recap: bool) -> Option<Opening> {
    let tokens = &utterance.tokens;
    let hit = lexicon.tasks.receiving.at(tokens, at)?;
    let names = tokens.get(hit.end()).is_some_and(|next| lexicon.tasks.determiners.contains(&next.word));
    // "You have the list" may be no promise, "on Monday you have the list" is one.
    let is_promise = hit.attached == Promise::Firm || is_recap || date_before(lexicon, utterance, 0, at).is_some();
    if utterance.is_question || !names || !is_promise || is_conditional(lexicon, tokens, at) {
        return None;
    }
    Some(Opening {
        at,
        replaced: lexicon.wording("deliver", &[]),
        needs_date: true,
        ..Opening::new(utterance.speaker, hit.end(), hit.end())
    })
}

/// "can you …", if somebody else says yes or is addressed by name.
fn request(conversation: &Conversation, lexicon: &Lexicon, at: usize, position: usize) -> Option<Opening> {
    let utterance = conversation.utterances.get(at)?;
    let tokens = &utterance.tokens;
    let hit = lexicon.tasks.requests.at(tokens, position)?;
    let verb = skip_adverbs(lexicon, tokens, hit.end());
    if is_conditional(lexicon, tokens, position) || lexicon.tasks.excluded.at(tokens, verb).is_some() {
        return None;
    }
    let found = verb_at(lexicon, tokens, verb)?;
    let named = addressed(conversation, utterance);
    let owner = match (accepted_by(conversation, lexicon, at), named) {
        (Answer::Refused, _) | (Answer::None, None) => return None,
        (_, Some(named)) => named,
        (Answer::Accepted(speaker), None) => speaker,
    };
    Some(Opening {
        at: position,
        replaced: found.replaced,
        weight: 0.9,
        source: Source::Request,
        told_by_another: true,
        ..Opening::new(owner, verb, found.end)
    })
}

/// "Tom will …", of somebody who takes part.
fn of_another(conversation: &Conversation, lexicon: &Lexicon, utterance: &Utterance, at: usize) -> Option<Opening> {
    let tokens = &utterance.tokens;
    let hit = lexicon.tasks.third_person.at(tokens, at)?;
    let subject = tokens.get(at.checked_sub(1)?)?;
    let owner = speaker_called(conversation, &subject.word).filter(|owner| *owner != utterance.speaker)?;
    let verb = skip_adverbs(lexicon, tokens, hit.end());
    if utterance.is_question || lexicon.tasks.excluded.at(tokens, verb).is_some() {
        return None;
    }
    let found = verb_at(lexicon, tokens, verb)?;
    Some(Opening { at: at - 1, replaced: found.replaced, weight: 0.8, ..Opening::new(owner, verb, found.end) })
}

enum Answer {
    Accepted(usize),
    Refused,
    None,
}

fn accepted_by(conversation: &Conversation, lexicon: &Lexicon, at: usize) -> Answer {
    let Some(asker) = conversation.utterances.get(at).map(|utterance| utterance.speaker) else { return Answer::None };
    let next = conversation.utterances.iter().skip(at + 1).take(ANSWER_WITHIN);
    let Some(answer) = next.into_iter().find(|utterance| utterance.speaker != asker) else { return Answer::None };
    let opening = answer.tokens.get(..answer.tokens.len().min(8)).unwrap_or_default();
    if lexicon.tasks.refuses.occur(opening) {
        Answer::Refused
    } else if (0..opening.len().min(3)).any(|start| lexicon.tasks.accepts.at(opening, start).is_some()) {
        Answer::Accepted(answer.speaker)
    } else {
        Answer::None
    }
}

/// Who is spoken to by first name, at the beginning or the end.
fn addressed(conversation: &Conversation, utterance: &Utterance) -> Option<usize> {
    let tokens = &utterance.tokens;
    let edges = tokens.iter().take(4).chain(tokens.iter().rev().take(1));
    edges.filter_map(|token| speaker_called(conversation, &token.word)).find(|speaker| *speaker != utterance.speaker)
}

pub(super) fn speaker_called(conversation: &Conversation, word: &str) -> Option<usize> {
    let is_called = |name: &str| fold(name) == word;
    conversation.speakers.iter().position(|speaker| {
        speaker.is_named
            && word.len() > 2
            && (is_called(&speaker.first) || speaker.name.split(' ').next().is_some_and(is_called))
    })
}

/// "if we can send", "what I will check": no commitment.
pub(super) fn is_conditional(lexicon: &Lexicon, tokens: &[Token], at: usize) -> bool {
    let before = |back: usize| at.checked_sub(back).and_then(|at| tokens.get(at)).map(|token| token.word.as_str());
    let agreed = matches!((before(2), before(1)), (Some("en"), Some("que")));
    !agreed && before(1).is_some_and(|word| lexicon.keep_filler_before.contains(word))
}

pub(super) fn skip_adverbs(lexicon: &Lexicon, tokens: &[Token], from: usize) -> usize {
    let mut at = from;
    for _ in 0..MOST_ADVERBS {
        match lexicon.tasks.adverbs.at(tokens, at) {
            Some(hit) => at = hit.end(),
            None => break,
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{conversation, ours, theirs};
    use super::*;

    /// Who commits to something in the first line.
    fn owners(lines: &[(&str, Side, &str)]) -> Vec<String> {
        let lexicon = Lexicon::english();
        let conversation = conversation(lines, &lexicon);
        let Some(first) = conversation.utterances.first() else { return Vec::new() };
        let found = openings(&conversation, &lexicon, 0, first);
        found.iter().filter_map(|opening| Some(conversation.speakers.get(opening.owner)?.first.clone())).collect()
    }

    #[test]
    fn a_promise_is_the_speakers() {
        assert_eq!(owners(&[ours("I'll also send the quote.")]), ["Priya"]);
    }

    #[test]
    fn a_request_is_whose_who_accepts_it() {
        assert_eq!(owners(&[theirs("Could you send us the quote?"), ours("Sure, no problem.")]), ["Priya"]);
        assert!(owners(&[theirs("Could you send us the quote?"), ours("I'm afraid we can't do that.")]).is_empty());
        assert!(owners(&[theirs("Could you send us the quote?"), ours("Which quote?")]).is_empty());
    }

    #[test]
    fn what_is_said_of_somebody_by_name_is_theirs() {
        let lines = [ours("Dana will send the user list."), theirs("Yes.")];
        assert_eq!(owners(&lines), ["Dana"]);
    }

    #[test]
    fn conditions_and_screens_are_no_promises() {
        assert!(owners(&[theirs("If it fails again, we will cancel the order.")]).is_empty());
        assert!(owners(&[ours("I'll share my screen.")]).is_empty());
        assert!(owners(&[ours("I don't know if I will send it.")]).is_empty());
    }
}
