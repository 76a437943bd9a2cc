//! Reads the embedded word lists: `[section]` headings, one entry per line, `# notes`, and optionally `entry = value`.
//!
//! Only the shape is read here; [`super::lexicon`] knows which sections there are.

use std::collections::HashSet;

use super::phrases::Phrases;
use crate::domain::tokens::{fold, tokenize};

/// The entries of a word list in the order of the file.
#[derive(Debug, Default)]
pub(super) struct Sections<'a> {
    entries: Vec<(&'a str, &'a str, &'a str)>,
}

impl<'a> Sections<'a> {
    /// Reads a file.
    pub(super) fn parse(text: &'a str) -> Self {
        let mut section = "";
        let mut entries = Vec::new();
        for line in text.lines().map(str::trim) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                section = name;
            } else {
                let (entry, value) = line.split_once(" = ").unwrap_or((line, ""));
                entries.push((section, entry.trim(), value.trim()));
            }
        }
        Self { entries }
    }

    /// The entries of a section. A line may list several, separated by `|`.
    pub(super) fn entries(&self, section: &str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.entries
            .iter()
            .filter(move |(name, _, _)| *name == section)
            .flat_map(|(_, entry, value)| entry.split('|').map(move |one| (one.trim(), *value)))
    }

    /// The entries of a section without their values.
    pub(super) fn list(&self, section: &str) -> impl Iterator<Item = &'a str> {
        self.entries(section).map(|(entry, _)| entry)
    }

    /// The section names in the order of the file, each once.
    pub(super) fn names(&self) -> Vec<&'a str> {
        let mut names = Vec::new();
        for (name, _, _) in &self.entries {
            if !names.contains(name) {
                names.push(*name);
            }
        }
        names
    }
}

/// A section as phrases with nothing attached.
pub(super) fn plain(lists: &Sections<'_>, section: &str) -> Phrases<()> {
    Phrases::new(lists.list(section).map(|phrase| (phrase, ())))
}

/// The words of a section, each by itself.
pub(super) fn word_set(lists: &Sections<'_>, section: &str) -> HashSet<String> {
    lists.list(section).flat_map(tokenize).map(|token| fold(&token.word)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_belong_to_the_heading_above_them() {
        let read = Sections::parse("# note\n[a]\none | two = 2\n\n[b]\nthree\n");
        assert_eq!(read.entries("a").collect::<Vec<_>>(), [("one", "2"), ("two", "2")]);
        assert_eq!(read.list("b").collect::<Vec<_>>(), ["three"]);
        assert_eq!(read.names(), ["a", "b"]);
    }
}
