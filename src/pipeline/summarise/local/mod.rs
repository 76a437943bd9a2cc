//! The built-in summariser: extractive, deterministic, without network, clock or model.
//!
//! It picks sentences that were said, cleans them and says who said them; it never invents a statement. English and
//! Spanish have word lists (`data/`); in any other language only what recurs counts, so there are no tasks, risks or
//! moods. Personal e-mail addresses and phone numbers are hidden before anything is read.
//!
//! The order of the work: `conversation` cuts, `score` weighs, `quotes` picks; `tasks`, `risks`, `mood` and `intent` look
//! for what they are named after; `prose` and `headline` write. Tasks are found by `commitments` and `recap`, worded by
//! `task_text`, and judged by `concrete`.

mod antecedent;
mod clean;
mod commitments;
mod concrete;
mod conversation;
mod dates;
#[cfg(test)]
mod fixtures;
mod headline;
mod intent;
mod language;
mod lexicon;
mod merge;
mod mood;
mod numbers;
mod opening;
mod phrases;
mod prose;
mod quotes;
mod recap;
mod risks;
mod score;
mod sections;
mod segments;
mod stem;
mod task_text;
mod task_words;
mod tasks;
#[cfg(test)]
mod tests;
mod topics;
mod verbs;

use super::CallContext;
use crate::domain::{
    summary::{ActionItem, Summary},
    transcript::Transcript,
};

use crate::domain::redact::redact;
use conversation::Conversation;
use headline::Known;
use intent::IntentMatcher;
use language::Tongue;
use lexicon::Lexicon;
use merge::Task;
use numbers::clip;
use prose::Material;
use quotes::Quote;
use tasks::Tasks;
use topics::Topic;

pub use intent::Intents;

/// What a summary says made it.
const PROVIDER: &str = "local";
const LONGEST_POINT: usize = 240;
const LONGEST_TITLE: usize = 120;
const MOST_POINTS: usize = 7;
const FEWEST_POINTS: usize = 3;
const MOST_QUOTES: usize = 5;
const RISK_BONUS: f64 = 0.3;
/// What a risk is worth beside the best sentence if it could not stand alone.
const LEANING_RISK: f64 = 0.95;

/// Summarises calls by their own words. Built once, used for every call.
#[derive(Debug)]
pub struct LocalSummariser {
    english: Lexicon,
    spanish: Lexicon,
    other: Lexicon,
    intents: IntentMatcher,
}

impl LocalSummariser {
    /// What a call may be about, by name.
    pub fn intents(&self) -> impl Iterator<Item = &str> {
        self.intents.names()
    }

    /// Prepares the word lists and the intents.
    #[must_use]
    pub fn new(intents: Intents) -> Self {
        Self {
            english: Lexicon::english(),
            spanish: Lexicon::spanish(),
            other: Lexicon::other(),
            intents: intents.into_matcher(),
        }
    }

    /// Summarises a call. The same call always gives the same summary.
    #[must_use]
    pub fn summarise(&self, call: &CallContext<'_>, transcript: &Transcript) -> Summary {
        let (code, tongue) = language::detect(transcript, &self.english, &self.spanish);
        let lexicon = self.lexicon(tongue);
        let conversation = Conversation::new(transcript, lexicon, tongue);
        let (title, account) = (shown(call.title), shown(call.account));
        let intent = self.intents.best(title.as_deref(), &conversation);
        let known = Known { title: title.as_deref(), account: account.as_deref(), intent };
        let written = Written::new(&conversation, lexicon, tongue, &known);
        let mut summary = written.summary(&known);
        code.clone_into(&mut summary.language);
        summary.sentiment = mood::sentiment(&conversation, lexicon, written.risks.gravity);
        summary
    }

    fn lexicon(&self, tongue: Tongue) -> &Lexicon {
        match tongue {
            Tongue::English => &self.english,
            Tongue::Spanish => &self.spanish,
            Tongue::Other => &self.other,
        }
    }
}

/// A title or an account as it may be shown; nothing if nothing is in it.
fn shown(text: Option<&str>) -> Option<String> {
    let text = redact(text?).split_whitespace().collect::<Vec<_>>().join(" ");
    Some(clip(&text, LONGEST_TITLE)).filter(|text| text.chars().any(char::is_alphanumeric))
}

/// What was found in a call, to be put into words.
struct Written<'a> {
    conversation: &'a Conversation,
    lexicon: &'a Lexicon,
    tongue: Tongue,
    candidates: Vec<Quote>,
    tasks: Vec<Task>,
    /// The sentences that are tasks or repeat one.
    task_sentences: Vec<usize>,
    risks: risks::Risks,
    topics: Vec<Topic>,
}

/// The candidates and the risks missing among them: a warning is worth telling even if it leans on another sentence.
fn with_risks(mut candidates: Vec<Quote>, risks: &risks::Risks) -> Vec<Quote> {
    let best = candidates.first().map_or(0.0, |quote| quote.score);
    for risk in &risks.quotes {
        if !candidates.iter().any(|known| known.utterance == risk.utterance) {
            candidates.push(Quote { score: LEANING_RISK * best, ..risk.clone() });
        }
    }
    candidates
}

impl<'a> Written<'a> {
    fn new(conversation: &'a Conversation, lexicon: &'a Lexicon, tongue: Tongue, known: &Known<'_>) -> Self {
        let mut scores = score::scores(conversation, lexicon);
        let Tasks { told: tasks, sentences: task_sentences } = tasks::find_all(conversation, lexicon, &scores);
        let mut risks = risks::find(conversation, lexicon, &scores);
        // "I'll forward the complaints" is a task; "if it fails, we will leave" is a warning.
        let warns = |at: usize| {
            let said = conversation.utterances.get(at).map(|said| said.tokens.as_slice()).unwrap_or_default();
            said.iter().any(|token| lexicon.conditionals.contains(&token.word))
        };
        risks.quotes.retain(|quote| !task_sentences.contains(&quote.utterance) || warns(quote.utterance));
        // What is listed as a task need not be told twice.
        for task in &tasks {
            if let Some(score) = scores.get_mut(task.utterance) {
                *score *= 0.6;
            }
        }
        // Danger is what a manager has to hear of.
        for quote in &risks.quotes {
            if let Some(score) = scores.get_mut(quote.utterance) {
                *score += RISK_BONUS;
            }
        }
        let candidates = with_risks(quotes::candidates(conversation, lexicon, &scores), &risks);
        Self {
            conversation,
            lexicon,
            tongue,
            candidates,
            tasks,
            task_sentences,
            risks,
            topics: topics::topics(conversation, lexicon, tongue, known.account),
        }
    }

    fn summary(&self, known: &Known<'_>) -> Summary {
        let material = Material {
            conversation: self.conversation,
            lexicon: self.lexicon,
            tongue: self.tongue,
            topics: &self.topics,
            tasks: &self.tasks,
            intent: known.intent,
        };
        let most = (FEWEST_POINTS + self.conversation.utterances.len() / 10).min(MOST_POINTS);
        let untold: Vec<Quote> = self.candidates.iter().filter(|quote| !self.is_task(quote)).cloned().collect();
        let safe: Vec<Quote> = untold.iter().filter(|quote| !self.is_risk(quote)).cloned().collect();
        // A point is not told twice, unless the risks are all there is.
        let points = quotes::pick(if safe.is_empty() { &untold } else { &safe }, most, FEWEST_POINTS);
        let told = quotes::pick(&untold, most.min(MOST_QUOTES), FEWEST_POINTS);
        Summary {
            headline: headline::headline(&material, known, &self.risks, &points),
            text: if self.conversation.utterances.is_empty() {
                self.lexicon.wording("empty", &[]).unwrap_or_default()
            } else {
                material.text(&told)
            },
            key_points: points.iter().map(|quote| material.point(quote, LONGEST_POINT)).collect(),
            action_items: self.tasks.iter().map(|task| self.action_item(task)).collect(),
            risks: self.risks.quotes.iter().map(|quote| material.point(quote, LONGEST_POINT)).collect(),
            intent: known.intent.map(str::to_owned),
            sentiment: 0.0,
            language: String::new(),
            provider: PROVIDER.to_owned(),
        }
    }

    /// Whether the sentence is a task or says the same as one.
    fn is_task(&self, quote: &Quote) -> bool {
        self.task_sentences.contains(&quote.utterance) || self.tasks.iter().any(|task| task.is_said_by(&quote.terms))
    }

    fn is_risk(&self, quote: &Quote) -> bool {
        self.risks.quotes.iter().any(|risk| risk.utterance == quote.utterance || quote.text.contains(&risk.text))
    }

    fn action_item(&self, task: &Task) -> ActionItem {
        let owner = self.conversation.speakers.get(task.owner).filter(|owner| !owner.is_unknown);
        ActionItem { owner: owner.map(|owner| owner.name.clone()), text: task.text.clone() }
    }
}
