//! One of two workers killed, and what that costs.

use std::{
    collections::HashMap,
    path::Path,
    time::{Duration, Instant},
};

use super::{SUMMARISED, add_endpoint, arrived_at, assert_each_arrived, count, ids, import_transcripts, settled, vars};
use crate::support::{Database, Gong, Receiver, Server, callback};

/// Kills one of two workers under load and tells how long until all is done.
async fn recovery(database: &Database, vars: &HashMap<&'static str, String>) -> Duration {
    let (gong, dir, calls) = (Gong::shared(), tempfile::tempdir().unwrap(), ids(40));
    let receiver = Receiver::slow(Duration::from_millis(20)).await;
    import_transcripts(database, &calls).await;
    let start = async |command: &'static [&'static str], name: &str| {
        Server::start(command, vars, &Path::join(dir.path(), name)).await
    };
    let server = start(&["serve", "--no-workers"], "http").await;
    add_endpoint(&server, "webhook", &receiver.url(), &[SUMMARISED]).await;
    let mut first = start(&["worker"], "one").await;
    let mut second = start(&["worker"], "two").await;
    for id in &calls {
        assert_eq!(server.post_signed(&gong, &callback(id)).await.unwrap().0, 202);
    }
    first.kill();
    let killed_at = Instant::now();
    settled(database).await;
    let recovery = killed_at.elapsed();

    assert_eq!(count(database, "SELECT count(*) FROM runs WHERE state = 'done'").await, 40);
    let twice = count(
        database,
        "SELECT count(*) FROM (SELECT 1 FROM stage_attempts WHERE outcome = 'done' GROUP BY run_id, stage
                               HAVING count(*) > 1) repeated",
    );
    assert_eq!(twice.await, 0, "no stage was done twice");
    let lost = count(database, "SELECT count(*) FROM delivery_attempts WHERE error LIKE 'the worker ended%'").await;
    let repeats = assert_each_arrived(&arrived_at(&receiver), SUMMARISED, &calls);
    assert!(i64::try_from(repeats).unwrap() <= lost, "{repeats} repeats, {lost} attempts whose worker died");
    println!(
        "one of two workers killed: {repeats} of {lost} deliveries under way repeated, all done after {recovery:?}"
    );
    assert_eq!(second.terminate(), Some(0));
    recovery
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_workers_share_the_work_and_one_of_them_killed_costs_nothing_but_a_lease() {
    let database = Database::create().await;
    let took = recovery(&database, &vars(&database)).await;
    assert!(took < Duration::from_secs(30), "{took:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "waits for a lease of the usual length"]
async fn with_the_usual_lease_the_work_of_a_killed_worker_is_done_well_within_45_seconds() {
    let database = Database::create().await;
    let mut vars = vars(&database);
    vars.remove("LEASE");
    let took = recovery(&database, &vars).await;
    assert!(took < Duration::from_secs(30), "{took:?}");
}
