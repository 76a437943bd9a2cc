//! What pages cost with 100,000 calls and a million deliveries, spread over a month or all of the last day.

use std::time::{Duration, Instant};

use aftercall::db::{
    Page,
    call_search::{self, CallFilter},
};
use axum::body::Body;
use chrono::TimeDelta;
use http::Request;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::support::{TOKEN, TestApp};

/// What is asked for. `{day}` is a day ago, `{hour}` an hour.
const PATHS: &[&str] = &[
    "/api/v1/admin/stats",
    "/api/v1/admin/stats?hours=720",
    "/api/v1/admin/notify/logs",
    "/api/v1/admin/notify/logs?limit=200",
    "/api/v1/admin/notify/logs?status=sent",
    "/api/v1/admin/notify/logs?status=failed",
    "/api/v1/admin/notify/logs?status=filtered",
    "/api/v1/admin/notify/logs?status=retrying",
    "/api/v1/admin/notify/logs?status=pending",
    "/api/v1/admin/notify/logs?event=call.summarised",
    "/api/v1/admin/notify/logs?event=call.*",
    "/api/v1/admin/notify/logs?event=test.ping",
    "/api/v1/admin/notify/logs?event=test.*",
    "/api/v1/admin/notify/logs?event=custom.none",
    "/api/v1/admin/notify/logs?endpoint_id=ep_01920000000070008000000000000001",
    "/api/v1/admin/notify/logs?endpoint_id=ep_01920000000070008000000000000003",
    "/api/v1/admin/notify/logs?endpoint_id=ep_01920000000070008000000000000005",
    "/api/v1/admin/notify/logs?endpoint_id=ep_01920000000070008000000000000003&status=retrying",
    "/api/v1/admin/notify/logs?endpoint_id=ep_01920000000070008000000000000002&status=failed&event=call.summarised",
    "/api/v1/admin/notify/logs?endpoint_id=ep_01920000000070008000000000000002&status=sent&event=call.received",
    "/api/v1/admin/notify/logs?status=failed&event=call.received&since={hour}",
    "/api/v1/admin/notify/logs?since={hour}",
    "/api/v1/admin/notify/logs?until={day}",
    "/api/v1/admin/notify/logs?status=failed&until={day}",
    "/api/v1/admin/calls",
    "/api/v1/admin/calls?limit=200",
    "/api/v1/admin/calls/c8000000000000050000",
    "/api/v1/admin/runs",
    "/api/v1/admin/runs?state=failed",
    "/api/v1/admin/runs?state=active",
    "/api/v1/admin/runs?state=done",
    "/api/v1/admin/audit",
    "/api/v1/admin/audit?action=endpoint.create",
    "/api/v1/admin/audit?action=delivery.retry",
    "/api/v1/admin/audit?object=dlv_5",
    "/api/v1/admin/accounts",
    "/api/v1/admin/notify/endpoints",
];
/// What calls are searched for: text, account, state, days back from which on and until when.
const SEARCHES: &[(Option<&str>, Option<&str>, Option<&str>, Option<i64>, Option<i64>)] = &[
    (None, None, None, None, None),
    (Some("renewal"), None, None, None, None),
    (Some("the customer asked"), None, None, None, None),
    (Some("w"), None, None, None, None),
    (Some("w17 w19"), None, None, None, None),
    (Some("early"), None, None, None, None),
    (Some("pilot"), None, None, None, None),
    (Some("nothing"), None, None, None, None),
    (Some("renewal"), None, Some("failed"), None, None),
    (Some("renewal"), Some("Account 7"), None, None, None),
    (Some("early"), None, Some("done"), None, None),
    (Some("early"), None, Some("skipped"), None, None),
    (Some("renewal"), None, None, None, Some(28)),
    (None, Some("ac-1999"), None, None, None),
    (None, Some("nobody"), None, None, None),
    (None, None, Some("done"), None, None),
    (None, None, Some("failed"), None, None),
    (None, None, Some("imported"), None, None),
    (None, None, None, None, Some(20)),
    (None, None, None, Some(29), Some(28)),
    (None, None, None, None, Some(99)),
    (None, None, Some("skipped"), None, Some(25)),
];
const WARM_UPS: usize = 3;
const TIMES: usize = 20;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement: see the head of this file"]
async fn pages_over_a_month_of_history() {
    measure(30).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement: see the head of this file"]
async fn pages_over_a_day_of_history() {
    measure(1).await;
}

async fn measure(days: u32) {
    let app = TestApp::start().await;
    seed(&app, days).await;
    let headers = [("authorization", format!("Bearer {TOKEN}"))];
    let mut slowest = (Duration::ZERO, "");
    println!("{days} days of history\n{:>9} {:>9}", "p50", "max");
    for path in PATHS {
        let mut times = Vec::new();
        for _ in 0..WARM_UPS + TIMES {
            times.push(time_of(&app, path, &headers).await);
        }
        let mut times = times.split_off(WARM_UPS);
        times.sort_unstable();
        let (median, most) = (times[TIMES / 2], times[TIMES - 1]);
        println!("{:>6.1} ms {:>6.1} ms  {path}", millis(median), millis(most));
        slowest = slowest.max((median, path));
    }
    for search in SEARCHES {
        let mut times = Vec::new();
        for _ in 0..WARM_UPS + TIMES {
            times.push(time_of_search(&app, *search).await);
        }
        let mut times = times.split_off(WARM_UPS);
        times.sort_unstable();
        let (median, most) = (times[TIMES / 2], times[TIMES - 1]);
        println!("{:>6.1} ms {:>6.1} ms  calls {search:?}", millis(median), millis(most));
    }
    println!("slowest path: {:.1} ms {}", millis(slowest.0), slowest.1);
}

async fn time_of(app: &TestApp, path: &str, headers: &[(&str, String)]) -> Duration {
    let ago = |hours| (app.clock.now() - TimeDelta::hours(hours)).format("%Y-%m-%dT%H:%M:%SZ").to_string();
    let path = path.replace("{day}", &ago(24)).replace("{hour}", &ago(1));
    let mut request = Request::builder().uri(&path);
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    let request = request.body(Body::empty()).expect("a request");
    let begun = Instant::now();
    let answer = app.send(request).await;
    let took = begun.elapsed();
    assert_eq!(answer.status, 200, "{path}: {}", answer.text);
    took
}

async fn time_of_search(
    app: &TestApp,
    (text, account, state, since, until): (Option<&str>, Option<&str>, Option<&str>, Option<i64>, Option<i64>),
) -> Duration {
    let ago = |days| app.clock.now() - TimeDelta::days(days);
    let filter = CallFilter {
        text: text.map(str::to_owned),
        account: account.map(str::to_owned),
        state: state.map(str::to_owned),
        since: since.map(ago),
        until: until.map(ago),
    };
    let mut connection = app.app.pool.acquire().await.expect("a connection");
    let begun = Instant::now();
    let page = Page { limit: 51, before: None };
    call_search::search_calls(&mut connection, "default", &filter, page).await.expect("an answer");
    begun.elapsed()
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// The history, and what the migrations make of it.
async fn seed(app: &TestApp, days: u32) {
    let begun = Instant::now();
    let options = app.app.pool.connect_options();
    let mut connection = PgConnection::connect_with(&options).await.expect("a connection");
    sqlx::query("SELECT set_config('seed.days', $1, false), set_config('seed.now', $2, false)")
        .bind(days.to_string())
        .bind(app.clock.now().to_rfc3339())
        .execute(&mut connection)
        .await
        .expect("settings");
    let tallies = include_str!("../../../migrations/0008_tallies.sql");
    let search = include_str!("../../../migrations/0010_call_search.sql");
    for sql in [
        include_str!("panel.sql"),
        &tallies[tallies.find("INSERT INTO tallies").expect("what has happened before")..],
        &search[search.find("INSERT INTO call_search").expect("what is there already")..],
        "VACUUM ANALYZE",
    ] {
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.expect("history");
    }
    println!("history made in {:.0?}", begun.elapsed());
}
