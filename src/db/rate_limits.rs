//! Limits that an outside system sets for the whole company: one row each, shared by all replicas.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::{PgExecutor, PgPool};

use crate::domain::clock::after;

/// A limit.
#[derive(Debug, Clone, Copy)]
pub struct SharedLimit {
    /// Its row.
    pub key: &'static str,
    /// So many turns fit into one window.
    pub turns: usize,
    /// How long a window is, wherever it begins.
    pub window: Duration,
    /// So many turns fit into one day (UTC).
    pub daily: i64,
}

/// When it is the caller's turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// At this time, which nobody else was given.
    Given(DateTime<Utc>),
    /// Not before this time, and none was given: come back then.
    NotBefore(DateTime<Utc>),
}

/// How much of a limit is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Used {
    /// Turns given today.
    pub today: i64,
    /// Until when the system asked for silence, if that is still to come.
    pub silent_until: Option<DateTime<Utc>>,
}

/// Takes the next free turn, if it is no later than `patience` from now. No window of the limit's length ever holds more
/// than its turns, whoever asks.
pub async fn take_turn(
    pool: &PgPool,
    limit: SharedLimit,
    now: DateTime<Utc>,
    patience: Duration,
) -> sqlx::Result<Turn> {
    // Most times the row is there, so it is made only when it is not.
    if let Some(turn) = take(pool, limit, now, patience).await? {
        return Ok(turn);
    }
    let none_yet = vec![DateTime::UNIX_EPOCH; limit.turns];
    sqlx::query!(
        "INSERT INTO rate_limits (key, recent, not_before, day, used) VALUES ($1, $2, 'epoch', ($3::timestamptz AT TIME ZONE 'UTC')::date, 0)
         ON CONFLICT DO NOTHING",
        limit.key,
        &none_yet,
        now,
    )
    .execute(pool)
    .await?;
    take(pool, limit, now, patience).await?.ok_or(sqlx::Error::RowNotFound)
}

async fn take(pool: &PgPool, limit: SharedLimit, now: DateTime<Utc>, patience: Duration) -> sqlx::Result<Option<Turn>> {
    let latest = after(now, patience);
    let row = sqlx::query!(
        r#"WITH free AS (
               SELECT key, greatest(day, today) AS today, CASE WHEN day >= today THEN used ELSE 0 END AS used_today,
                      CASE WHEN day >= today AND used >= $5 THEN greatest((today + 1)::timestamp AT TIME ZONE 'UTC', not_before)
                           ELSE greatest($2, not_before, recent[1] + $3 * interval '1 microsecond') END AS at
               FROM rate_limits, (SELECT ($2::timestamptz AT TIME ZONE 'UTC')::date AS today) d
               WHERE key = $1 FOR UPDATE
           )
           UPDATE rate_limits r SET
               recent = CASE WHEN free.at <= $4 THEN r.recent[2:] || free.at ELSE r.recent END,
               used = CASE WHEN free.at <= $4 THEN used_today + 1 ELSE used_today END,
               day = today
           FROM free WHERE r.key = free.key
           RETURNING free.at AS "at!", free.at <= $4 AS "given!""#,
        limit.key,
        now,
        micros(limit.window),
        latest,
        limit.daily,
    )
    .fetch_optional(pool)
    .await?;
    Ok(row.map(|row| if row.given { Turn::Given(row.at) } else { Turn::NotBefore(row.at) }))
}

/// Gives no turn before `until`: the system said so.
pub async fn keep_silent(db: impl PgExecutor<'_>, key: &str, until: DateTime<Utc>) -> sqlx::Result<()> {
    sqlx::query!("UPDATE rate_limits SET not_before = greatest(not_before, $2) WHERE key = $1", key, until)
        .execute(db)
        .await?;
    Ok(())
}

/// Tells how much of a limit is used.
pub async fn find_used(db: impl PgExecutor<'_>, key: &str, now: DateTime<Utc>) -> sqlx::Result<Used> {
    let row = sqlx::query!(
        r#"SELECT CASE WHEN day = ($2::timestamptz AT TIME ZONE 'UTC')::date THEN used ELSE 0 END AS "today!", not_before
           FROM rate_limits WHERE key = $1"#,
        key,
        now,
    );
    let row = row.fetch_optional(db).await?;
    Ok(row.map_or_else(Used::default, |row| Used {
        today: row.today,
        silent_until: Some(row.not_before).filter(|until| *until > now),
    }))
}

#[expect(clippy::cast_precision_loss, reason = "windows are seconds")]
fn micros(duration: Duration) -> f64 {
    duration.as_micros() as f64
}
