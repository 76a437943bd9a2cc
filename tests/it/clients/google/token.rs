//! Tokens: made, kept, replaced, refused.

use std::time::Duration;

use aftercall::clients::http::UpstreamError;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use futures_util::future::join_all;
use serde_json::{Value, json};
use url::form_urlencoded;

use super::{DriveStandIn, Layout, USER, client, clock, never, shared_drive};
use crate::support::{Fault, drive::CLIENT_EMAIL};

/// Header and claims of the assertions that were sent.
fn assertions(google: &DriveStandIn) -> Vec<(Value, Value)> {
    let asked = google.server.asked().into_iter().filter(|asked| asked.path == "/token");
    asked
        .map(|asked| {
            let (_, assertion) =
                form_urlencoded::parse(&asked.raw).find(|(name, _)| name == "assertion").expect("an assertion");
            let mut parts = assertion.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).expect("base64"));
            let mut part = || serde_json::from_slice(&parts.next().unwrap()).unwrap_or_default();
            (part(), part())
        })
        .collect()
}

#[tokio::test]
async fn an_assertion_says_what_google_wants_and_names_a_user_only_when_acting_for_one() {
    for subject in [None, Some(USER)] {
        let google = DriveStandIn::start(Layout::SharedDrive).await;
        client(&google, subject, clock()).describe(&google.root_id()).await.unwrap().unwrap();
        let (header, claims) = assertions(&google).remove(0);
        assert_eq!(header, json!({"typ": "JWT", "alg": "RS256", "kid": "5f0c9a"}));
        let mut expected = json!({
            "iss": CLIENT_EMAIL, "scope": "https://www.googleapis.com/auth/drive",
            "aud": format!("{}/token", google.server.url), "iat": 1_900_000_000, "exp": 1_900_003_595,
        });
        if let Some(user) = subject {
            expected["sub"] = user.into();
        }
        assert_eq!(claims, expected);
    }
}

#[tokio::test]
async fn many_at_once_share_one_token() {
    let (google, drive) = shared_drive().await;
    let root = google.root_id();
    google.server.fail_next("POST /token", Fault::Slow(Duration::from_millis(100)));
    let found = join_all((0..12).map(|_| drive.describe(&root))).await;
    assert!(found.iter().all(Result::is_ok), "{found:?}");
    assert_eq!((google.tokens_made(), google.server.count("POST /token")), (1, 1));
}

#[tokio::test]
async fn a_token_is_replaced_before_it_ends() {
    let google = DriveStandIn::start(Layout::SharedDrive).await;
    let clock = clock();
    google.tell_time(clock.clone());
    let drive = client(&google, None, clock.clone());
    for (minutes, tokens) in [(0, 1), (57, 1), (1, 2), (57, 2), (1, 3)] {
        clock.advance(Duration::from_secs(60 * minutes));
        drive.describe(&google.root_id()).await.unwrap().unwrap();
        assert_eq!(google.tokens_made(), tokens);
    }
    assert_eq!(google.server.count("GET /drive"), 5, "none was refused");
}

#[tokio::test]
async fn a_revoked_token_is_replaced_and_the_call_repeated_with_its_body() {
    let (google, drive) = shared_drive().await;
    let root = google.root_id();
    drive.describe(&root).await.unwrap();
    google.revoke_tokens();
    drive.create_document("Call", &root, "c-1", "<p>one</p>").await.unwrap();
    assert_eq!((google.files().len(), google.tokens_made()), (1, 2));
    assert_eq!(google.server.count("POST /upload"), 2);
}

#[tokio::test]
async fn many_refused_at_once_fetch_one_token_between_them() {
    let (google, drive) = shared_drive().await;
    let root = google.root_id();
    drive.describe(&root).await.unwrap();
    google.revoke_tokens();
    let found = join_all((0..4).map(|_| drive.describe(&root))).await;
    assert!(found.iter().all(Result::is_ok), "{found:?}");
    assert_eq!(google.tokens_made(), 2);
}

#[tokio::test]
async fn a_fresh_token_that_is_refused_too_is_the_end() {
    let (google, drive) = shared_drive().await;
    google.refuse_tokens();
    let text = never(drive.describe(&google.root_id()).await);
    assert!(text.contains("401 authError: Invalid Credentials") && text.contains(CLIENT_EMAIL), "{text}");
    assert_eq!(google.server.count("GET /drive"), 2);
}

#[tokio::test]
async fn a_refused_key_user_or_delegation_is_explained() {
    let google = DriveStandIn::start(Layout::MyDrive).await;
    let root = google.root_id();
    let text = never(client(&google, Some("nobody@brindlemoor.example"), clock()).describe(&root).await);
    assert!(text.contains("invalid_grant: Invalid email or User ID"), "{text}");
    assert!(text.contains("nobody@brindlemoor.example (GOOGLE_IMPERSONATE)"), "{text}");

    google.refuse_delegation();
    let text = never(client(&google, Some(USER), clock()).describe(&root).await);
    assert!(text.contains("401 unauthorized_client") && text.contains("domain-wide delegation"), "{text}");
    assert!(text.contains("https://www.googleapis.com/auth/drive"), "{text}");

    google.revoke_key();
    let text = never(client(&google, None, clock()).describe(&root).await);
    assert!(text.contains("invalid_grant") && text.contains("clock") && text.contains(CLIENT_EMAIL), "{text}");
}

#[tokio::test]
async fn a_clock_that_is_wrong_is_refused_and_said_to_be() {
    let google = DriveStandIn::start(Layout::SharedDrive).await;
    let ahead = clock();
    ahead.advance(Duration::from_hours(2));
    google.tell_time(clock());
    let text = never(client(&google, None, ahead).describe(&google.root_id()).await);
    assert!(text.contains("reasonable timeframe") && text.contains("clock is right"), "{text}");
}

#[tokio::test]
async fn a_token_endpoint_that_fails_or_is_busy_is_asked_again_later() {
    let (google, drive) = shared_drive().await;
    let busy = Fault::Answer(503, vec![("retry-after", "40".to_owned())], "busy".to_owned());
    for fault in [
        Fault::status(500, r#"{"error":"internal_failure"}"#),
        Fault::status(200, r#"{"token_type":"Bearer"}"#),
        Fault::status(200, r#"{"access_token":"","expires_in":"x"}"#),
        Fault::status(200, "<html>"),
        Fault::Broken,
    ] {
        for _ in 0..2 {
            google.server.fail_next("POST /token", fault.clone()); // one alone is repeated at once
        }
        let error = drive.describe(&google.root_id()).await.unwrap_err();
        assert!(matches!(error, UpstreamError::Retry(_)), "{fault:?}: {error:?}");
        google.server.forget_faults();
        drive.describe(&google.root_id()).await.unwrap();
        google.revoke_tokens();
    }
    google.server.fail_next("POST /token", busy);
    let error = drive.describe(&google.root_id()).await.unwrap_err();
    assert!(matches!(&error, UpstreamError::Later { wait, .. } if wait.as_secs() == 40), "{error:?}");
}

#[tokio::test]
async fn neither_token_nor_assertion_is_in_an_error() {
    let (google, drive) = shared_drive().await;
    google.server.fail_next("POST /token", Fault::status(200, r#"{"access_token":["ya29.secret"]}"#));
    google.server.fail_next("POST /token", Fault::status(400, r#"{"error":["odd"],"error_description":{}}"#));
    for _ in 0..2 {
        let text = drive.describe(&google.root_id()).await.unwrap_err().to_string();
        assert!(!text.contains("ya29") && !text.contains("eyJ"), "{text}");
    }
}
