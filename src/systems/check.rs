//! Contacts each configured system with its cheapest honest call, and says in words what an operator has to do.

use std::time::Duration;

use futures_util::{
    FutureExt,
    future::{BoxFuture, join_all},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Systems, pace::GONG_LIMIT};
use crate::{
    clients::{gong::GongApi, google::Drive, http::BreakerState, mail::Mailer, openai::OpenAi, snowflake::Snowflake},
    config::{Config, MailTransport},
    db,
};

/// How long one system is waited for: whoever asked is waiting too.
const PATIENCE: Duration = Duration::from_secs(30);
/// What happens without a system.
fn without(system: &str) -> String {
    let instead = match system {
        "gong" => "calls come by callback and import",
        "snowflake" => "transcripts come from elsewhere",
        "openai" => "the built-in summariser writes",
        "google-drive" => "documents are files under DATA_DIR",
        "smtp" => "mail is written under DATA_DIR",
        _ => "it is not needed",
    };
    format!("not configured: {instead}")
}

/// How one system did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CheckStatus {
    /// It works.
    Ok,
    /// It does not.
    Failed,
    /// The configuration does not name it; its embedded default is used.
    NotConfigured,
    /// Nobody asked, since what it needs does not work.
    NotContacted,
}

/// What is known of one system.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Check {
    /// The system.
    pub system: &'static str,
    /// How it did.
    pub status: CheckStatus,
    /// What was found; for one that failed, what to do.
    pub detail: String,
    /// What works today and may not tomorrow.
    pub warnings: Vec<String>,
    /// How long asking took.
    pub duration_ms: u64,
    /// `closed`, or `open` while this process leaves the system alone because it kept failing.
    pub breaker: Option<&'static str>,
}

/// All of them.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Report {
    /// Whether nothing failed.
    pub ok: bool,
    /// One after the other, in the order in which a call meets them.
    pub systems: Vec<Check>,
}

impl Report {
    /// Adds that something sealed cannot be opened.
    #[must_use]
    pub fn with_lost_key(mut self, why: &anyhow::Error) -> Self {
        let system = "encryption-keys";
        let (status, detail) = (CheckStatus::Failed, format!("{why:#}"));
        self.systems.push(Check { system, status, detail, warnings: Vec::new(), duration_ms: 0, breaker: None });
        Self { ok: false, ..self }
    }

    /// What can be said while the database cannot be opened: nothing else is asked, since limits that all replicas share
    /// are kept there.
    #[must_use]
    pub fn without_database(config: &Config, why: &anyhow::Error) -> Self {
        let row = |system, status, detail: &str| Check {
            system,
            status,
            detail: detail.to_owned(),
            warnings: Vec::new(),
            duration_ms: 0,
            breaker: None,
        };
        let others = [
            ("gong", config.gong.api.is_some()),
            ("snowflake", config.snowflake.is_some()),
            ("openai", config.summary.openai.is_some()),
            ("google-drive", config.google.is_some()),
            ("smtp", matches!(config.mail.transport, MailTransport::Smtp(_))),
        ];
        let others = others.map(|(system, is_configured)| {
            if is_configured {
                row(system, CheckStatus::NotContacted, "not contacted: the database comes first")
            } else {
                row(system, CheckStatus::NotConfigured, &without(system))
            }
        });
        let database = row("database", CheckStatus::Failed, &format!("{why:#}"));
        Self { ok: false, systems: [database].into_iter().chain(others).collect() }
    }
}

/// What asking brought: what was found, and warnings; or what to do.
type Found = Result<(String, Vec<String>), String>;

impl Systems {
    /// Asks all configured systems at once.
    pub async fn check(&self) -> Report {
        let mut asked = vec![timed("database", Some(self.database().boxed()))];
        asked.push(timed("gong", self.gong.as_ref().map(|gong| self.gong_api(gong).boxed())));
        asked.push(timed("snowflake", self.snowflake.as_ref().map(|snowflake| warehouse(snowflake).boxed())));
        asked.push(timed("openai", self.openai.as_ref().map(|openai| self.model(openai).boxed())));
        asked.push(timed("google-drive", self.drive.as_ref().map(|(drive, root)| folder(drive, root).boxed())));
        asked.push(timed("smtp", self.mailer.is_smtp().then(|| mail_server(&self.mailer).boxed())));
        let mut systems = join_all(asked).await;
        for (system, breaker) in self.breakers() {
            if let Some(check) = systems.iter_mut().find(|check| check.system == system) {
                check.breaker = Some(match breaker {
                    BreakerState::Closed => "closed",
                    BreakerState::Open(_) => "open",
                });
            }
        }
        Report { ok: systems.iter().all(|check| check.status != CheckStatus::Failed), systems }
    }

    async fn database(&self) -> Found {
        match db::is_migrated(&self.pool).await {
            Ok(true) => Ok(("answers, and has every migration".to_owned(), Vec::new())),
            Ok(false) => Err("migrations are missing: run aftercall migrate".to_owned()),
            Err(error) => Err(format!("does not answer: {error}")),
        }
    }

    async fn gong_api(&self, gong: &GongApi) -> Found {
        gong.check().await.map_err(|error| error.to_string())?;
        let used = self.gong_used().await.map_err(|error| error.to_string())?.unwrap_or_default();
        let silent = used.silent_until.map(|until| format!("Gong asked to be left alone until {}", until.to_rfc3339()));
        let (today, limit) = (used.today, GONG_LIMIT.daily);
        let found = format!("calls, details and transcripts can be read; {today} of {limit} requests used today");
        Ok((found, silent.into_iter().collect()))
    }

    async fn model(&self, openai: &OpenAi) -> Found {
        let report = openai.check(self.clock.now().date_naive()).await.map_err(|error| error.to_string())?;
        let found =
            if report.verified { format!("{} is there", report.model) } else { "the server answers".to_owned() };
        Ok((found, report.warning.into_iter().collect()))
    }
}

async fn warehouse(snowflake: &Snowflake) -> Found {
    Ok((snowflake.check().await.map_err(|error| error.to_string())?, Vec::new()))
}

async fn folder(drive: &Drive, root: &str) -> Found {
    let report = drive.check(root).await.map_err(|error| error.to_string())?;
    let place = if report.in_shared_drive { "in a shared drive" } else { "in somebody's My Drive" };
    Ok((format!("the folder {:?} ({place}) takes documents", report.name), report.warnings))
}

async fn mail_server(mailer: &Mailer) -> Found {
    mailer.check().await.map_err(|error| error.to_string())?;
    let taken = if mailer.signs_in() { "takes our connection and sign-in" } else { "takes our connection" };
    Ok((taken.to_owned(), Vec::new()))
}

/// Boxed, since six conversations at once make a large future.
async fn timed(system: &'static str, asking: Option<BoxFuture<'_, Found>>) -> Check {
    let stopwatch = tokio::time::Instant::now();
    let silent = || format!("no answer within {} s", PATIENCE.as_secs());
    let (status, detail, warnings) = match asking {
        None => (CheckStatus::NotConfigured, without(system), Vec::new()),
        Some(asking) => match tokio::time::timeout(PATIENCE, asking).await.unwrap_or_else(|_| Err(silent())) {
            Ok((detail, warnings)) => (CheckStatus::Ok, detail, warnings),
            Err(detail) => (CheckStatus::Failed, detail, Vec::new()),
        },
    };
    let duration_ms = u64::try_from(stopwatch.elapsed().as_millis()).unwrap_or(u64::MAX);
    Check { system, status, detail, warnings, duration_ms, breaker: None }
}
