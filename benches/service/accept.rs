//! Signed callbacks taken in.

use std::{sync::Arc, time::Duration};

use crate::{
    load::{self, closed_loop, signed},
    machine::Machine,
    reference::{NullServer, pgbench},
    report::{Section, median, number},
};

/// Clients at once, of ours and of `pgbench`.
const CLIENTS: usize = 32;
/// Taken in before the clock starts: connections are made, plans are known, as they are on any day but the first.
const WARM_UP: usize = 4_000;
const CALLBACKS: usize = 24_000;
const ROUNDS: usize = 3;

pub async fn measure(machine: &Machine) -> anyhow::Result<Section> {
    let calls: Vec<String> =
        (0..WARM_UP + CALLBACKS).map(|index| (7_100_000_000_000_000_000 + index).to_string()).collect();
    let mut requests = signed(&machine.gong, &calls);
    let (requests, warm_up) = (Arc::new(requests.split_off(WARM_UP)), Arc::new(requests));
    let (mut edge, mut whole, mut commits, mut nothing) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        for (command, rates) in [(["serve", "--no-workers"].as_slice(), &mut edge), (&["serve"], &mut whole)] {
            let database = machine.database().await?;
            let service = machine.service(command, &database, &[]).await?;
            closed_loop(&service.address(), CLIENTS, &warm_up).await?;
            rates.push(closed_loop(&service.address(), CLIENTS, &requests).await?.per_second());
        }
        commits.push(pgbench(&machine.database().await?, CLIENTS, Duration::from_secs(4)).await?);
        let null = NullServer::start()?;
        nothing.push(closed_loop(&null.address, CLIENTS, &requests).await?.per_second());
    }
    let (edge, whole, commits, nothing) = (median(edge), median(whole), median(commits), median(nothing));
    let row =
        |what: &str, rate: f64| vec![what.to_owned(), number(rate), number(rate / commits), number(rate / nothing)];
    Ok(Section {
        title: "Callbacks accepted",
        about: "RS256 over 4 KiB, 32 clients that wait for each answer, which follows the commit of event, call, run and first \
                job. Warm processes; requests are signed before the clock starts.",
        head: &["", "a second", "to pgbench", "to the null handler"],
        rows: vec![
            row("`serve --no-workers`", edge),
            row("`serve`, with workers looking for transcripts that are not there", whole),
            row("reference: `pgbench` committing the same document one by one, 32 clients", commits),
            row("reference: an axum handler that answers 202, same load generator", nothing),
        ],
    })
}

/// How many callbacks a second are taken in just now, by a lone round.
pub async fn once(machine: &Machine, address: &str, first: u64, count: u64) -> anyhow::Result<f64> {
    let calls: Vec<String> = (first..first + count).map(|call| call.to_string()).collect();
    let requests = Arc::new(load::signed(&machine.gong, &calls));
    Ok(closed_loop(address, CLIENTS, &requests).await?.per_second())
}
