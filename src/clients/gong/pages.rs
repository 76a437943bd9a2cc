//! The envelope of Gong's lists: an array of items, and a cursor as long as there is more.
//!
//! Nothing but the cursor says whether there is more: page sizes vary, and `totalRecords` counts calls that are not
//! listed yet.

use crate::{clients::http::UpstreamError, domain::text};
use serde_json::Value;
use tracing::warn;

use super::errors::Refusal;

/// No list has more pages: with a hundred items each it would hold a million, and a day has only ten thousand requests.
pub const MOST_PAGES: usize = 10_000;

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// What it lists; can be empty although there is more.
    pub items: Vec<T>,
    /// What to ask for the next page with. It dies an hour after the first page was asked for.
    pub next: Option<String>,
}

/// Why there is no page.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PageError {
    /// The list has to be read again from its first page.
    #[error("Gong no longer knows the cursor")]
    CursorDied,
    /// The same page may or may not come another time, as this says.
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
}

impl<T> Page<T> {
    /// The answer of a filter that nothing matches.
    pub(super) const fn empty() -> Self {
        Self { items: Vec::new(), next: None }
    }

    /// Reads an answer whose items stand under `array`; `sent` is the cursor it was asked for with. An item that cannot
    /// be read is left out.
    pub(super) fn read(
        what: &str,
        answer: &Value,
        array: &str,
        sent: Option<&str>,
        read: fn(&Value) -> Option<T>,
    ) -> Result<Self, UpstreamError> {
        // Any of the three may be missing, but an answer without all of them is somebody else's.
        if ["requestId", "records", array].iter().all(|member| answer.get(member).is_none()) {
            return Err(UpstreamError::Retry(format!("Gong ({what}): the answer is JSON, but not Gong's")));
        }
        let next = answer.pointer("/records/cursor").and_then(cursor);
        if next.is_some() && next.as_deref() == sent {
            return Err(UpstreamError::Never(format!(
                "Gong ({what}): the list never ends, its cursor leads back to the same page"
            )));
        }
        let listed = answer.get(array).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let items: Vec<T> = listed.iter().filter_map(read).collect();
        if items.len() < listed.len() {
            warn!(list = what, unreadable = listed.len() - items.len(), "Gong listed items that cannot be read");
        }
        Ok(Self { items, next })
    }
}

fn cursor(value: &Value) -> Option<String> {
    match value {
        Value::String(cursor) => text::clean(cursor),
        Value::Number(cursor) => Some(cursor.to_string()),
        _ => None,
    }
}

/// The error of a list that is longer than any.
pub(super) fn endless(what: &str) -> UpstreamError {
    UpstreamError::Never(format!("Gong ({what}): the list does not end after {MOST_PAGES} pages"))
}

impl From<Refusal> for PageError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::CursorDied(_) => Self::CursorDied,
            other => Self::Upstream(other.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn page(answer: &Value) -> Result<Page<u64>, UpstreamError> {
        Page::read("calls", answer, "calls", Some("sent"), Value::as_u64)
    }

    #[test]
    fn only_a_cursor_says_that_there_is_more() {
        for (records, next) in [
            (json!({"totalRecords": 900, "currentPageSize": 100}), None),
            (json!({"cursor": null, "totalRecords": 900}), None),
            (json!({"cursor": ""}), None),
            (json!({"cursor": " "}), None),
            (json!({"cursor": ["odd"]}), None),
            (json!(null), None),
            (json!({"cursor": "c2", "totalRecords": 0}), Some("c2")),
            (json!({"cursor": 7}), Some("7")),
        ] {
            let read = page(&json!({"records": records, "calls": [1]})).unwrap();
            assert_eq!((read.items, read.next.as_deref()), (vec![1], next), "{records}");
        }
    }

    #[test]
    fn what_cannot_be_read_does_not_take_the_rest_with_it() {
        assert_eq!(page(&json!({"calls": [null, 1, "x", {}, 2]})).unwrap().items, [1, 2]);
        assert_eq!(page(&json!({"requestId": "q", "calls": {"no": "list"}})).unwrap().items, [0; 0]);
    }

    #[test]
    fn json_of_somebody_else_is_no_empty_page() {
        for answer in [json!({}), json!("ok"), json!(null), json!([1]), json!({"status": "UP"})] {
            assert!(matches!(page(&answer), Err(UpstreamError::Retry(_))), "{answer}");
        }
    }

    #[test]
    fn a_cursor_that_leads_back_ends_the_list() {
        let answer = json!({"records": {"cursor": "sent"}, "calls": [1]});
        assert!(matches!(page(&answer), Err(UpstreamError::Never(_))));
    }

    proptest! {
        #[test]
        fn any_cursor_of_any_type_is_followed_or_ignored(text in ".{0,20}", number in any::<f64>()) {
            for cursor in [json!(text), json!(number), json!([text]), json!({"c": number})] {
                let _ = page(&json!({"records": {"cursor": cursor}, "calls": []}));
            }
        }
    }
}
