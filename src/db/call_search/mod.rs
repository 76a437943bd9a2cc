//! Finds calls by their words, their account, how they stand and when they were held.
//!
//! What they are found by stands in `call_search`, which [`refresh`] brings up to date from the calls, their latest runs and
//! summaries: whoever changes one of those calls it in the same transaction. The one exception is a call that has just been
//! told of, since no callback shall wait for it: it is indexed when a worker claims it, or when somebody looks before that. Of
//! a private call only the id can be searched for, of an erased one nothing is there.

mod find;

use chrono::{DateTime, Utc};
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use super::Page;
use crate::domain::run::{RunState, Stage};

/// Brings what calls are found by up to date, given as pairs of tenant and call id.
pub async fn refresh(db: &mut PgConnection, calls: &[(&str, &str)]) -> sqlx::Result<()> {
    let (tenants, ids) = columns(calls);
    // By itself, so that the next statement sees what whoever held the lock has changed.
    sqlx::query!(
        "SELECT c.id FROM unnest($1::text[], $2::text[]) AS w(tenant_id, call_id)
         JOIN calls c ON c.tenant_id = w.tenant_id AND c.call_id = w.call_id ORDER BY c.id FOR NO KEY UPDATE OF c",
        &tenants,
        &ids,
    )
    .fetch_all(&mut *db)
    .await?;
    refresh_held(db, calls).await
}

/// The same for whoever has just written these calls in this transaction, and so holds their rows.
pub async fn refresh_held(db: &mut PgConnection, calls: &[(&str, &str)]) -> sqlx::Result<()> {
    if calls.is_empty() {
        return Ok(());
    }
    let (tenants, ids) = columns(calls);
    sqlx::query!(
        "INSERT INTO call_search AS known (call_row, tenant_id, held_at, state, words)
         SELECT c.id, c.tenant_id, coalesce(c.started_at, c.created_at), coalesce(r.state, 'imported'),
                array_to_tsvector(array_cat(ARRAY['@' || c.tenant_id], CASE
                    WHEN c.is_private THEN words_of(c.call_id)
                    ELSE words_of(concat_ws(' ', c.call_id, c.title, c.account_name, c.account_number,
                                            s.summary ->> 'headline', s.summary ->> 'text'))
                         || array_remove(ARRAY['=' || left(folded(c.account_name), 200),
                                               '=' || left(folded(c.account_number), 200)], NULL)
                    END))
         FROM unnest($1::text[], $2::text[]) AS w(tenant_id, call_id)
         JOIN calls c ON c.tenant_id = w.tenant_id AND c.call_id = w.call_id
         LEFT JOIN LATERAL (SELECT id, state FROM runs WHERE tenant_id = c.tenant_id AND call_id = c.call_id
                            ORDER BY number DESC LIMIT 1) r ON true
         LEFT JOIN summaries s ON s.run_id = r.id
         WHERE c.erased_at IS NULL ORDER BY c.id
         ON CONFLICT (call_row) DO UPDATE
         SET held_at = excluded.held_at, state = excluded.state, words = excluded.words
         WHERE (known.held_at, known.state, known.words) IS DISTINCT FROM (excluded.held_at, excluded.state, excluded.words)",
        &tenants,
        &ids,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// How many calls that nobody has claimed yet are indexed for one look. The newest first: those are looked at.
const UNCLAIMED: i64 = 200;

/// Indexes calls that no worker has claimed yet: they came a moment ago, or the workers are behind or away.
async fn index_unclaimed(db: &mut PgConnection, tenant: &str) -> sqlx::Result<()> {
    let unclaimed = sqlx::query_scalar!(
        "SELECT r.call_id FROM jobs j JOIN runs r ON r.id = j.run_id
         JOIN calls c ON c.tenant_id = r.tenant_id AND c.call_id = r.call_id
         WHERE j.tenant_id = $1 AND j.attempt = 0 AND NOT EXISTS (SELECT FROM call_search s WHERE s.call_row = c.id)
         ORDER BY j.id DESC LIMIT $2",
        tenant,
        UNCLAIMED,
    );
    let unclaimed = unclaimed.fetch_all(&mut *db).await?;
    if unclaimed.is_empty() {
        return Ok(());
    }
    let mut tx = db.begin().await?;
    refresh(&mut tx, &unclaimed.iter().map(|call| (tenant, call.as_str())).collect::<Vec<_>>()).await?;
    tx.commit().await
}

fn columns(calls: &[(&str, &str)]) -> (Vec<String>, Vec<String>) {
    calls.iter().map(|(tenant, id)| ((*tenant).to_owned(), (*id).to_owned())).unzip()
}

/// What calls are wanted; nothing set means all.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct CallFilter {
    /// With all of these words, or words that begin with them, whatever their case: in title, account, id or summary.
    pub text: Option<String>,
    /// With the customer of this name or number, whatever its case.
    pub account: Option<String>,
    /// In this state: that of the latest run, or `imported`.
    pub state: Option<String>,
    /// Held at this time or later; told of, where that is not known.
    pub since: Option<DateTime<Utc>>,
    /// Held before this time.
    pub until: Option<DateTime<Utc>>,
}

/// A call in a list.
#[derive(Debug)]
pub struct FoundCall {
    /// The key of the row, for the cursor.
    pub row_id: Uuid,
    /// The source's id.
    pub call_id: String,
    /// The title.
    pub title: Option<String>,
    /// When it began.
    pub started_at: Option<DateTime<Utc>>,
    /// How long it lasted.
    pub duration_seconds: Option<i64>,
    /// The customer's name.
    pub account_name: Option<String>,
    /// The customer's number.
    pub account_number: Option<String>,
    /// Whether it is private.
    pub is_private: bool,
    /// The state of its latest run; nothing for a call that no run was started for.
    pub run_state: Option<RunState>,
    /// The stage that run is in, or ended in.
    pub run_stage: Option<Stage>,
    /// Why it failed or was skipped.
    pub reason: Option<String>,
    /// The headline of its summary.
    pub headline: Option<String>,
    /// What it was about.
    pub intent: Option<String>,
    /// The customer's mood, −1 (bad) to 1 (good).
    pub sentiment: Option<f64>,
}

/// Lists calls, newest first.
pub async fn search_calls(
    db: &mut PgConnection,
    tenant: &str,
    filter: &CallFilter,
    page: Page,
) -> sqlx::Result<Vec<FoundCall>> {
    index_unclaimed(&mut *db, tenant).await?;
    let rows = find::find_rows(&mut *db, tenant, filter, page).await?;
    sqlx::query_as!(
        FoundCall,
        r#"SELECT c.id AS row_id, c.call_id, c.title, c.started_at, c.duration_seconds, c.account_name, c.account_number,
                  c.is_private, r.state AS "run_state?: RunState", r.stage AS "run_stage?: Stage", r.reason,
                  s.summary ->> 'headline' AS headline, s.summary ->> 'intent' AS intent,
                  (s.summary -> 'sentiment')::float8 AS sentiment
           FROM calls c
           LEFT JOIN LATERAL (SELECT id, state, stage, reason FROM runs
                              WHERE tenant_id = c.tenant_id AND call_id = c.call_id ORDER BY number DESC LIMIT 1) r ON true
           LEFT JOIN summaries s ON s.run_id = r.id
           WHERE c.tenant_id = $1 AND c.id = ANY($2) ORDER BY c.id DESC"#,
        tenant,
        &rows,
    )
    .fetch_all(db)
    .await
}
