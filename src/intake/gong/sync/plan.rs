//! What a sync reads and where it is: the span of each mode, and what is remembered when one is stopped.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

/// How far an incremental sync looks back before its last end: calls show late.
const OVERLAP: TimeDelta = TimeDelta::days(1);
/// Where a full sync begins: Gong has recorded nothing earlier.
const FIRST_CALL: DateTime<Utc> = DateTime::from_timestamp(1_451_606_400, 0).expect("the first of January 2016");

/// How much is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum SyncMode {
    /// What came since the last incremental or full sync, with an overlap.
    Incremental,
    /// Everything, what is known included.
    Full,
    /// What is missing in a span of time; nothing known is asked for again.
    Backfill,
}

/// What an operator asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncPlan {
    /// How much.
    pub mode: SyncMode,
    /// From here; unset, as the mode has it.
    pub from: Option<DateTime<Utc>>,
    /// To here; unset, to now.
    pub to: Option<DateTime<Utc>>,
    /// Whether transcripts are read too.
    pub transcripts: bool,
    /// Whether a run is started for each call that has none.
    pub process: bool,
}

/// How far a sync is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncProgress {
    /// Calls listed.
    pub listed: usize,
    /// Calls stored.
    pub stored: usize,
    /// Transcripts stored.
    pub transcripts: usize,
    /// Runs started.
    pub runs: usize,
    /// Where the reading is, in thousandths of the span.
    pub permille: u16,
    /// Whether it goes on where an earlier one was stopped.
    pub resumed: bool,
}

/// What is remembered.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct State {
    /// Everything before this was read.
    synced_until: Option<DateTime<Utc>>,
    /// The syncs that were not finished, one of each mode at most.
    under_way: Vec<UnderWay>,
}

/// A sync, and where it is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct UnderWay {
    pub(super) plan: SyncPlan,
    pub(super) from: DateTime<Utc>,
    pub(super) to: DateTime<Utc>,
    /// What begins before this is read.
    pub(super) next: DateTime<Utc>,
    pub(super) progress: SyncProgress,
}

impl State {
    /// Begins a sync, or goes on where the same one was stopped. `None` when there is nothing to read.
    pub(super) fn begin(&self, plan: SyncPlan, now: DateTime<Utc>) -> Option<UnderWay> {
        let to = plan.to.unwrap_or(now).min(now);
        if let Some(under_way) = self.under_way.iter().find(|under_way| under_way.plan == plan) {
            let progress = SyncProgress { resumed: true, ..under_way.progress };
            return Some(UnderWay { to, progress, ..under_way.clone() });
        }
        let from = plan.from.unwrap_or_else(|| match (plan.mode, self.synced_until) {
            (SyncMode::Incremental, Some(until)) => until - OVERLAP,
            (SyncMode::Incremental, None) => now - OVERLAP,
            (SyncMode::Full | SyncMode::Backfill, _) => FIRST_CALL,
        });
        (from < to).then(|| UnderWay { plan, from, to, next: from, progress: SyncProgress::default() })
    }

    /// Remembers where a sync is.
    pub(super) fn stopped(&mut self, at: &UnderWay) {
        self.under_way.retain(|other| other.plan.mode != at.plan.mode);
        self.under_way.push(at.clone());
    }

    /// Forgets where a sync was, and remembers how far everything is read: only a sync that left no gap says that.
    pub(super) fn finished(&mut self, at: &UnderWay) {
        self.under_way.retain(|other| other.plan.mode != at.plan.mode);
        let left_no_gap = self.synced_until.is_none_or(|until| at.from <= until);
        if left_no_gap && at.plan.transcripts && at.plan.mode != SyncMode::Backfill {
            self.synced_until = self.synced_until.max(Some(at.to));
        }
    }
}

impl UnderWay {
    /// How much of the span is read, in thousandths.
    pub(super) fn permille(&self) -> u16 {
        let (done, all) = ((self.next - self.from).num_seconds(), (self.to - self.from).num_seconds().max(1));
        u16::try_from(done.saturating_mul(1000) / all).unwrap_or(1000).min(1000)
    }
}
