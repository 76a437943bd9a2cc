//! The life of one statement: submitted, awaited while it runs, fetched in parts, cancelled when it takes too long.

use std::{sync::Arc, time::Duration};

use crate::clients::http::{Reply, UpstreamError};
use http::StatusCode;
use serde_json::{Map, Value, json};
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

use super::{
    api::{Api, Handle},
    result::{Gathering, Rows},
};

/// The pause before the first look at a statement that is still running; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(3);
/// How long we try to cancel: the warehouse's own time-out ends the statement too.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(10);

/// A value for a `?` of a statement. It is sent as text: Snowflake converts it to what the column needs, and the other
/// types of binds have no advantage for us (contract §1.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bind {
    /// A text.
    Text(String),
    /// SQL NULL.
    Null,
}

/// Where statements run, spelt as the API wants it; what is absent is the user's default.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) role: Option<String>,
    pub(super) warehouse: Option<String>,
    pub(super) database: Option<String>,
    pub(super) schema: Option<String>,
}

impl Place {
    /// The names that are set, by the request's word for each.
    pub(super) fn named(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let Self { role, warehouse, database, schema } = self;
        let named = [("role", role), ("warehouse", warehouse), ("database", database), ("schema", schema)];
        named.into_iter().filter_map(|(word, name)| Some((word, name.as_deref()?)))
    }
}

/// Runs statements in one place.
#[derive(Clone)]
pub(super) struct Statements {
    pub(super) api: Arc<Api>,
    pub(super) place: Place,
    pub(super) timeout: Duration,
}

impl Statements {
    /// Runs one statement and brings all its rows.
    pub(super) async fn run(
        &self,
        sql: &str,
        binds: &[Bind],
        request_id: Uuid,
        repeat: bool,
    ) -> Result<Rows, UpstreamError> {
        let deadline = Instant::now() + self.timeout;
        let submitted = self.api.submit(&self.body(sql, binds), request_id, repeat, deadline).await?;
        let done = match submitted.status {
            StatusCode::OK => submitted,
            // It may run on for any statement, whether that was asked for or not (contract §1.6).
            StatusCode::ACCEPTED => self.await_end(&submitted, deadline).await?,
            _ => return Err(self.api.refused("submit", &submitted)),
        };
        self.gather(&done).await
    }

    async fn await_end(&self, submitted: &Reply, deadline: Instant) -> Result<Reply, UpstreamError> {
        let handle = submitted.json().as_ref().and_then(Handle::find).ok_or_else(without_handle)?;
        let mut pause = FIRST_PAUSE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(self.give_up(&handle).await);
            }
            sleep(pause.min(left)).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
            let reply = self.api.poll(&handle).await?;
            match reply.status {
                StatusCode::OK => return Ok(reply),
                StatusCode::ACCEPTED => {}
                _ => return Err(self.api.refused("poll", &reply)),
            }
        }
    }

    /// Frees the warehouse of a statement that takes too long.
    async fn give_up(&self, handle: &Handle) -> UpstreamError {
        let cancelled = timeout(CANCEL_TIMEOUT, self.api.cancel(handle)).await.unwrap_or(false);
        let outcome = if cancelled { "it was cancelled" } else { "it could not be cancelled" };
        UpstreamError::Retry(format!("the statement in Snowflake took longer than {:?}; {outcome}", self.timeout))
    }

    async fn gather(&self, done: &Reply) -> Result<Rows, UpstreamError> {
        let mut gathering = Gathering::begin(done)?;
        for number in 1..gathering.partitions() {
            let handle = gathering.handle().ok_or_else(without_handle)?;
            let reply = self.api.partition(handle, number).await?;
            match reply.status {
                StatusCode::OK => gathering.add(&reply)?,
                _ => return Err(self.api.refused("partition", &reply)),
            }
        }
        gathering.finish()
    }

    fn body(&self, sql: &str, binds: &[Bind]) -> Value {
        let mut body = json!({
            "statement": sql,
            // Whole seconds, and never 0: that would mean a week.
            "timeout": u64::try_from(self.timeout.as_millis().div_ceil(1000)).unwrap_or(u64::MAX),
            "bindings": bindings(binds),
            "parameters": {"query_tag": "aftercall"},
        });
        for (word, name) in self.place.named() {
            body[word] = name.into();
        }
        body
    }
}

/// Positions from 1 as text, values as text or null.
fn bindings(binds: &[Bind]) -> Map<String, Value> {
    let bind = |(position, bind): (usize, &Bind)| {
        let value = match bind {
            Bind::Text(text) => Value::from(text.as_str()),
            Bind::Null => Value::Null,
        };
        (position.to_string(), json!({"type": "TEXT", "value": value}))
    };
    (1..).zip(binds).map(bind).collect()
}

fn without_handle() -> UpstreamError {
    UpstreamError::Retry("Snowflake answered without a usable statement handle".to_owned())
}
