//! Records events and decides where they go.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use crate::{
    db::{
        deliveries::{self, NewDelivery},
        endpoints, events,
    },
    domain::{
        event::{Audience, NewEvent},
        filter::Filters,
        ids::DeliveryId,
    },
};

/// How far an event goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Emitted {
    /// How many endpoints asked for it.
    pub endpoints: usize,
}

/// Records events, and for each of them one delivery per enabled endpoint of its tenant: `pending` where the endpoint's
/// filters let it pass, `filtered` elsewhere. All of it commits with the caller's transaction, or none.
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
    let mut decided = Vec::new();
    let mut emitted = Vec::with_capacity(new.len());
    for event in new {
        let mut wanted_by = 0;
        let audience = subscribers
            .iter()
            .zip(&filters)
            .filter(|(endpoint, _)| event.audience == Audience::Endpoints && endpoint.tenant == event.tenant);
        for (endpoint, filters) in audience {
            let wanted = filters.pass(&event.event_type, event.intent.as_deref());
            wanted_by += usize::from(wanted);
            decided.push(NewDelivery {
                id: DeliveryId::new(),
                tenant: &event.tenant,
                event_id: event.id,
                endpoint_id: endpoint.id,
                event_type: &event.event_type,
                intent: event.intent.as_deref(),
                subject: event.subject.as_deref(),
                wanted,
            });
        }
        emitted.push(Emitted { endpoints: wanted_by });
    }
    if !decided.is_empty() {
        deliveries::insert_deliveries(tx, &decided, now).await?;
    }
    Ok(emitted)
}
