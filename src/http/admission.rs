//! How much of what clients send is held in memory at once, all requests together. What goes over that is answered 503 with
//! `Retry-After`, and the rest goes on: a process that is killed for its memory answers nobody.
//!
//! Bytes count as they arrive, so that a client which only announces a large body takes nothing from others. How large one body
//! may be is for whoever reads it.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use axum::{
    body::Body,
    extract::{Extension, Request},
    middleware::Next,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::StreamExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::problem::{Problem, ProblemKind};

/// So many bytes of bodies are held at once: sixteen thousand usual callbacks, or sixty-four of the largest.
pub const HELD_BYTES: usize = 64 << 20;

/// What is left of the room for bodies.
#[derive(Clone)]
pub struct Admission(Arc<Semaphore>);

impl Default for Admission {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(HELD_BYTES)))
    }
}

/// What one request holds; given back when it has been answered.
struct Held {
    room: Arc<Semaphore>,
    taken: Mutex<Option<OwnedSemaphorePermit>>,
    refused: AtomicBool,
}

#[derive(Debug, thiserror::Error)]
#[error("there is no room for more at present")]
struct NoRoom;

impl Held {
    fn take(&self, chunk: Bytes) -> Result<Bytes, NoRoom> {
        let bytes = u32::try_from(chunk.len()).unwrap_or(u32::MAX);
        let Ok(permit) = Arc::clone(&self.room).try_acquire_many_owned(bytes) else {
            self.refused.store(true, Ordering::Relaxed);
            return Err(NoRoom);
        };
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        match taken.as_mut() {
            Some(taken) => taken.merge(permit),
            None => *taken = Some(permit),
        }
        Ok(chunk)
    }
}

/// Counts what is read of a request's body, and answers 503 where there is no room for it.
pub async fn admit(Extension(Admission(room)): Extension<Admission>, request: Request, next: Next) -> Response {
    let held = Arc::new(Held { room, taken: Mutex::default(), refused: AtomicBool::default() });
    let counting = Arc::clone(&held);
    let counted = |body: Body| {
        let chunks = body.into_data_stream();
        Body::from_stream(chunks.map(move |chunk| counting.take(chunk?).map_err(axum::Error::new)))
    };
    let answer = next.run(request.map(counted)).await;
    if held.refused.load(Ordering::Relaxed) {
        return Problem::new(ProblemKind::Unavailable, "too much is being worked on; try again soon").into_response();
    }
    answer
}
