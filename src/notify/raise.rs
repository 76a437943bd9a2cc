//! Takes events in that other programs raise. Those that arrive together share a transaction.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sqlx::{Connection, PgConnection, PgPool};

use super::emit;
use crate::{
    db::events,
    domain::{clock::Clock, event::NewEvent, ids::EventId},
    queue::{Committer, GroupCommit, GroupCommitError, Wake},
};

/// How many events share a transaction at most.
const LARGEST_BATCH: usize = 128;

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Raised {
    /// The event, of the first telling if this is a repeat.
    pub event_id: EventId,
    /// To how many endpoints it goes.
    pub endpoints: i64,
    /// Whether its id of the other program was known.
    pub duplicate: bool,
}

/// Raises events.
#[derive(Clone)]
pub struct Raising {
    commits: GroupCommit<RaiseCommitter>,
    wake: Wake,
}

impl Raising {
    /// Starts the committing task.
    #[must_use]
    pub fn start(pool: PgPool, clock: Clock, wake: Wake) -> Self {
        Self { commits: GroupCommit::start(pool, RaiseCommitter { clock }, LARGEST_BATCH), wake }
    }

    /// Raises an event; when this returns, it is committed.
    pub async fn raise(&self, event: NewEvent) -> Result<Raised, GroupCommitError> {
        let raised = self.commits.commit(event).await?;
        if raised.endpoints > 0 && !raised.duplicate {
            self.wake.now();
        }
        Ok(raised)
    }
}

/// Raises events with the caller's transaction. One whose id of the other program is known is left as it is; should another
/// transaction have raised it in this moment, the database refuses this one (see [`told_meanwhile`]).
pub async fn raise_in(tx: &mut PgConnection, told: &[NewEvent], now: DateTime<Utc>) -> sqlx::Result<Vec<Raised>> {
    let ids: Vec<(&str, &str)> = told.iter().filter_map(external).collect();
    let known = if ids.is_empty() { Vec::new() } else { events::find_raised(&mut *tx, &ids).await? };
    let mut first: HashMap<(&str, &str), Raised> = HashMap::new();
    for event in &known {
        let raised = Raised { event_id: event.id, endpoints: event.endpoints, duplicate: true };
        first.insert((&event.tenant, &event.external_id), raised);
    }
    let mut fresh: Vec<NewEvent> = Vec::with_capacity(told.len());
    for event in told {
        if let Some(id) = external(event) {
            if first.contains_key(&id) {
                continue;
            }
            first.insert(id, Raised { event_id: event.id, endpoints: 0, duplicate: true });
        }
        fresh.push(event.clone());
    }
    let emitted = emit(tx, &fresh, now).await?;
    let reached: HashMap<EventId, i64> = fresh
        .iter()
        .zip(emitted)
        .map(|(event, emitted)| (event.id, i64::try_from(emitted.endpoints).unwrap_or(i64::MAX)))
        .collect();
    let answer = |event: &NewEvent| {
        if let Some(&endpoints) = reached.get(&event.id) {
            return Raised { event_id: event.id, endpoints, duplicate: false };
        }
        let first = external(event).and_then(|id| first.get(&id)).copied().expect("what was left out is known");
        Raised { endpoints: reached.get(&first.event_id).copied().unwrap_or(first.endpoints), ..first }
    };
    Ok(told.iter().map(answer).collect())
}

fn external(event: &NewEvent) -> Option<(&str, &str)> {
    Some((&event.tenant, event.external_id.as_deref()?))
}

/// Whether the database refused events because another transaction has just raised one of them.
#[must_use]
pub fn told_meanwhile(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(error) if error.constraint() == Some("events_external_id_unique"))
}

struct RaiseCommitter {
    clock: Clock,
}

impl RaiseCommitter {
    async fn try_commit(&self, db: &mut PgConnection, batch: &[NewEvent]) -> sqlx::Result<Vec<Raised>> {
        let mut tx = db.begin().await?;
        let raised = raise_in(&mut tx, batch, self.clock.now()).await?;
        tx.commit().await?;
        Ok(raised)
    }
}

impl Committer for RaiseCommitter {
    type Item = NewEvent;
    type Answer = Raised;

    async fn commit(&self, db: &mut PgConnection, batch: &[NewEvent]) -> sqlx::Result<Vec<Raised>> {
        match self.try_commit(db, batch).await {
            Err(error) if told_meanwhile(&error) => self.try_commit(db, batch).await, // now it is known
            result => result,
        }
    }
}
