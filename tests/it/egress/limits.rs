//! Sizes and time: whatever the other side does, it ends at the deadline and takes no more than its share.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use aftercall::clients::egress::{Egress, EgressError};
use bytes::Bytes;
use http::HeaderMap;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
};

use super::{PATIENCE, config, egress};
use crate::support::{Receiver, TestApp, Wire, callback, read_request};

const DEADLINE: Duration = Duration::from_millis(200);
const LOOPBACK: &[&str] = &["127.0.0.0/8"];
const MIB: usize = 1 << 20;

/// Posts within the deadline. What waits much longer fails the test.
async fn post(egress: &Egress, target: &str, body: Bytes) -> Result<(u16, String), EgressError> {
    let stopwatch = Instant::now();
    let answer = egress.post(target, HeaderMap::new(), body, DEADLINE).await;
    assert!(stopwatch.elapsed() < PATIENCE, "it took {:?}", stopwatch.elapsed());
    if let Err(error) = &answer {
        assert!(!error.to_string().contains("hook") && !error.to_string().contains("127.0.0.1"), "{error}");
    }
    answer.map(|answer| (answer.status, answer.excerpt))
}

/// A receiver that reads the request, says `first`, then `again` without end: slowly, or as fast as it is taken.
async fn endless(first: &'static str, again: &'static str, pause: Duration) -> Wire {
    Wire::start(move |mut stream| async move {
        read_request(&mut stream).await?;
        stream.write_all(first.as_bytes()).await?;
        loop {
            stream.write_all(again.as_bytes()).await?;
            tokio::time::sleep(pause).await;
        }
    })
    .await
}

#[tokio::test]
async fn an_answer_that_trickles_ends_at_the_deadline_and_its_connection_with_it() {
    for (first, again) in [
        ("", "H"),
        ("HTTP/1.1 200 O", "K"),
        ("HTTP/1.1 200 OK\r\nx-long: ", "a"),
        ("HTTP/1.1 200 OK\r\n", "a: b\r\n"),
        ("", "HTTP/1.1 103 Early Hints\r\n\r\n"),
    ] {
        let receiver = endless(first, again, Duration::from_millis(20)).await;
        let answer = post(&egress(LOOPBACK), &receiver.url(), Bytes::new()).await;
        let is_over = matches!(answer, Err(EgressError::TimedOut(DEADLINE) | EgressError::Connection(_)));
        assert!(is_over, "{first:?} {again:?}: {answer:?}");
        receiver.all_closed().await;
    }
}

#[tokio::test]
async fn a_head_without_end_is_cut_off_however_fast_it_comes() {
    for (first, again) in [
        ("HTTP/1.1 200 OK\r\n", "a: b\r\n"),
        ("HTTP/1.1 200 OK\r\nx-long: ", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
        ("", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"),
    ] {
        let receiver = endless(first, again, Duration::ZERO).await;
        let answer = post(&egress(LOOPBACK), &receiver.url(), Bytes::new()).await;
        let is_over = matches!(answer, Err(EgressError::TimedOut(DEADLINE) | EgressError::Connection(_)));
        assert!(is_over, "{first:?} {again:?}: {answer:?}");
        receiver.all_closed().await;
    }
}

#[tokio::test]
async fn a_body_without_end_is_read_to_the_cap_or_the_deadline_and_the_status_counts() {
    const HUGE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 10000000000\r\n\r\n";
    const CHUNKED: &str = "HTTP/1.1 500 No\r\ntransfer-encoding: chunked\r\n\r\n";
    for (first, again, pause, status) in [
        (HUGE, "x", 20, 200),
        (HUGE, "xxxxxxxxxxxxxxxx", 0, 200),
        (CHUNKED, "1\r\nx\r\n", 20, 500),
        (CHUNKED, "4\r\nxxxx\r\n", 0, 500),
    ] {
        let receiver = endless(first, again, Duration::from_millis(pause)).await;
        let (answered, excerpt) = post(&egress(LOOPBACK), &receiver.url(), Bytes::new()).await.unwrap();
        assert_eq!(answered, status);
        assert!(excerpt.starts_with('x') && excerpt.chars().count() <= 500, "{excerpt}");
        receiver.all_closed().await;
    }
}

#[tokio::test]
async fn what_is_compressed_stays_so() {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut packed, &vec![b'x'; 4 * MIB]).unwrap();
    let packed: Arc<[u8]> = packed.finish().unwrap().into();
    let receiver = Wire::start(move |mut stream| {
        let packed = Arc::clone(&packed);
        async move {
            let head = read_request(&mut stream).await?.unwrap_or_default();
            assert!(!head.to_ascii_lowercase().contains("accept-encoding"), "{head}");
            let says = format!("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n", packed.len());
            stream.write_all(says.as_bytes()).await?;
            stream.write_all(&packed).await
        }
    })
    .await;
    let (status, excerpt) = post(&egress(LOOPBACK), &receiver.url(), Bytes::new()).await.unwrap();
    assert!(status == 200 && !excerpt.contains("xxx"), "{excerpt}");
}

#[tokio::test]
async fn a_receiver_that_never_answers_or_does_not_read_ends_at_the_deadline() {
    let silent = Wire::start(|mut stream| async move {
        while stream.read(&mut [0; 64]).await? > 0 {}
        Ok(())
    })
    .await;
    let answer = post(&egress(LOOPBACK), &silent.url(), Bytes::new()).await;
    assert!(matches!(answer, Err(EgressError::TimedOut(_))), "{answer:?}");
    silent.all_closed().await;

    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let unread = socket.listen(8).unwrap();
    let target = format!("http://{}/hook", unread.local_addr().unwrap());
    let answer = post(&egress(LOOPBACK), &target, vec![b'x'; MIB].into()).await;
    assert!(matches!(answer, Err(EgressError::TimedOut(_))), "{answer:?}");
}

#[tokio::test]
async fn a_look_up_a_connection_and_a_handshake_that_hang_end_at_the_deadline() {
    let never = Arc::new(|_| Box::pin(std::future::pending()) as _);
    let nameless = Egress::with_lookup(&config(LOOPBACK), never).unwrap();
    let answer = post(&nameless, "http://receiver.test/hook", Bytes::new()).await;
    assert!(matches!(answer, Err(EgressError::TimedOut(_))), "{answer:?}");

    let (full, _waiting) = full_listener().await;
    let answer = post(&egress(LOOPBACK), &format!("http://{}/hook", full.local_addr().unwrap()), Bytes::new()).await;
    assert!(matches!(answer, Err(EgressError::TimedOut(_))), "{answer:?}");

    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let answer = post(&egress(LOOPBACK), &format!("https://{}/hook", silent.local_addr().unwrap()), Bytes::new()).await;
    assert!(matches!(answer, Err(EgressError::TimedOut(_))), "{answer:?}");
}

/// A listener whose queue is full: the system leaves further connections without an answer.
async fn full_listener() -> (TcpListener, Vec<TcpStream>) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(0).unwrap();
    let (address, mut waiting) = (listener.local_addr().unwrap(), Vec::new());
    while let Ok(stream) = tokio::time::timeout(DEADLINE, TcpStream::connect(address)).await {
        waiting.push(stream.unwrap());
    }
    (listener, waiting)
}

#[tokio::test]
async fn a_body_over_the_limit_is_not_sent() {
    let receiver = Receiver::start().await;
    let egress = egress(LOOPBACK);
    let answer = egress.post(&receiver.url(), HeaderMap::new(), vec![b'x'; MIB + 1].into(), PATIENCE).await;
    assert!(matches!(answer, Err(EgressError::TooLarge(bytes)) if bytes == MIB + 1), "{answer:?}");
    assert_eq!(receiver.count(), 0);
    let answer = egress.post(&receiver.url(), HeaderMap::new(), vec![b'x'; MIB].into(), PATIENCE).await;
    assert_eq!((answer.unwrap().status, receiver.received()[0].raw.len()), (200, MIB));
}

#[tokio::test]
async fn a_delivery_that_is_too_large_fails_at_once() {
    let app = TestApp::start().await;
    let receiver = Receiver::start().await;
    app.add_webhook(&receiver).await;
    app.import_transcript("1").await;
    app.post_signed(&callback("1")).await.expect(202);
    app.stages().run_due().await.unwrap();
    let grown = "UPDATE events SET data = jsonb_set(data, '{summary,text}', to_jsonb(repeat('x', 1100000)))
                 WHERE type = 'call.summarised'";
    assert_eq!(sqlx::query(grown).execute(&app.app.pool).await.unwrap().rows_affected(), 1);
    app.run_due().await;
    let log: Vec<Value> = app.log().await.into_iter().filter(|entry| entry["status"] != "filtered").collect();
    assert_eq!((log.len(), &log[0]["status"], &log[0]["attempt_count"]), (1, &json!("failed"), &json!(1)), "{log:?}");
    let error = log[0]["last_error"].as_str().unwrap();
    assert!(error.starts_with("not sent: the body has 1") && error.contains("1048576 are the limit"), "{error}");
    assert_eq!(receiver.count(), 0);
}
