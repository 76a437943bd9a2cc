//! What an endpoint may be: every fault is found at once, each with a pointer to its field.

use std::collections::BTreeMap;

use http::HeaderName;
use lettre::message::Mailbox;

use crate::{
    app::App,
    domain::{
        endpoint::EndpointChannel,
        filter::{Filters, pattern_problem},
        signature,
    },
    http::{admin::faults::Faults, problem::FieldError},
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
/// How many headers an endpoint may add, and how long each name and value may be.
const HEADERS: (usize, usize, usize) = (20, 100, 1000);
/// Lengths of a secret that somebody chose.
const SECRET_LENGTH: std::ops::RangeInclusive<usize> = 16..=256;
/// How long URLs, mailboxes and lists may be.
const TARGET_LENGTH: usize = 2000;
const MAILBOX_LENGTH: usize = 254;
const FILTER_ENTRIES: usize = 100;

/// Slack takes one message a second from an incoming webhook.
const SLACK_PER_MINUTE: i32 = 60;

/// The limit that is kept: what was asked for, and of Slack no more than it takes.
pub(super) fn pace(kind: EndpointChannel, asked: Option<i32>) -> Option<i32> {
    match kind {
        EndpointChannel::Slack => Some(asked.unwrap_or(SLACK_PER_MINUTE).min(SLACK_PER_MINUTE)),
        EndpointChannel::Email | EndpointChannel::Webhook => asked,
    }
}

/// The fields of an endpoint that an administrator chooses.
pub(super) struct Fields<'a> {
    pub(super) kind: EndpointChannel,
    pub(super) name: &'a str,
    pub(super) target: &'a str,
    pub(super) filters: &'a Filters,
    pub(super) headers: &'a BTreeMap<String, String>,
    pub(super) rate_limit_per_minute: Option<i32>,
}

impl Fields<'_> {
    /// Everything that is wrong with them.
    pub(super) fn faults(&self, app: &App) -> Faults {
        let mut faults = Faults::default();
        if let Some(detail) = target_problem(app, self.kind, self.target) {
            faults.add("/target", detail);
        }
        faults.check_name("/name", self.name);
        filter_faults(&mut faults, self.filters);
        header_faults(&mut faults, self.kind, self.headers);
        faults.check_rate_limit(self.rate_limit_per_minute);
        faults
    }
}

/// What is wrong with a secret that somebody chose.
pub(super) fn secret_fault(kind: EndpointChannel, secret: &str) -> Option<FieldError> {
    let detail = if kind != EndpointChannel::Webhook {
        "only webhooks are signed: leave it out"
    } else if !SECRET_LENGTH.contains(&secret.len()) || !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
        "16 to 256 visible ASCII characters, or null to have one made"
    } else if !signature::is_usable(secret) {
        "after whsec_ comes base64 (padded) of 24 bytes or more"
    } else {
        return None;
    };
    Some(FieldError { pointer: "/secret".to_owned(), detail: detail.to_owned() })
}

fn target_problem(app: &App, kind: EndpointChannel, target: &str) -> Option<String> {
    if target.chars().count() > TARGET_LENGTH {
        return Some("at most 2000 characters".to_owned());
    }
    if target.trim() != target || target.chars().any(char::is_control) {
        return Some("one line without white space around it".to_owned());
    }
    match kind {
        EndpointChannel::Slack | EndpointChannel::Webhook => app.egress.check(target).err(),
        EndpointChannel::Email => {
            let fits = target.chars().count() <= MAILBOX_LENGTH && target.parse::<Mailbox>().is_ok();
            (!fits).then(|| "a mailbox such as team@example.com, at most 254 characters".to_owned())
        }
    }
}

fn filter_faults(faults: &mut Faults, filters: &Filters) {
    for (index, pattern) in filters.events.iter().enumerate() {
        if let Some(detail) = pattern_problem(pattern) {
            faults.add(format!("/filters/events/{index}"), detail);
        }
    }
    for (index, intent) in filters.intents.iter().enumerate() {
        faults.check_name(format!("/filters/intents/{index}"), intent);
    }
    for (name, entries) in [("events", &filters.events), ("intents", &filters.intents)] {
        if entries.len() > FILTER_ENTRIES {
            faults.add(format!("/filters/{name}"), "at most 100 entries");
        }
    }
}

/// Printable ASCII: what every server understands.
fn is_value(text: &str) -> bool {
    text.bytes().all(|byte| byte == b'\t' || (b' '..=b'~').contains(&byte))
}

fn header_faults(faults: &mut Faults, kind: EndpointChannel, headers: &BTreeMap<String, String>) {
    if kind != EndpointChannel::Webhook && !headers.is_empty() {
        faults.add("/headers", "only webhooks take headers: leave them out");
    }
    let (most, longest_name, longest_value) = HEADERS;
    if headers.len() > most {
        faults.add("/headers", "at most 20 headers");
    }
    for (name, value) in headers {
        let pointer = format!("/headers/{}", name.replace('~', "~0").replace('/', "~1"));
        if headers.keys().filter(|other| other.eq_ignore_ascii_case(name)).count() > 1 {
            faults.add(pointer, "given twice, in another spelling");
        } else if RESERVED_HEADERS.contains(&name.to_ascii_lowercase().as_str()) {
            faults.add(pointer, "this header is ours to set");
        } else if HeaderName::try_from(name).is_err() || name.len() > longest_name {
            faults.add(pointer, "not the name of a header: at most 100 letters, digits and dashes");
        } else if !is_value(value) || value.len() > longest_value {
            let detail = "not the value of a header: at most 1000 printable ASCII characters";
            faults.add(pointer, detail);
        }
    }
}
