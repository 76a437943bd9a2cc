//! Sending again all that failed of an endpoint: first how much that is, then, when it is confirmed, doing it.

use axum::{extract::State, response::Response};
use chrono::{DateTime, DurationRound, SecondsFormat, TimeDelta, Utc};
use minijinja::{Value, context};

use super::{choices, filter};
use crate::{
    db::endpoints,
    domain::ids::EndpointId,
    http::{
        admin::endpoints::send::{self as api, RecoverRequest},
        auth::Admin,
        extract::{Json, PathId, moment},
        panel::{asked::Asked, form::Change, session::Viewer},
        problem::{Problem, ProblemKind},
    },
};

/// How far back is looked unless it is said.
const USUAL: TimeDelta = TimeDelta::hours(24);

/// What shall be sent again.
struct Wanted {
    endpoint: EndpointId,
    since: DateTime<Utc>,
    include_sent: bool,
}

impl Wanted {
    fn request(&self, dry_run: bool) -> Json<RecoverRequest> {
        Json(RecoverRequest { since: self.since, dry_run, include_sent: self.include_sent })
    }
}

/// Counts what would be sent again: nothing happens yet.
pub async fn count(viewer: Viewer) -> Result<Response, Problem> {
    if !viewer.may_change() {
        return Err(Problem::new(ProblemKind::Forbidden, "sending again takes a token of role admin"));
    }
    let mut asked = Asked::of(&viewer.uri);
    let endpoint = filter::endpoint(&mut asked, &viewer).await?;
    let (period, since) = filter::start(&mut asked, viewer.now());
    let since = since.max(period.map(|(_, start)| start)).unwrap_or(usual(viewer.now()));
    let include_sent = asked.text("include_sent").is_some();
    let is_good = asked.refusal().is_none();
    let found = match endpoint.filter(|_| is_good) {
        Some((endpoint, name)) => dry_run(&viewer, &Wanted { endpoint, since, include_sent }, name).await?,
        None => Value::from(()),
    };
    let context = context! {
        found, include_sent, endpoint_id => asked.text("endpoint_id"), period => period.map(|(name, _)| name),
        since => since.format("%Y-%m-%dT%H:%M").to_string(), exact => exact(since), ..choices(&viewer).await?
    };
    asked.page_for(&viewer, "log/recover.html", context)
}

async fn dry_run(viewer: &Viewer, wanted: &Wanted, name: String) -> Result<Value, Problem> {
    let Some(row) = endpoints::find_endpoint(&viewer.app.pool, viewer.tenant(), wanted.endpoint).await? else {
        return Err(Problem::new(
            ProblemKind::NotFound,
            "this endpoint was removed: nothing can be sent to it any more",
        ));
    };
    let (app, admin) = (State(viewer.app.clone()), Admin(viewer.caller.clone()));
    let (_, counted) = api::recover(app, admin, PathId(wanted.endpoint), wanted.request(true)).await?;
    Ok(context! { count => counted.0.count, name, enabled => row.enabled })
}

/// Sends again what was counted.
pub async fn send(change: Change) -> Result<Response, Problem> {
    let fields = &change.fields;
    let endpoint: EndpointId = fields.text("endpoint_id").parse().map_err(|_| ProblemKind::NotFound)?;
    let since = moment(fields.text("since")).map_err(|detail| Problem::invalid_field("/since", detail))?;
    let wanted = Wanted { endpoint, since, include_sent: fields.ticked("include_sent") };
    let page = format!("/panel/log?endpoint_id={endpoint}&since={}", exact(since));
    match api::recover(change.app(), change.admin(), PathId(endpoint), wanted.request(false)).await {
        Ok((_, counted)) => {
            let text = match counted.0.count {
                0 => "Nothing was there to be sent again.".to_owned(),
                1 => "1 delivery goes out again now.".to_owned(),
                count => format!("{count} deliveries go out again now, the oldest first."),
            };
            Ok(change.viewer.done(&page, text))
        }
        Err(problem) => change.viewer.not_done(&page, problem),
    }
}

/// To the minute, as the field has it.
fn usual(now: DateTime<Utc>) -> DateTime<Utc> {
    (now - USUAL).duration_trunc(TimeDelta::minutes(1)).unwrap_or(now)
}

fn exact(since: DateTime<Utc>) -> String {
    since.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}
