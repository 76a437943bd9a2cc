//! Deliveries to three endpoints.

use std::{sync::Arc, time::Instant};

use bytes::Bytes;

use crate::{
    load::{closed_loop, events, rate},
    machine::{Machine, Service},
    reference::bare_client,
    report::{Section, median, number},
    sink::Sink,
};

const EVENTS: usize = 6_000;
const ENDPOINTS: usize = 3;
/// Producers at once.
const PRODUCERS: usize = 32;
/// Connections of the bare client: as many deliveries as the service has under way to three endpoints.
const CONNECTIONS: usize = 48;
const ROUNDS: usize = 3;

pub async fn measure(machine: &Machine) -> anyhow::Result<Section> {
    let (mut backlog, mut through, mut bare) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        backlog.push(drain(machine).await?);
        through.push(raise_and_deliver(machine).await?);
        bare.push(bare_rate().await?);
    }
    let (backlog, through, bare) = (median(backlog), median(through), median(bare));
    let row = |what: &str, rate: f64| vec![what.to_owned(), number(rate), number(rate / bare)];
    Ok(Section {
        title: "Deliveries to three endpoints",
        about: "Signed webhooks to three endpoints behind one sink that answers at once; each delivery with its attempt is on \
                record. Warm processes: the first third is not timed.",
        head: &["", "a second", "to the bare client"],
        rows: vec![
            row("a backlog, sent by one `worker`", backlog),
            row("events posted to `serve` by 32 producers, from the first post to the last arrival", through),
            row("reference: a client (`reqwest`) that only posts the same bytes, 48 connections", bare),
        ],
    })
}

pub async fn with_endpoints(service: &Service, sink: &Sink, events: &[&str]) -> anyhow::Result<()> {
    for endpoint in 0..ENDPOINTS {
        service.add_webhook(&sink.url(&format!("hook/{endpoint}")), events).await?;
    }
    Ok(())
}

/// What a worker sends of what waits.
async fn drain(machine: &Machine) -> anyhow::Result<f64> {
    let (database, sink) = (machine.database().await?, Sink::start()?);
    let front = machine.service(&["serve", "--no-workers"], &database, &[]).await?;
    with_endpoints(&front, &sink, &["custom.*"]).await?;
    closed_loop(&front.address(), PRODUCERS, &Arc::new(events(EVENTS))).await?;
    drop(front);
    let worker = machine.service(&["worker"], &database, &[]).await?;
    sink.reached(EVENTS).await?; // warmed up
    let (begun, before) = (Instant::now(), sink.count());
    sink.reached(EVENTS * ENDPOINTS).await?;
    let drained = rate(EVENTS * ENDPOINTS - before, begun.elapsed());
    drop(worker);
    Ok(drained)
}

async fn raise_and_deliver(machine: &Machine) -> anyhow::Result<f64> {
    let (database, sink) = (machine.database().await?, Sink::start()?);
    let service = machine.service(&["serve"], &database, &[]).await?;
    with_endpoints(&service, &sink, &["custom.*"]).await?;
    deliver_now(&service, &sink, EVENTS / 3).await?; // warms it up
    deliver_now(&service, &sink, EVENTS).await
}

/// Posts events and tells how many deliveries a second arrived.
pub async fn deliver_now(service: &Service, sink: &Sink, count: usize) -> anyhow::Result<f64> {
    let (begun, before) = (Instant::now(), sink.count());
    closed_loop(&service.address(), PRODUCERS, &Arc::new(events(count))).await?;
    sink.reached(before + count * ENDPOINTS).await?;
    Ok(rate(count * ENDPOINTS, begun.elapsed()))
}

async fn bare_rate() -> anyhow::Result<f64> {
    let sink = Sink::start()?;
    let urls: Vec<String> = (0..ENDPOINTS).map(|endpoint| sink.url(&format!("hook/{endpoint}"))).collect();
    let body = Bytes::from(format!("{{\"data\":\"{}\"}}", "x".repeat(300)));
    Ok(bare_client(&urls, CONNECTIONS, EVENTS * ENDPOINTS, &body).await?.per_second())
}
