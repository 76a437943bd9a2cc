//! Documents about a call: what people said or wrote, one text a line, then the summary's paragraphs.

use std::sync::LazyLock;

use aftercall::{
    domain::{
        summary::{ActionItem, Summary},
        text::clean,
    },
    templates::{DocumentEntry, DocumentForm, Templates},
};
use url::Url;

use super::{
    fields, given,
    markup::{Html, Markdown},
};

static TEMPLATES: LazyLock<Templates> = LazyLock::new(Templates::embedded);

/// What a document says.
struct Said {
    account: String,
    entry: DocumentEntry,
    summary: Summary,
}

/// Words are shown as words: a document has the markup of one about nothing, and says all that was said.
pub fn hold(data: &[u8]) {
    let Some(([account, title, headline, point, owner, task, risk, intent, url, id], text)) = fields(data) else {
        return;
    };
    let Ok(text) = std::str::from_utf8(text) else { return };
    let text = &text.replace('\0', "");
    let said = Said::new(|nth| [account, title, headline, point, owner, task, risk, intent, id][nth], text, given(url));
    let plain = Said::new(
        |_| "x",
        &paragraphs(text).iter().map(|_| "x").collect::<Vec<_>>().join("\n\n"),
        given("https://x.example/1"),
    );

    for (hostile, harmless) in said.rendered(DocumentForm::Html).iter().zip(plain.rendered(DocumentForm::Html)) {
        let (hostile, harmless) = (Html::of(hostile), Html::of(&harmless));
        assert_eq!(hostile.tags, harmless.tags);
        assert_eq!(hostile.links, said.entry.url.clone().into_iter().collect::<Vec<_>>());
    }
    for (hostile, harmless) in said.rendered(DocumentForm::Markdown).iter().zip(plain.rendered(DocumentForm::Markdown))
    {
        let (markdown, harmless) = (Markdown::of(hostile), Markdown::of(&harmless));
        assert_eq!(markdown.tags, harmless.tags, "{hostile}");
        assert_eq!(markdown.links.len(), 1, "{hostile}");
        for line in [&said.summary.headline, &said.summary.action_items[0].text].into_iter().chain(&paragraphs(text)) {
            let words = line.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(markdown.words.contains(&words), "{words:?} is not in {:?}\n{hostile}", markdown.words);
        }
    }
}

impl Said {
    /// Takes texts as the stages give them: no line of one is empty, and its address is one of the web.
    fn new<'a>(text: impl Fn(usize) -> &'a str, paragraphs: &str, url: Option<&str>) -> Self {
        let line = |nth: usize| {
            let line = text(nth).replace('\0', "").split_whitespace().collect::<Vec<_>>().join(" ");
            if line.is_empty() { "x".to_owned() } else { line }
        };
        // As a stored address is: neither NUL nor white space around it.
        let url = url.and_then(clean);
        let is_web = |url: &String| Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
        Self {
            account: line(0),
            entry: DocumentEntry {
                call_id: line(8),
                date: "6 May 2031, 09:30 UTC".to_owned(),
                title: Some(line(1)),
                duration: Some("20 min".to_owned()),
                mood: "mood: bad".to_owned(),
                intent: Some(line(7)),
                url: Some(url.filter(is_web).unwrap_or_else(|| "https://x.example/1".to_owned())),
            },
            summary: Summary {
                headline: line(2),
                text: if paragraphs.trim().is_empty() { "x".to_owned() } else { paragraphs.to_owned() },
                key_points: vec![line(3), "x".to_owned()],
                action_items: vec![ActionItem { owner: Some(line(4)), text: line(5) }],
                risks: vec![line(6)],
                intent: Some(line(7)),
                sentiment: -0.4,
                language: "en".to_owned(),
                provider: "local".to_owned(),
            },
        }
    }

    fn rendered(&self, form: DocumentForm) -> [String; 2] {
        let summary = TEMPLATES.call_summary(form, &self.account, &self.entry, &self.summary).expect("renders");
        [summary, TEMPLATES.log_entry(form, &self.entry, &self.summary).expect("renders")]
    }
}

fn paragraphs(text: &str) -> Vec<String> {
    text.split("\n\n").map(str::trim).filter(|paragraph| !paragraph.is_empty()).map(str::to_owned).collect()
}
