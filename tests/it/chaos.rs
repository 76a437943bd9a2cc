//! Real processes, killed at any moment: nothing that was answered 2xx is lost, nothing is done twice but what
//! at-least-once allows, and that under the same id.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::Path,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::support::{Database, Gong, Receiver, Server, TOKEN, callback, transcript};

/// Longer than all leases and retries here together, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

fn vars(database: &Database, gong: &Gong) -> HashMap<&'static str, String> {
    [
        ("DATABASE_URL", database.url()),
        ("ENCRYPTION_KEYS", format!("k1:{}=", "A".repeat(43))),
        ("ADMIN_TOKEN", TOKEN.to_owned()),
        ("GONG_WEBHOOK_PUBLIC_KEY", gong.bare_key.clone()),
        ("ALLOW_HTTP_ENDPOINTS", "on".to_owned()),
        ("ALLOWED_PRIVATE_NETWORKS", "127.0.0.0/8".to_owned()),
        ("LEASE", "1s".to_owned()),
        ("STAGE_RETRY_BASE", "1s".to_owned()),
        ("MAX_RETRIES", "50".to_owned()),
        ("DELIVERY_RETRY_SCHEDULE", ["1s"; 40].join(",")),
    ]
    .into()
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

async fn add_webhook(server: &Server, receiver: &Receiver) {
    let body = json!({"kind": "webhook", "target": receiver.url(), "filters": {"events": ["call.summarised"]}});
    let created = server.api(reqwest::Method::POST, "/api/v1/admin/notify/endpoints", Some(body)).await.unwrap();
    assert!(created["id"].is_string(), "{created}");
}

/// Waits until no run is active and no delivery waits.
async fn settled(database: &Database) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let left: i64 = sqlx::query_scalar(
            "SELECT (SELECT count(*) FROM runs WHERE state = 'active')
                  + (SELECT count(*) FROM deliveries WHERE status IN ('pending', 'retrying'))",
        )
        .fetch_one(&database.pool)
        .await
        .unwrap();
        if left == 0 {
            return;
        }
        assert!(Instant::now() < deadline, "{left} runs and deliveries were not finished in time");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// How often each call's summary arrived, and under which ids.
fn arrivals(receiver: &Receiver) -> BTreeMap<String, Vec<String>> {
    let mut arrivals: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for received in receiver.received() {
        let call = received.body["data"]["call"]["id"].as_str().unwrap_or("?").to_owned();
        arrivals.entry(call).or_default().push(received.header("webhook-id").to_owned());
    }
    arrivals
}

async fn count(database: &Database, query: &'static str) -> i64 {
    sqlx::query_scalar(query).fetch_one(&database.pool).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_again_and_again_mid_pipeline_nothing_that_was_answered_is_lost() {
    let (database, gong, dir) = (Database::create().await, Gong::shared(), tempfile::tempdir().unwrap());
    let vars = vars(&database, &gong);
    let receivers = [Receiver::start().await, Receiver::slow(Duration::from_millis(40)).await];
    let calls: Vec<String> = (0..60).map(|index| format!("{}", 9_000_000 + index)).collect();
    import_transcripts(&database, &calls).await;

    let mut server = Server::start(&["serve"], &vars, dir.path()).await;
    for receiver in &receivers {
        add_webhook(&server, receiver).await;
    }
    let mut answered = BTreeSet::new();
    for (index, round) in calls.chunks(12).enumerate() {
        for id in round {
            // A sender that gets no answer sends again; Gong may or may not, we count only what was answered.
            if let Some((status, _)) = server.post_signed(&gong, &callback(id)).await {
                assert!(status == 202 || status == 200, "{status}");
                answered.insert(id.clone());
            }
        }
        // Each round is killed at another moment of its work.
        tokio::time::sleep(Duration::from_millis(15 * index as u64)).await;
        server.kill();
        server = Server::start(&["serve"], &vars, dir.path()).await;
    }
    settled(&database).await;

    assert_eq!(answered.len(), calls.len(), "every callback was answered");
    assert_eq!(count(&database, "SELECT count(*) FROM runs WHERE state = 'done'").await, 60);
    let mut repeated = 0;
    for receiver in &receivers {
        let arrivals = arrivals(receiver);
        assert_eq!(arrivals.keys().cloned().collect::<BTreeSet<_>>(), answered, "each call arrived");
        for ids in arrivals.values() {
            assert!(ids.iter().all(|id| *id == ids[0]), "a repeat carries the same id: {ids:?}");
            repeated += ids.len() - 1;
        }
    }
    let log = std::fs::read_to_string(dir.path().join("documents/Halden Freight/Summary Log.md")).unwrap();
    assert_eq!(log.matches("<!-- aftercall:call ").count(), 60, "each call stands in the log once");
    let lost = count(&database, "SELECT count(*) FROM stage_attempts WHERE outcome = 'lost'").await;
    println!("5 kills: {lost} stage attempts lost and done again, {repeated} deliveries repeated under their id");
    assert_eq!(server.terminate(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_workers_share_the_work_and_one_of_them_killed_costs_nothing_but_a_lease() {
    let (database, gong) = (Database::create().await, Gong::shared());
    let (vars, dir) = (vars(&database, &gong), tempfile::tempdir().unwrap());
    let receiver = Receiver::slow(Duration::from_millis(20)).await;
    let calls: Vec<String> = (0..40).map(|index| format!("{}", 8_000_000 + index)).collect();
    import_transcripts(&database, &calls).await;
    let start = async |command: &'static [&'static str], name: &str| {
        Server::start(command, &vars, &Path::join(dir.path(), name)).await
    };
    let server = start(&["serve", "--no-workers"], "http").await;
    add_webhook(&server, &receiver).await;
    let mut first = start(&["worker"], "one").await;
    let mut second = start(&["worker"], "two").await;
    for id in &calls {
        assert_eq!(server.post_signed(&gong, &callback(id)).await.unwrap().0, 202);
    }
    first.kill();
    settled(&database).await;

    assert_eq!(count(&database, "SELECT count(*) FROM runs WHERE state = 'done'").await, 40);
    let twice = count(
        &database,
        "SELECT count(*) FROM (SELECT 1 FROM stage_attempts WHERE outcome = 'done' GROUP BY run_id, stage
                               HAVING count(*) > 1) repeated",
    );
    assert_eq!(twice.await, 0, "no stage was done twice");
    let arrivals = arrivals(&receiver);
    assert_eq!(arrivals.len(), 40);
    let lost = count(&database, "SELECT count(*) FROM delivery_attempts WHERE error LIKE 'the worker ended%'").await;
    let repeats: usize = arrivals.values().map(|ids| ids.len() - 1).sum();
    assert!(i64::try_from(repeats).unwrap() <= lost, "{repeats} repeats, {lost} attempts whose worker died");
    println!("one of two workers killed: {lost} deliveries under way, {repeats} of them repeated under their id");
    assert_eq!(second.terminate(), Some(0));
}
