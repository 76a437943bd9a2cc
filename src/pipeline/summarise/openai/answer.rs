//! Reads an answer: checks it against the schema once more, since compatible servers ignore it, and then against what
//! was said. Nothing of it is ever more than text to be shown.

use crate::{
    clients::http::UpstreamError,
    domain::{
        summary::{ActionItem, Summary},
        text,
        transcript::Transcript,
    },
};
use serde_json::Value;

use super::{ground::Ground, lines::lines};

/// What a summary says made it.
const PROVIDER: &str = "openai";

const LONGEST_HEADLINE: usize = 160;
const LONGEST_TEXT: usize = 4000;
const LONGEST_ITEM: usize = 500;
const LONGEST_OWNER: usize = 80;
const MOST_POINTS: usize = 12;
const MOST_TASKS: usize = 20;
const MOST_RISKS: usize = 10;

/// Where an answer leaves the schema: a JSON pointer, or a word for the whole.
#[derive(Debug, PartialEq, Eq)]
struct Misfit(String);

/// Reads one answer about a call whose intent can be one of `intents`.
pub fn read_answer(answer: &str, transcript: &Transcript, intents: &[String]) -> Result<Summary, UpstreamError> {
    Reader { ground: &Ground::new(&lines(transcript)), intents }.read(answer)
}

/// Reads answers about one call.
pub(super) struct Reader<'a> {
    pub(super) ground: &'a Ground,
    pub(super) intents: &'a [String],
}

impl Reader<'_> {
    /// An answer as a summary. One that does not fit is worth another try: models differ from time to time.
    pub(super) fn read(&self, answer: &str) -> Result<Summary, UpstreamError> {
        let body: Value = serde_json::from_str(object(answer)).map_err(|_| {
            UpstreamError::Retry("the model's answer does not fit the schema: it is no JSON".to_owned())
        })?;
        let misfit =
            |misfit: Misfit| UpstreamError::Retry(format!("the model's answer does not fit the schema: {}", misfit.0));
        self.summary(&body).map_err(misfit)
    }

    fn summary(&self, body: &Value) -> Result<Summary, Misfit> {
        Ok(Summary {
            headline: self.line(string(body, "", "headline")?, LONGEST_HEADLINE).ok_or_else(|| at("/headline"))?,
            text: self.paragraphs(string(body, "", "text")?).ok_or_else(|| at("/text"))?,
            key_points: self.lines(body, "key_points", MOST_POINTS)?,
            action_items: self.tasks(body)?,
            // What smaller models forget, and a summary is one without.
            risks: if body.get("risks").is_some() { self.lines(body, "risks", MOST_RISKS)? } else { Vec::new() },
            intent: optional(body, "", "intent")?.and_then(|intent| self.known_intent(intent)),
            sentiment: sentiment(body)?,
            language: language(optional(body, "", "language")?.unwrap_or_default()),
            provider: PROVIDER.to_owned(),
        })
    }

    fn lines(&self, body: &Value, name: &str, most: usize) -> Result<Vec<String>, Misfit> {
        let mut lines = Vec::new();
        for (index, item) in list(body, name)?.iter().enumerate() {
            let item = item.as_str().ok_or_else(|| at(&format!("/{name}/{index}")))?;
            lines.extend(self.line(item, LONGEST_ITEM));
        }
        lines.truncate(most);
        Ok(lines)
    }

    fn tasks(&self, body: &Value) -> Result<Vec<ActionItem>, Misfit> {
        let mut tasks = Vec::new();
        for (index, item) in list(body, "action_items")?.iter().enumerate() {
            let place = format!("/action_items/{index}");
            let owner = optional(item, &place, "owner")?.and_then(|owner| self.known_owner(owner));
            let words = self.line(string(item, &place, "text")?, LONGEST_ITEM);
            tasks.extend(words.map(|text| ActionItem { owner, text }));
        }
        tasks.truncate(MOST_TASKS);
        Ok(tasks)
    }

    /// Text on one line that may be shown; `None` if nothing is left of it.
    fn line(&self, text: &str, limit: usize) -> Option<String> {
        let line = self.shown(text).split_whitespace().collect::<Vec<_>>().join(" ");
        text::clean(&text::shorten(&line, limit))
    }

    fn paragraphs(&self, text: &str) -> Option<String> {
        text::clean(&text::shorten(self.shown(text).trim(), LONGEST_TEXT))
    }

    /// Without control characters, contacts, and addresses that nobody mentioned; in this order, as a character that
    /// cannot be seen would hide an address.
    fn shown(&self, text: &str) -> String {
        self.ground.without_foreign_addresses(&text::without_contacts(text))
    }

    fn known_intent(&self, intent: &str) -> Option<String> {
        self.intents.iter().find(|known| known.eq_ignore_ascii_case(intent.trim())).cloned()
    }

    fn known_owner(&self, owner: &str) -> Option<String> {
        // A model may repeat the side that stands behind the name in the data.
        let name = owner.split_once(" (").map_or(owner, |(name, _)| name);
        self.line(name, LONGEST_OWNER).filter(|name| self.ground.knows(name))
    }
}

/// The object within an answer: some servers wrap it in a fence of Markdown.
fn object(answer: &str) -> &str {
    let (start, end) = (answer.find('{'), answer.rfind('}'));
    start.zip(end).and_then(|(start, end)| answer.get(start..=end)).unwrap_or(answer)
}

fn at(pointer: &str) -> Misfit {
    Misfit(pointer.to_owned())
}

fn string<'a>(body: &'a Value, place: &str, name: &str) -> Result<&'a str, Misfit> {
    body.get(name).and_then(Value::as_str).ok_or_else(|| at(&format!("{place}/{name}")))
}

/// A member that may be null or missing, but nothing else than a text.
fn optional<'a>(body: &'a Value, place: &str, name: &str) -> Result<Option<&'a str>, Misfit> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(None),
        _ => string(body, place, name).map(Some),
    }
}

fn list<'a>(body: &'a Value, name: &str) -> Result<&'a [Value], Misfit> {
    body.get(name).and_then(Value::as_array).map(Vec::as_slice).ok_or_else(|| at(&format!("/{name}")))
}

fn sentiment(body: &Value) -> Result<f64, Misfit> {
    match body.get("sentiment") {
        // JSON has no NaN; whoever computed one sends null.
        Some(Value::Null) => Ok(0.0),
        Some(Value::Number(number)) => {
            let sentiment = number.as_f64().filter(|sentiment| !sentiment.is_nan()).unwrap_or(0.0);
            Ok(sentiment.clamp(-1.0, 1.0))
        }
        _ => Err(at("/sentiment")),
    }
}

/// "en-US" is "en"; what is no code at all is `und`.
fn language(code: &str) -> String {
    let primary = code.trim().split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase();
    let is_code = matches!(primary.len(), 2 | 3) && primary.bytes().all(|byte| byte.is_ascii_lowercase());
    if is_code { primary } else { "und".to_owned() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::domain::{call::Side, transcript::Turn};

    fn read(answer: &str) -> Result<Summary, String> {
        let sentences = vec!["I will send the quote to Tom, see https://halden.example/q.".to_owned()];
        let turn = Turn { speaker: "Dana Reyes".to_owned(), side: Side::Ours, start_ms: 0, sentences };
        let intents = ["renewal".to_owned(), "pricing".to_owned()];
        read_answer(answer, &Transcript { turns: vec![turn] }, &intents).map_err(|error| match error {
            UpstreamError::Retry(why) => why,
            other => format!("not a retry: {other:?}"),
        })
    }

    fn whole() -> Value {
        json!({
            "headline": "Renewal\nof Halden", "text": "They spoke.\n\nThey parted.", "key_points": ["One.", " ", "Two."],
            "action_items": [{"owner": "Dana Reyes (us)", "text": "Send the quote"}, {"owner": null, "text": "\u{0}"}],
            "risks": [], "intent": "Renewal", "sentiment": 0.25, "language": "EN-us",
        })
    }

    fn with(name: &str, value: Value) -> String {
        let mut body = whole();
        body[name] = value;
        body.to_string()
    }

    #[test]
    fn a_whole_answer_becomes_a_summary() {
        let summary = read(&whole().to_string()).unwrap();
        assert_eq!(
            (summary.headline.as_str(), summary.text.as_str()),
            ("Renewal of Halden", "They spoke.\n\nThey parted.")
        );
        assert_eq!(summary.key_points, ["One.", "Two."]);
        let task = ActionItem { owner: Some("Dana Reyes".to_owned()), text: "Send the quote".to_owned() };
        assert_eq!(summary.action_items, [task]);
        assert_eq!((summary.intent.as_deref(), summary.language.as_str()), (Some("renewal"), "en"));
        assert_eq!(summary.provider, "openai");
        assert_eq!(read(&format!("```json\n{}\n```", whole())).unwrap(), summary);
    }

    #[test]
    fn what_does_not_fit_names_its_place() {
        for (answer, place) in [
            ("I am sorry".to_owned(), "it is no JSON"),
            ("{\"headline\": \"half".to_owned(), "it is no JSON"),
            ("{}".to_owned(), "/headline"),
            (with("headline", json!(" ")), "/headline"),
            (with("text", json!(null)), "/text"),
            (with("key_points", json!(["a", 7])), "/key_points/1"),
            (
                with("action_items", json!([{"owner": null, "text": "a"}, {"owner": 3, "text": "a"}])),
                "/action_items/1/owner",
            ),
            (with("action_items", json!([{"owner": null}])), "/action_items/0/text"),
            (with("action_items", json!(["a"])), "/action_items/0/text"),
            (with("risks", json!("none")), "/risks"),
            (with("intent", json!(1)), "/intent"),
            (with("sentiment", json!("good")), "/sentiment"),
        ] {
            assert_eq!(read(&answer), Err(format!("the model's answer does not fit the schema: {place}")));
        }
    }

    #[test]
    fn a_summary_is_one_without_what_smaller_models_forget() {
        let bare =
            json!({"headline": "h", "text": "t", "key_points": [], "action_items": [{"text": "a"}], "sentiment": 0});
        let summary = read(&bare.to_string()).unwrap();
        assert_eq!((summary.risks.len(), summary.intent, summary.language.as_str()), (0, None, "und"));
        assert_eq!(summary.action_items[0].owner, None);
    }

    #[test]
    fn numbers_words_and_codes_are_brought_into_their_bounds() {
        let sentiment = |value: Value| read(&with("sentiment", value)).unwrap().sentiment;
        for (value, bounded) in [(json!(7), 1.0), (json!(-1.5), -1.0), (json!(null), 0.0), (json!(0.5), 0.5)] {
            assert!((sentiment(value) - bounded).abs() < f64::EPSILON);
        }
        assert_eq!(read(&with("intent", json!("world domination"))).unwrap().intent, None);
        for (code, read_as) in [("es", "es"), ("english", "und"), ("", "und"), ("e5", "und"), ("haw_US", "haw")] {
            assert_eq!(read(&with("language", json!(code))).unwrap().language, read_as);
        }
    }

    #[test]
    fn lengths_and_counts_are_capped() {
        let long = "word ".repeat(2000);
        let many: Vec<&str> = vec!["again"; 50];
        let tasks: Vec<Value> = many.iter().map(|text| json!({"owner": null, "text": text})).collect();
        let mut body = whole();
        for name in ["headline", "text"] {
            body[name] = json!(long);
        }
        body["key_points"] = json!([&[long.as_str()], many.as_slice()].concat());
        (body["action_items"], body["risks"]) = (json!(tasks), json!(many));
        let summary = read(&body.to_string()).unwrap();
        let lengths = [&summary.headline, &summary.text, &summary.key_points[0]].map(|text| text.chars().count());
        assert_eq!(lengths, [160, 4000, 500]);
        assert_eq!((summary.key_points.len(), summary.action_items.len(), summary.risks.len()), (12, 20, 10));
    }

    #[test]
    fn what_nobody_said_is_taken_out() {
        let mut body = whole();
        body["key_points"] =
            json!(["See https://halden.example/q.", "See h\u{200b}ttp://evil.example", "Mail eve@evil.example"]);
        body["action_items"] =
            json!([{"owner": "Mallory", "text": "Visit HTTP://evil.example/?q=1"}, {"owner": "Tom", "text": "x"}]);
        let summary = read(&body.to_string()).unwrap();
        assert_eq!(summary.key_points, ["See https://halden.example/q.", "See h [link]", "Mail [email]"]);
        let owners: Vec<Option<&str>> = summary.action_items.iter().map(|item| item.owner.as_deref()).collect();
        assert_eq!(owners, [None, Some("Tom")]);
        assert_eq!(summary.action_items[0].text, "Visit [link]");
    }

    proptest! {
        #[test]
        fn any_answer_is_read_or_refused_without_panic(answer in "(.|\\{|\\}|\"headline\":|null|\\[|,){0,60}") {
            let _ = read(&answer);
        }
    }
}
