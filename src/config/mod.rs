//! What the environment says, read once and checked once.
//!
//! Nothing else in the tree reads the environment. Every problem is reported at once, with the variable's name and what
//! to do, never with a secret's value. What is left out here has no other place: there is no configuration file.

mod access;
mod egress;
mod env;
mod gong;
mod google;
mod mail;
mod otlp;
mod retention;
mod retries;
mod service;
mod service_account;
mod snowflake;
mod snowflake_key;
mod summary;
mod transcripts;

use std::collections::{HashMap, HashSet};

pub use self::{
    access::{AccessConfig, AccessError},
    egress::EgressConfig,
    env::{ConfigError, Problem, parse_duration},
    gong::{GongApiConfig, GongConfig, PollingConfig, public_key},
    google::GoogleConfig,
    mail::{MailConfig, MailTransport, SmtpConfig, SmtpTls},
    otlp::{BatchConfig, OtlpConfig, SamplerConfig, SignalConfig},
    retention::RetentionConfig,
    retries::RetryConfig,
    service::{DatabaseConfig, LogFormat, ServiceConfig},
    service_account::ServiceAccountKey,
    snowflake::{SnowflakeAuth, SnowflakeConfig},
    snowflake_key::PrivateKey,
    summary::{Dialect, OpenAiConfig, SummaryConfig},
    transcripts::{TranscriptConfig, TranscriptSource},
};

use self::env::Env;

/// The whole configuration, a struct per concern.
#[derive(Debug, Clone)]
pub struct Config {
    /// Addresses, directories, logs, workers.
    pub service: ServiceConfig,
    /// Where state is kept.
    pub database: DatabaseConfig,
    /// The bootstrap token and the key ring.
    pub access: AccessConfig,
    /// How long things take and how often they are tried.
    pub retries: RetryConfig,
    /// How Gong proves that it is Gong, and how its API is asked.
    pub gong: GongConfig,
    /// The Snowflake account, if there is one.
    pub snowflake: Option<SnowflakeConfig>,
    /// The Google Drive folder, if there is one.
    pub google: Option<GoogleConfig>,
    /// Where transcripts come from.
    pub transcripts: TranscriptConfig,
    /// How summaries are made.
    pub summary: SummaryConfig,
    /// How mail leaves.
    pub mail: MailConfig,
    /// Where endpoints may point.
    pub egress: EgressConfig,
    /// How long history is kept.
    pub retention: RetentionConfig,
    /// Where traces, metrics and logs are exported, if anywhere.
    pub otlp: Option<OtlpConfig>,
    /// What is set but not acted on by this version.
    pub unused: Vec<String>,
}

impl Config {
    /// Reads the process's environment, and a `.env` in the working directory where the environment is silent.
    pub fn load() -> Result<Self, ConfigError> {
        Self::load_without(&[])
    }

    /// Does the same as if the variables in `ignored` were not set; one that ends in `*` stands for all that begin so.
    pub fn load_without(ignored: &[&str]) -> Result<Self, ConfigError> {
        let mut vars: HashMap<String, String> = match dotenvy::from_filename_iter(".env") {
            Ok(lines) => lines.collect::<Result<_, _>>().map_err(|error| ConfigError::unreadable_env_file(&error))?,
            Err(error) if error.not_found() => HashMap::new(),
            Err(error) => return Err(ConfigError::unreadable_env_file(&error)),
        };
        let mut unreadable = HashSet::new();
        for (name, value) in std::env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            match value.into_string() {
                Ok(value) => drop(vars.insert(name, value)),
                Err(_) => drop(unreadable.insert(name)),
            }
        }
        let is_ignored = |name: &str, ignored: &str| match ignored.strip_suffix('*') {
            Some(beginning) => name.starts_with(beginning),
            None => name == ignored,
        };
        vars.retain(|name, _| !ignored.iter().any(|ignored| is_ignored(name, ignored)));
        Self::read(Env::new(vars, unreadable))
    }

    /// Reads the given variables. An empty value counts as unset.
    pub fn from_vars(vars: HashMap<String, String>) -> Result<Self, ConfigError> {
        Self::read(Env::new(vars, HashSet::new()))
    }

    fn read(mut env: Env) -> Result<Self, ConfigError> {
        let database = DatabaseConfig::read(&mut env);
        let retries = RetryConfig::read(&mut env);
        let gong = GongConfig::read(&mut env);
        let snowflake = SnowflakeConfig::read(&mut env, retries.timeout);
        let config = Self {
            service: ServiceConfig::read(&mut env),
            access: AccessConfig::read(&mut env, database.url.is_some()),
            database,
            transcripts: TranscriptConfig::read(&mut env, &gong, snowflake.as_ref()),
            google: GoogleConfig::read(&mut env),
            gong,
            snowflake,
            summary: SummaryConfig::read(&mut env, retries.timeout),
            retries,
            mail: MailConfig::read(&mut env),
            egress: EgressConfig::read(&mut env),
            retention: RetentionConfig::read(&mut env),
            otlp: otlp::read(&mut env),
            // Of the standard's many variables: naming what is not acted on is better than ignoring it.
            unused: env.unasked("OTEL_"),
        };
        env.finish()?;
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(vars: &[(&str, &str)]) -> Result<Config, ConfigError> {
        Config::from_vars(vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn nothing_set_is_a_whole_configuration() {
        let config = config(&[]).unwrap();
        assert_eq!(config.service.bind.to_string(), "127.0.0.1:8080");
        assert_eq!(config.retries.deliveries.0.len(), 7);
    }

    #[test]
    fn every_problem_is_reported_at_once_by_name_and_no_secret_is_shown() {
        let error = config(&[
            ("PORT", "eighty"),
            ("SMTP_HOST", "mail.example"),
            ("SMTP_PASSWORD", "hunter2"),
            ("GONG_WEBHOOK_PUBLIC_KEY", "not-a-key-hunter2"),
            ("ENCRYPTION_KEYS", "hunter2"),
            ("ALLOWED_PRIVATE_NETWORKS", "10.0.0.0/99"),
            ("TIMEOUT", "soon"),
        ])
        .unwrap_err()
        .to_string();
        for name in [
            "PORT",
            "FROM_EMAIL",
            "SMTP_USER",
            "GONG_WEBHOOK_PUBLIC_KEY",
            "ENCRYPTION_KEYS",
            "ALLOWED_PRIVATE_NETWORKS",
            "TIMEOUT",
        ] {
            assert!(error.contains(name), "{name} is missing in:\n{error}");
        }
        assert!(!error.contains("hunter2"), "{error}");
    }

    #[test]
    fn what_would_silently_not_work_is_refused_by_name() {
        let keys = crate::domain::keyring::KeyRing::generate();
        for (name, value) in [
            ("SMTP_PORT", "25"),
            ("SMTP_USER", "me"),
            ("LOG_LEVEL", "inof"),
            ("ADMIN_TOKEN", "pässwörter-sicher-genug"),
            ("ADMIN_TOKEN", "short"),
            ("GONG_WEBHOOK_PUBLIC_KEY", ","),
            ("PUBLIC_URL", "https://user:pw@aftercall.example"),
            ("EXTRA_CA_FILE", "/dev/null"),
            ("ENCRYPTION_KEYS", &format!("{keys},{keys}")),
        ] {
            let error = config(&[(name, value)]).unwrap_err();
            assert_eq!(error.0.len(), 1, "{error}");
            assert_eq!(error.0[0].variable, name, "{error}");
        }
    }

    #[test]
    fn a_database_of_ones_own_needs_keys_that_survive_the_machine() {
        let error = config(&[("DATABASE_URL", "postgres://localhost/x")]).unwrap_err().to_string();
        assert!(error.contains("ENCRYPTION_KEYS"), "{error}");
    }
}
