//! How long things take and how often they are tried.

use std::time::Duration;

use super::env::{Env, parse_duration};
use crate::domain::retry::{Backoff, Schedule};

/// Retries of stages, transcripts and deliveries.
#[derive(Debug, Clone)]
pub struct RetryConfig {
    /// `MAX_RETRIES`: tries of a stage after the first.
    pub max_retries: u32,
    /// `STAGE_RETRY_BASE`: the waits between the tries of a stage.
    pub stage: Backoff,
    /// `TIMEOUT`: one try of a stage.
    pub timeout: Duration,
    /// `TRANSCRIPT_RETRY_BASE`: the waits for a transcript that is not there yet.
    pub transcript: Backoff,
    /// `TRANSCRIPT_WAIT`: after this long the run ends as `no_transcript`.
    pub transcript_wait: Duration,
    /// `DELIVERY_RETRY_SCHEDULE`: the waits between the tries of a delivery.
    pub deliveries: Schedule,
    /// `DELIVERY_TIMEOUT`: one try of a delivery.
    pub delivery_timeout: Duration,
    /// `LEASE`: how long a claim holds without a sign of life.
    pub lease: Duration,
}

impl RetryConfig {
    pub(super) fn read(env: &mut Env) -> Self {
        let seconds = Duration::from_secs;
        let stage_base = env.duration("STAGE_RETRY_BASE", seconds(2));
        let transcript_base = env.duration("TRANSCRIPT_RETRY_BASE", seconds(30));
        let schedule = env.read("DELIVERY_RETRY_SCHEDULE", |text| {
            text.split(',').map(|wait| parse_duration(wait.trim())).collect::<Result<_, _>>().map(Schedule)
        });
        Self {
            max_retries: env.number("MAX_RETRIES", 0..=100, 8),
            stage: Backoff { base: stage_base, factor: 3, cap: seconds(30 * 60) },
            timeout: env.duration("TIMEOUT", seconds(120)),
            transcript: Backoff { base: transcript_base, factor: 2, cap: seconds(3600) },
            transcript_wait: env.duration("TRANSCRIPT_WAIT", seconds(48 * 3600)),
            deliveries: schedule
                .unwrap_or_else(|| Schedule([5, 300, 1800, 7200, 18_000, 36_000, 36_000].map(seconds).to_vec())),
            delivery_timeout: env.duration("DELIVERY_TIMEOUT", seconds(15)),
            lease: env.duration("LEASE", seconds(15)),
        }
    }
}
