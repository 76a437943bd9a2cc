//! A receiver that does what no decent one does, and remembers what it was sent.

use std::{
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::Value;
use tokio::{io::AsyncWriteExt, net::TcpStream};

use crate::support::{Wire, read_whole};

/// What it does to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Misdeed {
    /// Nothing wrong: 200.
    None,
    /// 503.
    Refuse,
    /// Takes it and closes the connection without an answer: what a proxy does that loses its backend.
    HangUp,
    /// Takes it and resets the connection.
    Reset,
    /// Takes it and never answers.
    Silence,
    /// Answers 200, a byte at a time, and never comes to an end.
    Trickle,
    /// Announces a longer answer than it gives.
    TooLong,
    /// Announces a shorter answer than it gives: what is left over looks like another answer.
    TooShort,
    /// 200 with a body without end.
    EndlessBody,
    /// Headers without end.
    EndlessHead,
    /// Answers 200 before it has read anything, and does not read.
    Early,
}

impl Misdeed {
    /// Whether whoever sent must take it for delivered.
    pub(super) fn is_taken(self) -> bool {
        matches!(self, Self::None | Self::TooLong | Self::TooShort | Self::EndlessBody | Self::Early)
    }
}

/// What arrived: the body, the `webhook-id`, and what was done to it.
#[derive(Clone)]
pub(super) struct Suffered {
    pub(super) body: Value,
    pub(super) id: String,
    pub(super) misdeed: Misdeed,
}

/// A running receiver.
pub(super) struct Rogue {
    wire: Wire,
    suffered: Arc<Mutex<Vec<Suffered>>>,
    behaves: Arc<AtomicBool>,
}

impl Rogue {
    /// Does these to one request after another, over and over.
    pub(super) async fn start(misdeeds: Vec<Misdeed>) -> Self {
        let (suffered, behaves) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (record, is_good, next) = (Arc::clone(&suffered), Arc::clone(&behaves), AtomicUsize::new(0));
        let wire = Wire::start(move |stream| {
            let misdeed = misdeeds[next.fetch_add(1, Ordering::SeqCst) % misdeeds.len()];
            talk(stream, if is_good.load(Ordering::SeqCst) { Misdeed::None } else { misdeed }, Arc::clone(&record))
        })
        .await;
        Self { wire, suffered, behaves }
    }

    /// Does nothing wrong from now on.
    pub(super) fn behave(&self) {
        self.behaves.store(true, Ordering::SeqCst);
    }

    pub(super) fn url(&self) -> String {
        self.wire.url()
    }

    pub(super) fn suffered(&self) -> Vec<Suffered> {
        self.suffered.lock().unwrap().clone()
    }
}

async fn talk(mut stream: TcpStream, misdeed: Misdeed, record: Arc<Mutex<Vec<Suffered>>>) -> io::Result<()> {
    if misdeed == Misdeed::Early {
        stream.write_all(OK).await?;
        return stream.shutdown().await;
    }
    let Some((head, body)) = read_whole(&mut stream).await? else { return Ok(()) };
    let header = |line: &str| line.to_ascii_lowercase().strip_prefix("webhook-id:").map(|id| id.trim().to_owned());
    let id = head.lines().find_map(header).unwrap_or_default();
    let body = serde_json::from_slice(&body).unwrap_or_default();
    record.lock().unwrap().push(Suffered { body, id, misdeed });
    match misdeed {
        Misdeed::None | Misdeed::Early => stream.write_all(OK).await,
        Misdeed::Refuse => stream.write_all(REFUSED).await,
        Misdeed::HangUp => Ok(()),
        Misdeed::Reset => stream.set_zero_linger(),
        Misdeed::Silence => std::future::pending().await,
        Misdeed::Trickle => forever(stream, b"HTTP/1.1 200 O", b"K", Duration::from_millis(100)).await,
        Misdeed::TooLong => stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4096\r\n\r\nshort").await,
        Misdeed::TooShort => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await?;
            stream.write_all(OK).await?;
            // The connection stays open: whoever used it again would read an answer to nothing.
            read_whole(&mut stream).await.map(drop)
        }
        Misdeed::EndlessBody => {
            forever(stream, b"HTTP/1.1 200 OK\r\n\r\n", b"and so on, and so on ", Duration::ZERO).await
        }
        Misdeed::EndlessHead => forever(stream, b"HTTP/1.1 200 OK\r\n", b"x-more: and more\r\n", Duration::ZERO).await,
    }
}

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";
const REFUSED: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

async fn forever(mut stream: TcpStream, first: &[u8], again: &[u8], pause: Duration) -> io::Result<()> {
    stream.write_all(first).await?;
    loop {
        stream.write_all(again).await?;
        tokio::time::sleep(pause).await;
    }
}
