//! One line that tells the call apart: whose it was, what it was about, and what it came to.

use crate::domain::call::Side;

use super::lexicon::Cue;
use super::merge::Task;
use super::numbers::clip;
use super::prose::Material;
use super::quotes::Quote;
use super::risks::Risks;
use crate::domain::tokens::{Token, fold, tokenize};

/// The longest headline, in characters.
pub(super) const LONGEST: usize = 110;
/// Quotation marks, brackets and a space around a quote and its speaker.
const QUOTING: usize = 5;
/// Room that is enough for a step that has to be cut.
const ROOM_FOR_PART: usize = 40;
/// Less of a quote than this says nothing.
const LEAST_QUOTED: usize = 36;

/// What the call is known by.
pub(super) struct Known<'a> {
    pub(super) title: Option<&'a str>,
    pub(super) account: Option<&'a str>,
    pub(super) intent: Option<&'a str>,
}

/// Writes the headline.
pub(super) fn headline(material: &Material<'_>, known: &Known<'_>, risks: &Risks, points: &[&Quote]) -> String {
    let subject = subject(material, known);
    let topic = topic(material, known, risks, &subject);
    let taken = subject.chars().count() + if subject.contains(": ") { 3 } else { 2 };
    // Beside a risk, any sentence is less than a step.
    let points = if risks.main_kind.is_some() { &[] } else { points };
    let free = outcome(material, points, LONGEST.saturating_sub(taken));
    let room = LONGEST.saturating_sub(taken + topic.chars().count() + 2);
    // What it came to says more than what it was about, but not more than that something is at risk.
    let (topic, outcome) = if risks.main_kind.is_some() || free.is_empty() || free.chars().count() <= room {
        (topic, outcome(material, points, room))
    } else {
        (String::new(), free)
    };
    let rest = [topic, outcome].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ");
    let line = match (subject.is_empty(), rest.is_empty()) {
        (false, false) if subject.contains(": ") => format!("{subject} – {rest}"),
        (false, false) => format!("{subject}: {rest}"),
        (false, true) => subject,
        (true, false) => super::clean::capitalised(&rest),
        (true, true) => material.lexicon.wording("thin", &[]).unwrap_or_default(),
    };
    clip(&line, LONGEST)
}

/// The account, else the title, else whom the call was with.
fn subject(material: &Material<'_>, known: &Known<'_>) -> String {
    if let Some(name) = known.account.or(known.title) {
        return clip(name, 60);
    }
    let theirs = material.conversation.speakers.iter().find(|speaker| speaker.side == Side::Theirs && speaker.is_named);
    theirs.and_then(|speaker| material.lexicon.wording("call with", &[("who", &speaker.name)])).unwrap_or_default()
}

/// "renewal at risk over outages", "onboarding", or what the title says.
fn topic(material: &Material<'_>, known: &Known<'_>, risks: &Risks, subject: &str) -> String {
    let lexicon = material.lexicon;
    let risk = risks.main_kind.and_then(|kind| lexicon.risk_label(kind));
    let risk_place = risk.unwrap_or_default();
    let at_risk =
        (risk.is_some() || risks.is_churn) && known.intent.is_some_and(|intent| lexicon.can_be_at_risk(intent));
    let intent = known.intent.map(|intent| lexicon.intent_label(intent));
    // The title has said it: "Monthly check-in" needs no "check-in" after it. What is at risk is worth a second word.
    let intent = intent.filter(|label| at_risk || !tells(subject, label));
    // "Check-in, concern about …" says nothing more than the concern does.
    let says = known.intent.is_some_and(|intent| lexicon.intent_topic(intent).is_some());
    let intent = intent.filter(|_| says || risk.is_none());
    if risks.is_churn && !at_risk {
        return lexicon.wording("risk of churn", &[]).unwrap_or_default();
    }
    let worded = match (&intent, risk) {
        (Some(label), Some(_)) => {
            let key = if at_risk { "at risk" } else { "concern" };
            let repeated = fold(risk_place).contains(&fold(label));
            if repeated {
                Some(label.clone())
            } else {
                lexicon.wording(key, &[("intent", label), ("risk", risk_place)])
            }
        }
        (Some(label), None) if at_risk => lexicon.wording("only at risk", &[("intent", label)]),
        (Some(label), None) => {
            let named =
                material.topics.iter().filter(|topic| topic.is_telling()).find(|topic| {
                    !fold(label).contains(&fold(&topic.name)) && !fold(&topic.name).contains(&fold(label))
                });
            match named {
                Some(topic) => lexicon.wording("about", &[("intent", label), ("topic", &topic.name)]),
                None => Some(label.clone()),
            }
        }
        (None, Some(_)) => lexicon.wording("only concern", &[("risk", risk_place)]),
        (None, None) => None,
    };
    let worded = worded.unwrap_or_default();
    if !worded.is_empty() {
        return worded;
    }
    if let Some(title) = known.title.filter(|_| known.account.is_some()) {
        return rest_of_title(title, subject);
    }
    let mut telling = material.topics.iter().filter(|topic| topic.is_telling() && !tells(subject, &topic.name));
    telling.next().map(|topic| topic.name.clone()).unwrap_or_default()
}

/// Whether all words of `label` are in `subject`.
fn tells(subject: &str, label: &str) -> bool {
    let subject: Vec<Token> = tokenize(subject);
    tokenize(label).iter().all(|token| subject.iter().any(|told| told.word == token.word))
}

/// The title without the account's name.
fn rest_of_title(title: &str, account: &str) -> String {
    let named: Vec<String> = tokenize(account).into_iter().map(|token| token.word).collect();
    let tokens: Vec<Token> = tokenize(title).into_iter().filter(|token| !named.contains(&token.word)).collect();
    let first = tokens.first().map_or(0, |token| token.start);
    let last = tokens.last().map_or(0, |token| token.end);
    clip(title.get(first..last).unwrap_or_default(), 50)
}

/// What the call came to: a step that fits the room left, else a decision, else what mattered most.
fn outcome(material: &Material<'_>, points: &[&Quote], room: usize) -> String {
    let mut steps: Vec<&Task> = material.tasks.iter().filter(|task| !task.is_minor).collect();
    // Our own dated promises first: they are what the reader has to keep.
    let rank = |task: &Task| (!task.has_date, !material.is_ours(task.owner));
    steps.sort_by(|left, right| rank(left).cmp(&rank(right)).then(right.weight.total_cmp(&left.weight)));
    let dated = steps.first().is_some_and(|task| task.has_date);
    let step = steps
        .iter()
        .filter(|task| task.has_date == dated)
        .flat_map(|task| [material.step("headline step", task), material.short_step("headline step", task)])
        .find(|step| step.chars().count() <= room);
    if let Some(step) = step {
        return step;
    }
    if let Some(task) = steps.first().filter(|task| task.has_date && room >= ROOM_FOR_PART) {
        return clip(&material.short_step("headline step", task), room);
    }
    quoted(material, points, room)
}

/// The best point that fits, a decision first; else the beginning of the best one.
fn quoted(material: &Material<'_>, points: &[&Quote], room: usize) -> String {
    let mut points: Vec<&Quote> = points.iter().copied().filter(|quote| quote.question.is_none()).collect();
    points.sort_by_key(|quote| !is_decision(material, quote));
    let who = |quote: &Quote| {
        let speaker = material.conversation.speaker_of(quote.utterance);
        speaker.map(|speaker| speaker.first.as_str()).unwrap_or_default()
    };
    let words = |quote: &Quote| quote.text.trim_end_matches(['.', '。']).to_owned();
    let worded = |quote: &Quote, words: &str| {
        material.lexicon.wording("said headline", &[("who", who(quote)), ("words", words)])
    };
    let unsigned = |quote: &Quote| material.lexicon.wording("quoted headline", &[("words", &words(quote))]);
    let whole = points.iter().find_map(|quote| {
        let both = [worded(quote, &words(quote)), unsigned(quote)];
        both.into_iter().flatten().find(|line| line.chars().count() <= room)
    });
    if let Some(line) = whole {
        return line;
    }
    let Some(quote) = points.first() else { return String::new() };
    let room = room.saturating_sub(who(quote).chars().count() + QUOTING);
    if room < LEAST_QUOTED {
        return String::new();
    }
    worded(quote, &clip(&words(quote), room)).unwrap_or_default()
}

fn is_decision(material: &Material<'_>, quote: &Quote) -> bool {
    let tokens = tokenize(&quote.text);
    material.lexicon.cues.iter().any(|(cue, phrases)| *cue == Cue::Decision && phrases.occur(&tokens))
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{ours, theirs, transcript};
    use super::super::{CallContext, Intents, LocalSummariser};
    use super::*;

    fn line(title: Option<&str>, account: Option<&str>, lines: &[(&str, Side, &str)]) -> String {
        let summariser = LocalSummariser::new(Intents::default());
        summariser.summarise(&CallContext { title, account, ..CallContext::default() }, &transcript(lines)).headline
    }

    #[test]
    fn the_account_comes_first_then_the_title_then_the_customer() {
        let lines = [ours("I'll send the order form to procurement tomorrow."), theirs("Okay.")];
        assert!(line(Some("Order"), Some("Northwind"), &lines).starts_with("Northwind: "));
        assert!(line(Some("Order"), None, &lines).starts_with("Order: "));
        assert!(line(None, None, &lines).starts_with("Call with Dana Whitfield: "));
    }

    #[test]
    fn it_tells_the_next_step() {
        let lines = [ours("I'll send the order form to procurement tomorrow."), theirs("Okay.")];
        assert!(
            line(None, Some("Northwind"), &lines).ends_with("Priya to send the order form to procurement tomorrow")
        );
    }

    #[test]
    fn without_a_step_it_tells_what_mattered() {
        let lines = [theirs("We chose the annual plan for the whole Leeds office.")];
        assert!(
            line(None, Some("Northwind"), &lines)
                .contains("“We chose the annual plan for the whole Leeds office” (Dana)")
        );
    }
}
