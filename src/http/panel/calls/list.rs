//! The list of calls, found by words, account, state and day.

use axum::response::Response;
use chrono::{DateTime, Utc};
use minijinja::{context, value::Serde};
use serde::Serialize;

use crate::{
    db::call_search::{CallFilter, FoundCall, search_calls},
    domain::{call::Account, notice, run::RunState, text},
    http::{
        admin::{ListResponse, one_more, paged},
        panel::{
            asked::{Asked, time},
            session::Viewer,
        },
        problem::Problem,
    },
};

/// So many are shown at once.
const SHOWN: i64 = 50;
/// The state of a call that no run was started for.
pub(super) const IMPORTED: &str = "imported";
/// What can be chosen, and how it reads.
const STATES: [(&str, &str); 5] = [
    ("active", "Under way"),
    ("done", "Done"),
    ("failed", "Failed"),
    ("skipped", "Skipped"),
    (IMPORTED, "Imported, no run yet"),
];

/// A line of the list. Of a private call nothing that was said or written is in it.
#[derive(Debug, Serialize)]
struct CallLine {
    id: String,
    title: Option<String>,
    account: Option<Account>,
    started_at: Option<DateTime<Utc>>,
    duration_seconds: Option<i64>,
    is_private: bool,
    state: &'static str,
    headline: Option<String>,
    mood: Option<&'static str>,
}

impl From<FoundCall> for CallLine {
    fn from(found: FoundCall) -> Self {
        let shown = !found.is_private;
        let account = found.account_name.filter(|_| shown);
        Self {
            id: found.call_id,
            title: found.title.filter(|_| shown).as_deref().map(text::without_contacts),
            account: account.map(|name| Account { name, number: found.account_number }.without_contacts()),
            started_at: found.started_at,
            duration_seconds: found.duration_seconds,
            is_private: found.is_private,
            state: found.run_state.map_or(IMPORTED, RunState::as_str),
            headline: found.headline.filter(|_| shown).as_deref().map(text::without_contacts),
            mood: found.sentiment.filter(|_| shown).map(notice::mood_word),
        }
    }
}

pub async fn list(viewer: Viewer) -> Result<Response, Problem> {
    let mut asked = Asked::of(&viewer.uri);
    let known = |text: &str| STATES.iter().find(|(state, _)| *state == text).map(|(state, _)| (*state).to_owned());
    let state = |text: &str| known(text).ok_or_else(|| "one of the states of the list".to_owned());
    let filter = CallFilter {
        text: asked.plain("text"),
        account: asked.plain("account"),
        state: asked.read("state", state),
        since: asked.read("since", |text| day(text, false)),
        until: asked.read("until", |text| day(text, true)),
    };
    let page = asked.page(SHOWN);
    let mut db = viewer.app.pool.acquire().await?;
    let found = search_calls(&mut db, viewer.tenant(), &filter, one_more(page)).await?;
    drop(db);
    let ListResponse { items, next_cursor } = paged::<_, CallLine>(found, page, |call| call.row_id);
    let text = |name: &str, at: Option<DateTime<Utc>>| at.and(asked.text(name)).map(str::to_owned);
    let is_narrowed = filter != CallFilter::default();
    let fields = context! {
        text => filter.text, account => filter.account, state => filter.state,
        since => text("since", filter.since), until => text("until", filter.until),
    };
    let context = context! {
        calls => Serde(items), next_cursor, states => STATES, fields, faults => asked.refusal(), is_narrowed,
        is_later_page => page.before.is_some(),
    };
    viewer.page("calls/list.html", context)
}

/// The beginning or the end of a day, in UTC.
fn day(text: &str, ends: bool) -> Result<DateTime<Utc>, String> {
    let day = Some(text).filter(|text| text.len() == "2031-05-06".len()).and_then(|text| time(text, ends).ok());
    day.ok_or_else(|| "a day such as 2031-05-06".to_owned())
}
