//! Sends questions to Gong, each in its turn, and follows the pages of their answers.

use std::{sync::Arc, time::Duration};

use crate::clients::http::{Reply, Sender, UpstreamError};
use http::StatusCode;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::{
    errors::{self, Refusal},
    listing::Listing,
    pace::{Pace, Turn},
    pages::{self, MOST_PAGES, Page},
};

/// How long to wait when Gong asks for patience without saying how long: its limit is counted by the second.
const DEFAULT_WAIT: Duration = Duration::from_secs(1);

/// The way to Gong: its sender, credentials and pace.
pub(super) struct Exchange {
    pub(super) sender: Sender,
    pub(super) access_key: String,
    pub(super) access_key_secret: SecretString,
    pub(super) pace: Arc<dyn Pace>,
}

impl Exchange {
    /// Waits for leave to send one request.
    pub(super) async fn turn(&self) -> Result<Turn, UpstreamError> {
        Turn::of(self.pace.as_ref()).await
    }

    /// Asks for one page, which uses up the turn.
    pub(super) async fn page<T>(
        &self,
        _turn: Turn,
        listing: &Listing,
        cursor: Option<&str>,
        read: fn(&Value) -> Option<T>,
    ) -> Result<Page<T>, Refusal> {
        let request = listing.request(&self.sender, cursor);
        let request = request.basic_auth(&self.access_key, Some(self.access_key_secret.expose_secret()));
        let reply = self.sender.send(listing.what, request).await.map_err(|error| match error {
            UpstreamError::Never(too_large) => Refusal::Request(too_large),
            other => other.into(),
        })?;
        if reply.status == StatusCode::TOO_MANY_REQUESTS {
            return Err(self.told_to_wait(listing.what, &reply).await.into());
        }
        match errors::understand(listing.what, &reply) {
            Ok(answer) => Ok(Page::read(listing.what, &answer, listing.array, cursor, read)?),
            Err(Refusal::NoMatch) => Ok(Page::empty()),
            // There was no cursor that could have died.
            Err(Refusal::CursorDied(text)) if cursor.is_none() => Err(Refusal::Request(text)),
            Err(refusal) => Err(refusal),
        }
    }

    /// Asks for all pages. The first is asked for in the turn that was taken already, if one was. A cursor that dies
    /// makes it begin anew, once.
    pub(super) async fn all<T>(
        &self,
        mut first: Option<Turn>,
        listing: &Listing,
        read: fn(&Value) -> Option<T>,
    ) -> Result<Vec<T>, Refusal> {
        match self.all_at_once(first.take(), listing, read).await {
            Err(Refusal::CursorDied(_)) => self.all_at_once(None, listing, read).await,
            other => other,
        }
    }

    async fn all_at_once<T>(
        &self,
        mut first: Option<Turn>,
        listing: &Listing,
        read: fn(&Value) -> Option<T>,
    ) -> Result<Vec<T>, Refusal> {
        let mut items = Vec::new();
        let mut cursor: Option<String> = None;
        for _ in 0..MOST_PAGES {
            let turn = match first.take() {
                Some(turn) => turn,
                None => self.turn().await?,
            };
            let page = self.page(turn, listing, cursor.as_deref(), read).await?;
            items.extend(page.items);
            cursor = page.next;
            if cursor.is_none() {
                return Ok(items);
            }
        }
        Err(pages::endless(listing.what).into())
    }

    /// Makes everybody hold back, and puts this request back too. The limit of a day may ask for hours: waiting here
    /// would only occupy a worker.
    async fn told_to_wait(&self, what: &str, reply: &Reply) -> UpstreamError {
        let wait = reply.retry_after(self.sender.now()).unwrap_or(DEFAULT_WAIT);
        self.pace.told_to_wait(wait).await;
        UpstreamError::Later { why: errors::described(what, reply), wait }
    }
}
