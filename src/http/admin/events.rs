//! Events: the catalogue, and the front door of the fan-out for other programs.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{IdempotencyHeader, faults::Faults};
use crate::{
    app::App,
    domain::{
        catalogue::{self, Entry, EventFault},
        contacts,
        event::{Audience, NewEvent},
        ids::EventId,
        text,
    },
    http::{
        auth::{Caller, Raiser, Reader},
        idempotency::{Begun, Once},
        problem::Problem,
    },
    notify::{self, Raised},
    telemetry::traces,
};

/// How long an id may be that another program gives an event.
const ID_LENGTH: usize = 200;

/// The events that there are.
#[derive(Debug, Serialize, ToSchema)]
pub struct CatalogueResponse {
    items: &'static [Entry],
}

#[utoipa::path(
    get, path = "/api/v1/admin/notify/events", tag = "events", operation_id = "list_event_types",
    summary = "List the types of events with their schemas and samples", security(("token" = [])),
    responses((status = 200, body = CatalogueResponse)),
)]
pub async fn list(Reader(_caller): Reader) -> Json<CatalogueResponse> {
    Json(CatalogueResponse { items: catalogue::entries() })
}

/// An event that another program raises.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RaiseEventRequest {
    /// A catalogued type, or one of your own that begins with `custom.`.
    #[serde(rename = "type")]
    #[schema(pattern = "^[a-z0-9_-]+(\\.[a-z0-9_-]+)+$", max_length = 100, example = "custom.deal_won")]
    event_type: String,
    /// Endpoints can filter by it.
    #[schema(min_length = 1, max_length = 200, example = "renewal")]
    intent: Option<String>,
    /// What it is about, such as a reservation's id: endpoints that ask for it get the events of one subject in order.
    #[schema(min_length = 1, max_length = 200, example = "deal-4711")]
    subject: Option<String>,
    /// What goes out, without e-mail addresses and phone numbers: those are replaced. A catalogued type has a schema.
    #[schema(value_type = Object, example = json!({"amount": 12000, "currency": "EUR"}))]
    data: Value,
    /// Your own id of it: the same id again is the same event.
    #[schema(min_length = 1, max_length = 200, pattern = "^[!-~]+$", example = "crm-2031-0042")]
    id: Option<String>,
}

/// Where an event goes.
#[derive(Debug, Serialize, ToSchema)]
pub struct RaisedResponse {
    #[schema(example = "evt_019a3c5e8f7b7c3e9d2a1b4c5d6e7f80")]
    event_id: String,
    /// To how many endpoints.
    endpoints: i64,
    /// Whether this id was known.
    duplicate: bool,
}

#[utoipa::path(
    post, path = "/api/v1/events", tag = "events", operation_id = "raise_event",
    summary = "Raise an event", security(("token" = [])), params(IdempotencyHeader), request_body = RaiseEventRequest,
    responses((status = 202, description = "Committed; deliveries follow", body = RaisedResponse),
              (status = 200, description = "This id was known", body = RaisedResponse)),
)]
pub async fn raise(
    State(app): State<Arc<App>>,
    Raiser(caller): Raiser,
    once: Once<RaiseEventRequest>,
) -> Result<Response, Problem> {
    let once = match once.without_key() {
        Ok(request) => {
            check(&request)?;
            return raise_alone(&app, event(&caller, request, app.clock.now())).await;
        }
        Err(once) => once,
    };
    let (request, mut creation) = match once.begin(&app, &caller, check).await? {
        Begun::New(request, creation) => (request, creation),
        Begun::Known(answer) => return Ok(answer),
    };
    let (event, now) = (event(&caller, request, creation.now), creation.now);
    match notify::raise_in(creation.db(), std::slice::from_ref(&event), now).await {
        Ok(raised) => {
            let raised = raised.first().copied().ok_or(sqlx::Error::RowNotFound)?;
            let answer = creation.finish(status(&raised), None, &RaisedResponse::from(raised)).await?;
            app.wake.now();
            Ok(answer)
        }
        // Another request with the same id was quicker by a moment.
        Err(error) if notify::told_meanwhile(&error) => {
            creation.tx.rollback().await?;
            raise_alone(&app, event).await
        }
        Err(error) => Err(error.into()),
    }
}

async fn raise_alone(app: &App, event: NewEvent) -> Result<Response, Problem> {
    let raised = app.raising.raise(event).await.map_err(Problem::unavailable)?;
    Ok((status(&raised), Json(RaisedResponse::from(raised))).into_response())
}

fn event(caller: &Caller, request: RaiseEventRequest, now: DateTime<Utc>) -> NewEvent {
    NewEvent {
        id: EventId::new(),
        tenant: caller.tenant.clone(),
        event_type: request.event_type,
        intent: request.intent,
        subject: request.subject,
        data: contacts::without_contacts(without_nul(request.data)),
        external_id: request.id,
        audience: Audience::Endpoints,
        mailboxes: Vec::new(),
        callback: None,
        run_id: None,
        trace: traces::current(),
        origin_at: now,
    }
}

fn status(raised: &Raised) -> StatusCode {
    if raised.duplicate { StatusCode::OK } else { StatusCode::ACCEPTED }
}

impl From<Raised> for RaisedResponse {
    fn from(raised: Raised) -> Self {
        let Raised { event_id, endpoints, duplicate } = raised;
        Self { event_id: event_id.to_string(), endpoints, duplicate }
    }
}

fn check(request: &RaiseEventRequest) -> Result<(), Problem> {
    let mut faults = Faults::default();
    match catalogue::check_event(&request.event_type, &request.data) {
        Ok(()) if carries_contact(&request.event_type) => faults.add("/type", "no phone number"),
        Ok(()) => {}
        Err(fault @ EventFault::UnknownType) => faults.add("/type", fault.to_string()),
        Err(EventFault::Data(wrong)) => {
            for fault in wrong {
                faults.add(format!("/data{}", fault.pointer), fault.detail);
            }
        }
    }
    if let Some(intent) = &request.intent {
        faults.check_name("/intent", intent);
        if carries_contact(intent) {
            faults.add("/intent", "no e-mail address and no phone number");
        }
    }
    if let Some(subject) = &request.subject {
        faults.check_name("/subject", subject);
        let digits = subject.bytes().all(|byte| byte.is_ascii_digit());
        if !digits && carries_contact(subject) {
            faults.add("/subject", "an id of your own, no e-mail address and no phone number");
        }
    }
    let visible = |id: &str| (1..=ID_LENGTH).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
    if request.id.as_ref().is_some_and(|id| !visible(id)) {
        faults.add("/id", "1 to 200 visible ASCII characters");
    }
    faults.finish()
}

fn carries_contact(name: &str) -> bool {
    text::without_contacts(name) != name
}

/// Drops the character NUL, which the database cannot keep, from every text and every name.
fn without_nul(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(text.replace('\0', "")),
        Value::Array(items) => items.into_iter().map(without_nul).collect(),
        Value::Object(members) => {
            members.into_iter().map(|(name, member)| (name.replace('\0', ""), without_nul(member))).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value,
    }
}
