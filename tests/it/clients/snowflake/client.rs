//! The client against the stand-in. What Snowflake does, and what we make of it (contract §1 and §2):
//!
//! | Snowflake | we | test |
//! |---|---|---|
//! | knows a key pair by upper-case names and a fingerprint | sign so, renew at half the lifetime | `a_signed_token_…`, `the_token_is_renewed_…` |
//! | refuses a token (401) | one new token, then for the operator | `a_refused_token_…`, `a_key_that_is_not_registered_…` |
//! | names three kinds of tokens | always say which | `a_given_token_is_sent_with_its_kind` |
//! | compares names with their case | raise them unless quoted | `names_are_sent_…` |
//! | answers 200 with rows, columns in any case, nulls | read by name, any case | `rows_are_read_…` |
//! | answers 202, asked for or not, and names an address | ask on at the configured host | `a_running_statement_…` |
//! | runs on and on | cancel, try again later | `a_statement_that_does_not_end_…` |
//! | cuts results into gzip parts without metadata | join them | `partitions_are_joined` |
//! | cuts results off (391908) | an error | `a_truncated_result_…` |
//! | sends rows that do not fit, or too few | an error | `rows_that_do_not_fit_…` |
//! | breaks off, or answers 500 or 502 | once more, same id and `retry=true` | `an_answer_that_is_lost_…`, `a_500_…` |
//! | is slow, or fails at every turn | cancel in time; end with one execution | `a_submission_that_is_slow_…`, `when_every_…` |
//! | runs again what comes without `retry=true` | say `retry=true` on every repeat, never first | `a_later_try_…` |
//! | refuses by status and code | see `errors` | there |

use std::{sync::Arc, time::Duration};

use crate::support::{
    Fault,
    snowflake::{ACCOUNT, SnowflakeStandIn, USER},
};
use aftercall::{
    clients::http::{SenderContext, UpstreamError},
    domain::clock::Clock,
};
use aftercall::{
    clients::snowflake::{Bind, Rows, Snowflake},
    config::{PrivateKey, SnowflakeAuth, SnowflakeConfig},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::DateTime;

const DEFAULT_STATEMENT_TIMEOUT: Duration = Duration::from_secs(60);
use serde_json::Value;
use uuid::Uuid;

pub const SQL: &str = "SELECT transcript_text FROM transcripts WHERE transcript_id = ?";
pub const SUBMIT: &str = "POST /api/v2/statements";

pub fn config(stand_in: &SnowflakeStandIn) -> SnowflakeConfig {
    let key = PrivateKey::parse_pem(&SnowflakeStandIn::private_key_pem()).expect("a key");
    SnowflakeConfig {
        account: ACCOUNT.to_owned(),
        user: Some(USER.to_owned()),
        auth: SnowflakeAuth::KeyPair(key),
        role: Some("reader".to_owned()),
        warehouse: Some("load_wh".to_owned()),
        database: Some("ops".to_owned()),
        schema: Some("raw".to_owned()),
        url: Some(stand_in.url().parse().expect("an address")),
        query: None,
        statement_timeout: DEFAULT_STATEMENT_TIMEOUT,
    }
}

pub fn build(config: SnowflakeConfig, clock: Clock) -> Snowflake {
    let context = SenderContext { extra_ca: Vec::new(), clock, count: Arc::new(|_, _| ()) };
    Snowflake::new(config, &context).expect("a client")
}

pub fn client(stand_in: &SnowflakeStandIn) -> Snowflake {
    build(config(stand_in), Clock::system())
}

/// Asks for one transcript's rows for the first time.
pub async fn ask(snowflake: &Snowflake) -> Result<Rows, UpstreamError> {
    snowflake.query(SQL, &[Bind::Text("7".to_owned())], Uuid::now_v7(), false).await
}

fn clock() -> Clock {
    Clock::manual(DateTime::from_timestamp(1_930_000_000, 0).expect("a time"))
}

fn claims(authorization: &str) -> Value {
    let payload = authorization.split('.').nth(1).expect("three parts");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).expect("base64")).expect("JSON")
}

#[tokio::test]
async fn a_signed_token_names_account_user_and_key_in_upper_case() {
    let clock = clock();
    let stand_in = SnowflakeStandIn::start_at(clock.clone()).await;
    ask(&build(config(&stand_in), clock.clone())).await.unwrap();
    let asked = &stand_in.server.asked()[0];
    let claims = claims(asked.header("authorization"));
    let subject = "BRINDLE-PROD_EU.AFTERCALL_SVC";
    assert_eq!(claims["sub"], subject);
    assert_eq!(claims["iss"], format!("{subject}.{}", SnowflakeStandIn::fingerprint()));
    assert_eq!(claims["iat"], 1_930_000_000);
    assert_eq!(claims["exp"], 1_930_000_000 + 30 * 60);
    assert_eq!(asked.header("x-snowflake-authorization-token-type"), "KEYPAIR_JWT");
}

#[tokio::test]
async fn a_locator_loses_its_region_in_the_token() {
    let stand_in = SnowflakeStandIn::start().await;
    stand_in.expect_subject("XY12345.Dana.Reyes");
    let mut config = config(&stand_in);
    config.account = "xy12345.eu-central-1.aws".to_owned();
    config.user = Some("\"Dana.Reyes\"".to_owned());
    ask(&build(config, Clock::system())).await.unwrap();
}

#[tokio::test]
async fn the_token_is_renewed_at_half_its_lifetime() {
    let clock = clock();
    let stand_in = SnowflakeStandIn::start_at(clock.clone()).await;
    let snowflake = build(config(&stand_in), clock.clone());
    let mut tokens = Vec::new();
    for minutes in [0, 14, 1, 14] {
        clock.advance(Duration::from_mins(minutes));
        ask(&snowflake).await.unwrap();
        tokens.push(stand_in.server.asked().last().unwrap().header("authorization").to_owned());
    }
    assert_eq!(tokens[0], tokens[1]);
    assert_ne!(tokens[1], tokens[2]);
    assert_eq!(tokens[2], tokens[3]);
}

#[tokio::test]
async fn a_refused_token_is_replaced_once() {
    let stand_in = SnowflakeStandIn::start().await;
    let snowflake = client(&stand_in);
    let refused = || Fault::status(401, r#"{"code":"390144","message":"JWT token is invalid."}"#);
    stand_in.server.fail_next(SUBMIT, refused());
    ask(&snowflake).await.unwrap();
    assert_eq!(stand_in.server.count(SUBMIT), 2);
    stand_in.server.fail_next(SUBMIT, refused());
    stand_in.server.fail_next(SUBMIT, refused());
    assert!(matches!(ask(&snowflake).await, Err(UpstreamError::Never(_))));
    assert_eq!(stand_in.server.count(SUBMIT), 4);
}

#[tokio::test]
async fn a_key_that_is_not_registered_is_explained_to_the_operator() {
    let stand_in = SnowflakeStandIn::start().await;
    stand_in.register_other_key();
    let Err(UpstreamError::Never(why)) = ask(&client(&stand_in)).await else { panic!("it was let in") };
    for part in
        ["401", "390144", "BRINDLE-PROD_EU.AFTERCALL_SVC", "RSA_PUBLIC_KEY_FP", &SnowflakeStandIn::fingerprint()]
    {
        assert!(why.contains(part), "{part} is missing in: {why}");
    }
    assert!(!why.contains("eyJ"), "{why}");
}

#[tokio::test]
async fn a_given_token_is_sent_with_its_kind() {
    let stand_in = SnowflakeStandIn::start().await;
    let oauth = format!("eyJhbGciOiJSUzI1NiJ9.{}.c2ln", URL_SAFE_NO_PAD.encode(r#"{"iss":"https://idp.example/"}"#));
    for (token, token_type) in [("opaque-secret", "PROGRAMMATIC_ACCESS_TOKEN"), (oauth.as_str(), "OAUTH")] {
        stand_in.expect_token(token, token_type);
        let mut config = config(&stand_in);
        config.auth = SnowflakeAuth::Token(format!(" {token}\n").into());
        config.user = None;
        ask(&build(config, Clock::system())).await.unwrap();
    }
    // Nobody but the operator has another one: there is nothing to try again with.
    stand_in.expect_token("rotated", "PROGRAMMATIC_ACCESS_TOKEN");
    let mut config = config(&stand_in);
    config.auth = SnowflakeAuth::Token("opaque-secret".to_owned().into());
    let Err(UpstreamError::Never(why)) = ask(&build(config, Clock::system())).await else { panic!("it was let in") };
    assert!(why.contains("390303") && why.contains("SNOWFLAKE_TOKEN") && !why.contains("opaque"), "{why}");
    assert_eq!(stand_in.server.count(SUBMIT), 3);
}

#[tokio::test]
async fn names_are_sent_in_upper_case_unless_quoted() {
    let stand_in = SnowflakeStandIn::start().await;
    let mut config = config(&stand_in);
    config.schema = Some("\"Mixed Case\"".to_owned());
    config.role = None;
    ask(&build(config, Clock::system())).await.unwrap();
    let body = &stand_in.server.asked()[0].body;
    assert_eq!((&body["warehouse"], &body["database"]), (&"LOAD_WH".into(), &"OPS".into()));
    assert_eq!((&body["schema"], body.get("role")), (&"Mixed Case".into(), None));
    assert_eq!((&body["timeout"], &body["parameters"]["query_tag"]), (&60.into(), &"aftercall".into()));
    assert_eq!(body["bindings"], serde_json::json!({"1": {"type": "TEXT", "value": "7"}}));
}

#[tokio::test]
async fn rows_are_read_by_name_in_any_case() {
    let stand_in = SnowflakeStandIn::start().await;
    stand_in.answer_with("7", &["TRANSCRIPT_TEXT", "Account_Name"], &[&[Some("hi"), None], &[None, Some("Halden")]]);
    for small in [false, true] {
        if small {
            stand_in.spell_columns_small();
        }
        let rows = ask(&client(&stand_in)).await.unwrap();
        let cells: Vec<_> = rows.iter().map(|row| (row.text("transcript_text"), row.text("ACCOUNT_NAME"))).collect();
        assert_eq!(cells, [(Some("hi"), None), (None, Some("Halden"))]);
        assert!(rows.iter().all(|row| row.text("other").is_none()) && rows.has_column("account_name"));
    }
}

#[tokio::test]
async fn a_running_statement_is_asked_for_until_it_ends_at_the_configured_host() {
    let stand_in = SnowflakeStandIn::start().await;
    stand_in.answer_with("7", &["TRANSCRIPT_TEXT"], &[&[Some("hi")]]);
    stand_in.run_long(2);
    assert_eq!(ask(&client(&stand_in)).await.unwrap().len(), 1);
    assert_eq!(stand_in.server.count("GET /api/v2/statements/"), 2);
    assert!(stand_in.cancelled().is_empty());
}

#[tokio::test]
async fn a_statement_that_does_not_end_is_cancelled() {
    let stand_in = SnowflakeStandIn::start().await;
    stand_in.run_long(usize::MAX);
    let mut config = config(&stand_in);
    config.statement_timeout = Duration::from_millis(300);
    let snowflake = build(config, Clock::system());
    let Err(UpstreamError::Retry(why)) = ask(&snowflake).await else { panic!("it ended") };
    assert!(why.contains("it was cancelled"), "{why}");
    assert_eq!(stand_in.cancelled().len(), 1);
    assert_eq!(stand_in.server.asked()[0].body["timeout"], 1, "never 0, which would be a week");
    stand_in.server.fail_next("/cancel", Fault::status(422, r#"{"code":"000709"}"#));
    let Err(UpstreamError::Retry(why)) = ask(&snowflake).await else { panic!("it ended") };
    assert!(why.contains("could not be cancelled"), "{why}");
}

#[tokio::test]
async fn a_running_statement_without_a_usable_handle_is_tried_again() {
    let stand_in = SnowflakeStandIn::start().await;
    for body in [r#"{"code":"333334"}"#, r#"{"statementHandle":"../../x"}"#, r#"{"statementHandle":7}"#, "<html>"] {
        stand_in.server.fail_next(SUBMIT, Fault::status(202, body));
        assert!(matches!(ask(&client(&stand_in)).await, Err(UpstreamError::Retry(_))), "{body}");
    }
    assert_eq!(stand_in.server.count("GET"), 0);
}

#[tokio::test]
async fn partitions_are_joined() {
    let stand_in = SnowflakeStandIn::start().await;
    let rows: Vec<[Option<&str>; 1]> = ["a", "b", "c", "d", "e"].map(|text| [Some(text)]).to_vec();
    stand_in.answer_with("7", &["TRANSCRIPT_TEXT"], &rows.iter().map(<[_; 1]>::as_slice).collect::<Vec<_>>());
    stand_in.cut_into_partitions_of(2);
    stand_in.run_long(1);
    let joined = ask(&client(&stand_in)).await.unwrap();
    let texts: Vec<_> = joined.iter().filter_map(|row| row.text("transcript_text")).collect();
    assert_eq!(texts, ["a", "b", "c", "d", "e"]);
    let queries: Vec<_> = stand_in.server.asked().iter().skip(2).map(|asked| asked.query.clone()).collect();
    assert_eq!(queries, ["partition=1", "partition=2"]);
    stand_in.server.fail_next("GET", Fault::status(503, ""));
    assert!(matches!(ask(&client(&stand_in)).await, Err(UpstreamError::Retry(_))));
}

#[tokio::test]
async fn a_truncated_result_is_an_error() {
    let stand_in = SnowflakeStandIn::start().await;
    stand_in.truncate_results();
    let Err(UpstreamError::Never(why)) = ask(&client(&stand_in)).await else { panic!("it was taken") };
    assert!(why.contains("391908"), "{why}");
}

#[tokio::test]
async fn rows_that_do_not_fit_are_an_error() {
    let stand_in = SnowflakeStandIn::start().await;
    let answer = |num_rows: &str, data: &str| {
        let columns = r#"[{"name":"A","type":"text"},{"name":"B"}]"#;
        format!(r#"{{"resultSetMetaData":{{"numRows":{num_rows},"rowType":{columns}}},"data":{data}}}"#)
    };
    for (wrong, body) in [
        ("a short row", answer("1", r#"[["x"]]"#)),
        ("a long row", answer("1", r#"[["x","y","z"]]"#)),
        ("no list", answer("1", r#"["x"]"#)),
        ("a row too few", answer("2", r#"[["x","y"]]"#)),
        ("no data", answer("0", "null")),
        ("no columns", r#"{"data":[]}"#.to_owned()),
        ("no object", "7".to_owned()),
        ("no JSON", "<html>sign in</html>".to_owned()),
    ] {
        stand_in.server.fail_next(SUBMIT, Fault::status(200, body));
        assert!(matches!(ask(&client(&stand_in)).await, Err(UpstreamError::Retry(_))), "{wrong}");
    }
    // What can be understood is: numbers in cells, a count that is missing.
    stand_in.server.fail_next(SUBMIT, Fault::status(200, answer("null", "[[1.5, true]]")));
    let rows = ask(&client(&stand_in)).await.unwrap();
    assert_eq!(rows.iter().next().unwrap().text("a"), Some("1.5"));
}

#[tokio::test]
async fn results_are_bounded() {
    let stand_in = SnowflakeStandIn::start().await;
    let rows = vec!["[\"x\"]"; 10_001].join(",");
    let body = format!(r#"{{"resultSetMetaData":{{"rowType":[{{"name":"A"}}]}},"data":[{rows}]}}"#);
    stand_in.server.fail_next(SUBMIT, Fault::status(200, body));
    assert!(matches!(ask(&client(&stand_in)).await, Err(UpstreamError::Never(_))));
    let partitions = vec!["{}"; 1001].join(",");
    let body = format!(r#"{{"resultSetMetaData":{{"rowType":[],"partitionInfo":[{partitions}]}},"data":[]}}"#);
    stand_in.server.fail_next(SUBMIT, Fault::status(200, body));
    assert!(matches!(ask(&client(&stand_in)).await, Err(UpstreamError::Never(_))));
}

#[tokio::test]
async fn an_answer_that_is_lost_does_not_run_the_statement_twice() {
    let stand_in = SnowflakeStandIn::start().await;
    let (snowflake, id) = (client(&stand_in), Uuid::now_v7());
    stand_in.server.fail_next(SUBMIT, Fault::AnswerLost);
    snowflake.query(SQL, &[Bind::Text("7".to_owned())], id, false).await.unwrap();
    assert_eq!(stand_in.executions(id), 1);
    let queries: Vec<_> = stand_in.server.asked().iter().map(|asked| asked.query.clone()).collect();
    assert_eq!(queries, [format!("requestId={id}"), format!("requestId={id}&retry=true")]);
}

#[tokio::test]
async fn a_500_or_502_is_repeated_once_and_then_left_to_the_caller() {
    let stand_in = SnowflakeStandIn::start().await;
    let snowflake = client(&stand_in);
    for fault in [Fault::status(500, "{}"), Fault::status(502, "<html>bad gateway</html>"), Fault::Broken] {
        let id = Uuid::now_v7();
        let before = stand_in.server.count(SUBMIT);
        stand_in.server.fail_next(SUBMIT, fault.clone());
        snowflake.query(SQL, &[Bind::Text("7".to_owned())], id, false).await.unwrap();
        assert_eq!((stand_in.server.count(SUBMIT) - before, stand_in.executions(id)), (2, 1));
        stand_in.server.fail_next(SUBMIT, fault.clone());
        stand_in.server.fail_next(SUBMIT, fault);
        assert!(matches!(ask(&snowflake).await, Err(UpstreamError::Retry(_))));
        assert_eq!(stand_in.server.count(SUBMIT) - before, 4);
    }
}

#[tokio::test]
async fn a_later_try_with_the_same_id_brings_the_first_result() {
    let stand_in = SnowflakeStandIn::start().await;
    let (snowflake, id) = (client(&stand_in), Uuid::now_v7());
    let binds = [Bind::Text("7".to_owned())];
    snowflake.query(SQL, &binds, id, false).await.unwrap();
    snowflake.query(SQL, &binds, id, true).await.unwrap();
    assert_eq!(stand_in.executions(id), 1);
    assert_eq!(stand_in.server.asked()[1].query, format!("requestId={id}&retry=true"));
    snowflake.query(SQL, &binds, id, false).await.unwrap();
    assert_eq!(stand_in.executions(id), 2, "without retry=true Snowflake runs it again");
}

#[tokio::test]
async fn a_submission_that_is_slow_uses_up_the_time() {
    let stand_in = SnowflakeStandIn::start().await;
    stand_in.run_long(usize::MAX);
    stand_in.server.fail_next(SUBMIT, Fault::Slow(Duration::from_millis(200)));
    let mut config = config(&stand_in);
    config.statement_timeout = Duration::from_millis(100);
    assert!(matches!(ask(&build(config, Clock::system())).await, Err(UpstreamError::Retry(_))));
    assert_eq!((stand_in.server.count("GET"), stand_in.cancelled().len()), (0, 1));
}

#[tokio::test]
async fn when_every_answer_is_lost_once_the_statement_still_runs_once() {
    let stand_in = SnowflakeStandIn::start().await;
    stand_in.answer_with("7", &["TRANSCRIPT_TEXT"], &[&[Some("a")], &[Some("b")]]);
    stand_in.cut_into_partitions_of(1);
    stand_in.run_long(1);
    stand_in.server.fail_each_once(Fault::AnswerLost);
    let (snowflake, id) = (client(&stand_in), Uuid::now_v7());
    let mut repeat = false;
    let rows = loop {
        match snowflake.query(SQL, &[Bind::Text("7".to_owned())], id, repeat).await {
            Ok(rows) => break rows,
            Err(UpstreamError::Retry(_)) => repeat = true,
            Err(error) => panic!("{error}"),
        }
    };
    assert_eq!((rows.len(), stand_in.executions(id)), (2, 1));
}

#[tokio::test]
async fn the_stand_in_refuses_what_snowflake_refuses() {
    let stand_in = SnowflakeStandIn::start().await;
    let snowflake = client(&stand_in);
    for (sql, binds, code) in [
        ("INSERT INTO t VALUES (?, PARSE_JSON('{}'))", 1, "002014"),
        ("SELECT ?; SELECT 1", 1, "000008"),
        ("USE ROLE x", 1, "391911"),
        ("SELECT ?", 0, "002049"),
        ("SELECT ?", 2, "002049"),
        ("", 1, "390142"),
    ] {
        let binds = vec![Bind::Text("7".to_owned()); binds];
        let refusal = snowflake.query(sql, &binds, Uuid::now_v7(), false).await;
        let Err(UpstreamError::Never(why)) = refusal else { panic!("{sql} was taken") };
        assert!(why.contains(code), "{why}");
    }
}

#[tokio::test]
async fn a_null_bind_is_null() {
    let stand_in = SnowflakeStandIn::start().await;
    client(&stand_in).query(SQL, &[Bind::Null], Uuid::now_v7(), false).await.unwrap();
    let bind = &stand_in.server.asked()[0].body["bindings"]["1"];
    assert_eq!(*bind, serde_json::json!({"type": "TEXT", "value": null}));
}
