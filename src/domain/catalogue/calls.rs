//! The events about calls. Their data is [`CallData`](super::super::payload::CallData).

use serde_json::{Value, json};

use super::{
    super::{event::event_type, run::Stage},
    Outline,
    schema::{between, id, list, nullable, object, own_id, text, time, whole, word},
};

pub(super) fn outlines() -> [Outline; 5] {
    [received(), summarised(), documented(), failed(), skipped()]
}

fn received() -> Outline {
    Outline {
        event_type: event_type::CALL_RECEIVED,
        description: "A call reached the service and its run begins. Raised by the service when a callback for a new call \
                      is accepted that does not say that the call is private.",
        schema: object("What is known of the call so far.", [call(), run_id()], []),
        at: "2031-05-06T09:30:12Z",
        intent: None,
        data: json!({"call": sample_call(), "run_id": SAMPLE_RUN}),
    }
}

fn summarised() -> Outline {
    Outline {
        event_type: event_type::CALL_SUMMARISED,
        description: "The summary of a call is complete and filed: the event most receivers want. Raised by the service \
                      at the end of a run; its intent says what the call was about.",
        schema: object("The call, its summary and its documents.", [call(), summary(), run_id()], [documents()]),
        at: "2031-05-06T09:31:00Z",
        intent: Some("renewal"),
        data: sample_with_summary(),
    }
}

fn documented() -> Outline {
    Outline {
        event_type: event_type::CALL_DOCUMENTED,
        description: "The summary of a call was filed in the account's folder. Raised by the service as soon as both \
                      documents are written, before it tells everyone of the summary.",
        schema: object("The call, its summary and its documents.", [call(), summary(), documents(), run_id()], []),
        at: "2031-05-06T09:30:58Z",
        intent: None,
        data: sample_with_summary(),
    }
}

fn failed() -> Outline {
    let stages = Stage::ALL.map(Stage::as_str);
    Outline {
        event_type: event_type::CALL_FAILED,
        description: "A stage of a call's run gave up; somebody has to look at the run and retry it. Raised by the \
                      service after the last try.",
        schema: object(
            "The call and where its run ended.",
            [
                call(),
                ("reason", text("Which stage failed, as a reason: `fetch_failed`, … The run's record says why.")),
                run_id(),
                ("stage", word("The stage that failed.", &stages)),
            ],
            [],
        ),
        at: "2031-05-06T11:02:40Z",
        intent: None,
        data: json!({"call": sample_call(), "reason": "summarise_failed", "run_id": SAMPLE_RUN, "stage": "summarise"}),
    }
}

fn skipped() -> Outline {
    Outline {
        event_type: event_type::CALL_SKIPPED,
        description: "A call gets no summary, because no transcript came in time. Raised by the service when it stops \
                      waiting. Private calls are on record only: nobody is told of them.",
        schema: object(
            "The call and why it was skipped.",
            [call(), ("reason", text("Why: `no_transcript`.")), run_id()],
            [],
        ),
        at: "2031-05-07T09:30:12Z",
        intent: None,
        data: json!({"call": sample_call(), "reason": "no_transcript", "run_id": SAMPLE_RUN}),
    }
}

fn call() -> (&'static str, Value) {
    let account = object(
        "The customer, once known.",
        [("name", text("The name people use."))],
        [("number", nullable(text("The number in the CRM.")))],
    );
    let call = object(
        "The call, without its people.",
        [("id", id("The source's id: up to 20 digits, so a string."))],
        [
            ("title", nullable(text("The title. E-mail addresses and phone numbers in it are hidden."))),
            ("url", nullable(text("The page of the call at the source."))),
            ("started_at", nullable(time("When the recording began."))),
            ("duration_seconds", nullable(whole("How long it lasted."))),
            ("account", nullable(account)),
        ],
    );
    ("call", call)
}

fn summary() -> (&'static str, Value) {
    let action = object(
        "A promise.",
        [("text", text("What was promised."))],
        [("owner", nullable(text("The name of whoever promised it.")))],
    );
    let summary = object(
        "What the call came to.",
        [
            ("headline", text("One line.")),
            ("text", text("A paragraph or two.")),
            ("key_points", list("What mattered, most important first.", &text("A point."))),
            ("action_items", list("Who promised what.", &action)),
            ("sentiment", between("The customer's mood, −1 (bad) to 1 (good).", -1, 1)),
            ("provider", text("Which summariser made it: `local`, `openai`, …")),
        ],
        [
            ("risks", list("What may go wrong with this customer.", &text("A risk."))),
            ("language", text("ISO 639-1 code of the language spoken, `und` if it cannot be told.")),
        ],
    );
    ("summary", summary)
}

fn documents() -> (&'static str, Value) {
    let documents = object(
        "Where the summary was filed.",
        [
            ("folder_url", text("The account's folder.")),
            ("summary_url", text("The document \"Call Summary\".")),
            ("log_url", text("The document \"Summary Log\".")),
        ],
        [],
    );
    ("documents", documents)
}

fn run_id() -> (&'static str, Value) {
    ("run_id", own_id("run", "The run of the call through the pipeline."))
}

const SAMPLE_RUN: &str = "run_019a3c5e7d107a42b8c4d1e2f3a4b5c6";

fn sample_call() -> Value {
    json!({
        "id": "9006790550947841271",
        "title": "Halden Freight / Brindlemoor - renewal review",
        "url": "https://app.gong.example/call?id=9006790550947841271",
        "started_at": "2031-05-06T08:30:00Z",
        "duration_seconds": 1188,
        "account": {"name": "Halden Freight", "number": "HF-20417"},
    })
}

fn sample_with_summary() -> Value {
    json!({
        "call": sample_call(),
        "summary": {
            "headline": "Halden Freight: renewal at risk over reliability",
            "text": "Marisol Teague spoke with Ingrid Sollenberg (customer) about the renewal of 135 seats.",
            "key_points": ["Ingrid Sollenberg asks for 25 percent off."],
            "action_items": [{"owner": "Marisol Teague", "text": "Send the written root cause by Wednesday"}],
            "risks": ["The root cause of the outage in April is still missing."],
            "sentiment": -0.54,
            "language": "en",
            "provider": "local",
        },
        "documents": {
            "folder_url": "https://drive.example/folders/halden-freight",
            "summary_url": "https://drive.example/documents/call-summary",
            "log_url": "https://drive.example/documents/summary-log",
        },
        "run_id": SAMPLE_RUN,
    })
}
