//! Which events an endpoint wants.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The type of the event an administrator sends to try an endpoint; it passes every filter.
const TEST_PING: &str = "test.ping";

/// What an endpoint asked for. Empty lists ask for everything.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Filters {
    /// Event types: exact (`call.summarised`) or a family (`call.*`).
    #[serde(default)]
    pub events: Vec<String>,
    /// Intents. Where some are listed, an event without intent does not pass.
    #[serde(default)]
    pub intents: Vec<String>,
}

impl Filters {
    /// Whether an event of this type and intent passes.
    #[must_use]
    pub fn pass(&self, event_type: &str, intent: Option<&str>) -> bool {
        if event_type == TEST_PING {
            return true;
        }
        let wanted_type = self.events.is_empty() || self.events.iter().any(|pattern| matches(pattern, event_type));
        let wanted_intent =
            self.intents.is_empty() || intent.is_some_and(|intent| self.intents.iter().any(|listed| listed == intent));
        wanted_type && wanted_intent
    }
}

/// Says what is wrong with an event pattern, or nothing.
#[must_use]
pub fn pattern_problem(pattern: &str) -> Option<&'static str> {
    let name = pattern.strip_suffix(".*").unwrap_or(pattern);
    let word = |word: &str| {
        !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-".contains(&b))
    };
    match pattern {
        "*" => Some("leave the list empty to get every event"),
        _ if pattern.len() > 100 => Some("at most 100 characters"),
        _ if name.split('.').all(word) => None,
        _ => Some("an event type such as call.summarised, or a family such as call.*"),
    }
}

fn matches(pattern: &str, event_type: &str) -> bool {
    match pattern.strip_suffix(".*") {
        Some(family) => event_type.strip_prefix(family).is_some_and(|rest| rest.starts_with('.')),
        None => pattern == event_type,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn filters(events: &[&str], intents: &[&str]) -> Filters {
        let own = |list: &[&str]| list.iter().map(ToString::to_string).collect();
        Filters { events: own(events), intents: own(intents) }
    }

    #[test]
    fn no_filter_means_all() {
        assert!(filters(&[], &[]).pass("call.summarised", None));
    }

    #[test]
    fn a_family_takes_its_members_and_nothing_that_only_begins_alike() {
        let calls = filters(&["call.*"], &[]);
        assert!(calls.pass("call.summarised", None));
        assert!(!calls.pass("callback.received", None));
        assert!(!calls.pass("call", None));
        assert!(filters(&["reminder.*"], &[]).pass("reminder.24h.sent", None));
        assert!(filters(&["reminder.24h.*"], &[]).pass("reminder.24h.sent", None));
    }

    #[test]
    fn an_event_without_intent_passes_only_where_no_intents_are_listed() {
        assert!(filters(&[], &["renewal"]).pass("call.summarised", Some("renewal")));
        assert!(!filters(&[], &["renewal"]).pass("call.summarised", Some("pricing")));
        assert!(!filters(&[], &["renewal"]).pass("call.summarised", None));
    }

    #[test]
    fn a_test_ping_passes_every_filter() {
        assert!(filters(&["call.failed"], &["renewal"]).pass("test.ping", None));
    }

    #[test]
    fn patterns_that_can_never_match_are_refused() {
        for bad in ["*", "", ".", "call.", "call.*.x", "Call.x", "call..x", ".*", "call*"] {
            assert!(pattern_problem(bad).is_some(), "{bad}");
        }
        for good in ["call.*", "call.summarised", "reminder.24h.sent", "custom.deal_won"] {
            assert!(pattern_problem(good).is_none(), "{good}");
        }
    }

    proptest! {
        #[test]
        fn a_pattern_made_of_a_type_takes_that_type(name in "[a-z]{1,8}(\\.[a-z0-9]{1,8}){1,3}") {
            prop_assert!(filters(&[&name], &[]).pass(&name, None));
            let (family, _) = name.rsplit_once('.').unwrap();
            let pattern = format!("{family}.*");
            prop_assert!(pattern_problem(&pattern).is_none());
            prop_assert!(filters(&[&pattern], &[]).pass(&name, None));
            prop_assert!(!filters(&[&pattern], &[]).pass(family, None));
        }
    }
}
