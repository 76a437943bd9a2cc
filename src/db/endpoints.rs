//! Endpoints: where notifications go, and how each is doing.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use super::Page;
use crate::domain::{
    endpoint::{EndpointChannel, HealthState},
    filter::Filters,
    ids::EndpointId,
};

/// An endpoint about to be created.
#[derive(Debug)]
pub struct NewEndpoint<'a> {
    /// Its id.
    pub id: EndpointId,
    /// Whose it is.
    pub tenant: &'a str,
    /// Its channel.
    pub kind: EndpointChannel,
    /// What people call it.
    pub name: &'a str,
    /// Target, secret and headers.
    pub sealed: &'a [u8],
    /// Whether there is a secret in it.
    pub has_secret: bool,
    /// Whether it takes deliveries.
    pub enabled: bool,
    /// What it asked for.
    pub filters: &'a Filters,
    /// At most so many a minute.
    pub rate_limit_per_minute: Option<i32>,
    /// Whether events of one subject keep their order.
    pub ordered: bool,
}

/// Inserts an endpoint.
pub async fn insert_endpoint(
    db: impl PgExecutor<'_>,
    endpoint: &NewEndpoint<'_>,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO endpoints (id, tenant_id, kind, name, sealed, has_secret, enabled, filter_events, filter_intents,
                                rate_limit_per_minute, ordered, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12)",
        endpoint.id.uuid(),
        endpoint.tenant,
        endpoint.kind.as_str(),
        endpoint.name,
        endpoint.sealed,
        endpoint.has_secret,
        endpoint.enabled,
        &endpoint.filters.events,
        &endpoint.filters.intents,
        endpoint.rate_limit_per_minute,
        endpoint.ordered,
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// An endpoint as it stands.
#[derive(Debug, Clone)]
pub struct EndpointRow {
    /// Its id.
    pub id: EndpointId,
    /// Its channel.
    pub kind: EndpointChannel,
    /// What people call it.
    pub name: String,
    /// Target, secret and headers.
    pub sealed: Vec<u8>,
    /// Whether there is a secret.
    pub has_secret: bool,
    /// Whether it takes deliveries.
    pub enabled: bool,
    /// The event filter.
    pub filter_events: Vec<String>,
    /// The intent filter.
    pub filter_intents: Vec<String>,
    /// At most so many a minute.
    pub rate_limit_per_minute: Option<i32>,
    /// Whether events of one subject keep their order.
    pub ordered: bool,
    /// Failures since the last success.
    pub consecutive_failures: i32,
    /// When it last took something.
    pub last_success_at: Option<DateTime<Utc>>,
    /// When it last failed.
    pub last_failure_at: Option<DateTime<Utc>>,
    /// Why it is disabled.
    pub disabled_reason: Option<String>,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

impl EndpointRow {
    /// What it asked for.
    #[must_use]
    pub fn filters(&self) -> Filters {
        Filters { events: self.filter_events.clone(), intents: self.filter_intents.clone() }
    }

    /// How it is doing.
    #[must_use]
    pub fn health(&self) -> HealthState {
        match (self.enabled, self.consecutive_failures) {
            (false, _) => HealthState::Disabled,
            (true, 0) => HealthState::Ok,
            (true, _) => HealthState::Failing,
        }
    }
}

/// Lists the endpoints that an administrator keeps, newest first; `id` narrows to one, which may be a mailbox too.
pub async fn list_endpoints(
    db: impl PgExecutor<'_>,
    tenant: &str,
    id: Option<EndpointId>,
    page: Page,
) -> sqlx::Result<Vec<EndpointRow>> {
    sqlx::query_as!(
        EndpointRow,
        r#"SELECT id AS "id: EndpointId", kind AS "kind: EndpointChannel", name, sealed, has_secret, enabled,
                  filter_events, filter_intents, rate_limit_per_minute, ordered, consecutive_failures, last_success_at,
                  last_failure_at, disabled_reason, created_at, updated_at
           FROM endpoints
           WHERE tenant_id = $1 AND deleted_at IS NULL AND (id = $2 OR $2::uuid IS NULL AND mailbox_hash IS NULL)
             AND ($3::uuid IS NULL OR id < $3)
           ORDER BY id DESC LIMIT $4"#,
        tenant,
        id.map(EndpointId::uuid),
        page.before,
        page.limit,
    )
    .fetch_all(db)
    .await
}

/// Finds one endpoint that is not deleted.
pub async fn find_endpoint(db: impl PgExecutor<'_>, tenant: &str, id: EndpointId) -> sqlx::Result<Option<EndpointRow>> {
    Ok(list_endpoints(db, tenant, Some(id), Page { limit: 1, before: None }).await?.pop())
}

/// Lists what is sealed of all tenants' endpoints, with their names.
pub async fn list_sealed(db: impl PgExecutor<'_>) -> sqlx::Result<Vec<(EndpointId, String, Vec<u8>)>> {
    let rows = sqlx::query!(r#"SELECT id AS "id: EndpointId", name, sealed FROM endpoints WHERE deleted_at IS NULL"#);
    Ok(rows.fetch_all(db).await?.into_iter().map(|row| (row.id, row.name, row.sealed)).collect())
}

/// What deciding about an event needs of an endpoint.
#[derive(Debug)]
pub struct Subscriber {
    /// The endpoint.
    pub id: EndpointId,
    /// Whose it is.
    pub tenant: String,
    /// The event filter.
    pub filter_events: Vec<String>,
    /// The intent filter.
    pub filter_intents: Vec<String>,
}

/// Lists the enabled endpoints of tenants that choose their events themselves.
pub async fn list_subscribers(db: impl PgExecutor<'_>, tenants: &[String]) -> sqlx::Result<Vec<Subscriber>> {
    sqlx::query_as!(
        Subscriber,
        r#"SELECT id AS "id: EndpointId", tenant_id AS tenant, filter_events, filter_intents
           FROM endpoints WHERE tenant_id = ANY($1) AND enabled AND deleted_at IS NULL AND mailbox_hash IS NULL
           ORDER BY id"#,
        tenants,
    )
    .fetch_all(db)
    .await
}

/// Lists those of the given endpoints that take anything.
pub async fn list_enabled(db: impl PgExecutor<'_>, ids: &[Uuid]) -> sqlx::Result<Vec<EndpointId>> {
    let enabled = sqlx::query_scalar!(
        r#"SELECT id AS "id: EndpointId" FROM endpoints WHERE id = ANY($1) AND enabled AND deleted_at IS NULL"#,
        ids,
    );
    enabled.fetch_all(db).await
}

/// Finds the endpoint of a mailbox by the hash of its address, also one that was deleted: who deleted it wants no mail.
pub async fn find_mailbox(db: impl PgExecutor<'_>, tenant: &str, hash: &[u8]) -> sqlx::Result<Option<EndpointId>> {
    let found = sqlx::query_scalar!(
        r#"SELECT id AS "id: EndpointId" FROM endpoints WHERE tenant_id = $1 AND mailbox_hash = $2"#,
        tenant,
        hash,
    );
    found.fetch_optional(db).await
}

/// Makes the endpoint of a mailbox, unless there is one.
pub async fn insert_mailbox(
    db: impl PgExecutor<'_>,
    id: EndpointId,
    tenant: &str,
    hash: &[u8],
    sealed: &[u8],
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO endpoints (id, tenant_id, kind, name, sealed, has_secret, mailbox_hash, created_at, updated_at)
         VALUES ($1, $2, 'email', 'Account mail', $3, false, $4, $5, $5)
         ON CONFLICT (tenant_id, mailbox_hash) WHERE mailbox_hash IS NOT NULL DO NOTHING",
        id.uuid(),
        tenant,
        sealed,
        hash,
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Enables or disables an endpoint, or flips it when `enabled` is not given, and tells how it stands then.
/// Enabling starts its health afresh.
pub async fn toggle_endpoint(
    db: impl PgExecutor<'_>,
    tenant: &str,
    id: EndpointId,
    enabled: Option<bool>,
    disabled_reason: &str,
    now: DateTime<Utc>,
) -> sqlx::Result<Option<bool>> {
    sqlx::query_scalar!(
        "UPDATE endpoints SET
             enabled = coalesce($3, NOT enabled),
             disabled_reason = CASE WHEN coalesce($3, NOT enabled) THEN NULL
                                    WHEN enabled THEN $4 ELSE disabled_reason END,
             consecutive_failures = CASE WHEN coalesce($3, NOT enabled) AND NOT enabled THEN 0
                                         ELSE consecutive_failures END,
             failing_since = CASE WHEN coalesce($3, NOT enabled) AND NOT enabled THEN NULL ELSE failing_since END,
             updated_at = $5
         WHERE tenant_id = $1 AND id = $2 AND deleted_at IS NULL RETURNING enabled",
        tenant,
        id.uuid(),
        enabled,
        disabled_reason,
        now,
    )
    .fetch_optional(db)
    .await
}

/// Disables endpoints that are enabled and tells which were.
pub async fn disable_endpoints(
    db: impl PgExecutor<'_>,
    ids: &[Uuid],
    reason: &str,
    now: DateTime<Utc>,
) -> sqlx::Result<Vec<(EndpointId, String)>> {
    let rows = sqlx::query!(
        r#"UPDATE endpoints SET enabled = false, disabled_reason = $2, updated_at = $3
           WHERE id = ANY($1) AND enabled AND deleted_at IS NULL RETURNING id AS "id: EndpointId", tenant_id"#,
        ids,
        reason,
        now,
    );
    Ok(rows.fetch_all(db).await?.into_iter().map(|row| (row.id, row.tenant_id)).collect())
}

/// Deletes an endpoint; its row stays for the history's sake. `false` when there is none.
pub async fn delete_endpoint(
    db: impl PgExecutor<'_>,
    tenant: &str,
    id: EndpointId,
    now: DateTime<Utc>,
) -> sqlx::Result<bool> {
    let deleted = sqlx::query!(
        "UPDATE endpoints SET deleted_at = $3, enabled = false, updated_at = $3
         WHERE tenant_id = $1 AND id = $2 AND deleted_at IS NULL",
        tenant,
        id.uuid(),
        now,
    );
    Ok(deleted.execute(db).await?.rows_affected() > 0)
}

/// What a batch of attempts says of one endpoint.
#[derive(Debug, Clone, Copy)]
pub struct HealthChange {
    /// The endpoint.
    pub id: Uuid,
    /// Whether any attempt succeeded.
    pub succeeded: bool,
    /// How many failed.
    pub failures: i32,
}

/// An endpoint whose health changed for good or bad.
#[derive(Debug)]
pub struct HealthRow {
    /// The endpoint.
    pub id: EndpointId,
    /// Whose it is.
    pub tenant: String,
    /// The first failure after the last success.
    pub failing_since: Option<DateTime<Utc>>,
    /// Failures in a row before this batch.
    pub failures_before: i32,
}

/// Updates the health of endpoints, each row once per batch, in the order of their ids: replicas that settle at the
/// same moment wait for each other instead of deadlocking. A success of a healthy endpoint is noted at most once a
/// second.
pub async fn note_health(
    db: impl PgExecutor<'_>,
    changes: &[HealthChange],
    now: DateTime<Utc>,
) -> sqlx::Result<Vec<HealthRow>> {
    sqlx::query_as!(
        HealthRow,
        r#"WITH change AS (
               SELECT e.id, c.succeeded, c.failures, e.consecutive_failures AS failures_before
               FROM unnest($1::uuid[], $2::boolean[], $3::int[]) AS c(id, succeeded, failures)
               JOIN endpoints e ON e.id = c.id
               WHERE NOT c.succeeded OR e.consecutive_failures > 0 OR e.last_success_at IS NULL
                     OR e.last_success_at < $4::timestamptz - interval '1 second'
               ORDER BY e.id FOR NO KEY UPDATE OF e
           )
           UPDATE endpoints e SET
               consecutive_failures = CASE WHEN c.succeeded THEN 0 ELSE e.consecutive_failures + c.failures END,
               failing_since = CASE WHEN c.succeeded THEN NULL ELSE coalesce(e.failing_since, $4) END,
               last_success_at = CASE WHEN c.succeeded THEN $4 ELSE e.last_success_at END,
               last_failure_at = CASE WHEN c.failures > 0 THEN $4 ELSE e.last_failure_at END
           FROM change c WHERE e.id = c.id
           RETURNING e.id AS "id: EndpointId", e.tenant_id AS tenant, e.failing_since,
                     c.failures_before"#,
        &changes.iter().map(|change| change.id).collect::<Vec<_>>(),
        &changes.iter().map(|change| change.succeeded).collect::<Vec<_>>(),
        &changes.iter().map(|change| change.failures).collect::<Vec<_>>(),
        now,
    )
    .fetch_all(db)
    .await
}
