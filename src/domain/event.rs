//! Facts that happened.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::{
    ids::{EndpointId, EventId, RunId, SourceId},
    trace::Trace,
};

/// The names of the events this service raises itself (INTERFACE §6).
pub mod event_type {
    /// A callback was accepted.
    pub const CALL_RECEIVED: &str = "call.received";
    /// A summary was made and published.
    pub const CALL_SUMMARISED: &str = "call.summarised";
    /// The summary was filed.
    pub const CALL_DOCUMENTED: &str = "call.documented";
    /// A stage gave up.
    pub const CALL_FAILED: &str = "call.failed";
    /// A call must not or cannot be published.
    pub const CALL_SKIPPED: &str = "call.skipped";
    /// The service disabled an endpoint.
    pub const ENDPOINT_DISABLED: &str = "endpoint.disabled";
    /// A failing endpoint works again.
    pub const ENDPOINT_RECOVERED: &str = "endpoint.recovered";
    /// An administrator tests an endpoint.
    pub const TEST_PING: &str = "test.ping";
    /// Gong's "Test now": on record, starts nothing, goes to nobody.
    pub const CALLBACK_TEST: &str = "callback.test";
}

/// Who an event may go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Every enabled endpoint of the tenant; its filters decide.
    Endpoints,
    /// On record only: nothing of a private call leaves the house.
    Nobody,
}

/// An event about to be recorded.
#[derive(Debug, Clone)]
pub struct NewEvent {
    /// Its id, also the `webhook-id` of every delivery of it.
    pub id: EventId,
    /// Whose it is.
    pub tenant: String,
    /// Its type, such as `call.summarised`.
    pub event_type: String,
    /// The intent, if it has one: endpoints can filter by it.
    pub intent: Option<String>,
    /// What it is about, such as the call's id.
    pub subject: Option<String>,
    /// What goes out.
    pub data: Value,
    /// The id that another program gave it: the same id again is the same event.
    pub external_id: Option<String>,
    /// Who may get it.
    pub audience: Audience,
    /// Mailboxes that get it beside those who asked for it.
    pub mailboxes: Vec<EndpointId>,
    /// The inbound callback that told us, as it came.
    pub callback: Option<(SourceId, Vec<u8>)>,
    /// The run it belongs to.
    pub run_id: Option<RunId>,
    /// Where in the trace of its cause it was raised.
    pub trace: Trace,
    /// When the cause reached us.
    pub origin_at: DateTime<Utc>,
}
