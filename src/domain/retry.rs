//! When to try again: arithmetic only. Whether to try again is decided where an error is understood.

use std::time::Duration;

use chrono::{DateTime, Utc};

/// The shortest and the longest wait that a `Retry-After` can impose. A day: longer is as good as never, and a zero
/// would make us hammer the one who asked for peace.
const RETRY_AFTER_BOUNDS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_hours(24));

/// Delays that grow by a factor up to a cap.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Backoff {
    /// The wait after the first failure.
    pub base: Duration,
    /// What each further failure multiplies it with.
    pub factor: u32,
    /// No wait is longer.
    pub cap: Duration,
}

impl Backoff {
    /// The wait after `failures` failures (1 is the first), before jitter.
    #[must_use]
    pub fn delay(&self, failures: u32) -> Duration {
        let grown = self.factor.checked_pow(failures.saturating_sub(1)).and_then(|times| self.base.checked_mul(times));
        grown.unwrap_or(self.cap).min(self.cap)
    }
}

/// Spreads a delay by up to a fifth either way, so that what failed together does not come back together.
/// `chance` is a random number from 0 to 1.
#[must_use]
pub fn jittered(delay: Duration, chance: f64) -> Duration {
    delay.mul_f64(0.8 + 0.4 * chance.clamp(0.0, 1.0))
}

/// The waits between the tries of a delivery; after the last one there is no further try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule(pub Vec<Duration>);

impl Schedule {
    /// The wait after `failures` failures (1 is the first), or `None` when the tries are used up.
    #[must_use]
    pub fn delay(&self, failures: u32) -> Option<Duration> {
        let index = usize::try_from(failures.checked_sub(1)?).ok()?;
        self.0.get(index).copied()
    }
}

/// Reads a `Retry-After` header (RFC 9110 §10.2.3: seconds or a date) and bounds it to between a second and a day.
#[must_use]
pub fn retry_after(header: &str, now: DateTime<Utc>) -> Option<Duration> {
    let header = header.trim();
    let asked = if let Ok(seconds) = header.parse::<u64>() {
        Duration::from_secs(seconds)
    } else if !header.is_empty() && header.bytes().all(|byte| byte.is_ascii_digit()) {
        Duration::MAX // more seconds than fit
    } else {
        let date = DateTime::parse_from_rfc2822(header).ok()?;
        (date.to_utc() - now).to_std().unwrap_or(Duration::ZERO)
    };
    let (shortest, longest) = RETRY_AFTER_BOUNDS;
    Some(asked.clamp(shortest, longest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STAGES: Backoff = Backoff { base: Duration::from_secs(2), factor: 3, cap: Duration::from_secs(30 * 60) };

    #[test]
    fn stages_wait_two_six_eighteen_seconds_and_never_more_than_half_an_hour() {
        let waits: Vec<u64> = (1..=9).map(|failures| STAGES.delay(failures).as_secs()).collect();
        assert_eq!(waits, [2, 6, 18, 54, 162, 486, 1458, 1800, 1800]);
        assert_eq!(STAGES.delay(u32::MAX), STAGES.cap);
    }

    #[test]
    fn a_schedule_ends_after_its_last_wait() {
        let schedule = Schedule(vec![Duration::from_secs(5), Duration::from_secs(300)]);
        assert_eq!(schedule.delay(1), Some(Duration::from_secs(5)));
        assert_eq!(schedule.delay(2), Some(Duration::from_secs(300)));
        assert_eq!(schedule.delay(3), None);
        assert_eq!(schedule.delay(0), None);
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = DateTime::parse_from_rfc3339("2031-05-06T09:30:00Z").unwrap().to_utc();
        assert_eq!(retry_after("120", now), Some(Duration::from_secs(120)));
        assert_eq!(retry_after("Tue, 06 May 2031 09:31:00 GMT", now), Some(Duration::from_secs(60)));
        assert_eq!(retry_after("Tue, 06 May 2031 09:29:00 GMT", now), Some(Duration::from_secs(1)));
        assert_eq!(retry_after("99999999999999999999999", now), Some(Duration::from_secs(24 * 3600)));
        assert_eq!(retry_after("soon", now), None);
        assert_eq!(retry_after("", now), None);
    }

    proptest! {
        #[test]
        fn waits_never_shrink_and_jitter_stays_within_a_fifth(failures in 1u32..60, chance in 0.0f64..=1.0) {
            prop_assert!(STAGES.delay(failures) <= STAGES.delay(failures + 1));
            let (exact, spread) = (STAGES.delay(failures).as_secs_f64(), jittered(STAGES.delay(failures), chance));
            prop_assert!((spread.as_secs_f64() - exact).abs() <= exact * 0.2 + 1e-6);
        }

        #[test]
        fn any_retry_after_is_refused_or_bounded(header in ".{0,40}") {
            if let Some(wait) = retry_after(&header, DateTime::UNIX_EPOCH) {
                prop_assert!(wait >= Duration::from_secs(1) && wait <= Duration::from_secs(86_400));
            }
        }
    }
}
