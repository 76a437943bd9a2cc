//! The summariser against the stand-in: short and long calls, and the second tries.

use aftercall::domain::transcript::Transcript;
use aftercall::{
    config::Dialect,
    pipeline::summarise::{
        CallContext,
        openai::{OpenAiSummariser, Settings},
    },
};
use serde_json::Value;

use super::setup::{DIALECTS, assert_never, assert_retry, client, long_call, parts, short_call, summariser};
use crate::support::openai::{Behaviour, Nature, OpenAiStandIn, SNAPSHOT};

/// Leaves room for a few turns beside the instructions.
const SMALL_BUDGET: usize = 3200;

const TURNS: u64 = 120;

fn call() -> CallContext<'static> {
    CallContext { title: Some("Halden Freight: renewal"), account: Some("Halden Freight"), language: Some("en") }
}

#[tokio::test]
async fn a_short_call_takes_one_request() {
    for dialect in DIALECTS {
        let stand_in = OpenAiStandIn::start().await;
        let (summary, spent) = summariser(&stand_in, dialect, None).summarise(&call(), &short_call()).await.unwrap();
        assert_eq!(summary.headline, "Dana Reyes (us): Good morning Ingrid,");
        assert_eq!(summary.key_points, ["lines: 3"]);
        assert_eq!(summary.action_items[0].owner.as_deref(), Some("Dana Reyes"));
        assert_eq!((summary.intent.as_deref(), summary.language.as_str()), (Some("renewal"), "en"));
        assert_eq!(summary.provider, "openai");
        assert_eq!((spent.requests, spent.output_tokens, spent.model.as_str()), (1, 120, SNAPSHOT));
        assert!(spent.input_tokens > 0);
    }
}

#[tokio::test]
async fn the_same_call_makes_the_same_request() {
    let stand_in = OpenAiStandIn::start().await;
    let summariser = summariser(&stand_in, Dialect::Responses, None);
    for _ in 0..2 {
        summariser.summarise(&call(), &short_call()).await.unwrap();
    }
    let asked = stand_in.server.asked();
    assert_eq!(asked[0].raw, asked[1].raw);
}

#[tokio::test]
async fn an_operators_wishes_are_added() {
    let stand_in = OpenAiStandIn::start().await;
    let settings = Settings { instructions: Some("Call the customer by name.".to_owned()), ..Settings::default() };
    let summariser = OpenAiSummariser::new(client(&stand_in, Dialect::Responses), settings).unwrap();
    summariser.summarise(&call(), &short_call()).await.unwrap();
    let questions = stand_in.questions();
    let (instructions, _) = parts(&questions[0]);
    assert!(instructions.contains("Call the customer by name.") && instructions.contains("The data rule:"));
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused_at_the_start() {
    let stand_in = OpenAiStandIn::start().await;
    let refused = |settings: Settings| {
        let result = OpenAiSummariser::new(client(&stand_in, Dialect::Responses), settings);
        result.err().expect("a refusal").to_string()
    };
    let text = refused(Settings { input_budget_tokens: 500, ..Settings::default() });
    assert!(text.contains("leaves no room"), "{text}");
    assert!(refused(Settings { output_tokens: 16, ..Settings::default() }).contains("output tokens"));
    assert!(refused(Settings { intents: vec!["x".repeat(65)], ..Settings::default() }).contains("an intent"));
    let many = (0..201).map(|number| number.to_string()).collect();
    assert!(refused(Settings { intents: many, ..Settings::default() }).contains("intents"));
}

#[tokio::test]
async fn a_call_without_words_asks_nobody() {
    let stand_in = OpenAiStandIn::start().await;
    let silent = Transcript { turns: Vec::new() };
    let error = summariser(&stand_in, Dialect::Responses, None).summarise(&call(), &silent).await.unwrap_err();
    assert_never(&error, &["no words"]);
    assert!(stand_in.questions().is_empty());
}

#[tokio::test]
async fn a_long_call_is_read_in_pieces_and_put_together() {
    for dialect in DIALECTS {
        let stand_in = OpenAiStandIn::start().await;
        let summariser = summariser(&stand_in, dialect, Some(SMALL_BUDGET));
        let (summary, spent) = summariser.summarise(&call(), &long_call(TURNS)).await.unwrap();
        let questions = stand_in.questions();
        let of_task = |word: &str| -> Vec<&Value> {
            questions.iter().filter(|question| parts(question).1.starts_with(word)).collect()
        };
        let (pieces, merges) = (of_task("The block is part"), of_task("The block holds"));
        assert!(pieces.len() > 3, "{}", pieces.len());
        assert_eq!(merges.len(), 1);
        assert_eq!(pieces.len() + merges.len(), questions.len());
        assert_eq!(spent.requests as usize, questions.len());
        assert_eq!(spent.output_tokens, 120 * questions.len() as u64);
        assert_eq!(summary.headline, format!("merged {}", pieces.len()));
        assert_every_word_went_out_once(&pieces);
        for question in &questions {
            let (instructions, input) = parts(question);
            assert!((instructions.len() + input.len()).div_ceil(3) <= SMALL_BUDGET, "{}", input.len());
        }
    }
}

#[tokio::test]
async fn summaries_that_do_not_fit_together_are_merged_in_steps() {
    let stand_in = OpenAiStandIn::with(Nature { chatter: 150, ..Nature::default() }).await;
    let summariser = summariser(&stand_in, Dialect::Responses, Some(SMALL_BUDGET));
    let (summary, _) = summariser.summarise(&call(), &long_call(TURNS)).await.unwrap();
    assert_eq!(summary.headline, "merged 2", "the last step");
    let questions = stand_in.questions();
    let merges = questions.iter().filter(|question| parts(question).1.starts_with("The block holds")).count();
    assert!(merges > 2, "{merges}");
    for question in &questions {
        let (instructions, input) = parts(question);
        assert!((instructions.len() + input.len()).div_ceil(3) <= SMALL_BUDGET, "{}", input.len());
    }
}

/// Pieces can arrive in another order than they were cut, as some are under way at once.
fn assert_every_word_went_out_once(pieces: &[&Value]) {
    let mut numbered: Vec<(usize, &str)> = pieces
        .iter()
        .map(|question| {
            let input = parts(question).1;
            let number = input.split(' ').nth(4).and_then(|number| number.parse().ok());
            (number.expect("the number of the part"), input)
        })
        .collect();
    numbered.sort_unstable();
    let said = |input: &str| -> Vec<String> {
        input.split_whitespace().filter(|word| word.starts_with("word")).map(str::to_owned).collect()
    };
    let sent: Vec<String> = numbered.iter().flat_map(|(_, input)| said(input)).collect();
    let spoken: Vec<String> = long_call(TURNS).turns.iter().flat_map(|turn| said(&turn.sentences[0])).collect();
    assert_eq!(sent, spoken);
}

#[tokio::test]
async fn an_answer_that_was_cut_is_asked_for_once_more_with_a_larger_cap() {
    for (needed, works) in [(16_000, true), (16_001, false)] {
        let stand_in = OpenAiStandIn::with(Nature { needs_output_tokens: needed, ..Nature::default() }).await;
        let result = summariser(&stand_in, Dialect::Responses, None).summarise(&call(), &short_call()).await;
        let caps: Vec<Value> = stand_in.questions().iter().map(|body| body["max_output_tokens"].clone()).collect();
        assert_eq!(caps, [4_000, 16_000]);
        match result {
            Ok((_, spent)) => {
                assert!(works);
                assert_eq!((spent.requests, spent.output_tokens), (2, 4_120));
            }
            Err(error) => {
                assert!(!works);
                assert_never(&error, &["cut the answer at 16000 tokens"]);
            }
        }
    }
}

#[tokio::test]
async fn an_empty_answer_is_asked_for_once_more() {
    let stand_in = OpenAiStandIn::start().await;
    let summariser = summariser(&stand_in, Dialect::ChatCompletions, None);
    stand_in.next(Behaviour::Empty);
    assert_eq!(summariser.summarise(&call(), &short_call()).await.unwrap().1.requests, 2);
    stand_in.next(Behaviour::Empty);
    stand_in.next(Behaviour::Empty);
    assert_never(&summariser.summarise(&call(), &short_call()).await.unwrap_err(), &["without any text"]);
}

#[tokio::test]
async fn an_answer_outside_of_the_schema_is_tried_again() {
    let stand_in = OpenAiStandIn::start().await;
    let summariser = summariser(&stand_in, Dialect::ChatCompletions, None);
    for (said, place) in [("{\"headline\": \"A call\"}", "/text"), ("Here is your summary!", "no JSON")] {
        stand_in.next(Behaviour::Says(said.to_owned()));
        let error = summariser.summarise(&call(), &short_call()).await.unwrap_err();
        assert_retry(&error, &["does not fit the schema", place]);
    }
}

#[tokio::test]
async fn a_smaller_context_than_thought_halves_the_pieces_once() {
    let stand_in = OpenAiStandIn::with(Nature { context: Some(12_000), ..Nature::default() }).await;
    let summariser = summariser(&stand_in, Dialect::Responses, None);
    let (summary, spent) = summariser.summarise(&call(), &long_call(TURNS)).await.unwrap();
    assert!(summary.headline.starts_with("merged"), "{}", summary.headline);
    assert!(spent.requests > 3, "one that was refused, the halves, and their sum");
    let tiny = OpenAiStandIn::with(Nature { context: Some(1_000), ..Nature::default() }).await;
    let summariser = self::summariser(&tiny, Dialect::Responses, None);
    let error = summariser.summarise(&call(), &long_call(TURNS)).await.unwrap_err();
    assert_never(&error, &["context_length_exceeded", "larger context"]);
    let inputs: Vec<usize> = tiny.questions().iter().map(|question| parts(question).1.len()).collect();
    assert!(inputs.len() <= 4 && inputs.iter().skip(1).all(|size| *size < inputs[0]), "{inputs:?}");
}

#[tokio::test]
async fn a_call_of_absurd_length_is_refused_before_it_costs_anything() {
    let stand_in = OpenAiStandIn::start().await;
    let summariser = summariser(&stand_in, Dialect::Responses, Some(SMALL_BUDGET));
    assert_never(&summariser.summarise(&call(), &long_call(4_000)).await.unwrap_err(), &["raise OPENAI_INPUT_TOKENS"]);
    assert!(stand_in.questions().is_empty());
}

#[test]
fn a_summary_can_be_made_on_any_thread() {
    fn is_send<T: Send>(_: &T) {}
    fn check(summariser: &OpenAiSummariser, transcript: &Transcript) {
        is_send(&summariser.summarise(&CallContext::default(), transcript));
    }
    let _ = check;
}
