//! Small rules for text that comes from outside.

use super::redact::redact;

/// Drops NUL characters, which JSON can carry and PostgreSQL cannot store, and surrounding white space.
/// What is left empty becomes `None`.
#[must_use]
pub fn clean(text: &str) -> Option<String> {
    let kept = text.replace('\0', "");
    let kept = kept.trim();
    (!kept.is_empty()).then(|| kept.to_owned())
}

/// Shortens to at most `limit` characters, ending in "…" when something was cut.
#[must_use]
pub fn shorten(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        None => text.to_owned(),
        Some(_) => text.chars().take(limit.saturating_sub(1)).chain(['…']).collect(),
    }
}

/// How long a name may be, in characters.
const NAME_LENGTH: usize = 200;

/// Whether this can be the name of something: one line that says something, of at most 200 characters.
#[must_use]
pub fn is_name(text: &str) -> bool {
    !text.trim().is_empty() && text.chars().count() <= NAME_LENGTH && !text.chars().any(char::is_control)
}

/// So often a text is read again.
const READINGS: usize = 16;

/// Replaces e-mail addresses and phone numbers, line by line, until none is left: the label of one number can be the
/// evidence for the next.
#[must_use]
pub fn without_contacts(text: &str) -> String {
    let mut text = text.to_owned();
    for _ in 0..READINGS {
        let cleaned = text.split('\n').map(redact).collect::<Vec<_>>().join("\n");
        if cleaned == text {
            break;
        }
        text = cleaned;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shortening_counts_characters_and_shows_that_it_cut() {
        assert_eq!(shorten("año nuevo", 9), "año nuevo");
        assert_eq!(shorten("año nuevo", 4), "año…");
    }

    #[test]
    fn contacts_are_replaced_and_paragraphs_stay() {
        let text = "Write to dana@halden.example.\n\nOr call +1 415 555 0134, order 42.";
        assert_eq!(without_contacts(text), "Write to [email].\n\nOr call [phone], order 42.");
    }

    #[test]
    fn a_number_behind_one_that_is_hidden_is_hidden_too() {
        let once = without_contacts("77823422740 or 25937895");
        assert_eq!(once, "[phone] or [phone]");
        assert_eq!(without_contacts(&once), once);
    }

    #[test]
    fn text_without_anything_visible_is_none() {
        assert_eq!(clean(" \0 "), None);
        assert_eq!(clean(" a\0b "), Some("ab".to_owned()));
    }
}
