//! Figures over time, with a place for every hour or day whether or not anything happened in it: a chart draws them as they
//! are.

use std::collections::BTreeMap;

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use sqlx::PgExecutor;

use super::{count_calls, first_of_last_hours};
use crate::domain::{endpoint::EndpointChannel, latency::Histogram};

/// What a series looks back on. The last bucket is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    /// 24 hours, by the hour.
    Day,
    /// 30 days, by the day (UTC).
    Month,
}

impl Span {
    /// The beginnings of its buckets, oldest first.
    #[must_use]
    pub fn buckets(self, now: DateTime<Utc>) -> Vec<DateTime<Utc>> {
        let (first, count, step) = match self {
            Self::Day => (first_of_last_hours(now, 24), 24, TimeDelta::hours(1)),
            Self::Month => (midnight(now) - TimeDelta::days(29), 30, TimeDelta::days(1)),
        };
        (0..count).map(|index| first + step * index).collect()
    }

    fn unit(self) -> &'static str {
        match self {
            Self::Day => "hour",
            Self::Month => "day",
        }
    }
}

fn midnight(now: DateTime<Utc>) -> DateTime<Utc> {
    now.duration_trunc(TimeDelta::days(1)).unwrap_or(now)
}

/// What became of deliveries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Outcomes {
    /// The endpoint took it.
    pub sent: i64,
    /// Given up.
    pub failed: i64,
    /// The endpoint did not ask for it.
    pub filtered: i64,
    /// Tries that another one follows.
    pub retrying: i64,
}

/// What became of the deliveries of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChannelCounts {
    /// The channel.
    pub channel: EndpointChannel,
    /// What became of them.
    pub outcomes: Outcomes,
}

/// An hour or a day of deliveries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryBucket {
    /// When it began.
    pub start: DateTime<Utc>,
    /// Every channel, always in the same order.
    pub channels: [ChannelCounts; 3],
}

impl DeliveryBucket {
    fn empty(start: DateTime<Utc>) -> Self {
        let channels = EndpointChannel::ALL.map(|channel| ChannelCounts { channel, outcomes: Outcomes::default() });
        Self { start, channels }
    }

    /// All channels together.
    #[must_use]
    pub fn total(&self) -> Outcomes {
        self.channels.iter().fold(Outcomes::default(), |total, ChannelCounts { outcomes, .. }| Outcomes {
            sent: total.sent + outcomes.sent,
            failed: total.failed + outcomes.failed,
            filtered: total.filtered + outcomes.filtered,
            retrying: total.retrying + outcomes.retrying,
        })
    }
}

/// Counts deliveries by channel and outcome over time, oldest first.
pub async fn delivery_series(
    db: impl PgExecutor<'_>,
    tenant: &str,
    span: Span,
    now: DateTime<Utc>,
) -> sqlx::Result<Vec<DeliveryBucket>> {
    let mut buckets: Vec<_> = span.buckets(now).into_iter().map(DeliveryBucket::empty).collect();
    let rows = sqlx::query!(
        r#"SELECT date_trunc($3, hour, 'UTC') AS "start!", channel AS "channel!: EndpointChannel",
                  coalesce(sum(n) FILTER (WHERE what = 'delivery.sent'), 0)::bigint AS "sent!",
                  coalesce(sum(n) FILTER (WHERE what = 'delivery.failed'), 0)::bigint AS "failed!",
                  coalesce(sum(n) FILTER (WHERE what = 'delivery.filtered'), 0)::bigint AS "filtered!",
                  coalesce(sum(n) FILTER (WHERE what = 'delivery.retrying'), 0)::bigint AS "retrying!"
           FROM tallies WHERE tenant_id = $1 AND hour >= $2 AND channel IS NOT NULL GROUP BY 1, 2"#,
        tenant,
        buckets[0].start,
        span.unit(),
    );
    for row in rows.fetch_all(db).await? {
        let Ok(index) = buckets.binary_search_by_key(&row.start, |bucket| bucket.start) else { continue };
        for counts in buckets[index].channels.iter_mut().filter(|counts| counts.channel == row.channel) {
            let (sent, failed, filtered, retrying) = (row.sent, row.failed, row.filtered, row.retrying);
            counts.outcomes = Outcomes { sent, failed, filtered, retrying };
        }
    }
    Ok(buckets)
}

/// How many calls came how far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CallCounts {
    /// Runs that began: a callback was accepted, the poller found the call, or somebody sent it through again.
    pub received: i64,
    /// Their transcript is there.
    pub fetched: i64,
    /// Their summary is made.
    pub summarised: i64,
    /// It is filed.
    pub documented: i64,
    /// Everybody is told: the run is done.
    pub done: i64,
    /// A stage gave up.
    pub failed: i64,
    /// Nothing may or can be published.
    pub skipped: i64,
}

/// Counts how far calls came since midnight (UTC).
pub async fn calls_today(db: impl PgExecutor<'_>, tenant: &str, now: DateTime<Utc>) -> sqlx::Result<CallCounts> {
    count_calls(db, tenant, midnight(now)).await
}

/// An hour of latencies, from callbacks to the first delivery of their summaries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LatencyBucket {
    /// When it began.
    pub start: DateTime<Utc>,
    /// What arrived in it, for percentiles.
    pub latencies: Histogram,
}

/// Tells latencies hour by hour for 24 hours, oldest first.
pub async fn latency_series(
    db: impl PgExecutor<'_>,
    tenant: &str,
    now: DateTime<Utc>,
) -> sqlx::Result<Vec<LatencyBucket>> {
    let starts = Span::Day.buckets(now);
    let rows = sqlx::query!(
        r#"SELECT hour, bucket AS "bucket!", sum(n)::bigint AS "n!" FROM tallies
           WHERE tenant_id = $1 AND hour >= $2 AND bucket IS NOT NULL GROUP BY 1, 2"#,
        tenant,
        starts[0],
    );
    let mut hours: BTreeMap<DateTime<Utc>, Histogram> =
        starts.into_iter().map(|start| (start, Histogram::default())).collect();
    for row in rows.fetch_all(db).await? {
        if let Some(latencies) = hours.get_mut(&row.hour) {
            latencies.add(row.bucket, row.n.unsigned_abs());
        }
    }
    Ok(hours.into_iter().map(|(start, latencies)| LatencyBucket { start, latencies }).collect())
}
