//! How long a model is waited for.

use std::time::Duration;

use serde_json::json;

use super::{Behaviour, Nature, STEPPED_IN, accept, configured, end_of, started, summarised, tries};
use crate::{
    outside::{next_wait, outcomes_of},
    support::Fault,
};

fn busy(seconds: u32) -> Behaviour {
    Behaviour::RateLimited(vec![("retry-after", seconds.to_string())])
}

#[tokio::test]
async fn a_wait_that_is_asked_for_is_kept_and_costs_no_retry() {
    let (openai, app) = configured(Nature::default()).await;
    let app = app.with("MAX_RETRIES", "0").start().await;
    openai.next(busy(20));
    let accepted = accept(&app, "1").await;
    app.run_due().await;
    assert_eq!(next_wait(&app).await, Some(Duration::from_secs(20)));
    app.clock.advance(Duration::from_secs(19));
    app.run_due().await;
    assert_eq!(openai.questions().len(), 1, "not a second earlier");
    let run = end_of(&app, &accepted).await;
    assert_eq!((&run["state"], outcomes_of(&run, "summarise")), (&json!("done"), vec!["later".into(), "done".into()]));
    assert!(tries(&run, "summarise")[0].1.contains("too many requests or tokens for now"), "{run}");
    assert_eq!(run["spent"]["requests"], 1);
}

#[tokio::test]
async fn the_built_in_summariser_steps_in_when_patience_is_asked_for_beyond_an_hour() {
    for (wait, laters) in [(1_800, 2), (3_601, 0), (86_400, 0)] {
        let (openai, app) = started().await;
        (0..5).for_each(|_| openai.next(busy(wait)));
        let (tries, provider) = summarised(&app, "1").await;
        assert_eq!(provider, "local", "{wait} s");
        let (last, before) = tries.split_last().unwrap();
        assert!(before.len() == laters && before.iter().all(|(outcome, _)| outcome == "later"), "{wait} s: {tries:?}");
        assert!(last.0 == "done" && last.1.starts_with(STEPPED_IN) && last.1.contains("429"), "{wait} s: {tries:?}");
    }
}

#[tokio::test]
async fn without_a_fallback_patience_ends_after_four_days() {
    let (openai, app) = configured(Nature::default()).await;
    let app = app.with("SUMMARY_FALLBACK", "none").start().await;
    (0..20).for_each(|_| openai.next(busy(86_400)));
    let accepted = accept(&app, "1").await;
    let run = end_of(&app, &accepted).await;
    assert_eq!(run["state"], "failed");
    assert!(run["reason"].as_str().unwrap().contains("answered 429"), "{run}");
    assert_eq!(outcomes_of(&run, "summarise"), ["later", "later", "later", "later", "failed"]);
}

#[tokio::test]
async fn a_server_that_stays_away_is_given_up_after_the_last_try() {
    for (fallback, state, last) in [("local", "done", "done"), ("none", "failed", "failed")] {
        let (openai, app) = configured(Nature::default()).await;
        let app = app.with("SUMMARY_FALLBACK", fallback).with("MAX_RETRIES", "2").start().await;
        (0..9).for_each(|_| openai.next(Behaviour::Answer(503, None, "Down.".to_owned(), Vec::new())));
        let accepted = accept(&app, "1").await;
        let run = end_of(&app, &accepted).await;
        assert_eq!(
            (&run["state"], outcomes_of(&run, "summarise")),
            (&json!(state), vec!["retry".into(), "retry".into(), last.into()])
        );
        let tries = tries(&run, "summarise");
        assert!(tries.iter().all(|(_, error)| error.contains("answered 503")), "{tries:?}");
        assert_eq!(tries[2].1.starts_with(STEPPED_IN), fallback == "local", "{tries:?}");
        assert_eq!(openai.questions().len(), 3, "{fallback}");
    }
}

#[tokio::test]
async fn a_wrong_host_is_named_and_while_it_is_let_alone_no_try_is_spent() {
    let (openai, app) = configured(Nature::default()).await;
    // Nothing listens on a port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let app = app.with("OPENAI_BASE_URL", format!("http://127.0.0.1:{port}/v1")).start().await;
    let (tries, provider) = summarised(&app, "1").await;
    assert_eq!((provider.as_str(), openai.questions().len()), ("local", 0));
    let spent = tries.iter().filter(|(outcome, _)| outcome != "later").count();
    assert_eq!(spent, 9, "the first and MAX_RETRIES: {tries:?}");
    assert!(tries[0].1.starts_with("openai (complete): cannot connect"), "{tries:?}");
    assert!(tries.last().unwrap().1.starts_with(STEPPED_IN), "{tries:?}");
}

#[tokio::test]
async fn a_model_that_takes_too_long_is_asked_again_and_time_for_stepping_in_is_left() {
    let (openai, app) = configured(Nature::default()).await;
    let app = app.with("TIMEOUT", "2").with("MAX_RETRIES", "0").start().await;
    openai.server.fail_next("POST", Fault::Slow(Duration::from_secs(4)));
    let (tries, provider) = summarised(&app, "1").await;
    let [(outcome, why)] = &tries[..] else { panic!("{tries:?}") };
    assert_eq!((provider.as_str(), outcome.as_str()), ("local", "done"));
    assert!(why.contains("openai (complete): no answer in time"), "{why}");
}
