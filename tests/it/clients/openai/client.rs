//! The client against the stand-in: what is sent, what is read, and what each bad day becomes.

use std::time::Duration;

use aftercall::clients::http::UpstreamError;
use aftercall::{clients::openai::CompletionError, config::Dialect};
use serde_json::{Value, json};

use super::setup::{DIALECTS, INPUT, ask, assert_never, assert_retry, client, client_of, config, parts, refusal};
use crate::support::Fault;
use crate::support::openai::{Behaviour, Nature, OpenAiStandIn, SNAPSHOT};

#[tokio::test]
async fn both_dialects_bring_the_text_the_cost_and_the_id() {
    for dialect in DIALECTS {
        let stand_in = OpenAiStandIn::start().await;
        let completed = ask(&client(&stand_in, dialect)).await.expect("an answer");
        let body: Value = serde_json::from_str(&completed.text).expect("JSON");
        assert!(body["headline"].is_string(), "{dialect:?}");
        assert_eq!(completed.usage.output_tokens, Some(120));
        assert_eq!(completed.usage.input_tokens, Some(u64::try_from(INPUT.len() / 4).unwrap()));
        assert_eq!(completed.model.as_deref(), Some(SNAPSHOT));
        assert_eq!(completed.request_id.as_deref(), Some("req_0001"));
    }
}

#[tokio::test]
async fn nothing_is_sent_but_what_the_question_needs() {
    let fields = [
        vec!["input", "instructions", "max_output_tokens", "model", "store", "text"],
        vec!["max_completion_tokens", "messages", "model", "response_format", "store"],
    ];
    for (dialect, fields) in DIALECTS.into_iter().zip(fields) {
        let stand_in = OpenAiStandIn::start().await;
        ask(&client(&stand_in, dialect)).await.expect("an answer");
        let question = stand_in.questions().remove(0);
        let mut sent: Vec<&str> = question.as_object().expect("an object").keys().map(String::as_str).collect();
        sent.sort_unstable();
        assert_eq!(sent, fields);
        assert_eq!(parts(&question), ("Summarise.", INPUT));
        assert_eq!(question["store"], json!(false));
        let asked = stand_in.server.asked().remove(0);
        assert_eq!(asked.header("authorization"), format!("Bearer {}", stand_in.key()));
        assert_eq!((asked.header("content-type"), asked.header("api-key")), ("application/json", ""));
    }
}

#[tokio::test]
async fn a_server_without_keys_gets_none() {
    let stand_in = OpenAiStandIn::with(Nature { keyless: true, ..Nature::default() }).await;
    let mut keyless = config(&stand_in, Dialect::ChatCompletions);
    keyless.api_key = None;
    keyless.base_url = format!("{}/?tenant=7", stand_in.base_url()).parse().expect("a URL");
    ask(&client_of(keyless)).await.expect("an answer");
    let asked = stand_in.server.asked().remove(0);
    assert_eq!((asked.path.as_str(), asked.query.as_str()), ("/v1/chat/completions", "tenant=7"));
    assert!(!asked.headers.contains_key("authorization"));
}

#[tokio::test]
async fn a_comment_before_the_final_answer_is_not_part_of_it() {
    let stand_in = OpenAiStandIn::start().await;
    stand_in.next(Behaviour::CommentaryThenFinal);
    let completed = ask(&client(&stand_in, Dialect::Responses)).await.expect("an answer");
    assert!(serde_json::from_str::<Value>(&completed.text).is_ok(), "{}", completed.text);
}

#[tokio::test]
async fn unknown_kinds_and_missing_members_do_no_harm() {
    for dialect in DIALECTS {
        let stand_in = OpenAiStandIn::start().await;
        stand_in.next(Behaviour::UnknownKinds);
        stand_in.next(Behaviour::Terse);
        let client = client(&stand_in, dialect);
        assert!(ask(&client).await.expect("an answer").text.starts_with('{'));
        let terse = ask(&client).await.expect("an answer");
        assert_eq!((terse.usage.input_tokens, terse.model), (None, None));
    }
}

#[tokio::test]
async fn a_refusal_is_permanent_and_says_why() {
    for dialect in DIALECTS {
        let stand_in = OpenAiStandIn::start().await;
        stand_in.next(Behaviour::Refusal(format!("I cannot help with that. {}", "Sorry. ".repeat(200))));
        let error = refusal(&client(&stand_in, dialect)).await;
        assert_never(&error, &["refused to answer: I cannot help with that.", "…", "(request req_0001)"]);
        assert!(error.to_string().chars().count() < 450);
    }
}

#[tokio::test]
async fn an_answer_that_is_withheld_is_permanent() {
    for dialect in DIALECTS {
        let stand_in = OpenAiStandIn::start().await;
        stand_in.next(Behaviour::ContentFilter);
        assert_never(&refusal(&client(&stand_in, dialect)).await, &["content_filter"]);
    }
    let stand_in = OpenAiStandIn::start().await;
    stand_in.next(Behaviour::BreaksOff("moonrise"));
    assert_never(&refusal(&client(&stand_in, Dialect::Responses)).await, &["broke the answer off: moonrise"]);
}

#[tokio::test]
async fn a_failure_within_a_200_passes_only_by_its_code() {
    for dialect in DIALECTS {
        let stand_in = OpenAiStandIn::start().await;
        let client = client(&stand_in, dialect);
        for code in ["server_error", "rate_limit_exceeded", "502"] {
            stand_in.next(Behaviour::Failed(code, "Something broke.".to_owned()));
            assert_retry(&refusal(&client).await, &["failed", code, "Something broke."]);
        }
        for code in ["invalid_prompt", "data_residency_mismatch", "insufficient_quota", ""] {
            stand_in.next(Behaviour::Failed(code, "No.".to_owned()));
            assert_never(&refusal(&client).await, &[code, "No."]);
        }
        stand_in.next(Behaviour::Failed("context_length_exceeded", "Too long.".to_owned()));
        assert!(matches!(ask(&client).await, Err(CompletionError::InputTooLong { .. })));
    }
}

#[tokio::test]
async fn an_answer_cut_at_the_cap_is_never_read() {
    for dialect in DIALECTS {
        let stand_in = OpenAiStandIn::with(Nature { needs_output_tokens: 401, ..Nature::default() }).await;
        let error = ask(&client(&stand_in, dialect)).await.expect_err("half an answer");
        let CompletionError::TooLong { usage, .. } = &error else { panic!("{error:?}") };
        assert_eq!(usage.output_tokens, Some(400), "what was paid for is told");
        assert_never(&error.into(), &["cut the answer at 400 tokens", "name another model"]);
    }
}

#[tokio::test]
async fn no_text_at_all_is_told_apart() {
    for dialect in DIALECTS {
        let stand_in = OpenAiStandIn::start().await;
        stand_in.next(Behaviour::Empty);
        let error = ask(&client(&stand_in, dialect)).await.expect_err("nothing");
        assert!(matches!(error, CompletionError::Empty { .. }), "{error:?}");
        assert_never(&error.into(), &["without any text"]);
    }
}

#[tokio::test]
async fn what_is_no_answer_yet_is_tried_again() {
    let stand_in = OpenAiStandIn::start().await;
    let client = client(&stand_in, Dialect::Responses);
    for status in ["queued", "in_progress", "cancelled"] {
        stand_in.next(Behaviour::Status(status));
        assert_retry(&refusal(&client).await, &["before it was done", status]);
    }
    stand_in.next(Behaviour::Page(200));
    assert_retry(&refusal(&client).await, &["no JSON"]);
}

#[tokio::test]
async fn refusals_are_permanent_and_say_what_to_do() {
    let stand_in = OpenAiStandIn::start().await;
    let client = client(&stand_in, Dialect::Responses);
    for (status, code, message, advice) in [
        (400, Some("unsupported_value"), "Unsupported value: 'x'.", "check the model"),
        (401, None, "Your IP is not authorized.", "check the API key"),
        (403, Some("unsupported_country_region_territory"), "Country not supported.", "the country is not supported"),
        (404, Some("model_not_found"), "No such thing.", "the model gpt-6-luna does not exist"),
        (404, None, "Not Found", "check OPENAI_BASE_URL and OPENAI_API"),
        (405, None, "Method Not Allowed", "check OPENAI_BASE_URL and OPENAI_API"),
        (410, None, "Gone", "check OPENAI_BASE_URL and OPENAI_API"),
        (422, None, "Unprocessable.", "check the model"),
    ] {
        stand_in.next(Behaviour::Answer(status, code, message.to_owned(), Vec::new()));
        let error = refusal(&client).await;
        assert_never(
            &error,
            &[&format!("answered {status}"), message, advice, code.unwrap_or_default(), "(request req_"],
        );
        assert!(error.to_string().starts_with("the model server 127.0.0.1 "), "{error}");
    }
}

#[tokio::test]
async fn the_stand_in_refuses_what_the_vendor_refuses() {
    let stand_in = OpenAiStandIn::start().await;
    let send = |path: &str, kind: &str, body: String| {
        let request = reqwest_client().post(format!("{}{path}", stand_in.base_url())).bearer_auth(stand_in.key());
        let sending = request.header("content-type", kind).body(body).send();
        async { sending.await.expect("an answer").status().as_u16() }
    };
    ask(&client(&stand_in, Dialect::Responses)).await.expect("an answer");
    let good = stand_in.questions().remove(0);
    let with = |pointer: &str, value: Value| {
        let mut body = good.clone();
        *body.pointer_mut(pointer).expect("a member") = value;
        body.to_string()
    };
    let mut unknown = good.clone();
    unknown["assistant_id"] = json!("asst_1");
    let mut nested = good.clone();
    nested["text"]["format"] = json!({"type": "json_schema", "json_schema": good["text"]["format"]});
    for (body, status) in [
        (good.to_string(), 200),
        (unknown.to_string(), 400),
        (nested.to_string(), 400),
        (with("/max_output_tokens", json!(15)), 400),
        (with("/store", json!(true)), 400),
        (with("/text/format/schema/required", json!([])), 400),
        (with("/text/format/schema/additionalProperties", json!(true)), 400),
        (with("/text/format/name", json!("a b")), 400),
        (with("/model", json!("gpt-2")), 404),
        ("{".to_owned(), 400),
    ] {
        assert_eq!(send("/responses", "application/json", body.clone()).await, status, "{body}");
    }
    assert_eq!(send("/responses", "text/plain", good.to_string()).await, 415);
    assert_eq!(send("/chat/completions", "application/json", good.to_string()).await, 400);
    assert_eq!(send("/assistants", "application/json", good.to_string()).await, 404);
}

fn reqwest_client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().expect("a client")
}

#[tokio::test]
async fn a_dead_path_is_permanent() {
    let stand_in = OpenAiStandIn::start().await;
    let mut dead = config(&stand_in, Dialect::Responses);
    dead.base_url = format!("{}/assistants", stand_in.base_url()).parse().expect("a URL");
    assert_never(&refusal(&client_of(dead)).await, &["answered 404", "Invalid URL", "check OPENAI_BASE_URL"]);
    let mut unknown = config(&stand_in, Dialect::Responses);
    unknown.model = "gpt-2".to_owned();
    assert_never(&refusal(&client_of(unknown)).await, &["model_not_found", "the model gpt-2 does not exist"]);
}

#[tokio::test]
async fn no_part_of_a_key_is_ever_repeated() {
    for key in ["sk-wrong-0123456789abcdef", "a-key-of-another-shape-0123456789"] {
        let stand_in = OpenAiStandIn::start().await;
        let mut wrong = config(&stand_in, Dialect::Responses);
        wrong.api_key = Some(key.into());
        let client = client_of(wrong);
        let error = refusal(&client).await;
        assert_never(
            &error,
            &["answered 401 (invalid_api_key)", "Incorrect API key provided: [key]", "check the API key"],
        );
        assert!(
            !error.to_string().contains(&key[..4]) && !error.to_string().contains(&key[key.len() - 4..]),
            "{error}"
        );
    }
}

#[tokio::test]
async fn no_words_of_the_call_are_ever_repeated() {
    let stand_in = OpenAiStandIn::start().await;
    let client = client(&stand_in, Dialect::Responses);
    let echo = format!("[{{'type': 'missing', 'input': {{'content': '{INPUT}'}}}}]");
    stand_in.next(Behaviour::Answer(400, None, echo.clone(), Vec::new()));
    stand_in.next(Behaviour::Refusal(format!("I will not say “{INPUT}”.")));
    stand_in.next(Behaviour::Failed("invalid_prompt", echo));
    for _ in 0..3 {
        let error = refusal(&client).await;
        assert_never(&error, &["[…]"]);
        assert!(!error.to_string().contains("board") && !error.to_string().contains("Ingrid"), "{error}");
    }
}

#[tokio::test]
async fn a_rate_limit_waits_as_asked_or_is_retried() {
    let stand_in = OpenAiStandIn::start().await;
    let client = client(&stand_in, Dialect::Responses);
    for (name, value, seconds) in
        [("retry-after", "20", 20), ("retry-after", "Fri, 20 Nov 2026 10:01:00 GMT", 60), ("retry-after-ms", "1500", 2)]
    {
        stand_in.next(Behaviour::RateLimited(vec![(name, value.to_owned())]));
        let error = refusal(&client).await;
        let UpstreamError::Later { why, wait } = &error else { panic!("{error:?}") };
        assert_eq!(*wait, Duration::from_secs(seconds));
        assert!(why.contains("answered 429 (rate_limit_exceeded): Rate limit reached"), "{why}");
    }
    stand_in.next(Behaviour::RateLimited(Vec::new()));
    stand_in.next(Behaviour::RateLimited(vec![("retry-after", "soon".to_owned())]));
    for _ in 0..2 {
        assert_retry(&refusal(&client).await, &["answered 429"]);
    }
}

#[tokio::test]
async fn an_empty_purse_is_permanent() {
    let stand_in = OpenAiStandIn::start().await;
    let client = client(&stand_in, Dialect::ChatCompletions);
    for code in ["insufficient_quota", "credit_balance_exhausted", "a_code_of_next_year"] {
        stand_in.next(Behaviour::NoQuota(code));
        assert_never(&refusal(&client).await, &["answered 429", code, "billing"]);
    }
}

#[tokio::test]
async fn an_input_that_does_not_fit_is_told_apart() {
    let small = Nature { context: Some(20), ..Nature::default() };
    for dialect in DIALECTS {
        let stand_in = OpenAiStandIn::with(small.clone()).await;
        let error = ask(&client(&stand_in, dialect)).await.expect_err("too long");
        assert!(matches!(error, CompletionError::InputTooLong { .. }), "{error:?}");
        assert_never(&error.into(), &["context_length_exceeded", "lower OPENAI_INPUT_TOKENS"]);
    }
    let stand_in = OpenAiStandIn::start().await;
    let client = client(&stand_in, Dialect::ChatCompletions);
    let vllm = "This model's maximum context length is 4096 tokens. However, you requested 9000 tokens.";
    stand_in.next(Behaviour::Answer(400, None, vllm.to_owned(), Vec::new()));
    stand_in.next(Behaviour::Answer(413, None, "Payload Too Large".to_owned(), Vec::new()));
    stand_in.next(Behaviour::RequestTooLarge);
    for _ in 0..3 {
        assert!(matches!(ask(&client).await, Err(CompletionError::InputTooLong { .. })));
    }
}

#[tokio::test]
async fn what_may_pass_is_tried_again() {
    let stand_in = OpenAiStandIn::start().await;
    let client = client(&stand_in, Dialect::Responses);
    for status in [408, 409, 500, 503] {
        stand_in.next(Behaviour::Answer(status, Some("server_is_overloaded"), "Busy.".to_owned(), Vec::new()));
        assert_retry(&refusal(&client).await, &[&format!("answered {status} (server_is_overloaded): Busy.")]);
    }
    ask(&client).await.expect("an answer after it passed");
}

#[tokio::test]
async fn a_connection_that_breaks_is_tried_again() {
    let stand_in = OpenAiStandIn::start().await;
    let client = client(&stand_in, Dialect::Responses);
    stand_in.server.fail_next("POST /v1/responses", Fault::Broken);
    stand_in.server.fail_next("POST /v1/responses", Fault::AnswerLost);
    for _ in 0..2 {
        assert_retry(&refusal(&client).await, &["openai (complete)"]);
    }
    stand_in.server.fail_next("POST", Fault::Slow(Duration::from_millis(50)));
    ask(&client).await.expect("an answer that takes its time");
    stand_in.server.fail_each_once(Fault::status(500, "{}"));
    assert_retry(&refusal(&client).await, &["answered 500"]);
    ask(&client).await.expect("an answer the second time");
    assert_eq!(stand_in.server.count("POST /v1/responses"), 5);
}

#[tokio::test]
async fn a_proxys_page_is_understood_by_its_status() {
    let stand_in = OpenAiStandIn::start().await;
    let client = client(&stand_in, Dialect::Responses);
    for status in [429, 502] {
        stand_in.next(Behaviour::Page(status));
        assert_retry(&refusal(&client).await, &[&format!("answered {status}: <!DOCTYPE html>")]);
    }
    stand_in.next(Behaviour::Page(404));
    assert_never(&refusal(&client).await, &["check OPENAI_BASE_URL"]);
}

#[tokio::test]
async fn the_servers_own_word_on_retrying_is_obeyed() {
    let stand_in = OpenAiStandIn::start().await;
    let client = client(&stand_in, Dialect::Responses);
    let answer = |status: u16, word: &str| {
        let headers = vec![("x-should-retry", word.to_owned()), ("retry-after", "5".to_owned())];
        Behaviour::Answer(status, None, "Hm.".to_owned(), headers)
    };
    for status in [408, 429, 500] {
        stand_in.next(answer(status, "false"));
        assert_never(&refusal(&client).await, &["it asks not to be tried again"]);
    }
    stand_in.next(answer(400, "true"));
    assert_retry(&refusal(&client).await, &["answered 400"]);
    stand_in.next(answer(500, "perhaps"));
    assert_retry(&refusal(&client).await, &["answered 500"]);
}

#[tokio::test]
async fn a_redirect_is_a_wrong_address() {
    let stand_in = OpenAiStandIn::start().await;
    let client = client(&stand_in, Dialect::Responses);
    let location = vec![("location", "https://llm.example/v1/responses?session=secret".to_owned())];
    stand_in.server.fail_next("POST", Fault::Answer(307, location, String::new()));
    let error = refusal(&client).await;
    assert_never(&error, &["answered 307", "leads to llm.example", "final address"]);
    assert!(!error.to_string().contains("secret"));
}
