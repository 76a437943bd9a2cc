//! What people do in the Drive meanwhile.

use serde_json::json;

use super::{LOG, SUMMARY, assert_one_of_each, content, logged, only, started};
use crate::outside::{accept, end_of, outcomes_of, tries};

#[tokio::test]
async fn what_a_human_removes_is_made_anew_with_every_entry() {
    for name in [SUMMARY, LOG, "Halden Freight"] {
        for deletes in [false, true] {
            let (drive, app) = started().await;
            for id in ["1", "2"] {
                app.process(id).await;
            }
            let kept = if name == SUMMARY { only(&drive, LOG).id } else { only(&drive, SUMMARY).id };
            let removed = only(&drive, name).id;
            if deletes {
                let inside: Vec<String> = drive
                    .files()
                    .into_iter()
                    .filter(|file| file.parent.as_ref() == Some(&removed))
                    .map(|file| file.id)
                    .collect();
                inside.iter().chain([&removed]).for_each(|id| drive.delete(id));
            } else {
                drive.trash(&removed);
            }
            let accepted = accept(&app, "3").await;
            let run = end_of(&app, &accepted).await;
            assert_eq!(run["state"], "done", "{name}, {deletes}: {run}");
            assert_one_of_each(&drive);
            assert_ne!(only(&drive, name).id, removed, "{name}, {deletes}");
            assert!(content(&drive, SUMMARY).contains("call 3 ·"), "{name}, {deletes}");
            assert_eq!(logged(&drive).len(), 3, "{name}, {deletes}: no entry was lost");
            let links = app.get("/api/v1/admin/calls/3").await.expect(200).body["documents"].clone();
            assert_eq!(links["log_url"], format!("https://docs.google.example/d/{}", only(&drive, LOG).id));
            if name == "Halden Freight" {
                assert_eq!(outcomes_of(&run, "document"), ["retry", "done"], "{deletes}");
                assert!(tries(&run, "document")[0].1.contains("folder was removed; another is made"), "{run}");
            } else {
                assert_eq!(outcomes_of(&run, "document"), ["done"], "{name}, {deletes}");
                let other = if name == SUMMARY { LOG } else { SUMMARY };
                assert_eq!(only(&drive, other).id, kept, "the other one stays");
            }
        }
    }
}

#[tokio::test]
async fn what_a_human_renames_moves_nothing() {
    let (drive, app) = started().await;
    app.process("1").await;
    drive.rename(&only(&drive, "Halden Freight").id, "Halden (old name)");
    app.process("2").await;
    only(&drive, "Halden (old name)");
    assert_eq!((drive.files().len(), logged(&drive).len()), (3, 2), "ids count, and not names");
}

#[tokio::test]
async fn a_root_that_is_not_shared_any_more_fails_the_run_and_nothing_is_forgotten() {
    let (drive, app) = started().await;
    app.process("1").await;
    let before: Vec<String> = drive.files().into_iter().map(|file| file.id).collect();
    drive.unshare();
    let accepted = accept(&app, "2").await;
    let run = end_of(&app, &accepted).await;
    assert_eq!((&run["state"], outcomes_of(&run, "document")), (&json!("failed"), vec!["failed".to_owned()]), "{run}");
    let reason = run["reason"].as_str().unwrap();
    assert!(reason.contains("GOOGLE_DRIVE_FOLDER_ID") && reason.contains("not shared with us"), "{reason}");

    drive.share();
    app.api("POST", &format!("/api/v1/admin/runs/{}/retry", run["id"].as_str().unwrap()), None).await.expect(202);
    assert_eq!(end_of(&app, &accepted).await["state"], "done");
    let after: Vec<String> = drive.files().into_iter().map(|file| file.id).collect();
    assert_eq!(before, after, "the same folder and documents, and no others");
    assert_eq!(logged(&drive).len(), 2);
}

#[tokio::test]
async fn a_root_in_the_trash_fails_the_run_and_fills_the_trash_with_nothing() {
    for calls_before in [0, 1] {
        let (drive, app) = started().await;
        for id in 0..calls_before {
            app.process(&id.to_string()).await;
        }
        drive.trash(&drive.root_id());
        let accepted = accept(&app, "9").await;
        let run = end_of(&app, &accepted).await;
        assert_eq!(run["state"], "failed", "{calls_before}: {run}");
        assert!(run["reason"].as_str().unwrap().contains("in the trash"), "{run}");
        assert_eq!(outcomes_of(&run, "document"), ["failed"], "{calls_before}");
        assert!(drive.files().len() <= 3, "{calls_before}");
    }
}
