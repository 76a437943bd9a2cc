//! Snowflake over its SQL API v2, the one documented protocol: statements by HTTP, answered at once, later, or in
//! parts. What it is used for here is fetching the transcript of a call from a customer's warehouse.
//!
//! No session, no transaction, no driver protocol, no Arrow; nothing is written.

mod account;
mod api;
mod auth;
mod errors;
mod lines;
mod names;
mod result;
mod statement;
mod transcript;

use std::{iter, sync::Arc, time::Duration};

use crate::clients::http::{BreakerState, Sender, SenderContext, SystemLimits, UpstreamError};
use anyhow::{Context, ensure};
use secrecy::ExposeSecret;
use url::Url;
use uuid::Uuid;

pub use self::{
    result::{Row, Rows},
    statement::Bind,
    transcript::{DEFAULT_TRANSCRIPT_QUERY, SnowflakeTranscript, read_text},
};

use self::{
    account::Account,
    api::Api,
    auth::Credentials,
    names::object_name,
    statement::{Place, Statements},
};

use crate::config::{SnowflakeAuth, SnowflakeConfig};

const LIMITS: SystemLimits = SystemLimits {
    system: "snowflake",
    setting: "SNOWFLAKE_ACCOUNT, SNOWFLAKE_URL",
    // A statement that takes long is answered with "still running" after 45 s of silence (contract §1.6).
    read: Duration::from_secs(60),
    total: Duration::from_secs(75),
    largest_answer: 32 << 20,
    concurrency: 8,
};
/// An id that no call has: Gong's are digits.
const CHECKED_ID: &str = "aftercall-check";

/// The client of one Snowflake account. Clones share its connections and its token.
#[derive(Clone)]
pub struct Snowflake {
    statements: Statements,
    transcript_query: Arc<str>,
}

impl Snowflake {
    /// Builds the client; nothing is asked of Snowflake yet. Fails for settings that cannot work, with a text for the
    /// operator.
    pub fn new(config: SnowflakeConfig, context: &SenderContext) -> anyhow::Result<Self> {
        let account = Account::parse(&config.account).map_err(anyhow::Error::msg)?;
        let base = match config.url {
            Some(url) => url,
            None => Url::parse(&account.url()).context("the Snowflake account makes no address")?,
        };
        ensure!(
            matches!(base.scheme(), "https" | "http") && base.has_host(),
            "SNOWFLAKE_URL must be an https: address"
        );
        ensure!(!config.statement_timeout.is_zero(), "the time-out of Snowflake's statements must not be zero");
        let clock = context.clock.clone();
        let token = match &config.auth {
            SnowflakeAuth::Token(token) => Some(token.expose_secret().to_owned()),
            SnowflakeAuth::KeyPair(_) => None,
        };
        let credentials =
            Credentials::new(config.auth, &account, config.user.as_deref(), clock).map_err(anyhow::Error::msg)?;
        let name = |name: Option<String>| name.as_deref().and_then(object_name);
        let statements = Statements {
            api: Arc::new(Api { sender: Sender::new(LIMITS, context)?.hiding(token), base, credentials }),
            place: Place {
                role: name(config.role),
                warehouse: name(config.warehouse),
                database: name(config.database),
                schema: name(config.schema),
            },
            timeout: config.statement_timeout,
        };
        Ok(Self { statements, transcript_query: config.query.as_deref().unwrap_or(DEFAULT_TRANSCRIPT_QUERY).into() })
    }

    /// Runs one statement and brings all its rows.
    ///
    /// `request_id` names this very execution: whoever tries again after an error passes the same id with `repeat` set,
    /// and Snowflake does not run twice what has succeeded (contract §1.7). A statement that is not done when the
    /// configured time is over is cancelled, and the error is [`UpstreamError::Retry`].
    pub async fn query(
        &self,
        sql: &str,
        binds: &[Bind],
        request_id: Uuid,
        repeat: bool,
    ) -> Result<Rows, UpstreamError> {
        self.statements.run(sql, binds, request_id, repeat).await
    }

    /// The transcript of a call and what the warehouse knows of its customer, by the configured query. `None` as long
    /// as there is no row for the call, or no words in it. `request_id` and `repeat` as for [`Self::query`]; since a
    /// repeat brings the old result, a later look for a transcript that was not there needs a new id.
    pub async fn transcript(
        &self,
        call_id: &str,
        request_id: Uuid,
        repeat: bool,
    ) -> Result<Option<SnowflakeTranscript>, UpstreamError> {
        let binds = [Bind::Text(call_id.to_owned())];
        let rows = self.query(&self.transcript_query, &binds, request_id, repeat).await?;
        transcript::read(&rows, call_id)
    }

    /// Proves credentials, role, warehouse, tables and columns by running the transcript query for an id that no call
    /// has. What was found is told in a sentence for the operator.
    pub async fn check(&self) -> Result<String, UpstreamError> {
        let binds = [Bind::Text(CHECKED_ID.to_owned())];
        let rows = self.query(&self.transcript_query, &binds, Uuid::now_v7(), false).await?;
        transcript::check_columns(&rows)?;
        let user = self.statements.api.credentials.name().to_owned();
        let place = self.statements.place.named().map(|(word, name)| format!("{word} {name}"));
        let known = iter::once(user).chain(place).collect::<Vec<_>>().join(", ");
        let columns = rows.columns().join(", ").to_lowercase();
        Ok(format!("Snowflake knows {known}; the transcript query brings {columns}"))
    }

    /// Whether requests are let through at present.
    #[must_use]
    pub fn breaker(&self) -> BreakerState {
        self.statements.api.sender.breaker()
    }
}
