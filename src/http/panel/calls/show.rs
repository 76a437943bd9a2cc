//! A call: what it came to, what was said, where it was filed, how it got there and who was told.

use axum::response::Response;
use minijinja::{Value, context, value::Serde};
use serde::Serialize;
use url::Url;

use super::{list::IMPORTED, name, run::RunView, told, transcript::TranscriptView};
use crate::{
    db::{Page, call_labels, calls, runs, transcripts},
    domain::{notice, payload::DocumentLinks, run::RunState},
    http::{
        admin::calls::CallResponse,
        extract::PathText,
        panel::session::Viewer,
        problem::{Problem, ProblemKind},
    },
};

/// So many runs are shown; further ones are older and of interest to nobody.
const RUNS: i64 = 10;
/// So many turns of a transcript stand open; the others are a click away.
const OPEN_TURNS: usize = 12;

pub async fn show(PathText(id): PathText, viewer: Viewer) -> Result<Response, Problem> {
    let (pool, tenant) = (&viewer.app.pool, viewer.tenant());
    let label = call_labels::find_labels(pool, tenant, std::slice::from_ref(&id)).await?.pop();
    let label = label.ok_or(ProblemKind::NotFound)?;
    let mut ways = Vec::new();
    for run in runs::list_call_runs(pool, tenant, &id, RUNS).await? {
        ways.push(RunView::read(&viewer.app, tenant, run).await?);
    }
    let content = if label.is_private { hidden() } else { content(&viewer, &id).await? };
    let context = context! {
        call_id => &id,
        name => name(&label),
        is_private => label.is_private,
        erased_at => Serde(label.erased_at),
        state => label.run_state.map_or(IMPORTED, RunState::as_str),
        runs => Serde(ways),
        told => Serde(told::list(&viewer.app, tenant, &id).await?),
        open_turns => OPEN_TURNS,
    };
    viewer.page("calls/show.html", context! { ..content, ..context })
}

/// What there is to read of a private call, and of one that was erased.
fn hidden() -> Value {
    context! { call => (), link => (), mood => (), transcript => (), documents => Value::from_iter([(); 0]) }
}

async fn content(viewer: &Viewer, id: &str) -> Result<Value, Problem> {
    let (pool, tenant) = (&viewer.app.pool, viewer.tenant());
    let only = Page { limit: 1, before: None };
    let record = calls::list_calls(pool, tenant, Some(id), only).await?.pop().ok_or(ProblemKind::NotFound)?;
    let mood = record.summary.as_ref().map(|summary| notice::mood_word(summary.sentiment));
    let documents = record.documents.as_ref().map(|links| documents(links)).unwrap_or_default();
    let link = record.url.as_deref().and_then(web_link);
    let parties = calls::find_call(pool, tenant, id).await?.map(|call| call.parties).unwrap_or_default();
    let turns = transcripts::find_transcript(pool, tenant, id).await?.unwrap_or_default();
    Ok(context! {
        call => Serde(CallResponse::from(record)),
        link, mood,
        transcript => Serde(TranscriptView::of(turns, &parties)),
        documents => Serde(documents),
    })
}

/// A document, by a link or, on this machine, by its path: browsers follow no link from a page to a file.
#[derive(Debug, Serialize)]
struct Document {
    label: &'static str,
    link: Option<String>,
    path: Option<String>,
}

fn documents(links: &DocumentLinks) -> Vec<Document> {
    let all = [
        ("Call Summary", &links.summary_url),
        ("Summary Log", &links.log_url),
        ("Folder of the account", &links.folder_url),
    ];
    let document = |(label, url): (&'static str, &String)| Document {
        label,
        link: web_link(url),
        path: Url::parse(url).ok().and_then(|url| url.to_file_path().ok()).map(|path| path.display().to_string()),
    };
    all.map(document).into()
}

/// A link that leads to a web page and to nothing else.
fn web_link(url: &str) -> Option<String> {
    let url = Url::parse(&crate::domain::contacts::link_without_contacts(url)).ok()?;
    matches!(url.scheme(), "http" | "https").then(|| url.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_web_pages_are_linked() {
        assert_eq!(
            web_link("https://zz-1.app.gong.example/call?id=1").as_deref(),
            Some("https://zz-1.app.gong.example/call?id=1")
        );
        for url in ["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "/call", ""] {
            assert_eq!(web_link(url), None, "{url}");
        }
    }
}
