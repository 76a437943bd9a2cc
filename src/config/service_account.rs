//! The key file of a service account. Finding it is for the configuration; this reads it and signs with it.

use std::fmt;

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::Serialize;
use serde_json::Value;
use url::Url;

use super::env::is_secure;

/// What is needed of a service account's key file.
#[derive(Clone)]
pub struct ServiceAccountKey {
    client_email: String,
    key_id: Option<String>,
    token_url: Url,
    /// `token_uri` letter by letter: a parsed URL may be written differently, and the audience is compared as text.
    audience: String,
    private_key: EncodingKey,
}

impl fmt::Debug for ServiceAccountKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceAccountKey").field("client_email", &self.client_email).finish_non_exhaustive()
    }
}

impl ServiceAccountKey {
    /// Reads the JSON that Google hands out. The error names the field that is missing or wrong, never a value.
    pub fn parse(json: &str) -> Result<Self, String> {
        let file: Value = serde_json::from_str(json).map_err(|_| "not JSON".to_owned())?;
        if !file.is_object() {
            return Err("not a JSON object".to_owned());
        }
        let kind = file.get("type").filter(|kind| !kind.is_null());
        if kind.is_some_and(|kind| kind.as_str() != Some("service_account")) {
            return Err("type is not service_account: the key of a service account is needed".to_owned());
        }
        let client_email = required(&file, "client_email")?;
        if !client_email.contains('@') {
            return Err("client_email is not an e-mail address".to_owned());
        }
        let audience = required(&file, "token_uri")?;
        Ok(Self {
            client_email: client_email.to_owned(),
            key_id: optional(&file, "private_key_id").map(str::to_owned),
            token_url: token_url(audience)?,
            audience: audience.to_owned(),
            private_key: private_key(required(&file, "private_key")?)?,
        })
    }

    /// The address that folders are shared with. No secret.
    #[must_use]
    pub fn client_email(&self) -> &str {
        &self.client_email
    }

    /// Where assertions are exchanged for tokens.
    #[must_use]
    pub fn token_url(&self) -> &Url {
        &self.token_url
    }

    /// Whom assertions are made out to.
    #[must_use]
    pub fn audience(&self) -> &str {
        &self.audience
    }

    /// Signs claims with RS256. `None` when the key cannot sign, which [`Self::parse`] has ruled out.
    pub fn sign(&self, claims: &impl Serialize) -> Option<String> {
        let mut header = Header::new(Algorithm::RS256);
        header.kid.clone_from(&self.key_id);
        jsonwebtoken::encode(&header, claims, &self.private_key).ok()
    }
}

fn optional<'a>(file: &'a Value, field: &str) -> Option<&'a str> {
    file.get(field)?.as_str().map(str::trim).filter(|text| !text.is_empty())
}

fn required<'a>(file: &'a Value, field: &str) -> Result<&'a str, String> {
    optional(file, field).ok_or_else(|| format!("{field} is missing"))
}

/// The key file decides where assertions go, and whoever holds one holds a token: no plain text leaves the machine.
fn token_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|_| "token_uri is not an absolute URL".to_owned())?;
    if is_secure(&url) { Ok(url) } else { Err("token_uri is not an https: URL".to_owned()) }
}

/// Line breaks may arrive as a literal `\n`: keys are pasted through environments and YAML.
fn private_key(pem: &str) -> Result<EncodingKey, String> {
    let wrong = |_| "private_key is not an RSA private key in PEM".to_owned();
    let key = EncodingKey::from_rsa_pem(pem.replace("\\n", "\n").as_bytes()).map_err(wrong)?;
    // Reading the frame does not read the numbers in it; signing does.
    jsonwebtoken::encode(&Header::new(Algorithm::RS256), &Value::Null, &key).map_err(wrong)?;
    Ok(key)
}
