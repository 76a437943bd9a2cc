//! Tokens that end, and keys that are refused.

use std::time::Duration;

use serde_json::json;

use super::{DriveStandIn, Layout, assert_one_of_each, configured, started};
use crate::{
    outside::{accept, assert_nowhere, end_of, outcomes_of},
    support::{Fault, TestApp, drive::USER},
};

#[tokio::test]
async fn one_token_serves_until_it_ends_or_is_revoked_and_the_next_is_fetched_silently() {
    let (drive, app) = started().await;
    drive.tell_time(app.clock.clone());
    app.process("1").await;
    app.process("2").await;
    assert_eq!(drive.tokens_made(), 1);
    drive.revoke_tokens();
    let accepted = accept(&app, "3").await;
    let run = end_of(&app, &accepted).await;
    assert_eq!((&run["state"], outcomes_of(&run, "document")), (&json!("done"), vec!["done".to_owned()]), "{run}");
    assert_eq!(drive.tokens_made(), 2);
    app.clock.advance(Duration::from_hours(2));
    let before = drive.server.asked().len();
    let accepted = accept(&app, "4").await;
    assert_eq!(end_of(&app, &accepted).await["state"], "done");
    assert_eq!(drive.tokens_made(), 3, "one that has ended is not even shown");
    assert!(drive.server.asked()[before].path == "/token", "it was fetched before it was needed");
    assert_one_of_each(&drive);
    assert_nowhere(&app, &["ya29."]).await;
}

#[tokio::test]
async fn the_token_server_may_fail_for_a_while() {
    let (drive, app) = started().await;
    (0..2).for_each(|_| drive.server.fail_next("POST /token", Fault::status(500, "{}")));
    let accepted = accept(&app, "1").await;
    let run = end_of(&app, &accepted).await;
    assert_eq!(
        (&run["state"], outcomes_of(&run, "document")),
        (&json!("done"), vec!["retry".into(), "done".into()]),
        "{run}"
    );
    let busy = Fault::Answer(429, vec![("retry-after", "60".to_owned())], "{}".to_owned());
    drive.revoke_tokens();
    drive.server.fail_next("POST /token", busy);
    let accepted = accept(&app, "2").await;
    let run = end_of(&app, &accepted).await;
    assert_eq!(
        (&run["state"], outcomes_of(&run, "document")),
        (&json!("done"), vec!["later".into(), "done".into()]),
        "{run}"
    );
}

async fn assert_refused(name: &str, app: &TestApp, drive: &DriveStandIn, says: &[&str]) {
    let accepted = accept(app, "1").await;
    let run = end_of(app, &accepted).await;
    assert_eq!(
        (&run["state"], outcomes_of(&run, "document")),
        (&json!("failed"), vec!["failed".to_owned()]),
        "{name}: {run}"
    );
    let reason = run["reason"].as_str().unwrap();
    assert!(says.iter().all(|part| reason.contains(part)), "{name}: {reason}");
    assert_eq!(drive.files().len(), 0, "{name}");
    let key: serde_json::Value = serde_json::from_str(&drive.key_json()).unwrap();
    let line = key["private_key"].as_str().unwrap().lines().nth(1).unwrap().to_owned();
    // No assertion either: it begins with the base64 of {"typ".
    assert_nowhere(app, &[&line, "eyJ0eXAi", "ya29."]).await;
}

#[tokio::test]
async fn keys_and_rights_that_are_refused_fail_the_run_at_once_and_say_what_to_do() {
    let (drive, app) = started().await;
    drive.revoke_key();
    assert_refused("a deleted key", &app, &drive, &["invalid_grant", "the key is not deleted", "clock is right"]).await;

    let (drive, app) = started().await;
    drive.refuse_tokens();
    assert_refused("useless tokens", &app, &drive, &["Drive refuses a token that was just made"]).await;

    let (drive, app) = configured(Layout::MyDrive).await;
    drive.refuse_delegation();
    let app = app.with("GOOGLE_IMPERSONATE", USER).start().await;
    let says = ["unauthorized_client", "GOOGLE_IMPERSONATE", "domain-wide delegation", "administrator"];
    assert_refused("no delegation", &app, &drive, &says).await;

    let (drive, app) = configured(Layout::MyDrive).await;
    let app = app.with("GOOGLE_IMPERSONATE", "nobody@brindlemoor.example").start().await;
    assert_refused("an unknown user", &app, &drive, &["invalid_grant", "is a user of the Workspace"]).await;

    let (drive, app) = started().await;
    drive.tell_time(aftercall::domain::clock::Clock::manual("2031-05-06T12:00:00Z".parse().unwrap()));
    assert_refused("a clock that is wrong", &app, &drive, &["reasonable timeframe", "clock is right"]).await;
}
