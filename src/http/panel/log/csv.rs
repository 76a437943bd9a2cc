//! The log as a file for spreadsheets (RFC 4180): as much as the filter lets through, streamed a batch at a time.

use std::{mem, sync::Arc};

use axum::{
    body::{Body, Bytes},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, SecondsFormat, Utc};
use futures_util::stream;
use http::header;
use tracing::warn;

use super::{filter::Filter, line::Line};
use crate::{
    app::App,
    db::{
        Page,
        delivery_log::{self, LogFilter},
    },
    http::{
        panel::{asked::Asked, session::Viewer},
        problem::Problem,
    },
};

/// How many rows are read at once.
const BATCH: i64 = 1000;
/// How many rows a file has at most: more than people look through, and no more than spreadsheets take.
const MOST: usize = 100_000;
/// What the columns are called.
const COLUMNS: [&str; 16] = [
    "id",
    "created_at",
    "status",
    "event_type",
    "intent",
    "subject",
    "call_title",
    "endpoint_id",
    "endpoint",
    "channel",
    "attempts",
    "status_code",
    "error",
    "duration_ms",
    "sent_at",
    "next_attempt_at",
];

pub async fn export(viewer: Viewer) -> Result<Response, Problem> {
    let mut asked = Asked::of(&viewer.uri);
    let filter = Filter::read(&mut asked, &viewer).await?.log;
    asked.finish()?;
    let name = format!("aftercall-log-{}.csv", viewer.now().format("%Y-%m-%dT%H-%M"));
    let tenant = viewer.tenant().to_owned();
    let export = Export { app: viewer.app, tenant, filter, before: None, left: MOST, is_first: true, is_over: false };
    let body = stream::try_unfold(export, |mut export| async move {
        let part = export.next().await.inspect_err(|error| warn!(%error, "an export of the log broke off"));
        part.map(|part| part.map(|part| (part, export)))
    });
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8; header=present".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
    ];
    Ok((headers, Body::from_stream(body)).into_response())
}

/// A file that is being written.
struct Export {
    app: Arc<App>,
    tenant: String,
    filter: LogFilter,
    before: Option<uuid::Uuid>,
    left: usize,
    is_first: bool,
    is_over: bool,
}

impl Export {
    /// The next part of the file; nothing at its end.
    async fn next(&mut self) -> sqlx::Result<Option<Bytes>> {
        if self.is_over {
            return Ok(None);
        }
        let mut text = String::new();
        if mem::take(&mut self.is_first) {
            write_record(&mut text, COLUMNS.map(str::to_owned));
        }
        let mut db = self.app.pool.acquire().await?;
        let page = Page { limit: BATCH, before: self.before };
        let mut rows = delivery_log::list_log(&mut db, &self.tenant, &self.filter, page).await?;
        self.is_over = rows.len() < usize::try_from(BATCH).unwrap_or(usize::MAX);
        self.before = rows.last().map(|row| row.id.uuid());
        let oldest = rows.last().map(|row| row.created_at);
        let is_full = rows.len() >= self.left && (rows.len() > self.left || !self.is_over);
        rows.truncate(self.left);
        self.left -= rows.len();
        for line in Line::of(&mut db, &self.tenant, rows).await? {
            write_record(&mut text, record(line));
        }
        if is_full {
            self.is_over = true;
            let until = oldest.map(time).unwrap_or_default();
            let mut last = [const { String::new() }; COLUMNS.len()];
            last[0] = format!("CUT after {MOST} rows: there are more; ask for those until {until} too");
            write_record(&mut text, last);
        }
        Ok(Some(text.into()))
    }
}

fn record(line: Line) -> [String; COLUMNS.len()] {
    let Line { log, endpoint_name, call, .. } = line;
    let number = |value: Option<i64>| value.map(|value| value.to_string()).unwrap_or_default();
    [
        log.id,
        time(log.created_at),
        log.status.as_str().to_owned(),
        log.event_type,
        log.intent.unwrap_or_default(),
        log.subject.unwrap_or_default(),
        call.and_then(|call| call.title).unwrap_or_default(),
        log.endpoint_id,
        endpoint_name,
        log.endpoint_kind.as_str().to_owned(),
        log.attempt_count.to_string(),
        number(log.last_status_code.map(i64::from)),
        log.last_error.unwrap_or_default(),
        number(log.duration_ms),
        log.sent_at.map(time).unwrap_or_default(),
        log.next_attempt_at.map(time).unwrap_or_default(),
    ]
}

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn write_record(text: &mut String, cells: impl IntoIterator<Item = String>) {
    let cells: Vec<String> = cells.into_iter().map(cell).collect();
    text.push_str(&cells.join(","));
    text.push_str("\r\n");
}

/// A cell. What a spreadsheet would take for a formula begins with an apostrophe: others choose what stands here.
fn cell(text: String) -> String {
    let text = if text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) { format!("'{text}") } else { text };
    if text.contains([',', '"', '\r', '\n']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_where_they_must_be_and_never_formulas() {
        let cells = [
            ("plain", "plain"),
            ("a, b", "\"a, b\""),
            ("say \"hi\"\n", "\"say \"\"hi\"\"\n\""),
            ("=1+1", "'=1+1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("-2,5", "\"'-2,5\""),
            ("\tx", "'\tx"),
            ("", ""),
        ];
        for (text, written) in cells {
            assert_eq!(cell(text.to_owned()), written);
        }
    }
}
