//! Makes what a server says of an error fit for a record: no key or part of one, no query of a URL, no words of the
//! call. OpenAI repeats wrong keys in part, and some compatible servers repeat the whole request.

use crate::domain::text;
use secrecy::{ExposeSecret, SecretString};

/// How much is shown, in characters.
const LENGTH: usize = 300;
/// So many bytes in common with what was sent are a quotation and no coincidence.
const QUOTATION: usize = 24;
/// So many bytes in common with the key give something of it away.
const PART_OF_KEY: usize = 8;

/// Shortens `message` to one line without the key and without quotations of `said`.
pub(super) fn shown(message: &str, key: Option<&SecretString>, said: &str) -> String {
    let beginning: String = message.chars().take(2 * LENGTH).collect();
    let unquoted = without_quotations(&one_line(&beginning), said);
    let key = key.map_or("", SecretString::expose_secret);
    let words = unquoted.split(' ').map(|word| if gives_key_away(word, key) { "[key]" } else { without_query(word) });
    text::shorten(&words.collect::<Vec<_>>().join(" "), LENGTH)
}

fn one_line(text: &str) -> String {
    let plain: String = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Replaces what `message` has in common with `said`, in stretches of [`QUOTATION`] bytes and more.
fn without_quotations(message: &str, said: &str) -> String {
    if said.is_empty() {
        return message.to_owned();
    }
    let said = one_line(said);
    let mut kept = String::with_capacity(message.len());
    let mut rest = message;
    while let Some(letter) = rest.chars().next() {
        let quoted = quotation(rest, &said);
        if quoted > 0 {
            kept.push_str("[…]");
        } else {
            kept.push(letter);
        }
        rest = rest.get(quoted.max(letter.len_utf8())..).unwrap_or_default();
    }
    kept
}

/// How many bytes at the beginning of `text` are a quotation.
fn quotation(text: &str, said: &str) -> usize {
    let ends = text.char_indices().map(|(at, letter)| at + letter.len_utf8());
    let quoted = |end: &usize| text.get(..*end).is_some_and(|beginning| said.contains(beginning));
    ends.skip_while(|end| *end < QUOTATION).take_while(quoted).last().unwrap_or(0)
}

fn gives_key_away(word: &str, key: &str) -> bool {
    // OpenAI shows the ends of a wrong key with stars between them.
    word.contains("***") || has_key_prefix(word) || shares_a_part(word, key)
}

/// "sk-…", but not the end of "risk-".
fn has_key_prefix(word: &str) -> bool {
    word.match_indices("sk-").any(|(at, _)| {
        let before = word.get(..at).and_then(|before| before.chars().next_back());
        before.is_none_or(|letter| !letter.is_alphanumeric())
    })
}

fn shares_a_part(word: &str, key: &str) -> bool {
    if key.len() < PART_OF_KEY {
        return !key.is_empty() && word.contains(key);
    }
    // A key goes into a header, so it is ASCII.
    (0..=key.len() - PART_OF_KEY).any(|from| key.get(from..from + PART_OF_KEY).is_some_and(|part| word.contains(part)))
}

fn without_query(word: &str) -> &str {
    match word.split_once("://").and_then(|_| word.split_once('?')) {
        Some((address, _)) => address,
        None => word,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_hidden_however_they_are_shown() {
        let key = SecretString::from("local-0123456789");
        let hidden = |text| shown(text, Some(&key), "");
        assert_eq!(hidden("Incorrect API key provided: sk-ab***xyz. See"), "Incorrect API key provided: [key] See");
        assert_eq!(hidden("key=sk-proj-AbC_9 (Bearer local-0123456789)"), "[key] (Bearer [key]");
        assert_eq!(hidden("begins with local-01… or lo***89"), "begins with [key] or [key]");
        assert_eq!(hidden("a risk-free task-based plan"), "a risk-free task-based plan");
    }

    #[test]
    fn words_of_the_call_are_left_out_in_any_script() {
        let said = "[00:01] Dana: the board has not\nsigned the renewal yet. 取締役会はまだ更新に署名していません。";
        let echoed =
            "Invalid input: {'content': 'the board has not signed the renewal'} and 会はまだ更新に署名していま!";
        assert_eq!(shown(echoed, None, said), "Invalid input: {'content': '[…]'} and […]!");
    }

    #[test]
    fn the_query_of_a_url_is_cut_and_the_rest_shortened() {
        assert_eq!(shown("see https://llm.test/help?token=abc now", None, ""), "see https://llm.test/help now");
        assert_eq!(shown(&"long ".repeat(200), None, "").chars().count(), 300);
        assert_eq!(shown("two\nlines\u{0} here", None, ""), "two lines here");
    }
}
