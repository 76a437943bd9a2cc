//! An endpoint as a form holds it: read from what was posted or from what is stored, shown in the fields, and made into the
//! body of the API's request.

use std::collections::BTreeSet;

use minijinja::{Value, context, value::Serde};
use serde::Serialize;
use serde_json::{Map, json};

use super::events;
use crate::{
    db::endpoints::EndpointRow,
    domain::{
        endpoint::{EndpointChannel, EndpointSecrets},
        event::event_type,
    },
    http::{
        admin::endpoints::HIDDEN,
        panel::form::Fields,
        problem::{FieldError, Problem},
    },
};

/// What people in a channel or at a mailbox want to hear of: one message for each call.
const FOR_PEOPLE: [&str; 2] = [event_type::CALL_SUMMARISED, event_type::CALL_FAILED];
/// Rows for further headers: how many more than there are.
const EMPTY_ROWS: usize = 3;

/// What somebody filled in, or would find filled in.
pub struct Draft {
    kind: EndpointChannel,
    name: String,
    target: String,
    enabled: bool,
    events: Vec<String>,
    intents: Vec<String>,
    secret: String,
    headers: Vec<Header>,
    rate: String,
    ordered: bool,
}

#[derive(Debug, Serialize)]
struct Header {
    name: String,
    value: String,
    /// Whether there is a value, which is not shown and stays unless another is given.
    kept: bool,
}

impl Draft {
    /// What an empty form holds.
    pub fn empty(kind: EndpointChannel) -> Self {
        let for_people = || FOR_PEOPLE.map(str::to_owned).to_vec();
        let events = if kind == EndpointChannel::Webhook { Vec::new() } else { for_people() };
        Self { enabled: true, events, ..Self::of_form(kind, &Fields::default(), None) }
    }

    /// What an endpoint's form holds at first.
    pub fn of_endpoint(row: &EndpointRow, secrets: &EndpointSecrets) -> Self {
        let header = |name: &String| Header { name: name.clone(), value: String::new(), kept: true };
        Self {
            kind: row.kind,
            name: row.name.clone(),
            target: secrets.target.clone(),
            enabled: row.enabled,
            events: row.filter_events.clone(),
            intents: row.filter_intents.clone(),
            secret: String::new(),
            headers: secrets.headers.keys().map(header).collect(),
            rate: row.rate_limit_per_minute.map(|rate| rate.to_string()).unwrap_or_default(),
            ordered: row.ordered,
        }
    }

    /// What was posted; `before` is what the endpoint holds that is not shown.
    pub fn of_form(kind: EndpointChannel, fields: &Fields, before: Option<&EndpointSecrets>) -> Self {
        let own = |values: &mut dyn Iterator<Item = &str>| values.map(str::to_owned).collect::<Vec<_>>();
        let written = fields.list("more_events");
        let listed =
            |name| fields.text(name).lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>();
        let mut intents = own(&mut fields.all("intent").chain(listed("more_intents")));
        let mut seen = BTreeSet::new();
        intents.retain(|intent| seen.insert(intent.clone()));
        let header = |(name, value): (&str, &str)| {
            let kept = value.is_empty() && before.is_some_and(|before| before.headers.contains_key(name));
            Header { name: name.to_owned(), value: value.to_owned(), kept }
        };
        let headers = fields.all("header_name").zip(fields.all("header_value"));
        Self {
            kind,
            name: fields.text("name").to_owned(),
            target: fields.text("target").to_owned(),
            enabled: fields.ticked("enabled"),
            events: events::without_repeats(own(&mut fields.all("event").chain(written))),
            intents,
            secret: fields.text("secret").to_owned(),
            headers: headers.filter(|pair| *pair != ("", "")).map(header).collect(),
            rate: fields.text("rate").to_owned(),
            ordered: fields.ticked("ordered"),
        }
    }

    /// For the fields of the form. `known` are the intents that the summariser finds.
    pub fn to_value<'a>(&self, known: impl Iterator<Item = &'a str>) -> Value {
        let known: Vec<&str> = known.collect();
        let intents: Vec<Value> = known
            .iter()
            .map(|name| context! { name => *name, ticked => self.intents.iter().any(|intent| intent == name) })
            .collect();
        let other: Vec<&str> =
            self.intents.iter().map(String::as_str).filter(|intent| !known.contains(intent)).collect();
        let empty = || Header { name: String::new(), value: String::new(), kept: false };
        let empty: Vec<Header> = (0..EMPTY_ROWS).map(|_| empty()).collect();
        let headers: Vec<Value> = self.headers.iter().chain(&empty).map(row).collect();
        context! {
            kind => self.kind.as_str(), name => self.name.as_str(), target => self.target.as_str(), enabled => self.enabled,
            families => Serde(events::families(&self.events)),
            more_events => events::others(&self.events).join("\n"),
            intents, more_intents => other.join("\n"),
            secret => self.secret.as_str(), headers, rate => self.rate.as_str(), ordered => self.ordered,
        }
    }

    /// The body of the request that creates it.
    pub fn creation(&self) -> Result<serde_json::Value, Problem> {
        let mut body = self.change()?;
        body["kind"] = json!(self.kind);
        body["enabled"] = json!(self.enabled);
        body["secret"] = json!(Some(&self.secret).filter(|secret| !secret.is_empty()));
        Ok(body)
    }

    /// The body of the request that changes it into this.
    pub fn change(&self) -> Result<serde_json::Value, Problem> {
        let mut faults = Vec::new();
        let rate = self.rate(&mut faults);
        let headers = self.headers(&mut faults);
        if !faults.is_empty() {
            return Err(Problem::invalid(faults));
        }
        Ok(json!({
            "name": self.name, "target": self.target, "filters": {"events": self.events, "intents": self.intents},
            "headers": headers, "rate_limit_per_minute": rate, "ordered": self.ordered,
        }))
    }

    fn rate(&self, faults: &mut Vec<FieldError>) -> Option<i32> {
        let rate = Some(&self.rate).filter(|rate| !rate.is_empty())?;
        let number = rate.parse().ok().filter(|number| (1..=60_000).contains(number));
        if number.is_none() {
            faults.push(fault("/rate_limit_per_minute", "a whole number from 1 to 60000, or nothing for no limit"));
        }
        number
    }

    fn headers(&self, faults: &mut Vec<FieldError>) -> Map<String, serde_json::Value> {
        let mut headers = Map::new();
        for header in &self.headers {
            let value = if header.kept { HIDDEN } else { &header.value };
            if header.name.is_empty() {
                faults.push(fault("/headers", "a value stands without the name of its header"));
            } else if value.is_empty() {
                faults.push(fault(&pointer(&header.name), "the value is missing"));
            } else if headers.insert(header.name.clone(), json!(value)).is_some() {
                faults.push(fault(&pointer(&header.name), "given twice"));
            }
        }
        headers
    }

    /// A refusal that names what is wrong, as a form does that shows all faults at its head.
    pub fn named(&self, problem: Problem) -> Problem {
        if problem.errors().is_empty() {
            return problem;
        }
        let target = if self.kind == EndpointChannel::Email { "Address" } else { "URL" };
        let labels =
            [("/name", "Name"), ("/target", target), ("/secret", "Secret"), ("/rate_limit_per_minute", "Limit")];
        let entry = |list: &[String], number: &str| number.parse::<usize>().ok().and_then(|at| list.get(at).cloned());
        let name = |at: &str| {
            if let Some(number) = at.strip_prefix("/filters/events/") {
                entry(&self.events, number)
            } else if let Some(number) = at.strip_prefix("/filters/intents/") {
                entry(&self.intents, number)
            } else if let Some((_, label)) = labels.iter().find(|(pointer, _)| *pointer == at) {
                Some((*label).to_owned())
            } else {
                self.headers.iter().map(|header| &header.name).find(|name| pointer(name) == at).cloned()
            }
        };
        let named = |error: &FieldError| match name(&error.pointer) {
            Some(name) => fault(&error.pointer, &format!("{name}: {}", error.detail)),
            None => error.clone(),
        };
        Problem::invalid(problem.errors().iter().map(named).collect())
    }
}

fn row(header: &Header) -> Value {
    context! { ..Value::from(Serde(header)), ..context! { pointer => pointer(&header.name) } }
}

fn pointer(header: &str) -> String {
    format!("/headers/{}", header.replace('~', "~0").replace('/', "~1"))
}

fn fault(pointer: &str, detail: &str) -> FieldError {
    FieldError { pointer: pointer.to_owned(), detail: detail.to_owned() }
}
