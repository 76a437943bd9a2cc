//! What the machine does without us: `pgbench` committing the same document, a handler that does nothing, a client that only
//! sends.

use std::{
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use axum::{Router, http::StatusCode, routing::post};
use bytes::Bytes;
use sqlx::{ConnectOptions, postgres::PgConnectOptions};
use tokio::{net::TcpListener, task::JoinSet};

use crate::{
    load::{self, Took},
    support::Database,
};

/// The argument under which this program is the null server.
pub const NULL_SERVER: &str = "null-server";

/// Commits of the callback's body, one by one, by so many clients, a second.
pub async fn pgbench(database: &Database, clients: usize, time: Duration) -> anyhow::Result<f64> {
    let table = "CREATE TABLE IF NOT EXISTS reference (
                     id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at timestamptz NOT NULL DEFAULT now(), document jsonb)";
    sqlx::query(table).execute(&database.pool).await?;
    let dir = tempfile::tempdir()?;
    let script = dir.path().join("insert.sql");
    std::fs::write(&script, "INSERT INTO reference (document) VALUES (:document);\n")?;
    let output = tokio::process::Command::new(program("pgbench"))
        .args(["--no-vacuum", "--protocol", "prepared", "--jobs", "2"])
        .args(["--client", &clients.to_string(), "--time", &time.as_secs().to_string()])
        .args(["--define", &format!("document={}", load::body("7000000000000000000"))])
        .arg("--file")
        .arg(&script)
        .arg(connection(&database.options))
        .output()
        .await
        .context("pgbench comes with PostgreSQL")?;
    let said = String::from_utf8_lossy(&output.stdout);
    let rate = said.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
    rate.with_context(|| format!("pgbench: {said}{}", String::from_utf8_lossy(&output.stderr)))
}

/// The same as a connection string of libpq, which does not know sqlx's parameters.
fn connection(options: &PgConnectOptions) -> String {
    let mut url = options.to_url_lossy();
    let known: Vec<(String, String)> =
        url.query_pairs().into_owned().filter(|(name, _)| name != "statement-cache-capacity").collect();
    url.query_pairs_mut().clear().extend_pairs(known);
    url.into()
}

/// A program of PostgreSQL: Debian keeps them apart.
fn program(name: &str) -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let found = versions.map(|version| version.path().join("bin").join(name)).filter(|path| path.exists()).max();
    found.unwrap_or_else(|| name.into())
}

/// A process that answers 202 to everything.
pub struct NullServer {
    child: Child,
    pub address: String,
}

impl NullServer {
    pub fn start() -> anyhow::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?).arg(NULL_SERVER).stdout(Stdio::piped()).spawn()?;
        let mut address = String::new();
        BufReader::new(child.stdout.take().context("its output")?).read_line(&mut address)?;
        ensure!(!address.is_empty(), "the null server did not start");
        Ok(Self { child, address: address.trim().to_owned() })
    }
}

impl Drop for NullServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The null server's process: tells its address, answers until it is killed.
pub async fn serve_nothing() -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    let take = post(|body: Bytes| async move { (StatusCode::ACCEPTED, format!("{}", body.len())) });
    Ok(axum::serve(listener, Router::new().fallback_service(take)).await?)
}

/// Posts a body to these URLs in turn, by so many clients of the library that the service uses too.
pub async fn bare_client(urls: &[String], clients: usize, count: usize, body: &Bytes) -> anyhow::Result<Took> {
    let client = reqwest::Client::builder().no_proxy().http1_only().build()?;
    let next = Arc::new(AtomicUsize::new(0));
    let begun = Instant::now();
    let mut sending = JoinSet::new();
    for index in 0..clients {
        let (client, next, url, body) =
            (client.clone(), Arc::clone(&next), urls[index % urls.len()].clone(), body.clone());
        sending.spawn(async move {
            while next.fetch_add(1, Ordering::Relaxed) < count {
                let request = client.post(&url).header("content-type", "application/json").body(body.clone());
                request.send().await?.error_for_status()?.bytes().await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(sent) = sending.join_next().await {
        sent??;
    }
    Ok(Took { elapsed: begun.elapsed(), answers: count })
}
