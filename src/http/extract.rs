//! House versions of axum's extractors: their refusals are problems that say what is wrong and where.

use std::{sync::Arc, time::Duration};

use axum::{
    body::Body,
    extract::{FromRequest, FromRequestParts, Request},
};
use bytes::Bytes;
use chrono::{DateTime, Datelike, Utc};
use http::{HeaderMap, header, request::Parts};
use http_body_util::{BodyExt, Limited};
use serde::de::DeserializeOwned;
use tokio::time::timeout;
use uuid::Uuid;

use super::problem::{FieldError, Problem, ProblemKind};
use crate::{
    app::App,
    db::Page,
    domain::ids::{Id, Kind},
};

/// The largest body of an admin request.
pub const ADMIN_BODY: usize = 256 * 1024;
/// How long a body may take to arrive: a client that sends a byte a second keeps its bytes in memory all the while.
const BODY_TIMEOUT: Duration = Duration::from_secs(20);
/// How many items a list gives unless told otherwise, and at most.
const PAGE: (u32, u32) = (50, 200);

/// A JSON body: strict, with a pointer to whatever does not fit.
#[derive(Debug)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned> FromRequest<Arc<App>> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &Arc<App>) -> Result<Self, Problem> {
        require_json(request.headers())?;
        let body = read_body(request.into_body(), ADMIN_BODY).await?;
        parse(&body).map(Self)
    }
}

/// A JSON body that may be left out.
#[derive(Debug)]
pub struct OptionalJson<T>(pub Option<T>);

impl<T: DeserializeOwned> FromRequest<Arc<App>> for OptionalJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &Arc<App>) -> Result<Self, Problem> {
        let headers = request.headers().clone();
        let body = read_body(request.into_body(), ADMIN_BODY).await?;
        if body.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self(None));
        }
        require_json(&headers)?;
        if body.trim_ascii() == b"null" {
            return Ok(Self(None));
        }
        parse(&body).map(|value| Self(Some(value)))
    }
}

/// An id in the path. One that cannot be one of ours is not there.
pub struct PathId<K>(pub Id<K>);

impl<K: Kind> FromRequestParts<Arc<App>> for PathId<K> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let PathText(text) = PathText::from_request_parts(parts, app).await?;
        text.parse().map(Self).map_err(|_| ProblemKind::NotFound.into())
    }
}

/// The one parameter of the path, as text.
#[derive(Debug)]
pub struct PathText(pub String);

impl FromRequestParts<Arc<App>> for PathText {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let path = axum::extract::Path::<String>::from_request_parts(parts, app).await;
        match path {
            Ok(axum::extract::Path(text)) if !text.contains('\0') => Ok(Self(text)),
            _ => Err(ProblemKind::NotFound.into()),
        }
    }
}

/// The query, parameter by parameter, so that each can be refused by name.
#[derive(Debug)]
pub struct Params {
    pairs: Vec<(String, String)>,
    errors: Vec<FieldError>,
}

impl FromRequestParts<Arc<App>> for Params {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Self, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        let pairs = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        Ok(Self { pairs, errors: Vec::new() })
    }
}

impl Params {
    /// Reads a parameter by `parse`, whose error says what would be right.
    pub fn read<T>(&mut self, name: &str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let (_, text) = self.pairs.iter().find(|(known, _)| known == name)?;
        match parse(text) {
            Ok(value) => Some(value),
            Err(detail) => {
                self.errors.push(FieldError { pointer: format!("/{name}"), detail });
                None
            }
        }
    }

    /// Reads `limit`.
    pub fn limit(&mut self) -> i64 {
        let (usual, most) = PAGE;
        self.whole("limit", most).unwrap_or(usual).into()
    }

    /// Reads a number from 1 on.
    pub fn whole(&mut self, name: &str, most: u32) -> Option<u32> {
        self.read(name, |text| {
            let digits = text.bytes().all(|byte| byte.is_ascii_digit());
            let number = text.parse().ok().filter(|number| digits && (1..=most).contains(number));
            number.ok_or_else(|| format!("a number from 1 to {most}"))
        })
    }

    /// Reads `limit` and `cursor`.
    pub fn page(&mut self) -> Page {
        let limit = self.limit();
        let before = self.read("cursor", |text| {
            let simple = text.len() == 32 && !text.bytes().any(|byte| byte.is_ascii_uppercase());
            let cursor = Uuid::try_parse(text).ok().filter(|_| simple);
            cursor.ok_or_else(|| "not a cursor: use next_cursor of the page before".to_owned())
        });
        Page { limit, before }
    }

    /// Fails if any parameter could not be read.
    pub fn finish(self) -> Result<(), Problem> {
        if self.errors.is_empty() { Ok(()) } else { Err(Problem::invalid(self.errors)) }
    }
}

/// A time as RFC 3339 has it, to the microsecond as the database keeps it. An offset or a leap second can carry one out of
/// the four-digit years that can be written so; that is no time.
pub fn moment(text: &str) -> Result<DateTime<Utc>, String> {
    let at = DateTime::parse_from_rfc3339(text).ok();
    let at = at.and_then(|at| DateTime::from_timestamp_micros(at.timestamp_micros()));
    at.filter(|at| (0..=9999).contains(&at.year())).ok_or_else(|| "a time such as 2031-05-06T09:30:00Z".to_owned())
}

/// Text that the database can compare with.
pub fn plain(text: &str) -> Result<String, String> {
    if text.contains('\0') { Err("text without the character NUL".to_owned()) } else { Ok(text.to_owned()) }
}

/// Reads a body up to a limit.
pub async fn read_body(body: Body, limit: usize) -> Result<Bytes, Problem> {
    let Ok(read) = timeout(BODY_TIMEOUT, Limited::new(body, limit).collect()).await else {
        let detail = format!("the body was not there within {} s", BODY_TIMEOUT.as_secs());
        return Err(Problem::new(ProblemKind::Unreadable, detail));
    };
    match read {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => {
            Err(Problem::new(ProblemKind::TooLarge, format!("at most {limit} bytes are taken")))
        }
        Err(_) => Err(Problem::new(ProblemKind::Unreadable, "the body broke off")),
    }
}

/// Refuses bodies that say they are something else than JSON. One that says nothing is taken at its word.
pub fn require_json(headers: &HeaderMap) -> Result<(), Problem> {
    let Some(kind) = headers.get(header::CONTENT_TYPE) else { return Ok(()) };
    let kind = kind.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json")) {
        Ok(())
    } else {
        Err(Problem::new(ProblemKind::UnsupportedType, "send the body as application/json"))
    }
}

/// Reads a JSON object strictly; what does not fit is named by a pointer.
pub fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    // Serde would take an array for a struct, its fields one after the other.
    if body.trim_ascii_start().first() == Some(&b'[') {
        serde_json::from_slice::<serde::de::IgnoredAny>(body)
            .map_err(|error| Problem::new(ProblemKind::Unreadable, format!("the body is not JSON: {error}")))?;
        return Err(Problem::invalid_field("", "must be an object"));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let inner = error.inner();
        if !inner.is_data() {
            return Problem::new(ProblemKind::Unreadable, format!("the body is not JSON: {inner}"));
        }
        Problem::invalid_field(&pointer(error.path()), inner.to_string())
    })?;
    deserializer
        .end()
        .map_err(|error| Problem::new(ProblemKind::Unreadable, format!("the body is not JSON: {error}")))?;
    Ok(value)
}

/// RFC 6901.
fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let part = |segment: &Segment| match segment {
        Segment::Seq { index } => format!("/{index}"),
        Segment::Map { key } => format!("/{}", key.replace('~', "~0").replace('/', "~1")),
        Segment::Enum { .. } | Segment::Unknown => String::new(),
    };
    path.iter().map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::moment;

    #[test]
    fn times_are_those_that_can_be_written_back() {
        for text in ["2031-05-06T09:30:00Z", "0000-01-01T00:00:00Z", "9999-12-31T23:59:59.5+02:00"] {
            assert!(moment(text).is_ok(), "{text}");
        }
        assert_eq!(moment("2031-06-30T23:59:60Z"), moment("2031-07-01T00:00:00Z"));
        let beyond = ["9999-12-31T23:59:59-02:00", "9999-12-31T23:59:60Z", "0000-01-01T00:00:00+01:00"];
        for text in beyond.into_iter().chain(["+10000-01-01T00:00:00Z", "2031-05-06", ""]) {
            assert!(moment(text).is_err(), "{text}");
        }
    }
}
