//! A model server: what it does, what we do, and which test shows it in a run's record.
//!
//! | It | We | Test |
//! |---|---|---|
//! | answers, in either dialect | publish the model's summary and record what it took | `good::both_dialects_…` |
//! | comments first, adds unknown kinds, leaves members out | do not mind | `bad_days::what_is_odd_…` |
//! | cuts the answer, or says nothing | ask once more within the same try, then step in | `bad_days::a_second_question_…` |
//! | 408, 409, 429 without a wait, 5xx, pages, `failed` that may pass, no JSON, breaks | try again | `bad_days::what_may_pass_…` |
//! | 429 with `Retry-After` | come back then, at no cost | `patience::a_wait_…` |
//! | refuses, withholds, breaks off, 400–404, redirect, `failed` for good, no quota | step in at once and say why | `bad_days::what_will_not_pass_…` |
//! | the same with `SUMMARY_FALLBACK=none` | fail with a reason an operator can read | `bad_days::without_a_fallback_…` |
//! | keeps failing | step in after the last try, or fail | `patience::a_server_that_stays_away_…` |
//! | asks for patience beyond an hour | step in; without a fallback wait four days | `patience::…_an_hour`, `patience::…_four_days` |
//! | does not answer in time | try again within the stage's time | `patience::a_model_that_takes_too_long_…` |
//! | repeats the key, the call | neither is on record | `bad_days::a_bad_key_…`, `bad_days::words_of_the_call_…` |
//! | takes only so much at once | send a long call in pieces | `good::a_long_call_…` |
//! | obeys what is said on a call | nothing changes but text | `injection::*` |

mod bad_days;
mod good;
mod injection;
mod patience;

use serde_json::Value;

use super::{accept, end_of, openai_vars, tries};
use crate::support::{
    TestApp, TestAppBuilder,
    openai::{Behaviour, Nature, OpenAiStandIn},
};

/// Who steps in says so.
const STEPPED_IN: &str = "summarised by ourselves, since ";

/// A model server with a nature, and the app that is to use it, not started yet.
async fn configured(nature: Nature) -> (OpenAiStandIn, TestAppBuilder) {
    let openai = OpenAiStandIn::with(nature).await;
    let app = TestAppBuilder::default().with_all(openai_vars(&openai));
    (openai, app)
}

async fn started() -> (OpenAiStandIn, TestApp) {
    let (openai, app) = configured(Nature::default()).await;
    (openai, app.start().await)
}

async fn summary_of(app: &TestApp, call_id: &str) -> Value {
    app.get(&format!("/api/v1/admin/calls/{call_id}")).await.expect(200).body["summary"].clone()
}

/// The tries to summarise a call, and who did.
async fn summarised(app: &TestApp, call_id: &str) -> (Vec<(String, String)>, String) {
    let accepted = accept(app, call_id).await;
    let run = end_of(app, &accepted).await;
    assert_eq!(run["state"], "done", "{run}");
    let provider = summary_of(app, call_id).await["provider"].as_str().unwrap_or_default().to_owned();
    assert_eq!(run["spent"].is_object(), provider == "openai", "only a model spends: {run}");
    (tries(&run, "summarise"), provider)
}

/// Behaviours that a row of a table is about.
type Days = Vec<Behaviour>;
