//! Mail: subject, text and HTML part, and a `Message-ID` that stays the same on every try, so that a repeat after a lost
//! answer can be told from a second message.

use lettre::{
    Message,
    message::{Mailbox, MultiPart, header},
};

use super::{Channels, Outcome};
use crate::{
    clients::mail::MailError,
    db::deliveries::ClaimedDelivery,
    domain::{delivery::Verdict, endpoint::EndpointSecrets, notice::Notice},
    templates::RenderedMail,
};

pub(super) async fn send(channels: &Channels, delivery: &ClaimedDelivery, secrets: &EndpointSecrets) -> Outcome {
    let notice = Notice::of(&delivery.event_type, &delivery.event_id.to_string(), &delivery.data);
    let message = match channels.templates.notice_mail(&notice) {
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

fn message(
    from: &Mailbox,
    delivery: &ClaimedDelivery,
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
