//! A sync that was stopped goes on where it was; what passes is waited out; there is one at a time.

use std::time::Duration;

use aftercall::{
    clients::http::UpstreamError,
    db::sync_state::{self, Reader},
    domain::ids::DEFAULT_SOURCE,
    intake::gong::{SyncError, SyncMode},
};
use chrono::TimeDelta;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{
    super::{DETAILS, LIST, TRANSCRIPT, asking, assert_nowhere, replica, secrets_of},
    add_at, plan, stored, sync, syncing, windows,
};
use crate::support::{Fault, TestApp, gong_api::GongApiStandIn};

const READER: Reader<'static> = Reader { tenant: "default", source: DEFAULT_SOURCE, name: "sync" };
/// The four weeks that are read, each with a call.
const WEEKS: [&str; 4] = ["2031-02-01", "2031-02-08", "2031-02-15", "2031-02-22"];
const END: &str = "2031-03-01";

/// Gong with a call in each week, and an app.
async fn four_weeks() -> (GongApiStandIn, TestApp) {
    let gong = GongApiStandIn::start().await;
    for (number, day) in WEEKS.iter().enumerate() {
        add_at(&gong, &number.to_string(), &format!("{day}T12:00:00Z"));
    }
    let app = asking(&gong).start().await;
    (gong, app)
}

/// The third list of calls is refused.
fn refuse_the_third_week(gong: &GongApiStandIn) {
    for fault in [Fault::Slow(Duration::ZERO), Fault::Slow(Duration::ZERO), GongApiStandIn::error(401, "revoked")] {
        gong.server.fail_next(LIST, fault);
    }
}

async fn state(app: &TestApp) -> Value {
    sqlx::query_scalar("SELECT state FROM sync_state WHERE name = 'sync'").fetch_one(&app.app.pool).await.unwrap()
}

#[tokio::test]
async fn a_sync_that_stopped_goes_on_where_it_was_and_reads_no_week_again() {
    for mode in [SyncMode::Full, SyncMode::Backfill, SyncMode::Incremental] {
        let (gong, app) = four_weeks().await;
        refuse_the_third_week(&gong);
        let error = sync(&app, plan(mode, WEEKS[0], END)).await.unwrap_err().to_string();
        assert!(error.contains("revoked") && error.contains("GONG_API_URL"), "{error}");
        assert_eq!(
            (windows(&gong, 0), stored(&app).await.len()),
            (WEEKS[..3].iter().map(|day| (*day).to_owned()).collect(), 2)
        );
        app.clock.advance(Duration::from_hours(30));
        let mut shown = Vec::new();
        let done = syncing(&app.app).run(plan(mode, WEEKS[0], END), |progress| shown.push(progress)).await.unwrap();
        assert_eq!(windows(&gong, 3), WEEKS[2..], "{mode:?}");
        assert_eq!((done.listed, done.stored, done.transcripts, done.resumed), (4, 4, 4, true), "{mode:?}");
        assert!(shown.is_sorted_by_key(|progress| progress.permille) && shown[0].permille == 500, "{shown:?}");
        assert_eq!((stored(&app).await.len(), gong.server.count(DETAILS), gong.server.count(TRANSCRIPT)), (4, 4, 4));
        assert_eq!(state(&app).await["under_way"], json!([]));
        assert_nowhere(&app, &secrets_of(&gong)).await;
    }
}

#[tokio::test]
async fn another_plan_begins_anew() {
    let (gong, app) = four_weeks().await;
    refuse_the_third_week(&gong);
    sync(&app, plan(SyncMode::Backfill, WEEKS[0], END)).await.unwrap_err();
    let done = sync(&app, plan(SyncMode::Full, WEEKS[0], END)).await.unwrap();
    assert_eq!((windows(&gong, 3), done.resumed, done.stored), (WEEKS.map(str::to_owned).to_vec(), false, 4));
    let lists = gong.server.count(LIST);
    let done = sync(&app, plan(SyncMode::Full, WEEKS[0], END)).await.unwrap();
    assert_eq!((gong.server.count(LIST) - lists, done.resumed), (4, false), "one that ended is not gone on with");
}

#[tokio::test]
async fn what_passes_is_waited_out() {
    let rate =
        || Fault::Answer(429, vec![("retry-after", "3600".to_owned())], json!({"errors": ["slowly"]}).to_string());
    for (place, fault, longest) in [
        (LIST, GongApiStandIn::html(502), 60),
        (DETAILS, Fault::Broken, 60),
        (TRANSCRIPT, Fault::status(200, "{"), 60),
        (LIST, rate(), 3700),
        (TRANSCRIPT, rate(), 3700),
    ] {
        let (gong, app) = four_weeks().await;
        let began = app.clock.now();
        gong.server.fail_next(place, fault);
        let done = sync(&app, plan(SyncMode::Full, WEEKS[0], END)).await.unwrap();
        assert_eq!((done.listed, done.stored, done.transcripts), (4, 4, 4), "{place}");
        let waited = app.clock.now() - began;
        assert!(waited >= TimeDelta::seconds(2) && waited < TimeDelta::seconds(longest), "{place}: {waited}");
        assert!(longest < 3600 || waited >= TimeDelta::seconds(3600), "{place}: {waited}");
    }
}

#[tokio::test]
async fn a_cursor_that_dies_begins_the_week_again_and_loses_nothing() {
    let gong = GongApiStandIn::with_generated(10).await;
    gong.page_size(4);
    gong.cursors_die_after(2, 1);
    let app = asking(&gong).start().await;
    sync(&app, plan(SyncMode::Backfill, "2031-01-01", "2031-01-02")).await.unwrap();
    assert_eq!((stored(&app).await.len(), app.count("transcripts").await), (10, 10));
}

#[tokio::test]
async fn what_does_not_pass_stops_the_sync_and_the_next_one_goes_on() {
    let (gong, app) = four_weeks().await;
    gong.server.fail_next(LIST, Fault::Slow(Duration::ZERO));
    for _ in 0..20 {
        gong.server.fail_next(LIST, GongApiStandIn::error(500, "An unexpected error"));
    }
    let error = sync(&app, plan(SyncMode::Full, WEEKS[0], END)).await.unwrap_err();
    assert!(matches!(&error, SyncError::Upstream(UpstreamError::Retry(text)) if text.contains("An unexpected error")));
    assert!(gong.server.count(LIST) <= 7, "six tries of the second week");
    gong.server.forget_faults();
    app.clock.advance(Duration::from_mins(10));
    let done = sync(&app, plan(SyncMode::Full, WEEKS[0], END)).await.unwrap();
    assert_eq!((done.stored, done.resumed), (4, true));
}

#[tokio::test]
async fn there_is_one_at_a_time_and_one_that_was_killed_lets_go_within_its_lease() {
    let (gong, app) = four_weeks().await;
    let now = app.clock.now();
    let (until, pool) = (now + TimeDelta::hours(1), &app.app.pool);
    let nothing = sync_state::claim_reader::<Map<String, Value>>(pool, READER, Uuid::now_v7(), now, until).await;
    nothing.unwrap().expect("it is free");
    let refused = sync(&app, plan(SyncMode::Full, WEEKS[0], END)).await.unwrap_err();
    assert!(matches!(refused, SyncError::Busy) && refused.to_string().contains("one at a time"), "{refused}");
    assert_eq!(gong.server.asked().len(), 0);
    sqlx::query("UPDATE sync_state SET claimed_until = $1")
        .bind(app.clock.now() + TimeDelta::seconds(20))
        .execute(&app.app.pool)
        .await
        .unwrap();
    assert_eq!(sync(&app, plan(SyncMode::Full, WEEKS[0], END)).await.unwrap().stored, 4);
}

#[tokio::test]
async fn one_that_lost_its_claim_stops_and_does_not_overwrite_the_others_place() {
    let (gong, app) = four_weeks().await;
    let other = replica(&app);
    gong.server.fail_next(LIST, Fault::Slow(Duration::from_secs(1)));
    let slow = sync(&app, plan(SyncMode::Full, WEEKS[0], END));
    let faster = async {
        while gong.server.count(LIST) == 0 {
            tokio::task::yield_now().await;
        }
        sqlx::query("UPDATE sync_state SET claimed_until = NULL").execute(&app.app.pool).await.unwrap();
        syncing(&other).run(plan(SyncMode::Backfill, WEEKS[0], END), |_| {}).await
    };
    let (slow, faster) = tokio::join!(slow, faster);
    assert_eq!(faster.unwrap().listed, 4);
    assert!(matches!(slow, Err(SyncError::Busy)), "{slow:?}");
    assert_eq!(state(&app).await["under_way"], json!([]), "the faster one ended");
    assert_eq!(stored(&app).await.len(), 4);
}

#[tokio::test]
async fn one_that_is_stopped_lets_go_at_once_and_the_next_one_goes_on() {
    let (gong, app) = four_weeks().await;
    let stopped = syncing(&app.app);
    let mut weeks = 0;
    let result = stopped
        .run(plan(SyncMode::Full, WEEKS[0], END), |_| {
            weeks += 1;
            stopped.stop.cancel();
        })
        .await;
    assert!(matches!(result, Err(SyncError::Stopped)), "{result:?}");
    let began = app.clock.now();
    let done = sync(&app, plan(SyncMode::Full, WEEKS[0], END)).await.unwrap();
    assert_eq!((done.stored, app.clock.now()), (4, began), "no claim was waited for");
    assert!(gong.server.count(LIST) <= 9 && weeks > 0);
}
