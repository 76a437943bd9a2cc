//! Answers of a language model about a call.

use std::sync::LazyLock;

use aftercall::{
    clients::http::UpstreamError,
    domain::{
        call::Side,
        summary::Summary,
        transcript::{Transcript, Turn},
    },
    pipeline::summarise::openai::read_answer,
};

static INTENTS: LazyLock<Vec<String>> = LazyLock::new(|| vec!["renewal".to_owned(), "pricing".to_owned()]);
static CALL: LazyLock<Transcript> = LazyLock::new(|| {
    let sentences = vec!["I will send the quote to Tom, see https://halden.example/q.".to_owned()];
    let turn = Turn { speaker: "Dana Reyes".to_owned(), side: Side::Ours, start_ms: 0, sentences };
    Transcript { turns: vec![turn] }
});

/// An answer is worth another try, or a summary within its bounds that holds nothing of nobody on the call.
pub fn hold(data: &[u8]) {
    let Ok(answer) = std::str::from_utf8(data) else { return };
    let summary = match read_answer(answer, &CALL, &INTENTS) {
        Ok(summary) => summary,
        Err(UpstreamError::Retry(why)) => {
            return assert!(why.len() < 200, "an error does not repeat the answer: {why}");
        }
        Err(other) => panic!("{other}"),
    };
    let lines = |lines: &[String], most| assert!(lines.len() <= most && lines.iter().all(|line| is_line(line, 500)));
    assert!(is_line(&summary.headline, 160), "{summary:?}");
    assert!(is_shown(&summary.text.replace('\n', " "), 4000), "{summary:?}");
    lines(&summary.key_points, 12);
    lines(&summary.risks, 10);
    lines(&summary.action_items.iter().map(|item| item.text.clone()).collect::<Vec<_>>(), 20);
    let owners = summary.action_items.iter().filter_map(|item| item.owner.as_deref());
    assert!(owners.into_iter().all(|owner| is_line(owner, 80)));
    assert!((-1.0..=1.0).contains(&summary.sentiment));
    assert!(matches!(summary.language.len(), 2 | 3) && summary.language.bytes().all(|byte| byte.is_ascii_lowercase()));
    assert!(summary.intent.as_ref().is_none_or(|intent| INTENTS.contains(intent)));
    again(&summary);
}

/// A summary that is answered once more is the same summary.
fn again(summary: &Summary) {
    let answer = serde_json::to_string(summary).expect("JSON");
    let again = read_answer(&answer, &CALL, &INTENTS).expect("what was read fits");
    let without_mood = |summary: &Summary| Summary { sentiment: 0.0, ..summary.clone() };
    assert_eq!(without_mood(&again), without_mood(summary));
    assert!((again.sentiment - summary.sentiment).abs() < 1e-9);
}

fn is_line(text: &str, most: usize) -> bool {
    !text.contains('\n') && is_shown(text, most)
}

/// Within bounds, visible, without a control character or a web page that nobody spoke of.
fn is_shown(text: &str, most: usize) -> bool {
    let unspoken = text.to_ascii_lowercase().replace("https://halden.example/q", "");
    let is_bounded = (1..=most).contains(&text.chars().count()) && text.trim() == text;
    is_bounded && !text.chars().any(char::is_control) && !unspoken.contains("://")
}
