//! Light stemming: enough for "exports" and "export" to count as the same word.
//!
//! Deliberately careful: a missed pair costs a little weight, a wrong one joins unrelated words.

use super::language::Tongue;

/// The part of a folded word that its forms share.
pub(super) fn stem(word: &str, tongue: Tongue) -> String {
    let stemmed = match tongue {
        Tongue::English => english(word),
        Tongue::Spanish => spanish(word),
        Tongue::Other => word,
    };
    stemmed.to_owned()
}

fn english(word: &str) -> &str {
    let singular = if word.ends_with("ss") || word.ends_with("us") || word.ends_with("is") {
        word
    } else {
        shortened(word, "s", 3).unwrap_or(word)
    };
    let bare = ["ing", "ed", "er", "ly"].iter().find_map(|ending| shortened(singular, ending, 4)).unwrap_or(singular);
    // "renewe(d)", "price": the silent e is not in every form.
    let bare = shortened(bare, "e", 3).unwrap_or(bare);
    doubled(bare).unwrap_or(bare)
}

fn spanish(word: &str) -> &str {
    let singular = shortened(word, "es", 4).or_else(|| shortened(word, "s", 3)).unwrap_or(word);
    ["o", "a", "e"].iter().find_map(|ending| shortened(singular, ending, 3)).unwrap_or(singular)
}

/// `word` without `ending`, if enough remains to tell words apart.
fn shortened<'a>(word: &'a str, ending: &str, least: usize) -> Option<&'a str> {
    word.strip_suffix(ending).filter(|rest| rest.chars().count() >= least)
}

/// "shipp(ing)" is "ship".
fn doubled(word: &str) -> Option<&str> {
    let mut letters = word.chars().rev();
    let (last, before) = (letters.next()?, letters.next()?);
    let is_doubled = last == before && last.is_ascii_alphabetic() && !matches!(last, 's' | 'l' | 'e' | 'o');
    is_doubled.then(|| word.strip_suffix(last)).flatten().filter(|rest| rest.len() >= 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_a_word_share_their_stem() {
        for (left, right) in
            [("exports", "exporting"), ("renewed", "renewing"), ("price", "prices"), ("shipped", "ship")]
        {
            assert_eq!(stem(left, Tongue::English), stem(right, Tongue::English), "{left} {right}");
        }
        for (left, right) in [("facturas", "factura"), ("renovacion", "renovaciones"), ("nuevo", "nuevas")] {
            assert_eq!(stem(left, Tongue::Spanish), stem(right, Tongue::Spanish), "{left} {right}");
        }
    }

    #[test]
    fn short_words_stay_apart() {
        assert_ne!(stem("as", Tongue::English), stem("a", Tongue::English));
        assert_eq!(stem("bus", Tongue::English), "bus");
    }
}
