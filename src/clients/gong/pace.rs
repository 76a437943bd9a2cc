//! The pace of requests. Gong allows three a second and ten thousand a day to the whole company, other integrations
//! included, so the pace is kept where all replicas can see it and not here.

use std::time::Duration;

use crate::clients::http::UpstreamError;
use futures_util::future::BoxFuture;

/// Says when a request may be sent.
pub trait Pace: Send + Sync + 'static {
    /// Waits for leave to send one request. It ends in reasonable time: whoever would have to wait longer than a job may
    /// take gets [`UpstreamError::Later`].
    fn turn(&self) -> BoxFuture<'_, Result<(), UpstreamError>>;

    /// Takes note that Gong asked for patience, so that all replicas hold back for as long.
    fn told_to_wait(&self, wait: Duration) -> BoxFuture<'_, ()>;
}

/// The leave to send one request. Sending one uses it up, so none goes out without.
#[must_use]
pub(super) struct Turn(());

impl Turn {
    /// Waits for the next one.
    pub(super) async fn of(pace: &dyn Pace) -> Result<Self, UpstreamError> {
        pace.turn().await?;
        Ok(Self(()))
    }
}
