//! Dates as people say them: "by the end of next week", "el lunes 17", "the 12th".
//!
//! Finds them and cuts them out as they were said; works out none.

use std::collections::HashSet;

use super::conversation::Utterance;
use super::lexicon::Lexicon;
use crate::domain::tokens::Token;

/// How far before a weekday its "by the end of" may begin.
const MOST_LEADING: usize = 4;

/// Which of `tokens` belong to a date.
pub(super) fn date_words(lexicon: &Lexicon, tokens: &[Token]) -> HashSet<usize> {
    let hits = lexicon.tasks.due.hits(tokens);
    let dated = hits.iter().filter(|hit| !names_a_thing(lexicon, tokens, hit.at));
    let mut found: HashSet<usize> = dated.flat_map(|hit| hit.at..hit.end()).collect();
    found.extend((0..tokens.len()).filter(|at| is_day_of_month(lexicon, tokens, *at)));
    found
}

/// "el informe de julio": the month tells reports apart. "el 3 de julio" and "finales de julio" are dates.
fn names_a_thing(lexicon: &Lexicon, tokens: &[Token], at: usize) -> bool {
    let word = |back: usize| at.checked_sub(back).and_then(|at| tokens.get(at)).map(|token| token.word.as_str());
    let dated = |word: &str| {
        word.starts_with(|letter: char| letter.is_ascii_digit()) || lexicon.tasks.before_due.contains(word)
    };
    word(1) == Some("de") && word(2).is_some_and(|word| !dated(word))
}

/// The words of the dates in `tokens`, without what leads to them.
pub(super) fn words_of_date(lexicon: &Lexicon, tokens: &[Token]) -> HashSet<String> {
    let words = date_words(lexicon, tokens).into_iter().filter_map(|at| tokens.get(at));
    words.map(|token| token.word.clone()).filter(|word| !lexicon.tasks.before_due.contains(word)).collect()
}

/// Whether any of `tokens` belongs to a date.
pub(super) fn has_date(lexicon: &Lexicon, tokens: &[Token]) -> bool {
    !date_words(lexicon, tokens).is_empty()
}

/// "the 12th", "antes del 28".
fn is_day_of_month(lexicon: &Lexicon, tokens: &[Token], at: usize) -> bool {
    let Some(token) = tokens.get(at) else { return false };
    let digits = token.word.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let ending = token.word.get(digits.len()..).unwrap_or_default();
    let led = at
        .checked_sub(2)
        .is_some_and(|from| lexicon.tasks.day_leads.at(tokens, from).is_some_and(|hit| hit.end() == at));
    matches!(digits.parse::<u8>(), Ok(1..=31))
        && (matches!(ending, "st" | "nd" | "rd" | "th") || (ending.is_empty() && led))
}

/// The first date as it was said, with the words that lead to it: "by the end of next week".
pub(super) fn due_phrase(lexicon: &Lexicon, text: &str, tokens: &[Token]) -> Option<String> {
    let (first, begin, last) = range(lexicon, tokens)?;
    let said = text.get(tokens.get(first)?.start..tokens.get(last)?.end)?;
    let first_letter = said.chars().next()?;
    // "By Friday." began a sentence; here it ends one. A weekday alone keeps its capital.
    let is_name = first == begin && !lexicon.tasks.small_dates.contains(&tokens.get(first)?.word);
    Some(if !is_name && first_letter.is_uppercase() {
        format!("{}{}", first_letter.to_lowercase(), said.get(first_letter.len_utf8()..)?)
    } else {
        said.to_owned()
    })
}

/// Where the first date begins with its leading words, where without them, and its last word.
fn range(lexicon: &Lexicon, tokens: &[Token]) -> Option<(usize, usize, usize)> {
    let dated = date_words(lexicon, tokens);
    let begin = dated.iter().copied().min()?;
    let mut first = begin;
    while let Some(before) = first.checked_sub(1) {
        let leads = tokens.get(before).is_some_and(|token| lexicon.tasks.before_due.contains(&token.word));
        if !leads || begin - before > MOST_LEADING {
            break;
        }
        first = before;
    }
    let mut last = begin;
    while let Some(next) = tokens.get(last + 1) {
        let numbered = next.word.bytes().all(|byte| byte.is_ascii_digit());
        let links = matches!(next.word.as_str(), "de" | "the") && continues(lexicon, tokens, &dated, last + 2);
        if !dated.contains(&(last + 1)) && !numbered && !links {
            break;
        }
        last += 1;
    }
    Some((first, begin, last))
}

fn continues(lexicon: &Lexicon, tokens: &[Token], dated: &HashSet<usize>, at: usize) -> bool {
    dated.contains(&at) && tokens.get(at).is_some_and(|token| !lexicon.tasks.before_due.contains(&token.word))
}

/// The date said right before word `at` of the sentence: "By Monday I tell you …".
pub(super) fn date_before(lexicon: &Lexicon, utterance: &Utterance, from: usize, at: usize) -> Option<String> {
    let tokens = utterance.tokens.get(from..at)?;
    let (_, _, last) = range(lexicon, tokens)?;
    if last + 1 == tokens.len() { due_phrase(lexicon, &utterance.text, tokens) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::tokens::tokenize;

    fn due(text: &str, lexicon: &Lexicon) -> Option<String> {
        due_phrase(lexicon, text, &tokenize(text))
    }

    #[test]
    fn a_date_is_cut_out_as_it_was_said() {
        let (english, spanish) = (Lexicon::english(), Lexicon::spanish());
        assert_eq!(due("By the end of next week, surely.", &english).as_deref(), Some("by the end of next week"));
        assert_eq!(due("By Monday the nineteenth I tell you", &english).as_deref(), Some("by Monday the nineteenth"));
        assert_eq!(due("El lunes 17 mando el presupuesto", &spanish).as_deref(), Some("el lunes 17"));
        assert_eq!(due("El viernes 5 de septiembre tienes", &spanish).as_deref(), Some("el viernes 5 de septiembre"));
        assert_eq!(due("los nombres antes del 28", &spanish).as_deref(), Some("antes del 28"));
    }

    #[test]
    fn a_number_alone_is_no_date() {
        assert_eq!(due("We need 28 seats", &Lexicon::english()), None);
    }
}
