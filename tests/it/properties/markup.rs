//! What markup is in a text: the same whatever words stand in it, if words are only ever shown.

use pulldown_cmark::{Event, Options, Parser, Tag};

/// The tags of an HTML document with the names of their attributes, and where its links lead.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Html {
    pub tags: Vec<String>,
    pub links: Vec<String>,
}

impl Html {
    /// Reads tags as a browser would: an attribute may hold anything up to its closing quote.
    pub fn of(text: &str) -> Self {
        let mut html = Self::default();
        let mut rest = text;
        while let Some(start) = rest.find('<') {
            rest = &rest[start + 1..];
            if !rest.starts_with(|letter: char| letter.is_ascii_alphabetic() || matches!(letter, '/' | '!' | '?')) {
                continue;
            }
            let end = rest.find(|letter: char| letter.is_ascii_whitespace() || letter == '>').unwrap_or(rest.len());
            let mut tag = rest[..end].to_ascii_lowercase();
            rest = html.attributes(&rest[end..], &mut tag);
            html.tags.push(tag);
        }
        html
    }

    /// Adds the attributes' names to the tag, and gives what comes after it.
    fn attributes<'a>(&mut self, mut rest: &'a str, tag: &mut String) -> &'a str {
        loop {
            rest = rest.trim_start_matches(|letter: char| letter.is_ascii_whitespace() || letter == '/');
            if rest.is_empty() || rest.starts_with('>') {
                return rest.strip_prefix('>').unwrap_or(rest);
            }
            let ends_name = |letter: char| letter.is_ascii_whitespace() || matches!(letter, '=' | '>' | '/');
            let end = rest.find(ends_name).unwrap_or(rest.len()).max(1);
            let name = rest.get(..end).unwrap_or(rest).to_ascii_lowercase();
            rest = rest.get(end..).unwrap_or_default().trim_start();
            if let Some(value) = rest.strip_prefix('=') {
                let (value, behind) = value_of(value.trim_start());
                if matches!(name.as_str(), "href" | "src" | "action") {
                    self.links.push(unescaped(value));
                }
                rest = behind;
            }
            *tag = format!("{tag} {name}");
        }
    }
}

fn value_of(text: &str) -> (&str, &str) {
    for quote in ['"', '\''] {
        if let Some(inside) = text.strip_prefix(quote) {
            return inside.split_once(quote).unwrap_or((inside, ""));
        }
    }
    let end = text.find(|letter: char| letter.is_ascii_whitespace() || letter == '>').unwrap_or(text.len());
    text.split_at(end)
}

fn unescaped(text: &str) -> String {
    let named = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#x27;", "'"), ("&#x2f;", "/"), ("&amp;", "&")];
    named.into_iter().fold(text.to_owned(), |text, (name, letter)| text.replace(name, letter))
}

/// The structure of a Markdown document, where its links lead, and its words.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Markdown {
    pub tags: Vec<String>,
    pub links: Vec<String>,
    pub words: String,
}

impl Markdown {
    /// Reads a document as the common dialects do: with tables, struck text and lists of tasks.
    pub fn of(text: &str) -> Self {
        let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
        let mut markdown = Self::default();
        for event in Parser::new_ext(text, options) {
            match event {
                Event::Start(Tag::Link { dest_url, .. }) => {
                    markdown.tags.push("link".to_owned());
                    markdown.links.push(dest_url.into_string());
                }
                Event::Start(tag) => markdown.tags.push(format!("{tag:?}")),
                Event::End(tag) => markdown.words.push_str(if is_block(tag) { "\n" } else { "" }),
                Event::Text(text) => markdown.words.push_str(&text),
                Event::SoftBreak | Event::HardBreak => markdown.words.push(' '),
                // A whole line of dashes, a box of a task, or markup that nobody wants: its kind is told.
                other => markdown.tags.push(format!("{other:?}")),
            }
        }
        markdown
    }
}

fn is_block(tag: pulldown_cmark::TagEnd) -> bool {
    use pulldown_cmark::TagEnd::{Heading, Item, Paragraph};
    matches!(tag, Heading(_) | Item | Paragraph)
}
