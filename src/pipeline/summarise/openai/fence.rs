//! Keeps data apart from what is asked about it: a block between two marks that nothing within can imitate.
//!
//! The mark is derived from the data, so the data cannot contain it, and the same call gives the same request. On top of
//! that no data holds a `<` or a `>`: whatever looks like a mark of any kind in it is none.

use sha2::{Digest, Sha256};

/// Half a digest is unguessable enough and costs few tokens.
const MARK_BYTES: usize = 8;

/// What a block adds to its data, in bytes: two lines and the breaks.
pub(super) const OVERHEAD: usize = 2 * (2 * MARK_BYTES + "</call-data >".len() + 1);

/// Takes from data what a mark could be made of. Lengthens it, so it comes before anything is measured.
pub(super) fn harmless(data: &str) -> String {
    data.replace('<', "‹").replace('>', "›")
}

/// Puts data between its marks.
pub(super) fn enclose(data: &str) -> String {
    let data = harmless(data);
    let mark = mark(&data);
    format!("<call-data {mark}>\n{}\n</call-data {mark}>", data.trim_end())
}

fn mark(data: &str) -> String {
    let mut digest = Sha256::digest(data.as_bytes());
    loop {
        let mark = hex::encode(&digest[..MARK_BYTES]);
        // A text that holds a part of its own digest would be a discovery; then the digest of the digest is taken.
        if !data.contains(&mark) {
            return mark;
        }
        digest = Sha256::digest(digest);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_same_data_gets_the_same_mark_and_other_data_another() {
        assert_eq!(enclose("a"), enclose("a"));
        assert_ne!(enclose("a").lines().next(), enclose("b").lines().next());
    }

    proptest! {
        #[test]
        fn only_the_two_marks_have_brackets(data in "(.|\n|</call-data|<call-data 00>){0,80}") {
            let block = enclose(&data);
            prop_assert_eq!(block.matches('<').count(), 2);
            prop_assert_eq!(block.matches('>').count(), 2);
            prop_assert!(block.len() <= harmless(&data).len() + OVERHEAD);
            let open = block.lines().next().unwrap().replace("<call", "</call");
            prop_assert!(block.ends_with(&open));
        }
    }
}
