//! A long sync: whether memory stays flat.

use std::time::{Duration, Instant};

use anyhow::ensure;

use crate::{
    machine::{Machine, memory, vars},
    report::{Section, number},
    support::{Server, gong_api::GongApiStandIn},
};

const CALLS: usize = 10_000;
const PATIENCE: Duration = Duration::from_mins(10);

pub async fn measure(machine: &Machine) -> anyhow::Result<Section> {
    let database = machine.database().await?;
    let gong = GongApiStandIn::with_generated_since(Some("2026-01-01T00:00:00Z".parse()?), CALLS).await;
    let dir = tempfile::tempdir()?;
    let vars = vars(
        &database,
        &[
            ("GONG_API_URL", gong.url().to_owned()),
            ("GONG_ACCESS_KEY", gong.key().to_owned()),
            ("GONG_ACCESS_KEY_SECRET", gong.secret().to_owned()),
            ("LOG_LEVEL", "warn".to_owned()),
        ],
    );
    let command = ["sync", "gong", "--mode", "backfill", "--from", "2026-01-01", "--to", "2026-01-15"];
    let mut sync = Server::spawn(&command, &vars, dir.path());
    let (begun, mut samples) = (Instant::now(), Vec::new());
    while sync.is_running() {
        ensure!(begun.elapsed() < PATIENCE, "the sync does not end");
        samples.push(memory(&sync).now / 1024);
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    let took = begun.elapsed().as_secs_f64();
    let stored: i64 = sqlx::query_scalar("SELECT count(*) FROM calls").fetch_one(&database.pool).await?;
    ensure!(usize::try_from(stored)? == CALLS, "{stored} calls were stored");
    let at = |share: usize| format!("{} MiB", samples[(samples.len() - 2) * share / 4]);
    Ok(Section {
        title: "A sync of 10,000 calls",
        about: "`sync gong` from a local stand-in, at the three requests a second that Gong allows.",
        head: &["", "seconds", "requests", "memory after ¼", "½", "¾", "at the end"],
        rows: vec![vec![
            "10,000 calls with transcripts".to_owned(),
            number(took),
            gong.server.count("/v2/").to_string(),
            at(1),
            at(2),
            at(3),
            at(4),
        ]],
    })
}
