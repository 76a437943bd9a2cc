//! The machine under the service: a private PostgreSQL that waits for its disk, a database for each measurement, and the
//! real binary on it.

use std::{collections::HashMap, fs::File, path::Path};

use aftercall::db::{
    self,
    embedded::{EmbeddedPostgres, Settings},
};
use anyhow::Context;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, PgConnection, postgres::PgConnectOptions};
use tempfile::TempDir;
use uuid::Uuid;

use crate::support::{Database, Gong, Server, serve_vars};

/// What callbacks are signed for, wherever they are sent.
pub const PUBLIC_URL: &str = "https://aftercall.example";

/// The database server, and the sender whose key all services know.
pub struct Machine {
    options: PgConnectOptions,
    postgres: Option<(EmbeddedPostgres, TempDir)>,
    pub gong: Gong,
}

/// A service with what it keeps on disk.
pub struct Service {
    pub server: Server,
    _dir: TempDir,
}

impl Machine {
    /// The server of `DATABASE_URL`, or a private one that keeps what it commits.
    pub async fn start() -> anyhow::Result<Self> {
        let gong = Gong::shared();
        if let Some(url) = std::env::var_os("DATABASE_URL") {
            let options = url.to_str().context("DATABASE_URL is no text")?.parse()?;
            return Ok(Self { options, postgres: None, gong });
        }
        let dir = TempDir::new()?;
        let settings = Settings { data_dir: dir.path().to_owned(), binaries: None, fast_and_unsafe: false };
        let postgres = EmbeddedPostgres::start(&settings).await?;
        Ok(Self { options: postgres.connect_options(), postgres: Some((postgres, dir)), gong })
    }

    pub async fn stop(self) -> anyhow::Result<()> {
        if let Some((postgres, dir)) = self.postgres {
            postgres.stop().await?;
            dir.close()?;
        }
        Ok(())
    }

    /// What figures depend on.
    pub fn describe(&self) -> String {
        let read = |file: &str| std::fs::read_to_string(file).unwrap_or_default();
        let processor = read("/proc/cpuinfo");
        let model = processor.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let kib = read("/proc/meminfo").split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok());
        let memory = kib.unwrap_or_default().div_ceil(1 << 20);
        format!("{cores} cores ({}) with {memory} GiB", model.map_or("unknown", |(_, name)| name.trim()))
    }

    /// A migrated database of its own.
    pub async fn database(&self) -> anyhow::Result<Database> {
        let server = self.options.clone();
        let name = format!("bench_{}", Uuid::now_v7().simple());
        let mut connection = PgConnection::connect_with(&server).await?;
        sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut connection).await?;
        connection.close().await?;
        let options = server.database(&name);
        let pool = db::connect(options.clone(), 8).await?;
        db::MIGRATOR.run(&pool).await?;
        Ok(Database { pool, options })
    }

    /// Starts the binary as an operator would: it logs what it always logs.
    pub async fn service(
        &self,
        command: &[&str],
        database: &Database,
        more: &[(&'static str, String)],
    ) -> anyhow::Result<Service> {
        let dir = TempDir::new()?;
        let vars = vars(database, more);
        let server = start(command, &vars, dir.path()).await?;
        Ok(Service { server, _dir: dir })
    }
}

/// What a process is told that is measured.
pub fn vars(database: &Database, more: &[(&'static str, String)]) -> HashMap<&'static str, String> {
    let mut vars = serve_vars(database);
    vars.extend([("PUBLIC_URL", PUBLIC_URL.to_owned()), ("LOG_LEVEL", "info".to_owned())]);
    vars.extend(more.iter().cloned());
    vars
}

/// Resident memory, in KiB.
#[derive(Debug, Clone, Copy)]
pub struct Memory {
    pub now: u64,
    pub most: u64,
}

/// How much memory a process holds.
pub fn memory(server: &Server) -> Memory {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid().as_raw_nonzero())).unwrap_or_default();
    let kib = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        line.trim().trim_end_matches(" kB").trim().parse().unwrap_or_default()
    };
    Memory { now: kib("VmRSS:"), most: kib("VmHWM:") }
}

/// Starts a command whose log goes to a file, and waits until it is ready.
pub async fn start(command: &[&str], vars: &HashMap<&str, String>, dir: &Path) -> anyhow::Result<Server> {
    let log = File::create(dir.join("log"))?;
    Ok(Server::start_writing(command, vars, dir, &log).await)
}

impl Service {
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.server.port)
    }

    /// Adds a webhook endpoint that takes these events.
    pub async fn add_webhook(&self, target: &str, events: &[&str]) -> anyhow::Result<Value> {
        let endpoint = json!({"kind": "webhook", "target": target, "filters": {"events": events}});
        let path = "/api/v1/admin/notify/endpoints";
        let made = self.server.api(reqwest::Method::POST, path, Some(endpoint)).await.context("no answer")?;
        anyhow::ensure!(made["id"].is_string(), "{made}");
        Ok(made)
    }
}
