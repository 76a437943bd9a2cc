//! `healthcheck`: asks the server of this machine whether it is ready, for container health checks.

use std::{net::IpAddr, net::Ipv4Addr, process::ExitCode, time::Duration};

use anyhow::{Context, ensure};

use crate::config::Config;

/// Asks `/readyz` on the configured address; a worker answers on `METRICS_PORT`.
pub async fn run(config: &Config) -> anyhow::Result<ExitCode> {
    let bind = config.service.bind;
    let host = if bind.ip().is_unspecified() { IpAddr::from(Ipv4Addr::LOCALHOST) } else { bind.ip() };
    let client = reqwest::Client::builder().timeout(Duration::from_secs(3)).no_proxy().build()?;
    let ask = async |port: u16| {
        let address = std::net::SocketAddr::new(host, port);
        let answer =
            client.get(format!("http://{address}/readyz")).send().await.context("the server does not answer")?;
        ensure!(answer.status().is_success(), "the server is not ready: {}", answer.status());
        anyhow::Ok(())
    };
    match (ask(bind.port()).await, config.service.metrics_port) {
        (Err(_), Some(port)) => ask(port).await?,
        (answer, _) => answer?,
    }
    Ok(ExitCode::SUCCESS)
}
