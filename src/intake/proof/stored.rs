//! Connections that an administrator made: their keys as they are kept.

use std::fmt;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::Source;
use crate::{
    config::public_key,
    db::{sealed::Place, sources::SourceRow},
    domain::{
        ids::SourceId,
        keyring::{KeyRing, KeyRingError},
    },
};

/// What of a connection is sealed at rest: both must be used again.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct SourceKeys {
    /// The `key` of the URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url_key: Option<String>,
    /// The HMAC secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

impl fmt::Debug for SourceKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SourceKeys([REDACTED])")
    }
}

/// Seals the keys of a connection for its row.
#[must_use]
pub fn seal(key_ring: &KeyRing, id: SourceId, keys: &SourceKeys) -> Vec<u8> {
    let plain = serde_json::to_vec(keys).expect("plain data always becomes JSON");
    key_ring.seal(&Place::Source(id).bound_to(), &plain)
}

impl SourceKeys {
    /// Opens what [`seal`] made; a row without it has none.
    pub fn open(key_ring: &KeyRing, row: &SourceRow) -> Result<Self, KeyRingError> {
        let Some(sealed) = &row.sealed else { return Ok(Self::default()) };
        let plain = key_ring.open(&Place::Source(row.id).bound_to(), sealed)?;
        serde_json::from_slice(&plain).map_err(|_| KeyRingError::Damaged)
    }
}

impl Source {
    /// A connection that an administrator made.
    pub fn from_row(key_ring: &KeyRing, row: &SourceRow) -> Result<Self, KeyRingError> {
        let keys = SourceKeys::open(key_ring, row)?;
        Ok(Self {
            id: row.id,
            tenant: row.tenant.clone(),
            public_keys: row.public_keys.iter().filter_map(|key| public_key(key)).collect(),
            url_key: keys.url_key.map(SecretString::from),
            secret: keys.secret.map(SecretString::from),
        })
    }

    /// By which proofs a sender may come in.
    #[must_use]
    pub fn proofs(&self) -> Vec<&'static str> {
        let taken = [
            ("signed_token", !self.public_keys.is_empty()),
            ("url_key", self.url_key.is_some()),
            ("hmac", self.secret.is_some()),
        ];
        taken.into_iter().filter_map(|(name, taken)| taken.then_some(name)).collect()
    }
}
