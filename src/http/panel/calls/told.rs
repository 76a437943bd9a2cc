//! What was told of a call, and to whom: its events with their deliveries.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::{
    app::App,
    db::{
        delivery_log::{self, LogRow},
        endpoints, events,
    },
    domain::{
        delivery::DeliveryStatus,
        endpoint::EndpointChannel,
        ids::{EndpointId, EventId},
    },
    http::problem::Problem,
};

/// At most so many events and deliveries are shown; a call that was sent through many times has more.
const EVENTS: i64 = 40;
const DELIVERIES: i64 = 200;

/// An event with its deliveries.
#[derive(Debug, Serialize)]
pub struct Told {
    id: String,
    event_type: String,
    created_at: DateTime<Utc>,
    deliveries: Vec<Delivery>,
    /// Those whose endpoints filter it out.
    filtered: Vec<Delivery>,
}

/// A delivery.
#[derive(Debug, Serialize)]
struct Delivery {
    id: String,
    endpoint_name: String,
    endpoint_kind: EndpointChannel,
    status: DeliveryStatus,
    attempt_count: i32,
    last_error: Option<String>,
    duration_ms: Option<i64>,
    sent_at: Option<DateTime<Utc>>,
    next_attempt_at: Option<DateTime<Utc>>,
}

/// Lists what was told of a call, newest first.
pub async fn list(app: &App, tenant: &str, call_id: &str) -> Result<Vec<Told>, Problem> {
    let mut db = app.pool.acquire().await?;
    let events = events::call_events(&mut *db, tenant, call_id, EVENTS).await?;
    let rows = delivery_log::call_deliveries(&mut db, tenant, call_id, DELIVERIES).await?;
    let mut ids: Vec<EndpointId> = rows.iter().map(|row| row.endpoint_id).collect();
    ids.sort_unstable();
    ids.dedup();
    let labels = endpoints::find_labels(&mut *db, tenant, &ids).await?;
    let names: HashMap<_, _> = labels.into_iter().map(|label| (label.id, label.name)).collect();
    let mut deliveries: HashMap<EventId, Vec<Delivery>> = HashMap::new();
    for row in rows {
        let name = names.get(&row.endpoint_id).cloned().unwrap_or_default();
        deliveries.entry(row.event_id).or_default().push(delivery(row, name));
    }
    let told = events.into_iter().map(|event| {
        let all = deliveries.remove(&event.id).unwrap_or_default();
        let (filtered, deliveries) = all.into_iter().partition(|one| one.status == DeliveryStatus::Filtered);
        let (id, event_type, created_at) = (event.id.to_string(), event.event_type, event.created_at);
        Told { id, event_type, created_at, deliveries, filtered }
    });
    Ok(told.collect())
}

fn delivery(row: LogRow, endpoint_name: String) -> Delivery {
    Delivery {
        id: row.id.to_string(),
        endpoint_name,
        endpoint_kind: row.endpoint_kind,
        status: row.status,
        attempt_count: row.attempt_count,
        last_error: row.last_error,
        duration_ms: row.duration_ms,
        sent_at: row.sent_at,
        next_attempt_at: row.next_attempt_at,
    }
}
