//! The poller: asks the API for calls that no callback told of. One at a time across replicas.
//!
//! A call shows only once Gong has processed it, behind those that began later. So every poll looks back over the overlap,
//! and what is known already is passed over by its id.

use std::{collections::HashSet, time::Duration};

use chrono::{DateTime, Utc};
use futures_util::future::try_join_all;
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use tracing::{Instrument, info, info_span};
use uuid::Uuid;

use super::window::{Window, with_details};
use crate::{
    clients::{
        gong::{GongApi, LARGEST_BATCH},
        http::UpstreamError,
    },
    config::PollingConfig,
    db::{
        runs,
        sync_state::{self, Reader},
    },
    domain::{
        access::OWN_TENANT,
        call::Call,
        clock::{Clock, after},
        ids::DEFAULT_SOURCE,
    },
    intake::{Callback, Intake, record_calls},
    queue::GroupCommitError,
};

const READER: Reader<'static> = Reader { tenant: OWN_TENANT, source: DEFAULT_SOURCE, name: "poll" };
/// How long a poller that died keeps others from polling; renewed with every page.
const LEASE: Duration = Duration::from_mins(2);

/// Asks the Gong API for calls.
pub struct Poller {
    /// The database.
    pub pool: PgPool,
    /// What time it is.
    pub clock: Clock,
    /// Takes calls in.
    pub intake: Intake,
    /// The API.
    pub api: GongApi,
    /// How often, and how far back.
    pub polling: PollingConfig,
}

/// What a poll brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Polled {
    /// It is not time yet, or another replica is at it.
    NotNow,
    /// So many calls were listed, and so many of them were new.
    Done {
        /// How many were listed.
        listed: usize,
        /// How many were new.
        new: usize,
    },
}

/// Why a poll did not end well; what it took in before stays.
#[derive(Debug, thiserror::Error)]
pub enum PollError {
    /// Gong did not answer as it should.
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    /// The database did not answer.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// A call could not be taken in.
    #[error(transparent)]
    Intake(#[from] GroupCommitError),
}

/// What is remembered between polls.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
struct State {
    /// Everything before this was seen.
    until: Option<DateTime<Utc>>,
    /// When the next poll is due.
    next_at: Option<DateTime<Utc>>,
    /// Why the last one did not end well.
    error: Option<String>,
}

impl Poller {
    /// Polls if it is time. `at_once` does not ask whether it is.
    pub async fn poll(&self, at_once: bool) -> Result<Polled, PollError> {
        let (claim, now) = (Uuid::now_v7(), self.clock.now());
        let claimed = sync_state::claim_reader::<State>(&self.pool, READER, claim, now, after(now, LEASE)).await?;
        let Some(mut state) = claimed else { return Ok(Polled::NotNow) };
        if !at_once && state.next_at.is_some_and(|next| next > now) {
            sync_state::save_reader(&self.pool, READER, claim, &state, now, None).await?;
            return Ok(Polled::NotNow);
        }
        let polled = self.read(claim, &state, now).instrument(info_span!("gong.poll")).await;
        let mut wait = self.polling.interval;
        match &polled {
            Ok(_) => state.until = Some(now),
            Err(PollError::Upstream(UpstreamError::Later { wait: asked, .. })) => wait = *asked,
            Err(_) => {}
        }
        state.error = polled.as_ref().err().map(ToString::to_string);
        state.next_at = Some(after(now, wait));
        sync_state::save_reader(&self.pool, READER, claim, &state, self.clock.now(), None).await?;
        polled
    }

    async fn read(&self, claim: Uuid, state: &State, now: DateTime<Utc>) -> Result<Polled, PollError> {
        let overlap = chrono::TimeDelta::from_std(self.polling.overlap).unwrap_or(chrono::TimeDelta::days(1));
        let mut window = Window::new(state.until.map_or(now, |until| until.min(now)) - overlap, now);
        let (mut listed, mut new) = (0, 0);
        while let Some(page) = window.next(&self.api).await? {
            listed += page.len();
            new += self.take(page).await?;
            let (now, until) = (self.clock.now(), Some(after(self.clock.now(), LEASE)));
            if !sync_state::save_reader(&self.pool, READER, claim, state, now, until).await? {
                return Ok(Polled::NotNow); // we were so slow that another replica took over
            }
        }
        info!(listed, new, "polled Gong");
        Ok(Polled::Done { listed, new })
    }

    /// Takes in what is new of a page and tells how much that was. Of what is known only those are
    /// recorded that have turned private.
    async fn take(&self, page: Vec<Call>) -> Result<usize, PollError> {
        let keys: Vec<_> = page.iter().map(|call| (READER.tenant, call.id.as_str())).collect();
        let known: HashSet<String> =
            runs::find_first_runs(&self.pool, &keys).await?.into_iter().map(|run| run.call_id).collect();
        let (known, unknown): (Vec<Call>, Vec<Call>) = page.into_iter().partition(|call| known.contains(&call.id));
        self.record(known.into_iter().filter(|call| call.is_private).collect()).await?;
        let mut new = 0;
        for batch in unknown.chunks(LARGEST_BATCH) {
            let ids: Vec<String> = batch.iter().map(|call| call.id.clone()).collect();
            let details = self.api.calls(&ids).await?;
            let calls = with_details(batch.to_vec(), details);
            let callbacks = calls.into_iter().map(|call| Callback::found(READER.tenant, DEFAULT_SOURCE, call));
            let accepted = try_join_all(callbacks.map(|callback| self.intake.accept(callback))).await?;
            new += accepted.iter().filter(|accepted| !accepted.duplicate).count();
        }
        Ok(new)
    }

    async fn record(&self, private: Vec<Call>) -> sqlx::Result<()> {
        // Ordered and each once, as the table wants it.
        let private = with_details(private, Vec::new());
        let rows: Vec<(&str, &Call)> = private.iter().map(|call| (READER.tenant, call)).collect();
        let mut tx = self.pool.begin().await?;
        record_calls(&mut tx, &rows, self.clock.now()).await?;
        tx.commit().await
    }
}
