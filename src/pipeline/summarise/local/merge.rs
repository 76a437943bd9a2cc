//! Tells tasks that say the same from those that do not, keeps the one that says most, and picks those worth listing.

use std::collections::HashSet;

use super::clean::lowered;
use super::commitments::ANSWER_WITHIN;
use super::opening::Source;
use super::quotes::overlap;

const MOST: usize = 6;
/// So many good tasks are enough to leave out the weak ones.
const ENOUGH: usize = 3;
/// Weaker than this is weak.
const GOOD: f64 = 1.7;
const SAME: f64 = 0.5;
/// Of one owner and one day, less in common is enough.
const SAME_ON_ONE_DAY: f64 = 0.15;
/// A sentence that shares so many words with a task may say the same.
const SAID_AGAIN: usize = 3;
const LONGEST_JOINED: usize = 180;

/// One thing somebody is to do.
#[derive(Debug, Clone)]
pub(super) struct Task {
    /// The sentence it is from.
    pub(super) utterance: usize,
    /// Who is to do it: an index into the speakers.
    pub(super) owner: usize,
    pub(super) text: String,
    pub(super) has_date: bool,
    /// Whether it is done in a minute: an invitation, a link.
    pub(super) is_minor: bool,
    /// How much it says.
    pub(super) weight: f64,
    pub(super) source: Source,
    /// Whether it is about something named before.
    pub(super) leans: bool,
    /// The language's "and".
    pub(super) and: String,
    pub(super) terms: Vec<usize>,
    /// The words of its date.
    pub(super) date: HashSet<String>,
}

impl Task {
    /// Whether nothing is won by the wording of `other`, which is the same task.
    fn says_more_than(&self, other: &Self) -> bool {
        other.source == Source::Listed
            || (other.source.is_recap() && self.has_date && self.terms.len() > other.terms.len() + 1)
    }

    /// Whether a sentence of these words says what the task says.
    pub(super) fn is_said_by(&self, terms: &[usize]) -> bool {
        let shared = terms.iter().filter(|term| self.terms.contains(term)).count();
        shared >= SAID_AGAIN && shared * 2 >= terms.len()
    }
}

/// The most concrete ones, in the order they were given.
pub(super) fn best(tasks: Vec<Task>) -> Vec<Task> {
    let mut order: Vec<Task> = tasks;
    order.sort_by(|left, right| right.weight.total_cmp(&left.weight).then(left.utterance.cmp(&right.utterance)));
    let good = order.iter().filter(|task| task.weight >= GOOD).count();
    order.truncate(if good >= ENOUGH { good.min(MOST) } else { MOST.min(ENOUGH.max(good)) });
    order.sort_by_key(|task| task.utterance);
    order
}

/// "I'll write it up, and I'll send it to you" is one task; "sure, I'll send it" only repeats the request.
pub(super) fn settle(tasks: &mut Vec<Task>, task: Task) {
    let known = tasks.iter_mut().rev().take(MOST).find(|known| {
        known.owner == task.owner
            && (known.utterance == task.utterance
                || (known.source == Source::Request && task.utterance <= known.utterance + ANSWER_WITHIN))
    });
    match known {
        Some(known) if task.leans && known.utterance == task.utterance => {
            let joined = format!("{}, {} {}", known.text, task.and, lowered(&task.text));
            if joined.chars().count() <= LONGEST_JOINED {
                known.text = joined;
                known.has_date |= task.has_date;
                known.date.extend(task.date);
            }
        }
        _ if task.leans => {}
        _ => keep(tasks, task),
    }
}

/// Adds the task unless it is known; of two the same, the one that says more stays.
fn keep(tasks: &mut Vec<Task>, task: Task) {
    let same = |known: &Task| {
        let shared = overlap(&known.terms, &task.terms);
        let enough = if known.date.is_disjoint(&task.date) { SAME } else { SAME_ON_ONE_DAY };
        // What was promised without a date got one when it was read back.
        let enough = if task.source.is_recap() && !known.source.is_recap() && !known.has_date {
            SAME_ON_ONE_DAY
        } else {
            enough
        };
        let repeated = known.source.is_recap() != task.source.is_recap() && contained(&known.terms, &task.terms);
        let owners = known.owner == task.owner || (task.source == Source::Listed && repeated);
        shared >= 0.75 || (owners && (repeated || shared >= enough)) || known.text == task.text
    };
    match tasks.iter_mut().find(|known| same(known)) {
        Some(known) if task.weight > known.weight && !known.says_more_than(&task) => *known = task,
        Some(_) => {}
        None => tasks.push(task),
    }
}

/// Whether most of what one of them is about is in the other.
fn contained(left: &[usize], right: &[usize]) -> bool {
    let (fewer, more) = if left.len() <= right.len() { (left, right) } else { (right, left) };
    let shared = fewer.iter().filter(|term| more.contains(term)).count();
    shared >= 2 && shared * 3 >= fewer.len() * 2
}
