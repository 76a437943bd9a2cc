//! The events about reservations. Other programs raise them.
//!
//! A guest is named by an id of the reservation system: no address and no number of a guest belongs in here.

use serde_json::{Value, json};

use super::{
    Outline,
    schema::{anything, channel, count, flag, id, nullable, object, some, text, time, word},
};

/// Who did something.
const ACTORS: [&str; 3] = ["guest", "staff", "system"];
const STATES: [&str; 6] = ["requested", "confirmed", "seated", "completed", "cancelled", "no_show"];

pub(super) fn outlines() -> [Outline; 4] {
    [created(), modified(), cancelled(), confirmed()]
}

fn created() -> Outline {
    Outline {
        event_type: "reservation.created",
        description: "A guest has a new reservation. Raised by the reservation system when it is booked, by whoever.",
        schema: object(
            "The new reservation.",
            [("reservation", reservation())],
            [("created_by", word("Who booked.", &ACTORS)), ("channel", channel("How it was booked."))],
        ),
        at: "2031-05-02T10:14:05Z",
        intent: None,
        data: json!({"reservation": sample("requested", 4), "created_by": "guest", "channel": "whatsapp"}),
    }
}

fn modified() -> Outline {
    let change = object(
        "One change.",
        [("field", text("The member of `reservation` that changed."))],
        [("before", anything("Its value before.")), ("after", anything("Its value now."))],
    );
    Outline {
        event_type: "reservation.modified",
        description: "A reservation is another than before: its time, party or place changed. Raised by the reservation \
                      system after the change; cancelling and confirming have events of their own.",
        schema: object(
            "The reservation as it is now, and what changed.",
            [
                ("reservation", reservation()),
                ("changes", some("What changed.", &change)),
                ("modified_at", time("When it was changed.")),
            ],
            [("modified_by", word("Who changed it.", &ACTORS))],
        ),
        at: "2031-05-03T16:40:00Z",
        intent: None,
        data: json!({
            "reservation": sample("requested", 6),
            "changes": [{"field": "party_size", "before": 4, "after": 6}],
            "modified_at": "2031-05-03T16:40:00Z",
            "modified_by": "guest",
        }),
    }
}

fn cancelled() -> Outline {
    Outline {
        event_type: "reservation.cancelled",
        description: "A reservation will not take place. Raised by the reservation system when the guest or the house \
                      cancels it.",
        schema: object(
            "The reservation, and who cancelled it.",
            [
                ("reservation", reservation()),
                ("cancelled_at", time("When it was cancelled.")),
                ("cancelled_by", word("Who cancelled it.", &ACTORS)),
            ],
            [
                ("reason", nullable(text("Why, in a word or a sentence."))),
                ("late", flag("Whether that was after the last moment the house allows.")),
            ],
        ),
        at: "2031-05-05T18:05:31Z",
        intent: None,
        data: json!({
            "reservation": sample("cancelled", 6),
            "cancelled_at": "2031-05-05T18:05:31Z",
            "cancelled_by": "guest",
            "reason": "guest_is_ill",
            "late": false,
        }),
    }
}

fn confirmed() -> Outline {
    Outline {
        event_type: "reservation.confirmed",
        description: "The guest (or the house) said that a reservation will take place. Raised by the reservation system, \
                      typically after an answer to a reminder.",
        schema: object(
            "The reservation, and who confirmed it.",
            [
                ("reservation", reservation()),
                ("confirmed_at", time("When it was confirmed.")),
                ("confirmed_by", word("Who confirmed it.", &ACTORS)),
            ],
            [
                ("channel", channel("How it was confirmed.")),
                ("reminder_id", nullable(id("The reminder that was answered."))),
            ],
        ),
        at: "2031-05-05T17:42:10Z",
        intent: None,
        data: json!({
            "reservation": sample("confirmed", 6),
            "confirmed_at": "2031-05-05T17:42:10Z",
            "confirmed_by": "guest",
            "channel": "whatsapp",
            "reminder_id": "rem_20310505_117",
        }),
    }
}

/// A reservation, as every event about it shows it.
pub(super) fn reservation() -> Value {
    let venue = object(
        "Where it is.",
        [("id", id("The house, in the reservation system."))],
        [
            ("name", text("The name of the house.")),
            ("time_zone", text("Its time zone by its IANA name, such as `Europe/Madrid`.")),
        ],
    );
    let guest = object(
        "Who booked, without a way to reach them.",
        [("id", id("The guest, in the reservation system."))],
        [
            ("name", nullable(text("What to call the guest."))),
            ("language", nullable(text("ISO 639-1 code of the language the guest prefers."))),
        ],
    );
    object(
        "The reservation.",
        [
            ("id", id("The reservation: the same in all its events.")),
            ("status", word("Where it stands.", &STATES)),
            ("starts_at", time("The time it is for.")),
            ("party_size", count("How many people.", 1)),
        ],
        [
            ("code", nullable(text("What the guest calls it by."))),
            ("ends_at", nullable(time("Until when the table is kept."))),
            ("venue", venue),
            ("guest", nullable(guest)),
            ("area", nullable(text("Table, room or terrace."))),
            ("note", nullable(text("What the guest asked for."))),
        ],
    )
}

/// The reservation of the samples.
pub(super) fn sample(status: &str, party_size: u32) -> Value {
    json!({
        "id": "res_20310506_001",
        "code": "K7QX",
        "status": status,
        "starts_at": "2031-05-06T19:30:00+02:00",
        "ends_at": "2031-05-06T21:30:00+02:00",
        "party_size": party_size,
        "venue": {"id": "ven_harbour", "name": "Harbour House", "time_zone": "Europe/Madrid"},
        "guest": {"id": "gst_48213", "name": "Ingrid", "language": "es"},
        "area": "terrace",
        "note": null,
    })
}
