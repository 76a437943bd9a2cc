//! Calls: what is known of each, from whichever callback or file told it.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor, types::Json};
use uuid::Uuid;

use super::Page;
use crate::domain::{
    call::{Account, Call, Party},
    ids::RunId,
    payload::DocumentLinks,
    run::RunState,
    summary::Summary,
};

/// Adds calls or brings them up to date, many in one round trip. What is told later wins, but nothing known is
/// forgotten for a callback that is silent about it, and a call once private stays so until an administrator says
/// otherwise. The same call must not be given twice. Returns what is then known of their privacy; a call that was erased
/// stays so and is not returned.
pub async fn upsert_calls(
    db: &mut PgConnection,
    calls: &[(&str, &Call)],
    now: DateTime<Utc>,
) -> sqlx::Result<Vec<KnownCall>> {
    let column = |field: fn(&Call) -> Option<String>| calls.iter().map(|(_, call)| field(call)).collect::<Vec<_>>();
    let parties: Vec<_> = calls.iter().map(|(_, call)| serde_json::json!(call.parties)).collect();
    sqlx::query_as!(
        KnownCall,
        "INSERT INTO calls (id, tenant_id, call_id, title, url, started_at, duration_seconds, language, is_private,
                            parties, account_name, account_number, created_at, updated_at)
         SELECT *, $13, $13 FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[],
                                        $7::bigint[], $8::text[], $9::boolean[], $10::jsonb[], $11::text[], $12::text[])
         ON CONFLICT (tenant_id, call_id) DO UPDATE SET
             title = coalesce(excluded.title, calls.title),
             url = coalesce(excluded.url, calls.url),
             started_at = coalesce(excluded.started_at, calls.started_at),
             duration_seconds = coalesce(excluded.duration_seconds, calls.duration_seconds),
             language = coalesce(excluded.language, calls.language),
             is_private = calls.is_private OR excluded.is_private,
             parties = CASE WHEN excluded.parties = '[]' THEN calls.parties ELSE excluded.parties END,
             account_name = coalesce(excluded.account_name, calls.account_name),
             -- The number of one account must not stand beside the name of another.
             account_number = CASE WHEN excluded.account_name <> calls.account_name THEN excluded.account_number
                                   ELSE coalesce(excluded.account_number, calls.account_number) END,
             updated_at = excluded.updated_at
         WHERE calls.erased_at IS NULL
         RETURNING tenant_id AS tenant, call_id, is_private",
        &calls.iter().map(|_| Uuid::now_v7()).collect::<Vec<_>>(),
        &calls.iter().map(|(tenant, _)| (*tenant).to_owned()).collect::<Vec<_>>(),
        &calls.iter().map(|(_, call)| call.id.clone()).collect::<Vec<_>>(),
        &column(|call| call.title.clone()) as &[Option<String>],
        &column(|call| call.url.clone()) as &[Option<String>],
        &calls.iter().map(|(_, call)| call.started_at).collect::<Vec<_>>() as &[Option<DateTime<Utc>>],
        &calls.iter().map(|(_, call)| call.duration_seconds).collect::<Vec<_>>() as &[Option<i64>],
        &column(|call| call.language.clone()) as &[Option<String>],
        &calls.iter().map(|(_, call)| call.is_private).collect::<Vec<_>>(),
        &parties,
        &column(|call| Some(call.crm_account.as_ref()?.name.clone())) as &[Option<String>],
        &column(|call| call.crm_account.as_ref()?.number.clone()) as &[Option<String>],
        now,
    )
    .fetch_all(db)
    .await
}

/// What is known of a call's privacy, from all that was ever told of it.
#[derive(Debug)]
pub struct KnownCall {
    /// Whose it is.
    pub tenant: String,
    /// The source's id.
    pub call_id: String,
    /// Whether anything said that it is private.
    pub is_private: bool,
}

/// What is stored of a call already.
#[derive(Debug)]
pub struct StoredCall {
    /// The source's id.
    pub call_id: String,
    /// Whether its people are known.
    pub has_parties: bool,
    /// Whether its words are.
    pub has_words: bool,
}

/// Lists what is stored of calls.
pub async fn list_stored(db: impl PgExecutor<'_>, tenant: &str, ids: &[String]) -> sqlx::Result<Vec<StoredCall>> {
    sqlx::query_as!(
        StoredCall,
        r#"SELECT c.call_id, c.parties <> '[]' AS "has_parties!",
                  coalesce(jsonb_array_length(t.turns) > 0, false) AS "has_words!"
           FROM calls c LEFT JOIN transcripts t ON t.tenant_id = c.tenant_id AND t.call_id = c.call_id
           WHERE c.tenant_id = $1 AND c.call_id = ANY($2)"#,
        tenant,
        ids,
    )
    .fetch_all(db)
    .await
}

/// Finds a call by the source's id.
pub async fn find_call(db: impl PgExecutor<'_>, tenant: &str, call_id: &str) -> sqlx::Result<Option<Call>> {
    let row = sqlx::query!(
        r#"SELECT call_id, title, url, started_at, duration_seconds, language, is_private,
                  parties AS "parties: Json<Vec<Party>>", account_name, account_number
           FROM calls WHERE tenant_id = $1 AND call_id = $2"#,
        tenant,
        call_id,
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| Call {
        id: row.call_id,
        title: row.title,
        url: row.url,
        started_at: row.started_at,
        duration_seconds: row.duration_seconds,
        language: row.language,
        is_private: row.is_private,
        parties: row.parties.0,
        crm_account: row.account_name.map(|name| Account { name, number: row.account_number }),
    }))
}

/// Whether a call is private, and stays so or not until the transaction ends: whoever publishes asks in the transaction
/// that does.
pub async fn is_private_now(db: &mut PgConnection, tenant: &str, call_id: &str) -> sqlx::Result<bool> {
    let private = sqlx::query_scalar!(
        "SELECT is_private FROM calls WHERE tenant_id = $1 AND call_id = $2 FOR SHARE",
        tenant,
        call_id,
    );
    Ok(private.fetch_optional(db).await?.unwrap_or(true))
}

/// Remembers which customer a call was with.
pub async fn set_account(
    db: impl PgExecutor<'_>,
    tenant: &str,
    call_id: &str,
    account: &Account,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE calls SET account_name = $3, account_number = $4, updated_at = $5
         WHERE tenant_id = $1 AND call_id = $2 AND erased_at IS NULL",
        tenant,
        call_id,
        account.name,
        account.number,
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Remembers who takes care of the customer, where the source of the transcript says so.
pub async fn set_contacts(
    db: impl PgExecutor<'_>,
    tenant: &str,
    call_id: &str,
    cs_email: Option<&str>,
    am_email: Option<&str>,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE calls SET cs_email = $3, am_email = $4, updated_at = $5
         WHERE tenant_id = $1 AND call_id = $2 AND erased_at IS NULL",
        tenant,
        call_id,
        cs_email,
        am_email,
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Finds the addresses of those who take care of the customer.
pub async fn find_contacts(db: impl PgExecutor<'_>, tenant: &str, call_id: &str) -> sqlx::Result<Vec<String>> {
    let row =
        sqlx::query!("SELECT cs_email, am_email FROM calls WHERE tenant_id = $1 AND call_id = $2", tenant, call_id);
    let row = row.fetch_optional(db).await?;
    Ok(row.into_iter().flat_map(|row| [row.cs_email, row.am_email]).flatten().collect())
}

/// A call with what came of it.
pub struct CallRecord {
    /// The key of the row, for the cursor.
    pub row_id: Uuid,
    /// The source's id.
    pub call_id: String,
    /// The title.
    pub title: Option<String>,
    /// The page at the source.
    pub url: Option<String>,
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
    /// Its latest run.
    pub run_id: Option<RunId>,
    /// The state of that run.
    pub run_state: Option<RunState>,
    /// The summary of that run.
    pub summary: Option<Json<Summary>>,
    /// The documents of that run.
    pub documents: Option<Json<DocumentLinks>>,
}

/// Lists calls, newest first; `call_id` narrows to one.
pub async fn list_calls(
    db: impl PgExecutor<'_>,
    tenant: &str,
    call_id: Option<&str>,
    page: Page,
) -> sqlx::Result<Vec<CallRecord>> {
    sqlx::query_as!(
        CallRecord,
        r#"SELECT c.id AS row_id, c.call_id, c.title, c.url, c.started_at, c.duration_seconds, c.account_name,
                  c.account_number, c.is_private, r.id AS "run_id?: RunId", r.state AS "run_state?: RunState",
                  s.summary AS "summary?: Json<Summary>",
                  CASE WHEN d.run_id IS NOT NULL THEN jsonb_build_object('folder_url', d.folder_url,
                       'summary_url', d.summary_url, 'log_url', d.log_url) END AS "documents?: Json<DocumentLinks>"
           FROM (
               -- One or all: each by its own index.
               (SELECT id FROM calls WHERE tenant_id = $1 AND call_id = $2)
               UNION ALL
               (SELECT id FROM calls
                WHERE tenant_id = $1 AND $2 IS NULL AND erased_at IS NULL AND ($3::uuid IS NULL OR id < $3)
                ORDER BY id DESC LIMIT $4)) AS wanted
           JOIN calls c ON c.id = wanted.id AND c.tenant_id = $1 AND c.erased_at IS NULL
           LEFT JOIN LATERAL (SELECT id, state FROM runs WHERE tenant_id = c.tenant_id AND call_id = c.call_id
                              ORDER BY number DESC LIMIT 1) r ON true
           LEFT JOIN summaries s ON s.run_id = r.id
           LEFT JOIN run_documents d ON d.run_id = r.id
           ORDER BY c.id DESC LIMIT $4"#,
        tenant,
        call_id,
        page.before,
        page.limit,
    )
    .fetch_all(db)
    .await
}
