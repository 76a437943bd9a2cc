//! The outside systems that are configured: their clients, built once, and the question whether each would work.
//!
//! What is done with them is the pipeline's and the intake's business. Endpoints that users of the API chose are no
//! systems; they are tested one by one.

mod check;
mod pace;

pub use self::check::{Check, CheckStatus, Report};

use std::sync::Arc;

use anyhow::Context;
use sqlx::PgPool;

use self::pace::{GONG_BACKGROUND_LIMIT, GONG_LIMIT, SharedPace};
use crate::{
    clients::{
        gong::GongApi,
        google::Drive,
        http::{BreakerState, SenderContext},
        mail::Mailer,
        openai::OpenAi,
        snowflake::Snowflake,
    },
    config::Config,
    db::rate_limits::{self, Used},
    domain::clock::Clock,
};

/// Every system that a configuration names.
#[derive(Clone)]
pub struct Systems {
    /// The database.
    pub pool: PgPool,
    /// What time it is.
    pub clock: Clock,
    /// The Gong API.
    pub gong: Option<GongApi>,
    /// The same for work that nobody waits for.
    pub gong_in_background: Option<GongApi>,
    /// Snowflake.
    pub snowflake: Option<Snowflake>,
    /// The model server.
    pub openai: Option<OpenAi>,
    /// Google Drive, and the folder in which accounts get theirs.
    pub drive: Option<(Drive, String)>,
    /// The way out for mail: a server, or files.
    pub mailer: Mailer,
}

impl Systems {
    /// Builds the clients. Contacts nobody.
    pub fn new(config: &Config, pool: PgPool, context: &SenderContext) -> anyhow::Result<Self> {
        let clock = context.clock.clone();
        let gong = |limit| {
            let pace = SharedPace { pool: pool.clone(), clock: clock.clone(), limit };
            config.gong.api.clone().map(|api| GongApi::new(api, context, Arc::new(pace))).transpose()
        };
        let snowflake = config.snowflake.clone().map(|snowflake| Snowflake::new(snowflake, context));
        let openai = config.summary.openai.clone().map(|openai| OpenAi::new(openai, context));
        let drive = config.google.clone().map(|google| {
            let root = google.root.clone();
            anyhow::Ok((Drive::new(google, context)?, root))
        });
        let outbox = config.service.data_dir.join("outbox");
        Ok(Self {
            gong: gong(GONG_LIMIT).context("GONG_API_URL")?,
            gong_in_background: gong(GONG_BACKGROUND_LIMIT).context("GONG_API_URL")?,
            snowflake: snowflake.transpose().context("SNOWFLAKE_ACCOUNT")?,
            openai: openai.transpose().context("OPENAI_BASE_URL")?,
            drive: drive.transpose().context("GOOGLE_API_URL")?,
            mailer: Mailer::new(&config.mail, context, outbox).context("SMTP_HOST")?,
            pool,
            clock,
        })
    }

    /// Whether each of the configured systems is let alone at present because it kept failing.
    #[must_use]
    pub fn breakers(&self) -> Vec<(&'static str, BreakerState)> {
        let mut breakers = Vec::new();
        breakers.extend(self.gong.as_ref().map(|gong| ("gong", gong.breaker())));
        breakers.extend(self.snowflake.as_ref().map(|snowflake| ("snowflake", snowflake.breaker())));
        breakers.extend(self.openai.as_ref().map(|openai| ("openai", openai.breaker())));
        breakers.extend(self.drive.iter().flat_map(|(drive, _)| drive.breakers()));
        breakers
    }

    /// How much of Gong's limit all replicas have used; `None` without a Gong API.
    pub async fn gong_used(&self) -> sqlx::Result<Option<Used>> {
        if self.gong.is_none() {
            return Ok(None);
        }
        rate_limits::find_used(&self.pool, GONG_LIMIT.key, self.clock.now()).await.map(Some)
    }
}
