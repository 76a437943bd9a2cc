//! The customer's mood from the words used: a lexicon with negation ("not happy") and intensifiers ("really happy").
//!
//! Knows no irony. Where nobody is known to be the customer, everybody counts.

use crate::domain::call::Side;

use super::conversation::{Conversation, Utterance};
use super::lexicon::Lexicon;
use super::score::{is_back_channel, is_small_talk};

/// A negation reaches this many words ahead.
const REACH: usize = 3;
/// Mood that has to gather before a call counts as clearly good or bad.
const DAMPING: f64 = 4.0;
/// How much the gravity of risks counts.
const RISKS: f64 = 0.55;
/// How much our own people's words count beside the customer's.
const OURS: f64 = 0.1;

/// The mood of the call from −1 to 1, with two decimals. `gravity` is how grave its risks are: who lists what went wrong
/// is not happy, however calm the words.
pub(super) fn sentiment(conversation: &Conversation, lexicon: &Lexicon, gravity: f64) -> f64 {
    let (mut good, mut bad) = (0.0, RISKS * gravity);
    for utterance in &conversation.utterances {
        let weight = if conversation.sides_known && utterance.side != Side::Theirs { OURS } else { 1.0 };
        // Greetings are friendly on every call, and "okay, great" is no praise.
        let is_polite = is_small_talk(utterance, lexicon) || is_back_channel(utterance, lexicon);
        let weight = if is_polite { 0.2 * weight } else { weight };
        let mood = mood_of(utterance, lexicon).clamp(-4.0, 4.0) * weight;
        if mood > 0.0 {
            good += mood;
        } else {
            bad -= mood;
        }
    }
    let balance = (good - bad) / (good + bad + DAMPING);
    let rounded = (balance.clamp(-1.0, 1.0) * 100.0).round() / 100.0;
    // No "-0.0" in anybody's JSON.
    if rounded == 0.0 { 0.0 } else { rounded }
}

fn mood_of(utterance: &Utterance, lexicon: &Lexicon) -> f64 {
    let tokens = &utterance.tokens;
    let mut total = 0.0;
    for hit in lexicon.mood.hits(tokens) {
        let near = tokens.get(hit.at.saturating_sub(REACH)..hit.at).unwrap_or_default();
        let negated = near.iter().any(|token| lexicon.negators.contains(&token.word));
        let strength: f64 = lexicon.intensifiers.hits(near).iter().map(|found| found.attached).product();
        // What is denied is weaker than its opposite: "not bad" is no praise.
        let turned = if negated { -0.5 } else { 1.0 };
        total += hit.attached * strength * turned;
    }
    if utterance.is_question { total * 0.5 } else { total }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{conversation, ours, theirs};
    use super::*;

    fn english(lines: &[(&str, Side, &str)]) -> f64 {
        let lexicon = Lexicon::english();
        sentiment(&conversation(lines, &lexicon), &lexicon, 0.0)
    }

    #[test]
    fn praise_is_good_and_anger_is_bad() {
        assert!(english(&[theirs("We love it, the team is really happy and it saved us weeks.")]) > 0.3);
        assert!(english(&[theirs("This is unacceptable, the outage was terrible and we are frustrated.")]) < -0.3);
    }

    #[test]
    fn negation_turns_the_mood() {
        assert!(english(&[theirs("We are not happy with this at all.")]) < 0.0);
    }

    #[test]
    fn the_customer_counts_more_than_we_do() {
        let lines = [ours("That is great, fantastic, wonderful!"), theirs("We are disappointed and frustrated.")];
        assert!(english(&lines) < 0.0);
    }

    #[test]
    fn a_short_call_stays_near_zero() {
        let short = english(&[theirs("Good, thanks.")]);
        assert!((0.0..0.3).contains(&short), "{short}");
    }
}
