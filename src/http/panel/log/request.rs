//! What goes out, described: the place and the headers, with everything that is secret hidden.

use serde::Serialize;

use super::line::Line;
use crate::{
    db::endpoints,
    domain::{endpoint::EndpointChannel, ids::EndpointId},
    http::{
        admin::endpoints::{EndpointResponse, destination},
        panel::session::Viewer,
        problem::Problem,
    },
};

/// What a try sends. Beside it stands what the event says.
#[derive(Debug, Serialize)]
pub struct RequestShown {
    /// `POST https://…`, or to which domain a mail goes.
    pub line: String,
    /// Names and values; one that changes with each try, or is secret, is described.
    pub headers: Vec<(String, String)>,
}

/// Describes what is sent to an endpoint that still is there.
pub async fn describe(viewer: &Viewer, id: EndpointId, line: &Line) -> Result<Option<RequestShown>, Problem> {
    let Some(row) = endpoints::find_endpoint(&viewer.app.pool, viewer.tenant(), id).await? else { return Ok(None) };
    let endpoint = EndpointResponse::new(&viewer.app, row)?;
    let described = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let json = described("content-type", "application/json");
    let (place, headers) = match endpoint.kind {
        EndpointChannel::Email => (destination(endpoint.kind, &endpoint.target), Vec::new()),
        EndpointChannel::Slack => (destination(endpoint.kind, &endpoint.target), vec![json]),
        EndpointChannel::Webhook => {
            let mut headers = vec![
                json,
                described("x-event", &line.log.event_type),
                described("webhook-id", &line.log.event_id),
                described("webhook-timestamp", "[the time of the try, in seconds]"),
            ];
            if endpoint.has_secret {
                headers.push(described("webhook-signature", "[made anew for each try]"));
                headers.push(described("x-signature", "[HMAC-SHA256 of the body]"));
            }
            headers.extend(endpoint.headers);
            (endpoint.target, headers)
        }
    };
    let verb = if endpoint.kind == EndpointChannel::Email { "Mail to" } else { "POST" };
    Ok(Some(RequestShown { line: format!("{verb} {place}"), headers }))
}
