//! A receiver that answers 200 at once and counts: what stands at the other end of all deliveries.

use std::{
    collections::HashMap,
    convert::Infallible,
    net::Ipv4Addr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::ensure;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::{net::TcpListener, sync::oneshot};

/// How long anything is waited for.
const PATIENCE: Duration = Duration::from_secs(300);

type Awaited = HashMap<String, oneshot::Sender<Instant>>;

/// A local HTTP server on a thread of its own.
#[derive(Clone)]
pub struct Sink {
    pub address: String,
    count: Arc<AtomicUsize>,
    awaited: Arc<Mutex<Awaited>>,
}

/// What is read of an event: the call it is about.
#[derive(Deserialize)]
struct Told {
    data: ToldData,
}

#[derive(Deserialize)]
struct ToldData {
    call: ToldCall,
}

#[derive(Deserialize)]
struct ToldCall {
    id: String,
}

impl Sink {
    pub fn start() -> anyhow::Result<Self> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let sink = Self { address: listener.local_addr()?.to_string(), count: Arc::default(), awaited: Arc::default() };
        let serving = sink.clone();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(serving.serve(listener))
        });
        Ok(sink)
    }

    /// One of its addresses: all lead to the same count.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.address)
    }

    pub fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Waits until so much has arrived in all.
    pub async fn reached(&self, count: usize) -> anyhow::Result<()> {
        let begun = Instant::now();
        while self.count() < count {
            ensure!(begun.elapsed() < PATIENCE, "{} of {count} arrived", self.count());
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(())
    }

    /// Tells when the next event of a call arrives.
    pub fn arrival(&self, call_id: &str) -> oneshot::Receiver<Instant> {
        let (tell, told) = oneshot::channel();
        self.awaited.lock().unwrap_or_else(PoisonError::into_inner).insert(call_id.to_owned(), tell);
        told
    }

    async fn serve(self, listener: std::net::TcpListener) -> anyhow::Result<()> {
        let listener = TcpListener::from_std(listener)?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let sink = self.clone();
            let service = service_fn(move |request| sink.clone().take(request));
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    }

    async fn take(self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        if let Ok(body) = request.into_body().collect().await {
            let now = Instant::now();
            self.count.fetch_add(1, Ordering::Relaxed);
            let mut awaited = self.awaited.lock().unwrap_or_else(PoisonError::into_inner);
            if !awaited.is_empty()
                && let Ok(told) = serde_json::from_slice::<Told>(&body.to_bytes())
                && let Some(tell) = awaited.remove(&told.data.call.id)
            {
                let _ = tell.send(now);
            }
        }
        Ok(Response::new(Full::default()))
    }
}
