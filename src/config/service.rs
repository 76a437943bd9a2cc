//! Addresses, directories, logs and the database.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use ipnet::IpNet;
use secrecy::SecretString;
use url::Url;

use super::env::{Env, networks};

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people at a terminal.
    Pretty,
    /// For machines.
    Json,
}

/// Where this process listens, keeps files and writes logs.
#[derive(Debug, Clone)]
pub struct ServiceConfig {
    /// `BIND_ADDR` and `PORT`: where the server listens.
    pub bind: SocketAddr,
    /// `METRICS_PORT`: a port of its own for `/metrics` and health, on the same address.
    pub metrics_port: Option<u16>,
    /// `PUBLIC_URL`: how the world reaches us. Unset, the loopback names of `bind`.
    pub public_url: Option<Url>,
    /// `DATA_DIR`: everything this service keeps on disk.
    pub data_dir: PathBuf,
    /// `LOG_FORMAT`; unset, pretty at a terminal and JSON elsewhere.
    pub log_format: Option<LogFormat>,
    /// `LOG_LEVEL`: a level, or directives such as `info,sqlx=warn`.
    pub log_level: String,
    /// `LOG_DIR`: also write daily JSON files there.
    pub log_dir: Option<PathBuf>,
    /// `WORKER_CONCURRENCY`: how many jobs, and how many deliveries, are under way at once in this process.
    pub worker_concurrency: usize,
    /// `SHUTDOWN_TIMEOUT`: how long work may finish after a signal.
    pub shutdown_timeout: Duration,
    /// `TRUSTED_PROXIES`: networks of proxies whose `X-Forwarded-For` tells where a request comes from.
    pub trusted_proxies: Vec<IpNet>,
}

impl ServiceConfig {
    pub(super) fn read(env: &mut Env) -> Self {
        // Platforms that hand out a port expect us on every address; a newcomer's machine does not.
        let default_address = if env.is_set("PORT") { Ipv4Addr::UNSPECIFIED } else { Ipv4Addr::LOCALHOST };
        let address = env.read("BIND_ADDR", |text| {
            text.parse::<IpAddr>().map_err(|_| "an IP address such as 127.0.0.1 or 0.0.0.0".to_owned())
        });
        let port = |text: &str| text.parse::<u16>().map_err(|_| "a port number from 0 to 65535".to_owned());
        let bind_port = env.read("PORT", port).unwrap_or(8080);

        Self {
            bind: SocketAddr::new(address.unwrap_or(default_address.into()), bind_port),
            metrics_port: env.read("METRICS_PORT", port),
            public_url: env.read("PUBLIC_URL", public_url),
            data_dir: env.text("DATA_DIR").map_or_else(|| PathBuf::from("data"), PathBuf::from),
            log_format: env.read("LOG_FORMAT", log_format),
            log_level: env.read("LOG_LEVEL", log_level).unwrap_or_else(|| "info".to_owned()),
            log_dir: env.text("LOG_DIR").map(PathBuf::from),
            worker_concurrency: usize::try_from(env.number("WORKER_CONCURRENCY", 1..=1000, 64)).unwrap_or(64),
            shutdown_timeout: env.duration("SHUTDOWN_TIMEOUT", Duration::from_secs(8)),
            trusted_proxies: env.read("TRUSTED_PROXIES", networks).unwrap_or_default(),
        }
    }
}

fn public_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let bare = |url: &Url| {
        url.query().is_none() && url.fragment().is_none() && url.username().is_empty() && url.password().is_none()
    };
    url.filter(bare)
        .ok_or_else(|| "an absolute URL such as https://aftercall.example.com, without query or user".to_owned())
}

/// A word alone is a level: taken as a directive, a mistyped one would silence everything.
fn log_level(text: &str) -> Result<String, String> {
    let level = |text: &str| text.parse::<tracing_subscriber::filter::LevelFilter>().is_ok();
    let directive = |part: &str| match part.rsplit_once('=') {
        Some((target, wanted)) => !target.is_empty() && level(wanted),
        None => level(part),
    };
    let good = text.split(',').all(|part| directive(part.trim()));
    good.then(|| text.to_owned())
        .ok_or_else(|| "error, warn, info, debug or trace, or directives such as info,sqlx=warn".to_owned())
}

fn log_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "json" => Ok(LogFormat::Json),
        "pretty" => Ok(LogFormat::Pretty),
        _ => Err("json or pretty".to_owned()),
    }
}

/// Where state is kept.
#[derive(Debug, Clone)]
pub struct DatabaseConfig {
    /// `DATABASE_URL`; unset, a private PostgreSQL under `DATA_DIR`.
    pub url: Option<SecretString>,
    /// `DATABASE_MAX_CONNECTIONS` of this process.
    pub max_connections: u32,
}

impl DatabaseConfig {
    pub(super) fn read(env: &mut Env) -> Self {
        let postgres_url = |text: &str| {
            let known = ["postgres://", "postgresql://"].iter().any(|scheme| text.starts_with(scheme));
            // The driver's own parser would repeat the URL, password included, in its error.
            if known && text.parse::<sqlx::postgres::PgConnectOptions>().is_ok() {
                Ok(SecretString::from(text))
            } else {
                Err("a URL of the form postgres://user:password@host:5432/database".to_owned())
            }
        };
        Self {
            url: env.read("DATABASE_URL", postgres_url),
            max_connections: env.number("DATABASE_MAX_CONNECTIONS", 4..=500, 20),
        }
    }
}
