//! Refusals of Snowflake and of what stands before it, and settings that cannot work. The rows of contract §1.6:
//!
//! | status | meaning | we | test |
//! |---|---|---|---|
//! | 3xx | another host | never; nothing is followed | `each_status_…` |
//! | 400, 403, 404, 405, 415, 522 | request, network policy, address, certificate | never, with what to do | `each_status_…` |
//! | 408, 500, 502, 503, 504 | may pass | try again | `each_status_…` |
//! | 422 | the SQL failed | never, with code, state, message, hint | `a_failed_statement_…` |
//! | 422, state 57014 | somebody cancelled it | try again | `a_cancelled_statement_…` |
//! | 422, code 100… | a value did not fit, and is quoted | never, without the value | `words_of_a_call_…` |
//! | 429, 503 with `Retry-After` | patience | later, at no cost | `patience_…` |
//! | a page of HTML | a proxy | by the status | `each_status_…` |
//! | no connection | may pass | try again | `nobody_there_…` |

use std::time::Duration;

use crate::support::{Fault, snowflake::SnowflakeStandIn};
use aftercall::{clients::http::UpstreamError, domain::clock::Clock};
use aftercall::{
    clients::snowflake::Snowflake,
    config::{PrivateKey, SnowflakeAuth, SnowflakeConfig},
};
use base64::{Engine, engine::general_purpose::STANDARD};

use super::client::{SUBMIT, ask, build, client, config};

/// An RSA key of 1024 bits, which nobody takes.
const SHORT_KEY: &str = "MIICdwIBADANBgkqhkiG9w0BAQEFAASCAmEwggJdAgEAAoGBALnQ++6Xjt1tF7DF6OgTn9dlFZxVBJnlMdYqYkKT8opMKbEqjX8jKfD+OpDub\
    YuYldIGchV2mK2At7mRKwDWdFf1ashiYcyia7YkYkPEaVJ7e3HIoy7WkOdma7lKVrXjfind0Dl/Ol+8pxGiyiDMbCwLiy10yZNVrciOKi7q6V8lAgMBAAECgYBil20lAkt\
    uV1TrmYbjpI36Bot54G5JjZ9syB5Mvx1Anfq9IxviqnC1it7eSXPcTsCnqH3dv4hw/sv87PaJQkCGBoB/sNDuZrw7CY8CqdSZVArZcjkM2KH82Ed5B/5kbqg25UM+jkIE+Uy\
    vrBUHEPiZ6cL1FGemVJHStMpKUX91AQJBAPC+KbCrsrqR3hnm8qfPbvkQ8cjQnxV3DHeNWsO48iW0O24sOd097hRdOSG0Pb6J1MOM22nSUulgjIgqzTj2GkECQQDFl7AvHna\
    6iHGOPVs4kUvJtWmWt+zZfDsFN6k7eeptsUWZXDhWvAoIzqZPxPoiXEOyDyibTOzzYRDVThxD7SPlAkARnhj28Nm3hY03YAtJ9Igueer3wyyhKYEkDpgh0psF31aqDVp+slW\
    F7/yKVuJd20BSvzAfYmDm60XdgSRbkscBAkEAiE6eEcM4MHHTtEYLWbiRybJGBt0WnOmgZXcCXa860zUJSERf8SWC3pSAEmNWEsIHSRw/7PJiO3roe92IjitXKQJBAIOnQPh\
    VuBoA6/CHEw89mEakR34Vz2P6w8CSh+ivl4WN/5myS4MqqX55MTCRXd06bkV3Mkk4yEmCG2SrYDp8Uts=";

async fn error_of(stand_in: &SnowflakeStandIn) -> UpstreamError {
    ask(&client(stand_in)).await.expect_err("it went well")
}

#[tokio::test]
async fn each_status_is_permanent_or_may_pass() {
    let stand_in = SnowflakeStandIn::start().await;
    let html = "<html><body>something is in between</body></html>";
    for (status, body, permanent, told) in [
        (400, r#"{"code":"390142","message":"Incoming request does not contain a valid payload."}"#, true, "390142"),
        (400, html, true, "web page"),
        (403, "", true, "network policy"),
        (404, html, true, "SNOWFLAKE_ACCOUNT"),
        (405, "", true, "SNOWFLAKE_URL"),
        (415, "", true, "SNOWFLAKE_URL"),
        (418, "teapot", true, "teapot"),
        (522, "", true, "certificate"),
        (408, r#"{"code":"000630","sqlState":"57014","message":"reached its timeout"}"#, false, "000630"),
        (429, r#"{"code":"390505","message":"Too many requests."}"#, false, "390505"),
        (503, html, false, "503"),
        (504, "", false, "504"),
    ] {
        stand_in.server.fail_next(SUBMIT, Fault::status(status, body));
        let (is_permanent, why) = match error_of(&stand_in).await {
            UpstreamError::Never(why) => (true, why),
            UpstreamError::Retry(why) => (false, why),
            UpstreamError::Later { why, .. } => panic!("{why}"),
        };
        assert_eq!(is_permanent, permanent, "{status}: {why}");
        assert!(why.contains(told) && why.contains(&status.to_string()) && !why.contains("<html>"), "{why}");
    }
    let elsewhere = vec![("location", "https://evil.example/api/v2/statements".to_owned())];
    stand_in.server.fail_next(SUBMIT, Fault::Answer(302, elsewhere, String::new()));
    let UpstreamError::Never(why) = error_of(&stand_in).await else { panic!("it was followed") };
    assert!(why.contains("SNOWFLAKE_URL") && !why.contains("evil"), "{why}");
}

#[tokio::test]
async fn patience_that_is_asked_for_costs_no_try() {
    let stand_in = SnowflakeStandIn::start().await;
    for status in [429, 503] {
        let body = r#"{"code":"390505","message":"Too many requests."}"#.to_owned();
        let fault = Fault::Answer(status, vec![("retry-after", "17".to_owned())], body);
        stand_in.server.fail_next(SUBMIT, fault);
        let UpstreamError::Later { wait, .. } = error_of(&stand_in).await else { panic!("no patience") };
        assert_eq!(wait, Duration::from_secs(17));
    }
}

#[tokio::test]
async fn a_failed_statement_is_told_with_code_state_message_and_hint() {
    for (code, sql_state, message, hint) in [
        (
            "002003",
            "42S02",
            "SQL compilation error:\nObject 'TRANSCRIPTS' does not exist or not authorized.",
            "SELECT on",
        ),
        ("000904", "42000", "SQL compilation error: invalid identifier 'CS_EMAIL'", "SNOWFLAKE_QUERY_PATH"),
        ("001003", "42000", "SQL compilation error: syntax error line 1", "SNOWFLAKE_QUERY_PATH"),
        ("000606", "57P03", "No active warehouse selected in the current session.", "SNOWFLAKE_WAREHOUSE"),
        ("391920", "57P03", "You must specify the warehouse to use", "SNOWFLAKE_WAREHOUSE"),
        ("090105", "22000", "This session does not have a current database.", "SNOWFLAKE_DATABASE"),
        ("099999", "XX000", "Something of which nobody has heard.", "same role"),
    ] {
        let stand_in = SnowflakeStandIn::start().await;
        stand_in.refuse_statements(code, sql_state, message);
        let UpstreamError::Never(why) = error_of(&stand_in).await else { panic!("{code} may pass") };
        let message = message.replace('\n', " ");
        for part in [code, sql_state, hint, message.as_str()] {
            assert!(why.contains(part), "{part} is missing in: {why}");
        }
        assert_eq!(stand_in.server.count(SUBMIT), 1);
    }
}

#[tokio::test]
async fn a_role_that_is_not_granted_is_told_so() {
    let stand_in = SnowflakeStandIn::start().await;
    let mut config = config(&stand_in);
    config.role = Some("accountadmin".to_owned());
    let UpstreamError::Never(why) = ask(&build(config, Clock::system())).await.unwrap_err() else { panic!("granted") };
    assert!(why.contains("002043") && why.contains("SNOWFLAKE_ROLE"), "{why}");
}

#[tokio::test]
async fn a_cancelled_statement_is_tried_again() {
    let stand_in = SnowflakeStandIn::start().await;
    stand_in.refuse_statements("000604", "57014", "SQL execution canceled");
    assert!(matches!(error_of(&stand_in).await, UpstreamError::Retry(_)));
}

#[tokio::test]
async fn words_of_a_call_stay_out_of_the_error() {
    for (code, sql_state) in [("100037", "22018"), ("100069", "22P02"), ("100078", "22000")] {
        let stand_in = SnowflakeStandIn::start().await;
        stand_in.refuse_statements(code, sql_state, "Value 'we may leave in June' is not recognized");
        let UpstreamError::Never(why) = error_of(&stand_in).await else { panic!("{code} may pass") };
        assert!(why.contains(code) && why.contains("CAST") && !why.contains("June"), "{why}");
    }
}

#[tokio::test]
async fn a_long_message_is_shortened() {
    let stand_in = SnowflakeStandIn::start().await;
    stand_in.refuse_statements("001003", "42000", &"syntax ".repeat(500));
    let UpstreamError::Never(why) = error_of(&stand_in).await else { panic!("it may pass") };
    assert!(why.chars().count() < 600, "{why}");
}

#[tokio::test]
async fn nobody_there_may_pass() {
    let stand_in = SnowflakeStandIn::start().await;
    let mut config = config(&stand_in);
    config.url = Some("http://127.0.0.1:9/".parse().unwrap());
    let UpstreamError::Retry(why) = ask(&build(config, Clock::system())).await.unwrap_err() else { panic!("final") };
    assert!(why.contains("snowflake") && !why.contains("requestId"), "{why}");
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused_at_once() {
    let stand_in = SnowflakeStandIn::start().await;
    let context = aftercall::clients::http::SenderContext {
        extra_ca: Vec::new(),
        clock: Clock::system(),
        count: std::sync::Arc::new(|_, _| ()),
    };
    let refused = |change: &dyn Fn(&mut SnowflakeConfig)| {
        let mut config = config(&stand_in);
        change(&mut config);
        Snowflake::new(config, &context).err().expect("refused").to_string()
    };
    assert!(refused(&|config| config.account = "not an account".into()).contains("ORG-ACCOUNT"));
    assert!(refused(&|config| config.user = None).contains("SNOWFLAKE_USER"));
    assert!(refused(&|config| config.url = Some("ftp://x.example".parse().unwrap())).contains("SNOWFLAKE_URL"));
    assert!(refused(&|config| config.statement_timeout = Duration::ZERO).contains("zero"));
    let said = refused(&|config| config.auth = SnowflakeAuth::Token("two words".to_owned().into()));
    assert!(said.contains("token") && !said.contains("words"), "{said}");
}

#[test]
fn keys_that_cannot_work_are_refused_with_the_way_out() {
    let pem = |label: &str, body: &str| format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n");
    for (wrong, told) in [
        (pem("ENCRYPTED PRIVATE KEY", "AAAA"), "openssl pkcs8"),
        (pem("RSA PRIVATE KEY", "Proc-Type: 4,ENCRYPTED\n\nAAAA"), "openssl pkcs8"),
        (pem("PRIVATE KEY", SHORT_KEY), "2048 bits"),
        (pem("PRIVATE KEY", "AAAA"), "cannot be read"),
        (pem("EC PRIVATE KEY", "AAAA"), "cannot be read"),
        (pem("PUBLIC KEY", "AAAA"), "not a private key"),
        ("secret".to_owned(), "not a private key"),
        (String::new(), "not a private key"),
    ] {
        let said = PrivateKey::parse_pem(&wrong).expect_err("refused");
        assert!(said.contains(told) && !said.contains("AAAA"), "{said}");
    }
}

#[tokio::test]
async fn a_key_is_read_in_both_forms_and_never_shown() {
    let stand_in = SnowflakeStandIn::start().await;
    let pkcs8 = SnowflakeStandIn::private_key_pem();
    let inner = jsonwebtoken::EncodingKey::from_rsa_pem(pkcs8.as_bytes()).unwrap();
    let label = "RSA PRIVATE KEY";
    let pkcs1 = format!("-----BEGIN {label}-----\n{}\n-----END {label}-----", STANDARD.encode(inner.as_bytes()));
    for pem in [pkcs8.clone(), pkcs1, format!("\n{pkcs8}\n"), pkcs8.replace('\n', "\r\n")] {
        let key = PrivateKey::parse_pem(&pem).unwrap();
        assert_eq!(key.fingerprint(), SnowflakeStandIn::fingerprint());
        let mut config = config(&stand_in);
        config.auth = SnowflakeAuth::KeyPair(key);
        let shown = format!("{config:?}");
        assert!(shown.contains(&SnowflakeStandIn::fingerprint()) && shown.len() < 600, "{shown}");
        config.auth = SnowflakeAuth::Token("opaque-secret".to_owned().into());
        assert!(!format!("{config:?}").contains("opaque"));
    }
}
