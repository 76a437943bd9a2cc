//! Takes e-mail addresses and phone numbers out of text before anything else reads it, so that no later step can quote
//! them: written ones and those spelled out aloud ("dana at northwind dot com").
//!
//! Errs on the side of hiding too much. Names are not hidden.

use super::{
    ids,
    tokens::{Token, tokenize},
};

const EMAIL: &str = "[email]";
const PHONE: &str = "[phone]";

/// Digits that make a phone number without further evidence, and with some (a leading `+`, "call me on").
const DIGITS_ALONE: usize = 9;
const DIGITS_WITH_EVIDENCE: usize = 7;
/// How long the quoted name of an address may be (RFC 5321).
const QUOTED_NAME: usize = 64;

const AT: [&str; 2] = ["at", "arroba"];
const DOT: [&str; 6] = ["dot", "punto", "underscore", "dash", "guion", "subrayado"];
const TOP_LEVEL: [&str; 22] = [
    "com", "net", "org", "io", "co", "es", "mx", "ar", "cl", "pe", "us", "uk", "de", "fr", "it", "pt", "br", "eu",
    "ai", "dev", "app", "edu",
];
const PHONE_CUES: [&str; 15] = [
    "call",
    "phone",
    "number",
    "mobile",
    "cell",
    "whatsapp",
    "text",
    "ring",
    "dial",
    "telefono",
    "movil",
    "celular",
    "numero",
    "llamame",
    "extension",
];
const SPOKEN_DIGITS: [&str; 21] = [
    "zero", "oh", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "cero", "uno", "dos", "tres",
    "cuatro", "cinco", "seis", "siete", "ocho", "nueve",
];

/// Hides addresses and numbers; also turns control characters into spaces, so that every quote stays on one line.
#[must_use]
pub fn redact(text: &str) -> String {
    let plain: String = text.chars().map(|letter| if is_unprintable(letter) { ' ' } else { letter }).collect();
    let text = hide(&plain, &written_addresses(&plain), EMAIL);
    let text = hide(&text, &spoken_addresses(&tokenize(&text)), EMAIL);
    let text = hide(&text, &written_numbers(&text), PHONE);
    hide(&text, &spoken_numbers(&tokenize(&text)), PHONE)
}

fn is_unprintable(letter: char) -> bool {
    letter.is_control() || matches!(u32::from(letter), 0x200B..=0x200F | 0x2028..=0x202E | 0x2060..=0x206F | 0xFEFF)
}

/// Replaces `places` (in order, as byte ranges) by `label`.
fn hide(text: &str, places: &[(usize, usize)], label: &str) -> String {
    let mut hidden = String::with_capacity(text.len());
    let mut done = 0;
    for &(start, end) in places {
        if start < done {
            continue;
        }
        hidden.push_str(text.get(done..start).unwrap_or_default());
        hidden.push_str(label);
        done = end;
    }
    hidden.push_str(text.get(done..).unwrap_or_default());
    hidden
}

fn written_addresses(text: &str) -> Vec<(usize, usize)> {
    let mut places: Vec<(usize, usize)> = Vec::new();
    for (at, _) in text.match_indices(['@', '＠']) {
        if places.last().is_some_and(|(_, end)| at < *end) {
            continue;
        }
        let floor = places.last().map_or(0, |(_, end)| *end);
        let before = text.get(floor..at).unwrap_or_default();
        let start = floor + quoted_name(before).unwrap_or_else(|| before.trim_end_matches(is_address_letter).len());
        let sign = text.get(at..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8);
        let tail = text.get(at + sign..).unwrap_or_default().trim_start_matches(is_address_letter);
        let end = text.len() - tail.len();
        let kept = text.get(start..end).unwrap_or_default();
        let end = start + kept.trim_end_matches(['.', ',', '-', '\'']).len();
        if start < at && end > at + sign {
            places.push((start, end));
        }
    }
    places
}

/// Where the name of an address begins that stands in quotes before the sign: `"dana w"@halden.example`.
fn quoted_name(before: &str) -> Option<usize> {
    let inside = before.strip_suffix('"')?;
    let opening = inside.rfind('"').filter(|opening| inside.len() - opening <= QUOTED_NAME);
    // One that was never opened is part of some word.
    Some(opening.unwrap_or_else(|| inside.trim_end_matches(is_address_letter).len()))
}

fn is_address_letter(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, '.' | '_' | '%' | '+' | '-' | '\'' | '!' | '#' | '&' | '=' | '~')
}

fn spoken_addresses(tokens: &[Token]) -> Vec<(usize, usize)> {
    let is = |at: usize, list: &[&str]| tokens.get(at).is_some_and(|token| list.contains(&token.word.as_str()));
    let mut places = Vec::new();
    for at in 1..tokens.len() {
        if !is(at, &AT) {
            continue;
        }
        let mut last = at + 1;
        while is(last + 1, &DOT) && last + 2 < tokens.len() {
            last += 2;
        }
        if last == at + 1 || !is(last, &TOP_LEVEL) {
            continue;
        }
        let mut first = at - 1;
        while first >= 2 && is(first - 1, &DOT) {
            first -= 2;
        }
        places.extend(span(tokens, first, last));
    }
    places
}

fn span(tokens: &[Token], first: usize, last: usize) -> Option<(usize, usize)> {
    Some((tokens.get(first)?.start, tokens.get(last)?.end))
}

fn written_numbers(text: &str) -> Vec<(usize, usize)> {
    let mut places = Vec::new();
    let mut ids = ids::places(text).into_iter().peekable();
    let mut from = 0;
    while let Some(found) = text.get(from..).and_then(|rest| rest.find(|letter: char| opens_number(letter))) {
        let start = from + found;
        while ids.next_if(|(_, end)| *end <= start).is_some() {}
        if let Some((_, end)) = ids.next_if(|(begin, _)| *begin <= start) {
            from = end;
            continue;
        }
        let run = text.get(start..).unwrap_or_default();
        let length = run.find(|letter: char| !continues_number(letter)).unwrap_or(run.len());
        let run = run.get(..length).unwrap_or_default();
        if let Some(date) = date_before(run) {
            from = start + date; // what stands behind it may be a number all the same
            continue;
        }
        let number = run.trim_end_matches(|letter: char| !letter.is_numeric());
        let before = text.get(..start).unwrap_or_default();
        if looks_like_phone(number, before) {
            places.push((start, start + number.len()));
        }
        from = start + length.max(1);
    }
    places
}

fn opens_number(letter: char) -> bool {
    letter.is_numeric() || matches!(letter, '+' | '(')
}

fn continues_number(letter: char) -> bool {
    letter.is_numeric() || matches!(letter, '+' | '(' | ')' | ' ' | '-' | '.' | '/' | '\u{a0}' | '–')
}

fn looks_like_phone(number: &str, before: &str) -> bool {
    let groups: Vec<&str> =
        number.split(|letter: char| !letter.is_numeric()).filter(|group| !group.is_empty()).collect();
    let digits: usize = groups.iter().map(|group| group.chars().count()).sum();
    if is_thousands(number, &groups) {
        return false;
    }
    let evidence = number.starts_with('+') || number.starts_with("00") || cue_before(before);
    digits >= DIGITS_ALONE || (evidence && digits >= DIGITS_WITH_EVIDENCE) || is_local_number(number, &groups)
}

/// How long the date is that a run of digits begins with: 2026-03-31, 31/03/2026, 31 03 2026.
fn date_before(run: &str) -> Option<usize> {
    let mut parts = run.splitn(4, |letter: char| !letter.is_ascii_digit());
    let date: [&str; 3] = [parts.next()?, parts.next()?, parts.next()?];
    let length = date.iter().map(|part| part.len()).sum::<usize>() + 2;
    let separators = [date[0].len(), date[0].len() + date[1].len() + 1].map(|at| run.as_bytes().get(at));
    let (year, others) = if date[0].len() == 4 { (date[0], [date[1], date[2]]) } else { (date[2], [date[0], date[1]]) };
    let is_year = year.len() == 4 && (year.starts_with("20") || year.starts_with("19"));
    let others = others.map(|part| if part.len() <= 2 { part.parse().unwrap_or(0) } else { 0_u8 });
    let is_day = others.iter().all(|part| (1..=31).contains(part)) && others.iter().any(|part| *part <= 12);
    let is_one = separators[0] == separators[1] && matches!(separators[0], Some(b'-' | b'/' | b'.' | b' '));
    (is_year && is_day && is_one).then_some(length)
}

/// 1.250.000: a short group, then only groups of three after full stops.
fn is_thousands(number: &str, groups: &[&str]) -> bool {
    !number.contains([' ', '-', '+', '(', '/', '\u{a0}'])
        && groups.len() > 1
        && groups.iter().skip(1).all(|group| group.chars().count() == 3)
}

/// 555-0142, as people give them within one country.
fn is_local_number(number: &str, groups: &[&str]) -> bool {
    let lengths: Vec<usize> = groups.iter().map(|group| group.chars().count()).collect();
    number.contains('-') && lengths == [3, 4]
}

fn cue_before(before: &str) -> bool {
    let mut start = before.len().saturating_sub(40);
    while !before.is_char_boundary(start) {
        start += 1;
    }
    let near = tokenize(before.get(start..).unwrap_or_default());
    near.iter().rev().take(4).any(|token| PHONE_CUES.contains(&token.word.as_str()))
}

fn spoken_numbers(tokens: &[Token]) -> Vec<(usize, usize)> {
    let mut places = Vec::new();
    let mut run: Option<(usize, usize)> = None;
    for at in 0..=tokens.len() {
        let digits = tokens.get(at).map_or(0, |token| digits_of(&token.word));
        if digits > 0 {
            let (first, count) = run.unwrap_or((at, 0));
            run = Some((first, count + digits));
        } else if let Some((first, count)) = run.take()
            && count >= DIGITS_WITH_EVIDENCE
            && tokens
                .get(first..at)
                .is_some_and(|run| run.iter().any(|token| SPOKEN_DIGITS.contains(&token.word.as_str())))
        {
            places.extend(span(tokens, first, at - 1));
        }
    }
    places
}

fn digits_of(word: &str) -> usize {
    if SPOKEN_DIGITS.contains(&word) {
        1
    } else if word.len() <= 4 && word.bytes().all(|byte| byte.is_ascii_digit()) {
        word.len()
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_hidden_written_and_spoken() {
        assert_eq!(redact("Mail dana.w@north-wind.co.uk."), "Mail [email].");
        assert_eq!(redact("it's dana dot w at northwind dot com okay"), "it's [email] okay");
        assert_eq!(redact("es marta arroba acme punto es"), "es [email]");
    }

    #[test]
    fn phone_numbers_are_hidden() {
        for text in ["+49 151 234 5678", "(415) 555-0142", "600 123 456", "555-0142"] {
            assert_eq!(redact(&format!("on {text}, ok")), "on [phone], ok");
        }
        assert_eq!(redact("five five five oh one four two"), "[phone]");
    }

    #[test]
    fn amounts_dates_and_times_stay() {
        for text in [
            "1,250,000 euros",
            "1.250.000 euros",
            "2026-03-31 10:30",
            "31/03/2026",
            "40 seats in 2025-2026",
            "1 250 000",
        ] {
            assert_eq!(redact(text), text);
        }
    }

    #[test]
    fn a_number_behind_a_date_is_hidden_and_the_date_stays() {
        for (text, hidden) in [
            ("2031-05-06 4155550134", "2031-05-06 [phone]"),
            ("06/05/2031 - +1 415 555 0134.", "06/05/2031 - [phone]."),
            ("2031-05-06 (415) 555-0134", "2031-05-06 [phone]"),
            ("2031-05-06, 2031-05-07 600 123 456", "2031-05-06, 2031-05-07 [phone]"),
            ("49 15 2012 345678", "[phone]"),
            ("12-11-2031-4155550134", "12-11-2031-[phone]"),
        ] {
            assert_eq!(redact(text), hidden);
        }
    }

    #[test]
    fn a_name_in_quotes_belongs_to_its_address() {
        assert_eq!(redact(r#"To "dana w"@halden.example, now"#), "To [email], now");
        assert_eq!(redact(r#"{"to": "x", "cc": "dana.w@halden.example"}"#), r#"{"to": "x", "cc": "[email]"}"#);
        assert_eq!(redact(r#"w"@halden.example"#), "[email]");
    }

    #[test]
    fn our_own_ids_stay_whatever_digits_they_have() {
        let id = "dlv_01941234567890123456789012345678";
        let told = format!("took {id}/{id}, evt_0194123456789012345678901234567a 4155550134");
        assert_eq!(redact(&told), told.replace("4155550134", "[phone]"));
        for other in ["abc_01941234567890123456789012345678", "dlv_019412345678901234567890123456789"] {
            assert_ne!(redact(other), other);
        }
    }

    #[test]
    fn line_breaks_become_spaces() {
        assert_eq!(redact("a\nb\u{202e}c"), "a b c");
    }
}
