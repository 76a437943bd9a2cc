//! From a callback to the arrival of its first event at an endpoint.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::task::JoinSet;

use crate::{
    load::{Client, Prepared, signed},
    machine::{Machine, Service},
    reference::pgbench,
    report::{Section, number},
    sink::Sink,
};

/// Callbacks in flight, and how many are timed.
const SHAPES: [(usize, usize); 2] = [(1, 1500), (32, 12_000)];

/// Times of one shape.
pub struct Times {
    /// From the answer to the arrival.
    pub from_answer: Vec<Duration>,
    /// From the first byte sent to the arrival.
    pub from_post: Vec<Duration>,
}

pub async fn measure(machine: &Machine) -> anyhow::Result<Section> {
    let mut rows = Vec::new();
    for (in_flight, count) in SHAPES {
        let (database, sink) = (machine.database().await?, Sink::start()?);
        let service = machine.service(&["serve"], &database, &[]).await?;
        service.add_webhook(&sink.url("hook"), &["call.received"]).await?;
        let Times { from_answer, from_post } = times(machine, &service, &sink, in_flight, count).await?;
        let commit = 1000.0 / pgbench(&database, in_flight, Duration::from_secs(3)).await? * as_float(in_flight);
        for (what, times) in [("from the answer", from_answer), ("from the post", from_post)] {
            let figures = [0.5, 0.95, 0.99, 1.0].map(|share| format!("{} ms", number(quantile(&times, share))));
            let mut row = vec![format!("{in_flight} in flight, {what}")];
            row.extend(figures);
            row.push(format!("{} ms", number(commit)));
            rows.push(row);
        }
    }
    Ok(Section {
        title: "From a callback to an endpoint",
        about: "So many callbacks are in flight at all times: each is posted when one before it has arrived at the endpoint as \
                `call.received`. A warm process. Reference: the mean time `pgbench` takes to commit the document with as many \
                clients.",
        head: &["", "p50", "p95", "p99", "longest", "a commit by pgbench"],
        rows,
    })
}

/// Times so many callbacks of calls that were not told of before. A third as many go ahead and are not timed: connections
/// are made by those, and plans.
pub async fn times(
    machine: &Machine,
    service: &Service,
    sink: &Sink,
    in_flight: usize,
    count: usize,
) -> anyhow::Result<Times> {
    let calls: Arc<Vec<String>> =
        Arc::new((0..count + count / 3).map(|index| (7_200_000_000_000_000_000 + index).to_string()).collect());
    let requests: Arc<Vec<Prepared>> = Arc::new(signed(&machine.gong, &calls));
    let next = Arc::new(AtomicUsize::new(0));
    let mut sending = JoinSet::new();
    for _ in 0..in_flight {
        let mut client = Client::connect(&service.address()).await?;
        let (calls, requests, next, sink) =
            (Arc::clone(&calls), Arc::clone(&requests), Arc::clone(&next), sink.clone());
        sending.spawn(async move {
            let mut times = Times { from_answer: Vec::new(), from_post: Vec::new() };
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(request) = requests.get(index) else { return anyhow::Ok(times) };
                let arrival = sink.arrival(&calls[index]);
                let posted = Instant::now();
                client.send(request).await?;
                let answered = Instant::now();
                let arrived = arrival.await?;
                if index >= count / 3 {
                    times.from_answer.push(arrived.saturating_duration_since(answered));
                    times.from_post.push(arrived - posted);
                }
            }
        });
    }
    let mut all = Times { from_answer: Vec::new(), from_post: Vec::new() };
    while let Some(times) = sending.join_next().await {
        let times = times??;
        all.from_answer.extend(times.from_answer);
        all.from_post.extend(times.from_post);
    }
    all.from_answer.sort_unstable();
    all.from_post.sort_unstable();
    Ok(all)
}

/// In milliseconds.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a place in a list"
)]
pub fn quantile(sorted: &[Duration], share: f64) -> f64 {
    let place = ((sorted.len() - 1) as f64 * share).round() as usize;
    sorted[place].as_secs_f64() * 1000.0
}

#[expect(clippy::cast_precision_loss, reason = "small")]
fn as_float(count: usize) -> f64 {
    count as f64
}
