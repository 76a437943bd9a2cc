//! Prepares summaries of pieces for being made into one: as lines of JSON, in groups that fit a budget.

use std::ops::Range;

use crate::domain::{summary::Summary, text};
use serde_json::json;

use super::fence::harmless;

/// What stands between two rows.
const SEPARATOR: usize = 1;

/// The summaries as rows of JSON. None is longer than half of `room`, so two always fit into it.
pub(super) fn rows(partials: &[Summary], room: usize) -> Vec<String> {
    let most = room.saturating_sub(SEPARATOR) / 2;
    partials.iter().map(|partial| row(partial.clone(), most)).collect()
}

/// Which neighbours go together. Every group but the last has two rows or more, so there are fewer groups than rows.
pub(super) fn groups(rows: &[String], room: usize) -> Vec<Range<usize>> {
    let mut groups: Vec<Range<usize>> = Vec::new();
    let mut used = 0;
    for (index, row) in rows.iter().enumerate() {
        match groups.last_mut() {
            Some(group) if used + SEPARATOR + row.len() <= room => {
                group.end = index + 1;
                used += SEPARATOR + row.len();
            }
            _ => {
                groups.push(index..index + 1);
                used = row.len();
            }
        }
    }
    groups
}

/// One summary on one line. It is cut only where it is larger than half of a whole budget, which takes a tiny budget:
/// the last items of the longest list go first, since the most important ones stand first.
fn row(mut summary: Summary, most: usize) -> String {
    loop {
        let row = json_line(&summary);
        if row.len() <= most || !shrink(&mut summary) {
            return row;
        }
    }
}

fn json_line(summary: &Summary) -> String {
    let tasks: Vec<_> =
        summary.action_items.iter().map(|item| json!({"owner": item.owner, "text": item.text})).collect();
    let row = json!({
        "headline": summary.headline,
        "text": summary.text,
        "key_points": summary.key_points,
        "action_items": tasks,
        "risks": summary.risks,
        "intent": summary.intent,
        "sentiment": summary.sentiment,
        "language": summary.language,
    });
    harmless(&row.to_string())
}

/// Takes something away; `false` when nothing is left to take.
fn shrink(summary: &mut Summary) -> bool {
    let longest = summary.key_points.len().max(summary.action_items.len()).max(summary.risks.len());
    if longest == 0 {
        return shorten_prose(summary);
    }
    if summary.key_points.len() == longest {
        summary.key_points.pop();
    } else if summary.risks.len() == longest {
        summary.risks.pop();
    } else {
        summary.action_items.pop();
    }
    true
}

/// Halves the longer of text and headline.
fn shorten_prose(summary: &mut Summary) -> bool {
    let prose = if summary.text.len() >= summary.headline.len() { &mut summary.text } else { &mut summary.headline };
    let length = prose.chars().count();
    *prose = text::shorten(prose, length / 2);
    length > 1
}

#[cfg(test)]
mod tests {
    use crate::domain::summary::ActionItem;
    use proptest::prelude::*;

    use super::*;

    fn summary(points: usize, words: usize) -> Summary {
        Summary {
            headline: "\u{1f980}".repeat(160),
            text: "word\" ".repeat(words),
            key_points: vec!["A point that was made.".to_owned(); points],
            action_items: vec![ActionItem { owner: None, text: "Send <it>".to_owned() }; points],
            risks: Vec::new(),
            intent: None,
            sentiment: 0.5,
            language: "en".to_owned(),
            provider: "openai".to_owned(),
        }
    }

    #[test]
    fn what_fits_is_not_cut_and_goes_into_one_group() {
        let rows = rows(&[summary(2, 3), summary(1, 1), summary(0, 2)], 10_000);
        assert!(
            rows[0].matches("A point").count() == 2 && rows[0].contains("Send ‹it›") && !rows[0].contains("openai")
        );
        assert_eq!(groups(&rows, 10_000).first(), Some(&(0..3)));
    }

    proptest! {
        #[test]
        fn groups_fit_keep_the_order_and_are_fewer_than_the_rows(
            sizes in proptest::collection::vec((0usize..15, 0usize..400), 2..30), room in 700usize..4000,
        ) {
            let partials: Vec<Summary> = sizes.iter().map(|&(points, words)| summary(points, words)).collect();
            let rows = rows(&partials, room);
            let groups = groups(&rows, room);
            prop_assert!(groups.len() < rows.len());
            let mut next = 0;
            for group in groups {
                prop_assert_eq!(group.start, next);
                prop_assert!(rows[group.clone()].join("\n").len() <= room);
                next = group.end;
            }
            prop_assert_eq!(next, rows.len());
        }
    }
}
