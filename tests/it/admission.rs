//! What a process holds of requests in memory has an end, and whoever comes then is told to come back.

use aftercall::http::admission::HELD_BYTES;
use axum::body::Body;
use bytes::Bytes;
use futures_util::{
    StreamExt,
    future::join_all,
    stream::{self, FuturesUnordered},
};
use http::Request;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::support::{TestApp, URL_KEY, callback};

/// As much as a callback may have.
const LARGEST: usize = 1 << 20;

/// A callback of the largest size whose last byte comes when `end` says so.
fn unfinished(end: &CancellationToken) -> Request<Body> {
    let end = end.clone();
    let beginning = stream::once(async { Ok::<_, std::io::Error>(Bytes::from(vec![b' '; LARGEST - 1])) });
    let rest = stream::once(async move {
        end.cancelled().await;
        Ok(Bytes::from_static(b"x"))
    });
    let request = Request::post(format!("/webhooks/gong?key={URL_KEY}")).header("content-type", "application/json");
    request.body(Body::from_stream(beginning.chain(rest))).unwrap()
}

#[tokio::test]
async fn bodies_beyond_what_may_be_held_are_answered_503_and_taken_again_when_there_is_room() {
    let app = TestApp::with("GONG_WEBHOOK_URL_KEY", URL_KEY).start().await;
    let (end, room) = (CancellationToken::new(), HELD_BYTES / LARGEST);
    let mut answers: FuturesUnordered<_> = (0..room + 4).map(|_| app.send(unfinished(&end))).collect();
    for _ in 0..4 {
        let refused = answers.next().await.unwrap();
        assert_eq!(refused.status, 503, "{}", refused.text);
        assert_eq!(refused.body["type"], "urn:aftercall:problem:unavailable", "{}", refused.text);
        assert!(refused.headers.contains_key("retry-after"));
    }
    app.get("/healthz").await.expect(200);
    app.get("/api/v1/admin/calls").await.expect(200);

    end.cancel();
    while let Some(answer) = answers.next().await {
        answer.expect(400); // taken in whole, and no JSON
    }
    app.post_to(&format!("/webhooks/gong?key={URL_KEY}"), &[], callback("2").to_string()).await.expect(202);
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
