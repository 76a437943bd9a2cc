//! Answers of PostgreSQL that are lost on the way: what was committed is not done again, whatever the service was told.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use sqlx::ConnectOptions;

use super::{
    DOCUMENTED, SUMMARISED, add_endpoint, arrived_at, assert_each_arrived, assert_each_documented_once, count, ids,
    import_transcripts, load::Load, settled, until, vars,
};
use crate::support::{Behind, Database, Proxy, Receiver, Server};

/// How PostgreSQL says that a transaction is committed.
const COMMITTED: &[u8] = b"COMMIT\0";

/// Drives calls through a service that loses the `nth` of those answers for which `counts` says so, over and over.
async fn losing(nth: usize, counts: fn(&[u8]) -> bool) {
    let (database, dir, calls) = (Database::create().await, tempfile::tempdir().unwrap(), ids(40));
    let (armed, seen) = (Arc::new(AtomicBool::new(false)), AtomicUsize::new(0));
    let behind = match database.options.get_socket() {
        Some(directory) => Behind::Unix(directory.join(format!(".s.PGSQL.{}", database.options.get_port()))),
        None => Behind::Tcp(format!("{}:{}", database.options.get_host(), database.options.get_port())),
    };
    let is_armed = Arc::clone(&armed);
    let lose = move |bytes: &[u8]| {
        is_armed.load(Ordering::SeqCst) && counts(bytes) && seen.fetch_add(1, Ordering::SeqCst) % nth == nth - 1
    };
    let proxy = Proxy::before(behind, lose).await;
    let mut url = database.options.to_url_lossy();
    url.set_host(Some("127.0.0.1")).unwrap();
    url.set_port(Some(proxy.address().port())).unwrap();
    url.set_query(Some("sslmode=disable")); // what is encrypted cannot be read on the way
    let mut vars = vars(&database);
    vars.insert("DATABASE_URL", url.to_string());

    import_transcripts(&database, &calls).await;
    let receiver = Receiver::start().await;
    let mut server = Server::start(&["serve"], &vars, dir.path()).await;
    add_endpoint(&server, "webhook", &receiver.url(), &[SUMMARISED, DOCUMENTED]).await;
    armed.store(true, Ordering::SeqCst);
    let doors = Arc::new(Mutex::new(vec![server.door()]));
    let load = Load::start(doors, calls.clone(), Duration::from_millis(20));
    until("all callbacks are answered", async || load.answered().len() == calls.len()).await;
    load.end().await;
    settled(&database).await;
    armed.store(false, Ordering::SeqCst);

    assert!(proxy.lost() > 3, "{} answers were lost", proxy.lost());
    assert_eq!(count(&database, "SELECT count(*) FROM runs WHERE state = 'done'").await, 40);
    assert_eq!(count(&database, "SELECT count(*) FROM runs").await, 40);
    assert_each_documented_once(dir.path(), 40);
    let arrived = arrived_at(&receiver);
    for event in [DOCUMENTED, SUMMARISED] {
        assert_each_arrived(&arrived, event, &calls);
    }
    assert_eq!(server.terminate(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_whose_answer_is_lost_is_not_made_twice() {
    losing(5, |bytes| bytes.windows(COMMITTED.len()).any(|window| window == COMMITTED)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whichever_answer_of_the_database_is_lost_everything_is_done_once() {
    // Seldom enough that a stage does not fail five times in a row by chance: the fifth wait is longer than the patience.
    losing(97, |_| true).await;
}
