//! How mail leaves: by SMTP, or as `.eml` files when no server is configured.

use lettre::message::Mailbox;
use secrecy::SecretString;

use super::env::Env;

/// The sender and the way out.
#[derive(Debug, Clone)]
pub struct MailConfig {
    /// `FROM_EMAIL`.
    pub from: Mailbox,
    /// How mail leaves.
    pub transport: MailTransport,
    /// `ACCOUNT_MAIL`: whether a summary is also mailed to its account's CS and AM.
    pub account_mail: bool,
}

/// The way out.
#[derive(Debug, Clone)]
pub enum MailTransport {
    /// A mail server.
    Smtp(SmtpConfig),
    /// Files under `DATA_DIR/outbox/`.
    Files,
}

/// A mail server.
#[derive(Debug, Clone)]
pub struct SmtpConfig {
    /// `SMTP_HOST`.
    pub host: String,
    /// `SMTP_PORT`; unset, the usual one of the TLS mode.
    pub port: u16,
    /// `SMTP_USER` and `SMTP_PASSWORD`.
    pub credentials: Option<(String, SecretString)>,
    /// `SMTP_TLS`.
    pub tls: SmtpTls,
}

/// How the connection to a mail server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpTls {
    /// Upgraded before anything is said (required, never optional).
    Starttls,
    /// From the first byte.
    Tls,
    /// Not at all: for a server on the same machine.
    None,
}

impl MailConfig {
    pub(super) fn read(env: &mut Env) -> Self {
        let mailbox = |text: &str| {
            text.parse().map_err(|_| "a mailbox such as calls@example.com or Calls <calls@example.com>".to_owned())
        };
        let from = env.read("FROM_EMAIL", mailbox);
        let transport = if let Some(host) = env.text("SMTP_HOST") {
            if !env.is_set("FROM_EMAIL") {
                env.problem("FROM_EMAIL", "must be given with SMTP_HOST: mail servers refuse unknown senders");
            }
            MailTransport::Smtp(SmtpConfig::read(env, host))
        } else {
            for name in ["SMTP_PORT", "SMTP_USER", "SMTP_PASSWORD", "SMTP_TLS"] {
                if env.is_set(name) {
                    env.problem(name, "has no effect without SMTP_HOST: give that too, or leave this out");
                }
            }
            SmtpConfig::read_tls_and_port(env); // what is wrong with them is said now, and not when the host is there
            MailTransport::Files
        };
        let nobody = || "aftercall <aftercall@localhost>".parse().expect("a constant mailbox");
        let account_mail = env.switch("ACCOUNT_MAIL", false);
        Self { from: from.unwrap_or_else(nobody), transport, account_mail }
    }
}

impl SmtpConfig {
    fn read(env: &mut Env, host: String) -> Self {
        let (tls, port) = Self::read_tls_and_port(env);
        Self { host, port, credentials: env.pair("SMTP_USER", "SMTP_PASSWORD"), tls }
    }

    fn read_tls_and_port(env: &mut Env) -> (SmtpTls, u16) {
        let tls = env.read("SMTP_TLS", |text| match text {
            "starttls" => Ok(SmtpTls::Starttls),
            "tls" => Ok(SmtpTls::Tls),
            "none" => Ok(SmtpTls::None),
            _ => Err("starttls, tls or none".to_owned()),
        });
        let tls = tls.unwrap_or(SmtpTls::Starttls);
        let usual_port = match tls {
            SmtpTls::Starttls => 587,
            SmtpTls::Tls => 465,
            SmtpTls::None => 25,
        };
        let port = env.number("SMTP_PORT", 1..=65_535, usual_port);
        (tls, u16::try_from(port).unwrap_or_default())
    }
}
