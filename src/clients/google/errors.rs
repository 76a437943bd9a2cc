//! What Drive's refusals mean. The reason in the body decides: Drive says 403 for "slow down" and for "never".

use crate::{
    clients::http::{Reply, UpstreamError},
    domain::text,
};
use chrono::{DateTime, Utc};
use http::StatusCode;
use serde_json::Value;

use super::{GoogleConfig, token::SCOPE};

/// How much of Google's own message is shown, in characters.
const MESSAGE_LENGTH: usize = 300;

/// A call that did not succeed. Two cases have a meaning to some callers; each carries its error for those to whom it
/// has none.
#[derive(Debug)]
pub(super) enum Failure {
    /// There is no such file, or it is not visible to us: Drive does not tell these apart.
    NotFound(UpstreamError),
    /// The id that was to be given to a new file is in use.
    IdInUse(UpstreamError),
    /// Anything else.
    Other(UpstreamError),
}

impl From<UpstreamError> for Failure {
    fn from(error: UpstreamError) -> Self {
        Self::Other(error)
    }
}

impl From<Failure> for UpstreamError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::NotFound(error) | Failure::IdInUse(error) | Failure::Other(error) => error,
        }
    }
}

/// The kinds of refusal that are told apart.
#[derive(Clone, Copy)]
enum Class {
    TooFast,
    Passing,
    Storage,
    Forbidden,
    Scope,
    Policy,
    Daily,
    Token,
    NotFound,
    IdInUse,
    Unknown,
}

/// Understands an answer that is not a success. `what` names the call.
pub(super) fn failure(what: &str, reply: &Reply, now: DateTime<Utc>, config: &GoogleConfig) -> Failure {
    let said = Said::read(reply);
    let class = said.class(reply.status);
    let why = format!("google-drive ({what}): {} {}: {}", reply.status.as_u16(), said.code, said.message);
    let never = |advice: &str| UpstreamError::Never(format!("{why}. {advice}"));
    let who = config.acts_as();
    let error = match class {
        Class::TooFast | Class::Passing => match reply.retry_after(now) {
            Some(wait) => UpstreamError::Later { why, wait },
            None => UpstreamError::Retry(why),
        },
        Class::Storage if config.subject.is_some() => never(&format!("The storage of {who} is full")),
        Class::Storage => never(
            "Service accounts own no storage: put the root folder into a shared drive with the account as its content \
             manager, or set GOOGLE_IMPERSONATE to a user who owns the files",
        ),
        Class::Forbidden => {
            never(&format!("Make {who} a content manager of the shared drive, or an editor of the folder"))
        }
        Class::Scope => never(&format!("The token lacks the scope {SCOPE}")),
        Class::Policy => never("An administrator of the Workspace has to allow this app to use Drive"),
        Class::Daily => never("The daily quota of the Google Cloud project is used up; raise it there, then run again"),
        Class::Token => never(&format!("Drive refuses a token that was just made: check the key of {who}")),
        Class::NotFound => {
            return Failure::NotFound(never(&format!("It does not exist, or is not shared with {who}")));
        }
        Class::IdInUse => return Failure::IdInUse(UpstreamError::Never(why)),
        Class::Unknown => UpstreamError::Never(why),
    };
    Failure::Other(error)
}

/// What the body of a refusal says.
struct Said {
    /// Whether it is an error in Google's form, and not the page of a proxy.
    by_google: bool,
    reasons: Vec<String>,
    /// The status of the newer form, such as `RESOURCE_EXHAUSTED`.
    status: Option<String>,
    /// The reason or status to show.
    code: String,
    message: String,
}

impl Said {
    /// Reads `{"error":{"message","errors":[{"reason"}]}}` and the newer `{"error":{"message","status","details"}}`.
    fn read(reply: &Reply) -> Self {
        let body = reply.json().unwrap_or_default();
        let error = &body["error"];
        let list = |name: &str| error[name].as_array().map(Vec::as_slice).unwrap_or_default();
        let entries = || list("errors").iter().chain(list("details"));
        let word = |value: &Value| value.as_str().and_then(text::clean).map(|word| text::shorten(&word, 100));
        let reasons: Vec<String> = entries().filter_map(|entry| word(&entry["reason"])).collect();
        let status = word(&error["status"]);
        let message = error["message"].as_str().or_else(|| entries().find_map(|entry| entry["message"].as_str()));
        let message =
            message.and_then(text::clean).map_or_else(|| reply.excerpt(), |text| text::shorten(&text, MESSAGE_LENGTH));
        Self {
            by_google: error.is_object(),
            code: reasons.first().or(status.as_ref()).cloned().unwrap_or_default(),
            reasons,
            status,
            message: without_queries(&message),
        }
    }

    fn class(&self, status: StatusCode) -> Class {
        let by_reason = self.reasons.iter().find_map(|reason| class_of_reason(reason));
        let by_status = || self.status.as_deref().and_then(class_of_status);
        by_reason.or_else(by_status).unwrap_or_else(|| self.class_of_http(status))
    }

    /// The fallback. A 404 or 409 without Google's words is not Drive's but of something on the way: taken for "gone", it
    /// would have the caller make everything anew.
    fn class_of_http(&self, status: StatusCode) -> Class {
        match status.as_u16() {
            429 => Class::TooFast,
            401 => Class::Token,
            404 if self.by_google => Class::NotFound,
            409 if self.by_google => Class::IdInUse,
            404 | 408 | 409 | 425 | 500..=599 => Class::Passing,
            _ => Class::Unknown,
        }
    }
}

fn class_of_reason(reason: &str) -> Option<Class> {
    Some(match reason {
        "userRateLimitExceeded" | "rateLimitExceeded" | "RATE_LIMIT_EXCEEDED" => Class::TooFast,
        "storageQuotaExceeded" | "quotaExceeded" => Class::Storage,
        "insufficientFilePermissions" | "appNotAuthorizedToFile" => Class::Forbidden,
        "insufficientPermissions" | "ACCESS_TOKEN_SCOPE_INSUFFICIENT" => Class::Scope,
        "domainPolicy" => Class::Policy,
        "dailyLimitExceeded" => Class::Daily,
        "authError" => Class::Token,
        "notFound" => Class::NotFound,
        _ => return None,
    })
}

fn class_of_status(status: &str) -> Option<Class> {
    Some(match status {
        "RESOURCE_EXHAUSTED" => Class::TooFast,
        "UNAVAILABLE" | "INTERNAL" | "DEADLINE_EXCEEDED" => Class::Passing,
        "UNAUTHENTICATED" => Class::Token,
        "NOT_FOUND" => Class::NotFound,
        "ALREADY_EXISTS" => Class::IdInUse,
        _ => return None,
    })
}

/// Cuts the query off every URL: Google's advice carries links, and a query can hold anything.
fn without_queries(message: &str) -> String {
    let cut = |word: &str| match word.split_once('?') {
        Some((before, _)) if before.contains("://") => format!("{before}?…"),
        _ => word.to_owned(),
    };
    message.split(' ').map(cut).collect::<Vec<_>>().join(" ")
}
