//! The client of Gong's API.
//!
//! | What Gong does | What we do | Tests |
//! | --- | --- | --- |
//! | lists a hundred calls a page and a cursor as long as there is more | ask with the cursor added, stop without one | `windows::ten_thousand_calls_…`, `by_id::the_pages_…` |
//! | counts calls in `totalRecords` that it does not list yet | ignore the count | `windows::a_count_that_promises_more_…` |
//! | takes windows from inclusive to exclusive, conferences by their schedule | pass the window on | `windows::a_window_begins_…`, `windows::a_conference_…` |
//! | sends offsets, fractions, nulls and missing blocks that differ from record to record | read to an instant, absent stays absent | `windows::times_are_instants_…` |
//! | 404 "No calls found" for a filter that nothing matches | an empty page | `windows::an_empty_window_…`, `by_id::…_is_missing` |
//! | cursors die after an hour | a window: the caller begins anew; by id: begin anew once | `windows::a_dead_cursor_…`, `by_id::a_dead_cursor_…` |
//! | (never seen) a cursor that leads back, or a list without end | fail, do not ask for ever | `windows::a_cursor_that_leads_back_…`, `windows::a_list_without_end_…` |
//! | reads cursor and dates of a POST only from the body, the cursor at its top | put it there | `by_id::the_pages_…` |
//! | needs both dates and ids to match when both are sent | send ids alone | `by_id::ids_are_asked_for_alone_…` |
//! | names nobody unless `parties` are asked for | ask for everything | `by_id::ids_are_asked_for_alone_…`, `by_id::a_call_comes_with_…` |
//! | takes an empty list of ids for "all calls" | ask nothing | `by_id::no_ids_are_no_question` |
//! | lists a call whose details it does not know yet | missing, the others come | `by_id::a_call_that_is_not_known_yet_…` |
//! | 404 "Call ID … was not found" | missing, the others come | `by_id::an_id_that_is_named_as_unknown_…` |
//! | three ways of saying that a transcript is not ready | all alike: missing | `by_id::three_ways_…` |
//! | ids of twenty digits, as text or as numbers | every digit survives | `by_id::twenty_digits_…` |
//! | privacy is set after the call | read it anew each time | `by_id::privacy_is_read_anew` |
//! | 401 for bad credentials, and for a missing scope | never; the scope is named | `refusals::…_401_…`, `refusals::a_missing_scope_is_named` |
//! | 403, 405, 415, another 404, a redirect | never, with what to check | `refusals::what_will_not_change_is_never_retried` |
//! | 400 with `errors` | never, with the text | `refusals::what_will_not_change_is_never_retried` |
//! | 429 with and without `Retry-After`, by the second and by the day | everybody holds back, come back later | `refusals::a_429_…`, `refusals::the_limit_of_the_day_…` |
//! | 5xx in JSON, HTML or nothing; a 200 that is not Gong's; an answer that breaks off | retry | `refusals::what_may_pass_is_retried` |
//! | three requests a second for the whole company | each request takes a turn; callers share requests | `windows::ten_thousand_calls_…`, `batches::*` |
//! | (unknown) one bad id may refuse a whole batch | find it by halves, the others come | `batches::one_bad_id_…` |

mod batches;
mod by_id;
mod pace;
mod refusals;
mod windows;

use std::sync::Arc;

use aftercall::{
    clients::gong::{GongApi, Pace},
    config::GongApiConfig,
};
use aftercall::{clients::http::SenderContext, domain::clock::Clock};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::{clients::gong::pace::NoPace, support::gong_api::GongApiStandIn};

/// A client that is let through at once, and the Gong it asks.
struct Gong {
    stand_in: GongApiStandIn,
    pace: Arc<NoPace>,
    api: GongApi,
}

impl Gong {
    async fn with_generated(count: usize) -> Self {
        Self::connected(GongApiStandIn::with_generated(count).await)
    }

    fn connected(stand_in: GongApiStandIn) -> Self {
        let pace = Arc::new(NoPace::default());
        let api = client(&stand_in, Arc::<NoPace>::clone(&pace));
        Self { stand_in, pace, api }
    }

    async fn start() -> Self {
        Self::connected(GongApiStandIn::start().await)
    }

    /// How many requests Gong got.
    fn requests(&self) -> usize {
        self.stand_in.server.asked().len()
    }
}

fn client(gong: &GongApiStandIn, pace: Arc<dyn Pace>) -> GongApi {
    client_with(gong.url(), gong.secret(), gong, pace)
}

fn client_with(url: &str, secret: &str, gong: &GongApiStandIn, pace: Arc<dyn Pace>) -> GongApi {
    let context = SenderContext {
        extra_ca: Vec::new(),
        clock: Clock::manual(at("2031-05-06T09:30:00Z")),
        count: Arc::new(|_, _| {}),
    };
    let config = GongApiConfig {
        url: url.parse().expect("an address"),
        access_key: gong.key().to_owned(),
        access_key_secret: secret.to_owned().into(),
    };
    GongApi::new(config, &context, pace).expect("a client")
}

fn at(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text).expect("a time").to_utc()
}

fn ids(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

/// A call that began at a time, with two parties and a CRM account.
fn call(id: &str, started: &str) -> Value {
    json!({
        "metaData": {"id": id, "title": "Halden Freight: renewal", "started": started, "scheduled": null, "duration": 612,
            "direction": "Conference", "language": "eng", "isPrivate": false},
        "context": [{"system": "Salesforce", "objects": [{"objectType": "Account", "objectId": "001",
            "fields": [{"name": "Name", "value": "Halden Freight"}]}]}],
        "parties": [
            {"id": "11", "speakerId": "901", "userId": "77", "name": "Dana Reyes", "affiliation": "Internal"},
            {"id": "12", "speakerId": null, "name": "Ingrid Vale", "affiliation": "External"},
        ],
        "content": {"brief": "They talked.", "trackers": []},
        "media": {"audioUrl": "https://media.gong.example/signed"},
    })
}

/// A transcript of one sentence.
fn words(text: &str) -> Value {
    json!([{"speakerId": "901", "topic": null, "sentences": [{"start": 1200, "end": 2950, "text": text}]}])
}
