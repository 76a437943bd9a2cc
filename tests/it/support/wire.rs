//! A listener that speaks bytes: for what no decent server does, and to see that nobody comes.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// Longer than any deadline here on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// A connection, protected or not.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A listener.
pub struct Wire {
    pub address: SocketAddr,
    accepted: Arc<AtomicUsize>,
    open: watch::Receiver<usize>,
}

impl Wire {
    /// Listens on a free port of 127.0.0.1 and gives each connection to `talk`.
    pub async fn start<F: Future<Output = io::Result<()>> + Send + 'static>(
        talk: impl Fn(TcpStream) -> F + Send + 'static,
    ) -> Self {
        Self::on("127.0.0.1:0", talk).await.expect("a free port")
    }

    /// Does the same on this address, unless somebody has it.
    pub async fn on<F: Future<Output = io::Result<()>> + Send + 'static>(
        address: &str,
        talk: impl Fn(TcpStream) -> F + Send + 'static,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let (count, open) = watch::channel(0);
        let (address, accepted) = (listener.local_addr().expect("an address"), Arc::new(AtomicUsize::new(0)));
        let wire = Self { address, accepted: Arc::clone(&accepted), open };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                accepted.fetch_add(1, Ordering::SeqCst);
                count.send_modify(|open| *open += 1);
                let (talking, count) = (talk(stream), count.clone());
                tokio::spawn(async move {
                    let _ = talking.await;
                    count.send_modify(|open| *open -= 1);
                });
            }
        });
        Ok(wire)
    }

    /// How many connections came.
    pub fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    /// Waits until every connection has ended.
    pub async fn all_closed(&self) {
        let mut open = self.open.clone();
        let closed = tokio::time::timeout(PATIENCE, open.wait_for(|open| *open == 0)).await;
        closed.expect("the connections end").expect("the listener lives");
    }

    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }
}

/// Reads a request to the end of its body and gives its head; `None` when the other side has hung up.
pub async fn read_request(stream: &mut impl Stream) -> io::Result<Option<String>> {
    Ok(read_whole(stream).await?.map(|(head, _)| head))
}

/// Reads a request and gives its head and its body; `None` when the other side has hung up.
pub async fn read_whole(stream: &mut impl Stream) -> io::Result<Option<(String, Vec<u8>)>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error),
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let length =
        head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).await?;
    Ok(Some((head, body)))
}

/// Answers every request of a connection with these bytes.
pub async fn answer(mut stream: impl Stream, bytes: &str) -> io::Result<()> {
    while read_request(&mut stream).await?.is_some() {
        stream.write_all(bytes.as_bytes()).await?;
        stream.flush().await?;
    }
    Ok(())
}
