//! The Snowflake account that knows transcripts and customers.

use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use super::{
    env::{Env, secure_url},
    snowflake_key::PrivateKey,
};

/// How Snowflake is asked.
#[derive(Debug, Clone)]
pub struct SnowflakeConfig {
    /// `SNOWFLAKE_ACCOUNT`: the account identifier.
    pub account: String,
    /// `SNOWFLAKE_USER`.
    pub user: Option<String>,
    /// How we prove who we are.
    pub auth: SnowflakeAuth,
    /// `SNOWFLAKE_ROLE`; unset, the user's default, as for the next three.
    pub role: Option<String>,
    /// `SNOWFLAKE_WAREHOUSE`.
    pub warehouse: Option<String>,
    /// `SNOWFLAKE_DATABASE`.
    pub database: Option<String>,
    /// `SNOWFLAKE_SCHEMA`.
    pub schema: Option<String>,
    /// `SNOWFLAKE_URL`; unset, the account's own host.
    pub url: Option<Url>,
    /// What `SNOWFLAKE_QUERY_PATH` holds: the operator's own SQL.
    pub query: Option<String>,
    /// How long a statement may take before it is cancelled.
    pub statement_timeout: Duration,
}

/// A key of our own, or a token.
#[derive(Debug, Clone)]
pub enum SnowflakeAuth {
    /// `SNOWFLAKE_PRIVATE_KEY_PATH`.
    KeyPair(PrivateKey),
    /// `SNOWFLAKE_TOKEN`: a programmatic access token, or one of OAuth.
    Token(SecretString),
}

impl SnowflakeConfig {
    pub(super) fn read(env: &mut Env, timeout: Duration) -> Option<Self> {
        refuse_other_ways_in(env);
        let key = env.file("SNOWFLAKE_PRIVATE_KEY_PATH", PrivateKey::parse_pem);
        let token = env.secret("SNOWFLAKE_TOKEN");
        let user = env.text("SNOWFLAKE_USER");
        let url = env.read("SNOWFLAKE_URL", secure_url);
        let query = env.file("SNOWFLAKE_QUERY_PATH", one_bind);
        let account = env.text("SNOWFLAKE_ACCOUNT");
        let ways_in = ["SNOWFLAKE_PRIVATE_KEY_PATH", "SNOWFLAKE_TOKEN"];
        if account.is_none() {
            let names = ["USER", "URL", "QUERY_PATH", "ROLE", "WAREHOUSE", "DATABASE", "SCHEMA"];
            let set = |name: &String| env.is_set(name);
            let names = names.map(|name| format!("SNOWFLAKE_{name}")).into_iter();
            if let Some(given) = names.chain(ways_in.map(str::to_owned)).find(set) {
                env.needs(&given, &["SNOWFLAKE_ACCOUNT"]);
            }
        } else if ways_in.iter().all(|name| !env.is_set(name)) {
            env.problem(
                "SNOWFLAKE_PRIVATE_KEY_PATH",
                "must be given with SNOWFLAKE_ACCOUNT (a PKCS#8 key whose public half the user has), or SNOWFLAKE_TOKEN",
            );
        }
        if env.is_set("SNOWFLAKE_PRIVATE_KEY_PATH") {
            env.needs("SNOWFLAKE_PRIVATE_KEY_PATH", &["SNOWFLAKE_USER"]);
            if token.is_some() {
                env.problem("SNOWFLAKE_TOKEN", "and SNOWFLAKE_PRIVATE_KEY_PATH are both given: leave one out");
            }
        }
        Some(Self {
            account: account?,
            user,
            auth: key.map(SnowflakeAuth::KeyPair).or(token.map(SnowflakeAuth::Token))?,
            role: env.text("SNOWFLAKE_ROLE"),
            warehouse: env.text("SNOWFLAKE_WAREHOUSE"),
            database: env.text("SNOWFLAKE_DATABASE"),
            schema: env.text("SNOWFLAKE_SCHEMA"),
            url,
            query,
            statement_timeout: timeout / 2,
        })
    }
}

/// Ways in that need a person, or that Snowflake is closing.
fn refuse_other_ways_in(env: &mut Env) {
    const INSTEAD: &str =
        "give SNOWFLAKE_PRIVATE_KEY_PATH (a key pair) or SNOWFLAKE_TOKEN (a programmatic access token)";
    env.read("SNOWFLAKE_AUTHENTICATOR", |text| match text.to_ascii_lowercase().as_str() {
        "externalbrowser" => {
            Err(format!("externalbrowser opens a browser, and a service has nobody to sign in: {INSTEAD}"))
        }
        "snowflake_jwt" | "oauth" | "programmatic_access_token" => Ok(()),
        _ => Err(format!("this way in is not supported: leave it out and {INSTEAD}")),
    });
    if env.is_set("SNOWFLAKE_PASSWORD") {
        env.problem("SNOWFLAKE_PASSWORD", format!("password sign-in is refused for services: {INSTEAD}"));
    }
}

/// The query's one bind is the call's id.
fn one_bind(sql: &str) -> Result<String, String> {
    match sql.matches('?').count() {
        1 => Ok(sql.trim().trim_end_matches(';').to_owned()),
        binds => Err(format!("the query must have one bind, ?, for the call's id; this one has {binds}")),
    }
}
