//! Whether any of it gets slower as history grows.

use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::{
    accept,
    deliver::{deliver_now, with_endpoints},
    latency::{Times, quantile, times},
    machine::{Machine, Service},
    reference::pgbench,
    report::{Section, number},
    sink::Sink,
    support::Database,
};

const SIZES: [u32; 3] = [100, 10_000, 1_000_000];
const CALLBACKS: u64 = 6_000;
const EVENTS: usize = 3_000;
const TIMED: usize = 1_000;

pub async fn measure(machine: &Machine) -> anyhow::Result<Section> {
    let mut rows = Vec::new();
    for size in SIZES {
        let (database, sink) = (machine.database().await?, Sink::start()?);
        let service = machine.service(&["serve"], &database, &[]).await?;
        with_endpoints(&service, &sink, &["custom.*"]).await?;
        seed(&database, size).await?;
        deliver_now(&service, &sink, EVENTS / 3).await?; // warms it up
        let delivered = deliver_now(&service, &sink, EVENTS).await?;
        service.add_webhook(&sink.url("latency"), &["call.received"]).await?;
        let Times { from_answer, .. } = times(machine, &service, &sink, 1, TIMED).await?;
        drop(service);
        let front = machine.service(&["serve", "--no-workers"], &database, &[]).await?;
        let accepted = accept::once(machine, &front.address(), 7_400_000_000_000_000_000, CALLBACKS).await?;
        let page = page(&front).await?;
        let commits = pgbench(&database, 32, Duration::from_secs(3)).await?;
        rows.push(vec![
            number(f64::from(size)),
            number(accepted),
            number(accepted / commits),
            number(delivered),
            format!("{} ms", number(quantile(&from_answer, 0.99))),
            format!("{} ms", number(page)),
            number(commits),
        ]);
    }
    Ok(Section {
        title: "Growth",
        about: "The same with a history of so many deliveries, with their attempts, events, callbacks, calls and runs.",
        head: &[
            "deliveries in history",
            "callbacks a second",
            "to pgbench",
            "deliveries a second",
            "p99 from answer to endpoint, one in flight",
            "log of deliveries, one page",
            "reference: pgbench",
        ],
        rows,
    })
}

/// How long the newest page of the log takes, in milliseconds.
async fn page(service: &Service) -> anyhow::Result<f64> {
    let mut times = Vec::new();
    for _ in 0..21 {
        let begun = std::time::Instant::now();
        let listed = service.server.api(reqwest::Method::GET, "/api/v1/admin/notify/logs", None).await;
        anyhow::ensure!(listed.is_some_and(|listed| listed["items"].is_array()), "the log was not listed");
        times.push(begun.elapsed().as_secs_f64() * 1000.0);
    }
    Ok(crate::report::median(times))
}

async fn seed(database: &Database, deliveries: u32) -> anyhow::Result<()> {
    let mut connection = PgConnection::connect_with(&database.options).await?;
    sqlx::query(
        "SELECT set_config('seed.deliveries', $1, false),
                set_config('seed.endpoints', (SELECT array_agg(id) FROM endpoints)::text, false)",
    )
    .bind(deliveries.to_string())
    .execute(&mut connection)
    .await?;
    for statement in include_str!("growth.sql").split_inclusive(";\n") {
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await?;
    }
    Ok(connection.close().await?)
}
