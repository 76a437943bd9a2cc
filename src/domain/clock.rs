//! What time it is. Everything asks a [`Clock`] it was given, so that a test can say it is tomorrow.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

/// Tells the time, in whole microseconds: what the database keeps.
#[derive(Debug, Clone)]
pub struct Clock(Source);

#[derive(Debug, Clone)]
enum Source {
    /// The machine's clock, with what has to be added to agree with the database's, in microseconds.
    System(Arc<AtomicI64>),
    /// Microseconds since the epoch.
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// The machine's clock.
    #[must_use]
    pub fn system() -> Self {
        Self(Source::System(Arc::default()))
    }

    /// Sets the machine's clock by one that all replicas share. Leases are compared between replicas: one whose clock
    /// runs ahead would take the others' work for abandoned.
    pub fn agree_with(&self, shared: DateTime<Utc>) {
        if let Source::System(offset) = &self.0 {
            let ahead = shared.timestamp_micros() - self.now().timestamp_micros();
            offset.fetch_add(ahead, Ordering::SeqCst);
        }
    }

    /// A clock that stands still at `start` until somebody advances it. Clones share the hands.
    #[must_use]
    pub fn manual(start: DateTime<Utc>) -> Self {
        Self(Source::Manual(Arc::new(AtomicI64::new(start.timestamp_micros()))))
    }

    /// The time now.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one place that may ask the machine")]
    pub fn now(&self) -> DateTime<Utc> {
        match &self.0 {
            Source::System(offset) => {
                let offset = TimeDelta::microseconds(offset.load(Ordering::SeqCst));
                Utc::now().checked_add_signed(offset).unwrap_or(DateTime::UNIX_EPOCH).trunc_subsecs(6)
            }
            Source::Manual(micros) => {
                DateTime::from_timestamp_micros(micros.load(Ordering::SeqCst)).unwrap_or(DateTime::UNIX_EPOCH)
            }
        }
    }

    /// Whether time passes by itself: nobody should wait for a clock that stands still.
    #[must_use]
    pub fn moves(&self) -> bool {
        matches!(self.0, Source::System(_))
    }

    /// Moves a manual clock forward; the machine's clock moves by itself and ignores this.
    pub fn advance(&self, by: Duration) {
        if let Source::Manual(micros) = &self.0 {
            micros.fetch_add(i64::try_from(by.as_micros()).unwrap_or(i64::MAX), Ordering::SeqCst);
        }
    }
}

/// Adds a [`Duration`] to an instant, stopping at the end of time instead of overflowing.
#[must_use]
pub fn after(at: DateTime<Utc>, delay: Duration) -> DateTime<Utc> {
    TimeDelta::from_std(delay)
        .ok()
        .and_then(|delay| at.checked_add_signed(delay))
        .map_or(DateTime::<Utc>::MAX_UTC, |later| later.trunc_subsecs(6))
}

/// Milliseconds from `start` to `end`, never negative: clocks step back.
#[must_use]
pub fn elapsed_ms(start: DateTime<Utc>, end: DateTime<Utc>) -> i64 {
    (end - start).num_milliseconds().max(0)
}
