//! Refusals: which may pass, which ask for patience, which are for somebody to mend.

use std::time::Duration;

use aftercall::clients::http::UpstreamError;

use super::{Created, Drive, DriveStandIn, Layout, USER, client, clock, never, shared_drive};
use crate::support::{
    Fault,
    drive::{CLIENT_EMAIL, drive_error},
};

async fn met(google: &DriveStandIn, drive: &Drive, fault: Fault) -> UpstreamError {
    google.server.fail_next("POST /upload", fault);
    drive.create_document("n", &google.root_id(), "k", "<p></p>").await.unwrap_err()
}

#[tokio::test]
async fn the_reason_decides_and_not_the_status() {
    let (google, drive) = shared_drive().await;
    for (status, reason) in [
        (403, "userRateLimitExceeded"),
        (403, "rateLimitExceeded"),
        (429, "rateLimitExceeded"),
        (429, "whatever"),
        (500, "backendError"),
        (502, "badGateway"),
        (503, "backendError"),
    ] {
        let error = met(&google, &drive, Fault::status(status, drive_error(status, reason, "Not now."))).await;
        assert!(matches!(&error, UpstreamError::Retry(text) if text.contains(reason)), "{error:?}");
        drive.describe(&google.root_id()).await.unwrap(); // or the breaker would open
    }
    for (status, reason, advice) in [
        (403, "storageQuotaExceeded", "shared drive"),
        (403, "quotaExceeded", "shared drive"),
        (403, "insufficientFilePermissions", "content manager"),
        (403, "appNotAuthorizedToFile", "content manager"),
        (403, "insufficientPermissions", "https://www.googleapis.com/auth/drive"),
        (403, "domainPolicy", "administrator"),
        (403, "dailyLimitExceeded", "daily quota"),
        (403, "somethingNew", "somethingNew: No."),
        (400, "badRequest", "badRequest: No."),
        (400, "invalid", "invalid: No."),
        (409, "fileIdInUse", "fileIdInUse: No."),
        (301, "moved", "moved: No."),
    ] {
        let text =
            never(Err::<(), _>(met(&google, &drive, Fault::status(status, drive_error(status, reason, "No."))).await));
        assert!(text.contains(&format!("make a document): {status} {reason}: No.")) && text.contains(advice), "{text}");
    }
}

#[tokio::test]
async fn the_newer_form_is_understood_too() {
    let (google, drive) = shared_drive().await;
    let body = |status: &str, reason: &str| {
        format!(
            r#"{{"error":{{"message":"m","status":"{status}","details":[{{"@type":"x"}},{{"reason":"{reason}"}}]}}}}"#
        )
    };
    for (http, status, reason) in [
        (403, "RESOURCE_EXHAUSTED", "odd"),
        (403, "PERMISSION_DENIED", "RATE_LIMIT_EXCEEDED"),
        (400, "UNAVAILABLE", "odd"),
    ] {
        let error = met(&google, &drive, Fault::status(http, body(status, reason))).await;
        assert!(matches!(&error, UpstreamError::Retry(_)), "{error:?}");
    }
    let error = met(&google, &drive, Fault::status(403, body("PERMISSION_DENIED", "odd"))).await;
    assert!(matches!(&error, UpstreamError::Never(_)), "{error:?}");
    google.server.fail_next("POST /upload", Fault::status(404, body("NOT_FOUND", "odd")));
    let made = drive.create_document("n", &google.root_id(), "k", "<p></p>").await.unwrap();
    assert_eq!(made, Created::ParentGone);
}

#[tokio::test]
async fn a_wait_that_is_asked_for_is_kept() {
    let (google, drive) = shared_drive().await;
    for (status, reason) in [(403, "userRateLimitExceeded"), (429, "x"), (503, "backendError")] {
        let fault =
            Fault::Answer(status, vec![("retry-after", "7".to_owned())], drive_error(status, reason, "Not now."));
        let error = met(&google, &drive, fault).await;
        assert!(matches!(&error, UpstreamError::Later { wait, .. } if *wait == Duration::from_secs(7)), "{error:?}");
    }
}

#[tokio::test]
async fn a_service_account_without_storage_is_told_the_ways_out() {
    let google = DriveStandIn::start(Layout::MyDrive).await;
    let drive = client(&google, None, clock());
    let text = never(drive.create_document("n", &google.root_id(), "k", "<p></p>").await);
    assert!(text.contains("403 storageQuotaExceeded: Service Accounts do not have storage quota."), "{text}");
    assert!(
        text.contains("shared drive with the account as its content") && text.contains("GOOGLE_IMPERSONATE"),
        "{text}"
    );
    assert!(!text.contains("hl=en"), "a query: {text}");

    let drive = client(&google, Some(USER), clock());
    let full = drive_error(403, "storageQuotaExceeded", "The user's Drive storage quota has been exceeded.");
    let text = never(Err::<(), _>(met(&google, &drive, Fault::status(403, full)).await));
    assert!(text.ends_with(&format!("The storage of {USER} is full")), "{text}");
}

#[tokio::test]
async fn a_reader_is_told_what_to_grant_to_whom() {
    let (google, drive) = shared_drive().await;
    google.forbid_adding();
    let text = never(drive.create_document("n", &google.root_id(), "k", "<p></p>").await);
    assert!(text.contains(&format!("Make {CLIENT_EMAIL} a content manager")), "{text}");
}

#[tokio::test]
async fn a_404_that_is_not_drives_own_does_not_mean_gone() {
    let (google, drive) = shared_drive().await;
    let root = google.root_id();
    for body in ["<html>The requested URL was not found on this server.</html>", "", r#"{"message":"no route"}"#] {
        for place in ["GET /drive", "PATCH /drive", "PATCH /upload"] {
            google.server.fail_next(place, Fault::status(404, body));
        }
        let errors = [
            drive.describe(&root).await.unwrap_err(),
            drive.trash(&root).await.unwrap_err(),
            drive.replace_document(&root, "<p></p>").await.unwrap_err(),
        ];
        assert!(errors.iter().all(|error| matches!(error, UpstreamError::Retry(_))), "{errors:?}");
    }
}

#[tokio::test]
async fn bodies_of_any_shape_are_understood_as_far_as_they_go() {
    let (google, drive) = shared_drive().await;
    for body in
        ["null", "[]", r#"{"error":null}"#, r#"{"error":{"errors":{"reason":1},"message":[]}}"#, "\u{0}", r#""x""#]
    {
        let text = never(Err::<(), _>(met(&google, &drive, Fault::status(403, body)).await));
        assert!(text.contains("403"), "{text}");
    }
    let long = drive_error(400, "invalid", &"ö".repeat(4000));
    let text = never(Err::<(), _>(met(&google, &drive, Fault::status(400, long)).await));
    assert!(text.chars().count() < 400, "{text}");
}

#[tokio::test]
async fn no_error_carries_the_content() {
    let (google, drive) = shared_drive().await;
    google.server.fail_next("POST /upload", Fault::Broken);
    let error = drive.create_document("n", &google.root_id(), "k", "<p>sesame</p>").await.unwrap_err();
    assert!(!error.to_string().contains("sesame") && !error.to_string().contains("http"), "{error}");
}
