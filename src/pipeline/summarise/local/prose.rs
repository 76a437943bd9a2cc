//! Writes the paragraphs: who spoke about what, the best sentences in the order they were said as reported speech, and
//! the next steps.
//!
//! Quotes are never put into indirect speech: changing persons and tenses by rule is how meanings get lost.

use crate::domain::call::Side;

use super::clean::{capitalised, lowered};
use super::conversation::{Conversation, Speaker};
use super::language::Tongue;
use super::lexicon::{Cue, Lexicon};
use super::numbers::clip;
use super::quotes::Quote;
use super::tasks::Task;
use crate::domain::tokens::tokenize;

const MOST_NAMES: usize = 4;
const MOST_STEPS: usize = 3;
const LONGEST_TEXT: usize = 1_800;
/// Sentences from which on it is worth saying when something was said.
const LONG_CALL: usize = 16;
/// From here on a sentence is said "towards the end".
const END: f64 = 0.85;
/// A jump this far ahead is worth a "later".
const JUMP: f64 = 0.3;

/// Everything a text is made of.
pub(super) struct Material<'a> {
    pub(super) conversation: &'a Conversation,
    pub(super) lexicon: &'a Lexicon,
    pub(super) tongue: Tongue,
    pub(super) topics: &'a [String],
    pub(super) tasks: &'a [Task],
}

impl Material<'_> {
    fn worded(&self, key: &str, places: &[(&str, &str)]) -> String {
        self.lexicon.wording(key, places).unwrap_or_default()
    }

    /// The whole text: what was said, then what follows from it.
    pub(super) fn text(&self, quotes: &[&Quote]) -> String {
        let mut ordered: Vec<&Quote> = quotes.to_vec();
        ordered.sort_by_key(|quote| quote.utterance);
        let mut told: Vec<usize> = Vec::new();
        let opening = self.opening(&mut told);
        let mut sentences: Vec<String> = opening.into_iter().collect();
        sentences.extend(self.reported(&ordered, &mut told));
        let paragraphs = [sentences.join(" "), self.next_steps()];
        let text = paragraphs.into_iter().filter(|paragraph| !paragraph.is_empty()).collect::<Vec<_>>().join("\n\n");
        if text.is_empty() { self.worded("thin", &[]) } else { clip(&text, LONGEST_TEXT) }
    }

    /// "Priya Shah spoke with Dana Whitfield (customer) about exports and seats."
    fn opening(&self, told: &mut Vec<usize>) -> Option<String> {
        let speakers = || self.conversation.speakers.iter().enumerate().filter(|(_, speaker)| !speaker.is_unknown);
        let of =
            |side: Side| speakers().filter(|(_, speaker)| speaker.side == side).map(|(at, _)| at).collect::<Vec<_>>();
        let (ours, theirs) = (of(Side::Ours), of(Side::Theirs));
        let topic = self.list(self.topics);
        let about = if self.topics.is_empty() { "" } else { " about" };
        if !ours.is_empty() && !theirs.is_empty() {
            let (us, them) = (self.names(&ours, told), self.names(&theirs, told));
            let places = [("ours", us.as_str()), ("theirs", &them), ("topic", &topic)];
            let plural = if ours.len() > 1 { "plural " } else { "" };
            let key = format!("spoke with{about}");
            return self
                .lexicon
                .wording(&format!("{plural}{key}"), &places)
                .or_else(|| self.lexicon.wording(&key, &places));
        }
        let all: Vec<usize> = speakers().map(|(at, _)| at).collect();
        if all.is_empty() || self.topics.is_empty() {
            return None;
        }
        let names = self.names(&all, told);
        let key = if all.len() > 1 { "talked about" } else { "spoke alone" };
        self.lexicon.wording(key, &[("ours", &names), ("topic", &topic)])
    }

    fn names(&self, speakers: &[usize], told: &mut Vec<usize>) -> String {
        let shown = if speakers.len() > MOST_NAMES { MOST_NAMES - 1 } else { speakers.len() };
        let mut names: Vec<String> = speakers.iter().take(shown).map(|at| self.introduced(*at, told)).collect();
        if shown < speakers.len() {
            names.push(self.worded("others", &[("count", &(speakers.len() - shown).to_string())]));
        }
        self.list(&names)
    }

    /// "a, b and c".
    fn list(&self, items: &[String]) -> String {
        let Some((last, before)) = items.split_last() else { return String::new() };
        if before.is_empty() {
            return last.clone();
        }
        // Spanish "y" becomes "e" before the same sound.
        let and = match (self.tongue, last.to_lowercase()) {
            (Tongue::Spanish, word) if word.starts_with(['i', 'í']) || word.starts_with("hi") => "e".to_owned(),
            _ => self.worded("and", &[]),
        };
        format!("{} {and} {last}", before.join(", "))
    }

    /// The full name with the side at first, the first name afterwards.
    fn introduced(&self, speaker: usize, told: &mut Vec<usize>) -> String {
        let Some(person) = self.conversation.speakers.get(speaker) else { return String::new() };
        if told.contains(&speaker) {
            return person.first.clone();
        }
        told.push(speaker);
        self.with_side(person)
    }

    fn with_side(&self, person: &Speaker) -> String {
        match person.side {
            Side::Theirs => self.worded("customer", &[("name", &person.name)]),
            _ => person.name.clone(),
        }
    }

    fn reported(&self, quotes: &[&Quote], told: &mut Vec<usize>) -> Vec<String> {
        let mut sentences: Vec<String> = Vec::new();
        let (mut before, mut place, mut at_end): (Option<usize>, f64, bool) = (None, 0.0, false);
        let mut again = 0;
        for quote in &joined(quotes) {
            let Some(utterance) = self.conversation.utterances.get(quote.utterance) else { continue };
            again = if before == Some(utterance.speaker) { again + 1 } else { 0 };
            let sentence = self.quoted(quote, again, told);
            let is_long = self.conversation.utterances.len() >= LONG_CALL;
            let ends = is_long && utterance.position >= END && !at_end && quotes.len() > 2;
            let jumps = is_long && utterance.position - place >= JUMP && !sentences.is_empty();
            let sentence = match (ends, jumps) {
                (true, _) => self.led_in("end", sentence),
                (false, true) => self.led_in("later", sentence),
                _ => capitalised(&sentence),
            };
            at_end |= ends;
            (before, place) = (Some(utterance.speaker), utterance.position);
            sentences.push(sentence);
        }
        sentences
    }

    fn led_in(&self, key: &str, sentence: String) -> String {
        self.lexicon.wording(key, &[("sentence", &sentence)]).unwrap_or(sentence)
    }

    fn quoted(&self, quote: &Quote, again: usize, told: &mut Vec<usize>) -> String {
        let Some(utterance) = self.conversation.utterances.get(quote.utterance) else { return String::new() };
        let who = self.introduced(utterance.speaker, told);
        let answered = quote.question.as_ref().and_then(|question| {
            self.lexicon.wording("answered", &[("who", &who), ("question", question), ("words", &quote.text)])
        });
        answered.unwrap_or_else(|| {
            // The same verb three times in a row reads like a record of evidence.
            let verb = match again {
                0 => self.verb(quote),
                odd if odd % 2 == 1 => self.worded("added", &[]),
                _ => self.worded("also", &[]),
            };
            self.worded("quote", &[("who", &who), ("verb", &verb), ("words", &quote.text)])
        })
    }

    /// The verb that fits what the sentence does.
    fn verb(&self, quote: &Quote) -> String {
        let tokens = tokenize(&quote.text);
        let has = |wanted: Cue| self.lexicon.cues.iter().any(|(cue, phrases)| *cue == wanted && phrases.occur(&tokens));
        let theirs = self.conversation.speaker_of(quote.utterance).is_some_and(|speaker| speaker.side == Side::Theirs);
        let key = if quote.text.ends_with(['?', '？']) {
            "asked"
        } else if has(Cue::Decision) {
            "decision"
        } else if theirs && has(Cue::Problem) && !has(Cue::Success) {
            "problem"
        } else if theirs && has(Cue::Need) {
            "need"
        } else {
            "said"
        };
        self.worded(key, &[])
    }

    /// "Next steps: Priya to send the quote by Friday; Dana to …."
    fn next_steps(&self) -> String {
        let mut dated: Vec<&Task> = self.tasks.iter().collect();
        dated.sort_by_key(|task| !task.has_date);
        dated.truncate(MOST_STEPS);
        dated.sort_by_key(|task| task.utterance);
        let mut before = None;
        let steps: Vec<String> = dated
            .iter()
            .map(|task| {
                let again = before.replace(task.owner) == Some(task.owner);
                self.step(if again { "step again" } else { "step" }, task)
            })
            .collect();
        if steps.is_empty() {
            return String::new();
        }
        self.worded("next steps", &[("steps", &steps.join("; "))])
    }

    /// "Priya to send the quote by Friday".
    pub(super) fn step(&self, key: &str, task: &Task) -> String {
        let task_text = lowered(&task.text);
        match self.conversation.speakers.get(task.owner).filter(|owner| !owner.is_unknown) {
            Some(owner) => self.worded(key, &[("who", &owner.first), ("task", &task_text)]),
            None => self.worded("step unowned", &[("task", &task_text)]),
        }
    }

    /// The step without what follows its first comma.
    pub(super) fn short_step(&self, key: &str, task: &Task) -> String {
        let mut short = task.clone();
        short.text.truncate(task.text.find(',').unwrap_or(task.text.len()));
        self.step(key, &short)
    }

    /// Whether the speaker is one of our people.
    pub(super) fn is_ours(&self, speaker: usize) -> bool {
        self.conversation.speakers.get(speaker).is_some_and(|speaker| speaker.side == Side::Ours)
    }

    /// "Dana Whitfield: The export outage cost us two days."
    pub(super) fn point(&self, quote: &Quote, limit: usize) -> String {
        let who = self.conversation.speaker_of(quote.utterance).map(|speaker| speaker.name.clone()).unwrap_or_default();
        let asked = quote.question.as_ref().and_then(|question| {
            self.lexicon.wording("answered point", &[("who", &who), ("question", question), ("words", &quote.text)])
        });
        clip(&asked.unwrap_or_else(|| format!("{who}: {}", quote.text)), limit)
    }
}

/// Sentences said one right after the other by the same person are one quote.
fn joined(quotes: &[&Quote]) -> Vec<Quote> {
    let mut joined: Vec<Quote> = Vec::new();
    let mut last = 0;
    for quote in quotes {
        match joined.last_mut() {
            Some(before) if quote.utterance == last + 1 && quote.turn == before.turn && quote.question.is_none() => {
                before.text = format!("{} {}", before.text, quote.text);
            }
            _ => joined.push((*quote).clone()),
        }
        last = quote.utterance;
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{ours, theirs, transcript};
    use super::super::{CallContext, Intents, LocalSummariser};
    use super::*;

    fn text(lines: &[(&str, Side, &str)]) -> String {
        LocalSummariser::new(Intents::default()).summarise(&CallContext::default(), &transcript(lines)).text
    }

    #[test]
    fn people_are_introduced_once() {
        let lines = [
            theirs("The warehouse exports failed on three Mondays."),
            ours("The queue timeout was fixed in the last release."),
            theirs("The board wants a written report about it."),
        ];
        let told = text(&lines);
        assert!(told.starts_with("Priya Shah spoke with Dana Whitfield (customer)."), "{told}");
        assert_eq!(told.matches("Whitfield").count(), 1, "{told}");
    }

    #[test]
    fn quotes_are_in_the_order_they_were_said() {
        let told = text(&[
            theirs("The invoice for March shows the wrong address."),
            theirs("We decided to renew for two years at 40 seats, and the price is agreed."),
        ]);
        assert!(told.find("invoice") < told.find("two years"), "{told}");
    }

    #[test]
    fn next_steps_close_the_text() {
        let told = text(&[ours("I'll send the revised quote by Friday."), theirs("Thanks.")]);
        assert!(told.ends_with("Next steps: Priya to send the revised quote by Friday."), "{told}");
    }

    #[test]
    fn names_written_in_capitals_stay() {
        assert_eq!(lowered("Send it"), "send it");
        assert_eq!(lowered("SSO setup"), "SSO setup");
    }
}
