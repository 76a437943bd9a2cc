//! What people read, of the long bundled conversation.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use aftercall::{
    clients::{egress::Egress, http::SenderContext, mail::Mailer},
    config::Config,
    db::deliveries::StoredDelivery,
    domain::{
        call::Call,
        clock::Clock,
        endpoint::{EndpointChannel, EndpointSecrets},
        ids::{DeliveryId, EndpointId, EventId, RunId},
        keyring::KeyRing,
        notice::{self, Notice},
        payload::{CallData, SummaryFacts},
        summary::Summary,
    },
    notify::{Channels, seal},
    templates::{DocumentEntry, DocumentForm, Templates},
};
use chrono::DateTime;
use divan::Bencher;
use serde_json::Value;

use crate::summariser::long_call;

#[divan::bench(args = [DocumentForm::Markdown, DocumentForm::Html])]
fn document(bencher: Bencher<'_, '_>, form: DocumentForm) {
    let ((call, summary), templates) = (long_call(), Templates::embedded());
    let entry = entry(&call, &summary);
    bencher.bench(|| templates.call_summary(form, "Halden Freight", &entry, &summary).expect("renders"));
}

#[divan::bench]
fn log_entry(bencher: Bencher<'_, '_>) {
    let ((call, summary), templates) = (long_call(), Templates::embedded());
    let entry = entry(&call, &summary);
    bencher.bench(|| templates.log_entry(DocumentForm::Markdown, &entry, &summary).expect("renders"));
}

#[divan::bench]
fn payload(bencher: Bencher<'_, '_>) {
    let (call, summary) = long_call();
    bencher.bench(|| data(&call, &summary));
}

#[divan::bench]
fn mail(bencher: Bencher<'_, '_>) {
    let ((call, summary), templates) = (long_call(), Templates::embedded());
    let data = data(&call, &summary);
    bencher.bench(|| templates.notice_mail(&Notice::of("call.summarised", "evt_1", &data)).expect("renders"));
}

/// Opening the endpoint's secrets, the request, and telling it: what the panel does; sending does less.
#[divan::bench(args = [EndpointChannel::Slack, EndpointChannel::Email, EndpointChannel::Webhook])]
fn delivery_told(bencher: Bencher<'_, '_>, kind: EndpointChannel) {
    let (call, summary) = long_call();
    let channels = channels();
    let target = match kind {
        EndpointChannel::Slack => "https://hooks.slack.example/services/T0/B0/x",
        EndpointChannel::Email => "sales@brindlemoor.example",
        EndpointChannel::Webhook => "https://crm.example/hook",
    };
    let secret = Some("a secret".to_owned());
    let secrets = EndpointSecrets { target: target.to_owned(), secret, previous: None, headers: BTreeMap::new() };
    let (endpoint_id, now) = (EndpointId::new(), channels.clock.now());
    let delivery = StoredDelivery {
        id: DeliveryId::new(),
        tenant: "default".to_owned(),
        endpoint_id,
        kind,
        sealed: seal(&channels.key_ring, endpoint_id, &secrets),
        endpoint_updated_at: now,
        event_id: EventId::new(),
        event_type: "call.summarised".to_owned(),
        intent: summary.intent.clone(),
        data: data(&call, &summary),
        event_created_at: now,
    };
    bencher.bench(|| channels.describe(&delivery, now).expect("a request"));
}

fn data(call: &Call, summary: &Summary) -> Value {
    let mut data = CallData::new(call, call.crm_account.as_ref(), RunId::from(uuid::Uuid::nil()));
    data.summary = Some(SummaryFacts::from(summary));
    data.to_value()
}

fn entry(call: &Call, summary: &Summary) -> DocumentEntry {
    DocumentEntry {
        call_id: call.id.clone(),
        date: call.started_at.map(notice::date).unwrap_or_default(),
        title: call.title.clone(),
        duration: call.duration_seconds.map(notice::minutes),
        mood: notice::mood(summary.sentiment),
        intent: summary.intent.clone(),
        url: call.url.clone(),
    }
}

fn channels() -> Channels {
    let config = Config::from_vars(HashMap::new()).expect("a configuration");
    let clock = Clock::manual(DateTime::UNIX_EPOCH);
    let context = SenderContext { extra_ca: Vec::new(), clock: clock.clone(), count: Arc::new(|_, _| {}) };
    Channels {
        egress: Egress::new(&config.egress).expect("trust roots"),
        mailer: Mailer::new(&config.mail, &context, "outbox".into()).expect("files"),
        templates: Arc::new(Templates::embedded()),
        key_ring: KeyRing::parse(&KeyRing::generate()).expect("a key"),
        clock,
        timeout: Duration::from_secs(15),
    }
}
