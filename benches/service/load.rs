//! The load generator: bodies of 4 KiB, each signed, sent by so many clients in a closed loop.
//!
//! Requests are signed before the clock starts: signing one takes longer than taking it in.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::{net::TcpStream, task::JoinSet};

use crate::{
    machine::PUBLIC_URL,
    support::{Gong, Signing, TOKEN, callback},
};

/// The size of a callback's body, in bytes.
pub const BODY: usize = 4096;

/// A request that can be sent any number of times.
#[derive(Clone)]
pub struct Prepared {
    pub path: &'static str,
    pub authorization: String,
    pub body: Bytes,
    pub expect: u16,
}

/// What a closed loop took.
pub struct Took {
    pub elapsed: Duration,
    pub answers: usize,
}

impl Took {
    pub fn per_second(&self) -> f64 {
        rate(self.answers, self.elapsed)
    }
}

/// How many a second.
#[expect(clippy::cast_precision_loss, reason = "counts here are exact in a float")]
pub fn rate(count: usize, elapsed: Duration) -> f64 {
    count as f64 / elapsed.as_secs_f64()
}

/// A callback's body of exactly [`BODY`] bytes.
pub fn body(call_id: &str) -> String {
    let mut body = callback(call_id);
    body["callData"]["content"] = json!({"brief": ""});
    let missing = BODY.saturating_sub(body.to_string().len());
    let words = "They went through what the offer has to say on seats, on support and on the date. ";
    body["callData"]["content"]["brief"] = Value::from(&words.repeat(missing / words.len() + 1)[..missing]);
    body.to_string()
}

/// Signs callbacks of these calls, on all cores.
pub fn signed(gong: &Gong, calls: &[String]) -> Vec<Prepared> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let url = format!("{PUBLIC_URL}/webhooks/gong");
    let sign = |id: &String| {
        let body = body(id);
        let signing = Signing { url: &url, body: body.as_bytes(), exp: i64::MAX / 1_000_000 };
        Prepared { path: "/webhooks/gong", authorization: gong.token(&signing), body: body.into(), expect: 202 }
    };
    std::thread::scope(|scope| {
        let parts = calls.chunks(calls.len().div_ceil(cores).max(1));
        let signing: Vec<_> = parts.map(|part| scope.spawn(|| part.iter().map(sign).collect::<Vec<_>>())).collect();
        signing.into_iter().flat_map(|part| part.join().expect("signing does not panic")).collect()
    })
}

/// Events for `POST /api/v1/events`.
pub fn events(count: usize) -> Vec<Prepared> {
    let event = |index| {
        let body = json!({"type": "custom.load", "subject": format!("s{index}"), "data": {"index": index}}).to_string();
        let authorization = format!("Bearer {TOKEN}");
        Prepared { path: "/api/v1/events", authorization, body: body.into(), expect: 202 }
    };
    (0..count).map(event).collect()
}

/// One keep-alive connection.
pub struct Client {
    sender: SendRequest<Full<Bytes>>,
    host: String,
}

impl Client {
    pub async fn connect(address: &str) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await.with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Self { sender, host: address.to_owned() })
    }

    /// Sends a request and reads the whole answer.
    pub async fn send(&mut self, prepared: &Prepared) -> anyhow::Result<Bytes> {
        let request = Request::post(prepared.path)
            .header("host", &self.host)
            .header("content-type", "application/json")
            .header("authorization", &prepared.authorization)
            .body(Full::new(prepared.body.clone()))?;
        self.sender.ready().await?;
        let answer = self.sender.send_request(request).await?;
        let status = answer.status();
        let body = answer.into_body().collect().await?.to_bytes();
        ensure!(status == prepared.expect, "{} answered {status}: {}", prepared.path, String::from_utf8_lossy(&body));
        Ok(body)
    }
}

/// Sends all requests once, by so many clients, each of which waits for its answer.
pub async fn closed_loop(address: &str, clients: usize, requests: &Arc<Vec<Prepared>>) -> anyhow::Result<Took> {
    let mut connected = Vec::new();
    for _ in 0..clients {
        connected.push(Client::connect(address).await?);
    }
    let next = Arc::new(AtomicUsize::new(0));
    let begun = Instant::now();
    let mut sending = JoinSet::new();
    for mut client in connected {
        let (requests, next) = (Arc::clone(requests), Arc::clone(&next));
        sending.spawn(async move {
            while let Some(request) = requests.get(next.fetch_add(1, Ordering::Relaxed)) {
                client.send(request).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(sent) = sending.join_next().await {
        sent??;
    }
    Ok(Took { elapsed: begun.elapsed(), answers: requests.len() })
}
