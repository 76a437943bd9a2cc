//! Cuts text into comparable words: lower case, without accents, contractions spelled out, each with its place in the
//! text. Writing without spaces (Chinese, Japanese, Thai, …) becomes overlapping pairs of characters.
//!
//! Knows no language's word lists; those are in the summariser's lexicon.

/// One comparable word and the bytes of the text it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Lower case, no accents. Several tokens share a place when a contraction was spelled out.
    pub word: String,
    /// Where the written word begins, in bytes.
    pub start: usize,
    /// Where it ends, in bytes.
    pub end: usize,
}

impl AsRef<str> for Token {
    fn as_ref(&self) -> &str {
        &self.word
    }
}

/// Contractions that are not just a word and an ending.
const IRREGULAR: [(&str, &[&str]); 12] = [
    ("can't", &["can", "not"]),
    ("won't", &["will", "not"]),
    ("shan't", &["shall", "not"]),
    ("cannot", &["can", "not"]),
    ("ain't", &["is", "not"]),
    ("let's", &["let", "us"]),
    ("gonna", &["going", "to"]),
    ("wanna", &["want", "to"]),
    ("gotta", &["have", "to"]),
    ("y'all", &["you", "all"]),
    ("i'd", &["i", "would"]),
    ("'em", &["them"]),
];

/// Endings after an apostrophe and what they stand for. `'s` is left out where it may be a possessive.
const ENDINGS: [(&str, &str); 6] =
    [("n't", "not"), ("'ll", "will"), ("'re", "are"), ("'ve", "have"), ("'m", "am"), ("'d", "would")];

/// Words after which `'s` is a verb.
const BEFORE_IS: [&str; 9] = ["it", "that", "he", "she", "what", "there", "here", "who", "where"];

/// Lowers and strips accents, so that "Renovación" and "renovacion" compare equal.
#[must_use]
pub fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_ascii() {
            folded.push(letter.to_ascii_lowercase());
        } else if !is_combining(letter) {
            folded.extend(letter.to_lowercase().filter(|lower| !is_combining(*lower)).map(without_accent));
        }
    }
    folded
}

/// Cuts `text` into tokens.
#[must_use]
pub fn tokenize(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut word_start: Option<usize> = None;
    let mut characters = text.char_indices().peekable();
    let mut previous = ' ';
    while let Some((at, letter)) = characters.next() {
        let next = characters.peek().map_or(' ', |(_, next)| *next);
        let continues = is_word(letter) || (word_start.is_some() && joins(previous, letter, next));
        let unspaced = is_unspaced(letter);
        if word_start.is_some() && (!continues || unspaced != is_unspaced(previous)) {
            push_word(&mut tokens, text, word_start.take(), at);
        }
        if continues && word_start.is_none() {
            word_start = Some(at);
        }
        previous = letter;
    }
    push_word(&mut tokens, text, word_start, text.len());
    tokens
}

/// Whether the language of this character is written without spaces between words.
#[must_use]
pub fn is_unspaced(letter: char) -> bool {
    matches!(u32::from(letter),
        0x0E00..=0x0EFF | 0x1000..=0x109F | 0x1780..=0x17FF | 0x3040..=0x30FF | 0x3400..=0x4DBF | 0x4E00..=0x9FFF
        | 0x2_0000..=0x3_FFFF)
}

fn push_word(tokens: &mut Vec<Token>, text: &str, start: Option<usize>, end: usize) {
    let Some(start) = start else { return };
    let Some(written) = text.get(start..end) else { return };
    if written.chars().next().is_some_and(is_unspaced) {
        push_pairs(tokens, written, start);
        return;
    }
    let folded = fold(written);
    let mut push = |word: &str| {
        if !word.is_empty() {
            tokens.push(Token { word: word.to_owned(), start, end });
        }
    };
    if let Some((_, spelled)) = IRREGULAR.iter().find(|(short, _)| *short == folded) {
        spelled.iter().for_each(|word| push(word));
    } else if let Some((stem, meaning)) = ENDINGS.iter().find_map(|(end, word)| Some((folded.strip_suffix(end)?, word)))
    {
        push(stem);
        push(meaning);
    } else if let Some(stem) = folded.strip_suffix("'s") {
        push(stem);
        push(if BEFORE_IS.contains(&stem) { "is" } else { "" });
    } else {
        push(&folded);
    }
}

fn push_pairs(tokens: &mut Vec<Token>, written: &str, start: usize) {
    let places: Vec<(usize, char)> = written.char_indices().collect();
    let mut push = |first: usize, last: usize| {
        let from = places.get(first).map_or(0, |(at, _)| *at);
        let to = places.get(last + 1).map_or(written.len(), |(at, _)| *at);
        if let Some(pair) = written.get(from..to) {
            tokens.push(Token { word: pair.to_owned(), start: start + from, end: start + to });
        }
    };
    if places.len() == 1 {
        push(0, 0);
    }
    for first in 1..places.len() {
        push(first - 1, first);
    }
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || is_combining(letter) || matches!(u32::from(letter), 0x0900..=0x0DFF)
}

/// Whether `letter` holds a word together: the apostrophe of "don't", the comma of "12,500".
fn joins(previous: char, letter: char, next: char) -> bool {
    match letter {
        '\'' | '’' | 'ʼ' => previous.is_alphabetic() && next.is_alphabetic(),
        '.' | ',' | ':' => previous.is_ascii_digit() && next.is_ascii_digit(),
        _ => false,
    }
}

fn is_combining(letter: char) -> bool {
    matches!(u32::from(letter), 0x0300..=0x036F)
}

fn without_accent(letter: char) -> char {
    match letter {
        'á' | 'à' | 'â' | 'ä' | 'ã' | 'å' | 'ā' => 'a',
        'é' | 'è' | 'ê' | 'ë' | 'ē' | 'ę' | 'ě' => 'e',
        'í' | 'ì' | 'î' | 'ï' | 'ī' => 'i',
        'ó' | 'ò' | 'ô' | 'ö' | 'õ' | 'ō' | 'ő' => 'o',
        'ú' | 'ù' | 'û' | 'ü' | 'ū' | 'ů' | 'ű' => 'u',
        'ñ' | 'ń' | 'ň' => 'n',
        'ç' | 'ć' | 'č' => 'c',
        'ś' | 'š' => 's',
        'ź' | 'ż' | 'ž' => 'z',
        'ý' | 'ÿ' => 'y',
        '’' | 'ʼ' => '\'',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        tokenize(text).into_iter().map(|token| token.word).collect()
    }

    #[test]
    fn contractions_are_spelled_out() {
        assert_eq!(words("I’ll send it, we can't wait"), ["i", "will", "send", "it", "we", "can", "not", "wait"]);
    }

    #[test]
    fn accents_and_case_do_not_matter() {
        assert_eq!(words("RENOVACIÓN, mañana"), ["renovacion", "manana"]);
    }

    #[test]
    fn amounts_stay_whole_and_sentences_do_not_stick() {
        assert_eq!(words("12,500.50 euros. Then 3"), ["12,500.50", "euros", "then", "3"]);
    }

    #[test]
    fn unspaced_writing_becomes_pairs() {
        assert_eq!(words("続契約 ok 中"), ["続契", "契約", "ok", "中"]);
    }

    #[test]
    fn places_are_bytes_of_the_text() {
        let text = "¿Qué tal?";
        let places: Vec<&str> = tokenize(text).iter().filter_map(|token| text.get(token.start..token.end)).collect();
        assert_eq!(places, ["Qué", "tal"]);
    }
}
