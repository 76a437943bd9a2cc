//! Tells open pages that something happened. Which part of a page is concerned the page finds out itself, by asking for
//! itself again: there is one way in which anything is rendered.

use std::{convert::Infallible, time::Duration};

use axum::{
    Extension,
    response::sse::{Event, KeepAlive, Sse},
};
use futures_util::{Stream, stream};
use tokio_util::sync::CancellationToken;

use super::session::Viewer;
use crate::{db::tallies, http::server::Stopping};

/// How often it is looked whether something happened: one small look-up for each open page.
const EVERY: Duration = Duration::from_secs(1);
/// After so long the browser connects anew, and whether the session is still on is asked again.
const AT_MOST: u32 = 600;

pub async fn changes(
    viewer: Viewer,
    stopping: Option<Extension<Stopping>>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let stop = stopping.map_or_else(CancellationToken::new, |Extension(Stopping(stop))| stop);
    // Before the answer: a page asks for itself once the connection stands, and sees what was before that.
    let seen = tallies::pulse(&viewer.app.pool, viewer.tenant()).await.ok();
    let watch = Watch { viewer, stop, seen, left: AT_MOST };
    let events = stream::unfold(watch, |mut watch| async move { watch.next().await.map(|event| (Ok(event), watch)) });
    Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(20)))
}

struct Watch {
    viewer: Viewer,
    stop: CancellationToken,
    /// The pulse when it was last looked at.
    seen: Option<i64>,
    left: u32,
}

impl Watch {
    /// Waits for the next change; ends when the process stops or its time is over. A database that is away is waited for.
    async fn next(&mut self) -> Option<Event> {
        while self.left > 0 {
            self.left -= 1;
            if let Ok(pulse) = tallies::pulse(&self.viewer.app.pool, self.viewer.tenant()).await {
                let before = self.seen.replace(pulse);
                if before.is_some_and(|before| before != pulse) {
                    // Browsers drop an event that says nothing.
                    return Some(Event::default().event("changed").data("something"));
                }
            }
            self.stop.run_until_cancelled(tokio::time::sleep(EVERY)).await?;
        }
        None
    }
}
