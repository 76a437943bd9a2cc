//! Mail: subject, text and HTML part, and a `Message-ID` that stays the same on every try, so that a repeat after a lost
//! answer can be told from a second message.

use lettre::{
    Message,
    message::{Mailbox, MultiPart, header},
};

use super::{
    Channels, Outcome,
    request::{Outgoing, SentHeader, SentRequest},
};
use crate::{
    clients::mail::MailError,
    domain::{delivery::Verdict, endpoint::EndpointSecrets, notice::Notice},
    templates::RenderedMail,
};

pub(super) async fn send(channels: &Channels, delivery: Outgoing<'_>, secrets: &EndpointSecrets) -> Outcome {
    let message = match rendered(channels, delivery) {
        Ok(mail) => message(channels.mailer.from(), delivery, secrets, mail),
        Err(error) => return Outcome::failed(format!("the mail cannot be rendered: {error}")),
    };
    let message = match message {
        Ok(message) => message,
        Err(error) => return Outcome::failed(format!("the mail cannot be built: {error}")),
    };
    match channels.mailer.send(&delivery.id.to_string(), message, channels.timeout).await {
        Ok(accepted) => Outcome {
            status_code: accepted.code.map(i32::from),
            error: None,
            excerpt: Some(accepted.note),
            verdict: Verdict::Sent,
        },
        Err(error) => {
            let (code, verdict) = match &error {
                MailError::Permanent { code, .. } => (*code, Verdict::Failed),
                MailError::Temporary { code, .. } => (*code, Verdict::Retry),
            };
            Outcome { status_code: code.map(i32::from), error: Some(error.to_string()), excerpt: None, verdict }
        }
    }
}

/// Tells what [`send`] sends: the headers, and the plain part for what a mail program shows.
pub(super) fn describe(
    channels: &Channels,
    delivery: Outgoing<'_>,
    secrets: &EndpointSecrets,
) -> anyhow::Result<SentRequest> {
    let mail = rendered(channels, delivery)?;
    let body = mail.text.clone();
    let sent = message(channels.mailer.from(), delivery, secrets, mail)?.formatted();
    let head = String::from_utf8_lossy(&sent);
    let head = head.split("\r\n\r\n").next().unwrap_or_default().replace("\r\n ", " ");
    let headers = head.lines().filter_map(|line| line.split_once(": "));
    // Each time a message is formatted its parts are divided by another line.
    let headers = headers.filter(|(name, _)| !name.eq_ignore_ascii_case("content-type"));
    let headers = headers.map(|(name, value)| SentHeader::new(name, value)).collect();
    let line = format!("Mail to {}", secrets.target);
    Ok(SentRequest { line, headers, body, body_bytes: sent.len(), is_exact: true })
}

fn rendered(channels: &Channels, delivery: Outgoing<'_>) -> anyhow::Result<RenderedMail> {
    let notice = Notice::of(delivery.event_type, &delivery.event_id.to_string(), delivery.data);
    channels.templates.notice_mail(&notice)
}

fn message(
    from: &Mailbox,
    delivery: Outgoing<'_>,
    secrets: &EndpointSecrets,
    mail: RenderedMail,
) -> anyhow::Result<Message> {
    let to: Mailbox = secrets.target.parse()?;
    let message = Message::builder()
        .from(from.clone())
        .to(to)
        .subject(mail.subject)
        .message_id(Some(format!("<{}@{}>", delivery.id, from.email.domain())))
        .date(delivery.event_created_at.into())
        .header(AutoSubmitted)
        .multipart(MultiPart::alternative_plain_html(mail.text, mail.html))?;
    Ok(message)
}

/// `Auto-Submitted: auto-generated` (RFC 3834): out-of-office robots do not answer such mail.
#[derive(Clone)]
struct AutoSubmitted;

impl header::Header for AutoSubmitted {
    fn name() -> header::HeaderName {
        header::HeaderName::new_from_ascii_str("Auto-Submitted")
    }
    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }
    fn display(&self) -> header::HeaderValue {
        header::HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}
