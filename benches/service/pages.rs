//! What pages and lists cost with 100,000 calls and a million deliveries, spread over a month or all of the last day: by the
//! production router, in this process, so that rendering and queries are timed and nothing else.

use std::time::{Duration, Instant};

use aftercall::db::{
    Page,
    call_search::{self, CallFilter},
};
use axum::body::Body;
use chrono::TimeDelta;
use http::Request;
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::{
    machine::Machine,
    report::{Section, number},
    support::{TOKEN, TestApp},
    visitor::Visitor,
};

/// What is asked for. `{day}` is a day ago, `{hour}` an hour, `{endpoint 1}` an endpoint of the seed.
const PATHS: &[&str] = &[
    "/panel",
    "/panel/calls",
    "/panel/calls?text=renewal",
    "/panel/calls?text=nothing",
    "/panel/calls?text=early",
    "/panel/calls?text=renewal&account=Account+7",
    "/panel/calls?state=failed",
    "/panel/calls?state=done",
    "/panel/calls?account=nobody",
    "/panel/calls/c8000000000000050000",
    "/panel/runs",
    "/panel/runs?state=done",
    "/panel/log",
    "/panel/log?status=failed",
    "/panel/log?status=pending",
    "/panel/log?event=call.*",
    "/panel/log?event=test.ping",
    "/panel/log?endpoint_id={endpoint 1}",
    "/panel/log?endpoint_id={endpoint 3}&status=retrying",
    "/panel/log?status=failed&event=call.received&since={hour}",
    "/panel/log?status=failed&until={day}",
    "/panel/log/recover?endpoint_id={endpoint 2}&since={day}",
    "/panel/endpoints",
    "/panel/endpoints/new?kind=webhook",
    "/panel/endpoints/{endpoint 1}",
    "/panel/endpoints/{endpoint 1}/edit",
    "/panel/accounts",
    "/panel/accounts?text=account",
    "/panel/sources",
    "/panel/tokens",
    "/panel/audit",
    "/panel/audit?action=delivery.retry",
    "/panel/audit?object=dlv_5",
    "/panel/configuration",
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
    "/api/v1/admin/notify/logs?endpoint_id={endpoint 1}",
    "/api/v1/admin/notify/logs?endpoint_id={endpoint 3}",
    "/api/v1/admin/notify/logs?endpoint_id={endpoint 5}",
    "/api/v1/admin/notify/logs?endpoint_id={endpoint 3}&status=retrying",
    "/api/v1/admin/notify/logs?endpoint_id={endpoint 2}&status=failed&event=call.summarised",
    "/api/v1/admin/notify/logs?endpoint_id={endpoint 2}&status=sent&event=call.received",
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
/// What calls are searched for: text, account, state, since and until so many days ago.
type Search = (Option<&'static str>, Option<&'static str>, Option<&'static str>, Option<i64>, Option<i64>);
const SEARCHES: &[Search] = &[
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

/// What was asked for, the median and the longest of many times.
struct Timed {
    what: String,
    median: Duration,
    longest: Duration,
}

pub async fn measure(_: &Machine) -> anyhow::Result<Section> {
    let mut rows = Vec::new();
    for (days, spread) in [(30, "over 30 days"), (1, "within a day")] {
        let times = times(days).await;
        for (kind, begins) in [("pages", "/panel"), ("API lists", "/api"), ("searches", "calls")] {
            let of_kind = times.iter().filter(|timed| timed.what.starts_with(begins));
            let Some(slowest) = of_kind.clone().max_by_key(|timed| timed.median) else { continue };
            let mut medians: Vec<Duration> = of_kind.map(|timed| timed.median).collect();
            medians.sort_unstable();
            rows.push(vec![
                format!("{kind}, {spread}"),
                format!("{} ms", number(millis(medians[medians.len() / 2]))),
                format!("{} ms", number(millis(slowest.median))),
                format!("{} ms", number(millis(slowest.longest))),
                format!("`{}`", slowest.what.replace('|', "/")),
            ]);
        }
    }
    Ok(Section {
        title: "Pages and lists over a long history",
        about: "100,000 calls and 1,000,000 deliveries; each of 65 pages and lists and 20 searches is asked for twenty times, \
                answered by the router in process.",
        head: &["", "median", "slowest, median", "slowest, longest", "which"],
        rows,
    })
}

async fn times(days: u32) -> Vec<Timed> {
    let app = TestApp::start().await;
    let endpoints = make_endpoints(&app).await;
    seed(&app, days, &endpoints).await;
    let visitor = Visitor::admin(&app).await;
    let headers = [("authorization", format!("Bearer {TOKEN}")), ("cookie", visitor.cookies())];
    let mut times = Vec::new();
    for path in PATHS {
        times.push(timed((*path).to_owned(), async || time_of(&app, path, &endpoints, &headers).await).await);
    }
    for (text, account, state, since, until) in SEARCHES {
        let ago = |days: Option<i64>| days.map(|days| app.clock.now() - TimeDelta::days(days));
        let filter = CallFilter {
            text: text.map(str::to_owned),
            account: account.map(str::to_owned),
            state: state.map(str::to_owned),
            since: ago(*since),
            until: ago(*until),
        };
        let what = format!("calls {text:?} {account:?} {state:?} {since:?} {until:?}");
        times.push(timed(what, async || time_of_search(&app, &filter).await).await);
    }
    times
}

async fn timed(what: String, once: impl AsyncFn() -> Duration) -> Timed {
    let mut times = Vec::new();
    for _ in 0..WARM_UPS + TIMES {
        times.push(once().await);
    }
    let mut times = times.split_off(WARM_UPS);
    times.sort_unstable();
    let (median, longest) = (times[TIMES / 2], times[TIMES - 1]);
    println!("{:>6.1} ms {:>6.1} ms  {what}", millis(median), millis(longest));
    Timed { what, median, longest }
}

async fn time_of(app: &TestApp, path: &str, endpoints: &[String], headers: &[(&str, String)]) -> Duration {
    let ago = |hours| (app.clock.now() - TimeDelta::hours(hours)).format("%Y-%m-%dT%H:%M:%SZ").to_string();
    let mut path = path.replace("{day}", &ago(24)).replace("{hour}", &ago(1));
    for (number, endpoint) in (1..).zip(endpoints) {
        path = path.replace(&format!("{{endpoint {number}}}"), endpoint);
    }
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

async fn time_of_search(app: &TestApp, filter: &CallFilter) -> Duration {
    let mut connection = app.app.pool.acquire().await.expect("a connection");
    let begun = Instant::now();
    let page = Page { limit: 51, before: None };
    call_search::search_calls(&mut connection, "default", filter, page).await.expect("an answer");
    begun.elapsed()
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// The endpoints of the seed, by the API: their secrets have to be sealed.
async fn make_endpoints(app: &TestApp) -> Vec<String> {
    let mut ids = Vec::new();
    for number in 1..=5 {
        let (kind, target) = match number {
            4 => ("slack", "https://hooks.slack.com/services/T0/B0/x".to_owned()),
            _ => ("webhook", format!("https://hooks.example.com/{number}")),
        };
        let endpoint = app.add_endpoint(json!({"kind": kind, "target": target})).await;
        ids.push(endpoint["id"].as_str().expect("an id").to_owned());
    }
    ids
}

/// The history, and what the migrations make of it.
async fn seed(app: &TestApp, days: u32, endpoints: &[String]) {
    let begun = Instant::now();
    let options = app.app.pool.connect_options();
    let mut connection = PgConnection::connect_with(&options).await.expect("a connection");
    sqlx::query("SELECT set_config('seed.days', $1, false), set_config('seed.now', $2, false), set_config('seed.endpoints', $3, false)")
        .bind(days.to_string())
        .bind(app.clock.now().to_rfc3339())
        .bind(format!("{{{}}}", endpoints.join(",").replace("ep_", "")))
        .execute(&mut connection)
        .await
        .expect("settings");
    let tallies = include_str!("../../migrations/0008_tallies.sql");
    let search = include_str!("../../migrations/0010_call_search.sql");
    let indexed = search.rfind("CREATE INDEX").expect("an index is built at last");
    for sql in [
        include_str!("pages.sql"),
        &tallies[tallies.find("INSERT INTO tallies").expect("what has happened before")..],
        &search[search.find("INSERT INTO call_search").expect("what is there already")..indexed],
        "VACUUM ANALYZE",
    ] {
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.expect("history");
    }
    println!("history made in {:.0?}", begun.elapsed());
}
