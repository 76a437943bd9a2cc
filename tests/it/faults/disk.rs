//! A disk without room: what does not fit is tried again until it does, and nothing half-written is there to be read.
//!
//! Played by a limit on the size of files that is set while the process runs, so that no rights are needed for it: a write
//! gets as far as there is room and then fails.

use std::{collections::BTreeSet, path::Path};

use reqwest::Method;
use rustix::process::{Resource, Rlimit, prlimit};
use serde_json::json;

use super::{add_endpoint, count, ids, import_transcripts, settled, until, vars};
use crate::support::{Database, Gong, Server, callback};

/// Too large a file would end the process otherwise.
const SURVIVE: &str = "trap '' XFSZ";

/// Leaves room for files of so many bytes, or of any size.
fn leave_room(server: &Server, bytes: Option<usize>) {
    let limit = Rlimit { current: bytes.map(|bytes| bytes as u64), maximum: None };
    prlimit(Some(server.pid()), Resource::Fsize, limit).unwrap();
}

/// The names of what is in a directory.
fn names(dir: &Path) -> BTreeSet<String> {
    std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn documents_that_do_not_fit_on_the_disk_stay_as_they_were_and_are_written_once_there_is_room() {
    let (database, dir, calls) = (Database::create().await, tempfile::tempdir().unwrap(), ids(4));
    import_transcripts(&database, &calls).await;
    let mut server = Server::start_after(SURVIVE, &["serve"], &vars(&database), dir.path()).await;
    let tell = async |id: &String| server.post_signed(&Gong::shared(), &callback(id)).await.unwrap().0;
    for id in &calls[..3] {
        assert_eq!(tell(id).await, 202);
    }
    settled(&database).await;
    let folder = dir.path().join("documents/Halden Freight");
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let (log, files) = (read("Summary Log.md"), names(&folder));

    leave_room(&server, Some(log.len() + 10)); // the next entry begins to fit
    assert_eq!(tell(&calls[3]).await, 202);
    let failed = "SELECT count(*) FROM stage_attempts WHERE stage = 'document' AND outcome = 'retry'
                  AND error LIKE 'cannot write to %File too large%'";
    until("the disk was full twice", async || count(&database, failed).await >= 2).await;
    assert_eq!(read("Summary Log.md"), log, "what was there is there");
    assert!(read("Call Summary.md").starts_with("<!-- aftercall:held "), "and whole");
    assert_eq!(names(&folder), files, "no half of a file is left");

    leave_room(&server, None);
    settled(&database).await;
    let log = read("Summary Log.md");
    for id in &calls {
        assert_eq!(log.matches(&format!("<!-- aftercall:call {id} -->")).count(), 1, "{log}");
    }
    assert_eq!(names(&folder), files);
    assert_eq!(count(&database, "SELECT count(*) FROM runs WHERE state = 'done'").await, 4);
    assert_eq!(server.terminate(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mail_that_does_not_fit_on_the_disk_is_written_whole_once_there_is_room() {
    let (database, dir) = (Database::create().await, tempfile::tempdir().unwrap());
    let mut server = Server::start_after(SURVIVE, &["serve"], &vars(&database), dir.path()).await;
    add_endpoint(&server, "email", "dana@brindlemoor.example", &["custom.*"]).await;
    leave_room(&server, Some(1000));
    let event = json!({"type": "custom.order", "data": {"title": "An order"}});
    let raised = server.api(Method::POST, "/api/v1/events", Some(event)).await.unwrap();
    assert_eq!(raised["endpoints"], 1, "{raised}");
    let failed =
        "SELECT count(*) FROM delivery_attempts WHERE error LIKE 'cannot write to the outbox: %File too large%'";
    until("the disk was full twice", async || count(&database, failed).await >= 2).await;
    let outbox = dir.path().join("outbox");
    assert_eq!(names(&outbox), BTreeSet::new(), "no half of a mail is left");

    leave_room(&server, None);
    settled(&database).await;
    assert_eq!(count(&database, "SELECT count(*) FROM deliveries WHERE status = 'sent'").await, 1);
    let names = names(&outbox);
    let [name] = &names.iter().collect::<Vec<_>>()[..] else { panic!("one mail: {names:?}") };
    let mail = std::fs::read_to_string(outbox.join(name)).unwrap();
    assert!(mail.contains("Message-ID: <dlv_") && mail.trim_end().ends_with("--"), "{mail}");
    assert_eq!(server.terminate(), Some(0));
}
