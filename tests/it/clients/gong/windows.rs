//! Lists: calls in a window of time, users, and their pages.

use std::collections::HashSet;

use aftercall::clients::gong::{MOST_PAGES, PageError};
use aftercall::{clients::http::UpstreamError, domain::call::Call};
use serde_json::json;

use super::{Gong, at, call, client_with};
use crate::support::gong_api::generated_id;

const FROM: &str = "2031-01-01T00:00:00Z";
const TO: &str = "2032-01-01T00:00:00Z";

/// All calls of a window, without beginning anew.
async fn window(gong: &Gong, from: &str, to: &str) -> Result<Vec<Call>, PageError> {
    let (mut calls, mut cursor) = (Vec::new(), None);
    loop {
        let page = gong.api.calls_in_window(at(from), at(to), cursor.as_deref()).await?;
        calls.extend(page.items);
        cursor = page.next;
        if cursor.is_none() {
            return Ok(calls);
        }
    }
}

async fn listed(gong: &Gong, from: &str, to: &str) -> Vec<String> {
    window(gong, from, to).await.unwrap().into_iter().map(|call| call.id).collect()
}

#[tokio::test]
async fn ten_thousand_calls_come_in_a_hundred_pages_each_in_its_turn() {
    let gong = Gong::with_generated(10_000).await;
    let distinct: HashSet<String> = listed(&gong, FROM, TO).await.into_iter().collect();
    assert_eq!((distinct.len(), gong.requests(), gong.pace.turns()), (10_000, 100, 100));
}

#[tokio::test]
async fn a_window_begins_with_its_start_and_ends_before_its_end() {
    let gong = Gong::with_generated(10).await;
    let ids = listed(&gong, "2031-01-01T00:03:00Z", "2031-01-01T00:05:00Z").await;
    assert_eq!(ids, [generated_id(3), generated_id(4)]);
}

#[tokio::test]
async fn a_conference_is_listed_by_its_schedule() {
    let gong = Gong::start().await;
    let mut conference = call("5", "2031-05-06T10:02:00+02:00");
    conference["metaData"]["scheduled"] = json!("2031-05-06T07:58:00Z");
    gong.stand_in.add_call(conference, None);
    assert_eq!(listed(&gong, "2031-05-06T07:00:00Z", "2031-05-06T08:00:00Z").await, ["5"]);
    assert!(listed(&gong, "2031-05-06T08:00:00Z", "2031-05-06T09:00:00Z").await.is_empty());
}

#[tokio::test]
async fn an_empty_window_is_an_empty_page() {
    let gong = Gong::start().await;
    assert!(listed(&gong, FROM, TO).await.is_empty());
    assert_eq!(gong.requests(), 1);
}

#[tokio::test]
async fn a_count_that_promises_more_is_not_believed() {
    let gong = Gong::with_generated(2).await;
    gong.stand_in.still_analysed(98);
    assert_eq!((listed(&gong, FROM, TO).await.len(), gong.requests()), (2, 1));
}

#[tokio::test]
async fn times_are_instants_and_what_is_null_is_absent() {
    let gong = Gong::with_generated(10).await;
    gong.stand_in.add_call(json!({"metaData": {"id": "9", "started": "2031-06-01T09:30:00.250+02:00"}}), None);
    let calls = window(&gong, FROM, TO).await.unwrap();
    for (number, call) in calls[..10].iter().enumerate() {
        assert_eq!(call.started_at, Some(at(&format!("2031-01-01T00:0{number}:00Z"))));
        assert_eq!(call.title.is_none(), number.is_multiple_of(5));
    }
    assert_eq!(calls[10].started_at, Some(at("2031-06-01T07:30:00.250Z")));
    assert_eq!((calls[10].duration_seconds, calls[10].language.as_deref()), (None, None));
}

#[tokio::test]
async fn a_dead_cursor_is_the_callers_to_begin_anew() {
    let gong = Gong::with_generated(500).await;
    gong.stand_in.cursors_die_after(3, 1);
    assert_eq!(window(&gong, FROM, TO).await.unwrap_err(), PageError::CursorDied);
    assert_eq!(listed(&gong, FROM, TO).await.len(), 500);
}

#[tokio::test]
async fn a_cursor_of_another_window_is_a_dead_one() {
    let gong = Gong::with_generated(500).await;
    let page = gong.api.calls_in_window(at(FROM), at(TO), None).await.unwrap();
    let other = gong.api.calls_in_window(at(FROM), at("2031-12-01T00:00:00Z"), page.next.as_deref()).await;
    assert_eq!(other.unwrap_err(), PageError::CursorDied);
}

#[tokio::test]
async fn a_cursor_that_leads_back_ends_in_an_error() {
    let gong = Gong::with_generated(10).await;
    gong.stand_in.cursors_lead_back();
    let ended = window(&gong, FROM, TO).await.unwrap_err();
    assert!(matches!(ended, PageError::Upstream(UpstreamError::Never(text)) if text.contains("never ends")));
    assert_eq!(gong.requests(), 2);
}

#[tokio::test]
async fn a_list_without_end_ends_in_an_error() {
    let gong = Gong::start().await;
    gong.stand_in.cursors_never_end();
    let ended = gong.api.all_users().await.unwrap_err();
    assert!(matches!(ended, UpstreamError::Never(text) if text.contains("does not end")));
    assert_eq!(gong.requests(), MOST_PAGES);
}

#[tokio::test]
async fn users_come_from_all_pages_as_far_as_they_are_known() {
    let gong = Gong::start().await;
    gong.stand_in.page_size(2);
    for number in 0..5 {
        gong.stand_in
            .add_user(json!({"id": format!("{number}"), "emailAddress": format!("u{number}@brindlemoor.example"),
            "active": number != 3, "firstName": "Dana", "lastName": null, "title": null}));
    }
    let users = gong.api.all_users().await.unwrap();
    assert_eq!((users.len(), gong.requests(), gong.pace.turns()), (5, 3, 3));
    assert_eq!(users.iter().filter(|user| user.active).count(), 4);
    assert_eq!(gong.api.users(None).await.unwrap().items, users[..2]);
}

#[tokio::test]
async fn the_address_may_end_in_a_slash() {
    let gong = Gong::with_generated(3).await;
    let api =
        client_with(&format!("{}/", gong.stand_in.url()), gong.stand_in.secret(), &gong.stand_in, gong.pace.clone());
    assert_eq!(api.calls_in_window(at(FROM), at(TO), None).await.unwrap().items.len(), 3);
}
