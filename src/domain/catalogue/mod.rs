//! The catalogue of events (INTERFACE §6): what each means, the JSON Schema of its data, and a sample of what goes out.
//!
//! Says what an event looks like. Who gets it is for [`super::filter`]; that it carries no contact, for
//! [`super::contacts`].

mod calls;
mod check;
mod handoffs;
mod markdown;
mod reminders;
mod reservations;
mod schema;
mod service;
#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use jsonschema::Validator;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

pub use self::{
    check::{DataFault, EventFault, check_event},
    markdown::markdown,
};
use super::payload::Envelope;

/// A type of event.
#[derive(Debug, Serialize, ToSchema)]
pub struct Entry {
    /// The type, such as `call.summarised`.
    #[serde(rename = "type")]
    pub event_type: &'static str,
    /// What it means, when it is raised and by whom.
    pub description: &'static str,
    /// The JSON Schema (draft 2020-12) of its `data`.
    pub schema: Value,
    /// A whole payload as it goes out.
    pub sample: Value,
    #[serde(skip)]
    validator: Validator,
}

/// What a family of events tells the catalogue of one of them.
struct Outline {
    event_type: &'static str,
    description: &'static str,
    /// Of the data.
    schema: Value,
    /// When the sample happened.
    at: &'static str,
    intent: Option<&'static str>,
    /// The sample's.
    data: Value,
}

/// Every catalogued type, family by family.
#[must_use]
pub fn entries() -> &'static [Entry] {
    static ENTRIES: LazyLock<Vec<Entry>> = LazyLock::new(|| {
        let own = calls::outlines().into_iter().chain(service::outlines());
        let others = reservations::outlines().into_iter().chain(reminders::outlines()).chain(handoffs::outlines());
        own.chain(others).enumerate().map(|(at, outline)| Entry::new(at, outline)).collect()
    });
    &ENTRIES
}

/// The entry of a type, if it is in the catalogue.
#[must_use]
pub fn find(event_type: &str) -> Option<&'static Entry> {
    entries().iter().find(|entry| entry.event_type == event_type)
}

impl Entry {
    fn new(number: usize, outline: Outline) -> Self {
        let Outline { event_type, description, mut schema, at, intent, data } = outline;
        schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
        schema["title"] = json!(event_type);
        let validator = jsonschema::options()
            .should_validate_formats(true)
            .build(&schema)
            .expect("the catalogue's schemas are valid, as a test proves");
        let timestamp: DateTime<Utc> = at.parse().expect("the samples' times are valid, as a test proves");
        let id = format!("evt_019a3c5e8f7b7c3e9d2a1b4c5d6e7f{number:02x}");
        let envelope = Envelope { id, event_type, timestamp, tenant: "default", intent, data: &data };
        let sample = serde_json::to_value(envelope).expect("plain data always becomes JSON");
        Self { event_type, description, schema, sample, validator }
    }

    /// Says what of `data` does not fit the schema. Nothing: all fits.
    #[must_use]
    pub fn check(&self, data: &Value) -> Vec<DataFault> {
        check::faults(&self.validator, &self.schema, data)
    }
}
