//! The events about the service's own endpoints.

use serde_json::{Value, json};

use super::{
    super::{
        endpoint::disabled_reason::{FAILING, GONE},
        event::event_type,
    },
    Outline,
    schema::{nullable, object, own_id, text, word},
};

pub(super) fn outlines() -> [Outline; 3] {
    [disabled(), recovered(), ping()]
}

fn disabled() -> Outline {
    Outline {
        event_type: event_type::ENDPOINT_DISABLED,
        description: "The service disabled an endpoint by itself, because its receiver answered 410 Gone or did nothing \
                      but fail for five days. Raised by the service for the other endpoints of the tenant.",
        schema: object(
            "The endpoint and why it was disabled.",
            [endpoint_id("The endpoint that was disabled."), ("reason", word("Why.", &[GONE, FAILING]))],
            [],
        ),
        at: "2031-05-06T14:00:00Z",
        intent: None,
        data: json!({"endpoint_id": SAMPLE_ENDPOINT, "reason": FAILING}),
    }
}

fn recovered() -> Outline {
    Outline {
        event_type: event_type::ENDPOINT_RECOVERED,
        description: "An endpoint works again after three failures in a row or more. Raised by the service when a \
                      delivery to it succeeds.",
        schema: object(
            "The endpoint.",
            [endpoint_id("The endpoint that works again.")],
            [("reason", nullable(text("Always null.")))],
        ),
        at: "2031-05-06T14:20:00Z",
        intent: None,
        data: json!({"endpoint_id": SAMPLE_ENDPOINT, "reason": null}),
    }
}

fn ping() -> Outline {
    Outline {
        event_type: event_type::TEST_PING,
        description: "An administrator tests an endpoint. Raised by the service for that endpoint alone, whatever its \
                      filters, and sent once.",
        schema: object(
            "The endpoint and a greeting.",
            [endpoint_id("The endpoint that is tested."), ("message", text("A sentence for people."))],
            [],
        ),
        at: "2031-05-06T09:00:00Z",
        intent: None,
        data: json!({"endpoint_id": SAMPLE_ENDPOINT, "message": "This is a test from aftercall."}),
    }
}

fn endpoint_id(description: &str) -> (&'static str, Value) {
    ("endpoint_id", own_id("ep", description))
}

const SAMPLE_ENDPOINT: &str = "ep_019a3c5e6c0f7911a7b3c0d1e2f3a4b5";
