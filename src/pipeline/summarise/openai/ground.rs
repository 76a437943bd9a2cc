//! Holds an answer against what was said: an address of a web page or an owner of a task that does not occur on the call
//! was invented, or planted by somebody who gave the model instructions.

use std::collections::HashSet;

use crate::domain::tokens::tokenize;

use super::lines::Line;

/// What replaces an address.
const LABEL: &str = "[link]";

/// What occurs on a call.
pub(super) struct Ground {
    /// All names and words, comparable, each between two spaces.
    words: String,
    /// All addresses of web pages, in lower case.
    addresses: HashSet<String>,
}

impl Ground {
    pub(super) fn new(lines: &[Line]) -> Self {
        let speakers: HashSet<&str> = lines.iter().map(|line| line.speaker.as_str()).collect();
        let sentences = || lines.iter().flat_map(|line| &line.sentences);
        let texts = speakers.into_iter().chain(sentences().map(String::as_str));
        let words = texts.map(comparable).collect::<Vec<_>>().join(" . ");
        let mentioned = |sentence: &String| -> Vec<String> {
            let places = addresses(sentence).into_iter();
            places.filter_map(|(start, end)| sentence.get(start..end)).map(str::to_ascii_lowercase).collect()
        };
        Self { words: format!(" {words} "), addresses: sentences().flat_map(mentioned).collect() }
    }

    /// Whether somebody of this name speaks or is spoken of.
    pub(super) fn knows(&self, name: &str) -> bool {
        let name = comparable(name);
        !name.is_empty() && self.words.contains(&format!(" {name} "))
    }

    /// Replaces the addresses of web pages that nobody mentioned.
    pub(super) fn without_foreign_addresses(&self, text: &str) -> String {
        let mut kept = String::with_capacity(text.len());
        let mut done = 0;
        for (start, end) in addresses(text) {
            let address = text.get(start..end).unwrap_or_default();
            if self.addresses.contains(&address.to_ascii_lowercase()) {
                continue;
            }
            kept.push_str(text.get(done..start).unwrap_or_default());
            kept.push_str(LABEL);
            done = end;
        }
        kept.push_str(text.get(done..).unwrap_or_default());
        kept
    }
}

fn comparable(text: &str) -> String {
    tokenize(text).into_iter().map(|token| token.word).collect::<Vec<_>>().join(" ")
}

/// Where addresses of web pages are, in order, as byte ranges of `text`: with any scheme, or beginning with "www.".
fn addresses(text: &str) -> Vec<(usize, usize)> {
    let mut found: Vec<(usize, usize)> = Vec::new();
    // Only ASCII changes, so places are the same in both.
    let lower = text.to_ascii_lowercase();
    let mut marks: Vec<usize> =
        lower.match_indices("://").chain(lower.match_indices("www.")).map(|(at, _)| at).collect();
    marks.sort_unstable();
    for mark in marks {
        let floor = found.last().map_or(0, |(_, end)| *end);
        if mark < floor {
            continue;
        }
        let before = text.get(floor..mark).unwrap_or_default();
        let scheme = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '+' | '-' | '.');
        let start = floor + before.trim_end_matches(scheme).len();
        let rest = text.get(mark..).unwrap_or_default();
        let end = mark + rest.find(ends_address).unwrap_or(rest.len());
        let address = text.get(start..end).unwrap_or_default();
        let end = start + address.trim_end_matches(['.', ',', ';', ':', '!', '?', '\'']).len();
        if end > mark {
            found.push((start, end));
        }
    }
    found
}

fn ends_address(letter: char) -> bool {
    letter.is_whitespace()
        || matches!(letter, '<' | '>' | '‹' | '›' | '"' | '`' | '|' | '(' | ')' | '[' | ']' | '{' | '}' | '\\')
        || matches!(letter, '。' | '、' | '，' | '）' | '」' | '”' | '»')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ground(sentences: &[&str]) -> Ground {
        let sentences = sentences.iter().map(|&sentence| sentence.to_owned()).collect();
        Ground::new(&[Line { head: String::new(), speaker: "Dana Reyes".to_owned(), sentences }])
    }

    #[test]
    fn only_addresses_that_were_mentioned_stay() {
        let ground = ground(&["The form is at https://halden.example/Form, I think."]);
        let kept = |text: &str| ground.without_foreign_addresses(text);
        assert_eq!(kept("Fill in https://halden.example/form."), "Fill in https://halden.example/form.");
        assert_eq!(kept("Visit http://evil.example/x?y=1!"), "Visit [link]!");
        assert_eq!(kept("[here](HTTPS://evil.example) or www.evil.example; ok"), "[here]([link]) or [link]; ok");
        assert_eq!(kept("https://halden.ex and https://halden.example/Form.evil"), "[link] and [link]");
        assert_eq!(kept("見てhttp://evil.example。次"), "見て[link]。次");
        assert_eq!(kept("12:30, a/b, wwwhat://"), "12:30, a/b, [link]");
        assert_eq!(kept("no address"), "no address");
    }

    #[test]
    fn owners_speak_or_are_spoken_of() {
        let ground = ground(&["I will ask Óscar Peña.", "Then we'll see."]);
        for known in ["Dana Reyes", "dana", "Oscar Pena", "REYES"] {
            assert!(ground.knows(known), "{known}");
        }
        for unknown in ["Dan", "Mallory", "Reyes I will", "", "…", "Pena Then"] {
            assert!(!ground.knows(unknown), "{unknown}");
        }
    }

    proptest! {
        #[test]
        fn no_address_survives_where_none_was_mentioned(text in "(.|http://|https://|www.|[a-z.]){0,40}") {
            let kept = ground(&[]).without_foreign_addresses(&text).to_ascii_lowercase();
            for (at, _) in kept.match_indices("http") {
                let address = kept.get(at..).unwrap();
                prop_assert!(!address.starts_with("http://") && !address.starts_with("https://"), "{kept}");
            }
        }
    }
}
