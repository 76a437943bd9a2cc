//! Answers that are lost: the request may have been carried out.

use std::time::Duration;

use super::{LOG, SUMMARY, assert_one_of_each, content, logged, named, started};
use crate::{
    outside::{accept, end_of, next_wait, outcomes_of, tries},
    support::Fault,
};

#[tokio::test]
async fn an_answer_that_is_lost_at_any_request_leaves_one_of_each() {
    // What is asked of a new account, and how often; a second call replaces.
    let cases = [
        ("the token", "POST /token", 0),
        ("the id of the folder", "GET /drive/v3/files/generateIds", 0),
        ("the folder", "POST /drive/v3/files", 0),
        ("the first document", "POST /upload", 0),
        ("the second document", "POST /upload", 1),
        ("the replaced summary", "PATCH /upload", 0),
        ("the replaced log", "PATCH /upload", 1),
    ];
    for (name, place, skip) in cases {
        for times in [1, 2] {
            let (drive, app) = started().await;
            let replaces = place.starts_with("PATCH");
            if replaces {
                app.process("1").await;
            }
            // Those before it work; being slow by nothing is no fault.
            (0..skip).for_each(|_| drive.server.fail_next(place, Fault::Slow(Duration::ZERO)));
            (0..times).for_each(|_| drive.server.fail_next(place, Fault::AnswerLost));
            let accepted = accept(&app, "2").await;
            let run = end_of(&app, &accepted).await;
            assert_eq!(run["state"], "done", "{name}, {times}: {run}");
            assert_one_of_each(&drive);
            let calls = if replaces { 2 } else { 1 };
            assert_eq!(logged(&drive).len(), calls, "{name}, {times}");
            assert!(content(&drive, SUMMARY).contains("call 2 ·"), "{name}, {times}");
            let tries = tries(&run, "document");
            let (last, before) = tries.split_last().unwrap();
            assert_eq!(last.0, "done", "{name}, {times}: {tries:?}");
            // What may be repeated is, at once. A document is looked for by the next try, the second one too.
            let expected = if place == "POST /upload" && skip == 0 {
                times
            } else {
                usize::from(skip > 0 && !replaces || times == 2)
            };
            assert_eq!(before.len(), expected, "{name}, {times}: {tries:?}");
            let says = |(outcome, error): &(String, String)| outcome == "retry" && error.contains("google-");
            assert!(before.iter().all(says), "{name}, {times}: {tries:?}");
        }
    }
}

#[tokio::test]
async fn a_document_whose_making_broke_before_it_began_is_made_once_the_search_cannot_be_behind() {
    let (drive, app) = started().await;
    drive.server.fail_next("POST /upload", Fault::Broken);
    let accepted = accept(&app, "1").await;
    let began = app.clock.now();
    let run = end_of(&app, &accepted).await;
    assert_eq!(run["state"], "done", "{run}");
    assert!(app.clock.now() - began >= chrono::TimeDelta::seconds(30), "nothing found is no proof for half a minute");
    let outcomes_of = outcomes_of(&run, "document");
    assert_eq!((outcomes_of[0].as_str(), outcomes_of.last().unwrap().as_str()), ("retry", "done"));
    assert!(
        outcomes_of[1..outcomes_of.len() - 1].iter().all(|outcome| outcome == "later"),
        "waiting costs no try: {outcomes_of:?}"
    );
    assert_one_of_each(&drive);
}

#[tokio::test]
async fn a_search_that_is_behind_is_waited_for() {
    for searches in [1, 3] {
        let (drive, app) = started().await;
        drive.lag(searches);
        for _ in 0..2 {
            // Both documents' answers are lost.
            drive.server.fail_next("POST /upload", Fault::AnswerLost);
        }
        let accepted = accept(&app, "1").await;
        let run = end_of(&app, &accepted).await;
        assert_eq!(run["state"], "done", "{searches}: {run}");
        assert!(outcomes_of(&run, "document").contains(&"later".to_owned()), "{searches}: {run}");
        let waited = tries(&run, "document").into_iter().find(|(outcome, _)| outcome == "later").unwrap().1;
        assert!(waited.contains("whether \"Call Summary\" was made is not known yet"), "{waited}");
        assert_one_of_each(&drive);
    }
}

#[tokio::test]
async fn pages_that_are_empty_before_the_end_hide_nothing() {
    let (drive, app) = started().await;
    drive.split_pages(1);
    drive.server.fail_next("POST /upload", Fault::AnswerLost);
    let accepted = accept(&app, "1").await;
    assert_eq!(end_of(&app, &accepted).await["state"], "done");
    assert_one_of_each(&drive);
}

#[tokio::test]
async fn a_search_that_did_not_look_everywhere_is_repeated_instead_of_believed() {
    let (drive, app) = started().await;
    drive.search_incompletely();
    drive.lag(1);
    drive.server.fail_next("POST /upload", Fault::AnswerLost);
    let accepted = accept(&app, "1").await;
    let run = end_of(&app, &accepted).await;
    assert_eq!(run["state"], "done", "{run}");
    assert!(tries(&run, "document").iter().any(|(_, error)| error.contains("did not search everywhere")), "{run}");
    assert_one_of_each(&drive);
}

#[tokio::test]
async fn doubles_that_a_lost_answer_left_are_put_into_the_trash() {
    let (drive, app) = started().await;
    drive.server.fail_next("POST /upload", Fault::AnswerLost);
    let accepted = accept(&app, "1").await;
    app.run_due().await;
    let first = named(&drive, SUMMARY).remove(0).id;
    let double = drive.duplicate(&first);
    app.clock.advance(next_wait(&app).await.unwrap());
    assert_eq!(end_of(&app, &accepted).await["state"], "done");
    assert_one_of_each(&drive);
    assert_eq!(named(&drive, SUMMARY)[0].id, first, "the oldest stays");
    assert!(drive.files().iter().any(|file| file.id == double && file.trashed));
    assert_eq!(named(&drive, LOG).len(), 1);
}
