//! Many calls of one account at once, several workers, and a writer that died.

use std::time::Duration;

use aftercall::{
    db::documents::{self, FolderKey},
    domain::clock::after,
};
use futures_util::future::join_all;
use uuid::Uuid;

use super::{LOG, SUMMARY, accept_at, assert_one_of_each, content, logged, started};
use crate::{
    outside::{accept, end_of, next_wait, outcomes_of, tries},
    support::Fault,
};

#[tokio::test]
async fn many_calls_of_one_account_at_once_leave_one_of_each_and_every_entry() {
    let (drive, app) = started().await;
    // The first folder takes its time, so that the others come meanwhile.
    drive.server.fail_next("POST /drive", Fault::Slow(Duration::from_millis(300)));
    let mut accepted = Vec::new();
    for day in 10..26 {
        accepted.push(accept_at(&app, &day.to_string(), &format!("2031-04-{day}T09:30:00Z")).await);
    }
    let workers: Vec<_> = (0..4).map(|_| app.stages()).collect();
    for _ in 0..60 {
        let stepped = join_all(workers.iter().map(aftercall::queue::Worker::run_due)).await;
        assert!(stepped.into_iter().all(|result| result.is_ok()));
        let Some(wait) = next_wait(&app).await else { break };
        app.clock.advance(wait);
    }
    let mut waited = 0;
    for run in &accepted {
        let run = app.run_of(run).await;
        assert_eq!(run["state"], "done", "{run}");
        let outcomes_of = outcomes_of(&run, "document");
        assert!(!outcomes_of.contains(&"retry".to_owned()), "waiting for another writer costs no try: {outcomes_of:?}");
        waited += outcomes_of.iter().filter(|outcome| *outcome == "later").count();
    }
    assert!(waited > 0, "some did wait");
    assert_one_of_each(&drive);
    let newest_first: Vec<String> = (10..26).rev().map(|day| day.to_string()).collect();
    assert_eq!(logged(&drive), newest_first);
    assert!(content(&drive, SUMMARY).contains("call 25 ·"));
    let writes = drive.server.count("POST /upload") + drive.server.count("PATCH /upload");
    assert!(writes < 32, "one write serves what was filed before it: {writes} for 16 calls");
}

#[tokio::test]
async fn a_writer_that_died_is_waited_for_and_then_replaced() {
    let (drive, app) = started().await;
    app.process("1").await;
    let store = format!("drive:{}", drive.root_id());
    let key = FolderKey { tenant: "default", store: &store, folder: "Halden Freight" };
    let now = app.clock.now();
    let until = after(now, Duration::from_secs(135));
    assert!(documents::claim_folder(&app.app.pool, key, Uuid::now_v7(), now, until).await.unwrap());
    let accepted = accept(&app, "2").await;
    let run = end_of(&app, &accepted).await;
    assert_eq!(run["state"], "done", "{run}");
    assert!(app.clock.now() >= until, "not before its claim had run out");
    let tries = tries(&run, "document");
    let (last, waiting) = tries.split_last().unwrap();
    assert_eq!(last.0, "done");
    assert!(
        waiting.len() > 8
            && waiting.iter().all(|(outcome, error)| outcome == "later" && error.contains("another worker"))
    );
    assert_one_of_each(&drive);
    assert_eq!(logged(&drive).len(), 2);
}

#[tokio::test]
async fn a_writer_that_died_between_making_and_remembering_leaves_no_second_document() {
    let (drive, app) = started().await;
    app.process("1").await;
    // As if the process had ended right after Drive had made the log.
    sqlx::query("UPDATE documents SET log_id = NULL, log_url = NULL, log_begun_at = $1")
        .bind(app.clock.now())
        .execute(&app.app.pool)
        .await
        .unwrap();
    let log = super::only(&drive, LOG).id;
    let accepted = accept(&app, "2").await;
    end_of(&app, &accepted).await;
    assert_one_of_each(&drive);
    assert_eq!(super::only(&drive, LOG).id, log, "found again by its property");
}
