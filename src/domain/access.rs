//! Who may do what: the roles of tokens, and tokens as they are made and kept.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::run::UnknownWord;

/// The tenant of `ADMIN_TOKEN` and of whatever the environment configures.
pub const OWN_TENANT: &str = "default";
/// Bytes of a random token: too many to guess, so a plain hash keeps them well.
const TOKEN_BYTES: usize = 32;

/// What a token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Everything in its tenant.
    Admin,
    /// Raises events and sees nothing.
    Producer,
    /// Reads and changes nothing.
    Viewer,
}

impl Role {
    const ALL: [Self; 3] = [Self::Admin, Self::Producer, Self::Viewer];

    /// The name in the API and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Producer => "producer",
            Self::Viewer => "viewer",
        }
    }

    /// Whether it may read what belongs to its tenant.
    #[must_use]
    pub const fn reads(self) -> bool {
        matches!(self, Self::Admin | Self::Viewer)
    }

    /// Whether it may raise events.
    #[must_use]
    pub const fn raises(self) -> bool {
        matches!(self, Self::Admin | Self::Producer)
    }
}

impl FromStr for Role {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or_else(|| UnknownWord(text.to_owned()))
    }
}

/// Makes a token of the form `act_<hex>`.
#[must_use]
pub fn generate_token() -> String {
    let mut bytes = [0u8; TOKEN_BYTES];
    rand::fill(&mut bytes);
    format!("act_{}", hex::encode(bytes))
}

/// What is kept of a token.
#[must_use]
pub fn token_hash(token: &str) -> Vec<u8> {
    Sha256::digest(token.as_bytes()).to_vec()
}
