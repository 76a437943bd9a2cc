//! Calls through the whole chain, and a long sync.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use futures_util::{StreamExt, stream};
use serde_json::json;

use super::PATIENCE;
use crate::support::{
    Database, Gong, Receiver, Server, TOKEN, callback,
    drive::{DriveStandIn, Layout},
    gong_api::GongApiStandIn,
    openai::OpenAiStandIn,
    transcript,
};

const CALLS: usize = 1000;
/// A company's customers: each has a folder.
const CUSTOMERS: usize = 100;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement: see the head of this file"]
async fn a_thousand_calls_go_through_the_whole_chain() {
    let database = Database::create().await;
    let (gong, model) = (GongApiStandIn::start().await, OpenAiStandIn::start().await);
    let drive = DriveStandIn::start(Layout::SharedDrive).await;
    let receivers = [Receiver::start().await, Receiver::start().await, Receiver::start().await];
    for number in 0..CALLS {
        let (id, said) = (number.to_string(), transcript("x")["callTranscripts"][0]["transcript"].clone());
        gong.add_call(call(&id, number), Some(said));
    }
    let sender = Gong::shared();
    let data_dir = tempfile::tempdir().expect("a directory");
    let vars: HashMap<&str, String> = HashMap::from([
        ("DATABASE_URL", database.url()),
        ("ENCRYPTION_KEYS", "k1:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=".to_owned()),
        ("ADMIN_TOKEN", TOKEN.to_owned()),
        ("GONG_WEBHOOK_PUBLIC_KEY", sender.bare_key.clone()),
        ("ALLOW_HTTP_ENDPOINTS", "on".to_owned()),
        ("ALLOWED_PRIVATE_NETWORKS", "127.0.0.0/8".to_owned()),
        ("GONG_API_URL", gong.url().to_owned()),
        ("GONG_ACCESS_KEY", gong.key().to_owned()),
        ("GONG_ACCESS_KEY_SECRET", gong.secret().to_owned()),
        ("OPENAI_BASE_URL", model.base_url()),
        ("OPENAI_API_KEY", model.key().to_owned()),
        ("OPENAI_MODEL", model.model().to_owned()),
        ("GOOGLE_CREDS_JSON", drive.key_json()),
        ("GOOGLE_DRIVE_FOLDER_ID", drive.root_id()),
        ("GOOGLE_API_URL", drive.server.url.clone()),
    ]);
    let server = Server::start(&["serve"], &vars, data_dir.path()).await;
    for receiver in &receivers {
        let endpoint = json!({"kind": "webhook", "target": receiver.url(), "filters": {"events": ["call.summarised"]}});
        let path = "/api/v1/admin/notify/endpoints";
        server.api(reqwest::Method::POST, path, Some(endpoint)).await.expect("an endpoint");
    }
    let begun = Instant::now();
    let post = |number: usize| {
        let (server, sender) = (&server, &sender);
        async move {
            let mut body = callback(&number.to_string());
            body["callData"] = call(&number.to_string(), number);
            let (status, _) = server.post_signed(sender, &body).await.expect("an answer");
            assert_eq!(status, 202);
        }
    };
    stream::iter(0..CALLS).for_each_concurrent(32, post).await;
    let accepted = begun.elapsed();
    while receivers.iter().any(|receiver| receiver.count() < CALLS) {
        assert!(begun.elapsed() < PATIENCE, "{} of {CALLS} arrived", receivers[0].count());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let took = begun.elapsed().as_secs_f64();
    let asked = [gong.server.count("/v2/"), model.server.count("/v1/"), drive.server.count("drive/v3")];
    println!(
        "{CALLS} calls accepted in {accepted:.1?} and delivered to 3 endpoints in {took:.1} s: {:.0} a minute; requests: Gong \
         {}, model {}, Drive {}; memory {} MB",
        f64::from(u32::try_from(CALLS).unwrap_or(0)) / took * 60.0,
        asked[0],
        asked[1],
        asked[2],
        server.resident_kib() / 1024,
    );
    assert_eq!(receivers.map(|receiver| receiver.count()), [CALLS; 3], "nothing is delivered twice");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement: see the head of this file"]
async fn memory_stays_flat_while_ten_thousand_calls_are_synced() {
    let database = Database::create().await;
    let first = "2026-01-01T00:00:00Z".parse().expect("a time");
    let gong = GongApiStandIn::with_generated_since(first, 10_000).await;
    let data_dir = tempfile::tempdir().expect("a directory");
    let vars: HashMap<&str, String> = HashMap::from([
        ("DATABASE_URL", database.url()),
        ("ENCRYPTION_KEYS", "k1:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=".to_owned()),
        ("GONG_API_URL", gong.url().to_owned()),
        ("GONG_ACCESS_KEY", gong.key().to_owned()),
        ("GONG_ACCESS_KEY_SECRET", gong.secret().to_owned()),
    ]);
    let command = ["sync", "gong", "--mode", "backfill", "--from", "2026-01-01", "--to", "2026-01-15"];
    let mut sync = Server::spawn(&command, &vars, data_dir.path());
    let (begun, mut samples) = (Instant::now(), Vec::new());
    while sync.is_running() {
        assert!(begun.elapsed() < 2 * PATIENCE, "the sync does not end");
        samples.push(sync.resident_kib() / 1024);
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    let stored: i64 =
        sqlx::query_scalar("SELECT count(*) FROM calls").fetch_one(&database.pool).await.expect("a count");
    let at = |share: usize| samples[(samples.len() - 2) * share / 4];
    println!(
        "{stored} calls synced in {:.0} s with {} requests; memory in MB after a quarter {}, half {}, three quarters {}, at the \
         end {}, at most {}",
        begun.elapsed().as_secs_f64(),
        gong.server.count("/v2/"),
        at(1),
        at(2),
        at(3),
        at(4),
        samples.iter().max().copied().unwrap_or_default(),
    );
    assert_eq!(stored, 10_000);
}

fn call(id: &str, number: usize) -> serde_json::Value {
    let mut call = callback(id)["callData"].clone();
    let customer = format!("Customer {}", number % CUSTOMERS);
    call["context"][0]["objects"][0]["fields"][0]["value"] = customer.into();
    call
}
