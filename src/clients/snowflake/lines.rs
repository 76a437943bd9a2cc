//! Reads a transcript that is plain lines, `Name: words`, losing no word.
//!
//! Nobody promises that form, so a line whose beginning may or may not be a name is decided by what does less harm: the
//! words stay, at worst with the speaker before.

use std::collections::HashSet;

use crate::domain::transcript::StoredTurn;

/// Longer beginnings are sentences, not names; in characters and in words.
const LONGEST_NAME: usize = 60;
const MOST_WORDS_IN_NAME: usize = 6;
/// Words that stay small inside a name.
const PARTICLES: &[&str] = &[
    "al", "bin", "da", "de", "del", "den", "der", "di", "do", "dos", "du", "el", "la", "le", "of", "ter", "van", "von",
    "y", "zu",
];

/// Reads lines into turns. `known` are names that the call's row tells; they are recognised however they are spelt.
///
/// A line without a name continues the one before. A time before a name (`[00:01:02]`, `00:01`) tells when it was said;
/// without one, it is the time last told.
pub(super) fn turns(text: &str, known: &[&str]) -> Vec<StoredTurn> {
    let known: HashSet<String> = known.iter().map(|name| name.to_lowercase()).collect();
    let mut turns: Vec<Open> = Vec::new();
    let mut start_ms = 0;
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let read = Line::read(line, &known);
        start_ms = read.time_ms.unwrap_or(start_ms);
        match (read.name, turns.last_mut()) {
            (None, Some(open)) => open.say(read.words),
            (name, _) => {
                close_silent(&mut turns);
                let mut open = Open { name: name.map(str::to_owned), start_ms, words: String::new() };
                open.say(read.words);
                turns.push(open);
            }
        }
    }
    close_silent(&mut turns);
    turns.into_iter().map(Open::into_turn).filter(|turn| !turn.sentences.is_empty()).collect()
}

/// A turn that later lines may continue.
struct Open {
    name: Option<String>,
    start_ms: u64,
    words: String,
}

impl Open {
    fn say(&mut self, words: &str) {
        if !self.words.is_empty() && !words.is_empty() {
            self.words.push(' ');
        }
        self.words.push_str(words);
    }

    fn into_turn(self) -> StoredTurn {
        StoredTurn {
            speaker_id: None,
            speaker_name: self.name,
            start_ms: self.start_ms,
            sentences: sentences(&self.words),
        }
    }
}

/// A name after which nothing was said was no name but a heading ("Agenda:"): its words go to the turn before.
fn close_silent(turns: &mut Vec<Open>) {
    let Some(silent) = turns.pop_if(|open| open.words.is_empty()) else { return };
    let Some(name) = silent.name else { return };
    let heading = format!("{name}:");
    match turns.last_mut() {
        Some(before) => before.say(&heading),
        None => turns.push(Open { name: None, start_ms: silent.start_ms, words: heading }),
    }
}

/// A line, taken apart.
struct Line<'a> {
    time_ms: Option<u64>,
    name: Option<&'a str>,
    words: &'a str,
}

impl<'a> Line<'a> {
    fn read(line: &'a str, known: &HashSet<String>) -> Self {
        let (time_ms, rest) = match leading_time(line) {
            Some((time, rest)) => (Some(time), rest),
            None => (None, line),
        };
        if let Some((name, words)) = split_name(rest, known) {
            return Self { time_ms, name: Some(name), words };
        }
        // A bare time without a name after it may well have been spoken: "10:30 suits me."
        let bracketed = line.starts_with(['[', '(']);
        if bracketed && time_ms.is_some() {
            Self { time_ms, name: None, words: rest }
        } else {
            Self { time_ms: None, name: None, words: line }
        }
    }
}

/// Splits at the first colon if a name stands before it. The colons of an address and of a time have no space after
/// them.
fn split_name<'a>(line: &'a str, known: &HashSet<String>) -> Option<(&'a str, &'a str)> {
    let (head, words) = line.split_once([':', '：'])?;
    let wide = line[head.len()..].starts_with('：');
    if !wide && !words.is_empty() && !words.starts_with(char::is_whitespace) {
        return None;
    }
    let head = head.trim();
    let is_name = looks_like_name(head) || (!head.is_empty() && known.contains(&head.to_lowercase()));
    is_name.then(|| (head, words.trim()))
}

fn looks_like_name(head: &str) -> bool {
    let words: Vec<&str> = head.split_whitespace().collect();
    let capital = |word: &str| !word.trim_start_matches(['(', '\'', '’']).starts_with(char::is_lowercase);
    // Marks stand on their letters' own in names that were typed on some systems.
    let mark = |letter: char| ('\u{300}'..='\u{36f}').contains(&letter);
    let fits =
        |letter: char| letter.is_alphanumeric() || letter == ' ' || mark(letter) || ".'’-()&|_#·".contains(letter);
    (1..=MOST_WORDS_IN_NAME).contains(&words.len())
        && head.chars().count() <= LONGEST_NAME
        && head.starts_with(char::is_alphabetic)
        && head.chars().all(fits)
        && capital(words[0])
        && words.iter().all(|word| capital(word) || PARTICLES.contains(word))
}

/// A time at the beginning, in brackets or bare, in milliseconds, and what comes after it.
fn leading_time(line: &str) -> Option<(u64, &str)> {
    let closing = match line.chars().next()? {
        '[' => Some(']'),
        '(' => Some(')'),
        _ => None,
    };
    let (time, rest) = match closing {
        Some(closing) => line[1..].split_once(closing)?,
        None => line.split_once(char::is_whitespace)?,
    };
    let rest = rest.trim_start();
    let rest = rest.strip_prefix(['-', '–', '|']).map_or(rest, str::trim_start);
    Some((clock_ms(time.trim())?, rest))
}

/// `1:02`, `00:01:02`, `00:01:02.500`.
fn clock_ms(time: &str) -> Option<u64> {
    let (clock, fraction) = time.split_once(['.', ',']).unwrap_or((time, "0"));
    let numbers: Vec<u64> = clock.split(':').map(number).collect::<Option<_>>()?;
    let seconds = match numbers.as_slice() {
        [minutes, seconds] if *seconds < 60 => minutes * 60 + seconds,
        [hours, minutes, seconds] if *minutes < 60 && *seconds < 60 => hours * 3600 + minutes * 60 + seconds,
        _ => return None,
    };
    let millis = number(fraction).map(|_| format!("{fraction:0<3}"))?.parse::<u64>().ok()?;
    Some(seconds * 1000 + millis)
}

/// Up to three digits.
fn number(digits: &str) -> Option<u64> {
    let plain = (1..=3).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    if plain { digits.parse().ok() } else { None }
}

/// Cuts after each mark that ends a sentence and has white space behind it. Abbreviations are cut too: all words stay,
/// and nothing here depends on where.
fn sentences(words: &str) -> Vec<String> {
    let mut sentences = Vec::new();
    let mut sentence = String::new();
    for word in words.split_whitespace() {
        if !sentence.is_empty() {
            sentence.push(' ');
        }
        sentence.push_str(word);
        if word.ends_with(['.', '!', '?', '…']) {
            sentences.push(std::mem::take(&mut sentence));
        }
    }
    if !sentence.is_empty() {
        sentences.push(sentence);
    }
    sentences
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Vec<(Option<String>, u64, Vec<String>)> {
        turns(text, &["dana of sales"])
            .into_iter()
            .map(|turn| (turn.speaker_name, turn.start_ms, turn.sentences))
            .collect()
    }

    fn turn(name: &str, start_ms: u64, sentences: &[&str]) -> (Option<String>, u64, Vec<String>) {
        let name = (!name.is_empty()).then(|| name.to_owned());
        (name, start_ms, sentences.iter().map(|&sentence| sentence.to_owned()).collect())
    }

    #[test]
    fn a_line_without_a_name_continues_the_one_before() {
        let text = "Dana Reyes: Good morning. We have\r\n  a new offer!\n\nIngrid Vale:\nWell… let me see";
        let expected = [
            turn("Dana Reyes", 0, &["Good morning.", "We have a new offer!"]),
            turn("Ingrid Vale", 0, &["Well…", "let me see"]),
        ];
        assert_eq!(read(text), expected);
        assert_eq!(read("just words\nDana: hi")[0], turn("", 0, &["just words"]));
    }

    #[test]
    fn a_time_before_a_name_is_when_it_was_said() {
        for (line, start_ms) in [
            ("[00:01:02] Dana: hi", 62_000),
            ("(1:02) Dana: hi", 62_000),
            ("00:01 Dana: hi", 1000),
            ("00:01:02.5 - Dana: hi", 62_500),
            ("[01:00:00,250] Dana: hi", 3_600_250),
        ] {
            assert_eq!(read(line), [turn("Dana", start_ms, &["hi"])], "{line}");
        }
        let text = "[00:05] Dana: a\nIngrid: b\n[00:09] c\n[00:20] Dana: d";
        let expected = [turn("Dana", 5000, &["a"]), turn("Ingrid", 5000, &["b c"]), turn("Dana", 20_000, &["d"])];
        assert_eq!(read(text), expected);
        assert_eq!(read("[00:07] hello"), [turn("", 7000, &["hello"])]);
    }

    #[test]
    fn not_every_colon_follows_a_name() {
        for words in [
            "https://halden.example/x is the page",
            "See https://halden.example",
            "10:30 suits me",
            "Half past: 10:30",
            "We agreed on this: nothing changes",
            "In one long sentence with Many Capital Words Here: no",
            "99:99 is no time",
            "[laughs] well",
            ": odd",
            "Monday, Tuesday: both",
        ] {
            assert_eq!(read(&format!("Dana: a\n{words}")), [turn("Dana", 0, &[&format!("a {words}")])], "{words}");
        }
    }

    #[test]
    fn names_come_in_many_spellings() {
        for name in [
            "Dr. Ingrid van der Vale",
            "José María Núñez",
            "O’Brien",
            "Speaker 2",
            "Dana (Sales)",
            "李雷",
            "DANA OF SALES",
        ] {
            assert_eq!(read(&format!("{name}: hi")), [turn(name, 0, &["hi"])], "{name}");
        }
        assert_eq!(read("李雷：你好"), [turn("李雷", 0, &["你好"])]);
        assert_eq!(read("dana of sales: hi"), [turn("dana of sales", 0, &["hi"])], "a name that the row tells");
    }

    #[test]
    fn a_heading_is_words() {
        assert_eq!(read("Agenda:\nDana: hi\nNext:"), [turn("", 0, &["Agenda:"]), turn("Dana", 0, &["hi Next:"])]);
    }

    /// Everything but what times and white space are made of, in order.
    fn letters(text: &str) -> String {
        let structure = |c: char| c.is_whitespace() || c.is_ascii_digit() || ":：.,[]()-–|".contains(c);
        text.chars().filter(|&c| !structure(c)).collect()
    }

    fn said(text: &str) -> String {
        turns(text, &[]).into_iter().fold(String::new(), |said, turn| {
            said + &turn.speaker_name.unwrap_or_default() + " " + &turn.sentences.join(" ") + " "
        })
    }

    proptest! {
        #[test]
        fn no_word_is_lost(text in any::<String>()) {
            prop_assert_eq!(letters(&said(&text)), letters(&text));
        }

        #[test]
        fn no_word_is_lost_in_lines_like_a_transcripts(
            text in "(\\[?(0?[0-9]:)?[0-9]{1,2}:[0-9]{2}\\]? ?-? ?)?([A-Z][a-z]{0,4}[ :]{0,2}|[a-z.?!…]{1,5} ?|: |\\n|：){0,24}",
        ) {
            prop_assert_eq!(letters(&said(&text)), letters(&text));
        }

        #[test]
        fn words_without_structure_stay_as_they_are(text in "[^:：\\[(]{0,200}") {
            let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
            let said: Vec<String> = said(&text).split_whitespace().map(str::to_owned).collect();
            prop_assert_eq!(said, words);
        }
    }
}
