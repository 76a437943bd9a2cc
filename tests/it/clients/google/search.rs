//! The search by key.

use aftercall::clients::google::{Drive, FileInfo, Kind, Place};
use aftercall::clients::http::UpstreamError;
use serde_json::json;

use super::{done, shared_drive};
use crate::support::{Fault, drive::DriveStandIn};

async fn document(google: &DriveStandIn, drive: &Drive, key: &str) -> FileInfo {
    done(drive.create_document("n", &google.root_id(), key, "<p></p>").await.unwrap())
}

async fn ids(drive: &Drive, key: &str) -> Vec<String> {
    let found = drive.find_by_key(Place::default(), key, Kind::Document).await.unwrap();
    found.into_iter().map(|file| file.id).collect()
}

#[tokio::test]
async fn only_the_key_the_kind_and_the_place_count() {
    let (google, drive) = shared_drive().await;
    let made = document(&google, &drive, "c-1").await;
    let folder = drive.generate_id().await.unwrap();
    drive.create_folder(&folder, "n", &google.root_id(), "c-1").await.unwrap();
    document(&google, &drive, "c-2").await;

    let (root, shared) = (google.root_id(), made.drive_id.clone().unwrap());
    for place in [
        Place::default(),
        Place { parent: Some(&root), drive_id: None },
        Place { parent: Some(&root), drive_id: Some(&shared) },
    ] {
        assert_eq!(drive.find_by_key(place, "c-1", Kind::Document).await.unwrap(), std::slice::from_ref(&made));
        assert_eq!(drive.find_by_key(place, "c-1", Kind::Folder).await.unwrap()[0].id, folder);
    }
    let elsewhere = Place { parent: Some(&folder), drive_id: None };
    assert_eq!(drive.find_by_key(elsewhere, "c-1", Kind::Document).await.unwrap(), []);
}

#[tokio::test]
async fn the_shared_drive_is_named_when_it_is_known() {
    let (google, drive) = shared_drive().await;
    let shared = drive.describe(&google.root_id()).await.unwrap().unwrap().drive_id.unwrap();
    let place = Place { parent: None, drive_id: Some(&shared) };
    drive.find_by_key(place, "c-1", Kind::Document).await.unwrap();
    let query = google.server.asked().pop().unwrap().query;
    for part in
        ["supportsAllDrives=true", "includeItemsFromAllDrives=true", "corpora=drive", &format!("driveId={shared}")]
    {
        assert!(query.contains(part), "{part}: {query}");
    }
}

#[tokio::test]
async fn pages_are_read_to_the_last_and_empty_ones_do_not_end_the_search() {
    let (google, drive) = shared_drive().await;
    let first = document(&google, &drive, "c-1").await.id;
    let copies: Vec<String> = (0..4).map(|_| google.duplicate(&first)).collect();
    google.split_pages(2);
    let found = ids(&drive, "c-1").await;
    assert_eq!(google.server.count("GET /drive/v3/files"), 6);
    assert_eq!(found, [vec![first], copies].concat(), "the oldest first");
}

#[tokio::test]
async fn what_is_in_the_trash_is_not_found() {
    let (google, drive) = shared_drive().await;
    let made = document(&google, &drive, "c-1").await.id;
    google.trash(&made);
    assert_eq!(ids(&drive, "c-1").await, Vec::<String>::new());
}

#[tokio::test]
async fn a_new_file_may_take_some_searches_to_be_found() {
    let (google, drive) = shared_drive().await;
    google.lag(2);
    let made = document(&google, &drive, "c-1").await.id;
    assert!(ids(&drive, "c-1").await.is_empty());
    assert!(ids(&drive, "c-1").await.is_empty());
    assert_eq!(ids(&drive, "c-1").await, [made]);
}

#[tokio::test]
async fn an_incomplete_search_that_finds_nothing_proves_nothing() {
    let (google, drive) = shared_drive().await;
    google.search_incompletely();
    let error = drive.find_by_key(Place::default(), "c-1", Kind::Document).await.unwrap_err();
    assert!(matches!(error, UpstreamError::Retry(_)), "{error:?}");
    let made = document(&google, &drive, "c-1").await.id;
    assert_eq!(ids(&drive, "c-1").await, [made]);
}

#[tokio::test]
async fn a_search_without_end_is_ended() {
    let (google, drive) = shared_drive().await;
    for _ in 0..60 {
        let page = json!({"nextPageToken": "again", "files": [null, {"id": 3}, "x"]});
        google.server.fail_next("GET /drive", Fault::status(200, page.to_string()));
    }
    let error = drive.find_by_key(Place::default(), "c-1", Kind::Document).await.unwrap_err();
    assert!(matches!(&error, UpstreamError::Retry(text) if text.contains("no end after 50 pages")), "{error:?}");
    assert_eq!(google.server.count("GET /drive"), 50);
}
