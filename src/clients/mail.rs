//! Mail: to a server by SMTP, or into `.eml` files when none is configured.

use std::{error::Error, io, path::PathBuf, sync::Arc, time::Duration};

use lettre::{
    AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    message::Mailbox,
    transport::smtp::{
        Error as SmtpError,
        authentication::Credentials,
        client::{Certificate, CertificateStore, Tls, TlsParameters},
    },
};
use secrecy::ExposeSecret;
use tokio::{fs, io::AsyncWriteExt};

use super::http::{CountRequest, SenderContext};
use crate::config::{MailConfig, MailTransport, SmtpConfig, SmtpTls};

/// How long signing in may take when it is only tested.
const CHECK_TIMEOUT: Duration = Duration::from_secs(20);

/// Sends mail from one sender.
#[derive(Clone)]
pub struct Mailer {
    from: Mailbox,
    transport: Transport,
    signs_in: bool,
    count: CountRequest,
}

#[derive(Clone)]
enum Transport {
    Smtp(AsyncSmtpTransport<Tokio1Executor>),
    Files(PathBuf),
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// The server's status; a file has none.
    pub code: Option<u16>,
    /// What the server said, or where the file is.
    pub note: String,
}

/// Why a message was not taken.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// The server answered 5yz: the same message will be refused again.
    #[error("refused: {text}")]
    Permanent {
        /// The status.
        code: Option<u16>,
        /// What the server said.
        text: String,
    },
    /// The server answered 4yz, could not be reached, or broke off.
    #[error("{text}")]
    Temporary {
        /// The status.
        code: Option<u16>,
        /// What the server said or what broke.
        text: String,
    },
}

impl Mailer {
    /// Builds the transport; `.eml` files go to `outbox`.
    pub fn new(config: &MailConfig, context: &SenderContext, outbox: PathBuf) -> anyhow::Result<Self> {
        let transport = match &config.transport {
            MailTransport::Smtp(smtp) => Transport::Smtp(smtp_transport(smtp, &context.extra_ca)?),
            MailTransport::Files => Transport::Files(outbox),
        };
        let signs_in = matches!(&config.transport, MailTransport::Smtp(smtp) if smtp.credentials.is_some());
        Ok(Self { from: config.from.clone(), transport, signs_in, count: Arc::clone(&context.count) })
    }

    /// The sender.
    #[must_use]
    pub fn from(&self) -> &Mailbox {
        &self.from
    }

    /// Whether there is a mail server, and not only a directory.
    #[must_use]
    pub fn is_smtp(&self) -> bool {
        matches!(self.transport, Transport::Smtp(_))
    }

    /// Whether the mail server wants to know who we are.
    #[must_use]
    pub fn signs_in(&self) -> bool {
        self.signs_in
    }

    /// Connects and signs in without sending anything.
    pub async fn check(&self) -> Result<(), MailError> {
        let Transport::Smtp(transport) = &self.transport else { return Ok(()) };
        let refused = || MailError::Temporary { code: None, text: "the mail server does not answer NOOP".to_owned() };
        let testing = tokio::time::timeout(CHECK_TIMEOUT, transport.test_connection()).await;
        let silent = || MailError::Temporary {
            code: None,
            text: format!("no answer within {CHECK_TIMEOUT:?} (SMTP_PORT, SMTP_TLS: does it speak this mode there?)"),
        };
        match testing.map_err(|_| silent())? {
            Ok(true) => Ok(()),
            Ok(false) => Err(refused()),
            Err(error) => Err(explain(&error)),
        }
    }

    /// Sends one message within `deadline`. `name` identifies it: a repeated send of the same name replaces its file.
    pub async fn send(&self, name: &str, message: Message, deadline: Duration) -> Result<Accepted, MailError> {
        let sending = async {
            match &self.transport {
                Transport::Smtp(transport) => send_by_smtp(transport, message).await,
                Transport::Files(outbox) => write_file(outbox, name, &message.formatted()).await.map_err(|error| {
                    MailError::Temporary { code: None, text: format!("cannot write to the outbox: {error}") }
                }),
            }
        };
        let timed_out = || MailError::Temporary { code: None, text: format!("no answer within {deadline:?}") };
        let result = tokio::time::timeout(deadline, sending).await.unwrap_or_else(|_| Err(timed_out()));
        if self.is_smtp() {
            let code = match &result {
                Ok(accepted) => accepted.code,
                Err(MailError::Permanent { code, .. } | MailError::Temporary { code, .. }) => *code,
            };
            (self.count)("smtp", &code.map_or_else(|| "connection".to_owned(), |code| code.to_string()));
        }
        result
    }
}

async fn send_by_smtp(transport: &AsyncSmtpTransport<Tokio1Executor>, message: Message) -> Result<Accepted, MailError> {
    match transport.send(message).await {
        Ok(response) => {
            let note = response.message().collect::<Vec<_>>().join(" ");
            Ok(Accepted { code: Some(response.code().into()), note })
        }
        Err(error) => Err(explain(&error)),
    }
}

/// An answer of 5yz, a certificate that does not fit, and a server that lacks what we were told to use stay as they are;
/// the rest may pass.
fn explain(error: &SmtpError) -> MailError {
    let code = error.status().map(u16::from);
    let is_tls = error.is_tls() || is_handshake(error);
    let text = match code {
        // RFC 4954 §6: what was said at sign-in.
        Some(530 | 534 | 535 | 538) => format!("{error} (SMTP_USER, SMTP_PASSWORD, SMTP_TLS)"),
        _ if is_tls => format!("{error} (SMTP_PORT, SMTP_TLS, EXTRA_CA_FILE)"),
        _ if error.is_client() => format!("{error} (SMTP_PORT, SMTP_TLS, SMTP_USER)"),
        None => format!("{error} (SMTP_HOST, SMTP_PORT)"),
        Some(_) => error.to_string(),
    };
    if error.is_permanent() || is_tls || error.is_client() {
        MailError::Permanent { code, text }
    } else {
        MailError::Temporary { code, text }
    }
}

/// Whether the connection broke over TLS, which the transport calls a connection error like any other.
fn is_handshake(error: &SmtpError) -> bool {
    let mut cause = error.source();
    while let Some(inner) = cause {
        // The causes of such an error begin behind what it wraps.
        if let Some(wrapped) = inner.downcast_ref::<io::Error>().and_then(io::Error::get_ref)
            && wrapped.is::<rustls::Error>()
        {
            return true;
        }
        cause = inner.source();
    }
    false
}

async fn write_file(outbox: &std::path::Path, name: &str, content: &[u8]) -> io::Result<Accepted> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(outbox).await?; // mail is nobody else's business
    let path = outbox.join(format!("{name}.eml"));
    let draft = outbox.join(format!(".{name}.draft"));
    let written = async {
        let mut file = fs::File::create(&draft).await?;
        file.write_all(content).await?;
        file.flush().await?; // only this tells whether it was written
        file.sync_all().await?;
        fs::rename(&draft, &path).await
    };
    if let Err(error) = written.await {
        let _ = fs::remove_file(&draft).await; // half a draft is nothing to read, and a full disk needs the room
        return Err(error);
    }
    Ok(Accepted { code: None, note: format!("written to {}", path.display()) })
}

fn smtp_transport(config: &SmtpConfig, extra_ca: &[Vec<u8>]) -> anyhow::Result<AsyncSmtpTransport<Tokio1Executor>> {
    // The system's roots, and those of EXTRA_CA_FILE beside them.
    let parameters = || {
        let mut parameters = TlsParameters::builder(config.host.clone()).certificate_store(CertificateStore::Default);
        for certificate in extra_ca {
            parameters = parameters.add_root_certificate(Certificate::from_der(certificate.clone())?);
        }
        parameters.build()
    };
    let tls = match config.tls {
        SmtpTls::Starttls => Tls::Required(parameters()?),
        SmtpTls::Tls => Tls::Wrapper(parameters()?),
        SmtpTls::None => Tls::None,
    };
    let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&config.host).port(config.port).tls(tls);
    if let Some((user, password)) = &config.credentials {
        builder = builder.credentials(Credentials::new(user.clone(), password.expose_secret().to_owned()));
    }
    Ok(builder.build())
}
