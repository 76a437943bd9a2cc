//! What an answer other than "here it is" means. Gong has no error codes: the status and the text decide.

use crate::{
    clients::http::{Reply, UpstreamError},
    domain::text,
};
use http::{StatusCode, header};
use serde_json::Value;

use super::exact::parse_json_exact;

/// How much of Gong's message is shown, in characters.
const MESSAGE_LENGTH: usize = 300;

/// Why a request brought nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Nothing matches the filter (yet): an empty page to everybody.
    NoMatch,
    /// A call that was asked for by its id is not known (yet).
    UnknownCall {
        /// The system's own words, which name it.
        said: String,
        /// The text for the operator.
        text: String,
    },
    /// The cursor has expired or could not be verified.
    CursorDied(String),
    /// Something in this request is at fault, or its answer is too large: one for fewer ids may succeed.
    Request(String),
    /// Anything else.
    Upstream(UpstreamError),
}

impl From<UpstreamError> for Refusal {
    fn from(error: UpstreamError) -> Self {
        Self::Upstream(error)
    }
}

impl From<Refusal> for UpstreamError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Upstream(error) => error,
            Refusal::CursorDied(text) => Self::Retry(text),
            Refusal::Request(text) | Refusal::UnknownCall { text, .. } => Self::Never(text),
            Refusal::NoMatch => Self::Never("Gong: nothing matches".to_owned()),
        }
    }
}

/// Reads the answer of a request that succeeded, or says why it did not. `what` names the request. An answer that asks
/// for patience (429) is the caller's to understand.
pub(super) fn understand(what: &str, reply: &Reply) -> Result<Value, Refusal> {
    if reply.status.is_success() {
        // Never shown: words of a transcript may be in it.
        return parse_json_exact(&reply.body).map_err(|_| {
            let text = format!("Gong ({what}): {}, but {}", reply.status.as_u16(), not_readable(reply));
            UpstreamError::Retry(text).into()
        });
    }
    Err(refusal(what, reply))
}

/// The answer as a text for the operator.
pub(super) fn described(what: &str, reply: &Reply) -> String {
    let said = message(reply).unwrap_or_else(|| not_readable(reply));
    format!("Gong ({what}): {}: {}", reply.status.as_u16(), text::shorten(&said, MESSAGE_LENGTH))
}

fn refusal(what: &str, reply: &Reply) -> Refusal {
    let text = described(what, reply);
    let words = message(reply).unwrap_or_default();
    let said = words.to_lowercase();
    let never = |advice: &str| UpstreamError::Never(format!("{text} ({advice})")).into();
    if reply.status.is_client_error() && speaks_of_a_dead_cursor(&said) {
        return Refusal::CursorDied(text);
    }
    match reply.status {
        StatusCode::NOT_FOUND if said.contains("no calls found") => Refusal::NoMatch,
        StatusCode::NOT_FOUND if said.contains("call id") && said.contains("not found") => {
            Refusal::UnknownCall { said: words, text }
        }
        StatusCode::NOT_FOUND => never("wrong path or host: check GONG_API_URL"),
        StatusCode::BAD_REQUEST => Refusal::Request(text),
        StatusCode::UNAUTHORIZED => match missing_scope(&words) {
            Some(scope) => never(&format!("the access key lacks the scope {scope}: give it in Gong's settings")),
            None => never("wrong access key or secret, or another host's: check them and GONG_API_URL"),
        },
        StatusCode::FORBIDDEN => {
            never("our address is not on the key's allow-list, or the host is another region's: check GONG_API_URL")
        }
        StatusCode::METHOD_NOT_ALLOWED | StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            never("this release does not speak Gong's API as it is now")
        }
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY => UpstreamError::Retry(text).into(),
        status if status.is_redirection() => never("an API does not redirect, wrong host: check GONG_API_URL"),
        status if status.is_client_error() => UpstreamError::Never(text).into(),
        _ => UpstreamError::Retry(text).into(),
    }
}

fn speaks_of_a_dead_cursor(said: &str) -> bool {
    said.contains("cursor") && (said.contains("expire") || said.contains("verif"))
}

/// The scope in `You don't have permission to use '<scope>' in your app.`
fn missing_scope(said: &str) -> Option<&str> {
    let (_, behind) = said.split_once("permission to use")?;
    let quotes = ['\'', '"', '‘', '’', '“', '”', '`'];
    let scope =
        behind.trim_start().trim_start_matches(quotes).split(|c: char| c.is_whitespace() || quotes.contains(&c));
    scope.map(|scope| scope.trim_end_matches('.')).next().filter(|scope| !scope.is_empty() && scope.len() <= 100)
}

/// Gong's `errors`, in one line. A page of a proxy in front is no message: it may repeat the URL it was asked for.
fn message(reply: &Reply) -> Option<String> {
    let body = reply.json()?;
    let said: Vec<&str> = match body.get("errors")? {
        Value::Array(errors) => errors.iter().filter_map(Value::as_str).collect(),
        Value::String(error) => vec![error],
        _ => Vec::new(),
    };
    text::clean(&said.join("; "))
}

fn not_readable(reply: &Reply) -> String {
    let kind = reply.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or("no type given");
    format!("no message of Gong's ({}, {} bytes)", text::shorten(kind, 60), reply.body.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn reply(status: u16, body: &str) -> Reply {
        let status = StatusCode::from_u16(status).unwrap();
        Reply { status, headers: http::HeaderMap::new(), body: body.to_owned().into() }
    }

    fn refused(status: u16, error: &str) -> Refusal {
        refusal("calls", &reply(status, &json!({"requestId": "q1", "errors": [error]}).to_string()))
    }

    fn never(refusal: &Refusal) -> &str {
        match refusal {
            Refusal::Upstream(UpstreamError::Never(text)) => text,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_text_of_a_404_decides() {
        assert_eq!(refused(404, "No calls found corresponding to the provided filters"), Refusal::NoMatch);
        assert_eq!(refused(404, "NO CALLS FOUND."), Refusal::NoMatch);
        assert!(
            matches!(refused(404, "Call ID 314 was not found"), Refusal::UnknownCall { said, .. } if said.contains("314"))
        );
        assert!(never(&refused(404, "No handler")).contains("GONG_API_URL"));
        assert!(never(&refusal("calls", &reply(404, "<html>Not here</html>"))).contains("wrong path or host"));
    }

    #[test]
    fn a_401_names_the_scope_in_any_quotes() {
        for said in [
            "You don't have permission to use 'api:calls:read:transcript' in your app.",
            "You don’t have permission to use ‘api:calls:read:transcript’ in your app.",
            "You don't have permission to use \"api:calls:read:transcript\".",
            "You don't have permission to use api:calls:read:transcript.",
        ] {
            assert_eq!(missing_scope(said), Some("api:calls:read:transcript"), "{said}");
        }
        assert!(never(&refused(401, "Invalid")).contains("access key"));
    }

    #[test]
    fn any_4xx_can_say_that_a_cursor_died() {
        for (status, said) in
            [(400, "cursor has expired"), (404, "The Cursor could not be VERIFIED"), (422, "cursor expired")]
        {
            assert!(matches!(refused(status, said), Refusal::CursorDied(_)), "{status} {said}");
        }
        assert!(matches!(refused(500, "cursor has expired"), Refusal::Upstream(UpstreamError::Retry(_))));
        assert!(matches!(refused(400, "cursor must be text"), Refusal::Request(_)));
    }

    #[test]
    fn a_page_of_a_proxy_is_never_shown() {
        let page = reply(502, "<html>cannot reach https://api.gong.example/v2/calls?cursor=abc</html>");
        let Refusal::Upstream(UpstreamError::Retry(text)) = refusal("calls", &page) else { panic!() };
        assert!(!text.contains("cursor=abc"), "{text}");
    }

    #[test]
    fn an_answer_that_is_no_json_is_not_shown_either() {
        let cut = understand("transcripts", &reply(200, "{\"text\": \"secret words"));
        let Err(Refusal::Upstream(UpstreamError::Retry(text))) = cut else { panic!() };
        assert!(!text.contains("secret"), "{text}");
    }

    proptest! {
        #[test]
        fn any_answer_is_understood_without_panic(status in 200u16..600, body in ".{0,80}", said in ".{0,400}") {
            let _ = understand("calls", &reply(status, &body));
            let _ = missing_scope(&said);
            let Err(refusal) = understand("calls", &reply(400, &json!({"errors": [said]}).to_string())) else { panic!() };
            prop_assert!(UpstreamError::from(refusal).to_string().chars().count() < 340);
        }
    }
}
