//! Refusals, as tables: what the record says, and whether it is tried again.

use std::time::Duration;

use serde_json::json;

use super::{DriveStandIn, Layout, assert_one_of_each, configured, started};
use crate::{
    outside::{accept, assert_nowhere, end_of, next_wait, outcomes_of, tries},
    support::{
        Fault, TestApp,
        drive::{CLIENT_EMAIL, drive_error},
    },
};

const LATER: (&str, &str) = ("retry-after", "30");

fn refusal(status: u16, reason: &str, headers: &[(&'static str, &str)]) -> Fault {
    let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    Fault::Answer(status, headers, drive_error(status, reason, "Not now."))
}

#[tokio::test]
async fn what_may_pass_is_tried_again_or_awaited_and_the_record_says_what_it_was() {
    let cases = [
        ("a user's rate", refusal(403, "userRateLimitExceeded", &[]), "403 userRateLimitExceeded", "retry"),
        ("the project's rate", refusal(403, "rateLimitExceeded", &[]), "403 rateLimitExceeded", "retry"),
        ("429", refusal(429, "rateLimitExceeded", &[]), "429 rateLimitExceeded", "retry"),
        ("429 with a wait", refusal(429, "rateLimitExceeded", &[LATER]), "429 rateLimitExceeded", "later"),
        ("403 with a wait", refusal(403, "userRateLimitExceeded", &[LATER]), "403 userRateLimitExceeded", "later"),
        ("503 with a wait", refusal(503, "backendError", &[LATER]), "503 backendError", "later"),
    ];
    for (name, fault, says, outcome) in cases {
        let everywhere = ["POST /upload", "POST /drive", "GET /drive"];
        let places = if name.starts_with("429") { &everywhere[..] } else { &everywhere[..1] };
        for place in places {
            let (drive, app) = started().await;
            drive.server.fail_next(place, fault.clone());
            let accepted = accept(&app, "1").await;
            app.run_due().await;
            if outcome == "later" {
                assert_eq!(next_wait(&app).await, Some(Duration::from_secs(30)), "{name}, {place}");
            }
            let run = end_of(&app, &accepted).await;
            assert_eq!(run["state"], "done", "{name}, {place}: {run}");
            let tries = tries(&run, "document");
            assert_eq!((tries[0].0.as_str(), tries[0].1.contains(says)), (outcome, true), "{name}, {place}: {tries:?}");
            assert_one_of_each(&drive);
        }
    }
}

#[tokio::test]
async fn a_hiccup_costs_no_try_where_repeating_does_no_harm() {
    for place in ["GET /drive", "POST /drive"] {
        let (drive, app) = started().await;
        drive.server.fail_next(place, refusal(502, "badGateway", &[]));
        let accepted = accept(&app, "1").await;
        assert_eq!(outcomes_of(&end_of(&app, &accepted).await, "document"), ["done"], "{place}");
        assert_one_of_each(&drive);
    }
}

#[tokio::test]
async fn a_drive_that_stays_away_fails_the_run_after_the_last_try() {
    let (drive, app) = configured(Layout::SharedDrive).await;
    let app = app.with("MAX_RETRIES", "1").start().await;
    (0..9).for_each(|_| drive.server.fail_next("/drive/v3", refusal(500, "backendError", &[])));
    let accepted = accept(&app, "1").await;
    let run = end_of(&app, &accepted).await;
    assert_eq!(
        (&run["state"], outcomes_of(&run, "document")),
        (&json!("failed"), vec!["retry".into(), "failed".into()])
    );
    assert!(run["reason"].as_str().unwrap().contains("google-drive (make an id): 500 backendError"), "{run}");
    drive.server.forget_faults();
    app.api("POST", &format!("/api/v1/admin/runs/{}/retry", run["id"].as_str().unwrap()), None).await.expect(202);
    assert_eq!(end_of(&app, &accepted).await["state"], "done");
    assert_one_of_each(&drive);
}

/// Fails at once, and says why and what to do.
async fn assert_fails_at_once(name: &str, drive: &DriveStandIn, app: &TestApp, says: &[&str]) {
    let accepted = accept(app, "1").await;
    let run = end_of(app, &accepted).await;
    let tries = tries(&run, "document");
    let [(outcome, error)] = &tries[..] else { panic!("{name}: {tries:?}") };
    assert_eq!((&run["state"], outcome.as_str()), (&json!("failed"), "failed"), "{name}");
    assert_eq!(run["reason"], error.as_str(), "{name}");
    assert!(says.iter().all(|part| error.contains(part)), "{name}: {error}");
    assert_eq!(app.log().await.len(), 0, "{name}");
    let key: serde_json::Value = serde_json::from_str(&drive.key_json()).unwrap();
    let lines: Vec<&str> = key["private_key"].as_str().unwrap().lines().collect();
    assert_nowhere(app, &[lines[1], "ya29.", key["private_key_id"].as_str().unwrap()]).await;
}

#[tokio::test]
async fn what_will_not_pass_fails_at_once_and_says_what_to_do() {
    let cases: [(u16, &str, &[&str]); 8] = [
        (403, "insufficientFilePermissions", &["content manager of the shared drive"]),
        (403, "insufficientPermissions", &["lacks the scope"]),
        (403, "domainPolicy", &["administrator of the Workspace"]),
        (403, "dailyLimitExceeded", &["daily quota"]),
        (403, "storageQuotaExceeded", &["Service accounts own no storage", "shared drive", "GOOGLE_IMPERSONATE"]),
        (403, "quotaExceeded", &["Service accounts own no storage"]),
        (400, "badRequest", &["400 badRequest"]),
        (403, "neverHeardOf", &["403 neverHeardOf"]),
    ];
    for (status, reason, says) in cases {
        let (drive, app) = started().await;
        drive.server.fail_next("POST /drive", refusal(status, reason, &[]));
        assert_fails_at_once(reason, &drive, &app, says).await;
    }
}

#[tokio::test]
async fn my_drive_of_a_service_account_is_refused_with_the_ways_out() {
    let (drive, app) = configured(Layout::MyDrive).await;
    let app = app.start().await;
    let says = ["storageQuotaExceeded", "Service accounts own no storage", "shared drive", "GOOGLE_IMPERSONATE"];
    assert_fails_at_once("My Drive", &drive, &app, &says).await;
    assert_eq!(drive.files().len(), 0);
}

#[tokio::test]
async fn a_root_that_was_never_shared_or_that_may_only_be_read_is_told_apart() {
    let (drive, app) = started().await;
    drive.unshare();
    assert_fails_at_once("unshared", &drive, &app, &["root folder (GOOGLE_DRIVE_FOLDER_ID)", "not shared"]).await;
    let (drive, app) = started().await;
    drive.forbid_adding();
    assert_fails_at_once("a reader", &drive, &app, &["insufficientFilePermissions", "content manager"]).await;
    let (drive, app) = configured(Layout::SharedDrive).await;
    let app = app.with("GOOGLE_DRIVE_FOLDER_ID", "1TypingError").start().await;
    assert_fails_at_once("a typing error", &drive, &app, &["root folder (GOOGLE_DRIVE_FOLDER_ID)"]).await;
    // The record hides addresses; the check shows whom to share with.
    let check = app.get("/api/v1/admin/config/check").await.expect(200).text;
    assert!(check.contains(CLIENT_EMAIL), "{check}");
}

#[tokio::test]
async fn a_proxys_page_is_not_taken_for_a_removed_folder() {
    let (drive, app) = started().await;
    app.process("1").await;
    let page = "<html>The requested URL was not found on this server.</html>";
    drive.server.fail_next("PATCH /upload", Fault::status(404, page));
    let accepted = accept(&app, "2").await;
    let run = end_of(&app, &accepted).await;
    assert_eq!(run["state"], "done", "{run}");
    let tries = tries(&run, "document");
    assert!(tries[0].0 == "retry" && tries[0].1.contains("404"), "{tries:?}");
    assert_one_of_each(&drive);
}
