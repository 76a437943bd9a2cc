//! Writes the paragraphs: who spoke about what, the best sentences in the order they were said as reported speech, and
//! the next steps.
//!
//! Quotes are never put into indirect speech: changing persons and tenses by rule is how meanings get lost.

use crate::domain::call::Side;

use super::clean::{capitalised, lowered};
use super::conversation::{Conversation, Speaker};
use super::language::Tongue;
use super::lexicon::{Cue, Lexicon};
use super::merge::Task;
use super::numbers::clip;
use super::quotes::Quote;
use super::stem::stem;
use super::topics::Topic;
use crate::domain::tokens::tokenize;

const MOST_NAMES: usize = 4;
const MOST_STEPS: usize = 4;
const MOST_TOPICS: usize = 3;
/// So many quotes of one person make one sentence.
const QUOTES_AT_ONCE: usize = 2;
const LONGEST_TEXT: usize = 1_800;
/// Sentences from which on it is worth saying when something was said.
const LONG_CALL: usize = 16;
/// From here on a sentence is said "towards the end".
const END: f64 = 0.85;

/// Everything a text is made of.
pub(super) struct Material<'a> {
    pub(super) conversation: &'a Conversation,
    pub(super) lexicon: &'a Lexicon,
    pub(super) tongue: Tongue,
    pub(super) topics: &'a [Topic],
    pub(super) tasks: &'a [Task],
    pub(super) intent: Option<&'a str>,
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
        let topics = self.topics_told();
        let topic = self.list(&topics);
        let about = if topics.is_empty() { "" } else { " about" };
        if !ours.is_empty() && !theirs.is_empty() {
            let (us, them) = (self.names(&ours, told), self.customers(&theirs, told));
            let places = [("ours", us.as_str()), ("theirs", &them), ("topic", &topic)];
            let plural = if ours.len() > 1 { "plural " } else { "" };
            let key = format!("spoke with{about}");
            return self
                .lexicon
                .wording(&format!("{plural}{key}"), &places)
                .or_else(|| self.lexicon.wording(&key, &places));
        }
        let all: Vec<usize> = speakers().map(|(at, _)| at).collect();
        if all.is_empty() || topics.is_empty() {
            return None;
        }
        let names = self.names(&all, told);
        let key = if all.len() > 1 { "talked about" } else { "spoke alone" };
        self.lexicon.wording(key, &[("ours", &names), ("topic", &topic)])
    }

    /// What the call was about, the intent first.
    fn topics_told(&self) -> Vec<String> {
        let intent = self.intent.and_then(|intent| self.lexicon.intent_topic(intent)).map(str::to_owned);
        let words = |text: &str| -> Vec<String> {
            let tokens = tokenize(text).into_iter().filter(|token| !self.lexicon.is_common(&token.word));
            tokens.map(|token| stem(&token.word, self.tongue)).collect()
        };
        let said = intent.as_deref().map(words).unwrap_or_default();
        let is_new = |topic: &&Topic| words(&topic.name).iter().all(|word| !said.contains(word));
        let others = self.topics.iter().filter(is_new).map(|topic| topic.told.clone());
        intent.clone().into_iter().chain(others).take(MOST_TOPICS).collect()
    }

    /// Several of the customer's people are said to be so once.
    fn customers(&self, speakers: &[usize], told: &mut Vec<usize>) -> String {
        if speakers.len() < 2 {
            return self.names(speakers, told);
        }
        told.extend(speakers);
        let shown = if speakers.len() > MOST_NAMES { MOST_NAMES - 1 } else { speakers.len() };
        let people = speakers.iter().take(shown).filter_map(|at| self.conversation.speakers.get(*at));
        let mut names: Vec<String> = people.map(|person| person.name.clone()).collect();
        if shown < speakers.len() {
            names.push(self.worded("others", &[("count", &(speakers.len() - shown).to_string())]));
        }
        self.worded("customers", &[("names", &self.list(&names))])
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
        let (mut at_end, mut verb) = (false, "");
        let joined = joined(quotes);
        let mut before = None;
        for group in self.groups(&joined) {
            let Some(first) = group.first() else { continue };
            let Some(utterance) = self.conversation.utterances.get(first.utterance) else { continue };
            let speaker = Some(utterance.speaker);
            let key = if before.replace(utterance.speaker) == speaker { "added" } else { self.verb(first) };
            verb = if verb == key { again(key) } else { key };
            let sentence = self.quoted(&group, verb, told);
            let is_long = self.conversation.utterances.len() >= LONG_CALL;
            let ends = is_long && utterance.position >= END && !at_end && quotes.len() > 2;
            at_end |= ends;
            sentences.push(if ends { self.led_in("end", sentence) } else { capitalised(&sentence) });
        }
        sentences
    }

    /// Of what one person said in a row, the best is told, in one sentence; answers come with their questions, each alone.
    fn groups<'q>(&self, quotes: &'q [Quote]) -> Vec<Vec<&'q Quote>> {
        let speaker = |quote: &Quote| self.conversation.utterances.get(quote.utterance).map(|said| said.speaker);
        let runs = quotes.chunk_by(|left, right| {
            let tell = |quote: &Quote| quote.question.is_none() && !quote.text.ends_with(['?', '？']);
            tell(left) && tell(right) && speaker(left) == speaker(right)
        });
        let best = |run: &'q [Quote]| {
            let mut best: Vec<&Quote> = run.iter().collect();
            best.sort_by(|left, right| right.score.total_cmp(&left.score));
            best.truncate(2 * QUOTES_AT_ONCE);
            best.sort_by_key(|quote| quote.utterance);
            best.chunks(QUOTES_AT_ONCE).map(<[&Quote]>::to_vec).collect::<Vec<_>>()
        };
        runs.flat_map(best).collect()
    }

    fn led_in(&self, key: &str, sentence: String) -> String {
        self.lexicon.wording(key, &[("sentence", &sentence)]).unwrap_or(sentence)
    }

    fn quoted(&self, quotes: &[&Quote], verb: &str, told: &mut Vec<usize>) -> String {
        let Some(quote) = quotes.first() else { return String::new() };
        let Some(utterance) = self.conversation.utterances.get(quote.utterance) else { return String::new() };
        let who = self.introduced(utterance.speaker, told);
        let verb = self.worded(verb, &[]);
        if let Some(question) = &quote.question
            && let Some(told) =
                self.lexicon.wording("answered", &[("who", &who), ("question", question), ("words", &quote.text)])
        {
            return told;
        }
        if let Some(second) = quotes.get(1) {
            let is_listed = self.tongue != Tongue::Other;
            let words = if is_listed { quote.text.trim_end_matches('.') } else { &quote.text };
            let places = [("who", who.as_str()), ("verb", &verb), ("words", words), ("more", &second.text)];
            return self.worded("quotes", &places);
        }
        self.worded("quote", &[("who", &who), ("verb", &verb), ("words", &quote.text)])
    }

    /// The verb that fits what the sentence does.
    fn verb(&self, quote: &Quote) -> &'static str {
        let tokens = tokenize(&quote.text);
        let has = |wanted: Cue| self.lexicon.cues.iter().any(|(cue, phrases)| *cue == wanted && phrases.occur(&tokens));
        let theirs = self.conversation.speaker_of(quote.utterance).is_some_and(|speaker| speaker.side == Side::Theirs);
        if quote.text.ends_with(['?', '？']) {
            "asked"
        } else if has(Cue::Decision) {
            "decision"
        } else if theirs && has(Cue::Problem) && !has(Cue::Success) {
            "problem"
        } else if theirs && has(Cue::Need) {
            "need"
        } else {
            "said"
        }
    }

    /// "Next steps: Priya to send the quote by Friday; Dana to …."
    fn next_steps(&self) -> String {
        let mut dated: Vec<&Task> = self.tasks.iter().collect();
        dated.sort_by(|left, right| right.weight.total_cmp(&left.weight));
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

/// The same verb in two sentences running reads like a record of evidence.
fn again(verb: &'static str) -> &'static str {
    match verb {
        "said" => "said again",
        "asked" => "asked again",
        "problem" => "problem again",
        "decision" => "decision again",
        "need" => "need again",
        other => other,
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
