//! The questions that Gong answers with a list: where they are sent and what stands in them. Sending them is not done
//! here.

use crate::clients::http::Sender;
use chrono::{DateTime, DurationRound, SecondsFormat, TimeDelta, Utc};
use http::{Method, header};
use reqwest::RequestBuilder;
use serde_json::{Value, json};
use url::Url;

/// Where the lists are.
pub(super) struct Endpoints {
    calls: Url,
    extensive: Url,
    transcripts: Url,
    users: Url,
}

/// A question without its cursor.
pub(super) struct Listing {
    /// Its name in errors and spans.
    pub(super) what: &'static str,
    /// Under which member of the answer the items stand.
    pub(super) array: &'static str,
    url: Url,
    /// A POST's; a GET has none.
    body: Option<Value>,
}

impl Endpoints {
    /// Finds them below the API's address, which may have a path of its own. Fails when nothing can be below it.
    pub(super) fn below(base: &Url) -> anyhow::Result<Self> {
        let at = |path: &[&str]| -> anyhow::Result<Url> {
            let mut url = base.clone();
            url.set_query(None);
            url.set_fragment(None);
            let segments = url.path_segments_mut();
            segments.map_err(|()| anyhow::anyhow!("{base} is no web address"))?.pop_if_empty().extend(path);
            Ok(url)
        };
        Ok(Self {
            calls: at(&["v2", "calls"])?,
            extensive: at(&["v2", "calls", "extensive"])?,
            transcripts: at(&["v2", "calls", "transcript"])?,
            users: at(&["v2", "users"])?,
        })
    }

    /// Flat metadata of the calls from `from` (inclusive) to `to` (exclusive). Gong documents times in whole seconds, so
    /// the window is widened to them.
    pub(super) fn calls_in_window(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> Listing {
        let second = TimeDelta::seconds(1);
        let floor = |at: DateTime<Utc>| at.duration_trunc(second).unwrap_or(at);
        let ceiling = |at: DateTime<Utc>| if floor(at) == at { at } else { floor(at) + second };
        let text = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
        let mut url = self.calls.clone();
        let (from, to) = (text(floor(from)), text(ceiling(to)));
        url.query_pairs_mut().append_pair("fromDateTime", &from).append_pair("toDateTime", &to);
        Listing { what: "calls", array: "calls", url, body: None }
    }

    /// Calls by id, with all that is known of them.
    pub(super) fn calls(&self, ids: &[String]) -> Listing {
        let body = json!({"filter": {"callIds": ids}, "contentSelector": everything()});
        Listing { what: "call details", array: "calls", url: self.extensive.clone(), body: Some(body) }
    }

    /// Transcripts by the ids of their calls.
    pub(super) fn transcripts(&self, ids: &[String]) -> Listing {
        let body = json!({"filter": {"callIds": ids}});
        Listing { what: "transcripts", array: "callTranscripts", url: self.transcripts.clone(), body: Some(body) }
    }

    /// The people of the company.
    pub(super) fn users(&self) -> Listing {
        Listing { what: "users", array: "users", url: self.users.clone(), body: None }
    }
}

/// Without a selector only the metadata comes, and nobody could name the speakers. Parts that do not exist are left out
/// without an error; `media` would need a scope of its own.
fn everything() -> Value {
    json!({
        "context": "Extended", "contextTiming": ["Now", "TimeOfCall"],
        "exposedFields": {
            "parties": true, "media": false,
            "content": {"structure": true, "topics": true, "trackers": true, "trackerOccurrences": true, "brief": true,
                        "outline": true, "highlights": true, "callOutcome": true, "keyPoints": true},
            "interaction": {"speakers": true, "video": true, "personInteractionStats": true, "questions": true},
            "collaboration": {"publicComments": true},
        },
    })
}

impl Listing {
    /// Builds the request for the page that `cursor` leads to: the same question each time, and the cursor added in the
    /// query of a GET and at the top of a POST's body. Gong ignores it anywhere else.
    pub(super) fn request(&self, sender: &Sender, cursor: Option<&str>) -> RequestBuilder {
        let mut url = self.url.clone();
        let request = match (&self.body, cursor) {
            (None, cursor) => {
                if let Some(cursor) = cursor {
                    url.query_pairs_mut().append_pair("cursor", cursor);
                }
                // Gong has been seen to answer 415 to a GET without a content type.
                sender.request(Method::GET, url).header(header::CONTENT_TYPE, "application/json")
            }
            (Some(body), None) => sender.request(Method::POST, url).json(body),
            (Some(body), Some(cursor)) => {
                let mut body = body.clone();
                body["cursor"] = cursor.into();
                sender.request(Method::POST, url).json(&body)
            }
        };
        request.header(header::ACCEPT, "application/json")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_may_have_a_path_and_a_slash_or_not() {
        for (base, extensive) in [
            ("https://api.gong.io", "https://api.gong.io/v2/calls/extensive"),
            ("https://api.gong.io/", "https://api.gong.io/v2/calls/extensive"),
            ("https://proxy.example/gong", "https://proxy.example/gong/v2/calls/extensive"),
            ("https://proxy.example/gong/?a=b#c", "https://proxy.example/gong/v2/calls/extensive"),
        ] {
            assert_eq!(Endpoints::below(&Url::parse(base).unwrap()).unwrap().extensive.as_str(), extensive);
        }
        assert!(Endpoints::below(&Url::parse("mailto:nobody@gong.example").unwrap()).is_err());
    }

    #[test]
    fn a_window_is_widened_to_whole_seconds() {
        let endpoints = Endpoints::below(&Url::parse("https://api.gong.io").unwrap()).unwrap();
        let at = |text: &str| DateTime::parse_from_rfc3339(text).unwrap().to_utc();
        let query = |from, to| endpoints.calls_in_window(at(from), at(to)).url.query().unwrap_or_default().to_owned();
        assert_eq!(
            query("2031-05-06T09:30:00.250+02:00", "2031-05-06T09:31:00.000001Z"),
            "fromDateTime=2031-05-06T07%3A30%3A00Z&toDateTime=2031-05-06T09%3A31%3A01Z"
        );
        assert_eq!(
            query("1969-12-31T23:59:59.5Z", "2031-05-06T09:31:00Z"),
            "fromDateTime=1969-12-31T23%3A59%3A59Z&toDateTime=2031-05-06T09%3A31%3A00Z"
        );
    }
}
