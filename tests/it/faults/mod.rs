//! Faults at the rim of the real thing: processes of the real binary and a real PostgreSQL, killed, frozen and cut off at
//! any moment; receivers and outside systems that misbehave; a full disk; a clock that steps.
//!
//! What must hold is counted where the outside would count it, at the receivers and in the documents:
//!
//! - What was answered 2xx is never lost: its run ends, it arrives wherever it was wanted, it is documented once.
//! - What arrives twice was under way at a fault, and carries the same `webhook-id` or `Message-ID`.
//! - Work goes on within a lease and a restart.
//!
//! [`chaos`] draws all of that from a seed; the other files hold one kind of fault each. A few seeds run with all tests.
//! Many, or one that failed:
//! `AFTERCALL_FAULT_SEEDS=1..20 cargo test --test it faults::chaos::many -- --ignored --nocapture`

mod answers;
mod chaos;
mod clock;
mod cluster;
mod disk;
mod kills;
mod load;
mod plan;
mod receivers;
mod rogue;
mod shutdown;
mod upstream;
mod verdict;
mod world;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::support::{Database, Door, Receiver, serve_vars, transcript};

/// Longer than all leases and retries here together, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

const SUMMARISED: &str = "call.summarised";
const DOCUMENTED: &str = "call.documented";

/// What processes are told here: a short lease, quick retries, and enough of them.
fn vars(database: &Database) -> HashMap<&'static str, String> {
    let mut vars = serve_vars(database);
    vars.extend([
        ("LEASE", "2s".to_owned()),
        ("STAGE_RETRY_BASE", "1s".to_owned()),
        ("MAX_RETRIES", "50".to_owned()),
        ("DELIVERY_RETRY_SCHEDULE", ["1s"; 40].join(",")),
        ("DELIVERY_TIMEOUT", "2s".to_owned()),
    ]);
    vars
}

/// Ids of calls, as many as wanted.
fn ids(count: usize) -> Vec<String> {
    (0..count).map(|index| format!("{}", 9_000_000 + index)).collect()
}

async fn import_transcripts(database: &Database, calls: &[String]) {
    let dir = tempfile::tempdir().unwrap();
    for id in calls {
        std::fs::write(dir.path().join(format!("{id}.json")), transcript(id).to_string()).unwrap();
    }
    let now = std::time::SystemTime::now().into();
    let imported = aftercall::intake::import::import(&database.pool, "default", &[dir.path().to_owned()], now).await;
    assert_eq!(imported.unwrap().transcripts, calls.len());
}

/// Makes an endpoint that wants these events, and gives its id.
async fn add_endpoint(door: &Door, kind: &str, target: &str, events: &[&str]) -> String {
    let body = json!({"kind": kind, "target": target, "filters": {"events": events}});
    let made = door.api(reqwest::Method::POST, "/api/v1/admin/notify/endpoints", Some(body)).await.unwrap();
    made["id"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned()
}

/// Waits for something that is looked for again and again.
async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds().await {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Waits until no run is active and no delivery waits.
async fn settled(database: &Database) {
    let left = "SELECT (SELECT count(*) FROM runs WHERE state = 'active')
                     + (SELECT count(*) FROM deliveries WHERE status IN ('pending', 'retrying'))";
    until("all runs and deliveries are finished", async || count(database, left).await == 0).await;
}

async fn count(database: &Database, query: &'static str) -> i64 {
    sqlx::query_scalar(query).fetch_one(&database.pool).await.unwrap()
}

/// What an endpoint got of each event, and how often: by the event's type and call, the ids that it came under.
type Arrivals = BTreeMap<(String, String), Vec<String>>;

/// Sorts what arrived, each with its body and its `webhook-id`.
fn arrivals(received: impl IntoIterator<Item = (Value, String)>) -> Arrivals {
    let mut arrivals = Arrivals::new();
    for (body, id) in received {
        let text = |value: &Value| value.as_str().unwrap_or("?").to_owned();
        arrivals.entry((text(&body["type"]), text(&body["data"]["call"]["id"]))).or_default().push(id);
    }
    arrivals
}

fn arrived_at(receiver: &Receiver) -> Arrivals {
    arrivals(receiver.received().into_iter().map(|one| (one.body.clone(), one.header("webhook-id").to_owned())))
}

/// Fails unless each of these calls arrived as this event, and whatever arrived again did so under its own id. Tells how
/// much arrived again.
#[track_caller]
fn assert_each_arrived<'a>(arrivals: &Arrivals, event: &str, calls: impl IntoIterator<Item = &'a String>) -> usize {
    let of_event = || arrivals.iter().filter(|((kind, _), _)| kind == event);
    let arrived: BTreeSet<&String> = of_event().map(|((_, call), _)| call).collect();
    assert_eq!(arrived, calls.into_iter().collect(), "each call arrived as {event}");
    for (what, ids) in of_event() {
        assert!(ids.iter().all(|id| *id == ids[0]), "{what:?} arrived again under another id: {ids:?}");
    }
    of_event().map(|(_, ids)| ids.len() - 1).sum()
}

/// Fails unless each of these calls, and no other, stands in the log of its account once.
#[track_caller]
fn assert_each_documented_once(data_dir: &std::path::Path, calls: usize) {
    let log = std::fs::read_to_string(data_dir.join("documents/Halden Freight/Summary Log.md")).unwrap();
    let entries: Vec<&str> = log.lines().filter(|line| line.starts_with("<!-- aftercall:call ")).collect();
    let distinct: BTreeSet<&&str> = entries.iter().collect();
    assert_eq!((entries.len(), distinct.len()), (calls, calls), "each call stands in the log once");
}
