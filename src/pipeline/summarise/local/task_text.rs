//! Words a commitment as a task: "I'll, um, send you the revised quote by Friday, okay?" becomes "Send the revised
//! quote by Friday".
//!
//! Changes as little as it can: the verb to the form of a task, the persons to who is meant, and cuts what follows the
//! commitment.

use std::collections::HashSet;

use super::clean::capitalised;
use super::concrete::names;
use super::conversation::{Conversation, Utterance};
use super::dates::date_words;
use super::lexicon::Lexicon;
use super::numbers::clip;
use super::opening::Opening;
use super::verbs::third_person_verb;
use crate::domain::call::Side;
use crate::domain::tokens::tokenize;

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
    pub(super) told_by_another: bool,
    /// What "it" means, where that is known.
    pub(super) antecedent: Option<String>,
}

/// A worded task.
pub(super) struct Worded {
    pub(super) text: String,
    pub(super) has_date: bool,
    /// Telling words beside the verb and the date: what the task is about.
    pub(super) objects: usize,
    /// Whether it only says what becomes of something named before: "send it over".
    pub(super) leans: bool,
    /// The comparable words of it.
    pub(super) words: HashSet<String>,
}

impl Worded {
    /// Adds a date that was said elsewhere, before what only goes with the thing.
    pub(super) fn date(&mut self, date: &str) {
        let at = self.text.find(',').unwrap_or(self.text.len());
        self.text.insert_str(at, &format!(" {date}"));
        self.has_date = true;
    }

    /// Whether the word, or another form of it, is in the task.
    pub(super) fn speaks_of(&self, word: &str) -> bool {
        let singular = |word: &str| word.strip_suffix("es").or(word.strip_suffix('s')).unwrap_or(word).to_owned();
        self.words.contains(word) || self.words.iter().any(|other| singular(other) == singular(word))
    }
}

/// Words the task whose verb is at `verb..verb_end`, up to `limit`.
pub(super) fn word_task(wording: &Wording<'_>, opening: &Opening, limit: usize) -> Option<Worded> {
    let (verb, verb_end, replaced) = (opening.verb, opening.verb_end, opening.replaced.as_deref());
    let tokens = &wording.utterance.tokens;
    let end = clause_end(wording.lexicon, wording.utterance, verb_end, limit);
    // "get you", "let you know": the person inside the verb changes too.
    let inside = (verb + 1..verb_end).find(|at| person_at(wording, *at).is_some()).filter(|_| replaced.is_none());
    let told = inside.unwrap_or(verb_end);
    let mut text = match replaced {
        Some(replaced) => replaced.to_owned(),
        None => slice(wording.utterance, verb, told)?.to_owned(),
    };
    if let Some(clitic) = &opening.clitic {
        let meant = wording.antecedent.as_ref().map(|meant| format!(" {meant}"));
        text.push_str(meant.as_ref().unwrap_or(clitic));
    }
    rewrite(wording, told, end, &mut text);
    let text = clip(
        text.trim_end_matches(|letter: char| !letter.is_alphanumeric() && !matches!(letter, ')' | ']' | '%')),
        LONGEST,
    );
    let rest = tokens.get(verb_end..end)?;
    let dated = date_words(wording.lexicon, rest);
    let said = rest.iter().enumerate().filter(|(at, _)| !dated.contains(at)).map(|(_, token)| token.word.clone());
    let meant = wording.antecedent.iter().flat_map(|meant| tokenize(meant)).map(|token| token.word);
    let near = 2 + usize::from(person_at(wording, verb_end).is_some());
    let points_back =
        opening.clitic.is_some() || (verb_end.saturating_sub(1)..end).take(near).any(|at| leans_at(wording, at));
    let meant: Vec<String> = meant.filter(|_| points_back).collect();
    let words = tokens.get(verb..end)?.iter().map(|token| token.word.clone()).chain(meant.iter().cloned()).collect();
    let objects = said.chain(meant).filter(|word| names(wording.lexicon, word)).count();
    Some(Worded {
        text: capitalised(&text),
        has_date: !dated.is_empty(),
        objects,
        leans: wording.antecedent.is_none() && points_back,
        words,
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

/// Appends the words `from..to` with their persons changed.
fn rewrite(wording: &Wording<'_>, from: usize, to: usize, text: &mut String) {
    let tokens = &wording.utterance.tokens;
    let (mut after_aside, mut replaced) = (false, false);
    let mut at = from;
    while at < to {
        let Some(token) = tokens.get(at) else { break };
        let spacing = at.checked_sub(1).map_or("", |before| gap(wording.utterance, before));
        // The commas around an aside go with it.
        let spacing = if after_aside || at == from { " " } else { spacing };
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
                push(text, spacing, &name);
            }
            at += length;
            continue;
        }
        if let Some(meant) = wording.antecedent.as_ref().filter(|_| !replaced && at < from + 3 && leans_at(wording, at))
        {
            push(text, spacing, meant);
            replaced = true;
            at += 1;
            continue;
        }
        if let Some(base) = joined_verb(wording, at) {
            push(text, spacing, &base);
            at += 1;
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
}

/// "ships the queue and sends the results": the second verb becomes one of a task too.
fn joined_verb(wording: &Wording<'_>, at: usize) -> Option<String> {
    let tokens = &wording.utterance.tokens;
    let before = tokens.get(at.checked_sub(1)?)?;
    let joins = wording.told_by_another && wording.lexicon.tasks.dangling.contains(&before.word);
    joins.then(|| third_person_verb(wording.lexicon, tokens, at)).flatten()?.replaced
}

fn push(text: &mut String, spacing: &str, word: &str) {
    let spacing = if spacing.trim().is_empty() && !spacing.is_empty() { " " } else { spacing };
    text.push_str(if spacing.is_empty() { " " } else { spacing });
    text.push_str(word);
}

/// Whether the counterpart is meant at word `at`: "you", or in a request "me" and "us". How many words long.
fn person_at(wording: &Wording<'_>, at: usize) -> Option<usize> {
    let tokens = &wording.utterance.tokens;
    if wording.told_by_another {
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
    if ours && (owner_is_ours != wording.told_by_another) {
        return None;
    }
    wording.lexicon.tasks.persons.iter().find(|(spoken, _)| *spoken == word).map(|(_, told)| *told)
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
