//! Bad days, as tables: who made the summary in the end, how often it was tried, and what the record says.

use serde_json::json;

use super::{Behaviour, Days, Nature, STEPPED_IN, accept, configured, end_of, started, summarised, tries};
use crate::{
    outside::{assert_nowhere, everything_on_record, openai_vars},
    support::{Fault, TestApp, TestAppBuilder, openai::OpenAiStandIn},
};

const DIALECTS: [&str; 2] = ["responses", "chat_completions"];

fn answer(status: u16, code: &'static str, message: &str) -> Behaviour {
    Behaviour::Answer(status, Some(code), message.to_owned(), Vec::new())
}

/// A server whose next answers are these, and an app that speaks this dialect with it.
async fn on(dialect: &str, nature: Nature, days: &[Behaviour]) -> (OpenAiStandIn, TestApp) {
    let (openai, app) = configured(nature).await;
    for day in days {
        openai.next(day.clone());
    }
    (openai, app.with("OPENAI_API", dialect).start().await)
}

#[tokio::test]
async fn what_is_odd_about_an_answer_does_no_harm() {
    let days = [Behaviour::CommentaryThenFinal, Behaviour::UnknownKinds, Behaviour::Terse];
    for dialect in DIALECTS {
        let (openai, app) = on(dialect, Nature::default(), &days).await;
        for (number, day) in (1..).zip(&days) {
            let (tries, provider) = summarised(&app, &number.to_string()).await;
            assert_eq!((provider.as_str(), tries.len()), ("openai", 1), "{day:?} {dialect}: {tries:?}");
            assert_eq!(openai.questions().len(), number, "{day:?} {dialect}");
        }
    }
}

#[tokio::test]
async fn what_may_pass_is_tried_again_and_the_record_says_what_it_was() {
    let failed = |code| Behaviour::Failed(code, "Not now.".to_owned());
    let misfit = |text: &str| Behaviour::Says(text.to_owned());
    let days = [
        ("a failure of the server in a 200", failed("server_error"), "server_error"),
        ("a rate limit in a 200", failed("rate_limit_exceeded"), "rate_limit_exceeded"),
        ("no JSON", misfit("Here is your summary!"), "does not fit the schema: it is no JSON"),
        ("half the schema", misfit("{\"headline\": \"A call\"}"), "does not fit the schema: /text"),
        ("429 without a wait", Behaviour::RateLimited(Vec::new()), "answered 429 (rate_limit_exceeded)"),
        ("429 as a page", Behaviour::Page(429), "answered 429"),
        ("slow down", answer(429, "slow_down", "You ramped up too fast."), "answered 429 (slow_down)"),
        ("408", answer(408, "timeout", "Slow."), "answered 408"),
        ("409", answer(409, "conflict", "Busy."), "answered 409"),
        ("500", answer(500, "server_error", "Oops."), "answered 500"),
        ("a proxy's 502", Behaviour::Page(502), "answered 502"),
        ("503", answer(503, "server_is_overloaded", "Busy."), "answered 503 (server_is_overloaded)"),
    ];
    for dialect in DIALECTS {
        let (openai, app) = on(dialect, Nature::default(), &[]).await;
        for (number, (name, day, says)) in (1..).zip(&days) {
            openai.next(day.clone());
            let (tries, provider) = summarised(&app, &number.to_string()).await;
            assert_eq!(provider, "openai", "{name}, {dialect}: {tries:?}");
            let [(retry, error), (done, nothing)] = &tries[..] else { panic!("{name}, {dialect}: {tries:?}") };
            assert_eq!((retry.as_str(), done.as_str(), nothing.as_str()), ("retry", "done", ""), "{name}, {dialect}");
            assert!(error.contains(says), "{name}, {dialect}: {error}");
            assert_eq!(openai.questions().len(), 2 * number, "{name}, {dialect}");
        }
    }
    for (name, fault) in [("broken off", Fault::Broken), ("lost", Fault::AnswerLost)] {
        let (openai, app) = started().await;
        openai.server.fail_next("POST", fault);
        let (tries, provider) = summarised(&app, "1").await;
        assert_eq!((provider.as_str(), tries.len()), ("openai", 2), "{name}: {tries:?}");
        assert!(tries[0].1.contains("openai (complete)"), "{name}: {tries:?}");
    }
    // Only the one dialect has such a status.
    let (_openai, app) = on("responses", Nature::default(), &[Behaviour::Status("in_progress")]).await;
    let (tries, provider) = summarised(&app, "1").await;
    assert_eq!((provider.as_str(), tries.len()), ("openai", 2), "{tries:?}");
    assert!(tries[0].1.contains("before it was done (in_progress)"), "{tries:?}");
}

#[tokio::test]
async fn a_second_question_within_the_same_try_is_worth_it_for_some_answers_only() {
    let cut = |needs| Nature { needs_output_tokens: needs, ..Nature::default() };
    let plain = Nature::default;
    let cases: [(&str, Nature, Days, &str, usize, &str); 5] = [
        ("cut, then with room", cut(16_000), vec![], "openai", 2, ""),
        ("cut with four times the room", cut(16_001), vec![], "local", 2, "cut the answer at 16000 tokens"),
        ("empty once", plain(), vec![Behaviour::Empty], "openai", 2, ""),
        ("empty twice", plain(), vec![Behaviour::Empty, Behaviour::Empty], "local", 2, "without any text"),
        ("too long for any model", plain(), vec![Behaviour::RequestTooLarge], "local", 1, "larger context"),
    ];
    for (name, nature, days, wanted, questions, says) in cases {
        let (openai, app) = on("responses", nature, &days).await;
        let (tries, provider) = summarised(&app, "1").await;
        assert_eq!((provider.as_str(), tries.len()), (wanted, 1), "{name}: {tries:?}");
        assert_eq!((tries[0].0.as_str(), tries[0].1.contains(says)), ("done", true), "{name}: {tries:?}");
        assert_eq!(openai.questions().len(), questions, "{name}");
    }
}

/// What will not pass, and what an operator reads about it.
fn for_good() -> Vec<(&'static str, Behaviour, &'static [&'static str])> {
    let redirect = vec![("location", "https://llm.example/v1/x".to_owned())];
    vec![
        (
            "a refusal",
            Behaviour::Refusal("I cannot help with that.".to_owned()),
            &["refused", "I cannot help with that."],
        ),
        ("a filter", Behaviour::ContentFilter, &["withheld", "content_filter"]),
        ("a failure for good", Behaviour::Failed("invalid_prompt", "Bad prompt.".to_owned()), &["invalid_prompt"]),
        ("no quota", Behaviour::NoQuota("insufficient_quota"), &["429", "no quota is left", "billing"]),
        (
            "no credit",
            Behaviour::NoQuota("credit_balance_exhausted"),
            &["credit_balance_exhausted", "no quota is left"],
        ),
        ("400", answer(400, "invalid_value", "Bad schema."), &["answered 400 (invalid_value)", "Bad schema."]),
        ("401", answer(401, "invalid_api_key", "Wrong key."), &["answered 401", "check the API key"]),
        ("403", answer(403, "unsupported_country", "Not here."), &["answered 403", "country is not supported"]),
        ("a dead model", answer(404, "model_not_found", "The model is gone."), &["answered 404", "name another"]),
        ("a dead path", Behaviour::Page(404), &["answered 404", "check OPENAI_BASE_URL and OPENAI_API"]),
        ("410", answer(410, "gone", "Shut down."), &["answered 410", "check OPENAI_BASE_URL"]),
        (
            "a wish not to be asked again",
            Behaviour::Answer(503, None, "Closed.".to_owned(), vec![("x-should-retry", "false".to_owned())]),
            &["answered 503", "asks not to be tried again"],
        ),
        (
            "a redirect",
            Behaviour::Answer(301, None, String::new(), redirect),
            &["answered 301", "leads to llm.example"],
        ),
    ]
}

#[tokio::test]
async fn what_will_not_pass_makes_the_built_in_summariser_step_in_at_once_and_say_why() {
    for dialect in DIALECTS {
        let (openai, app) = on(dialect, Nature::default(), &[]).await;
        for (number, (name, day, says)) in (1..).zip(for_good()) {
            openai.next(day);
            let (tries, provider) = summarised(&app, &number.to_string()).await;
            let [(outcome, why)] = &tries[..] else { panic!("{name}, {dialect}: {tries:?}") };
            assert_eq!((provider.as_str(), outcome.as_str()), ("local", "done"), "{name}, {dialect}");
            assert!(why.starts_with(STEPPED_IN), "{name}, {dialect}: {why}");
            assert!(says.iter().all(|part| why.contains(part)), "{name}, {dialect}: {why}");
            assert_eq!(openai.questions().len(), number, "{name}, {dialect}: asked once");
        }
    }
}

#[tokio::test]
async fn without_a_fallback_a_run_fails_at_once_with_a_reason_to_read_and_can_be_retried() {
    let (openai, app) = configured(Nature::default()).await;
    let app = app.with("SUMMARY_FALLBACK", "none").start().await;
    for (number, (name, day, says)) in (1..).zip(for_good()) {
        openai.next(day);
        let accepted = accept(&app, &number.to_string()).await;
        let run = end_of(&app, &accepted).await;
        assert_eq!((&run["state"], &run["stage"]), (&json!("failed"), &json!("summarise")), "{name}: {run}");
        let reason = run["reason"].as_str().unwrap();
        assert!(says.iter().all(|part| reason.contains(part)), "{name}: {reason}");
        assert_eq!(tries(&run, "summarise"), [("failed".to_owned(), reason.to_owned())], "{name}");

        // The operator mended it.
        app.api("POST", &format!("/api/v1/admin/runs/{}/retry", run["id"].as_str().unwrap()), None).await.expect(202);
        let run = end_of(&app, &accepted).await;
        assert_eq!((&run["state"], &run["spent"]["requests"]), (&json!("done"), &json!(1)), "{name}");
    }
}

#[tokio::test]
async fn a_bad_key_is_told_and_no_part_of_it_is_on_record() {
    let openai = OpenAiStandIn::start().await;
    let key = "sk-wrongABCDEFGH-0123456789-tailXYZ";
    let app = TestAppBuilder::default().with_all(openai_vars(&openai)).with("OPENAI_API_KEY", key).start().await;
    let (tries, provider) = summarised(&app, "1").await;
    assert_eq!(provider, "local");
    assert!(tries[0].1.contains("401 (invalid_api_key): Incorrect API key provided: [key]"), "{tries:?}");
    // The server shows the beginning and the end of it.
    assert_nowhere(&app, &[key, "sk-wr", "lXYZ", "***"]).await;
}

#[tokio::test]
async fn a_model_that_is_no_more_is_told_by_its_name() {
    let openai = OpenAiStandIn::start().await;
    let app = TestAppBuilder::default().with_all(openai_vars(&openai)).with("OPENAI_MODEL", "gpt-old").start().await;
    let (tries, _) = summarised(&app, "1").await;
    assert!(
        tries[0].1.contains("the model gpt-old does not exist or the key may not use it: name another"),
        "{tries:?}"
    );
}

#[tokio::test]
async fn words_of_the_call_that_an_error_repeats_are_not_in_the_record_of_attempts() {
    let (openai, app) = started().await;
    let echo = "Invalid input: 'We have a competing offer at 31 dollars per seat, so we may leave'";
    openai.next(answer(400, "invalid_value", echo));
    let (tries, _) = summarised(&app, "1").await;
    assert!(tries[0].1.contains("Invalid input:") && !tries[0].1.contains("competing offer"), "{tries:?}");
    let all = everything_on_record(&app).await;
    assert!(!all.contains(echo) && all.contains("competing offer"), "the transcript itself is on record, of course");
}
