//! The catalogue of events as a form offers it: family by family, with what each event means.

use serde::Serialize;

use crate::domain::{catalogue, event::event_type, filter::Filters};

/// Events whose types begin alike.
#[derive(Debug, Serialize)]
pub struct Family {
    /// What people call them.
    title: String,
    /// What asks for all of them, also those that are still to come.
    pattern: String,
    /// Whether that is asked for.
    ticked: bool,
    /// Whether any of it is.
    wanted: bool,
    events: Vec<Choice>,
}

#[derive(Debug, Serialize)]
struct Choice {
    name: &'static str,
    meaning: &'static str,
    ticked: bool,
}

/// All families, with what is asked for ticked.
pub fn families(asked: &[String]) -> Vec<Family> {
    let is_asked = |pattern: &str| asked.iter().any(|one| one == pattern);
    let mut families: Vec<Family> = Vec::new();
    for entry in offered() {
        let pattern = family_of(entry.event_type);
        let choice = Choice { name: entry.event_type, meaning: entry.description, ticked: is_asked(entry.event_type) };
        match families.iter_mut().find(|family| family.pattern == pattern) {
            Some(family) => family.events.push(choice),
            None => families.push(Family {
                title: title(&pattern),
                ticked: is_asked(&pattern),
                wanted: false,
                events: vec![choice],
                pattern,
            }),
        }
    }
    for family in &mut families {
        family.wanted = family.ticked || family.events.iter().any(|event| event.ticked);
    }
    families
}

/// What is asked for and cannot be ticked.
pub fn others(asked: &[String]) -> Vec<&str> {
    let can_be_ticked =
        |one: &str| offered().any(|entry| entry.event_type == one || family_of(entry.event_type) == one);
    asked.iter().map(String::as_str).filter(|one| !can_be_ticked(one)).collect()
}

/// Leaves out what a family that is asked for includes.
pub fn without_repeats(asked: Vec<String>) -> Vec<String> {
    let families: Vec<String> = asked.iter().filter(|one| one.ends_with(".*")).cloned().collect();
    let is_included = |one: &str| {
        let others = families.iter().filter(|family| *family != one).cloned().collect();
        let others = Filters { events: others, intents: Vec::new() };
        !others.events.is_empty() && others.pass(one, None)
    };
    let mut kept: Vec<String> = Vec::with_capacity(asked.len());
    for one in asked {
        if !is_included(&one) && !kept.contains(&one) {
            kept.push(one);
        }
    }
    kept
}

/// A test is sent to whoever is tested: nobody asks for it.
fn offered() -> impl Iterator<Item = &'static catalogue::Entry> {
    catalogue::entries().iter().filter(|entry| entry.event_type != event_type::TEST_PING)
}

fn family_of(event_type: &str) -> String {
    format!("{}.*", event_type.split('.').next().unwrap_or(event_type))
}

fn title(pattern: &str) -> String {
    let known = match pattern {
        "call.*" => "Calls",
        "endpoint.*" => "Endpoints",
        "reservation.*" => "Reservations",
        "reminder.*" => "Reminders",
        "handoff.*" => "Hand-offs",
        "sla.*" => "Deadlines",
        "incident.*" => "Incidents",
        other => other,
    };
    known.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(list: &[&str]) -> Vec<String> {
        list.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_event_of_the_catalogue_can_be_ticked_but_the_test() {
        let offered: usize = families(&[]).iter().map(|family| family.events.len()).sum();
        assert_eq!(offered, catalogue::entries().len() - 1);
        assert!(families(&[]).iter().all(|family| !family.title.contains('*')), "a family without a name");
    }

    #[test]
    fn what_cannot_be_ticked_is_left_to_be_written() {
        let asked = own(&["call.*", "custom.deal_won", "sla.breached", "reminder.24h.*", "test.ping"]);
        assert_eq!(others(&asked), ["custom.deal_won", "reminder.24h.*", "test.ping"]);
    }

    #[test]
    fn a_family_includes_its_members() {
        let asked = own(&["call.*", "call.failed", "sla.breached", "sla.breached", "reminder.24h.*", "reminder.*"]);
        assert_eq!(without_repeats(asked), ["call.*", "sla.breached", "reminder.*"]);
        assert_eq!(without_repeats(own(&["test.ping", "call.failed"])), ["test.ping", "call.failed"]);
    }
}
