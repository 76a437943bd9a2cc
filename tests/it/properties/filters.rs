//! Filters of endpoints: an event's type, its intent, then patterns and intents in turn, one a line.

use aftercall::domain::filter::{Filters, pattern_problem};

use super::{fields, given};

/// A filter is what its entries say one by one, a pattern that is taken can match, and one that is refused says why.
pub fn hold(data: &[u8]) {
    let Some(([event_type, intent], rest)) = fields(data) else { return };
    let Ok(rest) = std::str::from_utf8(rest) else { return };
    let lines: Vec<String> = rest.lines().map(str::to_owned).collect();
    let every_other = |skip: usize| lines.iter().skip(skip).step_by(2).cloned().collect::<Vec<String>>();
    let filters = Filters { events: every_other(0), intents: every_other(1) };
    let intent = given(intent);

    let alone = |pattern: &String| Filters { events: vec![pattern.clone()], intents: Vec::new() };
    let wanted = filters.events.iter().any(|pattern| alone(pattern).pass(event_type, None));
    let meant = intent.is_some_and(|intent| filters.intents.iter().any(|listed| listed == intent));
    let expected = (filters.events.is_empty() || wanted) && (filters.intents.is_empty() || meant);
    assert_eq!(filters.pass(event_type, intent), expected || event_type == "test.ping");

    for pattern in &filters.events {
        if pattern_problem(pattern).is_some_and(|why| !why.is_empty()) {
            continue;
        }
        let family = pattern.strip_suffix(".*");
        let member = family.map_or_else(|| pattern.clone(), |family| format!("{family}.member"));
        assert!(alone(pattern).pass(&member, None), "{pattern} matches nothing");
        assert!(!alone(pattern).pass(&format!("x{member}"), None), "{pattern} matches what only ends alike");
        assert!(family.is_none_or(|family| family == "test.ping" || !alone(pattern).pass(family, None)));
    }
    let written = serde_json::to_value(&filters).expect("JSON");
    assert_eq!(serde_json::from_value::<Filters>(written).expect("as it was written"), filters);
}
