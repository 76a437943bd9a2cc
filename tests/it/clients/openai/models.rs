//! The check of the model at the start.

use aftercall::config::Dialect;
use chrono::NaiveDate;

use super::setup::{assert_never, assert_retry, client, client_of, config};
use crate::support::Fault;
use crate::support::openai::{Nature, OpenAiStandIn};

fn today() -> NaiveDate {
    "2026-11-20".parse().expect("a date")
}

#[tokio::test]
async fn a_model_that_is_there_needs_no_warning() {
    let stand_in = OpenAiStandIn::start().await;
    let report = client(&stand_in, Dialect::Responses).check(today()).await.expect("a report");
    assert_eq!((report.model.as_str(), report.shutdown_date, report.warning), (stand_in.model(), None, None));
    assert_eq!(stand_in.server.count("GET /v1/models/gpt-6-luna"), 1);
}

#[tokio::test]
async fn a_model_that_ends_soon_is_worth_a_warning() {
    for (shutdown_date, without_model, warning) in [
        ("2027-06-01", false, None),
        ("2027-01-14", false, Some("is shut down on 2027-01-14, in 55 days")),
        ("2027-01-14", true, Some("is shut down on 2027-01-14, in 55 days")),
        ("2026-10-23", false, Some("was shut down on 2026-10-23")),
    ] {
        let nature = Nature { shutdown_date: Some(shutdown_date), without_model, ..Nature::default() };
        let stand_in = OpenAiStandIn::with(nature).await;
        let report = client(&stand_in, Dialect::Responses).check(today()).await.expect("a report");
        assert_eq!(report.shutdown_date, shutdown_date.parse().ok());
        assert_eq!(report.warning.is_some(), warning.is_some());
        assert!(report.warning.unwrap_or_default().contains(warning.unwrap_or_default()));
    }
}

#[tokio::test]
async fn an_unknown_model_is_permanent() {
    for without_model in [false, true] {
        let stand_in = OpenAiStandIn::with(Nature { without_model, ..Nature::default() }).await;
        let mut unknown = config(&stand_in, Dialect::Responses);
        unknown.model = "org/gpt-2".to_owned();
        let error = client_of(unknown).check(today()).await.expect_err("unknown");
        assert_never(&error, &["does not list the model org/gpt-2", "gpt-old, gpt-6-luna"]);
    }
}

#[tokio::test]
async fn a_server_that_lists_nothing_is_no_failure() {
    let nature = Nature { without_model: true, without_models: true, ..Nature::default() };
    let stand_in = OpenAiStandIn::with(nature).await;
    let client = client(&stand_in, Dialect::Responses);
    let page = Fault::Answer(200, vec![("content-type", "text/html".to_owned())], "<html>".to_owned());
    for fault in [None, Some(page), Some(Fault::status(501, ""))] {
        if let Some(fault) = fault {
            stand_in.server.fail_next("GET /v1/models/", fault.clone());
            stand_in.server.fail_next("GET /v1/models", fault);
        }
        let warning = client.check(today()).await.expect("a report").warning.expect("a warning");
        assert!(warning.contains("could not be verified"), "{warning}");
    }
}

#[tokio::test]
async fn a_key_that_may_only_ask_is_no_failure() {
    let stand_in = OpenAiStandIn::start().await;
    let scopes = r#"{"error": {"message": "You have insufficient permissions. Missing scopes: api.model.read."}}"#;
    stand_in.server.fail_next("GET", Fault::status(403, scopes));
    let report = client(&stand_in, Dialect::Responses).check(today()).await.expect("a report");
    assert!(report.warning.expect("a warning").contains("may not read models"));
}

#[tokio::test]
async fn a_wrong_key_is_permanent_and_a_server_that_is_down_is_not() {
    let stand_in = OpenAiStandIn::start().await;
    let mut wrong = config(&stand_in, Dialect::Responses);
    wrong.api_key = Some("sk-wrong".into());
    assert_never(&client_of(wrong).check(today()).await.expect_err("no entry"), &["answered 401", "[key]"]);
    stand_in.server.fail_next("GET", Fault::status(503, "{}"));
    assert_retry(&client(&stand_in, Dialect::Responses).check(today()).await.expect_err("down"), &["answered 503"]);
}
