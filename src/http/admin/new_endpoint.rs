//! What a new endpoint may be: every fault is found at once, each with a pointer to its field.

use std::collections::BTreeMap;

use http::{HeaderName, HeaderValue};
use lettre::message::Mailbox;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    app::App,
    domain::{
        endpoint::EndpointChannel,
        filter::{Filters, pattern_problem},
        signature,
    },
    http::problem::FieldError,
};

/// Headers that are ours to set.
const RESERVED_HEADERS: &[&str] = &[
    "connection",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "webhook-id",
    "webhook-signature",
    "webhook-timestamp",
    "x-event",
    "x-signature",
];
/// How many headers an endpoint may add, and how long each value may be.
const HEADERS: (usize, usize) = (20, 1000);
/// Lengths of a secret that somebody chose.
const SECRET_LENGTH: std::ops::RangeInclusive<usize> = 16..=256;
/// How long names, targets and lists may be.
const NAME_LENGTH: usize = 200;
const TARGET_LENGTH: usize = 2000;
const FILTER_ENTRIES: usize = 100;

/// A new endpoint.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateEndpointRequest {
    pub(super) kind: EndpointChannel,
    /// What people call it; the kind, if left out.
    pub(super) name: Option<String>,
    /// The URL, or the mailbox.
    #[schema(example = "https://crm.example.com/hooks/aftercall")]
    pub(super) target: String,
    /// Whether it takes deliveries from the start.
    #[serde(default = "yes")]
    pub(super) enabled: bool,
    /// What it wants; nothing listed means everything.
    #[serde(default)]
    pub(super) filters: Filters,
    /// What webhooks are signed with; made when null.
    pub(super) secret: Option<String>,
    /// Headers added to each webhook.
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
    /// Not supported by this version: must be null.
    pub(super) rate_limit_per_minute: Option<i32>,
    /// Not supported by this version: must be false.
    #[serde(default)]
    pub(super) ordered: bool,
}

const fn yes() -> bool {
    true
}

impl CreateEndpointRequest {
    /// Everything that is wrong with a new endpoint.
    pub(super) fn faults(&self, app: &App) -> Vec<FieldError> {
        let mut errors = Vec::new();
        let mut wrong = |pointer: String, detail: &str| errors.push(FieldError { pointer, detail: detail.to_owned() });
        if let Some(detail) = target_problem(app, self.kind, &self.target) {
            wrong("/target".to_owned(), &detail);
        }
        if self.name.as_ref().is_some_and(|name| !is_line(name, NAME_LENGTH)) {
            wrong("/name".to_owned(), "one line of 1 to 200 characters");
        }
        for (index, pattern) in self.filters.events.iter().enumerate() {
            if let Some(detail) = pattern_problem(pattern) {
                wrong(format!("/filters/events/{index}"), detail);
            }
        }
        for (index, intent) in
            self.filters.intents.iter().enumerate().filter(|(_, intent)| !is_line(intent, NAME_LENGTH))
        {
            wrong(
                format!("/filters/intents/{index}"),
                if intent.is_empty() { "not empty" } else { "one line of text" },
            );
        }
        for (name, entries) in [("events", &self.filters.events), ("intents", &self.filters.intents)] {
            if entries.len() > FILTER_ENTRIES {
                wrong(format!("/filters/{name}"), "at most 100 entries");
            }
        }
        let webhook = self.kind == EndpointChannel::Webhook;
        match &self.secret {
            Some(_) if !webhook => wrong("/secret".to_owned(), "only webhooks are signed: leave it out"),
            Some(secret) if !SECRET_LENGTH.contains(&secret.len()) || !secret.bytes().all(|b| b.is_ascii_graphic()) => {
                wrong("/secret".to_owned(), "16 to 256 visible ASCII characters, or null to have one made");
            }
            Some(secret) if !signature::is_usable(secret) => {
                wrong("/secret".to_owned(), "after whsec_ comes base64 (padded) of 24 bytes or more");
            }
            _ => {}
        }
        if !webhook && !self.headers.is_empty() {
            wrong("/headers".to_owned(), "only webhooks take headers: leave them out");
        }
        let (most, longest) = HEADERS;
        if self.headers.len() > most {
            wrong("/headers".to_owned(), "at most 20 headers");
        }
        for (name, value) in &self.headers {
            let pointer = format!("/headers/{}", name.replace('~', "~0").replace('/', "~1"));
            if self.headers.keys().filter(|other| other.eq_ignore_ascii_case(name)).count() > 1 {
                wrong(pointer, "given twice, in another spelling");
            } else if RESERVED_HEADERS.contains(&name.to_ascii_lowercase().as_str()) {
                wrong(pointer, "this header is ours to set");
            } else if HeaderName::try_from(name).is_err()
                || HeaderValue::from_str(value).is_err()
                || value.len() > longest
            {
                wrong(
                    pointer,
                    "not a header: a name of letters, digits and dashes, and one line of at most 1000 characters",
                );
            }
        }
        if self.rate_limit_per_minute.is_some() {
            wrong("/rate_limit_per_minute".to_owned(), "not supported by this version: leave it out");
        }
        if self.ordered {
            wrong("/ordered".to_owned(), "not supported by this version: leave it out");
        }
        errors
    }
}

fn target_problem(app: &App, kind: EndpointChannel, target: &str) -> Option<String> {
    if target.len() > TARGET_LENGTH {
        return Some("at most 2000 characters".to_owned());
    }
    match kind {
        EndpointChannel::Slack | EndpointChannel::Webhook => app.egress.check(target).err(),
        EndpointChannel::Email => {
            target.parse::<Mailbox>().err().map(|_| "a mailbox such as team@example.com".to_owned())
        }
    }
}

fn is_line(text: &str, longest: usize) -> bool {
    !text.trim().is_empty() && text.chars().count() <= longest && !text.chars().any(char::is_control)
}
