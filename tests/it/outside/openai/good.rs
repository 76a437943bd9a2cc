//! Good weather: both dialects, and a long call.

use serde_json::{Value, json};

use super::{configured, end_of, openai_vars, started, summary_of};
use crate::{
    outside::outcomes_of,
    support::{
        Receiver, TestAppBuilder, callback,
        openai::{Nature, OpenAiStandIn, SNAPSHOT},
        transcript,
    },
};

#[tokio::test]
async fn both_dialects_bring_a_summary_that_is_published_and_a_record_of_what_it_took() {
    for (dialect, path) in [("responses", "POST /v1/responses"), ("chat_completions", "POST /v1/chat/completions")] {
        let openai = OpenAiStandIn::start().await;
        let app = TestAppBuilder::default().with_all(openai_vars(&openai)).with("OPENAI_API", dialect).start().await;
        let receiver = Receiver::start().await;
        app.add_webhook(&receiver).await;
        let accepted = app.process("1").await;
        let run = app.run_of(&accepted).await;
        assert_eq!(
            (&run["state"], outcomes_of(&run, "summarise")),
            (&json!("done"), vec!["done".to_owned()]),
            "{dialect}"
        );
        assert_eq!(run["attempts"][1]["error"], Value::Null, "nobody stepped in");
        let spent = &run["spent"];
        assert_eq!((&spent["model"], &spent["requests"]), (&json!(SNAPSHOT), &json!(1)), "{dialect}");
        assert!(spent["input_tokens"].as_u64() > Some(0) && spent["output_tokens"] == 120, "{dialect}: {spent}");
        assert_eq!((openai.server.asked().len(), openai.server.count(path)), (1, 1), "{dialect}");
        assert_eq!(openai.questions()[0]["store"], false, "{dialect}: nothing of a call is kept there");

        let summary = summary_of(&app, "1").await;
        assert_eq!(
            (&summary["provider"], &summary["headline"]),
            (&json!("openai"), &json!("Dana Reyes (us): Good morning Ingrid,"))
        );
        let sent = &receiver.received()[0].body["data"]["summary"];
        assert_eq!((&sent["provider"], &sent["headline"]), (&summary["provider"], &summary["headline"]), "{dialect}");
        assert!(!receiver.received()[0].body.to_string().contains("tokens"), "what it cost is nobody else's business");
        let documents = app.data_dir.path().join("documents/Halden Freight/Call Summary.md");
        assert!(std::fs::read_to_string(documents).unwrap().contains("summary by openai"), "{dialect}");
    }
}

#[tokio::test]
async fn a_retried_run_pays_for_its_own_summary_only() {
    let (openai, app) = started().await;
    let (one, two) = (app.process("1").await, app.process("2").await);
    assert_eq!(openai.questions().len(), 2);
    for accepted in [one, two] {
        assert_eq!(app.run_of(&accepted).await["spent"]["requests"], 1);
    }
}

#[tokio::test]
async fn the_built_in_summariser_spends_nothing() {
    let app = TestAppBuilder::default().start().await;
    let accepted = app.process("1").await;
    let run = app.run_of(&accepted).await;
    assert_eq!(run.as_object().unwrap().get("spent"), Some(&Value::Null), "{run}");
}

#[tokio::test]
async fn a_long_call_goes_out_in_pieces_and_its_record_counts_every_request() {
    let (openai, app) = configured(Nature::default()).await;
    let app = app.with("OPENAI_INPUT_TOKENS", "4000").start().await;
    let mut said = transcript("1");
    let turns: Vec<Value> = (0..150)
        .map(|turn| {
            let words: Vec<String> = (0..20).map(|word| format!("word{turn}x{word}")).collect();
            json!({"speakerId": "902", "sentences": [{"start": turn * 1000, "end": turn * 1000 + 900, "text": words.join(" ")}]})
        })
        .collect();
    said["callTranscripts"][0]["transcript"] = json!(turns);
    app.import(&said).await;
    let accepted = app.post_signed(&callback("1")).await.expect(202).body;
    let run = end_of(&app, &accepted).await;
    let asked = openai.questions();
    assert!(asked.len() > 3, "{}", asked.len());
    assert_eq!((&run["state"], &run["spent"]["requests"]), (&json!("done"), &json!(asked.len())));
    assert_eq!(run["spent"]["output_tokens"], json!(120 * asked.len()));
    let sent: String = asked.iter().map(|body| body["input"][0]["content"].as_str().unwrap()).collect();
    for (turn, word) in [(0, 0), (75, 10), (149, 19)] {
        assert!(sent.contains(&format!("word{turn}x{word}")), "a word of turn {turn} was lost");
    }
    assert!(asked.iter().all(|body| body.to_string().len() < 4 * 4000), "no request is larger than allowed");
    let summary = summary_of(&app, "1").await;
    assert_eq!(summary["headline"], format!("merged {}", asked.len() - 1), "all but the last were pieces");
}
