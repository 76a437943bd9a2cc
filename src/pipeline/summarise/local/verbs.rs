//! Finds the verbs of tasks in the forms people say them: "send", "sends", "enviarme", "manda".

use super::lexicon::Lexicon;
use crate::domain::tokens::Token;

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

/// The verb at word `at` as it is said of somebody: "sends", "manda", "pasas".
pub(super) fn third_person_verb(lexicon: &Lexicon, tokens: &[Token], at: usize) -> Option<Verb> {
    let spoken = tokens.get(at)?.word.as_str();
    let bases = lexicon.tasks.said_of_another.iter().filter_map(|(ending, base)| {
        Some(format!("{}{base}", spoken.strip_suffix(ending).filter(|stem| stem.len() > 2)?))
    });
    for base in bases {
        let mut words: Vec<&str> = vec![&base];
        words.extend(tokens.get(at + 1..).unwrap_or_default().iter().take(4).map(|token| token.word.as_str()));
        if let Some(hit) = lexicon.tasks.verbs.at(&words, 0) {
            return Some(Verb { end: at + hit.length, replaced: Some(words.get(..hit.length)?.join(" ")) });
        }
    }
    None
}

fn without_enclitic<'a>(lexicon: &Lexicon, word: &'a str) -> Option<&'a str> {
    let bare = lexicon.tasks.enclitics.iter().find_map(|enclitic| word.strip_suffix(enclitic))?;
    bare.ends_with(['r']).then_some(bare).filter(|bare| bare.len() > 3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::tokens::tokenize;

    #[test]
    fn verbs_said_of_somebody_become_those_of_a_task() {
        let base = |lexicon: &Lexicon, text: &str| third_person_verb(lexicon, &tokenize(text), 0)?.replaced;
        assert_eq!(base(&Lexicon::english(), "sends the list").as_deref(), Some("send"));
        assert_eq!(base(&Lexicon::spanish(), "manda la lista").as_deref(), Some("mandar"));
        assert_eq!(base(&Lexicon::english(), "yesterday"), None);
    }
}
