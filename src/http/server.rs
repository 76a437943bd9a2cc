//! The accept loop: what `axum::serve` leaves out. A client that sends its headers a byte a minute is cut off, and so many
//! connections at once are taken and no more.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, extract::Request};
use futures_util::FutureExt;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use tracing::{debug, warn};

use crate::lifecycle::Shutdown;

/// How long a client may take to send its headers, and how long a connection may be idle between two requests.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// Connections at once; further ones wait in the kernel's queue.
const CONNECTIONS: usize = 2048;

/// Said to answers that would go on for ever: the process takes nothing new and wants to end.
#[derive(Debug, Clone)]
pub struct Stopping(pub CancellationToken);

/// Serves until the soft signal, then lets requests finish until the hard one.
pub async fn serve(listener: TcpListener, router: Router, shutdown: Shutdown) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let graceful = GracefulShutdown::new();
    let stopping = Stopping(shutdown.soft.clone());
    loop {
        let Some(Ok(place)) = shutdown.soft.run_until_cancelled(Arc::clone(&places).acquire_owned()).await else {
            break;
        };
        let Some(accepted) = shutdown.soft.run_until_cancelled(listener.accept()).await else { break };
        match accepted {
            Ok(connection) => spawn(connection, place, &router, &stopping, &graceful),
            Err(error) => {
                // Out of file descriptors, most likely: hammering would not help.
                warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
    // Who is connected already, and only waits to be let in, would meet a reset.
    while let Some(Ok(connection)) = listener.accept().now_or_never() {
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else { break };
        spawn(connection, place, &router, &stopping, &graceful);
    }
    drop(listener);
    shutdown.hard.run_until_cancelled(graceful.shutdown()).await;
}

fn spawn(
    (stream, peer): (TcpStream, SocketAddr),
    place: OwnedSemaphorePermit,
    router: &Router,
    stopping: &Stopping,
    graceful: &GracefulShutdown,
) {
    let _ = stream.set_nodelay(true);
    let (router, stopping) = (router.clone(), stopping.clone());
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let mut request: Request = request.map(axum::body::Body::new);
        request.extensions_mut().insert(peer);
        request.extensions_mut().insert(stopping.clone());
        router.clone().oneshot(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    let connection = graceful.watch(connection);
    tokio::spawn(async move {
        let _place = place;
        if let Err(error) = connection.await {
            debug!(%error, "a connection ended badly");
        }
    });
}
