//! What was filed of a call that has turned private meanwhile, or whose run went no further: a later call of the same
//! account does not publish it.

use std::time::Duration;

use super::{LOG, SUMMARY, accept_at, content, logged, started};
use crate::{
    outside::end_of,
    support::{Fault, TestApp, callback},
};

const EARLIER: &str = "2031-05-05T09:30:00Z";
const LATER: &str = "2031-05-06T09:30:00Z";

/// Another callback of the same call says that it is private.
async fn turn_private(app: &TestApp, call_id: &str) {
    let mut body = callback(call_id);
    body["isPrivate"] = true.into();
    app.post_signed(&body).await.expect(200);
}

#[tokio::test]
async fn what_was_filed_but_not_written_when_its_call_turned_private_stays_unwritten() {
    let (drive, app) = started().await;
    // Filed, and then Drive fails, also when it is asked again at once.
    for _ in 0..2 {
        drive.server.fail_next("GET /drive/v3/files/generateIds", Fault::status(503, "{}"));
    }
    let private = accept_at(&app, "7", LATER).await;
    app.run_due().await;
    assert_eq!((app.count("document_entries").await, drive.files().len()), (1, 0));
    turn_private(&app, "7").await;
    let other = accept_at(&app, "8", EARLIER).await;
    end_of(&app, &other).await;
    assert_eq!(end_of(&app, &private).await["reason"], "private");
    assert_eq!(logged(&drive), ["8"]);
    assert!(content(&drive, SUMMARY).contains("call 8 ·"), "although the private call was the later one");
}

#[tokio::test]
async fn a_call_that_turned_private_leaves_the_documents_with_the_next_call_of_its_account() {
    let (drive, app) = started().await;
    for (id, at) in [("1", EARLIER), ("2", LATER)] {
        let accepted = accept_at(&app, id, at).await;
        end_of(&app, &accepted).await;
    }
    turn_private(&app, "2").await;
    let accepted = accept_at(&app, "3", EARLIER).await;
    end_of(&app, &accepted).await;
    assert_eq!(logged(&drive), ["3", "1"]);
    assert!(!content(&drive, SUMMARY).contains("call 2 ·") && !content(&drive, LOG).contains("call 2<"));
}

#[tokio::test]
async fn what_a_run_filed_before_it_failed_waits_for_the_run_to_be_sent_on() {
    let (drive, app) = started().await;
    drive.server.fail_next("GET /drive/v3/files/generateIds", Fault::status(403, "{}"));
    let failed = accept_at(&app, "1", EARLIER).await;
    assert_eq!(end_of(&app, &failed).await["state"], "failed");
    app.clock.advance(Duration::from_mins(2));
    let other = accept_at(&app, "2", LATER).await;
    end_of(&app, &other).await;
    assert_eq!(logged(&drive), ["2"], "nobody has asked of late whether the other one is private");
    let path = format!("/api/v1/admin/runs/{}/retry", failed["run_id"].as_str().unwrap());
    app.api("POST", &path, None).await.expect(202);
    end_of(&app, &failed).await;
    assert_eq!(logged(&drive), ["2", "1"]);
}
