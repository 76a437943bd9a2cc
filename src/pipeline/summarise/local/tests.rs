//! Rules that hold for every call, whatever was said.

use std::{fmt::Write as _, sync::LazyLock};

use proptest::prelude::*;

use super::fixtures::{ours, theirs, transcript};
use super::{CallContext, Intents, LocalSummariser};
use crate::domain::{
    call::Side,
    summary::Summary,
    transcript::{Transcript, Turn},
};

const NORTHWIND: CallContext<'static> =
    CallContext { title: Some("Renewal check-in"), account: Some("Northwind"), language: None };

fn summarised(lines: &[(&str, Side, &str)]) -> Summary {
    LocalSummariser::new(Intents::default()).summarise(&NORTHWIND, &transcript(lines))
}

fn said(speaker: &str, sentences: Vec<String>) -> Transcript {
    Transcript { turns: vec![Turn { speaker: speaker.to_owned(), side: Side::Unknown, start_ms: 0, sentences }] }
}

/// Every text of a summary.
fn texts(summary: &Summary) -> Vec<String> {
    let mut texts = vec![summary.headline.clone(), summary.text.clone()];
    texts.extend(summary.key_points.iter().chain(&summary.risks).cloned());
    texts.extend(
        summary.action_items.iter().flat_map(|item| [item.text.clone(), item.owner.clone().unwrap_or_default()]),
    );
    texts
}

fn renewal() -> Vec<(&'static str, Side, &'static str)> {
    vec![
        ours("Hi Dana, can you hear me okay?"),
        theirs("Yeah, um, I can hear you fine."),
        theirs(
            "So the the export failed on three Mondays, and, you know, we lost two days of reporting for the board.",
        ),
        ours("I'm really sorry about that."),
        theirs("My CFO was pretty upset and asked me to look at alternatives before the renewal."),
        theirs("We would renew for two years if the exports hold for a month."),
        ours("So I'll, um, send you the revised quote by Friday, okay?"),
        theirs("And can you send us the incident report as well?"),
        ours("Of course, I'll have it to you by Thursday."),
        theirs("Great. I'll talk to Martin on Monday."),
        ours("Perfect, I'll let you go then, have a great weekend."),
    ]
}

#[test]
fn a_renewal_reads_like_something_to_forward() {
    let summary = summarised(&renewal());
    assert!(summary.headline.starts_with("Northwind: renewal at risk"), "{}", summary.headline);
    assert!(summary.headline.ends_with("Priya to send the revised quote by Friday"), "{}", summary.headline);
    assert!(summary.text.contains("Dana Whitfield (customer)"), "{}", summary.text);
    assert_eq!(summary.intent.as_deref(), Some("renewal"));
    assert_eq!((summary.language.as_str(), summary.provider.as_str()), ("en", "local"));
    assert!(summary.sentiment < 0.0);
}

#[test]
fn promises_and_accepted_requests_become_tasks_with_owners() {
    let tasks: Vec<(String, String)> = summarised(&renewal())
        .action_items
        .into_iter()
        .map(|item| (item.owner.unwrap_or_default(), item.text))
        .collect();
    let expected = [
        ("Priya Shah", "Send the revised quote by Friday"),
        ("Priya Shah", "Send the incident report as well by Thursday"),
        ("Dana Whitfield", "Talk to Martin on Monday"),
    ];
    assert_eq!(tasks, expected.map(|(owner, text)| (owner.to_owned(), text.to_owned())));
}

#[test]
fn nothing_is_told_under_two_headings() {
    let summary = summarised(&renewal());
    assert!(!summary.risks.is_empty() && !summary.key_points.is_empty());
    assert!(summary.key_points.iter().all(|point| !summary.risks.contains(point)), "{summary:?}");
}

#[test]
fn what_ends_with_the_call_is_no_task() {
    let lines = [
        ours("Let me share my screen."),
        ours("I'll be right back."),
        theirs("I'll see, maybe."),
        ours("I'll let you go."),
        theirs("If it happens again, we will move to the old reporting tool."),
    ];
    assert!(summarised(&lines).action_items.is_empty(), "{:?}", summarised(&lines).action_items);
}

#[test]
fn spanish_calls_are_summarised_in_spanish() {
    let lines = [
        theirs("Bueno, pues la aplicación se cayó dos veces en plena campaña y perdimos pedidos."),
        ours("Lo siento mucho, eh, te envío una propuesta revisada antes del viernes, ¿vale?"),
        theirs("Vale. ¿Me puedes mandar el informe de las caídas?"),
        ours("Claro que sí, mañana mismo."),
        theirs("Yo voy a hablar con finanzas esta semana sobre la renovación del contrato."),
    ];
    let summary = summarised(&lines);
    let tasks: Vec<&str> = summary.action_items.iter().map(|item| item.text.as_str()).collect();
    assert_eq!(summary.language, "es");
    assert_eq!(tasks.first(), Some(&"Enviar una propuesta revisada antes del viernes"));
    assert_eq!(tasks.get(1), Some(&"Mandar el informe de las caídas mañana mismo"));
    assert!(tasks.get(2).is_some_and(|task| task.starts_with("Hablar con finanzas esta semana")));
    assert!(summary.text.contains("(cliente)") && summary.text.contains("Próximos pasos"), "{}", summary.text);
    assert!(!summary.risks.is_empty());
}

#[test]
fn nothing_said_is_said_to_be_nothing() {
    let summariser = LocalSummariser::new(Intents::default());
    let summary = summariser.summarise(&CallContext::default(), &Transcript { turns: Vec::new() });
    assert_eq!((summary.language.as_str(), summary.key_points.len(), summary.action_items.len()), ("und", 0, 0));
    assert!(summary.sentiment.abs() < f64::EPSILON && summary.intent.is_none() && !summary.text.is_empty());
}

#[test]
fn fillers_alone_make_no_point() {
    let summary = summarised(&[ours("Um, yeah."), theirs("Okay. Right, right."), ours("Mhm. You know.")]);
    assert!(summary.key_points.is_empty(), "{:?}", summary.key_points);
    assert_eq!(summary.headline, "Northwind: renewal");
}

#[test]
fn the_same_sentence_said_often_is_told_once() {
    let line = theirs("The export outage cost us two days of reporting for the board.");
    let summary = summarised(&[line; 30]);
    assert_eq!((summary.key_points.len(), summary.risks.len()), (1, 1));
}

#[test]
fn addresses_and_numbers_never_get_out() {
    let lines = [
        theirs(
            "I'll send the renewal contract from dana.whitfield@northwind.example by Friday, or call +49 151 234 5678.",
        ),
        ours("Can you send the renewal report to priya at acme dot com and ring (415) 555-0142?"),
        theirs("Sure, I will."),
    ];
    let context =
        CallContext { title: Some("Call with dana@northwind.example"), account: Some("d@n.example"), language: None };
    let summary = LocalSummariser::new(Intents::default()).summarise(&context, &transcript(&lines));
    for text in texts(&summary) {
        assert!(
            !text.contains('@') && !text.contains("dot com") && !text.contains("0142") && !text.contains("5678"),
            "{text}"
        );
    }
}

#[test]
fn writing_without_spaces_is_summarised_too() {
    let lines = [
        theirs("先月のシステム障害でレポートが二日間作成できませんでした。契約の更新前に原因の報告書が必要です。"),
        ours("申し訳ございません。金曜日までに報告書と更新の見積もりをお送りします。"),
        theirs("契約の更新については社内で検討しています。"),
    ];
    let summary = summarised(&lines);
    assert_eq!(summary.language, "ja");
    assert!(!summary.key_points.is_empty());
}

#[test]
fn a_sentence_without_end_is_cut() {
    let summary = LocalSummariser::new(Intents::default())
        .summarise(&CallContext::default(), &said("Unknown speaker", vec!["renewal price é".repeat(7_000)]));
    assert!(within_limits(&summary));
}

#[test]
fn two_hours_of_talk_are_bounded() {
    let mut sentences = Vec::new();
    for number in 0..2_500 {
        let mut sentence = String::new();
        let _ = write!(sentence, "We will send report {number} about the export to team {} by Friday.", number % 37);
        sentences.push(sentence);
    }
    let summary =
        LocalSummariser::new(Intents::default()).summarise(&CallContext::default(), &said("Speaker 2", sentences));
    assert!(within_limits(&summary) && summary.key_points.len() <= 7);
}

fn within_limits(summary: &Summary) -> bool {
    summary.headline.chars().count() <= 110
        && summary.text.chars().count() <= 3_000
        && summary.key_points.len() <= 7
        && summary.action_items.len() <= 8
        && summary.risks.len() <= 5
        && summary.key_points.iter().chain(&summary.risks).all(|point| point.chars().count() <= 240)
        && summary.action_items.iter().all(|item| item.text.chars().count() <= 200)
        && (-1.0..=1.0).contains(&summary.sentiment)
}

/// Addresses that could be written to.
fn has_address(text: &str) -> bool {
    let letters: Vec<char> = text.chars().collect();
    letters
        .windows(3)
        .any(|near| matches!(near, [before, '@', after] if before.is_alphanumeric() && after.is_alphanumeric()))
}

fn words() -> impl Strategy<Value = String> {
    let pool = prop::sample::select(vec![
        "I'll",
        "send",
        "you",
        "the",
        "renewal",
        "um,",
        "by",
        "Friday.",
        "can",
        "you?",
        "yes,",
        "not",
        "happy",
        "te",
        "envío",
        "¿me",
        "puedes",
        "mandar",
        "outage",
        "Dana,",
        "will",
        "it",
        "a@b.co",
        "x.y@z.example,",
        "ñandú",
        "契約",
        "если",
        "🙂",
        "1,250",
        "let",
        "me",
        "check",
        "with",
        "finance",
        "and",
        "get",
        "back",
        "to",
        "because",
        "if",
    ]);
    prop::collection::vec(pool, 0..25).prop_map(|words| words.join(" "))
}

fn sentence() -> impl Strategy<Value = String> {
    prop_oneof![4 => words(), 1 => any::<String>(), 1 => "[a-z@. +0-9()é-]{0,60}"]
}

fn turn() -> impl Strategy<Value = Turn> {
    let speaker =
        prop_oneof![Just("Dana Whitfield".to_owned()), Just("Speaker 2".to_owned()), any::<String>(), words()];
    let side = prop::sample::select(vec![Side::Ours, Side::Theirs, Side::Unknown]);
    (speaker, side, prop::collection::vec(sentence(), 0..4)).prop_map(|(speaker, side, sentences)| Turn {
        speaker,
        side,
        start_ms: 0,
        sentences,
    })
}

/// Two, because two hash maps of the same entries differ in their order.
static SUMMARISERS: LazyLock<[LocalSummariser; 2]> =
    LazyLock::new(|| [LocalSummariser::new(Intents::default()), LocalSummariser::new(Intents::default())]);

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_call_gives_a_summary_within_limits(
        turns in prop::collection::vec(turn(), 0..10),
        title in prop::option::of(sentence()),
        account in prop::option::of(sentence()),
    ) {
        let context = CallContext { title: title.as_deref(), account: account.as_deref(), language: None };
        let transcript = Transcript { turns };
        let [summariser, other] = &*SUMMARISERS;
        let summary = summariser.summarise(&context, &transcript);
        prop_assert!(within_limits(&summary), "{summary:?}");
        for text in texts(&summary) {
            prop_assert!(!has_address(&text), "{text}");
            prop_assert!(!text.contains(['\n', '\r']) || text == summary.text, "{text:?}");
        }
        let again = other.summarise(&context, &transcript);
        prop_assert_eq!(summary, again);
    }
}
