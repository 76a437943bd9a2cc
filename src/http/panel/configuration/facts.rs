//! What the configuration says, in words, with the variable that says it. Never a secret: of those only whether they are set.

use std::time::Duration;

use chrono::TimeDelta;
use serde::Serialize;
use url::Url;

use crate::{
    app::App,
    config::{Config, Dialect, MailTransport, SmtpTls, TranscriptSource},
};

/// Facts that belong together.
#[derive(Debug, Serialize)]
pub struct Group {
    name: &'static str,
    facts: Vec<Fact>,
}

/// What is configured, by which variable.
#[derive(Debug, Serialize)]
pub struct Fact {
    name: &'static str,
    value: String,
    variable: &'static str,
}

fn fact(name: &'static str, value: impl Into<String>, variable: &'static str) -> Fact {
    Fact { name, value: value.into(), variable }
}

/// All groups, in the order in which a call meets what they tell of.
pub fn groups(app: &App) -> Vec<Group> {
    let config = &app.config;
    vec![
        Group { name: "Service", facts: service(app) },
        Group { name: "Calls and transcripts", facts: calls(app) },
        Group { name: "Summaries and documents", facts: summaries(config) },
        Group { name: "Mail and endpoints", facts: delivery(config) },
        Group { name: "Tries and limits", facts: limits(config) },
        Group { name: "How long history is kept", facts: retention(config) },
    ]
}

fn service(app: &App) -> Vec<Fact> {
    let service = &app.config.service;
    let public = match &service.public_url {
        Some(url) => url.to_string(),
        None => format!("not set: only this machine can call ({})", joined(&app.public_urls)),
    };
    let database = if app.config.database.url.is_some() { "a server of yours" } else { "private, under DATA_DIR" };
    vec![
        fact("Version", env!("CARGO_PKG_VERSION"), ""),
        fact("Public address", public, "PUBLIC_URL"),
        fact("Database", database, "DATABASE_URL"),
        fact("Data directory", service.data_dir.display().to_string(), "DATA_DIR"),
        fact("Proxies that are trusted", joined_or(&service.trusted_proxies, "none"), "TRUSTED_PROXIES"),
    ]
}

fn calls(app: &App) -> Vec<Fact> {
    let gong = &app.config.gong;
    let proofs = app.default_source.proofs();
    let proofs =
        if proofs.is_empty() { "none: callbacks to its URL are refused".to_owned() } else { proofs.join(", ") };
    let api = gong.api.as_ref().map_or_else(|| "not configured".to_owned(), |api| host(&api.url));
    let polling = gong
        .polling
        .map(|polling| format!("every {}, looking back {}", length(polling.interval), length(polling.overlap)));
    let source = match app.config.transcripts.source {
        TranscriptSource::Snowflake => "Snowflake",
        TranscriptSource::Gong => "the Gong API",
        TranscriptSource::Import => "what was imported",
    };
    let snowflake = app.config.snowflake.as_ref().map(|snowflake| snowflake.account.clone());
    vec![
        fact("Proofs of Gong’s callbacks", proofs, "GONG_WEBHOOK_…"),
        fact("Gong API", api, "GONG_ACCESS_KEY"),
        fact("Polling", polling.unwrap_or_else(|| "off".to_owned()), "GONG_POLLING"),
        fact("Transcripts come from", source, "TRANSCRIPT_SOURCE"),
        fact("Snowflake account", snowflake.unwrap_or_else(|| "not configured".to_owned()), "SNOWFLAKE_ACCOUNT"),
    ]
}

fn summaries(config: &Config) -> Vec<Fact> {
    let summary = &config.summary;
    let model = summary.openai.as_ref().map(|openai| {
        let dialect = if openai.dialect == Dialect::Responses { "responses" } else { "chat completions" };
        format!("{} at {} ({dialect})", openai.model, host(&openai.base_url))
    });
    let fallback = match (&summary.openai, summary.fallback) {
        (None, _) => "not needed",
        (Some(_), true) => "the built-in summariser",
        (Some(_), false) => "none: the call fails",
    };
    let drive = config.google.as_ref();
    let documents = drive.map(|google| format!("Google Drive, folder {}, as {}", google.root, google.acts_as()));
    vec![
        fact("Model", model.unwrap_or_else(|| "none: the built-in summariser writes".to_owned()), "OPENAI_MODEL"),
        fact("When the model fails", fallback, "SUMMARY_FALLBACK"),
        fact("Instructions of your own", yes(summary.instructions.is_some()), "SUMMARY_INSTRUCTIONS_PATH"),
        fact("Documents", documents.unwrap_or_else(|| "files under DATA_DIR".to_owned()), "GOOGLE_DRIVE_FOLDER_ID"),
    ]
}

fn delivery(config: &Config) -> Vec<Fact> {
    let server = match &config.mail.transport {
        MailTransport::Files => "none: mail is written under DATA_DIR".to_owned(),
        MailTransport::Smtp(smtp) => {
            let tls = match smtp.tls {
                SmtpTls::Starttls => "STARTTLS",
                SmtpTls::Tls => "TLS",
                SmtpTls::None => "no TLS",
            };
            let signs_in = if smtp.credentials.is_some() { ", signing in" } else { "" };
            format!("{}:{}, {tls}{signs_in}", smtp.host, smtp.port)
        }
    };
    let private = joined_or(&config.egress.allowed_networks, "none: endpoints must be public");
    vec![
        fact("Mail server", server, "SMTP_HOST"),
        fact("Sender", config.mail.from.to_string(), "FROM_EMAIL"),
        fact("Summaries to an account’s people", yes(config.mail.account_mail), "ACCOUNT_MAIL"),
        fact("Private networks that endpoints may be in", private, "ALLOWED_PRIVATE_NETWORKS"),
        fact("Endpoints without https", yes(config.egress.allow_http), "ALLOW_HTTP_ENDPOINTS"),
        fact("Certificates trusted beside the system’s", config.egress.extra_ca.len().to_string(), "EXTRA_CA_FILE"),
    ]
}

fn limits(config: &Config) -> Vec<Fact> {
    let retries = &config.retries;
    let waits: Vec<String> = retries.deliveries.0.iter().map(|wait| length(*wait)).collect();
    let waits = if waits.is_empty() { "none: one try".to_owned() } else { waits.join(", ") };
    vec![
        fact("At once in a process", config.service.worker_concurrency.to_string(), "WORKER_CONCURRENCY"),
        fact("Tries of a stage", (retries.max_retries + 1).to_string(), "MAX_RETRIES"),
        fact("One try of a stage", length(retries.timeout), "TIMEOUT"),
        fact("A transcript is waited for", length(retries.transcript_wait), "TRANSCRIPT_WAIT"),
        fact("Waits between the tries of a delivery", waits, "DELIVERY_RETRY_SCHEDULE"),
        fact("One try of a delivery", length(retries.delivery_timeout), "DELIVERY_TIMEOUT"),
    ]
}

fn retention(config: &Config) -> Vec<Fact> {
    let days = |kept: Option<TimeDelta>| {
        kept.map_or_else(|| "for ever".to_owned(), |kept| format!("{} days", kept.num_days()))
    };
    let kept = config.retention;
    vec![
        fact("Deliveries", days(kept.deliveries), "RETENTION_DELIVERIES_DAYS"),
        fact("Events and callbacks", days(kept.events), "RETENTION_EVENTS_DAYS"),
        fact("Transcripts", days(kept.transcripts), "RETENTION_TRANSCRIPTS_DAYS"),
        fact("Calls and summaries", days(kept.calls), "RETENTION_CALLS_DAYS"),
        fact("Audit", days(kept.audit), "RETENTION_AUDIT_DAYS"),
    ]
}

fn yes(is: bool) -> String {
    if is { "yes" } else { "no" }.to_owned()
}

/// In the largest unit that tells it exactly.
fn length(length: Duration) -> String {
    match length.as_secs() {
        seconds if seconds > 0 && seconds % 3600 == 0 => format!("{} h", seconds / 3600),
        seconds if seconds > 0 && seconds % 60 == 0 => format!("{} min", seconds / 60),
        _ => format!("{} s", length.as_secs_f64()),
    }
}

/// Of a URL only where it leads: what stands behind may be a credential.
fn host(url: &Url) -> String {
    format!("{}://{}", url.scheme(), &url[url::Position::BeforeHost..url::Position::BeforePath])
}

fn joined<T: ToString>(list: &[T]) -> String {
    list.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn joined_or<T: ToString>(list: &[T], none: &str) -> String {
    if list.is_empty() { none.to_owned() } else { joined(list) }
}
