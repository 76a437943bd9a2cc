//! How long history is kept, in days. 0 keeps it for ever.

use chrono::TimeDelta;

use super::env::Env;

/// Ten years: who wants longer wants for ever.
const MOST_DAYS: u32 = 3660;

/// How long each kind of history is kept after it was made; `None` is for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetentionConfig {
    /// `RETENTION_DELIVERIES_DAYS`: deliveries that are settled, with their attempts.
    pub deliveries: Option<TimeDelta>,
    /// `RETENTION_EVENTS_DAYS`: events, callbacks as they came included, once no delivery of theirs is left.
    pub events: Option<TimeDelta>,
    /// `RETENTION_TRANSCRIPTS_DAYS`: what was said.
    pub transcripts: Option<TimeDelta>,
    /// `RETENTION_CALLS_DAYS`: calls with their people, transcript, runs and summaries.
    pub calls: Option<TimeDelta>,
    /// `RETENTION_AUDIT_DAYS`: admin changes.
    pub audit: Option<TimeDelta>,
}

impl RetentionConfig {
    pub(super) fn read(env: &mut Env) -> Self {
        let mut days = |name, usual| {
            let days = env.number(name, 0..=MOST_DAYS, usual);
            (days > 0).then(|| TimeDelta::days(days.into()))
        };
        Self {
            deliveries: days("RETENTION_DELIVERIES_DAYS", 90),
            events: days("RETENTION_EVENTS_DAYS", 180),
            transcripts: days("RETENTION_TRANSCRIPTS_DAYS", 0),
            calls: days("RETENTION_CALLS_DAYS", 0),
            audit: days("RETENTION_AUDIT_DAYS", 0),
        }
    }
}
