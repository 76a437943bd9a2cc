//! Cuts a transcript into pieces that fit a budget: between turns; a turn that is too long for one piece between
//! sentences; a sentence between words; a word, in writing without spaces, between characters. Nothing is dropped and
//! nothing changes places.

use super::lines::Line;

/// How many bytes are counted as one token. English has about four characters to a token, other languages fewer; three
/// bytes are never more than three characters, so the count is an estimate from above but for rare scripts.
const BYTES_PER_TOKEN: usize = 3;

/// The tokens of a text, estimated from above without knowing the model's vocabulary.
pub(super) fn tokens(text: &str) -> usize {
    text.len().div_ceil(BYTES_PER_TOKEN)
}

/// The bytes that a budget of tokens buys.
pub(super) fn bytes(tokens: usize) -> usize {
    tokens.saturating_mul(BYTES_PER_TOKEN)
}

/// Cuts `lines` into pieces of at most `room` bytes. No head of a line may be longer than half of that.
pub(super) fn pieces(lines: &[Line], room: usize) -> Vec<String> {
    let rows = lines.iter().flat_map(|line| rows(line, room));
    packed(rows, "\n", room)
}

/// A turn as one row, or as several with the same head.
fn rows(line: &Line, room: usize) -> Vec<String> {
    let space = room.saturating_sub(line.head.len()).max(1);
    let sentences = line.sentences.iter().flat_map(|sentence| {
        if sentence.len() <= space { vec![sentence.clone()] } else { packed(words(sentence, space), " ", space) }
    });
    packed(sentences, " ", space).into_iter().map(|words| format!("{}{words}", line.head)).collect()
}

/// The words of a sentence, none longer than `space` bytes.
fn words(sentence: &str, space: usize) -> impl Iterator<Item = String> {
    sentence.split_whitespace().flat_map(move |word| characters(word, space))
}

fn characters(word: &str, space: usize) -> Vec<String> {
    if word.len() <= space {
        return vec![word.to_owned()];
    }
    packed(word.chars().map(String::from), "", space)
}

/// Joins neighbours as long as they fit into `room` bytes together.
pub(super) fn packed(parts: impl IntoIterator<Item = String>, separator: &str, room: usize) -> Vec<String> {
    let mut packs: Vec<String> = Vec::new();
    for part in parts {
        match packs.last_mut() {
            Some(pack) if pack.len() + separator.len() + part.len() <= room => {
                pack.push_str(separator);
                pack.push_str(&part);
            }
            _ => packs.push(part),
        }
    }
    packs
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(head: &str, sentences: &[&str]) -> Line {
        let sentences = sentences.iter().map(|&sentence| sentence.to_owned()).collect();
        Line { head: format!("{head}: "), speaker: head.to_owned(), sentences }
    }

    #[test]
    fn what_fits_stays_in_one_piece() {
        let lines = [line("A", &["One.", "Two."]), line("B", &["Three."])];
        assert_eq!(pieces(&lines, 100), ["A: One. Two.\nB: Three."]);
        assert!(pieces(&[], 100).is_empty());
    }

    #[test]
    fn cuts_are_made_between_turns_then_sentences_then_words_then_characters() {
        let lines = [line("A", &["One.", "Two."]), line("B", &["Three."])];
        assert_eq!(pieces(&lines, 12), ["A: One. Two.", "B: Three."]);
        assert_eq!(pieces(&lines, 9), ["A: One.", "A: Two.", "B: Three."]);
        assert_eq!(pieces(&[line("A", &["one two three"])], 10), ["A: one two", "A: three"]);
        assert_eq!(pieces(&[line("A", &["取締役会は"])], 9), ["A: 取締", "A: 役会", "A: は"]);
    }

    #[test]
    fn an_estimate_is_never_below_a_quarter_of_the_characters() {
        for text in ["", "a", "hello there", "取締役会", "🦀🦀"] {
            assert!(tokens(text) * 4 >= text.chars().count() && bytes(tokens(text)) >= text.len(), "{text}");
        }
    }

    fn any_lines() -> impl Strategy<Value = Vec<Line>> {
        let sentence = prop_oneof!["[a-z]{1,9}( [a-zäß]{1,12}){0,12}", "[取締役会更新]{1,40}"];
        let turn = ("[A-C]{1,6}", proptest::collection::vec(sentence, 1..8));
        let turn = turn.prop_map(|(speaker, sentences)| Line { head: format!("{speaker}: "), speaker, sentences });
        proptest::collection::vec(turn, 0..12)
    }

    /// The characters that were said, in order, without heads and spaces.
    fn said(pieces: &[String]) -> String {
        let words = pieces.iter().flat_map(|piece| piece.lines()).filter_map(|row| row.split_once(": "));
        words.flat_map(|(_, words)| words.chars()).filter(|letter| !letter.is_whitespace()).collect()
    }

    proptest! {
        #[test]
        fn no_word_is_lost_the_order_is_kept_and_every_piece_fits(lines in any_lines(), room in 24usize..200) {
            let pieces = pieces(&lines, room);
            prop_assert!(pieces.iter().all(|piece| piece.len() <= room && !piece.is_empty()));
            let all: String = lines.iter().flat_map(|line| line.sentences.concat().chars().collect::<Vec<_>>())
                .filter(|letter| !letter.is_whitespace()).collect();
            prop_assert_eq!(said(&pieces), all);
        }

        #[test]
        fn words_that_fit_are_never_cut(lines in any_lines(), room in 80usize..200) {
            let pieces = pieces(&lines, room);
            let words: Vec<&str> = pieces.iter().flat_map(|piece| piece.lines())
                .filter_map(|row| row.split_once(": ")).flat_map(|(_, words)| words.split(' '))
                .filter(|word| word.is_ascii()).collect();
            let expected: Vec<&str> = lines.iter().flat_map(|line| &line.sentences)
                .flat_map(|sentence| sentence.split(' ')).filter(|word| word.is_ascii()).collect();
            prop_assert_eq!(words, expected);
        }
    }
}
