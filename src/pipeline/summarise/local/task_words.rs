//! The word lists around commitments: promises, requests, verbs of tasks, dates.

use std::collections::HashSet;

use super::phrases::Phrases;
use super::sections::{Sections, plain, word_set};

/// How firmly a phrase commits its speaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Promise {
    /// "I will": a commitment.
    Firm,
    /// "I need to": one only with a date.
    Soft,
    /// "Let me": one only with verbs that take longer than the call.
    Let,
}

/// Whose tasks a list read back is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    /// The speaker's side.
    Mine,
    /// The other side's.
    Yours,
}

/// The lists around commitments.
#[derive(Debug, Default)]
pub(super) struct TaskWords {
    pub(super) promises: Phrases<Promise>,
    pub(super) third_person: Phrases<()>,
    pub(super) clitics: Phrases<()>,
    pub(super) object_clitics: HashSet<String>,
    pub(super) adverbs: Phrases<()>,
    pub(super) verbs: Phrases<()>,
    /// First-person forms and the task they stand for.
    pub(super) conjugated: Phrases<&'static str>,
    pub(super) standing: Phrases<&'static str>,
    pub(super) let_verbs: Phrases<()>,
    pub(super) excluded: Phrases<()>,
    pub(super) requests: Phrases<()>,
    pub(super) accepts: Phrases<()>,
    pub(super) refuses: Phrases<()>,
    pub(super) due: Phrases<()>,
    pub(super) before_due: HashSet<String>,
    /// "antes del": a number after it is a day.
    pub(super) day_leads: Phrases<()>,
    /// Dates that are no names: written small inside a sentence.
    pub(super) small_dates: HashSet<String>,
    /// Where somebody begins to read back what was agreed.
    pub(super) recap_starts: Phrases<()>,
    /// "from my side": whose list follows.
    pub(super) recap_sides: Phrases<Whose>,
    /// "you have": what somebody gets from the speaker.
    pub(super) receiving: Phrases<Promise>,
    /// "gets": who receives is not who delivers.
    pub(super) receives: HashSet<String>,
    /// "I": the speaker as the subject of a task read back.
    pub(super) myself: HashSet<String>,
    /// "you" as the subject of a task read back.
    pub(super) yourself: HashSet<String>,
    /// How a verb ends when it is said of somebody, and the task's ending.
    pub(super) said_of_another: Vec<(&'static str, &'static str)>,
    /// Words that show that a stretch of words has a verb.
    pub(super) finite: HashSet<String>,
    /// How the name of a thing begins: "the", "our".
    pub(super) determiners: HashSet<String>,
    /// Words that name nothing one could check off.
    pub(super) vague: HashSet<String>,
    /// Words at the beginning of a task that point at something said before.
    pub(super) pointing: HashSet<String>,
    /// "a call": what is arranged rather than delivered.
    pub(super) meetings: Phrases<()>,
    /// Phrases whose meaning is in another sentence.
    pub(super) unclear: Phrases<()>,
    /// Invitations, links and the like: done in a minute.
    pub(super) incidental: Phrases<()>,
    pub(super) cuts: Phrases<()>,
    pub(super) corrections: Phrases<()>,
    pub(super) dative: HashSet<String>,
    /// Connectives that end no task.
    pub(super) dangling: HashSet<String>,
    /// Words after which a verb's form is a noun.
    pub(super) not_before_verb: HashSet<String>,
    pub(super) me: HashSet<String>,
    pub(super) our: HashSet<String>,
    /// Words after which "you" is a subject.
    pub(super) before_subject: HashSet<String>,
    /// "it": an object named before.
    pub(super) pronoun_objects: HashSet<String>,
    pub(super) asides: Phrases<()>,
    pub(super) you: Phrases<()>,
    pub(super) enclitics: Vec<&'static str>,
    /// "my" and what it becomes when somebody else tells it.
    pub(super) persons: Vec<(&'static str, &'static str)>,
}

impl TaskWords {
    /// Reads the file of a language.
    pub(super) fn parse(text: &'static str) -> Self {
        let lists = Sections::parse(text);
        Self {
            promises: Phrases::new(lists.entries("promise").map(|(phrase, value)| (phrase, promise(value)))),
            third_person: plain(&lists, "third person"),
            clitics: plain(&lists, "clitics"),
            object_clitics: word_set(&lists, "object clitics"),
            adverbs: plain(&lists, "adverbs"),
            verbs: plain(&lists, "verbs"),
            conjugated: Phrases::new(lists.entries("conjugated")),
            standing: Phrases::new(lists.entries("standing")),
            let_verbs: plain(&lists, "let verbs"),
            excluded: plain(&lists, "not tasks"),
            requests: plain(&lists, "requests"),
            accepts: plain(&lists, "accepts"),
            refuses: plain(&lists, "refuses"),
            due: plain(&lists, "due"),
            before_due: word_set(&lists, "due before"),
            day_leads: plain(&lists, "day leads"),
            small_dates: word_set(&lists, "small dates"),
            recap_starts: plain(&lists, "recap starts"),
            recap_sides: Phrases::new(lists.entries("recap sides").map(|(phrase, value)| (phrase, whose(value)))),
            receiving: Phrases::new(lists.entries("receiving").map(|(phrase, value)| (phrase, promise(value)))),
            receives: word_set(&lists, "receives"),
            myself: word_set(&lists, "myself"),
            yourself: word_set(&lists, "yourself"),
            said_of_another: lists.entries("said of another").collect(),
            finite: word_set(&lists, "finite"),
            determiners: word_set(&lists, "determiners"),
            vague: word_set(&lists, "vague"),
            pointing: word_set(&lists, "pointing"),
            meetings: plain(&lists, "meetings"),
            unclear: plain(&lists, "unclear"),
            incidental: plain(&lists, "incidental"),
            cuts: plain(&lists, "cuts"),
            corrections: plain(&lists, "corrections"),
            dative: word_set(&lists, "dative"),
            dangling: word_set(&lists, "dangling"),
            not_before_verb: word_set(&lists, "not before verb"),
            me: word_set(&lists, "me"),
            our: word_set(&lists, "our"),
            before_subject: word_set(&lists, "before subject"),
            pronoun_objects: word_set(&lists, "pronoun objects"),
            asides: plain(&lists, "asides"),
            you: plain(&lists, "you"),
            enclitics: lists.list("enclitics").collect(),
            persons: lists.entries("persons").collect(),
        }
    }
}

fn promise(value: &str) -> Promise {
    match value {
        "soft" => Promise::Soft,
        "let" => Promise::Let,
        _ => Promise::Firm,
    }
}

fn whose(value: &str) -> Whose {
    if value == "yours" { Whose::Yours } else { Whose::Mine }
}
