//! What Snowflake refuses, and what goes wrong on the way.

use std::time::Duration;

use chrono::TimeDelta;
use serde_json::json;

use super::{
    super::{UNDISTURBED, assert_nowhere, due_at, error_of, outcomes, retry, run_of},
    SUBMIT, add, assert_no_key, driven, start,
};
use crate::support::{Fault, Receiver, TestApp, snowflake::SnowflakeStandIn};

const JWT_REFUSED: &str = r#"{"code":"390144","message":"JWT token is invalid."}"#;
const PAGE: &str = "<html><body>something is in between: letmein</body></html>";

fn refused(code: &str, sql_state: &str, message: &str) -> Fault {
    Fault::status(422, json!({"code": code, "sqlState": sql_state, "message": message}).to_string())
}

#[tokio::test]
async fn a_hiccup_is_made_up_for_within_the_attempt() {
    let (snowflake, app) = start(|app| app.with("MAX_RETRIES", "0")).await;
    for (number, (name, fault, repeated)) in [
        ("500", Fault::status(500, ""), true),
        ("502", Fault::status(502, PAGE), true),
        ("an answer that is lost", Fault::AnswerLost, true),
        ("an expired token", Fault::status(401, JWT_REFUSED), false),
    ]
    .into_iter()
    .enumerate()
    {
        let id = number.to_string();
        add(&snowflake, &id);
        snowflake.server.fail_next(SUBMIT, fault);
        let before = snowflake.server.count(SUBMIT);
        let run = driven(&app, &id).await;
        assert_eq!(outcomes(&run), UNDISTURBED, "{name}");
        let queries: Vec<String> = snowflake.server.asked().into_iter().skip(before).map(|asked| asked.query).collect();
        assert_eq!(queries.len(), 2, "{name}");
        let again = format!("{}&retry=true", queries[0]);
        assert_eq!(queries[1], if repeated { again } else { queries[0].clone() }, "{name}: the same request id");
    }
}

#[tokio::test]
async fn what_may_pass_is_tried_again_and_the_record_says_what_it_was() {
    let (snowflake, app) = start(|app| app.with("MAX_RETRIES", "1")).await;
    let timed_out = r#"{"code":"000630","sqlState":"57014","message":"reached its timeout"}"#;
    let fewer = json!({"code": "090001", "data": [], "resultSetMetaData": {"numRows": 2, "rowType": [{"name": "TRANSCRIPT_TEXT"}],
        "partitionInfo": [{"rowCount": 2}]}});
    let cases = [
        ("408", Fault::status(408, timed_out), 1, "000630"),
        ("429", Fault::status(429, r#"{"code":"390505","message":"Too many requests."}"#), 1, "390505"),
        ("500", Fault::status(500, r#"{"code":"000603","message":"Internal error."}"#), 2, "000603"),
        ("502", Fault::status(502, PAGE), 2, "a web page"),
        ("503", Fault::status(503, PAGE), 1, "503"),
        ("504", Fault::status(504, ""), 1, "504"),
        ("somebody cancelled it", refused("000604", "57014", "SQL execution canceled"), 1, "000604"),
        ("an answer that breaks off", Fault::Broken, 2, "broke"),
        ("a proxy's page as 200", Fault::status(200, PAGE), 1, "Snowflake answered with"),
        ("fewer rows than promised", Fault::status(200, fewer.to_string()), 1, "0 rows where it promised 2"),
    ];
    for (number, (name, fault, times, told)) in cases.into_iter().enumerate() {
        let id = number.to_string();
        add(&snowflake, &id);
        for _ in 0..times {
            snowflake.server.fail_next(SUBMIT, fault.clone());
        }
        let run = driven(&app, &id).await;
        assert_eq!((&run["state"], outcomes(&run)), (&json!("active"), vec!["fetch retry".to_owned()]), "{name}");
        let error = error_of(&run, 0);
        assert!(error.to_lowercase().contains("snowflake") && error.contains(told), "{name}: {error}");
        app.clock.advance(Duration::from_secs(3));
        app.run_due().await;
        assert_eq!(outcomes(&run_of(&app, &id).await), [&["fetch retry"][..], &UNDISTURBED].concat(), "{name}");
    }
    assert_no_key(&app).await;
    assert_nowhere(&app, &["letmein"]).await;
}

#[tokio::test]
async fn patience_that_is_asked_for_costs_no_retry() {
    let (snowflake, app) = start(|app| app.with("MAX_RETRIES", "0")).await;
    for (status, id) in [(429, "1"), (503, "2")] {
        add(&snowflake, id);
        let body = r#"{"code":"390505","message":"Too many requests."}"#.to_owned();
        snowflake.server.fail_next(SUBMIT, Fault::Answer(status, vec![("retry-after", "90".to_owned())], body));
        let run = driven(&app, id).await;
        assert_eq!(outcomes(&run), ["fetch later"], "{status}");
        assert!(error_of(&run, 0).contains("390505"), "{status}");
        assert_eq!(due_at(&app, id).await - app.clock.now(), TimeDelta::seconds(90), "{status}");
        app.clock.advance(Duration::from_secs(90));
        app.run_due().await;
        assert_eq!(outcomes(&run_of(&app, id).await), [&["fetch later"][..], &UNDISTURBED].concat(), "{status}");
    }
}

#[tokio::test]
async fn what_does_not_pass_ends_visibly_and_is_sent_on_by_hand() {
    let (snowflake, app) = start(|app| app.with("MAX_RETRIES", "1")).await;
    add(&snowflake, "1");
    for _ in 0..2 {
        snowflake.server.fail_next(SUBMIT, Fault::status(503, r#"{"code":"000603","message":"Down for now."}"#));
    }
    driven(&app, "1").await;
    app.clock.advance(Duration::from_secs(3));
    app.run_due().await;
    let run = run_of(&app, "1").await;
    assert_eq!(outcomes(&run), ["fetch retry", "fetch failed"]);
    assert_eq!(run["reason"], "Snowflake answered 503 (submit) code 000603: Down for now.");
    retry(&app, &run).await;
    assert_eq!(run_of(&app, "1").await["state"], "done");
}

#[tokio::test]
async fn nobody_at_the_address_is_tried_again_then_fails_visibly() {
    let (_snowflake, app) = start(|app| app.with("SNOWFLAKE_URL", "http://127.0.0.1:9").with("MAX_RETRIES", "1")).await;
    driven(&app, "1").await;
    app.clock.advance(Duration::from_secs(3));
    app.run_due().await;
    let run = run_of(&app, "1").await;
    assert_eq!(outcomes(&run), ["fetch retry", "fetch failed"]);
    let reason = run["reason"].as_str().unwrap();
    assert!(reason.starts_with("snowflake (submit): cannot connect") && !reason.contains("requestId"), "{reason}");
}

#[tokio::test]
async fn what_somebody_has_to_mend_fails_at_once_and_says_what_to_do() {
    let (snowflake, app) = start(|app| app).await;
    let receiver = Receiver::start().await;
    app.add_endpoint(json!({"kind": "webhook", "target": receiver.url(), "filters": {"events": ["call.failed"]}}))
        .await;
    let missing = "SQL compilation error:\nObject 'TRANSCRIPTS' does not exist or not authorized.";
    let unreadable = r#"{"code":"390142","message":"Incoming request does not contain a valid payload."}"#;
    let elsewhere = vec![("location", "https://elsewhere.example/?key=letmein".to_owned())];
    let cases: [(&str, Fault, &[&str]); 14] = [
        ("400", Fault::status(400, unreadable), &["400", "390142", "please report it"]),
        ("403", Fault::status(403, ""), &["403", "network policy"]),
        ("404", Fault::status(404, PAGE), &["404", "SNOWFLAKE_ACCOUNT", "SNOWFLAKE_URL"]),
        ("405", Fault::status(405, ""), &["405", "SNOWFLAKE_URL"]),
        ("415", Fault::status(415, ""), &["415", "SNOWFLAKE_URL"]),
        ("302", Fault::Answer(302, elsewhere, String::new()), &["302", "SNOWFLAKE_URL"]),
        ("522", Fault::status(522, ""), &["522", "certificate"]),
        (
            "no such table",
            refused("002003", "42S02", missing),
            &["422", "002003", "42S02", "SNOWFLAKE_ROLE", "SELECT on"],
        ),
        ("no such column", refused("000904", "42000", "invalid identifier"), &["000904", "SNOWFLAKE_QUERY_PATH"]),
        ("no SQL", refused("001003", "42000", "syntax error line 1"), &["001003", "SNOWFLAKE_QUERY_PATH"]),
        ("no warehouse", refused("000606", "57P03", "No active warehouse"), &["000606", "SNOWFLAKE_WAREHOUSE"]),
        ("no database", refused("090105", "22000", "no current database"), &["090105", "SNOWFLAKE_DATABASE"]),
        ("the role", refused("390189", "", "role not granted"), &["390189", "SNOWFLAKE_ROLE"]),
        ("data", refused("100037", "22018", "Value 'letmein' is not recognized"), &["100037", "CAST"]),
    ];
    for (number, (name, fault, told)) in cases.into_iter().enumerate() {
        let id = number.to_string();
        add(&snowflake, &id);
        let before = snowflake.server.asked().len();
        snowflake.server.fail_next(SUBMIT, fault);
        let run = driven(&app, &id).await;
        assert_eq!((&run["state"], outcomes(&run)), (&json!("failed"), vec!["fetch failed".to_owned()]), "{name}");
        assert_eq!(snowflake.server.asked().len(), before + 1, "{name}: nothing is repeated or followed");
        let reason = run["reason"].as_str().unwrap();
        assert_eq!(reason, error_of(&run, 0), "{name}");
        for part in told {
            assert!(reason.contains(part), "{name}: {part} is missing in: {reason}");
        }
        assert_eq!(receiver.received()[number].body["data"]["reason"], "fetch_failed", "{name}");
        retry(&app, &run).await; // somebody mended it
        assert_eq!(run_of(&app, &id).await["state"], "done", "{name}");
    }
    assert_no_key(&app).await;
    assert_nowhere(&app, &["letmein"]).await;
}

#[tokio::test]
async fn a_result_that_is_cut_off_is_never_summarised() {
    let (snowflake, app) = start(|app| app).await;
    add(&snowflake, "1");
    snowflake.truncate_results();
    let run = driven(&app, "1").await;
    assert_eq!((&run["state"], app.count("transcripts").await), (&json!("failed"), 0), "{run}");
    assert!(run["reason"].as_str().unwrap().contains("391908"), "{run}");
}

#[tokio::test]
async fn a_query_without_the_words_column_fails_by_its_name() {
    let (snowflake, app) = start(|app| app).await;
    snowflake.answer_with("1", &["WORDS", "ACCOUNT_NAME"], &[&[Some("Dana: Hello."), None]]);
    let run = driven(&app, "1").await;
    let reason = run["reason"].as_str().unwrap();
    assert!(reason.contains("no column transcript_text but words, account_name"), "{reason}");
    assert!(reason.contains("SNOWFLAKE_QUERY_PATH"), "{reason}");
}

#[tokio::test]
async fn a_key_that_is_not_registered_fails_with_whom_we_signed_as_and_no_key_in_it() {
    let (snowflake, app) = start(|app| app).await;
    add(&snowflake, "1");
    snowflake.register_other_key();
    let run = driven(&app, "1").await;
    assert_eq!((&run["state"], snowflake.server.count(SUBMIT)), (&json!("failed"), 2), "one new token, no more");
    let reason = run["reason"].as_str().unwrap();
    for part in
        ["401", "390144", "BRINDLE-PROD_EU.AFTERCALL_SVC", "RSA_PUBLIC_KEY_FP", &SnowflakeStandIn::fingerprint()]
    {
        assert!(reason.contains(part), "{part} is missing in: {reason}");
    }
    assert_no_key(&app).await;
}

#[tokio::test]
async fn a_token_that_ran_out_fails_by_the_name_of_its_variable() {
    const TOKEN: &str = "an-opaque-access-token";
    let snowflake = SnowflakeStandIn::start().await;
    snowflake.expect_token(TOKEN, "PROGRAMMATIC_ACCESS_TOKEN");
    add(&snowflake, "1");
    let app = TestApp::with("SNOWFLAKE_ACCOUNT", crate::support::snowflake::ACCOUNT)
        .with("SNOWFLAKE_TOKEN", TOKEN)
        .with("SNOWFLAKE_URL", snowflake.url())
        .start()
        .await;
    let run = driven(&app, "1").await;
    assert_eq!(run["state"], "done", "{run}");
    add(&snowflake, "2");
    snowflake.expect_token("another", "PROGRAMMATIC_ACCESS_TOKEN");
    let run = driven(&app, "2").await;
    let reason = run["reason"].as_str().unwrap();
    assert!(run["state"] == "failed" && reason.contains("390303") && reason.contains("SNOWFLAKE_TOKEN"), "{reason}");
    assert_nowhere(&app, &[TOKEN]).await;
}
