//! The texts that people read, rendered from embedded templates: one typed context each, all strict, so that a template
//! that asks for what is not there fails its rehearsal and not a customer's mail.

use minijinja::{Environment, UndefinedBehavior, Value, context, value::Serde};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::Serialize;

use crate::domain::{notice::Notice, summary::Summary};

/// Every template, by the name that the code uses. `.html` ones escape by themselves.
const TEMPLATES: &[(&str, &str)] = &[
    ("mail/notice/subject.txt", include_str!("../templates/mail/notice/subject.txt")),
    ("mail/notice/body.txt", include_str!("../templates/mail/notice/body.txt")),
    ("mail/notice/body.html", include_str!("../templates/mail/notice/body.html")),
    ("document/call_summary.md", include_str!("../templates/document/call_summary.md")),
    ("document/call_summary.html", include_str!("../templates/document/call_summary.html")),
    ("document/log_entry.md", include_str!("../templates/document/log_entry.md")),
    ("document/log_entry.html", include_str!("../templates/document/log_entry.html")),
];

/// The environment of all templates.
pub struct Templates(Environment<'static>);

/// A mail, ready to be put into a message.
#[derive(Debug, Clone)]
pub struct RenderedMail {
    /// One line.
    pub subject: String,
    /// The plain part.
    pub text: String,
    /// The HTML part, styles inlined: mail programs ignore style sheets.
    pub html: String,
}

/// What a document is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DocumentForm {
    /// For files on disk.
    Markdown,
    /// For stores that make documents of their own from it.
    Html,
}

/// What a document says of its call beside the summary.
#[derive(Debug, Clone, Serialize)]
pub struct DocumentEntry {
    /// The source's id.
    pub call_id: String,
    /// When the call was, in words.
    pub date: String,
    /// Its title.
    pub title: Option<String>,
    /// Its length, in words.
    pub duration: Option<String>,
    /// The customer's mood, in words.
    pub mood: String,
    /// What it was about.
    pub intent: Option<String>,
    /// The page at the source.
    pub url: Option<String>,
}

impl Templates {
    /// Reads the embedded templates.
    #[must_use]
    pub fn embedded() -> Self {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.add_filter("md", escape_markdown);
        environment.add_filter("md_url", escape_markdown_url);
        environment.add_filter("paragraphs", paragraphs);
        for (name, source) in TEMPLATES {
            environment.add_template(name, source).expect("embedded templates are rehearsed by a test");
        }
        Self(environment)
    }

    /// A notice as mail.
    pub fn notice_mail(&self, notice: &Notice) -> anyhow::Result<RenderedMail> {
        let render = |name| self.render(name, context! { notice => Serde(notice) });
        let inliner = css_inline::CSSInliner::options().load_remote_stylesheets(false).build();
        Ok(RenderedMail {
            // A line break in a subject would begin another header.
            subject: render("mail/notice/subject.txt")?.split_whitespace().collect::<Vec<_>>().join(" "),
            text: render("mail/notice/body.txt")?,
            html: inliner.inline(&render("mail/notice/body.html")?)?,
        })
    }

    /// The document "Call Summary".
    pub fn call_summary(
        &self,
        form: DocumentForm,
        account: &str,
        entry: &DocumentEntry,
        summary: &Summary,
    ) -> anyhow::Result<String> {
        let name = match form {
            DocumentForm::Markdown => "document/call_summary.md",
            DocumentForm::Html => "document/call_summary.html",
        };
        self.render(name, context! { account, ..call(entry, summary) })
    }

    /// One call's entry of the document "Summary Log".
    pub fn log_entry(&self, form: DocumentForm, entry: &DocumentEntry, summary: &Summary) -> anyhow::Result<String> {
        let name = match form {
            DocumentForm::Markdown => "document/log_entry.md",
            DocumentForm::Html => "document/log_entry.html",
        };
        self.render(name, call(entry, summary))
    }

    fn render(&self, name: &str, context: Value) -> anyhow::Result<String> {
        Ok(self.0.get_template(name)?.render(context)?)
    }
}

/// What both documents show of a call.
fn call(entry: &DocumentEntry, summary: &Summary) -> Value {
    context! { entry => Serde(entry), summary => Serde(summary) }
}

/// The paragraphs of a text.
fn paragraphs(text: &str) -> Vec<String> {
    text.split("\n\n").map(|paragraph| paragraph.trim().to_owned()).filter(|text| !text.is_empty()).collect()
}

/// Takes the meaning from characters that Markdown gives one. What was said on a call must not become headings, links
/// or markup of our own (`<!--`), nor may a line break leave its list.
fn escape_markdown(text: &str) -> String {
    let lines = text.split("\n\n").map(|paragraph| paragraph.split_whitespace().collect::<Vec<_>>().join(" "));
    lines.filter(|line| !line.is_empty()).map(|line| escape_line(&line)).collect::<Vec<_>>().join("\n\n")
}

fn escape_line(line: &str) -> String {
    let mut escaped = String::with_capacity(line.len() + 8);
    // "1." and "1)" begin a list.
    let digits = line.len() - line.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    for (at, c) in line.char_indices() {
        let always = matches!(c, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '~');
        let at_start = at == 0 && matches!(c, '#' | '+' | '-' | '=');
        let in_number = at > 0 && at == digits && matches!(c, '.' | ')');
        if always || at_start || in_number || (c == '&' && is_entity(&line[at..])) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

/// Whether a text begins with something like `&copy;`, which would be shown as another character.
fn is_entity(text: &str) -> bool {
    let name = text.split_once(';').and_then(|(name, _)| name.strip_prefix('&'));
    name.is_some_and(|name| !name.is_empty() && name.bytes().all(|byte| byte == b'#' || byte.is_ascii_alphanumeric()))
}

/// What a URL inside `(…)` of a Markdown link must not hold: it would end the link, or keep it from being one.
const ENDS_LINK: &AsciiSet = &CONTROLS.add(b' ').add(b'(').add(b')').add(b'<').add(b'>').add(b'\\');

fn escape_markdown_url(url: &str) -> String {
    utf8_percent_encode(url, ENDS_LINK).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{notice::Section, summary::ActionItem};

    fn summary() -> Summary {
        Summary {
            headline: "Renewal *at risk*".to_owned(),
            text: "First.\n\nSecond <!-- aftercall -->.".to_owned(),
            key_points: vec!["# not a heading".to_owned(), "1. no list".to_owned(), "AT&T, ~~or~~ &copy;".to_owned()],
            action_items: vec![ActionItem { owner: Some("Dana".to_owned()), text: "Send the quote".to_owned() }],
            risks: vec!["They may leave".to_owned()],
            intent: Some("renewal".to_owned()),
            sentiment: -0.4,
            language: "en".to_owned(),
            provider: "local".to_owned(),
        }
    }

    fn entry() -> DocumentEntry {
        DocumentEntry {
            call_id: "314".to_owned(),
            date: "6 May 2031, 09:30 UTC".to_owned(),
            title: Some("QBR".to_owned()),
            duration: Some("20 min".to_owned()),
            mood: "mood: bad".to_owned(),
            intent: Some("renewal".to_owned()),
            url: Some("https://x.example/(1)\\\u{1}".to_owned()),
        }
    }

    #[test]
    fn every_template_renders_with_everything_and_with_next_to_nothing() {
        let templates = Templates::embedded();
        let bare_summary =
            Summary { key_points: vec![], action_items: vec![], risks: vec![], intent: None, ..summary() };
        let bare_entry = DocumentEntry { title: None, duration: None, intent: None, url: None, ..entry() };
        for (entry, summary) in [(entry(), summary()), (bare_entry, bare_summary)] {
            for form in [DocumentForm::Markdown, DocumentForm::Html] {
                assert!(templates.call_summary(form, "Halden", &entry, &summary).unwrap().contains("Halden"));
                assert!(templates.log_entry(form, &entry, &summary).unwrap().contains("call 314"));
            }
        }
        let notice = Notice {
            title: "One\nline".to_owned(),
            context: vec![],
            lead: String::new(),
            sections: vec![Section { title: "Risks".to_owned(), items: vec!["<b>".to_owned()] }],
            links: vec![],
            footer: "test.ping".to_owned(),
        };
        let mail = templates.notice_mail(&notice).unwrap();
        assert_eq!(mail.subject, "One line");
        assert!(mail.text.contains("- <b>") && mail.html.contains("&lt;b&gt;"), "{}", mail.html);
        assert!(mail.html.contains("style=\"") && !mail.html.contains("<style"), "styles are inlined: {}", mail.html);
    }

    #[test]
    fn words_of_a_call_are_not_markdown() {
        let markdown = DocumentForm::Markdown;
        let document = Templates::embedded().call_summary(markdown, "Halden", &entry(), &summary()).unwrap();
        assert!(document.contains("Renewal \\*at risk\\*"), "{document}");
        assert!(document.contains("- \\# not a heading\n- 1\\. no list\n"), "{document}");
        assert!(document.contains("- AT&T, \\~\\~or\\~\\~ \\&copy;\n"), "{document}");
        assert!(document.contains("\\<!-- aftercall --\\>"), "{document}");
        assert!(document.contains("[Recording](https://x.example/%281%29%5C%01) "), "{document}");
    }

    #[test]
    fn words_of_a_call_are_not_html() {
        let summary = Summary { headline: "<script>alert(1)</script>".to_owned(), ..summary() };
        let document = Templates::embedded().call_summary(DocumentForm::Html, "A & <b>B", &entry(), &summary).unwrap();
        assert!(document.contains("&lt;script&gt;") && document.contains("A &amp; &lt;b&gt;B"), "{document}");
        assert_eq!(document.matches("<p>").count(), 5, "the text's two paragraphs stay two: {document}");
    }
}
