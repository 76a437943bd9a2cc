//! The calls that the stand-in knows: those a test added, and any number that are made up when they are asked for.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, FixedOffset, SecondsFormat, TimeDelta, Utc};
use serde_json::{Value, json};

/// When the first generated call began; the others follow a minute apart.
const FIRST: &str = "2031-01-01T00:00:00Z";
const GENERATED: &str = "7100000000000";

/// The forms in which Gong says that a transcript is not ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotReady {
    /// As if the call did not exist: a 404 unless another call matches.
    NotFound,
    /// The call has no entry in the answer.
    NoEntry,
    /// Its entry has no words.
    Empty,
}

#[derive(Default)]
pub struct Calls {
    generated: usize,
    first: Option<DateTime<Utc>>,
    added: BTreeMap<String, (Value, Option<Value>)>,
    pub private: HashMap<String, bool>,
    pub not_ready: HashMap<String, (NotReady, usize)>,
    pub unknown: HashMap<String, usize>,
    pub refused: HashSet<String>,
}

/// One call, cheap enough to sort ten thousand of them.
#[derive(Clone, PartialEq, Eq)]
pub enum Known {
    Generated(usize),
    Added(String),
}

impl Known {
    pub fn id(&self) -> String {
        match self {
            Self::Generated(number) => generated_id(*number),
            Self::Added(id) => id.clone(),
        }
    }
}

/// What calls are asked for by; all that is given must match.
#[derive(Default)]
pub struct Filter {
    pub from: Option<DateTime<Utc>>,
    pub to: Option<DateTime<Utc>>,
    pub ids: Option<Vec<String>>,
}

/// The id of the generated call of that number.
pub fn generated_id(number: usize) -> String {
    format!("{GENERATED}{number:06}")
}

/// The ids of calls in an answer.
pub fn ids_in(body: &Value) -> impl Iterator<Item = &str> {
    let items = ["calls", "callTranscripts"].into_iter().filter_map(|array| body.get(array)?.as_array()).flatten();
    items.filter_map(|item| {
        let id = item.pointer("/metaData/id").or_else(|| item.get("id")).or_else(|| item.get("callId"));
        id.and_then(Value::as_str)
    })
}

impl Calls {
    pub fn generated(count: usize, first: Option<DateTime<Utc>>) -> Self {
        Self { generated: count, first, ..Self::default() }
    }

    fn started(&self, number: usize) -> DateTime<Utc> {
        let first = self.first.unwrap_or_else(|| DateTime::parse_from_rfc3339(FIRST).expect("a time").to_utc());
        first + TimeDelta::minutes(i64::try_from(number).expect("fewer calls"))
    }

    pub fn add(&mut self, call: Value, transcript: Option<Value>) {
        let id = call["metaData"]["id"].as_str().expect("a call has an id").to_owned();
        self.added.insert(id, (call, transcript));
    }

    /// What matches, by time. The list of metadata goes by the scheduled time of conferences.
    pub fn matching(&self, filter: &Filter, by_schedule: bool) -> Vec<Known> {
        let candidates: Vec<Known> = if let Some(ids) = &filter.ids {
            ids.iter().filter_map(|id| self.find(id)).collect()
        } else {
            let generated = (0..self.generated).map(Known::Generated);
            generated.chain(self.added.keys().cloned().map(Known::Added)).collect()
        };
        let mut matching: Vec<(DateTime<Utc>, Known)> =
            candidates.into_iter().map(|call| (self.time(&call, by_schedule), call)).collect();
        matching.retain(|(at, _)| filter.from.is_none_or(|from| from <= *at) && filter.to.is_none_or(|to| *at < to));
        matching.sort_by_key(|(at, _)| *at);
        matching.dedup_by(|one, other| one.1 == other.1);
        matching.into_iter().map(|(_, call)| call).collect()
    }

    fn find(&self, id: &str) -> Option<Known> {
        if self.added.contains_key(id) {
            return Some(Known::Added(id.to_owned()));
        }
        let number = id.strip_prefix(GENERATED).filter(|number| number.len() == 6)?.parse().ok()?;
        (number < self.generated).then_some(Known::Generated(number))
    }

    fn time(&self, call: &Known, by_schedule: bool) -> DateTime<Utc> {
        match call {
            Known::Generated(number) => self.started(*number),
            Known::Added(id) => {
                let meta = &self.added[id].0["metaData"];
                let scheduled = meta["scheduled"].as_str().filter(|_| by_schedule && meta["direction"] == "Conference");
                let at = scheduled.or(meta["started"].as_str()).unwrap_or(FIRST);
                DateTime::parse_from_rfc3339(at).expect("a time").to_utc()
            }
        }
    }

    /// All of a call.
    pub fn whole(&self, call: &Known) -> Value {
        let mut whole = match call {
            Known::Generated(number) => generated(*number, self.started(*number)),
            Known::Added(id) => self.added[id].0.clone(),
        };
        if let Some(private) = self.private.get(&call.id()) {
            whole["metaData"]["isPrivate"] = (*private).into();
        }
        whole
    }

    pub fn transcript(&self, call: &Known) -> Option<Value> {
        match call {
            Known::Generated(number) => Some(generated_transcript(*number)),
            Known::Added(id) => self.added[id].1.clone(),
        }
    }

    /// Whether a request for the call's details finds it this time.
    pub fn finds_details(&mut self, call: &Known) -> bool {
        let id = call.id();
        let left = self.unknown.entry(id).or_default();
        let found = *left == 0;
        *left = left.saturating_sub(1);
        found
    }

    /// In which form a request for the transcript finds it not ready this time.
    pub fn not_ready(&mut self, call: &Known) -> Option<NotReady> {
        let id = call.id();
        match self.not_ready.get_mut(&id) {
            Some((form, left)) if *left > 0 => {
                *left -= 1;
                Some(*form)
            }
            _ => self.transcript(call).is_none().then_some(NotReady::NotFound),
        }
    }
}

/// As Gong's: offsets and fractions that differ from record to record, nulls, and blocks that are missing.
fn generated(number: usize, started: DateTime<Utc>) -> Value {
    let hours = [0, 2, -7, 9][number % 4];
    let offset = FixedOffset::east_opt(hours * 3600).expect("an offset");
    let fraction = [SecondsFormat::Secs, SecondsFormat::Millis, SecondsFormat::Micros][number % 3];
    let started = started.with_timezone(&offset).to_rfc3339_opts(fraction, true);
    let id = generated_id(number);
    let title = (!number.is_multiple_of(5)).then(|| format!("Call {number}"));
    let mut call = json!({
        "metaData": {
            "id": id, "url": format!("https://zz-1.app.gong.example/call?id={id}"), "title": title, "scheduled": null,
            "started": started, "duration": 60 + number % 3600, "primaryUserId": "77", "direction": "Outbound",
            "system": "Line", "scope": "External", "media": "Audio", "language": "eng", "workspaceId": "2718",
            "sdrDisposition": null, "clientUniqueId": null, "customData": null, "purpose": null, "meetingUrl": null,
            "calendarEventId": null, "isPrivate": number % 97 == 96,
        },
        "parties": [
            {"id": "11", "speakerId": "901", "userId": "77", "name": "Dana Reyes", "affiliation": "Internal",
             "emailAddress": "dana@brindlemoor.example", "methods": ["Attendee"]},
            {"id": "12", "speakerId": null, "name": null, "affiliation": "Unknown"},
        ],
        "content": {"topics": [], "trackers": [{"name": "Price", "count": 0}], "brief": "They talked."},
        "interaction": {"interactionStats": [{"name": "Talk Ratio", "value": 1}]},
        "collaboration": {},
        "media": {"audioUrl": "https://media.gong.example/signed"},
    });
    if !number.is_multiple_of(3) {
        call["context"] = json!([{"system": "Salesforce", "objects": [{"objectType": "Account", "objectId": "001",
            "fields": [{"name": "Name", "value": format!("Customer {}", number % 40)}]}]}]);
    }
    call
}

fn generated_transcript(number: usize) -> Value {
    json!([
        {"speakerId": "901", "topic": null, "sentences": [{"start": 1200, "end": 2950, "text": format!("Call {number}.")}]},
        {"speakerId": null, "topic": "Price", "sentences": [{"start": 3000, "end": 3950, "text": "Good morning."}]},
    ])
}
