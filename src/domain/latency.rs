//! How long things took, counted in buckets: small enough to keep for ever, fine enough to judge a promise by.

use std::{collections::BTreeMap, time::Duration};

/// A callback's summary is with somebody within this time.
pub const PROMISE: Duration = Duration::from_mins(5);
/// So many buckets to each doubling.
const PER_DOUBLING: f64 = 16.0;

/// Latencies by their buckets, which `latency_bucket` of the database numbers: sixteen to each doubling, 0 ends at
/// [`PROMISE`].
///
/// What kept the promise is counted exactly. A percentile is told as the middle of its bucket, and so is off by 2.2 % at
/// most; nothing below a millisecond is told apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Histogram(BTreeMap<i32, u64>);

impl Histogram {
    /// Adds latencies to a bucket.
    pub fn add(&mut self, bucket: i32, count: u64) {
        *self.0.entry(bucket).or_default() += count;
    }

    /// Adds all of another.
    pub fn add_all(&mut self, other: &Self) {
        for (bucket, count) in &other.0 {
            self.add(*bucket, *count);
        }
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.values().sum()
    }

    /// What so many percent of them did not exceed, in seconds.
    #[must_use]
    pub fn percentile(&self, percent: u64) -> Option<f64> {
        let rank = (self.count() * percent).div_ceil(100).max(1);
        let mut seen = 0;
        let reached = self.0.iter().find(|(_, count)| {
            seen += **count;
            seen >= rank
        });
        reached.map(|(bucket, _)| border(f64::from(*bucket) - 0.5))
    }

    /// What none of them exceeded, in seconds.
    #[must_use]
    pub fn longest(&self) -> Option<f64> {
        self.0.keys().next_back().map(|bucket| border(f64::from(*bucket)))
    }

    /// Which share of them kept the promise, from 0 to 1.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    pub fn within_promise(&self) -> Option<f64> {
        let kept: u64 = self.0.range(..=0).map(|(_, count)| count).sum();
        (self.count() > 0).then(|| kept as f64 / self.count() as f64)
    }
}

/// Where a bucket ends, in seconds.
fn border(bucket: f64) -> f64 {
    PROMISE.as_secs_f64() * (bucket / PER_DOUBLING).exp2()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the database numbers them.
    #[expect(clippy::cast_possible_truncation, reason = "small numbers")]
    fn bucket(seconds: f64) -> i32 {
        (PER_DOUBLING * (seconds / 300.0).log2()).ceil() as i32
    }

    #[test]
    fn a_percentile_is_off_by_two_percent_at_most() {
        for seconds in [0.002, 0.7, 3.0, 42.0, 299.0, 301.0, 86_400.0] {
            let mut histogram = Histogram::default();
            histogram.add(bucket(seconds), 1);
            let told = histogram.percentile(95).unwrap();
            assert!((told / seconds - 1.0).abs() < 0.022, "{seconds} is told as {told}");
            assert!(histogram.longest().unwrap() >= seconds);
        }
    }

    #[test]
    fn percentiles_and_the_promise_are_those_of_the_sorted_latencies() {
        let mut histogram = Histogram::default();
        assert_eq!((histogram.percentile(50), histogram.within_promise()), (None, None));
        for seconds in 1..=400 {
            histogram.add(bucket(f64::from(seconds)), 1);
        }
        assert_eq!((histogram.count(), histogram.within_promise()), (400, Some(0.75)));
        for (percent, exact) in [(50, 200.0), (75, 300.0), (95, 380.0), (100, 400.0)] {
            let told = histogram.percentile(percent).unwrap();
            assert!((told / exact - 1.0).abs() < 0.022, "p{percent} {exact} is told as {told}");
        }
    }
}
