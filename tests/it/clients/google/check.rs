//! The check at the start.

use aftercall::clients::google::RootReport;
use aftercall::clients::http::UpstreamError;

use super::{DriveStandIn, Layout, USER, client, clock, never, shared_drive};
use crate::support::{Fault, drive::CLIENT_EMAIL};

#[tokio::test]
async fn a_shared_drive_is_as_it_should_be() {
    let (google, drive) = shared_drive().await;
    let report = drive.check(&google.root_id()).await.unwrap();
    let expected = RootReport { name: "Customer calls".to_owned(), in_shared_drive: true, warnings: Vec::new() };
    assert_eq!(report, expected);
}

#[tokio::test]
async fn a_service_account_in_my_drive_is_warned_and_one_that_acts_for_a_user_is_not() {
    let google = DriveStandIn::start(Layout::MyDrive).await;
    let root = google.root_id();
    let report = client(&google, None, clock()).check(&root).await.unwrap();
    assert!(!report.in_shared_drive && report.warnings.len() == 1);
    assert!(report.warnings[0].contains("GOOGLE_IMPERSONATE") && report.warnings[0].contains(CLIENT_EMAIL));
    assert!(client(&google, Some(USER), clock()).check(&root).await.unwrap().warnings.is_empty());
}

#[tokio::test]
async fn what_cannot_work_is_said_before_anything_is_made() {
    let (google, drive) = shared_drive().await;
    let root = google.root_id();
    let text = never(drive.check("1TypingError").await);
    assert!(text.contains(&format!("is not shared with {CLIENT_EMAIL}")), "{text}");
    let text = never(drive.check("https://drive.google.com/drive/folders/1x").await);
    assert!(text.contains("only letters, digits"), "{text}");

    google.forbid_adding();
    let text = never(drive.check(&root).await);
    assert!(text.contains(&format!("takes nothing from {CLIENT_EMAIL}")), "{text}");
    google.trash(&root);
    assert!(never(drive.check(&root).await).contains("is in the trash"));
    google.make_root_a_document();
    assert!(never(drive.check(&root).await).contains("is not a folder"));
    google.unshare();
    assert!(never(drive.check(&root).await).contains("does not exist or is not shared"));
}

#[tokio::test]
async fn a_drive_that_is_down_says_nothing_about_the_root() {
    let (google, drive) = shared_drive().await;
    google.server.fail_next("GET /drive", Fault::status(503, ""));
    google.server.fail_next("GET /drive", Fault::status(503, ""));
    let error = drive.check(&google.root_id()).await.unwrap_err();
    assert!(matches!(error, UpstreamError::Retry(_)), "{error:?}");
}
