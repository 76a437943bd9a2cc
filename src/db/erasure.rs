//! Erases a call: everything that was said, written or told of it goes, in one transaction. What stays is that there was a
//! call, its runs and its deliveries, without their contents, so that no repeated callback brings it back.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use crate::domain::run::skip_reason;

/// Erases a call; `false` when there is none, or it was erased before.
pub async fn erase_call(db: &mut PgConnection, tenant: &str, call_id: &str, now: DateTime<Utc>) -> sqlx::Result<bool> {
    // Jobs before calls: the order in which a stage's end locks them.
    sqlx::query!(
        "SELECT jobs.id FROM jobs JOIN runs ON runs.id = jobs.run_id
         WHERE runs.tenant_id = $1 AND runs.call_id = $2 ORDER BY jobs.id FOR UPDATE OF jobs",
        tenant,
        call_id,
    )
    .fetch_all(&mut *db)
    .await?;
    let erased = sqlx::query!(
        "UPDATE calls SET title = NULL, url = NULL, started_at = NULL, duration_seconds = NULL, language = NULL,
             is_private = true, parties = '[]', account_name = NULL, account_number = NULL, cs_email = NULL,
             am_email = NULL, updated_at = $3, erased_at = $3
         WHERE tenant_id = $1 AND call_id = $2 AND erased_at IS NULL",
        tenant,
        call_id,
        now,
    );
    if erased.execute(&mut *db).await?.rows_affected() == 0 {
        return Ok(false);
    }
    end_runs(&mut *db, tenant, call_id, now).await?;
    empty_deliveries(&mut *db, tenant, call_id, now).await?;
    sqlx::query!("DELETE FROM transcripts WHERE tenant_id = $1 AND call_id = $2", tenant, call_id)
        .execute(&mut *db)
        .await?;
    // A row of its own text: what is found by it must be gone too.
    sqlx::query!(
        "DELETE FROM call_search s USING calls c WHERE c.tenant_id = $1 AND c.call_id = $2 AND s.call_row = c.id",
        tenant,
        call_id,
    )
    .execute(&mut *db)
    .await?;
    sqlx::query!("DELETE FROM document_entries WHERE tenant_id = $1 AND call_id = $2", tenant, call_id)
        .execute(&mut *db)
        .await?;
    Ok(true)
}

/// Stops what is under way, keeps what failed from being retried, and drops what the runs brought.
async fn end_runs(db: &mut PgConnection, tenant: &str, call_id: &str, now: DateTime<Utc>) -> sqlx::Result<()> {
    sqlx::query!(
        "WITH run AS (SELECT id FROM runs WHERE tenant_id = $1 AND call_id = $2),
              jobs AS (DELETE FROM jobs USING run WHERE jobs.run_id = run.id),
              summaries AS (DELETE FROM summaries USING run WHERE summaries.run_id = run.id),
              documents AS (DELETE FROM run_documents USING run WHERE run_documents.run_id = run.id)
         UPDATE stage_attempts SET error = NULL FROM run WHERE stage_attempts.run_id = run.id",
        tenant,
        call_id,
    )
    .execute(&mut *db)
    .await?;
    sqlx::query!(
        "WITH run AS (SELECT id, state FROM runs WHERE tenant_id = $1 AND call_id = $2 FOR UPDATE),
         ended AS (
             UPDATE runs SET reason = $3, state = CASE WHEN run.state = 'done' THEN run.state ELSE 'skipped' END,
                 finished_at = coalesce(finished_at, $4)
             FROM run WHERE runs.id = run.id RETURNING run.state
         )
         INSERT INTO tallies (tenant_id, hour, what, n)
         SELECT $1, date_trunc('hour', $4::timestamptz, 'UTC'), 'call.skipped', count(*) FROM ended WHERE state = 'active'
         HAVING count(*) > 0",
        tenant,
        call_id,
        skip_reason::ERASED,
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Empties the events of a call and what receivers answered to them, and stops what still waits to go out.
async fn empty_deliveries(db: &mut PgConnection, tenant: &str, call_id: &str, now: DateTime<Utc>) -> sqlx::Result<()> {
    sqlx::query!(
        "WITH failed AS (
             UPDATE deliveries d SET status = 'failed', claim_id = NULL, ready_at = $3
             FROM events e
             WHERE e.tenant_id = $1 AND e.subject = $2 AND d.event_id = e.id AND d.status IN ('pending', 'retrying')
             RETURNING d.endpoint_id
         )
         INSERT INTO tallies (tenant_id, hour, what, channel, n)
         SELECT $1, date_trunc('hour', $3::timestamptz, 'UTC'), 'delivery.failed', e.kind, count(*)
         FROM failed f JOIN endpoints e ON e.id = f.endpoint_id GROUP BY e.kind",
        tenant,
        call_id,
        now,
    )
    .execute(&mut *db)
    .await?;
    sqlx::query!(
        "WITH event AS (
             UPDATE events SET data = '{}', callback = NULL WHERE tenant_id = $1 AND subject = $2 RETURNING id
         ), delivery AS (
             UPDATE deliveries d SET last_error = $3, claim_id = NULL FROM event WHERE d.event_id = event.id RETURNING d.id
         )
         UPDATE delivery_attempts a SET error = NULL, response_excerpt = NULL
         FROM delivery WHERE a.delivery_id = delivery.id",
        tenant,
        call_id,
        skip_reason::ERASED,
    )
    .execute(db)
    .await?;
    Ok(())
}
