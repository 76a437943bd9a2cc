//! How soon the service is ready, and how much memory it holds.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    deliver::with_endpoints,
    load::{closed_loop, signed},
    machine::{Machine, memory, start, vars},
    reference::NullServer,
    report::{Section, median, number},
    sink::Sink,
};

const STARTS: usize = 10;
/// How long the service does nothing before its memory is read.
const IDLE: Duration = Duration::from_secs(10);
const CALLBACKS: usize = 20_000;

pub async fn measure(machine: &Machine) -> anyhow::Result<Section> {
    let (database, sink) = (machine.database().await?, Sink::start()?);
    let mut starts = Vec::new();
    let mut nulls = Vec::new();
    for _ in 0..STARTS {
        let (dir, vars) = (tempfile::tempdir()?, vars(&database, &[]));
        let begun = Instant::now();
        let mut server = start(&["serve"], &vars, dir.path()).await?;
        starts.push(begun.elapsed().as_secs_f64() * 1000.0);
        server.terminate();
        let begun = Instant::now();
        drop(NullServer::start()?);
        nulls.push(begun.elapsed().as_secs_f64() * 1000.0);
    }
    let service = machine.service(&["serve"], &database, &[]).await?;
    with_endpoints(&service, &sink, &["call.received"]).await?;
    tokio::time::sleep(IDLE).await;
    let idle = memory(&service.server);
    let calls: Vec<String> = (0..CALLBACKS).map(|index| (7_300_000_000_000_000_000 + index).to_string()).collect();
    let requests = Arc::new(signed(&machine.gong, &calls));
    closed_loop(&service.address(), 256, &requests).await?;
    sink.reached(CALLBACKS * 3).await?;
    let after = memory(&service.server);
    let row = |what: &str, figure: String, reference: String| vec![what.to_owned(), figure, reference];
    let mib = |kib: u64| format!("{} MiB", kib / 1024);
    Ok(Section {
        title: "Start and memory",
        about: "Started against a migrated database until `/readyz` answers 200 (the reference: an empty axum server until it \
                listens). Memory is resident; the load is 20,000 callbacks by 256 clients, each delivered to three endpoints.",
        head: &["", "", "reference"],
        rows: vec![
            row("ready after", format!("{} ms", number(median(starts))), format!("{} ms", number(median(nulls)))),
            row("memory, idle", mib(idle.now), String::new()),
            row("memory, most under load", mib(after.most), String::new()),
            row("memory, after the load", mib(after.now), String::new()),
        ],
    })
}
