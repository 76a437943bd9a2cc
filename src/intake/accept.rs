//! Takes calls in: event, run and first job in one transaction, and only then an answer.
//!
//! Callbacks that arrive together share that transaction. One call makes one run, however often it is told.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::{Connection, PgConnection, PgPool};

use super::{
    Callback,
    calls::{self, Withheld},
};
use crate::{
    db::{
        call_search,
        runs::{self, NewRun},
    },
    domain::{
        call::Call,
        clock::Clock,
        event::{Audience, NewEvent, event_type},
        ids::{EventId, RunId},
        payload::CallData,
        run::{RunState, skip_reason},
    },
    notify,
    queue::{Committer, GroupCommit, GroupCommitError, Wake},
};

/// How many callbacks share a transaction at most.
const LARGEST_BATCH: usize = 128;

/// What became of a callback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepted {
    /// The event, of the first callback if this is a repeat.
    pub event_id: EventId,
    /// The run; a test has none.
    pub run_id: Option<RunId>,
    /// Whether the call was known.
    pub duplicate: bool,
    /// Whether the call is private, so that its run ended before it began.
    pub skipped: bool,
}

/// Takes callbacks in.
#[derive(Clone)]
pub struct Intake {
    commits: GroupCommit<AcceptCommitter>,
    wake: Wake,
}

impl Intake {
    /// Starts the committing task.
    #[must_use]
    pub fn start(pool: PgPool, clock: Clock, wake: Wake) -> Self {
        Self { commits: GroupCommit::start(pool, AcceptCommitter { clock }, LARGEST_BATCH), wake }
    }

    /// Takes a callback in; when this returns, it is committed.
    pub async fn accept(&self, callback: Callback) -> Result<Accepted, GroupCommitError> {
        let accepted = self.commits.commit(callback).await?;
        if !accepted.duplicate {
            self.wake.now();
        }
        Ok(accepted)
    }
}

struct AcceptCommitter {
    clock: Clock,
}

impl Committer for AcceptCommitter {
    type Item = Callback;
    type Answer = Accepted;

    async fn commit(&self, db: &mut PgConnection, batch: &[Callback]) -> sqlx::Result<Vec<Accepted>> {
        let mut tx = db.begin().await?;
        let answers = accept_all(&mut tx, batch, self.clock.now()).await?;
        tx.commit().await?;
        Ok(answers)
    }
}

/// A call of one tenant: what makes two callbacks the same, whichever source they come by.
type CallKey<'a> = (&'a str, &'a str);

/// Takes one call in with the caller's transaction.
pub async fn accept_in(tx: &mut PgConnection, callback: Callback, now: DateTime<Utc>) -> sqlx::Result<Accepted> {
    let accepted = accept_all(tx, std::slice::from_ref(&callback), now).await?.pop();
    accepted.ok_or(sqlx::Error::RowNotFound)
}

async fn accept_all(tx: &mut PgConnection, batch: &[Callback], now: DateTime<Utc>) -> sqlx::Result<Vec<Accepted>> {
    // Ordered, so that replicas that take the same calls in lock them in the same order.
    let mut first_of: BTreeMap<CallKey<'_>, &Callback> = BTreeMap::new();
    for callback in batch {
        if let Some(call) = &callback.call {
            first_of.entry((&callback.tenant, &call.id)).or_insert(callback);
        }
    }
    // Calls first: whether one is private is what all tellings of it say together.
    let withheld = upsert_calls(tx, batch, now).await?;
    let key_of = |callback: &Callback, call: &Call| (callback.tenant.clone(), call.id.clone());
    let reason = |callback: &Callback, call: &Call| match key_of(callback, call) {
        key if withheld.erased.contains(&key) => Some(skip_reason::ERASED),
        key if withheld.private.contains(&key) => Some(skip_reason::PRIVATE),
        _ => None,
    };
    let new_runs: Vec<NewRun> = first_of
        .values()
        .filter_map(|callback| {
            let call = callback.call.as_ref()?;
            Some(new_run(callback, call, reason(callback, call)))
        })
        .collect();
    let started: HashSet<RunId> = runs::insert_runs(tx, &new_runs, now).await?.into_iter().collect();

    let mut known: HashMap<CallKey<'_>, (EventId, RunId)> = HashMap::new();
    let mut events = Vec::new();
    let mut claimable: HashSet<CallKey<'_>> = HashSet::new();
    for (run, (key, callback)) in new_runs.iter().zip(&first_of).filter(|(run, _)| started.contains(&run.id)) {
        known.insert(*key, (run.event_id, run.id));
        events.extend(events_of(run, callback, now));
        if run.state == RunState::Active {
            claimable.insert(*key);
        }
    }
    let repeated: Vec<CallKey<'_>> = first_of.keys().copied().filter(|key| !known.contains_key(key)).collect();
    if !repeated.is_empty() {
        for first in runs::find_first_runs(&mut *tx, &repeated).await? {
            if let Some(key) = repeated.iter().find(|(tenant, id)| *tenant == first.tenant && *id == first.call_id) {
                known.insert(*key, (first.event_id, first.run_id));
            }
        }
    }
    // What a worker will claim is indexed for the search then, in fewer and larger strokes; nobody claims the others.
    let unclaimed: Vec<CallKey<'_>> = first_of.keys().copied().filter(|key| !claimable.contains(key)).collect();
    call_search::refresh_held(tx, &unclaimed).await?;

    let mut fresh: HashSet<CallKey<'_>> = first_of.keys().copied().filter(|key| !repeated.contains(key)).collect();
    let mut answers = Vec::with_capacity(batch.len());
    for callback in batch {
        let Some(call) = &callback.call else {
            let event = test_event(callback, now);
            answers.push(Accepted { event_id: event.id, run_id: None, duplicate: false, skipped: false });
            events.push(event);
            continue;
        };
        let key = (callback.tenant.as_str(), call.id.as_str());
        let (event_id, run_id) = *known.get(&key).ok_or(sqlx::Error::RowNotFound)?;
        let skipped = reason(callback, call).is_some();
        answers.push(Accepted { event_id, run_id: Some(run_id), duplicate: !fresh.remove(&key), skipped });
    }
    notify::emit(tx, &events, now).await?;
    Ok(answers)
}

fn new_run(callback: &Callback, call: &Call, skipped: Option<&'static str>) -> NewRun {
    NewRun {
        id: RunId::new(),
        tenant: callback.tenant.clone(),
        source: callback.source,
        call_id: call.id.clone(),
        event_id: EventId::new(),
        state: if skipped.is_some() { RunState::Skipped } else { RunState::Active },
        reason: skipped,
        trace: callback.trace.clone(),
    }
}

/// Brings the calls up to date, also by repeats, and returns those that must not be published.
async fn upsert_calls(tx: &mut PgConnection, batch: &[Callback], now: DateTime<Utc>) -> sqlx::Result<Withheld> {
    let mut told: BTreeMap<(&str, &str), Call> = BTreeMap::new();
    for callback in batch {
        let Some(call) = &callback.call else { continue };
        told.entry((&callback.tenant, &call.id))
            .and_modify(|known| known.merge(call.clone()))
            .or_insert_with(|| call.clone());
    }
    let rows: Vec<(&str, &Call)> = told.iter().map(|((tenant, _), call)| (*tenant, call)).collect();
    calls::upsert_calls(tx, &rows, now).await
}

/// `call.received`, and `call.skipped` behind it for a private call; nobody hears of a private call. Of a call that was
/// erased no more than its id is kept.
fn events_of(run: &NewRun, callback: &Callback, now: DateTime<Utc>) -> Vec<NewEvent> {
    let Some(call) = &callback.call else { return Vec::new() };
    let erased = run.reason == Some(skip_reason::ERASED);
    let bare = Call { id: call.id.clone(), ..Call::default() };
    let call = if erased { &bare } else { call };
    let mut data = CallData::new(call, call.crm_account.as_ref(), run.id);
    let received = NewEvent {
        id: run.event_id,
        tenant: run.tenant.clone(),
        event_type: event_type::CALL_RECEIVED.to_owned(),
        intent: None,
        subject: Some(call.id.clone()),
        data: data.to_value(),
        external_id: None,
        audience: if run.state == RunState::Skipped { Audience::Nobody } else { Audience::Endpoints },
        mailboxes: Vec::new(),
        callback: Some((callback.source, if erased { Vec::new() } else { callback.body.clone() })),
        run_id: Some(run.id),
        trace: run.trace.clone(),
        origin_at: now,
    };
    if run.state != RunState::Skipped {
        return vec![received];
    }
    data.reason = run.reason.map(str::to_owned);
    let skipped = NewEvent {
        id: EventId::new(),
        event_type: event_type::CALL_SKIPPED.to_owned(),
        data: data.to_value(),
        callback: None,
        ..received.clone()
    };
    vec![received, skipped]
}

fn test_event(callback: &Callback, now: DateTime<Utc>) -> NewEvent {
    NewEvent {
        id: EventId::new(),
        tenant: callback.tenant.clone(),
        event_type: event_type::CALLBACK_TEST.to_owned(),
        intent: None,
        subject: None,
        data: Value::Object(serde_json::Map::new()),
        external_id: None,
        audience: Audience::Nobody,
        mailboxes: Vec::new(),
        callback: Some((callback.source, callback.body.clone())),
        run_id: None,
        trace: callback.trace.clone(),
        origin_at: now,
    }
}
