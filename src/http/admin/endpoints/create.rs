//! `POST …/endpoints`.

use std::{collections::BTreeMap, sync::Arc};

use axum::{extract::State, response::Response};
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    EndpointResponse,
    fields::{Fields, pace, secret_fault},
};
use crate::{
    app::App,
    db::{
        endpoints::{self, NewEndpoint},
        paces,
    },
    domain::{
        endpoint::{EndpointChannel, EndpointSecrets},
        filter::Filters,
        ids::EndpointId,
        signature,
    },
    http::{
        admin::{
            IdempotencyHeader, audit,
            read::{object, whole, word},
        },
        auth::Admin,
        idempotency::{Begun, Once},
        problem::{Problem, ProblemKind},
    },
    notify,
};

/// A new endpoint.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateEndpointRequest {
    #[serde(deserialize_with = "word")]
    kind: EndpointChannel,
    /// What people call it; the kind, if left out.
    #[schema(min_length = 1, max_length = 200, example = "CRM")]
    name: Option<String>,
    /// The URL, or the mailbox.
    #[schema(min_length = 1, max_length = 2000, example = "https://crm.example.com/hooks/aftercall")]
    target: String,
    /// Whether it takes deliveries from the start.
    #[serde(default = "yes")]
    enabled: bool,
    /// What it wants; nothing listed means everything.
    #[serde(default, deserialize_with = "object")]
    filters: Filters,
    /// What webhooks are signed with; made when null. After `whsec_` comes base64, padded, of 24 bytes or more.
    #[schema(min_length = 16, max_length = 256)]
    secret: Option<String>,
    /// Headers added to each webhook.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// No more than so many in any 60 seconds, whichever replica sends; waiting costs no retry.
    #[serde(default, deserialize_with = "whole")]
    #[schema(minimum = 1, maximum = 60_000)]
    rate_limit_per_minute: Option<i32>,
    /// Whether events of one subject arrive one after the other, in their order.
    #[serde(default)]
    ordered: bool,
}

const fn yes() -> bool {
    true
}

#[utoipa::path(
    post, path = "/api/v1/admin/notify/endpoints", tag = "endpoints", operation_id = "create_endpoint",
    summary = "Create an endpoint", security(("token" = [])), params(IdempotencyHeader),
    request_body = CreateEndpointRequest,
    responses((status = 201, description = "Created; the secret is shown this once", body = EndpointResponse)),
)]
pub async fn create(
    State(app): State<Arc<App>>,
    Admin(caller): Admin,
    once: Once<CreateEndpointRequest>,
) -> Result<Response, Problem> {
    let (request, mut creation) = match once.begin(&app, &caller, |request| check(&app, request)).await? {
        Begun::New(request, creation) => (request, creation),
        Begun::Known(answer) => return Ok(answer),
    };
    let id = EndpointId::new();
    let secret = match request.kind {
        EndpointChannel::Webhook => Some(request.secret.unwrap_or_else(signature::generate_secret)),
        EndpointChannel::Slack | EndpointChannel::Email => None,
    };
    let secrets =
        EndpointSecrets { target: request.target, secret: secret.clone(), previous: None, headers: request.headers };
    let endpoint = NewEndpoint {
        id,
        tenant: &caller.tenant,
        kind: request.kind,
        name: request.name.as_deref().unwrap_or(request.kind.as_str()),
        sealed: &notify::seal(&app.key_ring, id, &secrets),
        has_secret: secret.is_some(),
        enabled: request.enabled,
        filters: &request.filters,
        rate_limit_per_minute: request.rate_limit_per_minute,
        ordered: request.ordered,
    };
    let now = creation.now;
    endpoints::insert_endpoint(creation.db(), &endpoint, now).await?;
    let pace = pace(request.kind, request.rate_limit_per_minute);
    paces::set_pace(creation.db(), &caller.tenant, Some(id), pace).await?;
    let row = endpoints::find_endpoint(creation.db(), &caller.tenant, id).await?.ok_or(ProblemKind::Internal)?;
    let mut response = EndpointResponse::opened(row, secrets);
    audit(creation.db(), &caller, "endpoint.create", id, None, Some(response.for_audit()), now).await?;
    response.secret = secret;
    creation.finish(StatusCode::CREATED, Some(format!("/api/v1/admin/notify/endpoints/{id}")), &response).await
}

fn check(app: &App, request: &CreateEndpointRequest) -> Result<(), Problem> {
    let fields = Fields {
        kind: request.kind,
        name: request.name.as_deref().unwrap_or(request.kind.as_str()),
        target: &request.target,
        filters: &request.filters,
        headers: &request.headers,
        rate_limit_per_minute: request.rate_limit_per_minute,
    };
    let mut faults = fields.faults(app);
    faults.extend(request.secret.as_ref().and_then(|secret| secret_fault(request.kind, secret)));
    faults.finish()
}
