//! The events about hand-offs from a machine to people, and about the times agreed for answering. Other programs raise
//! them.

use serde_json::{Value, json};

use super::{
    Outline,
    schema::{channel, count, id, link, nullable, object, some, text, time, word},
};

const PRIORITIES: [&str; 4] = ["low", "normal", "high", "urgent"];
const STATES: [&str; 4] = ["open", "assigned", "resolved", "closed"];

pub(super) fn outlines() -> [Outline; 3] {
    [opened(), breached(), cluster()]
}

fn opened() -> Outline {
    Outline {
        event_type: "handoff.opened",
        description: "A conversation needs a person. Raised by the program that leads conversations when it hands one \
                      over to people.",
        schema: object(
            "The hand-off and by when somebody has to answer.",
            [("handoff", handoff())],
            [("sla", nullable(sla())), ("summary", nullable(text("What the conversation was about so far.")))],
        ),
        at: "2031-05-06T12:00:00Z",
        intent: None,
        data: json!({
            "handoff": sample_handoff("open"),
            "sla": sample_sla(),
            "summary": "The guest asks for a table for twenty and a menu without nuts.",
        }),
    }
}

fn breached() -> Outline {
    Outline {
        event_type: "sla.breached",
        description: "A hand-off was not answered or resolved by its deadline. Raised by the program that watches \
                      deadlines, once per hand-off and target.",
        schema: object(
            "The deadline that passed and the hand-off it belongs to.",
            [
                ("sla", sla()),
                ("handoff", handoff()),
                ("breached_at", time("When the deadline was found to have passed.")),
            ],
            [("overdue_seconds", count("How long after the deadline that was.", 0))],
        ),
        at: "2031-05-06T12:15:20Z",
        intent: None,
        data: json!({
            "sla": sample_sla(),
            "handoff": sample_handoff("open"),
            "breached_at": "2031-05-06T12:15:20Z",
            "overdue_seconds": 20,
        }),
    }
}

fn cluster() -> Outline {
    let incident = object(
        "The incident.",
        [("id", id("The incident: the same while it lasts.")), ("opened_at", time("When it was opened."))],
        [
            ("status", word("Where it stands.", &["open", "closed"])),
            ("reason", nullable(text("What the breaches have in common."))),
        ],
    );
    let window = object(
        "The time in which the breaches happened.",
        [("from", time("Its beginning.")), ("until", time("Its end."))],
        [],
    );
    Outline {
        event_type: "incident.sla_cluster",
        description: "So many deadlines passed within a short time that it is no coincidence. Raised by the program that \
                      watches deadlines, once per incident.",
        schema: object(
            "The incident and the breaches it is made of.",
            [
                ("incident", incident),
                ("window", window),
                ("breach_count", count("How many deadlines passed in that time.", 1)),
                ("handoff_ids", some("The hand-offs they belong to.", &id("A hand-off."))),
            ],
            [
                ("threshold", count("From how many on it counts as an incident.", 1)),
                ("queue", nullable(text("The queue all of them wait in, if it is one."))),
            ],
        ),
        at: "2031-05-06T12:40:00Z",
        intent: None,
        data: json!({
            "incident": {"id": "inc_3021", "opened_at": "2031-05-06T12:40:00Z", "status": "open", "reason": "same_queue"},
            "window": {"from": "2031-05-06T12:10:00Z", "until": "2031-05-06T12:40:00Z"},
            "breach_count": 3,
            "handoff_ids": ["hof_88120", "hof_88124", "hof_88131"],
            "threshold": 3,
            "queue": "front_desk",
        }),
    }
}

fn handoff() -> Value {
    object(
        "The hand-off.",
        [
            ("id", id("The hand-off: the same in all its events.")),
            ("opened_at", time("When it was handed over.")),
            ("reason", text("Why a person is needed, as a word: `asked_for_person`, `not_understood`, …")),
        ],
        [
            ("status", word("Where it stands.", &STATES)),
            ("priority", word("How urgent it is.", &PRIORITIES)),
            ("channel", channel("Where the conversation takes place.")),
            ("queue", nullable(text("Who should take it."))),
            ("assignee_id", nullable(id("Who took it."))),
            ("conversation_id", nullable(id("The conversation."))),
            ("reservation_id", nullable(id("The reservation it is about."))),
            ("customer_id", nullable(id("The customer or guest, in the system that knows them."))),
            ("url", nullable(link("Where people read on."))),
        ],
    )
}

fn sla() -> Value {
    object(
        "What was agreed.",
        [("target", text("What has to happen: `first_response`, `resolution`, …")), ("deadline", time("By when."))],
        [
            ("policy_id", nullable(id("The rule it comes from."))),
            ("limit_seconds", count("How long after the hand-off the deadline is.", 0)),
        ],
    )
}

fn sample_handoff(status: &str) -> Value {
    json!({
        "id": "hof_88120",
        "opened_at": "2031-05-06T12:00:00Z",
        "reason": "asked_for_person",
        "status": status,
        "priority": "high",
        "channel": "whatsapp",
        "queue": "front_desk",
        "assignee_id": null,
        "conversation_id": "cnv_51007",
        "reservation_id": "res_20310506_001",
        "customer_id": "gst_48213",
        "url": "https://inbox.example/conversations/cnv_51007",
    })
}

fn sample_sla() -> Value {
    json!({
        "target": "first_response",
        "deadline": "2031-05-06T12:15:00Z",
        "policy_id": "pol_front_desk",
        "limit_seconds": 900,
    })
}
