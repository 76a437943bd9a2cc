//! Endpoints: where notifications go, and how each is doing.

mod health;
mod labels;
mod subscribers;

pub use self::{
    health::{BreakerPauses, HealthChange, HealthRow, disable_endpoints, note_health},
    labels::{EndpointLabel, find_labels, list_labels},
    subscribers::{Subscriber, find_mailbox, insert_mailbox, list_enabled, list_subscribers},
};

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};

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
#[expect(clippy::struct_excessive_bools, reason = "a row of independent facts")]
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
    /// Until when its breaker lets nothing through; a probe follows, and it stays set until one succeeds.
    pub open_until: Option<DateTime<Utc>>,
    /// Whether the service made it for somebody's mailbox.
    pub is_mailbox: bool,
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

    /// A change that changes nothing.
    #[must_use]
    pub fn as_it_is<'a>(&'a self, filters: &'a Filters) -> EndpointChange<'a> {
        EndpointChange {
            name: &self.name,
            sealed: &self.sealed,
            enabled: self.enabled,
            disabled_reason: self.disabled_reason.as_deref(),
            filters,
            rate_limit_per_minute: self.rate_limit_per_minute,
            ordered: self.ordered,
            fresh: false,
        }
    }

    /// How it is doing.
    #[must_use]
    pub fn health(&self) -> HealthState {
        match (self.enabled, self.open_until, self.consecutive_failures) {
            (false, ..) => HealthState::Disabled,
            (true, Some(_), _) => HealthState::Open,
            (true, None, 0) => HealthState::Ok,
            (true, None, _) => HealthState::Failing,
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
                  last_failure_at, disabled_reason, open_until, mailbox_hash IS NOT NULL AS "is_mailbox!", created_at,
                  updated_at
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

/// Finds one endpoint that is not deleted and keeps others from changing it until the transaction ends.
pub async fn lock_endpoint(db: &mut PgConnection, tenant: &str, id: EndpointId) -> sqlx::Result<Option<EndpointRow>> {
    sqlx::query!("SELECT id FROM endpoints WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE", tenant, id.uuid())
        .fetch_optional(&mut *db)
        .await?;
    find_endpoint(db, tenant, id).await
}

/// How an endpoint shall be.
#[derive(Debug)]
pub struct EndpointChange<'a> {
    /// What people call it.
    pub name: &'a str,
    /// Target, secret and headers.
    pub sealed: &'a [u8],
    /// Whether it takes deliveries.
    pub enabled: bool,
    /// Why not.
    pub disabled_reason: Option<&'a str>,
    /// What it asks for.
    pub filters: &'a Filters,
    /// At most so many a minute.
    pub rate_limit_per_minute: Option<i32>,
    /// Whether events of one subject keep their order.
    pub ordered: bool,
    /// Whether its health starts afresh: it was enabled, or leads elsewhere.
    pub fresh: bool,
}

/// Changes an endpoint that is not deleted.
pub async fn update_endpoint(
    db: impl PgExecutor<'_>,
    tenant: &str,
    id: EndpointId,
    change: &EndpointChange<'_>,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE endpoints SET name = $3, sealed = $4, enabled = $5, disabled_reason = $6, filter_events = $7,
             filter_intents = $8, rate_limit_per_minute = $9, ordered = $10,
             consecutive_failures = CASE WHEN $11 THEN 0 ELSE consecutive_failures END,
             failing_since = CASE WHEN $11 THEN NULL ELSE failing_since END,
             open_until = CASE WHEN $11 THEN NULL ELSE open_until END,
             trips = CASE WHEN $11 THEN 0 ELSE trips END,
             updated_at = $12
         WHERE tenant_id = $1 AND id = $2 AND deleted_at IS NULL",
        tenant,
        id.uuid(),
        change.name,
        change.sealed,
        change.enabled,
        change.disabled_reason,
        &change.filters.events,
        &change.filters.intents,
        change.rate_limit_per_minute,
        change.ordered,
        change.fresh,
        now,
    )
    .execute(db)
    .await?;
    Ok(())
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
