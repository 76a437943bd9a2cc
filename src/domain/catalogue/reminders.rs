//! The events about reminders of reservations. Other programs raise them.

use serde_json::{Value, json};

use super::{
    Outline,
    reservations::{reservation, sample},
    schema::{channel, count, flag, id, nullable, object, text, time},
};

pub(super) fn outlines() -> [Outline; 3] {
    [day_before(), hours_before(), no_show()]
}

fn day_before() -> Outline {
    Outline {
        event_type: "reminder.24h.sent",
        description: "The reminder that is due 24 hours before a reservation was sent to the guest. Raised by the \
                      program that sends reminders, once per reservation and time.",
        schema: reminded(),
        at: "2031-05-05T17:30:00Z",
        intent: None,
        data: json!({
            "reservation": sample("requested", 6),
            "reminder": sample_reminder("rem_20310505_117", "reminder_24h", "2031-05-05T17:30:00Z", true),
        }),
    }
}

fn hours_before() -> Outline {
    Outline {
        event_type: "reminder.2h.sent",
        description: "The reminder that is due 2 hours before a reservation was sent to the guest. Raised by the program \
                      that sends reminders, once per reservation and time.",
        schema: reminded(),
        at: "2031-05-06T15:30:00Z",
        intent: None,
        data: json!({
            "reservation": sample("confirmed", 6),
            "reminder": sample_reminder("rem_20310506_042", "reminder_2h", "2031-05-06T15:30:00Z", false),
        }),
    }
}

fn no_show() -> Outline {
    Outline {
        event_type: "reminder.no_show",
        description: "The time of a reservation and the grace after it passed, and the guest did not come. Raised by the \
                      program that sends reminders, so that somebody follows up.",
        schema: object(
            "The reservation nobody came to.",
            [("reservation", reservation()), ("noticed_at", time("When it was noticed."))],
            [
                ("grace_minutes", count("How long after the time it still counts as coming.", 0)),
                ("was_confirmed", flag("Whether the guest had confirmed.")),
                ("last_reminder_id", nullable(id("The last reminder that was sent."))),
            ],
        ),
        at: "2031-05-06T17:45:00Z",
        intent: None,
        data: json!({
            "reservation": sample("no_show", 6),
            "noticed_at": "2031-05-06T17:45:00Z",
            "grace_minutes": 15,
            "was_confirmed": true,
            "last_reminder_id": "rem_20310506_042",
        }),
    }
}

fn reminded() -> Value {
    let reminder = object(
        "The reminder.",
        [("id", id("The reminder.")), ("sent_at", time("When it was sent.")), ("channel", channel("How it was sent."))],
        [
            ("template", nullable(text("The name of the template."))),
            ("language", nullable(text("ISO 639-1 code of the language it was sent in."))),
            ("message_id", nullable(id("The message, where it was sent through."))),
            ("asks_to_confirm", flag("Whether the guest was asked to confirm.")),
        ],
    );
    object("The reservation and the reminder of it.", [("reservation", reservation()), ("reminder", reminder)], [])
}

fn sample_reminder(id: &str, template: &str, sent_at: &str, asks_to_confirm: bool) -> Value {
    json!({
        "id": id,
        "sent_at": sent_at,
        "channel": "whatsapp",
        "template": template,
        "language": "es",
        "message_id": format!("msg_{id}"),
        "asks_to_confirm": asks_to_confirm,
    })
}
