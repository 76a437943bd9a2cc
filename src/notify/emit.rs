//! Records events and decides where they go.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    db::{
        deliveries::{self, NewDelivery},
        endpoints, events,
    },
    domain::{
        event::{Audience, NewEvent},
        filter::Filters,
        ids::{DeliveryId, EndpointId},
    },
};

/// How far an event goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Emitted {
    /// How many endpoints asked for it.
    pub endpoints: usize,
}

/// Records events, and for each of them one delivery per enabled endpoint of its tenant: `pending` where the endpoint's
/// filters let it pass, `filtered` elsewhere, and one per mailbox that the event names. All of it commits with the
/// caller's transaction, or none.
pub async fn emit(tx: &mut PgConnection, new: &[NewEvent], now: DateTime<Utc>) -> sqlx::Result<Vec<Emitted>> {
    if new.is_empty() {
        return Ok(Vec::new());
    }
    events::insert_events(tx, &new.iter().collect::<Vec<_>>(), now).await?;
    let public = |event: &&NewEvent| event.audience == Audience::Endpoints;
    let tenants: BTreeSet<String> = new.iter().filter(public).map(|event| event.tenant.clone()).collect();
    let subscribers = if tenants.is_empty() {
        Vec::new()
    } else {
        endpoints::list_subscribers(&mut *tx, &tenants.into_iter().collect::<Vec<_>>()).await?
    };
    let filters: Vec<Filters> = subscribers
        .iter()
        .map(|endpoint| Filters { events: endpoint.filter_events.clone(), intents: endpoint.filter_intents.clone() })
        .collect();
    let mailboxes: Vec<Uuid> =
        new.iter().filter(public).flat_map(|event| event.mailboxes.iter().map(|id| id.uuid())).collect();
    let mailboxes =
        if mailboxes.is_empty() { Vec::new() } else { endpoints::list_enabled(&mut *tx, &mailboxes).await? };
    let mut decided = Vec::new();
    let mut emitted = Vec::with_capacity(new.len());
    for event in new {
        let before = decided.len();
        if public(&event) {
            let audience = subscribers.iter().zip(&filters).filter(|(endpoint, _)| endpoint.tenant == event.tenant);
            decided.extend(audience.map(|(endpoint, filters)| {
                let wanted = filters.pass(&event.event_type, event.intent.as_deref());
                decision(event, endpoint.id, wanted, endpoint.ordered, now)
            }));
            let mailboxes = event.mailboxes.iter().filter(|id| mailboxes.contains(id));
            decided.extend(mailboxes.map(|id| decision(event, *id, true, false, now)));
        }
        emitted.push(Emitted { endpoints: decided[before..].iter().filter(|delivery| delivery.wanted).count() });
    }
    if !decided.is_empty() {
        deliveries::insert_deliveries(tx, &decided, now).await?;
    }
    Ok(emitted)
}

fn decision(
    event: &NewEvent,
    endpoint_id: EndpointId,
    wanted: bool,
    ordered: bool,
    now: DateTime<Utc>,
) -> NewDelivery<'_> {
    NewDelivery {
        id: DeliveryId::at(now),
        tenant: &event.tenant,
        event_id: event.id,
        endpoint_id,
        event_type: &event.event_type,
        intent: event.intent.as_deref(),
        subject: event.subject.as_deref(),
        wanted,
        ordered,
    }
}
