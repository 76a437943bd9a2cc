//! Counts as real numbers, and text cut to a number of characters.

/// The count as a real number; counts past four thousand million are all the same here.
pub(super) fn real(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::from(u32::MAX), f64::from)
}

/// Cuts `text` to at most `limit` characters at a word boundary, marking the cut with an ellipsis.
pub(super) fn clip(text: &str, limit: usize) -> String {
    let text = text.trim();
    if text.chars().nth(limit).is_none() {
        return text.to_owned();
    }
    let end = text.char_indices().nth(limit.saturating_sub(1)).map_or(text.len(), |(at, _)| at);
    let kept = text.get(..end).unwrap_or_default();
    // A word that fills most of the limit (or writing without spaces) is cut inside.
    let word_end = kept.rfind(char::is_whitespace).filter(|at| *at * 2 > end);
    let kept = word_end.and_then(|at| kept.get(..at)).unwrap_or(kept);
    format!(
        "{}…",
        kept.trim_end_matches(|letter: char| !letter.is_alphanumeric() && !matches!(letter, ')' | ']' | '%'))
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_between_words() {
        assert_eq!(clip("one two three", 13), "one two three");
        assert_eq!(clip("one two, three", 12), "one two…");
    }

    #[test]
    fn a_cut_never_splits_a_character() {
        assert_eq!(clip("更新したいと思っています", 5), "更新した…");
    }
}
