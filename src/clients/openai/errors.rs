//! Decides what an answer that is no success means, and words it for an operator.
//!
//! The rules are the contract's table of statuses; the texts say what happened, in the server's own words where it has
//! any, and what to do about it.

use std::time::Duration;

use crate::{
    clients::http::{Reply, UpstreamError},
    domain::retry,
};
use chrono::{DateTime, Utc};
use http::{HeaderMap, header};
use secrecy::SecretString;
use url::Url;

use super::{CompletionError, complaint::Complaint, scrub};

/// Longer request ids are not the vendor's.
const LONGEST_REQUEST_ID: usize = 80;

/// What to do about an input that does not fit.
pub(super) const TOO_LONG: &str =
    "the input is too long for the model: lower OPENAI_INPUT_TOKENS, or name a model with a larger context";

/// What every error text needs to know.
pub(super) struct Wording<'a> {
    /// How the other end is called.
    pub(super) name: &'a str,
    pub(super) model: &'a str,
    pub(super) key: Option<&'a SecretString>,
    /// What was sent of a call; none of it may be repeated.
    pub(super) said: &'a str,
    pub(super) request_id: Option<String>,
}

impl Wording<'_> {
    /// "OpenAI answered 429 (code): its message; what to do (request id)".
    pub(super) fn text(&self, what: &str, complaint: &Complaint, advice: &str) -> String {
        let mut text = format!("{} {what}", self.name);
        if let Some(code) = complaint.code.as_deref().or(complaint.kind.as_deref()) {
            text = format!("{text} ({})", scrub::shown(code, self.key, self.said));
        }
        let message = scrub::shown(&complaint.message, self.key, self.said);
        if !message.is_empty() {
            text = format!("{text}: {message}");
        }
        if !advice.is_empty() {
            text = format!("{text} – {advice}");
        }
        match &self.request_id {
            Some(id) => format!("{text} (request {id})"),
            None => text,
        }
    }

    /// The same for what the server did not comment on.
    pub(super) fn plain(&self, what: &str, advice: &str) -> String {
        self.text(what, &Complaint::default(), advice)
    }
}

/// The id under which the vendor's support finds a request.
pub(super) fn request_id(headers: &HeaderMap) -> Option<String> {
    let id = headers.get("x-request-id")?.to_str().ok()?.trim();
    (!id.is_empty() && id.len() <= LONGEST_REQUEST_ID).then(|| id.to_owned())
}

/// What an answer with another status than 2xx means.
pub(super) fn refused(reply: &Reply, now: DateTime<Utc>, wording: &Wording<'_>) -> CompletionError {
    let complaint = Complaint::of_reply(reply);
    let status = reply.status.as_u16();
    let text = |advice: &str| wording.text(&format!("answered {status}"), &complaint, advice);
    if complaint.is_input_too_long(status) {
        return CompletionError::InputTooLong { why: text(TOO_LONG) };
    }
    CompletionError::Upstream(if complaint.is_billing() {
        UpstreamError::Never(text("no quota is left: see to the plan and the billing, then start the run again"))
    } else if reply.status.is_redirection() {
        UpstreamError::Never(wording.plain(&format!("answered {status}"), &redirected(&reply.headers)))
    } else if !may_pass(status, &reply.headers) {
        UpstreamError::Never(text(&permanent_advice(status, &complaint, wording.model)))
    } else if status == 429 {
        match wait(&reply.headers, now) {
            Some(wait) => UpstreamError::Later { why: text("too many requests or tokens for now"), wait },
            None => UpstreamError::Retry(text("too many requests or tokens for now")),
        }
    } else {
        UpstreamError::Retry(text("it may pass"))
    })
}

/// The server's own word, where it gives one, or the statuses that the vendor's clients repeat.
fn may_pass(status: u16, headers: &HeaderMap) -> bool {
    match headers.get("x-should-retry").and_then(|value| value.to_str().ok()) {
        Some("true") => true,
        Some("false") => false,
        _ => matches!(status, 408 | 409 | 429 | 500..=599),
    }
}

fn permanent_advice(status: u16, complaint: &Complaint, model: &str) -> String {
    match status {
        401 => "check the API key, its project and the addresses it is allowed from".to_owned(),
        403 => "the key may not do this, or the country is not supported".to_owned(),
        404 if complaint.is_unknown_model() => unknown_model(model),
        404 | 405 | 410 => "nothing is at this address: check OPENAI_BASE_URL and OPENAI_API".to_owned(),
        408 | 409 | 429 | 500..=599 => "it asks not to be tried again".to_owned(),
        _ => "check the model, the dialect and the instructions".to_owned(),
    }
}

/// What to do about a model that is not there.
pub(super) fn unknown_model(model: &str) -> String {
    format!("the model {model} does not exist or the key may not use it: name another")
}

fn redirected(headers: &HeaderMap) -> String {
    let target = headers.get(header::LOCATION).and_then(|location| location.to_str().ok());
    let host = target.and_then(|target| Url::parse(target).ok()?.host_str().map(str::to_owned));
    let host = host.map_or_else(|| "elsewhere".to_owned(), |host| format!("to {host}"));
    format!("OPENAI_BASE_URL leads {host}, and redirects are not followed: set it to the final address")
}

/// `retry-after-ms` before `Retry-After`, like the vendor's clients; both bounded.
fn wait(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let milliseconds = text("retry-after-ms").and_then(|text| {
        // A fraction of a millisecond is noise, and a sign or a word is no wait.
        text.split('.').next()?.parse::<u64>().ok()
    });
    let seconds = milliseconds.map(|milliseconds| milliseconds.div_ceil(1000).to_string());
    seconds.as_deref().or(text("retry-after")).and_then(|value| retry::retry_after(value, now))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn milliseconds_win_over_seconds_and_nonsense_is_no_wait() {
        let headers = |pairs: &[(&'static str, &'static str)]| -> HeaderMap {
            pairs.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value))).collect()
        };
        let waits = |pairs| wait(&headers(pairs), DateTime::UNIX_EPOCH).map(|wait| wait.as_secs());
        assert_eq!(waits(&[("retry-after-ms", "2500"), ("retry-after", "9")]), Some(3));
        assert_eq!(waits(&[("retry-after-ms", "20.7")]), Some(1));
        assert_eq!(waits(&[("retry-after-ms", "soon"), ("retry-after", "9")]), Some(9));
        assert_eq!(waits(&[("retry-after", "-1")]), None);
        assert_eq!(waits(&[]), None);
    }

    #[test]
    fn request_ids_of_absurd_length_are_left_out() {
        let mut headers = HeaderMap::new();
        assert_eq!(request_id(&headers), None);
        headers.insert("x-request-id", HeaderValue::from_static("req_1"));
        assert_eq!(request_id(&headers).as_deref(), Some("req_1"));
        headers.insert("x-request-id", "r".repeat(81).parse().unwrap());
        assert_eq!(request_id(&headers), None);
    }
}
