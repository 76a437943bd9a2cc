//! What a process holds of requests in memory has an end, and whoever comes then is told to come back.

use std::{sync::Arc, time::Duration};

use aftercall::http::admission::HELD_BYTES;
use axum::body::Body;
use bytes::Bytes;
use futures_util::{StreamExt, future::join_all, stream};
use http::Request;
use serde_json::json;
use tokio::sync::Notify;

use crate::support::{Answer, TestApp, URL_KEY, callback};

/// As much as a callback may have.
const LARGEST: usize = 1 << 20;

/// A callback of the largest size whose last byte comes when `end` says so.
fn unfinished(end: &Arc<Notify>) -> Request<Body> {
    let end = Arc::clone(end);
    let beginning = stream::once(async { Ok::<_, std::io::Error>(Bytes::from(vec![b' '; LARGEST - 1])) });
    let rest = stream::once(async move {
        end.notified().await;
        Ok(Bytes::from_static(b"x"))
    });
    let request = Request::post(format!("/webhooks/gong?key={URL_KEY}")).header("content-type", "application/json");
    request.body(Body::from_stream(beginning.chain(rest))).unwrap()
}

fn told_to_come_back(answer: &Answer) {
    assert_eq!(answer.status, 503, "{}", answer.text);
    assert_eq!(answer.body["type"], "urn:aftercall:problem:unavailable", "{}", answer.text);
    assert!(answer.headers.contains_key("retry-after"));
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_beyond_what_may_be_held_are_answered_503_and_taken_again_when_there_is_room() {
    let app = Arc::new(TestApp::with("GONG_WEBHOOK_URL_KEY", URL_KEY).start().await);
    let end = Arc::new(Notify::new());
    let full = HELD_BYTES / LARGEST;
    let holding: Vec<_> = (0..full)
        .map(|_| {
            let (app, request) = (Arc::clone(&app), unfinished(&end));
            tokio::spawn(async move { app.send(request).await })
        })
        .collect();
    let path = format!("/webhooks/gong?key={URL_KEY}");
    // Each of them leaves a byte: what is small enough may still pass until all are there.
    let refused = loop {
        let answer = app.post_to(&path, &[], callback("1").to_string()).await;
        if answer.status != 202 && answer.status != 200 {
            break answer;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    told_to_come_back(&refused);
    app.get("/healthz").await.expect(200);
    app.get("/api/v1/admin/calls").await.expect(200);

    end.notify_waiters();
    end.notify_one();
    for answer in join_all(holding).await {
        let answer = answer.unwrap();
        assert!(answer.status == 400 || answer.status == 503, "{}", answer.text);
    }
    app.post_to(&path, &[], callback("2").to_string()).await.expect(202);
}

#[tokio::test]
async fn an_event_told_many_times_at_once_is_raised_once() {
    let app = TestApp::start().await;
    let event = json!({"type": "custom.told", "id": "crm-1", "data": {}});
    let answers = join_all((0..20).map(|_| app.api("POST", "/api/v1/events", Some(event.clone())))).await;
    let ids: std::collections::BTreeSet<&str> =
        answers.iter().map(|answer| answer.body["event_id"].as_str().expect("an id")).collect();
    assert_eq!(ids.len(), 1);
    assert_eq!(answers.iter().filter(|answer| answer.status == 202).count(), 1);
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 19);
}
