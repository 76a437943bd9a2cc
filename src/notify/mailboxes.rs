//! Mailboxes that the service mails by itself: an account's CS and AM. Each is an endpoint of its own, made when it is first
//! needed, so that its deliveries are tried, logged, disabled and retried like all others. Which mailboxes an event goes
//! to is said by whoever raises it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use lettre::Address;
use sha2::{Digest, Sha256};
use sqlx::PgPool;
use tracing::warn;

use super::seal;
use crate::{
    db::endpoints,
    domain::{endpoint::EndpointSecrets, ids::EndpointId, keyring::KeyRing},
};

/// Finds and makes mailboxes.
#[derive(Clone)]
pub struct Mailboxes {
    /// The database.
    pub pool: PgPool,
    /// Seals addresses: they are personal data.
    pub key_ring: KeyRing,
}

impl Mailboxes {
    /// The endpoints of these mailboxes, each once. What is no address is left out with a warning: it came from an
    /// account's data, and must not keep the summary from everybody else.
    pub async fn find_or_make(
        &self,
        tenant: &str,
        addresses: &[String],
        now: DateTime<Utc>,
    ) -> sqlx::Result<Vec<EndpointId>> {
        let mut found = Vec::new();
        for address in addresses {
            let Ok(address) = address.trim().parse::<Address>() else {
                warn!("an account's CS or AM has no usable e-mail address and gets no mail");
                continue;
            };
            let id = self.one(tenant, &address, now).await?;
            if !found.contains(&id) {
                found.push(id);
            }
        }
        Ok(found)
    }

    async fn one(&self, tenant: &str, address: &Address, now: DateTime<Utc>) -> sqlx::Result<EndpointId> {
        let hash = Sha256::digest(format!("{tenant}\n{}", address.to_string().to_lowercase()));
        if let Some(id) = endpoints::find_mailbox(&self.pool, tenant, &hash).await? {
            return Ok(id);
        }
        let id = EndpointId::new();
        let secrets =
            EndpointSecrets { target: address.to_string(), secret: None, previous: None, headers: BTreeMap::new() };
        endpoints::insert_mailbox(&self.pool, id, tenant, &hash, &seal(&self.key_ring, id, &secrets), now).await?;
        // Another worker may have made it at the same moment.
        endpoints::find_mailbox(&self.pool, tenant, &hash).await?.ok_or(sqlx::Error::RowNotFound)
    }
}
