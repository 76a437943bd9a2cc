//! A proxy on the wire that loses answers: what was asked is done, and whoever asked never hears of it.

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UnixStream},
};

use super::wire::{Stream, Wire};

/// What stands behind a proxy.
#[derive(Clone)]
pub enum Behind {
    Tcp(String),
    Unix(PathBuf),
}

/// A running proxy.
pub struct Proxy {
    wire: Wire,
    lost: Arc<AtomicUsize>,
}

impl Proxy {
    /// Passes everything on, but for what comes back and of which `lose` says so: that and its connection end there.
    pub async fn before(behind: Behind, lose: impl Fn(&[u8]) -> bool + Send + Sync + 'static) -> Self {
        let (lost, lose) = (Arc::new(AtomicUsize::new(0)), Arc::new(lose));
        let counted = Arc::clone(&lost);
        let wire = Wire::start(move |asking| {
            let (behind, lose, lost) = (behind.clone(), Arc::clone(&lose), Arc::clone(&counted));
            async move {
                let answering: Box<dyn Stream> = match behind {
                    Behind::Tcp(address) => Box::new(TcpStream::connect(address).await?),
                    Behind::Unix(path) => Box::new(UnixStream::connect(path).await?),
                };
                asking.set_nodelay(true)?;
                let (mut asks, mut hears) = asking.into_split();
                let (mut answers, mut takes) = tokio::io::split(answering);
                let back = async {
                    let mut bytes = vec![0; 1 << 16];
                    loop {
                        let read = answers.read(&mut bytes).await?;
                        if read > 0 && lose(&bytes[..read]) {
                            lost.fetch_add(1, Ordering::SeqCst);
                            return Ok(());
                        }
                        if read == 0 {
                            return Ok(());
                        }
                        hears.write_all(&bytes[..read]).await?;
                    }
                };
                tokio::select! {
                    ended = tokio::io::copy(&mut asks, &mut takes) => ended.map(drop),
                    ended = back => ended,
                }
            }
        })
        .await;
        Self { wire, lost }
    }

    /// Stands before an HTTP server at a URL and loses every `nth` of its answers.
    pub async fn losing_every(nth: usize, url: &str) -> Self {
        let address = url.trim_start_matches("http://").split('/').next().expect("a host").to_owned();
        let answers = AtomicUsize::new(0);
        let begins = |bytes: &[u8]| bytes.starts_with(b"HTTP/1.1 ");
        Self::before(Behind::Tcp(address), move |bytes| {
            begins(bytes) && answers.fetch_add(1, Ordering::SeqCst) % nth == nth - 1
        })
        .await
    }

    pub fn address(&self) -> SocketAddr {
        self.wire.address
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.wire.address)
    }

    /// How many answers were lost.
    pub fn lost(&self) -> usize {
        self.lost.load(Ordering::SeqCst)
    }
}
