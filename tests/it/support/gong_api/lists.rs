//! The answers: who asks for what in which way, and what of it is shown.

use chrono::{DateTime, Utc};
use http::Method;
use serde_json::{Map, Value, json};
use url::form_urlencoded;

use super::{
    Question, Refused, World,
    calls::{Filter, Known, NotReady},
};

const NO_MATCH: &str = "No calls found corresponding to the provided filters";

/// What there is: path, method, scope.
const ROUTES: &[(&str, Method, &str)] = &[
    ("/v2/calls", Method::GET, "api:calls:read:basic"),
    ("/v2/calls/extensive", Method::POST, "api:calls:read:extensive"),
    ("/v2/calls/transcript", Method::POST, "api:calls:read:transcript"),
    ("/v2/users", Method::GET, "api:users:read"),
];

impl World {
    pub fn respond(&mut self, asked: &Question<'_>) -> Result<Value, Refused> {
        let path = asked.uri.path();
        let route = ROUTES.iter().find(|(known, ..)| *known == path);
        let (_, method, scope) = route.ok_or_else(|| Refused::new(404, "No handler found"))?;
        if method != asked.method {
            return Err(Refused::new(405, format!("Request method '{}' is not supported", asked.method)));
        }
        self.gate.admit(asked.headers, scope)?;
        let json = |kind: &str| kind.split(';').next().is_some_and(|kind| kind.trim() == "application/json");
        let kind = asked.headers.get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if method == Method::POST && !json(kind) {
            return Err(Refused::new(415, format!("Content type '{kind}' not supported")));
        }
        match path {
            "/v2/calls" => self.metadata(asked),
            "/v2/calls/extensive" => self.details(&parse_body(asked.body)?),
            "/v2/calls/transcript" => self.transcripts(&parse_body(asked.body)?),
            _ => self.list_users(asked),
        }
    }

    fn metadata(&mut self, asked: &Question<'_>) -> Result<Value, Refused> {
        let (query, question) = query(asked);
        let required = |name: &str| {
            let given = query.get(name).ok_or_else(|| Refused::new(400, format!("{name}: must not be null")));
            given.and_then(|at| instant(name, at))
        };
        let (from, to) = (required("fromDateTime")?, required("toDateTime")?);
        if to < from {
            return Err(Refused::new(400, "toDateTime must not be before fromDateTime"));
        }
        let matching = self.calls.matching(&Filter { from: Some(from), to: Some(to), ids: None }, true);
        if matching.is_empty() {
            return Err(Refused::new(404, NO_MATCH));
        }
        let cut = self.pages.cut(&question, query.get("cursor").and_then(Value::as_str), matching.len())?;
        let page = matching[cut.start..cut.end].iter();
        let calls: Vec<Value> = page.map(|call| self.calls.whole(call)["metaData"].take()).collect();
        Ok(json!({"records": cut.records, "calls": calls}))
    }

    fn details(&mut self, body: &Map<String, Value>) -> Result<Value, Refused> {
        let selector = body.get("contentSelector").cloned().unwrap_or_default();
        if !selector["contextTiming"].is_null() && selector["context"] != "Extended" {
            return Err(Refused::new(400, "contextTiming needs the Extended context"));
        }
        let mut matching = self.by_filter(body)?;
        matching.retain(|call| self.calls.finds_details(call));
        if matching.is_empty() {
            return Err(Refused::new(404, NO_MATCH));
        }
        let cut = self.pages.cut(&without_cursor(body), cursor(body), matching.len())?;
        let page = matching[cut.start..cut.end].iter();
        let calls: Vec<Value> = page.map(|call| selected(&self.calls.whole(call), &selector)).collect();
        Ok(json!({"records": cut.records, "calls": calls}))
    }

    fn transcripts(&mut self, body: &Map<String, Value>) -> Result<Value, Refused> {
        let matching = self.by_filter(body)?;
        let mut found: Vec<(Known, Option<NotReady>)> =
            matching.into_iter().map(|call| (call.clone(), self.calls.not_ready(&call))).collect();
        found.retain(|(_, not_ready)| *not_ready != Some(NotReady::NotFound));
        if found.is_empty() {
            return Err(Refused::new(404, NO_MATCH));
        }
        let cut = self.pages.cut(&without_cursor(body), cursor(body), found.len())?;
        let entry = |(call, not_ready): &(Known, Option<NotReady>)| {
            let transcript = match not_ready {
                Some(NotReady::Empty) => {
                    json!([{"speakerId": null, "topic": null, "sentences": [{"start": 0, "text": " "}]}])
                }
                Some(_) => return None,
                None => self.calls.transcript(call)?,
            };
            Some(json!({"callId": call.id(), "transcript": transcript}))
        };
        let entries: Vec<Value> = found[cut.start..cut.end].iter().filter_map(entry).collect();
        Ok(json!({"records": cut.records, "callTranscripts": entries}))
    }

    fn list_users(&mut self, asked: &Question<'_>) -> Result<Value, Refused> {
        let (query, question) = query(asked);
        let cut = self.pages.cut(&question, query.get("cursor").and_then(Value::as_str), self.users.len())?;
        Ok(json!({"records": cut.records, "users": self.users[cut.start..cut.end]}))
    }

    /// Both dates and ids must match when both are sent. An empty filter matches everything.
    fn by_filter(&self, body: &Map<String, Value>) -> Result<Vec<Known>, Refused> {
        let filter = body.get("filter").and_then(Value::as_object);
        let filter = filter.ok_or_else(|| Refused::new(400, "filter: must not be null"))?;
        let at = |name: &str| filter.get(name).filter(|at| !at.is_null()).map(|at| instant(name, at)).transpose();
        let ids = filter.get("callIds").filter(|ids| !ids.is_null()).map(|ids| {
            let ids = ids.as_array().map(|ids| ids.iter().map(|id| id.as_str().map(str::to_owned)).collect());
            ids.flatten().ok_or_else(|| Refused::new(400, "callIds: must be texts"))
        });
        let ids: Option<Vec<String>> = ids.transpose()?;
        if let Some(bad) = ids.iter().flatten().find(|id| self.calls.refused.contains(*id)) {
            return Err(Refused::new(400, format!("callIds: '{bad}' is not valid")));
        }
        // An empty list of ids filters nothing.
        let ids = ids.filter(|ids| !ids.is_empty());
        Ok(self.calls.matching(&Filter { from: at("fromDateTime")?, to: at("toDateTime")?, ids }, false))
    }
}

/// The query, and all of the question but its cursor.
fn query(asked: &Question<'_>) -> (Map<String, Value>, String) {
    let pairs = form_urlencoded::parse(asked.uri.query().unwrap_or_default().as_bytes());
    let query: Map<String, Value> = pairs.map(|(name, value)| (name.into_owned(), value.into_owned().into())).collect();
    let question = format!("{} {}", asked.uri.path(), without_cursor(&query));
    (query, question)
}

fn parse_body(body: &[u8]) -> Result<Map<String, Value>, Refused> {
    serde_json::from_slice(body).map_err(|_| Refused::new(400, "The body cannot be read as a JSON object"))
}

/// Only at the top level: a cursor anywhere else is ignored.
fn cursor(body: &Map<String, Value>) -> Option<&str> {
    body.get("cursor").and_then(Value::as_str)
}

fn without_cursor(question: &Map<String, Value>) -> String {
    let mut question = question.clone();
    question.remove("cursor");
    Value::Object(question).to_string()
}

fn instant(name: &str, at: &Value) -> Result<DateTime<Utc>, Refused> {
    let read = at.as_str().and_then(|at| DateTime::parse_from_rfc3339(at).ok());
    read.map(|at| at.to_utc())
        .ok_or_else(|| Refused::new(400, format!("{name}: is not a date and time with an offset")))
}

/// What the selector asks for and nothing more; without one, only the metadata.
fn selected(call: &Value, selector: &Value) -> Value {
    let mut shown = Map::new();
    shown.insert("metaData".to_owned(), call["metaData"].clone());
    let fields = &selector["exposedFields"];
    let mut show = |block: &str, value: Value| {
        if !value.is_null() {
            shown.insert(block.to_owned(), value);
        }
    };
    if matches!(selector["context"].as_str(), Some("Basic" | "Extended")) {
        show("context", call["context"].clone());
    }
    for block in ["parties", "media"] {
        if fields[block] == true {
            show(block, call[block].clone());
        }
    }
    for block in ["content", "interaction", "collaboration"] {
        // "personInteractionStats" is asked for, "interactionStats" comes; the other parts have one name.
        let asked_as = |part: &str| if part == "interactionStats" { "personInteractionStats" } else { part }.to_owned();
        let parts = call[block].as_object().into_iter().flatten();
        let parts: Map<String, Value> = parts
            .filter(|(part, _)| fields[block][asked_as(part)] == true)
            .map(|(part, value)| (part.clone(), value.clone()))
            .collect();
        if !parts.is_empty() || (fields[block].is_object() && call[block].is_object()) {
            show(block, parts.into());
        }
    }
    Value::Object(shown)
}
