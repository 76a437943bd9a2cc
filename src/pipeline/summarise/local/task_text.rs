//! Words a commitment as a task: "I'll, um, send you the revised quote by Friday, okay?" becomes "Send the revised
//! quote by Friday".
//!
//! Changes as little as it can: the verb to the form of a task, the persons to who is meant, and cuts what follows the
//! commitment.

use std::collections::HashSet;

use super::clean::capitalised;
use super::conversation::{Conversation, Utterance};
use super::lexicon::Lexicon;
use super::numbers::clip;
use crate::domain::call::Side;
use crate::domain::tokens::Token;

const LONGEST: usize = 160;
const MOST_WORDS: usize = 30;

/// What there is to know when wording a task.
pub(super) struct Wording<'a> {
    pub(super) conversation: &'a Conversation,
    pub(super) lexicon: &'a Lexicon,
    pub(super) utterance: &'a Utterance,
    /// Who is to do it.
    pub(super) owner: usize,
    /// Whom "you" (or, in a request, "me") means.
    pub(super) counterpart: Option<usize>,
    pub(super) is_request: bool,
}

/// A worded task.
pub(super) struct Worded {
    pub(super) text: String,
    pub(super) has_date: bool,
    /// Telling words beside the verb and the date: what the task is about.
    pub(super) objects: usize,
    /// Whether it only says what becomes of something named before: "send it over".
    pub(super) leans: bool,
    /// Whether the verb says something without an object: "follow up".
    pub(super) is_phrasal: bool,
    /// The comparable words of it.
    pub(super) words: HashSet<String>,
}

/// A verb found.
pub(super) struct Verb {
    /// The first word after it.
    pub(super) end: usize,
    /// The task's form, where it is not the spoken one.
    pub(super) replaced: Option<String>,
}

/// The listed verb at word `at`, also with pronouns attached ("enviarme").
pub(super) fn verb_at(lexicon: &Lexicon, tokens: &[Token], at: usize) -> Option<Verb> {
    let verbs = &lexicon.tasks.verbs;
    let bare = tokens.get(at).and_then(|token| without_enclitic(lexicon, &token.word));
    if let Some(bare) = bare {
        let mut words: Vec<&str> = vec![bare];
        words.extend(tokens.get(at + 1..).unwrap_or_default().iter().take(4).map(|token| token.word.as_str()));
        if let Some(hit) = verbs.at(&words, 0) {
            return Some(Verb { end: at + hit.length, replaced: Some(words.get(..hit.length)?.join(" ")) });
        }
    }
    verbs.at(tokens, at).map(|hit| Verb { end: hit.end(), replaced: None })
}

fn without_enclitic<'a>(lexicon: &Lexicon, word: &'a str) -> Option<&'a str> {
    let bare = lexicon.tasks.enclitics.iter().find_map(|enclitic| word.strip_suffix(enclitic))?;
    bare.ends_with(['r']).then_some(bare).filter(|bare| bare.len() > 3)
}

/// Words the task whose verb is at `verb..verb_end`, up to `limit`.
pub(super) fn word_task(
    wording: &Wording<'_>,
    verb: usize,
    verb_end: usize,
    limit: usize,
    replaced: Option<&str>,
) -> Option<Worded> {
    let tokens = &wording.utterance.tokens;
    let end = clause_end(wording.lexicon, wording.utterance, verb_end, limit);
    // "get you", "let you know": the person inside the verb changes too.
    let inside = (verb + 1..verb_end).find(|at| person_at(wording, *at).is_some()).filter(|_| replaced.is_none());
    let told = inside.unwrap_or(verb_end);
    let mut text = match replaced {
        Some(replaced) => replaced.to_owned(),
        None => slice(wording.utterance, verb, told)?.to_owned(),
    };
    let kept = rewrite(wording, told, end, &mut text);
    let text = clip(
        text.trim_end_matches(|letter: char| !letter.is_alphanumeric() && !matches!(letter, ')' | ']' | '%')),
        LONGEST,
    );
    let rest = tokens.get(verb_end..end)?;
    let dated: HashSet<usize> = wording.lexicon.tasks.due.hits(rest).iter().flat_map(|hit| hit.at..hit.end()).collect();
    let is_object = |word: &&Token| !wording.lexicon.is_common(&word.word) && word.word.chars().nth(1).is_some();
    let objects =
        rest.iter().enumerate().filter(|(at, _)| !dated.contains(at)).map(|(_, token)| token).filter(is_object).count();
    Some(Worded {
        text: capitalised(&text),
        has_date: !dated.is_empty() || rest.iter().any(is_day_of_month),
        objects,
        leans: (verb_end - 1..end).take(2).any(|at| leans_at(wording, at)),
        is_phrasal: verb_end - verb > 1 || kept,
        words: tokens.get(verb..end)?.iter().map(|token| token.word.clone()).collect(),
    })
}

/// Whether "it" or "that" stands at word `at` by itself, not as in "that link".
fn leans_at(wording: &Wording<'_>, at: usize) -> bool {
    let tokens = &wording.utterance.tokens;
    let is_pronoun = tokens.get(at).is_some_and(|token| wording.lexicon.tasks.pronoun_objects.contains(&token.word));
    let names =
        tokens.get(at + 1).is_some_and(|next| !wording.lexicon.is_common(&next.word) && !is_due(wording, at + 1));
    is_pronoun && !names
}

fn is_due(wording: &Wording<'_>, at: usize) -> bool {
    wording.lexicon.tasks.due.at(&wording.utterance.tokens, at).is_some()
}

/// Where the commitment ends: at "because", ", okay?", a new clause.
fn clause_end(lexicon: &Lexicon, utterance: &Utterance, from: usize, limit: usize) -> usize {
    let tokens = &utterance.tokens;
    let limit = limit.min(from + MOST_WORDS).min(tokens.len());
    let cut = (from..limit).find(|at| {
        let after_comma =
            at.checked_sub(1).is_some_and(|before| gap(utterance, before).contains([',', ';', ':', '–', '—']));
        lexicon.tasks.cuts.at(tokens, *at).is_some() && (*at > from + 1 || after_comma)
    });
    let mut end = cut.unwrap_or(limit);
    // A connective left hanging belongs to what was cut.
    while end > from && tokens.get(end - 1).is_some_and(|token| lexicon.tasks.dangling.contains(&token.word)) {
        end -= 1;
    }
    end
}

/// What is written between word `at` and the next one.
fn gap(utterance: &Utterance, at: usize) -> &str {
    let places = utterance.tokens.get(at).zip(utterance.tokens.get(at + 1));
    places.and_then(|(left, right)| utterance.text.get(left.end..right.start)).unwrap_or_default()
}

fn slice(utterance: &Utterance, from: usize, to: usize) -> Option<&str> {
    utterance.text.get(utterance.tokens.get(from)?.start..utterance.tokens.get(to.checked_sub(1)?)?.end)
}

/// Appends the words `from..to` with their persons changed. Whether a person was named in it.
fn rewrite(wording: &Wording<'_>, from: usize, to: usize, text: &mut String) -> bool {
    let tokens = &wording.utterance.tokens;
    let mut named = false;
    let mut after_aside = false;
    let mut at = from;
    while at < to {
        let Some(token) = tokens.get(at) else { break };
        let spacing = at.checked_sub(1).map_or("", |before| gap(wording.utterance, before));
        // The commas around an aside go with it.
        let spacing = if after_aside { " " } else { spacing };
        let aside =
            wording.lexicon.tasks.asides.at(tokens, at).filter(|_| at > from || person_at(wording, at).is_none());
        if let Some(hit) = aside {
            at = hit.end();
            after_aside = true;
            continue;
        }
        after_aside = false;
        if let Some(length) = person_at(wording, at) {
            if !is_receiver(wording, from, at) {
                let is_subject = at
                    .checked_sub(1)
                    .and_then(|before| tokens.get(before))
                    .is_some_and(|before| wording.lexicon.tasks.before_subject.contains(&before.word));
                let name = if is_subject { "they".to_owned() } else { counterpart_name(wording) };
                named |= push(text, spacing, &name);
            }
            at += length;
            continue;
        }
        // Spelled-out contractions share one place in the text.
        let group = tokens
            .get(at..to)
            .unwrap_or_default()
            .iter()
            .take_while(|other| other.start == token.start && token.end == other.end)
            .count()
            .max(1);
        let words = tokens.get(at..at + group).unwrap_or_default();
        if words.iter().any(|word| told_by_another(wording, &word.word).is_some()) {
            let told: Vec<&str> =
                words.iter().map(|word| told_by_another(wording, &word.word).unwrap_or(&word.word)).collect();
            push(text, spacing, &told.join(" "));
        } else {
            push(text, spacing, wording.utterance.text.get(token.start..token.end).unwrap_or_default());
        }
        at += group;
    }
    named
}

fn push(text: &mut String, spacing: &str, word: &str) -> bool {
    let spacing = if spacing.trim().is_empty() && !spacing.is_empty() { " " } else { spacing };
    text.push_str(if spacing.is_empty() { " " } else { spacing });
    text.push_str(word);
    true
}

/// Whether the counterpart is meant at word `at`: "you", or in a request "me" and "us". How many words long.
fn person_at(wording: &Wording<'_>, at: usize) -> Option<usize> {
    let tokens = &wording.utterance.tokens;
    if wording.is_request {
        return wording.lexicon.tasks.me.contains(&tokens.get(at)?.word).then_some(1);
    }
    wording.lexicon.tasks.you.at(tokens, at).map(|hit| hit.length)
}

/// "send you": whom it is sent to goes without saying.
fn is_receiver(wording: &Wording<'_>, from: usize, at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|before| wording.utterance.tokens.get(before));
    let follows = before.is_some_and(|token| wording.lexicon.tasks.dative.contains(&token.word));
    follows && at == from && at + 1 < wording.utterance.tokens.len()
}

fn counterpart_name(wording: &Wording<'_>) -> String {
    let speaker = wording.counterpart.and_then(|speaker| wording.conversation.speakers.get(speaker));
    speaker.filter(|speaker| !speaker.is_unknown).map_or_else(|| "them".to_owned(), |speaker| speaker.first.clone())
}

/// "my" as somebody else tells it. Our own "our" stays: the reader is one of us.
fn told_by_another(wording: &Wording<'_>, word: &str) -> Option<&'static str> {
    let owner_is_ours = wording.conversation.speakers.get(wording.owner).is_some_and(|owner| owner.side == Side::Ours);
    let ours = wording.lexicon.tasks.our.contains(word);
    if ours && (owner_is_ours != wording.is_request) {
        return None;
    }
    wording.lexicon.tasks.persons.iter().find(|(spoken, _)| *spoken == word).map(|(_, told)| *told)
}

/// "the 12th".
fn is_day_of_month(token: &Token) -> bool {
    let digits = token.word.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let ending = token.word.get(digits.len()..).unwrap_or_default();
    matches!(digits.parse::<u8>(), Ok(1..=31)) && matches!(ending, "st" | "nd" | "rd" | "th")
}

/// A date as it was said, with the words that lead to it: "by the end of next week".
pub(super) fn due_phrase(lexicon: &Lexicon, text: &str, tokens: &[Token]) -> Option<String> {
    let hit = lexicon.tasks.due.hits(tokens).into_iter().next()?;
    let mut first = hit.at;
    while let Some(before) = first.checked_sub(1) {
        let leads = tokens.get(before).is_some_and(|token| lexicon.tasks.before_due.contains(&token.word));
        if !leads || hit.at - before > 4 {
            break;
        }
        first = before;
    }
    let said = text.get(tokens.get(first)?.start..tokens.get(hit.end() - 1)?.end)?;
    let first_letter = said.chars().next()?;
    // "By Friday." began a sentence; here it ends one. A weekday alone keeps its capital.
    let lowered = first < hit.at && first_letter.is_uppercase();
    Some(if lowered {
        format!("{}{}", first_letter.to_lowercase(), said.get(first_letter.len_utf8()..)?)
    } else {
        said.to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{conversation, ours, theirs};
    use super::super::tasks::find;
    use super::*;

    fn worded(lines: &[(&str, Side, &str)]) -> Vec<String> {
        let lexicon = Lexicon::english();
        find(&conversation(lines, &lexicon), &lexicon, &[]).into_iter().map(|task| task.text).collect()
    }

    #[test]
    fn persons_are_those_of_somebody_who_tells_it() {
        let lines = [theirs("Hi."), ours("I'll get back to you about your export, um, by Friday, okay?")];
        assert_eq!(worded(&lines), ["Get back to Dana about their export by Friday"]);
        assert_eq!(
            worded(&[theirs("I will ask my manager about our budget.")]),
            ["Ask their manager about their budget"]
        );
    }

    #[test]
    fn what_follows_the_commitment_is_cut() {
        let lines = [ours("We'll send you the report on Monday because you need it for the board.")];
        assert_eq!(worded(&lines), ["Send the report on Monday"]);
    }

    #[test]
    fn spanish_verbs_become_infinitives() {
        let lexicon = Lexicon::spanish();
        let lines = [ours("Te envío el contrato mañana."), ours("Nos encargamos de preparar la formación.")];
        let found = find(&conversation(&lines, &lexicon), &lexicon, &[]);
        let texts: Vec<&str> = found.iter().map(|task| task.text.as_str()).collect();
        assert_eq!(texts, ["Enviar el contrato mañana", "Preparar la formación"]);
    }
}
