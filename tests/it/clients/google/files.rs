//! Folders and documents.

use aftercall::clients::google::{Created, Kind, Place, Replaced};
use aftercall::clients::http::UpstreamError;

use super::{DriveStandIn, Layout, USER, client, clock, done, never, shared_drive};
use crate::support::Fault;

const HTML: &str = "<meta charset=\"utf-8\"><h1>Ärger mit \"Export\"</h1>\r\n--B--\r\n";

#[tokio::test]
async fn a_document_goes_into_a_folder_under_the_root() {
    let (google, drive) = shared_drive().await;
    let id = drive.generate_id().await.unwrap();
    let folder = done(drive.create_folder(&id, "2026-11", &google.root_id(), "month:2026-11").await.unwrap());
    let document = done(drive.create_document("Ana's \\ call", &id, "c-17", HTML).await.unwrap());

    let files = google.files();
    assert_eq!((files[0].id.as_str(), files[0].name.as_str()), (id.as_str(), "2026-11"));
    assert_eq!((files[1].parent.as_deref(), files[1].name.as_str()), (Some(id.as_str()), "Ana's \\ call"));
    assert_eq!(files[1].content.as_deref(), Some(HTML));
    assert_eq!((&folder.id, &document.id), (&files[0].id, &files[1].id));
    assert_eq!(folder.mime_type, Kind::Folder.mime_type());
    assert_eq!(document.mime_type, Kind::Document.mime_type());
    assert!(folder.can_add_children && folder.drive_id.is_some() && document.created_time.is_some());
    assert_eq!(document.web_view_link.unwrap(), format!("https://docs.google.example/d/{}", document.id));
    assert_eq!(drive.describe(&id).await.unwrap().unwrap(), folder);
}

#[tokio::test]
async fn keys_are_kept_as_a_hash_under_one_name() {
    let (google, drive) = shared_drive().await;
    let id = drive.generate_id().await.unwrap();
    drive.create_folder(&id, "2026-11", &google.root_id(), "month:2026-11").await.unwrap();
    let sent = google.server.asked().pop().unwrap().body;
    let properties = sent["appProperties"].as_object().unwrap();
    let value = properties["aftercall"].as_str().unwrap();
    assert_eq!((properties.len(), value.len()), (1, 40));
    assert!(!value.contains("month"), "{value}");
}

#[tokio::test]
async fn long_keys_and_keys_in_any_script_fit() {
    let (google, drive) = shared_drive().await;
    for key in ["é".repeat(300), "'; \\' or trashed = true".to_owned(), String::new()] {
        done(drive.create_document("n", &google.root_id(), &key, HTML).await.unwrap());
        assert_eq!(drive.find_by_key(Place::default(), &key, Kind::Document).await.unwrap().len(), 1, "{key}");
    }
}

#[tokio::test]
async fn a_folder_whose_answer_is_lost_is_there_when_it_is_made_again() {
    let (google, drive) = shared_drive().await;
    let (id, root) = (drive.generate_id().await.unwrap(), google.root_id());
    google.server.fail_next("POST /drive/v3/files", Fault::AnswerLost);
    let again = done(drive.create_folder(&id, "2026-11", &root, "k").await.unwrap());
    assert_eq!((google.files().len(), again.id, again.trashed), (1, id.clone(), false));

    google.trash(&id);
    assert!(done(drive.create_folder(&id, "2026-11", &root, "k").await.unwrap()).trashed, "as it is now");
    google.delete(&id);
    let unseen = done(drive.create_folder(&id, "2026-11", &root, "k").await.unwrap());
    assert_eq!(unseen.web_view_link.unwrap(), format!("https://drive.google.com/drive/folders/{id}"));
}

#[tokio::test]
async fn an_id_that_drive_did_not_make_is_refused_for_good() {
    let (google, drive) = shared_drive().await;
    let text = never(drive.create_folder("of-my-own", "n", &google.root_id(), "k").await);
    assert!(text.contains("400 invalid: The provided file ID is not usable"), "{text}");
    for odd in ["", "..", "a/b", "x?y", "a b"] {
        let text = never(drive.describe(odd).await);
        assert!(text.contains("only letters, digits"), "{text}");
    }
    assert_eq!(google.server.count("GET /drive"), 0);
}

#[tokio::test]
async fn a_document_whose_answer_is_lost_is_found_by_its_key() {
    let (google, drive) = shared_drive().await;
    google.server.fail_next("POST /upload", Fault::AnswerLost);
    let error = drive.create_document("n", &google.root_id(), "c-1", HTML).await.unwrap_err();
    assert!(matches!(error, UpstreamError::Retry(_)), "{error:?}");
    let found = drive.find_by_key(Place::default(), "c-1", Kind::Document).await.unwrap();
    assert_eq!(found[0].id, google.files()[0].id);
}

#[tokio::test]
async fn every_answer_is_lost_once_and_nothing_is_made_twice() {
    let (google, drive) = shared_drive().await;
    google.server.fail_each_once(Fault::AnswerLost);
    let root = google.root_id();
    let id = patiently(async || drive.generate_id().await).await;
    patiently(async || drive.create_folder(&id, "f", &root, "f").await).await;
    patiently(async || {
        if drive.find_by_key(Place::default(), "c-1", Kind::Document).await?.is_empty() {
            drive.create_document("n", &id, "c-1", HTML).await?;
        }
        Ok(())
    })
    .await;
    let kinds: Vec<String> = google.files().into_iter().map(|file| file.mime_type).collect();
    assert_eq!(kinds, [Kind::Folder.mime_type(), Kind::Document.mime_type()]);
}

/// Tries again as the queue does.
async fn patiently<T>(call: impl AsyncFn() -> Result<T, UpstreamError>) -> T {
    for _ in 0..9 {
        match call().await {
            Ok(value) => return value,
            Err(UpstreamError::Retry(_)) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
    panic!("never succeeded")
}

#[tokio::test]
async fn a_document_keeps_its_id_when_its_content_is_replaced() {
    let (google, drive) = shared_drive().await;
    let made = done(drive.create_document("n", &google.root_id(), "c-1", "<p>one</p>").await.unwrap());
    for _ in 0..2 {
        assert_eq!(drive.replace_document(&made.id, "<p>two</p>").await.unwrap(), Replaced::Done);
    }
    let files = google.files();
    assert_eq!((files.len(), files[0].content.as_deref()), (1, Some("<p>two</p>")));
    let asked = google.server.asked().pop().unwrap();
    assert_eq!((asked.method.as_str(), asked.header("content-type")), ("PATCH", "text/html"));
}

#[tokio::test]
async fn a_document_in_the_trash_or_in_a_folder_there_counts_as_gone() {
    let (google, drive) = shared_drive().await;
    let id = drive.generate_id().await.unwrap();
    drive.create_folder(&id, "f", &google.root_id(), "f").await.unwrap();
    let made = done(drive.create_document("n", &id, "c-1", HTML).await.unwrap());
    google.trash(&id);
    assert!(drive.describe(&made.id).await.unwrap().unwrap().trashed);
    assert_eq!(drive.replace_document(&made.id, HTML).await.unwrap(), Replaced::Gone);
}

#[tokio::test]
async fn what_is_gone_or_not_shared_any_more_is_told_to_the_caller() {
    let (google, drive) = shared_drive().await;
    let root = google.root_id();
    let made = done(drive.create_document("n", &root, "c-1", HTML).await.unwrap());
    let spare = drive.generate_id().await.unwrap();
    google.unshare();
    assert_eq!(drive.describe(&made.id).await.unwrap(), None);
    assert_eq!(drive.replace_document(&made.id, HTML).await.unwrap(), Replaced::Gone);
    assert_eq!(drive.create_document("n", &root, "c-2", HTML).await.unwrap(), Created::ParentGone);
    assert_eq!(drive.create_folder(&spare, "n", &root, "c-3").await.unwrap(), Created::ParentGone);
    let place = Place { parent: Some(&root), drive_id: None };
    assert_eq!(drive.find_by_key(place, "c-1", Kind::Document).await.unwrap(), []);
    drive.trash(&made.id).await.unwrap();
}

#[tokio::test]
async fn a_trashed_file_is_trashed_once_and_for_all() {
    let (google, drive) = shared_drive().await;
    let made = done(drive.create_document("n", &google.root_id(), "c-1", HTML).await.unwrap());
    for _ in 0..2 {
        drive.trash(&made.id).await.unwrap();
    }
    assert!(google.files()[0].trashed);
}

#[tokio::test]
async fn acting_for_a_user_works_in_my_drive() {
    let google = DriveStandIn::start(Layout::MyDrive).await;
    let drive = client(&google, Some(USER), clock());
    let made = done(drive.create_document("n", &google.root_id(), "c-1", HTML).await.unwrap());
    assert_eq!((made.drive_id, google.files().len()), (None, 1));
}

#[tokio::test]
async fn more_than_5_mb_is_refused_before_anything_is_sent() {
    let (google, drive) = shared_drive().await;
    let root = google.root_id();
    done(drive.create_document("n", &root, "c-1", &"x".repeat(4_900_000)).await.unwrap());
    let made = &google.files()[0].id;
    let asked = google.server.asked().len();
    let large = "x".repeat(5_000_001);
    for text in [
        never(drive.create_document("n", &root, "c-2", &large).await),
        never(drive.replace_document(made, &large).await),
    ] {
        assert!(text.contains("are too much, Drive takes 5 MB at once"), "{text}");
    }
    assert_eq!(google.server.asked().len(), asked);
}

#[tokio::test]
async fn a_success_that_cannot_be_read_is_tried_again() {
    let (google, drive) = shared_drive().await;
    for body in ["<html>", "{}", r#"{"id":7}"#, "[]"] {
        google.server.fail_next("/upload", Fault::status(200, body));
        let error = drive.create_document("n", &google.root_id(), "c", HTML).await.unwrap_err();
        assert!(matches!(error, UpstreamError::Retry(_)), "{error:?}");
        google.server.fail_next("/generateIds", Fault::status(200, body));
        let error = drive.generate_id().await.unwrap_err();
        assert!(matches!(error, UpstreamError::Retry(_)), "{error:?}");
    }
}
