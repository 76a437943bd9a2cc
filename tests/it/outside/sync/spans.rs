//! How much is read: the modes, the spans, and what comes with the calls.

use std::time::Duration;

use aftercall::intake::gong::{SyncError, SyncMode, SyncPlan};
use serde_json::json;

use super::{
    super::{DETAILS, LIST, TRANSCRIPT, add, asking, driven, outcomes, run_of},
    add_at, at, plan, stored, sync, windows,
};
use crate::support::{
    callback,
    gong_api::{GongApiStandIn, NotReady, generated_id},
};

#[tokio::test]
async fn ten_thousand_calls_are_stored_with_their_words_within_gongs_pace() {
    const CALLS: usize = 10_000;
    let gong = GongApiStandIn::with_generated(CALLS).await;
    let app = asking(&gong).start().await;
    let began = app.clock.now();
    let done = sync(&app, plan(SyncMode::Full, "2031-01-01", "2031-01-08")).await.unwrap();
    // One in 97 is private: nobody asks for what was said there.
    let spoken = CALLS - CALLS / 97;
    assert_eq!((done.listed, done.stored, done.transcripts, done.permille), (CALLS, CALLS, spoken, 1000));
    assert_eq!((app.count("calls").await, app.count("transcripts").await), (10_000, i64::try_from(spoken).unwrap()));
    let last = app.get(&format!("/api/v1/admin/calls/{}", generated_id(CALLS - 1))).await.expect(200).body;
    assert_eq!((&last["status"], &last["title"]), (&json!("imported"), &json!("Call 9999")));
    assert_eq!(app.count("runs").await, 0);
    let (lists, details) = (gong.server.count(LIST), gong.server.count(DETAILS));
    assert_eq!((lists, details, gong.server.count(TRANSCRIPT)), (100, 200, 200), "fifty calls cost two requests");
    // Three requests in 1.1 s; up to five seconds of turns may have been given in advance.
    let took = (app.clock.now() - began).num_seconds();
    assert!(took >= 500 * 11 / 30 - 6, "{took} s");
}

#[tokio::test]
async fn an_incremental_sync_reads_the_last_day_and_then_what_came_since_with_an_overlap() {
    let gong = GongApiStandIn::start().await;
    add_at(&gong, "1", "2031-05-05T09:00:00Z"); // an hour too early
    add_at(&gong, "2", "2031-05-05T11:00:00Z");
    let app = asking(&gong).start().await;
    sync(&app, plan(SyncMode::Incremental, "", "")).await.unwrap();
    assert_eq!(stored(&app).await, ["2"]);
    add_at(&gong, "3", "2031-05-05T12:00:00Z"); // shows late
    add_at(&gong, "4", "2031-05-08T12:00:00Z");
    app.clock.advance(Duration::from_hours(72));
    let (lists, details) = (gong.server.count(LIST), gong.server.count(DETAILS));
    let done = sync(&app, plan(SyncMode::Incremental, "", "")).await.unwrap();
    assert_eq!((done.listed, done.stored, done.transcripts), (3, 2, 2), "what is known is not read again");
    assert_eq!((windows(&gong, lists), stored(&app).await), (vec!["2031-05-05".to_owned()], owned(&["2", "3", "4"])));
    let ids = &gong.server.asked().into_iter().filter(|asked| asked.path.ends_with("extensive")).nth(details).unwrap();
    assert_eq!(ids.body["filter"]["callIds"], json!(["3", "4"]));
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

#[tokio::test]
async fn a_full_sync_reads_everything_since_2016_and_what_is_known_again() {
    let gong = GongApiStandIn::start().await;
    add_at(&gong, "1", "2016-01-01T00:00:00Z");
    add_at(&gong, "2", "2031-05-06T09:59:59Z");
    let app = asking(&gong).start().await;
    let full = plan(SyncMode::Full, "", "");
    assert_eq!(sync(&app, full.clone()).await.unwrap().stored, 2);
    assert_eq!((windows(&gong, 0)[0].as_str(), stored(&app).await), ("2016-01-01", owned(&["1", "2"])));
    let mut renamed = callback("1")["callData"].clone();
    renamed["metaData"]["title"] = "Another title".into();
    renamed["metaData"]["started"] = "2016-01-01T00:00:00Z".into();
    gong.add_call(renamed, Some(super::super::words("1")));
    assert_eq!(sync(&app, full).await.unwrap().stored, 2);
    assert_eq!(app.get("/api/v1/admin/calls/1").await.expect(200).body["title"], "Another title");
}

#[tokio::test]
async fn a_backfill_asks_for_nothing_known_and_does_not_move_the_next_incremental_sync() {
    let gong = GongApiStandIn::start().await;
    add_at(&gong, "1", "2031-05-06T01:00:00Z");
    let app = asking(&gong).start().await;
    sync(&app, plan(SyncMode::Incremental, "", "")).await.unwrap();
    app.clock.advance(Duration::from_hours(240));
    add_at(&gong, "2", "2031-05-06T02:00:00Z");
    let backfill = || plan(SyncMode::Backfill, "2031-05-01", "2031-05-15");
    let done = sync(&app, backfill()).await.unwrap();
    assert_eq!((done.listed, done.stored, done.transcripts), (2, 1, 1));
    let (details, words) = (gong.server.count(DETAILS), gong.server.count(TRANSCRIPT));
    let done = sync(&app, backfill()).await.unwrap();
    assert_eq!((done.listed, done.stored, done.resumed), (2, 0, false));
    assert_eq!((gong.server.count(DETAILS), gong.server.count(TRANSCRIPT)), (details, words));
    let lists = gong.server.count(LIST);
    sync(&app, plan(SyncMode::Incremental, "", "")).await.unwrap();
    assert_eq!(windows(&gong, lists)[0], "2031-05-05", "a day before the incremental one's end");
}

#[tokio::test]
async fn a_span_begins_with_its_first_instant_and_ends_before_its_last() {
    let gong = GongApiStandIn::start().await;
    for (id, started) in [("1", "2031-03-01T00:00:00Z"), ("2", "2031-03-01T23:59:59Z"), ("3", "2031-03-02T00:00:00Z")] {
        add_at(&gong, id, started);
    }
    add_at(&gong, "0", "2031-02-28T23:59:59Z");
    let app = asking(&gong).start().await;
    sync(&app, plan(SyncMode::Backfill, "2031-03-01", "2031-03-02")).await.unwrap();
    assert_eq!(stored(&app).await, ["1", "2"]);
    let asked = gong.server.asked().len();
    for (from, to) in [("2031-03-02", "2031-03-02"), ("2031-03-02", "2031-03-01"), ("2032-01-01", "")] {
        let refused = sync(&app, plan(SyncMode::Backfill, from, to)).await;
        assert!(matches!(refused, Err(SyncError::NoSpan)), "{from}..{to}");
    }
    assert_eq!(gong.server.asked().len(), asked);
    sync(&app, plan(SyncMode::Backfill, "2031-05-01", "2099-01-01")).await.expect("the future is not asked for");
    let query = gong.server.asked().last().unwrap().query.clone();
    assert!(query.contains("toDateTime=2031-05-06"), "{query}");
}

#[tokio::test]
async fn without_transcripts_no_words_are_asked_for_and_a_later_sync_brings_them() {
    let gong = GongApiStandIn::start().await;
    add_at(&gong, "1", "2031-05-06T01:00:00Z");
    let app = asking(&gong).start().await;
    let with_words = plan(SyncMode::Backfill, "2031-05-06", "");
    let done = sync(&app, SyncPlan { transcripts: false, ..with_words.clone() }).await.unwrap();
    assert_eq!((done.stored, done.transcripts, gong.server.count(TRANSCRIPT)), (1, 0, 0));
    let done = sync(&app, with_words).await.unwrap();
    assert_eq!((done.stored, done.transcripts, gong.server.count(DETAILS)), (0, 1, 1));
    assert_eq!(app.count("transcripts").await, 1);
}

#[tokio::test]
async fn process_starts_one_run_per_call_once_and_none_for_a_private_one() {
    let gong = GongApiStandIn::start().await;
    for id in ["1", "2", "3"] {
        add_at(&gong, id, "2031-05-06T01:00:00Z");
    }
    gong.set_private("3", true);
    let app = asking(&gong).start().await;
    app.post_signed(&callback("1")).await.expect(202);
    let with_runs = SyncPlan { process: true, ..plan(SyncMode::Backfill, "2031-05-06", "") };
    assert_eq!(sync(&app, with_runs.clone()).await.unwrap().runs, 2, "the callback's run is there already");
    assert_eq!(sync(&app, with_runs).await.unwrap().runs, 0);
    let words = gong.server.count(TRANSCRIPT);
    app.run_due().await;
    assert_eq!((app.count("runs").await, gong.server.count(TRANSCRIPT)), (3, words), "the words are there already");
    assert_eq!(
        (&run_of(&app, "1").await["state"], &run_of(&app, "2").await["state"]),
        (&json!("done"), &json!("done"))
    );
    assert_eq!(run_of(&app, "3").await["reason"], "private");
    assert_eq!(app.post_signed(&callback("2")).await.expect(200).body["duplicate"], true);
}

#[tokio::test]
async fn a_run_that_waits_for_its_transcript_goes_on_when_a_sync_brings_it() {
    let gong = GongApiStandIn::start().await;
    add(&gong, "1");
    gong.transcript_not_ready("1", NotReady::NoEntry, 1);
    let app = asking(&gong).start().await;
    assert_eq!(outcomes(&driven(&app, "1").await), ["fetch later"]);
    sync(&app, plan(SyncMode::Incremental, "", "")).await.unwrap();
    app.run_due().await; // no time has passed
    assert_eq!((&run_of(&app, "1").await["state"], app.clock.now()), (&json!("done"), at("2031-05-06T10:00:00Z")));
}

#[tokio::test]
async fn a_call_without_details_or_words_yet_is_brought_by_a_later_sync() {
    let gong = GongApiStandIn::start().await;
    for id in ["1", "2"] {
        add_at(&gong, id, "2031-05-06T01:00:00Z");
    }
    gong.details_unknown("1", 1);
    gong.transcript_not_ready("2", NotReady::Empty, 1);
    let app = asking(&gong).start().await;
    let done = sync(&app, plan(SyncMode::Incremental, "", "")).await.unwrap();
    assert_eq!((done.listed, done.stored), (2, 2), "one of them as it is listed");
    let done = sync(&app, plan(SyncMode::Incremental, "", "")).await.unwrap();
    assert_eq!((done.stored, stored(&app).await), (1, owned(&["1", "2"])));
    assert_eq!(app.count("transcripts").await, 2);
}
