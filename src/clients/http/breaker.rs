//! Leaves a system alone that keeps failing, and lets one request through now and then to see whether it is back.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chrono::{DateTime, Utc};

use crate::domain::{clock::after, retry::Backoff};

/// So many failures in a row open the breaker.
const OPENS_AFTER: u32 = 5;
/// How long it stays open, each time one probe fails anew.
const REST: Backoff = Backoff { base: Duration::from_secs(10), factor: 2, cap: Duration::from_mins(5) };
/// How long whoever meets a probe stays away.
const PROBE_AGAIN: Duration = Duration::from_secs(3);
/// A probe that never said how it ended is forgotten after this long.
const PROBE_LASTS: Duration = Duration::from_mins(3);

/// Whether requests are let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// All are.
    Closed,
    /// None are before that time; the first after it is a probe, and its success closes the breaker.
    Open(DateTime<Utc>),
}

/// The breaker of one system in one process.
#[derive(Default)]
pub(super) struct Breaker(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    failures: u32,
    opened: u32,
    open_until: Option<DateTime<Utc>>,
    /// While a probe is under way; one that never says how it ended is forgotten then.
    probing_until: Option<DateTime<Utc>>,
}

/// A request that was let through.
pub(super) struct Entered<'a> {
    breaker: &'a Breaker,
    probe: bool,
}

impl Breaker {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether requests are let through now.
    pub(super) fn state(&self) -> BreakerState {
        self.inner().open_until.map_or(BreakerState::Closed, BreakerState::Open)
    }

    /// Lets a request through, or says how long to stay away.
    pub(super) fn enter(&self, now: DateTime<Utc>) -> Result<Entered<'_>, Duration> {
        let mut inner = self.inner();
        let probe = match inner.open_until {
            Some(until) if until > now => return Err((until - now).to_std().unwrap_or(REST.base)),
            // One probe at a time: whoever comes while it is under way comes back shortly, to see what it found.
            Some(_) if inner.probing_until.is_some_and(|until| until > now) => return Err(PROBE_AGAIN),
            Some(_) => {
                inner.probing_until = Some(after(now, PROBE_LASTS));
                true
            }
            None => false,
        };
        Ok(Entered { breaker: self, probe })
    }
}

impl Entered<'_> {
    /// Says how the request ended.
    pub(super) fn ended(self, healthy: bool, now: DateTime<Utc>) {
        let mut inner = self.breaker.inner();
        if healthy {
            *inner = Inner::default();
            return;
        }
        inner.failures += 1;
        // What was under way when the breaker opened says nothing new.
        if self.probe || (inner.open_until.is_none() && inner.failures >= OPENS_AFTER) {
            inner.opened += 1;
            inner.open_until = Some(after(now, REST.delay(inner.opened)));
            inner.probing_until = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    fn fail(breaker: &Breaker, now: DateTime<Utc>) {
        breaker.enter(now).ok().unwrap().ended(false, now);
    }

    #[test]
    fn five_failures_in_a_row_open_it_and_one_success_closes_it() {
        let breaker = Breaker::default();
        for _ in 0..4 {
            fail(&breaker, at(0));
        }
        breaker.enter(at(0)).ok().unwrap().ended(true, at(0));
        for _ in 0..5 {
            assert_eq!(breaker.state(), BreakerState::Closed);
            fail(&breaker, at(1));
        }
        assert_eq!(breaker.state(), BreakerState::Open(at(11)));
        assert_eq!(breaker.enter(at(2)).err(), Some(Duration::from_secs(9)));
        let probe = breaker.enter(at(11)).ok().unwrap();
        assert_eq!(breaker.enter(at(11)).err(), Some(PROBE_AGAIN), "one probe at a time, and no long wait for its end");
        probe.ended(true, at(12));
        assert!(breaker.enter(at(12)).is_ok() && breaker.enter(at(12)).is_ok());
    }

    #[test]
    fn each_failed_probe_doubles_the_rest() {
        let breaker = Breaker::default();
        (0..5).for_each(|_| fail(&breaker, at(0)));
        fail(&breaker, at(10));
        assert_eq!(breaker.state(), BreakerState::Open(at(30)));
        fail(&breaker, at(30));
        assert_eq!(breaker.state(), BreakerState::Open(at(70)));
    }
}
