//! The service account: its key, made once per process, and the tokens it gets for assertions.

use std::{collections::HashMap, sync::LazyLock};

use aftercall::domain::clock::Clock;
use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der},
    rsa::{KeyPair, KeySize},
    signature::KeyPair as _,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use http::{StatusCode, header};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Value, json};
use url::form_urlencoded;

use super::{Asking, refusal::Refusal};

/// The service account.
pub const CLIENT_EMAIL: &str = "aftercall@tests.iam.gserviceaccount.example";
/// The only user of the Workspace.
pub const USER: &str = "dana@brindlemoor.example";
const KEY_ID: &str = "5f0c9a";
const DRIVE_SCOPE: &str = "https://www.googleapis.com/auth/drive";
const LIFETIME: i64 = 3599;
/// How far clocks may differ, in seconds.
const SKEW: i64 = 300;

static KEY: LazyLock<Key> = LazyLock::new(Key::generate);

struct Key {
    private_pem: String,
    public: DecodingKey,
}

impl Key {
    fn generate() -> Self {
        let pair = KeyPair::generate(KeySize::Rsa2048).expect("a key");
        let private: Pkcs8V1Der<'_> = pair.as_der().expect("encodes");
        let public: PublicKeyX509Der<'_> = pair.public_key().as_der().expect("encodes");
        let pem = |what: &str, der: &[u8]| {
            format!("-----BEGIN {what} KEY-----\n{}\n-----END {what} KEY-----\n", STANDARD.encode(der))
        };
        Self {
            private_pem: pem("PRIVATE", private.as_ref()),
            public: DecodingKey::from_rsa_pem(pem("PUBLIC", public.as_ref()).as_bytes()).expect("a public key"),
        }
    }
}

pub(super) fn key_json(url: &str) -> String {
    json!({
        "type": "service_account", "project_id": "tests", "private_key_id": KEY_ID, "private_key": KEY.private_pem,
        "client_email": CLIENT_EMAIL, "client_id": "1029384756", "token_uri": format!("{url}/token"),
        "auth_uri": "https://accounts.google.example/o/oauth2/auth",
    })
    .to_string()
}

/// What a token allows.
#[derive(Clone)]
pub(super) struct Grant {
    /// The user acted for.
    pub(super) user: Option<String>,
    /// Whether files of others are visible too.
    pub(super) sees_all: bool,
    ends: i64,
}

#[derive(Default)]
pub(super) struct Account {
    pub(super) clock: Option<Clock>,
    pub(super) grants: HashMap<String, Grant>,
    pub(super) made: usize,
    pub(super) useless: bool,
    pub(super) key_revoked: bool,
    pub(super) no_delegation: bool,
}

impl Account {
    fn now(&self) -> Option<i64> {
        self.clock.as_ref().map(|clock| clock.now().timestamp())
    }

    /// What the token of a request allows.
    pub(super) fn grant(&self, asking: &Asking<'_>) -> Result<Grant, Refusal> {
        let token = asking.header(header::AUTHORIZATION).strip_prefix("Bearer ").unwrap_or_default();
        let grant = self.grants.get(token).filter(|_| !self.useless).ok_or_else(Refusal::bad_token)?;
        if self.now().is_some_and(|now| now >= grant.ends) {
            return Err(Refusal::bad_token());
        }
        Ok(grant.clone())
    }
}

/// `POST /token`.
pub(super) fn token(account: &mut Account, asking: &Asking<'_>) -> Result<Value, Refusal> {
    if asking.method != "POST" || asking.media_type() != "application/x-www-form-urlencoded" {
        return Err(refused("invalid_request", "Required parameter is missing: grant_type"));
    }
    let form: HashMap<String, String> = form_urlencoded::parse(asking.body).into_owned().collect();
    let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    if field("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" {
        return Err(refused("unsupported_grant_type", "Invalid grant_type"));
    }
    let audience = format!("http://{}/token", asking.header(header::HOST));
    let claims = signed_claims(account, field("assertion"), &audience)?;
    let scopes: Vec<&str> = claims["scope"].as_str().unwrap_or_default().split(' ').collect();
    let own_only = format!("{DRIVE_SCOPE}.file");
    if !scopes.iter().all(|scope| *scope == DRIVE_SCOPE || *scope == own_only) {
        return Err(refused("invalid_scope", "Invalid OAuth scope or ID token audience provided."));
    }
    let grant = Grant {
        user: user(account, &claims)?,
        sees_all: scopes.contains(&DRIVE_SCOPE),
        ends: account.now().unwrap_or_default() + LIFETIME,
    };
    account.made += 1;
    let token = format!("ya29.c.token-{}", account.made);
    account.grants.insert(token.clone(), grant);
    Ok(json!({"access_token": token, "expires_in": LIFETIME, "token_type": "Bearer"}))
}

fn signed_claims(account: &Account, assertion: &str, audience: &str) -> Result<Value, Refusal> {
    let invalid = |why: &str| refused("invalid_grant", why);
    let mut validation = Validation::new(Algorithm::RS256);
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    let signed = jsonwebtoken::decode::<Value>(assertion, &KEY.public, &validation)
        .map_err(|_| invalid("Invalid JWT Signature."))?;
    if account.key_revoked || signed.header.kid.is_some_and(|id| id != KEY_ID) {
        return Err(invalid("Invalid JWT Signature."));
    }
    let claims = signed.claims;
    if claims["iss"] != CLIENT_EMAIL {
        return Err(invalid("Invalid grant: account not found"));
    }
    if claims["aud"] != audience {
        return Err(invalid("Invalid JWT: Failed audience check."));
    }
    let (Some(iat), Some(exp)) = (claims["iat"].as_i64(), claims["exp"].as_i64()) else {
        return Err(invalid("Invalid JWT: iat and exp are required."));
    };
    let on_time = account.now().is_none_or(|now| iat <= now + SKEW && exp >= now - SKEW);
    if !(1..=3600).contains(&(exp - iat)) || !on_time {
        return Err(invalid(
            "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat \
             and exp values in the JWT claim.",
        ));
    }
    Ok(claims)
}

fn user(account: &Account, claims: &Value) -> Result<Option<String>, Refusal> {
    match claims.get("sub").map(|user| user.as_str().unwrap_or_default()) {
        None => Ok(None),
        Some(_) if account.no_delegation => Err(Refusal::of_token(
            StatusCode::UNAUTHORIZED,
            "unauthorized_client",
            "Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of the \
             scopes requested.",
        )),
        Some(USER) => Ok(Some(USER.to_owned())),
        Some(_) => Err(refused("invalid_grant", "Invalid email or User ID")),
    }
}

fn refused(code: &str, description: &str) -> Refusal {
    Refusal::of_token(StatusCode::BAD_REQUEST, code, description)
}
