//! Reads the calls of a window of time, page by page, and what is not known of them yet.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};

use crate::{
    clients::{
        gong::{GongApi, MOST_PAGES, PageError},
        http::UpstreamError,
    },
    domain::call::Call,
};

/// So often a window is begun again because its cursor died: each takes up to an hour.
const RESTARTS: usize = 3;

/// Where in a window the reading is.
pub(super) struct Window {
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    cursor: Option<String>,
    restarts: usize,
    pages: usize,
    done: bool,
}

impl Window {
    /// From `from` (inclusive) to `to` (exclusive).
    pub(super) fn new(from: DateTime<Utc>, to: DateTime<Utc>) -> Self {
        Self { from, to, cursor: None, restarts: 0, pages: 0, done: from >= to }
    }

    /// The next page, or `None` after the last. An error leaves the window where it is, to be asked again. When a cursor
    /// dies the window begins again: what was read comes a second time.
    pub(super) async fn next(&mut self, api: &GongApi) -> Result<Option<Vec<Call>>, UpstreamError> {
        while !self.done {
            if self.pages == MOST_PAGES {
                return Err(UpstreamError::Never(format!(
                    "Gong's list of calls does not end after {MOST_PAGES} pages"
                )));
            }
            match api.calls_in_window(self.from, self.to, self.cursor.as_deref()).await {
                Ok(page) => {
                    self.done = page.next.is_none();
                    self.cursor = page.next;
                    self.pages += 1;
                    return Ok(Some(page.items));
                }
                Err(PageError::CursorDied) if self.restarts < RESTARTS => {
                    self.restarts += 1;
                    self.cursor = None;
                    self.pages = 0;
                }
                Err(PageError::CursorDied) => {
                    return Err(UpstreamError::Never("Gong's cursors die before the list ends".to_owned()));
                }
                Err(PageError::Upstream(error)) => return Err(error),
            }
        }
        Ok(None)
    }
}

/// Joins what a list says of calls with their details, each call once. One whose details do not show yet is taken as it
/// is listed: its run finds the rest before anything is published.
pub(super) fn with_details(listed: Vec<Call>, details: Vec<Call>) -> Vec<Call> {
    let mut details: HashMap<String, Call> = details.into_iter().map(|call| (call.id.clone(), call)).collect();
    let mut joined: BTreeMap<String, Call> = BTreeMap::new();
    for mut call in listed {
        if let Some(more) = details.remove(&call.id) {
            call.merge(more);
        }
        joined.entry(call.id.clone()).and_modify(|known| known.merge(call.clone())).or_insert(call);
    }
    joined.into_values().collect()
}
